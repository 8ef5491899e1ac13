"""What an agent says, when it says it, and how long it waits; pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from mains.engines.base import Observation
from mains.wire.agent import (
    ArtefactReport,
    AttemptReport,
    RunState,
    SyncAnswer,
    TaskReport,
    UsageLine,
)

PAUSE_SECONDS_MIN: Final = 0.2
PAUSE_SECONDS_MAX: Final = 5.0
USAGE_SECONDS: Final = 2.0
"""A running attempt's meter is sent at least this often."""
TASKS_SECONDS: Final = 0.5
"""Tasks that end one after another are told together this often, for each report lists all."""
COMPLETE_SECONDS: Final = 1.0
"""A full list of what the site has is sent at most this often."""
START_SECONDS_MAX: Final = 8.0
"""A leased run begins within this time of the question whose answer ordered it, or not at all.

The engine counts its first lease from its beginning, the server from the answer: what begins later
than the server's grace (10 s) could still run when it has been given up and runs elsewhere.
"""
START_SECONDS_MAX_UNLEASED: Final = 600.0
"""As above for all other runs, which the server gives up an hour behind their time limit only."""
LOOK_SECONDS_MIN: Final = 0.05
LOOK_SECONDS_MAX: Final = 0.5
REASON_LENGTH_MAX: Final = 500
_LOOK_SHARE: Final = 10
_PAUSE_DOUBLINGS_MAX: Final = 8


def pause_seconds(failures: int, *, fraction: float) -> float:
    """Return how long to wait after so many failures in a row; fraction is random in [0, 1).

    The bound doubles from 0.4 to 5 seconds, and the pause is anywhere in its upper half, so that
    the agents of a city do not come back in step.
    """
    doublings = min(max(failures - 1, 0), _PAUSE_DOUBLINGS_MAX)
    bound = min(PAUSE_SECONDS_MAX, 2 * PAUSE_SECONDS_MIN * (1 << doublings))
    return bound / 2 + fraction * bound / 2


def look_seconds(took_seconds: float) -> float:
    """Return the pause between two looks at the engine: a tenth of the time goes to looking."""
    return min(LOOK_SECONDS_MAX, max(LOOK_SECONDS_MIN, _LOOK_SHARE * took_seconds))


def poll_seconds(*, lease_seconds: int, sync_wait_seconds: int) -> int:
    """Return how long a poll may stay open: short enough to renew the lease twice over."""
    return min(sync_wait_seconds, max(1, lease_seconds // 3))


def lease_left_seconds(answer: SyncAnswer, *, waited_seconds: float) -> int:
    """Return for how long leased runs may go on, by the server's clock alone.

    The server may have counted from the beginning of the poll, so the wait is taken off.
    """
    left = (answer.lease_until - answer.server_time).total_seconds()
    return max(0, int(left - waited_seconds))


def underway(observed: AttemptReport) -> AttemptReport:
    """Return what is said of a run until its outputs and logs have arrived at the server."""
    if not observed.state.final:
        return observed
    return observed.model_copy(update={"state": RunState.FINISHING, "reason": ""})


def ended(
    observation: Observation, *, artefacts: Sequence[ArtefactReport], troubles: Sequence[str]
) -> AttemptReport:
    """Return the last word on a run; troubles are outputs or logs that did not arrive."""
    report = observation.report
    reason = "; ".join(part for part in (report.reason, *troubles) if part)
    return report.model_copy(
        update={"artefacts": list(artefacts), "reason": reason[:REASON_LENGTH_MAX]}
    )


def never_started(
    attempt_id: UUID,
    *,
    fence: int,
    tasks: Iterable[int],
    state: RunState,
    reason: str,
    now: datetime,
) -> Observation:
    """Return the last word on an attempt that the engine never had: nothing ran, nothing costs."""
    reason = reason[:REASON_LENGTH_MAX]
    report = AttemptReport(
        attempt_id=attempt_id,
        fence=fence,
        state=state,
        tasks=[TaskReport(task=task, state=state, reason=reason) for task in tasks],
        reason=reason,
    )
    usage = UsageLine(
        attempt_id=attempt_id,
        fence=fence,
        sequence=1,
        unit_milliseconds=0,
        measured_at=now,
        final=True,
    )
    return Observation(report, usage)


def running_task(report: AttemptReport, *, first_task: int, last_task: int) -> int | None:
    """Return the task that runs now: they run one after another; None when all have ended."""
    done = {task.task for task in report.tasks}
    return next((task for task in range(first_task, last_task + 1) if task not in done), None)
