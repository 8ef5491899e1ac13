"""What an agent says and how long it waits, as pure rules."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mains.agent import rules
from mains.engines.base import Observation
from mains.wire.agent import (
    AttemptReport,
    RunState,
    SyncAnswer,
    TaskReport,
    UsageLine,
)

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ATTEMPT = UUID(int=1)
fractions = st.floats(min_value=0, max_value=1, exclude_max=True)
seconds = st.floats(min_value=0, max_value=1e6)


def a_report(state: RunState, *done: int, reason: str = "") -> AttemptReport:
    tasks = [TaskReport(task=task, state=RunState.SUCCEEDED) for task in done]
    return AttemptReport(attempt_id=ATTEMPT, fence=1, state=state, tasks=tasks, reason=reason)


def an_answer(lease: timedelta) -> SyncAnswer:
    return SyncAnswer(protocol=1, server_time=NOW, lease_until=NOW + lease)


@given(st.integers(min_value=0, max_value=10**9), fractions)
def test_a_pause_is_never_shorter_than_a_fifth_nor_longer_than_five_seconds(
    failures: int, fraction: float
) -> None:
    pause = rules.pause_seconds(failures, fraction=fraction)

    assert rules.PAUSE_SECONDS_MIN <= pause <= rules.PAUSE_SECONDS_MAX


@given(st.integers(min_value=1, max_value=100), fractions)
def test_pauses_grow_with_every_failure_until_their_bound(failures: int, fraction: float) -> None:
    shorter = rules.pause_seconds(failures, fraction=fraction)

    assert rules.pause_seconds(failures + 1, fraction=fraction) >= shorter


@given(seconds)
def test_looking_takes_a_tenth_of_the_time_within_its_bounds(took: float) -> None:
    pause = rules.look_seconds(took)

    assert rules.LOOK_SECONDS_MIN <= pause <= rules.LOOK_SECONDS_MAX
    assert pause >= min(10 * took, rules.LOOK_SECONDS_MAX)


@given(st.integers(min_value=1, max_value=3_600), st.integers(min_value=0, max_value=3_600))
def test_a_poll_leaves_time_to_renew_the_lease_twice(lease: int, wait: int) -> None:
    poll = rules.poll_seconds(lease_seconds=lease, sync_wait_seconds=wait)

    assert poll <= wait
    assert poll * 3 <= max(lease, 3)


@given(st.timedeltas(timedelta(seconds=-60), timedelta(hours=1)), seconds)
def test_a_lease_is_never_counted_longer_than_the_server_counts_it(
    lease: timedelta, waited: float
) -> None:
    left = rules.lease_left_seconds(an_answer(lease), waited_seconds=waited)

    assert 0 <= left <= max(0.0, lease.total_seconds() - waited)


@pytest.mark.parametrize("state", list(RunState))
def test_no_end_is_told_before_outputs_and_logs_have_arrived(state: RunState) -> None:
    told = rules.underway(a_report(state, 0, reason="x"))

    assert not told.state.final
    assert len(told.tasks) == 1
    if not state.final:
        assert told.state is state


def test_the_last_word_names_what_did_not_arrive_within_bounds() -> None:
    usage = UsageLine(
        attempt_id=ATTEMPT, fence=1, sequence=1, unit_milliseconds=0, measured_at=NOW, final=True
    )
    observation = Observation(a_report(RunState.FAILED, 0, reason="exit code 1"), usage)

    plain = rules.ended(observation, artefacts=[], troubles=[])
    troubled = rules.ended(observation, artefacts=[], troubles=["no log", "x" * 600])

    assert plain.reason == "exit code 1"
    assert troubled.reason.startswith("exit code 1; no log; xxx")
    assert len(troubled.reason) == rules.REASON_LENGTH_MAX


def test_an_attempt_that_never_started_costs_nothing_and_ends_all_its_tasks() -> None:
    said = rules.never_started(
        ATTEMPT, fence=2, tasks=range(3, 5), state=RunState.FAILED, reason="y" * 600, now=NOW
    )

    assert [(task.task, task.state) for task in said.report.tasks] == [
        (3, RunState.FAILED),
        (4, RunState.FAILED),
    ]
    assert (said.usage.unit_milliseconds, said.usage.final, said.usage.fence) == (0, True, 2)
    assert len(said.report.reason) == rules.REASON_LENGTH_MAX


@given(st.sets(st.integers(min_value=0, max_value=9)))
def test_the_running_task_is_the_first_that_has_not_ended(done: set[int]) -> None:
    running = rules.running_task(a_report(RunState.RUNNING, *done), first_task=0, last_task=9)

    assert running == min(set(range(10)) - done, default=None)
