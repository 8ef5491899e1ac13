"""Buckets: each caller has its own, guessers are held up, and memory is bounded."""

import pytest

from mains.errors import RateLimited
from mains.parties.rates import buckets
from mains.parties.rates.buckets import Rates
from mains.parties.rates.rules import Door, Rate


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def rates(seconds: Seconds) -> Rates:
    return Rates(
        {Door.READING: Rate(1, 1, 3), Door.FAILED: Rate(60, 60, 2), Door.PUBLIC: Rate(0, 1, 0)},
        seconds=seconds,
    )


def test_a_caller_is_refused_alone_and_told_when_to_come_again(
    rates: Rates, seconds: Seconds
) -> None:
    for _ in range(3):
        rates.take(Door.READING, b"one")
    with pytest.raises(RateLimited) as refused:
        rates.take(Door.READING, b"one")
    rates.take(Door.READING, b"another")
    assert refused.value.facts["retry_after_seconds"] == 1
    assert rates.refused[Door.READING] == 1
    seconds.now += 1
    rates.take(Door.READING, b"one")


def test_doors_without_a_rate_admit_everybody(rates: Rates) -> None:
    for _ in range(1_000):
        rates.take(Door.PUBLIC, "192.0.2.7")
        rates.take(Door.SUBMITTING, b"one")


def test_a_guesser_is_held_up_and_its_neighbour_with_a_good_key_is_not(rates: Rates) -> None:
    rates.note_success(b"good")
    for guess in (b"1", b"2"):
        rates.check_failures("192.0.2.7", caller=guess)
        rates.note_failure("192.0.2.7", caller=guess)
    with pytest.raises(RateLimited):
        rates.check_failures("192.0.2.7", caller=b"3")
    rates.check_failures("192.0.2.7", caller=b"good")
    rates.check_failures("192.0.2.8", caller=b"3")
    rates.note_failure("192.0.2.7", caller=b"good")
    with pytest.raises(RateLimited):
        rates.check_failures("192.0.2.7", caller=b"good")


def test_no_more_callers_are_remembered_than_may_be(
    rates: Rates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "CALLERS_MAX", 10)
    for number in range(100):
        rates.take(Door.READING, f"{number}".encode())
        rates.note_success(f"{number}".encode())
    assert len(rates._full_at[Door.READING]) == len(rates._proved) == 10
