"""What becomes of attempts and tasks, decision by decision."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mains.jobs import rules
from mains.jobs.rules import FINAL, Attempt, Ending, JobState
from mains.wire.agent import AttemptReport, RunState, TaskReport

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def an_attempt(**changed: Any) -> Attempt:
    known: dict[str, Any] = {
        "attempt_id": uuid4(),
        "job_id": uuid4(),
        "organisation_id": uuid4(),
        "site_id": uuid4(),
        "fence": 1,
        "state": JobState.RUNNING,
        "first_task": 4,
        "last_task": 7,
        "retry": "wait",
        "losses": 0,
        "attempts_max": 3,
        "cancelled": False,
        "ended_at": None,
        "price_micros": 1,
        "unit_milliseconds": 0,
    }
    return Attempt(**known | changed)


def a_report(
    attempt: Attempt, state: RunState, tasks: Sequence[TaskReport] = (), reason: str = ""
) -> AttemptReport:
    return AttemptReport(
        attempt_id=attempt.attempt_id,
        fence=attempt.fence,
        state=state,
        tasks=list(tasks),
        reason=reason,
    )


def a_task(task: int, state: RunState = RunState.SUCCEEDED, **more: Any) -> TaskReport:
    return TaskReport(task=task, state=state, exit_code=0, unit_milliseconds=5, **more)


def states(ending: Ending) -> dict[int, str]:
    return {task.task: task.state.value for task in ending.done}


def test_an_attempt_is_told_to_end_a_grace_before_its_hold_does() -> None:
    assert rules.wall_seconds(tasks=3, time_seconds=50, grace_seconds=10) == 170
    assert rules.deadline(now=NOW, wall=170, grace=10, reporting_grace=60) == NOW + timedelta(
        seconds=240
    )


def test_a_site_is_told_of_an_attempt_while_its_run_would_still_end_before_the_deadline() -> None:
    assert rules.told_since(now=NOW, reporting_grace=3_600) == NOW - timedelta(minutes=45)


def test_a_success_keeps_the_results_and_charges_what_was_used() -> None:
    attempt = an_attempt()
    at = NOW - timedelta(seconds=3)
    tasks = [a_task(6), a_task(5), a_task(4, ended_at=at), a_task(7, RunState.FAILED)]
    ending = rules.end(attempt, a_report(attempt, RunState.SUCCEEDED, tasks), now=NOW)
    assert states(ending) == {4: "succeeded", 5: "succeeded", 6: "succeeded", 7: "failed"}
    assert [task.ended_at for task in ending.done] == [at, NOW, NOW, NOW]
    assert (ending.absorb, ending.again, ending.counts_as_loss) == (False, (), False)


def test_a_success_without_a_result_is_a_failure_of_that_task() -> None:
    attempt = an_attempt()
    tasks = [a_task(4), a_task(5), a_task(6, RunState.RUNNING)]
    ending = rules.end(attempt, a_report(attempt, RunState.SUCCEEDED, tasks), now=NOW)
    assert states(ending) == {4: "succeeded", 5: "succeeded", 6: "failed", 7: "failed"}
    assert ending.done[3].reason == "no result was reported"


def test_tasks_without_a_result_share_the_end_of_their_attempt() -> None:
    attempt = an_attempt()
    report = a_report(attempt, RunState.TIMED_OUT, [a_task(4)], reason="wall limit")
    ending = rules.end(attempt, report, now=NOW)
    assert states(ending) == {4: "succeeded", 5: "timed_out", 6: "timed_out", 7: "timed_out"}
    assert ending.done[3].reason == "wall limit"


def test_results_of_tasks_that_are_not_of_the_attempt_are_ignored() -> None:
    attempt = an_attempt()
    report = a_report(attempt, RunState.FAILED, [a_task(3), a_task(8)])
    assert states(rules.end(attempt, report, now=NOW)) == dict.fromkeys(range(4, 8), "failed")


def test_a_lost_run_is_absorbed_and_what_has_no_result_goes_again() -> None:
    attempt = an_attempt()
    report = a_report(attempt, RunState.LOST, [a_task(5), a_task(6, RunState.LOST)])
    ending = rules.end(attempt, report, now=NOW)
    assert (states(ending), ending.again) == ({5: "succeeded"}, ((4, 4), (6, 7)))
    assert ending.absorb
    assert ending.counts_as_loss


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        ({"retry": "never"}, "lost"),
        ({"losses": 2}, "lost"),
        ({"cancelled": True}, "cancelled"),
    ],
)
def test_a_lost_run_that_may_not_go_again_ends_its_tasks(
    changed: dict[str, Any], left: str
) -> None:
    ending = rules.loss(an_attempt(**changed), reason="", now=NOW)
    assert states(ending) == dict.fromkeys(range(4, 8), left)
    assert (ending.reason, ending.again) == ("the site lost the run", ())
    assert ending.absorb
    assert not ending.counts_as_loss


def test_a_task_that_was_cancelled_on_its_own_does_not_come_back_with_a_loss() -> None:
    ending = rules.loss(an_attempt(stopping=((5, 6),)), reason="fire", now=NOW)
    assert (states(ending), ending.again) == ({5: "cancelled", 6: "cancelled"}, ((4, 4), (7, 7)))


def test_an_untold_attempt_is_taken_back_without_counting_as_a_loss() -> None:
    ending = rules.recall(an_attempt())
    assert (ending.again, ending.done, ending.counts_as_loss) == (((4, 7),), (), False)


def test_an_untold_attempt_that_is_cancelled_ends_all_its_tasks() -> None:
    ending = rules.withdraw(an_attempt(), now=NOW)
    assert states(ending) == dict.fromkeys(range(4, 8), "cancelled")


@pytest.mark.parametrize(
    ("tasks", "succeeded", "cancelled", "last", "wanted", "expected"),
    [
        (1, 1, 0, "succeeded", False, "succeeded"),
        (1, 1, 0, "succeeded", True, "succeeded"),
        (4, 0, 4, "cancelled", False, "cancelled"),
        (4, 3, 1, "cancelled", True, "cancelled"),
        (4, 3, 1, "succeeded", False, "succeeded"),
        (4, 3, 0, "failed", False, "failed"),
        (4, 0, 0, "timed_out", False, "failed"),
        (1, 0, 0, "timed_out", False, "timed_out"),
        (1, 0, 0, "lost", False, "lost"),
        (1, 0, 0, "succeeded", False, "failed"),
        (1, 0, 0, "running", False, "failed"),
    ],
)
def test_a_job_ends_as_its_tasks_did(
    tasks: int, succeeded: int, cancelled: int, last: str, wanted: bool, expected: str
) -> None:
    state = rules.outcome(
        tasks=tasks,
        succeeded=succeeded,
        cancelled=cancelled,
        last=JobState(last),
        cancel_wanted=wanted,
    )
    assert state == expected


def test_ranges_are_written_as_postgres_reads_them() -> None:
    assert rules.multirange(((0, 0), (2, 4))) == "{[0,1),[2,5)}"


@given(st.sets(st.integers(0, 60)))
def test_ranges_are_read_as_they_are_written(tasks: set[int]) -> None:
    folded = rules.spans(tasks)
    assert rules.spans_of(rules.multirange(folded)) == folded


def test_use_is_what_was_metered_and_what_is_promised() -> None:
    a, b, c = uuid4(), uuid4(), uuid4()
    assert rules.used_lately({a: 1, b: 2}, {b: 3, c: 4}) == {a: 1, b: 5, c: 4}


@given(st.sets(st.integers(0, 60)))
def test_folded_ranges_hold_the_same_tasks_and_never_touch(tasks: set[int]) -> None:
    folded = rules.spans(tasks)
    assert {task for first, last in folded for task in range(first, last + 1)} == tasks
    assert all(a[1] + 1 < b[0] for a, b in pairwise(folded))


attempts = st.builds(
    lambda first, size, retry, losses, cancelled, stopping: an_attempt(
        first_task=first,
        last_task=first + size,
        retry=retry,
        losses=losses,
        cancelled=cancelled,
        stopping=rules.spans(stopping),
    ),
    st.integers(0, 3),
    st.integers(0, 4),
    st.sampled_from(["never", "wait", "elsewhere"]),
    st.integers(0, 3),
    st.booleans(),
    st.sets(st.integers(0, 8)),
)
told = st.lists(st.builds(a_task, st.integers(0, 8), st.sampled_from(RunState)), max_size=8)


@given(attempts, st.sampled_from([RunState(state) for state in FINAL]), told)
def test_whatever_a_site_reports_every_task_ends_or_waits_again_exactly_once(
    attempt: Attempt, state: RunState, tasks: list[TaskReport]
) -> None:
    ending = rules.end(attempt, a_report(attempt, state, tasks), now=NOW)
    again = [task for first, last in ending.again for task in range(first, last + 1)]
    ended = [task.task for task in ending.done]
    assert sorted(ended + again) == list(range(attempt.first_task, attempt.last_task + 1))
    assert all(task.state in FINAL for task in ending.done)
    assert not again or (ending.absorb and rules.may_go_again(attempt))
