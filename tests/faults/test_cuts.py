"""Connections that are cut while they commit: nothing is lost, nothing done twice."""

import pytest
from faults.campaign import Broken, chance
from faults.history import Call, Told, happened
from faults.operations import a_round
from faults.proxy import CUTS, proxied
from faults.stores import Store

pytestmark = pytest.mark.anyio

OPERATIONS = 300
PERCENT = 15


async def cut_round(store: Store) -> tuple[list[Call], set[str]]:
    dice = chance(3, "cuts")
    async with proxied(store.app_url, dice=dice, percent=PERCENT) as (url, proxy):
        calls = await a_round(store, dice, operations=OPERATIONS, funds=4_000, through=url)
    return calls, set(proxy.cuts)


@pytest.fixture
def store(app_url: str, owner_url: str) -> Store:
    store = Store(app_url, owner_url)
    store.add_witness()
    return store


async def test_callers_that_ask_again_have_each_thing_done_once(store: Store) -> None:
    calls, cuts = await cut_round(store)
    assert cuts == set(CUTS)
    unknown = [call for call in calls if call.told is Told.UNKNOWN]
    committed = store.committed(call.xid for call in calls)
    assert {call.xid in committed for call in unknown} == {True, False}
    store.check_invariants(("ledger",))
    lost = next(call.xid for call in calls if call.told is Told.DONE)
    with pytest.raises(Broken, match="was acknowledged"):
        happened(calls, committed - {lost})
