"""Figures, units and periods as each language writes them."""

import pytest

from mains.console.catalogue import catalogues
from mains.console.figures import Figures, decimal_of, span_of
from mains.reports.values import Bound

SPACE = "\N{NO-BREAK SPACE}"


def figures(code: str) -> Figures:
    return Figures(catalogues()[code])


@pytest.mark.parametrize(
    ("code", "bound", "shown", "exact"),
    [
        ("de", Bound.MORE_THAN, "mehr als 450 Mrd. CNY", "mehr als 450.000.000.000 CNY"),
        ("zh", Bound.MORE_THAN, "超过4500亿元", "超过450,000,000,000元"),
        ("en", Bound.ABOUT, "about 450 billion CNY", "about 450,000,000,000 CNY"),
        ("ru", Bound.UP_TO, "до 450 млрд CNY", "до 450 000 000 000 CNY"),
        ("es", Bound.AT_LEAST, "al menos 450 mil millones CNY", "al menos 450.000.000.000 CNY"),
    ],
)
def test_money_is_short_with_the_exact_value_beside_it(
    code: str, bound: Bound, shown: str, exact: str
) -> None:
    found = figures(code).figure("450000000000", "CNY", measure=None, bound=bound)
    assert found.shown.replace(SPACE, " ") == shown
    assert found.exact.replace(SPACE, " ") == exact


@pytest.mark.parametrize(
    ("value", "unit", "measure", "shown"),
    [
        ("2400", "count", "ai_companies", "2,400"),
        ("25300000", "count", "users", "25.3 million"),
        ("25.3", "percent", "growth_rate", "25.3%"),
        ("3", "ratio", "growth_rate", "3 times"),
        ("2.5", "points", "growth_rate", "2.5 percentage points"),
        ("1", "ordinal", "rank_ai_companies", "no. 1"),
        ("1998", "year", "founded_year", "1998"),
        ("1", "year", "duration", "1 year"),
        ("120000000", "W", "power_capacity", "120 MW"),
        ("1500000000000000000", "FLOPS", "compute_capacity", "1.5 EFLOPS"),
        ("2025-02-18", "date", "event_date", "18 Feb 2025"),
        ("not a number", "count", None, "not a number count"),
        ("1e999999999", "count", None, "1e999999999 count"),
    ],
)
def test_values_are_written_by_their_unit(
    value: str, unit: str, measure: str | None, shown: str
) -> None:
    written = figures("en").value(value, unit, measure=measure).shown
    assert written.replace(SPACE, " ") == shown


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("2025", "2025-01-01", "2025-12-31"),
        ("2025-H2", "2025-07-01", "2025-12-31"),
        ("2024-Q1", "2024-01-01", "2024-03-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2025-12", "2025-12-01", "2025-12-31"),
        ("2025-02-18", "2025-02-18", "2025-02-18"),
        ("2021/2025", "2021-01-01", "2025-12-31"),
    ],
)
def test_a_period_has_its_first_and_last_day(period: str, first: str, last: str) -> None:
    span = span_of(period)
    assert span is not None
    assert [day.isoformat() for day in span] == [first, last]


@pytest.mark.parametrize("period", [None, "", "soon", "2025-H3", "2025-13", "2025/2021", "99999"])
def test_what_names_no_days_has_no_place_on_a_time_line(period: str | None) -> None:
    assert span_of(period) is None


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "1e50", "9" * 60, "12 apples"])
def test_what_is_no_figure_is_no_number(text: str) -> None:
    assert decimal_of(text) is None


def test_periods_are_words_of_the_language() -> None:
    assert figures("pt").period("2025-H1") == "primeiro semestre de 2025"
    assert figures("zh").period("2025-H2") == "2025年下半年"
    assert figures("de").period("2025-02") == "Februar 2025"
    assert figures("en").period("2021/2025") == "2021\N{EN DASH}2025"
    assert figures("en").period("2025-H9") == "2025-H9"
