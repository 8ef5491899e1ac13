"""One attempt as the agent sees it: what the engine says, what the server was told."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from mains.agent import rules
from mains.agent.journal import Ordered
from mains.engines.base import Observation
from mains.wire.agent import AttemptReport, RunState, UsageLine


class Phase(StrEnum):
    """pending: not at the engine yet. unknown: the engine did not answer the start."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    STARTED = "started"
    ENDED = "ended"


@dataclass(slots=True)
class Told:
    """What the server has acknowledged of a run."""

    state: RunState | None = None
    tasks: int = 0
    report_at: float = 0.0
    sequence: int = 0
    usage_at: float = 0.0
    final: bool = False


@dataclass(slots=True)
class LogShipping:
    """How far each task's log has been shipped; tasks are shipped one after another."""

    task: int
    offset: int = 0
    refusals: int = 0
    trouble: str = ""
    drained: asyncio.Event | None = None

    def move_to(self, task: int, offset: int) -> None:
        self.task, self.offset = task, offset


@dataclass(slots=True, eq=False)
class Run:
    """`last_word` is set once nothing more will come of it, outputs and logs included.

    start_until is when its order is too old to be begun, in the loop's seconds; None is never.
    """

    attempt_id: UUID
    fence: int
    first_task: int
    last_task: int
    leased: bool
    phase: Phase
    logs: LogShipping
    looked_at: int = 0
    renewed_at: float = 0.0
    start_until: float | None = None
    observation: Observation | None = None
    settling: bool = False
    last_word: Observation | None = None
    told: Told = field(default_factory=Told)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def ordered(cls, order: Ordered, *, phase: Phase) -> "Run":
        return cls(
            attempt_id=order.attempt_id,
            fence=order.fence,
            first_task=order.first_task,
            last_task=order.last_task,
            leased=order.leased,
            phase=phase,
            logs=LogShipping(order.first_task),
        )

    @classmethod
    def found(cls, observation: Observation) -> "Run":
        """Return a run that the engine has and the journal does not: only its reports are known."""
        report = observation.report
        tasks = [task.task for task in report.tasks] or [0]
        ordered = Ordered(report.attempt_id, report.fence, min(tasks), max(tasks), leased=False)
        return cls.ordered(ordered, phase=Phase.STARTED)

    @property
    def tasks(self) -> range:
        return range(self.first_task, self.last_task + 1)

    @property
    def alive(self) -> bool:
        """Say whether the engine runs it, as far as it last told."""
        observed = self.observation
        return observed is not None and not observed.report.state.final

    def ordered_again(self, *, asked_at: float) -> None:
        """Note that the server wants it begun, as its answer to a question of then says."""
        seconds = rules.START_SECONDS_MAX if self.leased else rules.START_SECONDS_MAX_UNLEASED
        self.start_until = asked_at + seconds

    def report(self) -> AttemptReport | None:
        """Return what to say of it now; None before the engine has it."""
        if self.last_word is not None:
            return self.last_word.report
        return None if self.observation is None else rules.underway(self.observation.report)

    def news(self, report: AttemptReport, *, at: float) -> bool:
        """Say whether the server must hear this now; ended tasks alone are told in batches."""
        if self.last_word is not None:
            return not self.told.final
        if report.state != self.told.state:
            return True
        waited = at - self.told.report_at >= rules.TASKS_SECONDS
        return waited and len(report.tasks) != self.told.tasks

    def usage(self, *, at: float, news: bool) -> UsageLine | None:
        """Return the reading that is due: with every news, every few seconds, and at the end.

        The final reading goes with the last word alone, since it closes the charge.
        """
        if self.last_word is not None:
            return self.last_word.usage
        if self.observation is None or self.observation.usage.final:
            return None
        usage = self.observation.usage
        due = news or at - self.told.usage_at >= rules.USAGE_SECONDS
        return usage if due and usage.sequence > self.told.sequence else None

    def acknowledge(
        self, report: AttemptReport | None, usage: UsageLine | None, *, at: float
    ) -> None:
        """Note that the server has these."""
        if report is not None:
            self.told.state, self.told.tasks = report.state, len(report.tasks)
            self.told.report_at = at
            self.told.final = self.told.final or report.state.final
        if usage is not None:
            self.told.sequence, self.told.usage_at = usage.sequence, at
