"""Periods as spans of days, and what figures allow."""

from datetime import date
from decimal import Decimal

import pytest

from mains.reports.reconcile.facts import document_facts
from mains.reports.reconcile.intervals import Interval, interval_of, number_of
from mains.reports.reconcile.periods import Span, is_one_time, span_of
from mains.reports.values import Bound, Modality
from tests.reports.reconcile.builders import a_claim, a_date, facts


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("2025", date(2025, 1, 1), date(2025, 12, 31)),
        ("2025-H1", date(2025, 1, 1), date(2025, 6, 30)),
        ("2025-H2", date(2025, 7, 1), date(2025, 12, 31)),
        ("2025-Q4", date(2025, 10, 1), date(2025, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2025-02-22", date(2025, 2, 22), date(2025, 2, 22)),
        ("2024/2028", date(2024, 1, 1), date(2028, 12, 31)),
    ],
)
def test_a_period_is_its_first_and_last_day(period: str, first: date, last: date) -> None:
    assert span_of(period) == Span(first, last)


@pytest.mark.parametrize(
    "period",
    [None, "", "spring", "2025-13", "2025-02-30", "2028/2024", "2024/2025/2026", "2025-H3"],
)
def test_what_is_no_period_has_no_days(period: str | None) -> None:
    assert span_of(period) is None


@pytest.mark.parametrize(
    ("a", "b", "is_one"),
    [
        ("2025", "2025", True),
        ("2025", "2025-12-31", True),
        ("2025-09-09", "2025-09", True),
        ("2025-06-30", "2025", False),
        ("2025-H2", "2025", False),
        ("2024", "2025", False),
    ],
)
def test_a_day_stands_for_the_time_that_it_ends(a: str, b: str, is_one: bool) -> None:
    one, other = span_of(a), span_of(b)
    assert one is not None and other is not None
    assert is_one_time(one, other) is is_one_time(other, one) is is_one


def test_bounds_open_one_end() -> None:
    ten = Decimal(10)
    assert interval_of(ten, Bound.EXACT) == Interval(ten, ten)
    assert interval_of(ten, Bound.MORE_THAN) == interval_of(ten, Bound.AT_LEAST)
    assert interval_of(ten, Bound.UP_TO) == interval_of(ten, Bound.AT_MOST) == Interval(None, ten)
    assert interval_of(Decimal(24000), Bound.ABOUT) == Interval(Decimal(23500), Decimal(24500))


def test_what_two_figures_allow_together() -> None:
    low, high = interval_of(Decimal(4), Bound.AT_LEAST), interval_of(Decimal(9), Bound.AT_MOST)
    assert low.common(high) == Interval(Decimal(4), Decimal(9))
    assert low.meets(high) and not low.holds(high)


@pytest.mark.parametrize("text", ["", "many", "NaN", "Infinity", "2025-02-22"])
def test_what_is_no_number_has_none(text: str) -> None:
    assert number_of(text) is None


def test_a_document_speaks_when_it_was_published_or_else_at_its_latest_time() -> None:
    claims = [
        a_claim(period="2024"),
        a_date("2025-02-22"),
        a_claim(period="2030", modality=Modality.TARGET),
        a_date("2030", measure="reference_period"),
        a_claim(period="2025/2031"),
    ]
    read = document_facts("north.txt", claims)
    assert read.latest_period == "2025-02-22"
    assert read.now == span_of("2025-02-22")
    assert facts("a", published="2026-03-01T08:00:00Z", latest_period="2024").now == span_of(
        "2026-03-01"
    )
    assert document_facts("north.txt", []).now is None


def test_a_copy_supports_with_its_original() -> None:
    assert facts("copy.txt", copy_of="north.txt").origin == "north.txt"
    assert facts("north.txt").origin == "north.txt"
