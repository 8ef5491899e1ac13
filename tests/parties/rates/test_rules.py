"""How often one may call: at most so many, never fewer than that, whatever the order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mains.parties.rates.rules import (
    BODY_GRACE_SECONDS,
    Door,
    Rate,
    admit,
    door_of,
    is_too_slow,
    neighbourhood,
    per_minute,
    per_second,
)

RATES = st.builds(Rate, st.integers(1, 1_000), st.integers(1, 60), st.integers(1, 500))
GAPS = st.lists(st.floats(0, 5, allow_nan=False), max_size=200)


@given(RATES, GAPS)
def test_in_any_span_no_more_pass_than_the_burst_and_the_rate_allow(
    rate: Rate, gaps: list[float]
) -> None:
    now, full_at, passed = 0.0, 0.0, []
    for gap in gaps:
        now += gap
        full_at, wait = admit(full_at, rate=rate, now=now)
        assert wait >= 0
        if wait == 0:
            passed.append(now)
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            allowed = rate.burst + (passed[last] - begin) / rate.gap_seconds
            assert last - first + 1 <= allowed + 1e-6


@given(RATES, GAPS)
def test_whoever_waits_as_long_as_told_passes_and_asking_too_early_costs_nothing(
    rate: Rate, gaps: list[float]
) -> None:
    now, full_at = 0.0, 0.0
    for gap in gaps:
        now += gap / 100
        before = full_at
        full_at, wait = admit(full_at, rate=rate, now=now)
        if wait > 0:
            assert full_at == before
            assert admit(full_at, rate=rate, now=now + wait + 1e-6)[1] == 0


@given(RATES)
def test_a_silent_caller_may_send_a_whole_burst_at_once(rate: Rate) -> None:
    full_at = 0.0
    for _ in range(rate.burst):
        full_at, wait = admit(full_at, rate=rate, now=1_000.0)
        assert wait < 1e-6


def test_a_rate_of_none_bounds_nobody() -> None:
    assert per_second(0).unbounded
    assert admit(7.0, rate=per_second(0), now=1.0) == (7.0, 0.0)
    assert (per_second(5).burst, per_minute(60).gap_seconds) == (50, 1.0)


@pytest.mark.parametrize(
    ("method", "path", "keyed", "door"),
    [
        ("GET", "/v1/jobs", True, Door.READING),
        ("HEAD", "/v1/jobs", True, Door.READING),
        ("POST", "/v1/jobs", True, Door.SUBMITTING),
        ("GET", "/reports", False, Door.PUBLIC),
        ("POST", "/v1/jobs", False, Door.PUBLIC),
        ("POST", "/v1/agent/sync", False, Door.AGENT),
        ("POST", "/v1/agent/sync", True, Door.AGENT),
    ],
)
def test_calls_are_counted_by_their_kind(method: str, path: str, keyed: bool, door: Door) -> None:
    assert door_of(method, path, keyed=keyed) is door


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_an_address_that_one_can_change_at_will_counts_as_its_network(
    address: str, counted: str
) -> None:
    assert neighbourhood(address) == counted


def test_a_slow_network_passes_and_a_trickle_does_not() -> None:
    assert not is_too_slow(0, seconds=BODY_GRACE_SECONDS)
    assert is_too_slow(0, seconds=BODY_GRACE_SECONDS + 1)
    assert not is_too_slow(10 * 1_024, seconds=BODY_GRACE_SECONDS + 10)
    assert is_too_slow(9 * 1_024, seconds=BODY_GRACE_SECONDS + 10)
