"""What every engine decides alike."""

import pytest

from mains.engines.rules import attempt_state, output_is_wanted


@pytest.mark.parametrize(
    ("tasks", "state"),
    [
        ([], "succeeded"),
        (["succeeded", "succeeded"], "succeeded"),
        (["succeeded", "cancelled"], "succeeded"),
        (["cancelled", "cancelled"], "cancelled"),
        (["succeeded", "timed_out"], "timed_out"),
        (["timed_out", "failed", "cancelled"], "failed"),
        (["failed", "lost"], "lost"),
    ],
)
def test_an_attempt_is_as_bad_as_its_worst_task_but_for_cancelled_ones(
    tasks: list[str], state: str
) -> None:
    assert attempt_state(tasks) == state


@pytest.mark.parametrize(
    ("path", "pattern", "wanted"),
    [
        ("a.txt", "**", True),
        ("deep/er/a.txt", "**", True),
        ("a.txt", "*.txt", True),
        ("deep/a.txt", "*.txt", False),
        ("deep/a.txt", "**/*.txt", True),
        ("a.txt", "**/*.txt", True),
        ("deep/er/a.txt", "deep/", True),
        ("other/a.txt", "deep/", False),
        ("a1.txt", "./a?.txt", True),
        ("a/.txt", "a?.txt", False),
        ("a+b.txt", "a+b.txt", True),
        ("aab.txt", "a+b.txt", False),
    ],
)
def test_patterns_choose_outputs(path: str, pattern: str, wanted: bool) -> None:
    assert output_is_wanted(path, patterns=["nothing", pattern]) is wanted


def test_no_pattern_wants_nothing() -> None:
    assert not output_is_wanted("a.txt", patterns=[])
