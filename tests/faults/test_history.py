"""The checker of histories: a right one passes, and each planted fault is found."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from faults.campaign import Broken, chance
from faults.history import Call, check, compare
from faults.operations import a_round
from faults.stores import Store

from mains.ledger.values import CaptureOutcome, HoldOutcome, TransferOutcome
from tests.ledger.model import Placed

pytestmark = pytest.mark.anyio

OPERATIONS = 400
FUNDS = 4_000
SEED = 7


@pytest.fixture
def store(app_url: str, owner_url: str) -> Store:
    store = Store(app_url, owner_url)
    store.add_witness()
    return store


@pytest.fixture
async def calls(store: Store) -> list[Call]:
    return await a_round(store, chance(SEED, "history"), operations=OPERATIONS, funds=FUNDS)


def limited(calls: list[Call]) -> set[int]:
    return {leg.account_id for call in calls if call.kind == "place" for leg in call.asked[0].legs}


def first(
    calls: list[Call], kind: str, wanted: Callable[[Any], bool] = lambda answer: True
) -> tuple[int, int]:
    """Return where a call of this kind stands, and which answer of it is the wanted one."""
    return next(
        (at, position)
        for at, call in enumerate(calls)
        if call.kind == kind
        for position, answer in enumerate(call.answers)
        if wanted(answer)
    )


def answered(calls: list[Call], at: int, position: int, answer: object) -> list[Call]:
    """Return the history with one answer exchanged."""
    answers = [*calls[at].answers]
    answers[position] = answer
    return [*calls[:at], replace(calls[at], answers=tuple(answers)), *calls[at + 1 :]]


async def test_many_callers_at_once_leave_a_history_that_the_model_explains(
    store: Store, calls: list[Call]
) -> None:
    assert sum(len(call.asked) for call in calls) >= OPERATIONS
    model = check(calls, limited=limited(calls))
    compare(model, store.stored(limited(calls)))
    store.check_invariants(("ledger",))
    overlaps = sum(b.began < a.ended for a, b in itertools.pairwise(calls))
    assert overlaps > len(calls) // 4, "callers work at the same time"


async def test_a_hold_that_never_had_room_is_found(calls: list[Call]) -> None:
    at, position = first(calls, "place", lambda said: said[0] is HoldOutcome.REFUSED)
    with pytest.raises(Broken, match="place"):
        check(answered(calls, at, position, Placed(HoldOutcome.PLACED)), limited=limited(calls))


async def test_a_hold_that_was_lost_is_found(calls: list[Call]) -> None:
    at, _ = first(calls, "place", lambda said: said[0] is HoldOutcome.PLACED)
    with pytest.raises(Broken):
        check([*calls[:at], *calls[at + 1 :]], limited=limited(calls))


async def test_a_capture_of_one_unit_too_much_is_found(calls: list[Call]) -> None:
    at, position = first(calls, "capture", lambda said: said[0] is CaptureOutcome.CAPTURED)
    outcome, charged, overrun = calls[at].answers[position]
    with pytest.raises(Broken, match="capture"):
        more = answered(calls, at, position, (outcome, charged + 1, overrun))
        check(more, limited=limited(calls))


async def test_a_transfer_that_was_done_twice_is_found(calls: list[Call]) -> None:
    at, _ = first(calls, "transfer", lambda said: said is TransferOutcome.PLACED)
    twice = replace(calls[at], witness=max(call.witness for call in calls) + 1)
    with pytest.raises(Broken):
        check([*calls, replace(twice, began=twice.ended)], limited=limited(calls))


async def test_an_order_against_time_is_found(calls: list[Call]) -> None:
    early, late = calls[0], calls[-1]
    swapped = [replace(early, witness=late.witness), replace(late, witness=early.witness)]
    with pytest.raises(Broken, match="began later"):
        check([*swapped, *calls[1:-1]], limited=limited(calls))


@pytest.mark.parametrize("what", ["rooms", "holds", "draws"])
async def test_a_database_that_differs_in_one_row_is_found(
    store: Store, calls: list[Call], what: str
) -> None:
    model, stored = check(calls, limited=limited(calls)), store.stored(limited(calls))
    lost = {**stored, what: dict([*stored[what].items()][1:])}
    with pytest.raises(Broken, match=what):
        compare(model, lost)
