"""Answers are kept for a moment, and never more of them than a bound."""

from datetime import timedelta

import pytest

from mains.clock import ManualClock
from mains.console.kept import KEPT_FOR, KEPT_MAX, Kept

pytestmark = pytest.mark.anyio


async def test_an_answer_is_made_again_only_after_its_moment(clock: ManualClock) -> None:
    made: list[int] = []

    async def make() -> int:
        made.append(len(made))
        return made[-1]

    kept = Kept()
    assert await kept.get("totals", make, now=clock.now()) == 0
    clock.advance(KEPT_FOR - timedelta(seconds=1))
    assert await kept.get("totals", make, now=clock.now()) == 0
    clock.advance(timedelta(seconds=1))
    assert await kept.get("totals", make, now=clock.now()) == 1
    for number in range(KEPT_MAX):
        await kept.get(number, make, now=clock.now())
    assert await kept.get("totals", make, now=clock.now()) == len(made) - 1
