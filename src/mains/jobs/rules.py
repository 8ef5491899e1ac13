"""What becomes of jobs, attempts and tasks: pure decisions, no I/O; `now` is an argument."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from uuid import UUID

from mains.wire.agent import FINAL_STATES, AttemptReport, RunState, TaskReport


class JobState(StrEnum):
    QUEUED = "queued"
    ASSIGNED = "assigned"
    STAGING = "staging"
    RUNNING = "running"
    FINISHING = "finishing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    LOST = "lost"


FINAL: Final = frozenset(JobState(state.value) for state in FINAL_STATES)

Spans = tuple[tuple[int, int], ...]
"""Task numbers as inclusive, ascending, non-adjacent ranges."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as the server knows it, with what its job allows."""

    attempt_id: UUID
    job_id: UUID
    organisation_id: UUID
    site_id: UUID
    fence: int
    state: JobState
    first_task: int
    last_task: int
    retry: str
    losses: int
    attempts_max: int
    cancelled: bool
    ended_at: datetime | None
    price_micros: int
    unit_milliseconds: int
    stopping: Spans = ()
    """Tasks of it that were cancelled one by one."""


@dataclass(frozen=True, slots=True)
class TaskEnd:
    task: int
    state: JobState
    exit_code: int | None
    unit_milliseconds: int
    reason: str
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ends: tasks that are done, tasks that wait again, and who bears the cost."""

    state: JobState
    reason: str
    done: tuple[TaskEnd, ...]
    again: Spans
    absorb: bool
    counts_as_loss: bool = False


def wall_seconds(*, tasks: int, time_seconds: int, grace_seconds: int) -> int:
    """Return when an attempt is told to end, so that with its grace it stays inside its hold."""
    return tasks * (time_seconds + grace_seconds) - grace_seconds


def deadline(*, now: datetime, wall: int, grace: int, reporting_grace: int) -> datetime:
    """Return when an attempt is given up at the latest, whatever its site says or doesn't."""
    return now + timedelta(seconds=wall + grace + reporting_grace)


def told_since(*, now: datetime, reporting_grace: int) -> datetime:
    """Return since when an attempt must have been assigned for its site to be told of it now.

    Its deadline counts from its assignment: told near the end of the reporting grace, it could
    still run when it has been given up and runs elsewhere. The last quarter is kept free for that.
    """
    return now - timedelta(seconds=reporting_grace * 3 // 4)


def end(attempt: Attempt, report: AttemptReport, *, now: datetime) -> Ending:
    """Decide the end of an attempt from its site's final report.

    A loss is the site's: what it used is absorbed and the tasks without a result go again, as far
    as the job's retry rule allows and nobody has cancelled them. Every other end charges what was
    used.
    """
    state = JobState(report.state.value)
    told = {task.task: task for task in report.tasks if _has_result(attempt, task)}
    done = [_task_end(task, now) for task in told.values()]
    missing = [
        task for task in range(attempt.first_task, attempt.last_task + 1) if task not in told
    ]
    if state is not JobState.LOST:
        done += [_missing_end(task, state, report.reason, now) for task in missing]
        return Ending(state, report.reason, _ordered(done), (), absorb=False)
    reason = report.reason or "the site lost the run"
    again = [task for task in missing if may_go_again(attempt) and not _is_cancelled(attempt, task)]
    for task in sorted({*missing} - {*again}):
        left = JobState.CANCELLED if _is_cancelled(attempt, task) else JobState.LOST
        done.append(TaskEnd(task, left, None, 0, reason, ended_at=now))
    return Ending(
        state, reason, _ordered(done), spans(again), absorb=True, counts_as_loss=bool(again)
    )


def loss(attempt: Attempt, *, reason: str, now: datetime) -> Ending:
    """Decide the end of an attempt whose site is given up: nothing more will be reported."""
    report = AttemptReport(
        attempt_id=attempt.attempt_id, fence=attempt.fence, state=RunState.LOST, reason=reason
    )
    return end(attempt, report, now=now)


def recall(attempt: Attempt) -> Ending:
    """Take back an attempt that no site was ever offered: nothing ran, nothing is lost."""
    again = ((attempt.first_task, attempt.last_task),)
    return Ending(JobState.LOST, "taken back before its site was told", (), again, absorb=True)


def withdraw(attempt: Attempt, *, now: datetime) -> Ending:
    """Cancel an attempt that no site was ever offered."""
    done = tuple(
        TaskEnd(task, JobState.CANCELLED, None, 0, "cancelled before it started", ended_at=now)
        for task in range(attempt.first_task, attempt.last_task + 1)
    )
    return Ending(JobState.CANCELLED, "cancelled before it started", done, (), absorb=False)


def may_go_again(attempt: Attempt) -> bool:
    """Return whether lost tasks wait for another attempt."""
    if attempt.cancelled or attempt.retry == "never":
        return False
    return attempt.losses + 1 < attempt.attempts_max


def outcome(
    *, tasks: int, succeeded: int, cancelled: int, last: JobState, cancel_wanted: bool
) -> JobState:
    """Return the final state of a job whose tasks have all ended; last: the last attempt's.

    Tasks of an array that were cancelled one by one don't make the others' work a failure.
    """
    if cancelled == tasks or (cancel_wanted and cancelled):
        return JobState.CANCELLED
    if succeeded + cancelled == tasks:
        return JobState.SUCCEEDED
    if tasks == 1 and last in FINAL and last is not JobState.SUCCEEDED:
        return last
    return JobState.FAILED


def spans(tasks: Iterable[int]) -> Spans:
    """Fold task numbers into ranges."""
    folded: list[tuple[int, int]] = []
    for task in sorted(set(tasks)):
        if folded and folded[-1][1] == task - 1:
            folded[-1] = (folded[-1][0], task)
        else:
            folded.append((task, task))
    return tuple(folded)


def multirange(ranges: Spans) -> str:
    """Write ranges as a Postgres int4multirange."""
    return "{" + ",".join(f"[{first},{last + 1})" for first, last in ranges) + "}"


@lru_cache(maxsize=4_096)
def spans_of(multirange: str) -> Spans:
    """Read a Postgres int4multirange, such as {[0,3),[5,6)}; most jobs wait for {[0,1)}."""
    if multirange == "{}":
        return ()
    pairs = [part.strip("{[)}").split(",") for part in multirange.split("),[")]
    return tuple((int(first), int(end) - 1) for first, end in pairs)


def used_lately(hours: Mapping[UUID, int], committed: Mapping[UUID, int]) -> dict[UUID, int]:
    """Return what each organisation's turn is measured by: metered lately plus now committed."""
    return {
        organisation: hours.get(organisation, 0) + committed.get(organisation, 0)
        for organisation in {*hours, *committed}
    }


def _has_result(attempt: Attempt, report: TaskReport) -> bool:
    """Return whether a report ends a task of this attempt; a lost task has no result."""
    inside = attempt.first_task <= report.task <= attempt.last_task
    return inside and report.state.final and report.state is not RunState.LOST


def _is_cancelled(attempt: Attempt, task: int) -> bool:
    return attempt.cancelled or any(first <= task <= last for first, last in attempt.stopping)


def _task_end(report: TaskReport, now: datetime) -> TaskEnd:
    return TaskEnd(
        task=report.task,
        state=JobState(report.state.value),
        exit_code=report.exit_code,
        unit_milliseconds=report.unit_milliseconds,
        reason=report.reason,
        started_at=report.started_at,
        ended_at=report.ended_at or now,
    )


def _missing_end(task: int, state: JobState, reason: str, now: datetime) -> TaskEnd:
    """A task without a result shares its attempt's end; success needs a result of its own."""
    if state is JobState.SUCCEEDED:
        return TaskEnd(task, JobState.FAILED, None, 0, "no result was reported", ended_at=now)
    return TaskEnd(task, state, None, 0, reason, ended_at=now)


def _ordered(ends: Sequence[TaskEnd]) -> tuple[TaskEnd, ...]:
    return tuple(sorted(ends, key=lambda task: task.task))
