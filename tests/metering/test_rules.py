"""Which readings reach the ledger, as pure rules."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mains.metering.rules import BECAUSE, READING_MAX, Latest, Outcome, Reading, judge
from mains.units import MILLISECONDS_PER_HOUR
from tests.metering.builders import PRICE, a_reading

DRAW, SITE, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)

counts = st.integers(min_value=0, max_value=READING_MAX)
readings = st.builds(
    Reading,
    draw_id=st.just(DRAW),
    sequence=st.integers(min_value=1, max_value=READING_MAX),
    unit_milliseconds=counts,
    cpu_milliseconds=counts,
    memory_peak_bytes=counts,
    energy_joules=st.none() | counts,
    final=st.booleans(),
    price_micros_per_unit_hour=st.integers(min_value=0, max_value=10**12),
)


def judged(reading: Reading, latest: Latest | None = None) -> Outcome | None:
    known = {} if latest is None else {latest.draw_id: latest}
    [outcome] = judge([reading], site_id=SITE, latest=known)
    return outcome


def latest_of(reading: Reading, *, site_id: UUID = SITE) -> Latest:
    return Latest(
        draw_id=reading.draw_id,
        site_id=site_id,
        sequence=reading.sequence,
        unit_milliseconds=reading.unit_milliseconds,
        price_micros_per_unit_hour=reading.price_micros_per_unit_hour,
    )


@given(readings)
def test_a_cost_is_never_short_and_less_than_one_micro_unit_too_much(reading: Reading) -> None:
    exact = reading.unit_milliseconds * reading.price_micros_per_unit_hour

    assert 0 <= reading.cost_micros * MILLISECONDS_PER_HOUR - exact < MILLISECONDS_PER_HOUR


@given(readings, st.integers(min_value=1, max_value=READING_MAX))
def test_a_meter_that_falls_is_always_refused_even_where_it_costs_nothing(
    reading: Reading, by: int
) -> None:
    free = replace(reading, price_micros_per_unit_hour=0)
    higher = replace(latest_of(free), unit_milliseconds=free.unit_milliseconds + by, sequence=0)

    assert judged(free, higher) is Outcome.DECREASED


@given(readings, st.integers(min_value=0, max_value=1_000))
def test_a_meter_that_grows_reaches_the_ledger_unless_it_is_absurd(
    reading: Reading, by: int
) -> None:
    lower = replace(
        latest_of(reading),
        unit_milliseconds=max(0, reading.unit_milliseconds - by),
        sequence=reading.sequence - 1,
    )

    assert judged(reading, lower) in (None, Outcome.ABSURD)


@given(readings, readings)
def test_readings_that_differ_in_any_figure_have_different_bodies(
    one: Reading, other: Reading
) -> None:
    same = replace(
        other, sequence=one.sequence, price_micros_per_unit_hour=one.price_micros_per_unit_hour
    )

    assert (one.body_hash == same.body_hash) == (one == same)


def test_each_fault_has_its_name() -> None:
    reading = a_reading(DRAW, sequence=2)
    known = replace(latest_of(reading), sequence=1)

    assert judged(reading) is None
    assert judged(reading, known) is None
    assert judged(reading, replace(known, site_id=OTHER)) is Outcome.FOREIGN_SITE
    assert judged(reading, replace(known, price_micros_per_unit_hour=1)) is Outcome.PRICE_CHANGED
    assert judged(replace(reading, refusal="stale fence")) is Outcome.REFUSED
    for absurd in (
        {"sequence": 0},
        {"unit_milliseconds": -1},
        {"unit_milliseconds": READING_MAX + 1},
        {"energy_joules": 2**80},
        {"unit_milliseconds": READING_MAX, "price_micros_per_unit_hour": 10**12},
    ):
        assert judged(a_reading(DRAW, **absurd)) is Outcome.ABSURD


def test_a_message_carries_one_reading_for_each_draw() -> None:
    twice = [a_reading(DRAW), a_reading(OTHER), a_reading(DRAW, sequence=2)]

    assert judge(twice, site_id=SITE, latest={}) == [None, None, Outcome.DOUBLED]


def test_every_outcome_has_a_sentence_and_honest_ones_are_told_apart() -> None:
    assert set(BECAUSE) == set(Outcome)
    assert {outcome for outcome in Outcome if outcome.accepted} == {"captured", "late"}
    assert {outcome for outcome in Outcome if outcome.harmless} == {
        "captured",
        "late",
        "replayed",
        "stale",
    }
    assert PRICE == MILLISECONDS_PER_HOUR
