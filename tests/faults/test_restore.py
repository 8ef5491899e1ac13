"""A restore to a moment is the history up to then, and a planted difference is found."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from faults.campaign import Broken, chance
from faults.history import Told
from faults.restore import Past, a_past, an_origin, check_content, check_span, judge, restored

OPERATIONS = 400
SEED = 4


@dataclass(frozen=True, slots=True)
class Restored:
    """A history, the moment that was asked for, and what is there."""

    past: Past
    until: datetime
    drawn: set[int]
    stored: Mapping[str, Mapping[Any, Any]]
    found_by_row: str


@pytest.fixture(scope="module")
def told() -> Iterator[Restored]:
    dice = chance(SEED, "restore")
    with an_origin() as origin:
        past = asyncio.run(a_past(origin, dice, name="base", operations=OPERATIONS))
        until = past.any_moment(dice)
        with restored(origin, past, until) as store:
            assert judge(past, until, store) > 0
            drawn, stored = store.drawn(), store.stored(past.limited)
            with psycopg.connect(store.owner_url) as connection:
                connection.execute("UPDATE ledger.account SET debits = debits - 1 WHERE debits > 0")
            with pytest.raises(Broken) as found:
                check_content(past, drawn, store.stored(past.limited))
        yield Restored(past, until, drawn, stored, str(found.value))


def test_it_has_a_part_of_the_history(told: Restored) -> None:
    done = {call.witness for call in told.past.calls if call.told is Told.DONE}
    assert told.drawn
    assert told.drawn < done


def test_a_row_that_differs_is_found(told: Restored) -> None:
    assert "rooms" in told.found_by_row


def test_a_moment_that_was_not_reached_is_found(told: Restored) -> None:
    with pytest.raises(Broken, match="is not there"):
        check_span(told.past, datetime.now(UTC), told.drawn)


def test_a_moment_that_was_passed_is_found(told: Restored) -> None:
    early = told.past.moments[0] - timedelta(seconds=1)
    with pytest.raises(Broken, match="and is there"):
        check_span(told.past, early, told.drawn)


def test_a_transaction_that_is_missing_in_the_midst_is_found(told: Restored) -> None:
    kept = [call for call in told.past.calls if call.witness in told.drawn]
    lost = next(call for call in kept if call.kind == "place" and len(call.asked) > 1)
    with pytest.raises(Broken):
        check_content(told.past, told.drawn - {lost.witness}, told.stored)
