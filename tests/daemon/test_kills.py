"""Kill -9 of everything, at random moments of a live flow: nothing lost, nothing done twice."""

import secrets
from pathlib import Path

import pytest

from mains.ids import new_id
from mains.wire.jobs import AttemptView, JobDetail, TaskView
from tests.daemon.killing import check_marks, rampage

KILLS = {
    "api": 5,
    "dispatcher": 7,
    "agent": 7,
    "supervisor": 7,
    "postgres": 3,
    "backends": 1,
    "up": 2,
}


def test_nothing_is_lost_or_done_twice_however_often_anything_is_killed() -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    killed, _ = rampage(KILLS, seed=seed)
    assert sum(killed.values()) >= 30, killed


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("begin {job} {one} 0 2.5", "began 2 times"),
        ("begin {job} {two} 0 1.5\nend {job} {two} 0 3", "two of task 0"),
    ],
)
def test_the_marks_tell_of_a_second_start_and_of_two_attempts_at_once(
    tmp_path: Path, second: str, said: str
) -> None:
    job, one, two = new_id(), new_id(), new_id()
    marks = tmp_path / "marks"
    lines = ["begin {job} {one} 0 1", "end {job} {one} 0 2", second]
    attempts = [
        AttemptView.model_construct(id=attempt, fence=fence, first_task=0, last_task=0)
        for fence, attempt in enumerate((one, two), 1)
    ]
    known = JobDetail.model_construct(
        id=job,
        name="marked",
        attempts=attempts,
        task_list=[TaskView.model_construct(task=0, state="succeeded")],
    )
    marks.write_text("\n".join(lines[:2]).format(job=job, one=one), "ascii")
    check_marks(marks, [known])
    marks.write_text("\n".join(lines).format(job=job, one=one, two=two), "ascii")
    with pytest.raises(AssertionError, match=said):
        check_marks(marks, [known])
