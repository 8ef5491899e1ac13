"""An engine without machines: deterministic, in memory, driven by its clock; thousands a second.

The order's environment is the script of each of its tasks: FAKE_SECONDS (default 0), FAKE_EXIT
(default 0), FAKE_LOG, FAKE_OUTPUT (the text of `output.txt`) and FAKE_UNIT_MILLISECONDS (a task's
priced use, where it shall differ from its seconds). It obeys a stop at once.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from mains.clock import Clock
from mains.engines.base import Observation, OutputFile
from mains.engines.rules import STATE_BY_STOP_REASON, attempt_state, output_is_wanted
from mains.errors import EngineRefused, NotFound
from mains.wire.agent import (
    AttemptReport,
    PoolOrder,
    PoolReport,
    RunState,
    StartOrder,
    StopOrder,
    TaskReport,
    UsageLine,
)

FORGOTTEN_MAX: Final = 100_000
OUTPUT_NAME: Final = "output.txt"


@dataclass(frozen=True, slots=True)
class _Ending:
    """When and how the whole attempt is ended from outside."""

    at: datetime
    state: RunState
    reason: str


@dataclass(slots=True)
class _Run:
    order: StartOrder
    started_at: datetime
    seconds: float
    exit_code: int
    lease_until: datetime | None
    carried: UsageLine | None
    stopped: _Ending | None = None
    cancelled_tasks: dict[int, datetime] = field(default_factory=dict)
    seen: Observation | None = None


class FakeEngine:
    """`lease_seconds` is how long a leased run lives before its first renewal."""

    def __init__(self, clock: Clock, *, lease_seconds: int = 60) -> None:
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._pools: tuple[PoolOrder, ...] = ()
        self._runs: dict[UUID, _Run] = {}
        self._forgotten: dict[UUID, int] = {}

    async def configure(self, pools: Sequence[PoolOrder]) -> None:
        self._pools = tuple(pools)

    async def pools(self) -> Sequence[PoolReport]:
        return [
            PoolReport(
                pool_id=pool.pool_id,
                units=pool.units,
                cpus=pool.cpus,
                memory_bytes=pool.memory_bytes,
                isolation="fake",
                memory_limit="none",
            )
            for pool in self._pools
        ]

    async def start(self, order: StartOrder, *, bundle: Path | None = None) -> None:
        known = self._runs.get(order.attempt_id)
        if self._forgotten.get(order.attempt_id, 0) >= order.fence:
            raise EngineRefused(f"attempt {order.attempt_id} has run here and is forgotten")
        if known is not None and order.fence < known.order.fence:
            raise EngineRefused(
                f"fence {order.fence} is older than {known.order.fence}, which runs here"
            )
        if known is not None and order.fence == known.order.fence:
            return
        now = self._clock.now()
        self._runs[order.attempt_id] = _Run(
            order=order,
            started_at=now,
            seconds=float(order.envs.get("FAKE_SECONDS", 0)),
            exit_code=int(order.envs.get("FAKE_EXIT", 0)),
            lease_until=now + timedelta(seconds=self._lease_seconds) if order.leased else None,
            carried=None if known is None else self._look(known, now).usage,
        )

    async def stop(self, order: StopOrder) -> None:
        run = self._runs.get(order.attempt_id)
        if run is None or order.fence < run.order.fence:
            return
        now = self._clock.now()
        if order.tasks is not None:
            for task in order.tasks:
                run.cancelled_tasks.setdefault(task, now)
        elif run.stopped is None:
            state = RunState(STATE_BY_STOP_REASON[order.reason])
            run.stopped = _Ending(now, state, f"stopped: {order.reason}")

    async def observe(self) -> Sequence[Observation]:
        now = self._clock.now()
        return [self._look(run, now) for run in self._runs.values()]

    async def renew(self, attempt_id: UUID, *, seconds: int) -> None:
        run = self._runs.get(attempt_id)
        if run is None or run.lease_until is None:
            return
        now = self._clock.now()
        if now < run.lease_until:
            run.lease_until = max(run.lease_until, now + timedelta(seconds=seconds))

    async def log(self, attempt_id: UUID, *, task: int, offset: int, bytes_max: int) -> bytes:
        run = self._runs.get(attempt_id)
        if run is None:
            return b""
        text = run.order.envs.get("FAKE_LOG", "").encode()[: run.order.log_bytes_max]
        if not text:
            return b""
        begun = any(
            report.task == task and report.started_at is not None
            for report in _timeline(run, self._clock.now())[0]
        )
        return text[offset : offset + bytes_max] if begun else b""

    async def outputs(self, attempt_id: UUID) -> Sequence[OutputFile]:
        run = self._runs.get(attempt_id)
        if run is None or "FAKE_OUTPUT" not in run.order.envs:
            return []
        size_bytes = len(run.order.envs["FAKE_OUTPUT"].encode())
        if not output_is_wanted(OUTPUT_NAME, patterns=run.order.outputs):
            return []
        room = run.order.output_bytes_max // max(size_bytes, 1)
        ended = [
            report.task
            for report in self._look(run, self._clock.now()).report.tasks
            if report.started_at is not None
        ]
        return [
            OutputFile(task=task, path=OUTPUT_NAME, size_bytes=size_bytes) for task in ended[:room]
        ]

    async def open_output(self, attempt_id: UUID, output: OutputFile) -> AsyncIterator[bytes]:
        if output not in await self.outputs(attempt_id):
            raise NotFound(f"task {output.task} left no output {output.path!r}")
        yield self._runs[attempt_id].order.envs["FAKE_OUTPUT"].encode()

    async def forget(self, attempt_id: UUID) -> None:
        run = self._runs.get(attempt_id)
        if run is None or not self._look(run, self._clock.now()).report.state.final:
            return
        del self._runs[attempt_id]
        self._forgotten[attempt_id] = run.order.fence
        while len(self._forgotten) > FORGOTTEN_MAX:
            del self._forgotten[next(iter(self._forgotten))]

    def _look(self, run: _Run, now: datetime) -> Observation:
        """Return the attempt at `now`; once it has ended, always the very same observation."""
        seen = run.seen
        if seen is not None and seen.usage.final:
            return seen
        tasks, ended, running_since = _timeline(run, now)
        report = AttemptReport(
            attempt_id=run.order.attempt_id,
            fence=run.order.fence,
            state=RunState.RUNNING if ended is None else ended.state,
            tasks=[task for task in tasks if task.state.final],
            reason="" if ended is None else ended.reason,
        )
        measured_at = now if ended is None else ended.at
        run.seen = Observation(report, _usage(run, tasks, running_since, measured_at, report.state))
        return run.seen


def _timeline(run: _Run, now: datetime) -> tuple[list[TaskReport], _Ending | None, datetime | None]:
    """Play the attempt up to `now`: its begun and ended tasks, its end, since when one runs."""
    order, cursor = run.order, run.started_at
    halt = _first_ending(run)
    tasks: list[TaskReport] = []
    for task in range(order.first_task, order.last_task + 1):
        if halt.at <= min(cursor, now):
            tasks.append(TaskReport(task=task, state=halt.state, reason=halt.reason))
            continue
        ending, exit_code = _task_ending(run, task, cursor)
        if halt.at < ending.at:
            ending, exit_code = halt, None
        if ending.at > now:
            running = TaskReport(task=task, state=RunState.RUNNING, started_at=cursor)
            return [*tasks, running], None, cursor
        skipped = run.cancelled_tasks.get(task, cursor) < cursor
        spent = run.order.envs.get("FAKE_UNIT_MILLISECONDS")
        used = order.units * _milliseconds(ending.at - cursor) if spent is None else int(spent)
        tasks.append(
            TaskReport(
                task=task,
                state=ending.state,
                exit_code=exit_code,
                unit_milliseconds=0 if skipped else used,
                started_at=None if skipped else cursor,
                ended_at=None if skipped else ending.at,
                reason=ending.reason,
            )
        )
        cursor = ending.at
    if halt.at <= cursor and any(task.state is halt.state for task in tasks):
        return tasks, _Ending(cursor, halt.state, halt.reason), None
    state = RunState(attempt_state([task.state for task in tasks]))
    reason = next((task.reason for task in tasks if task.state is state and task.reason), "")
    return tasks, _Ending(cursor, state, reason), None


def _task_ending(run: _Run, task: int, begun: datetime) -> tuple[_Ending, int | None]:
    """Return how a task that begins now ends when nothing ends the whole attempt before."""
    own = begun + timedelta(seconds=run.seconds)
    limit = begun + timedelta(seconds=run.order.task_seconds_max)
    cancelled = run.cancelled_tasks.get(task)
    if cancelled is not None and cancelled < min(own, limit):
        at = max(cancelled, begun)
        return _Ending(at, RunState.CANCELLED, "stopped: cancelled"), None
    if limit < own:
        return _Ending(limit, RunState.TIMED_OUT, "the task's time limit was reached"), None
    if run.exit_code:
        return _Ending(own, RunState.FAILED, f"exit code {run.exit_code}"), run.exit_code
    return _Ending(own, RunState.SUCCEEDED, ""), 0


def _first_ending(run: _Run) -> _Ending:
    """Return what ends the whole attempt first: its limit, its lease or a stop."""
    wall = run.started_at + timedelta(seconds=run.order.wall_seconds_max)
    endings = [_Ending(wall, RunState.TIMED_OUT, "the attempt's time limit was reached")]
    if run.lease_until is not None:
        endings.append(_Ending(run.lease_until, RunState.LOST, "the lease was not renewed"))
    if run.stopped is not None:
        endings.append(run.stopped)
    return min(endings, key=lambda ending: ending.at)


def _usage(
    run: _Run,
    tasks: Sequence[TaskReport],
    running_since: datetime | None,
    measured_at: datetime,
    state: RunState,
) -> UsageLine:
    """Return the attempt's meter; the sequence grows only when the reading is a new one."""
    before = run.seen.usage if run.seen is not None else run.carried
    used = sum(task.unit_milliseconds for task in tasks)
    if running_since is not None and "FAKE_UNIT_MILLISECONDS" not in run.order.envs:
        used += run.order.units * _milliseconds(measured_at - running_since)
    if run.carried is not None:
        used += run.carried.unit_milliseconds
    if run.seen is not None and not state.final and run.seen.usage.unit_milliseconds == used:
        return run.seen.usage
    return UsageLine(
        attempt_id=run.order.attempt_id,
        fence=run.order.fence,
        sequence=1 if before is None else before.sequence + 1,
        unit_milliseconds=used,
        cpu_milliseconds=used,
        measured_at=measured_at,
        final=state.final,
    )


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
