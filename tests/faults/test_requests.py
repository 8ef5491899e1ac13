"""Generated and spoiled requests at the real application: no fault of it, and books in order."""

import pytest
from faults.campaign import Broken, chance
from faults.requests import Judge, check_books, deposits, generate, spoil
from faults.served import served
from faults.stores import Store

from mains.parties import door

SEED = 7


@pytest.fixture
def store(app_url: str, owner_url: str) -> Store:
    return Store(app_url, owner_url)


def test_whatever_is_asked_no_answer_is_a_fault_of_the_server(store: Store) -> None:
    with served(store) as city:
        before, judge, dice = deposits(store), Judge(), chance(SEED, "requests")
        generate(city, judge, dice, number=40)
        spoil(city, judge, dice, number=200)
    judge.conclude()
    assert {"2xx", "4xx", "generated", "spoiled"} <= set(judge.counts)
    check_books(store, {**before, **judge.deposits})
    with pytest.raises(Broken, match="differ"):
        check_books(store, {})


def test_a_fault_of_the_server_is_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> tuple[str, str]:
        raise ZeroDivisionError

    with served(store) as city:
        monkeypatch.setattr(door, "describe_fault", broken)
        judge = Judge()
        spoil(city, judge, chance(SEED, "planted"), number=40)
    with pytest.raises(Broken, match="was answered 500"):
        judge.conclude()
