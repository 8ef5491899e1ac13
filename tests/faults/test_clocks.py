"""Clocks that jump: nothing ends early, counts twice or in another period; a wrong end is found."""

from typing import Any

import pytest
from faults.campaign import Broken, chance
from faults.clocks import a_life
from faults.stores import Store

from mains.errors import MainsError, QuoteExpired
from mains.jobs import submission

pytestmark = pytest.mark.anyio

SEED = 4


@pytest.fixture
def store(app_url: str, owner_url: str) -> Store:
    return Store(app_url, owner_url)


async def test_a_city_lives_through_the_end_of_summer_time(store: Store) -> None:
    scene = "summer time ends in Berlin"
    counts = await a_life(store, scene, chance(SEED, scene), jumps=3)
    assert counts["jumps"] == 3
    assert counts["promises"] == 9 and counts["jobs"]


async def test_a_quote_that_outlives_its_time_is_found(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = submission._quote_problem

    def forgiving(*given: Any, **named: Any) -> MainsError | None:
        problem = honest(*given, **named)
        return None if isinstance(problem, QuoteExpired) else problem

    monkeypatch.setattr(submission, "_quote_problem", forgiving)
    scene = "a month ends in Shanghai"
    with pytest.raises(Broken, match="a quote was taken and is over"):
        await a_life(store, scene, chance(SEED, scene), jumps=8)
