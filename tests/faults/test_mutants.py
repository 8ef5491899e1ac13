"""Mutants of the ledger's SQL: which there are, and what becomes of them."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from faults.campaign import RESULTS, SHARES
from faults.mutants import EQUIVALENT, KILLED_PERCENT_MIN, Fate, Mutant, fate_of, mutants_of
from faults.stores import Store, a_store


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with a_store() as made:
        yield made


def test_every_equivalent_is_a_mutant_of_the_schema_as_it_is(store: Store) -> None:
    names = [mutant.name for mutant in mutants_of(store.owner_url)]
    assert len(names) == len(set(names))
    assert EQUIVALENT.keys() <= set(names)


def test_a_condition_that_is_dropped_is_seen(store: Store) -> None:
    mutants = {mutant.name: mutant for mutant in mutants_of(store.owner_url)}
    [dropped] = [name for name in mutants if "h.expires_at <= instant -> true" in name]
    assert fate_of(mutants[dropped], store, seed=1) is Fate.SEEN


def test_what_is_no_sql_is_no_kill(store: Store) -> None:
    assert fate_of(Mutant("nonsense", "CREATE FUNCTION"), store, seed=1) is Fate.STILLBORN
    missing = "CREATE OR REPLACE FUNCTION ledger.portion(amount bigint, part bigint, whole bigint)"
    missing += " RETURNS bigint LANGUAGE sql AS $$ SELECT nothing_here(part) $$"
    assert fate_of(Mutant("no such name", missing), store, seed=1) is Fate.STILLBORN


def test_an_expiry_that_forgets_holds_is_seen(store: Store) -> None:
    mutants = {mutant.name: mutant for mutant in mutants_of(store.owner_url)}
    [narrowed] = [name for name in mutants if name.startswith("expire ") and "<= -> <" in name]
    assert fate_of(mutants[narrowed], store, seed=1) in (Fate.SEEN, Fate.FAILED)


def test_the_recorded_shares_kill_nearly_all_that_can_be_told_apart() -> None:
    shares = json.loads(RESULTS.read_text("utf-8"))["campaigns"]["mutants"].values()
    assert len(shares) == SHARES
    totals = Counter[str]()
    for share in shares:
        totals.update(share["counts"])
    killed = sum(totals[fate] for fate in (Fate.SEEN, Fate.FAILED, Fate.STUCK))
    assert killed >= 60
    assert killed * 100 >= KILLED_PERCENT_MIN * (killed + totals[Fate.ALIVE])
