"""Figures, periods and dates as a language writes them, by CLDR; pure."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from babel.dates import format_date, format_skeleton
from babel.numbers import format_compact_decimal, format_decimal

from mains.console.catalogue import Catalogue
from mains.reports.values import Bound, Modality

COMPACT_FROM: Final = 100_000
"""Smaller figures are written out."""
DIGITS_MAX: Final = 40
"""Nothing that people count or pay has more digits; longer ones are shown as they stand."""
CURRENCY_LETTERS: Final = 3
FRACTION_DIGITS: Final = 2
QUARTER_MONTHS: Final = 3

_SI_STEPS: Final = ((18, "E"), (15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k"), (0, ""))
_SI_UNITS: Final = frozenset({"W", "Wh", "FLOPS", "B", "Hz", "bit/s"})
_PLAIN_YEARS: Final = frozenset({"founded_year"})
_DURATIONS: Final = frozenset({"year", "month", "day"})


@dataclass(frozen=True, slots=True)
class Figure:
    """A value as it is shown, and in full where what is shown is shortened."""

    shown: str
    exact: str


class Figures:
    """Writes values in the language of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._locale = catalogue.locale

    def number(self, value: int | Decimal) -> str:
        """Write a number in full."""
        return format_decimal(value, locale=self._locale, decimal_quantization=False)

    def compact(self, value: Decimal) -> str:
        """Write a number short: "450 Mrd."; up to 100,000 in full."""
        if abs(value) < COMPACT_FROM:
            return self.number(value)
        short = format_compact_decimal(
            value,
            format_type=self._catalogue.compact,
            locale=self._locale,
            fraction_digits=FRACTION_DIGITS,
        )
        return short.replace(" ", "\N{NO-BREAK SPACE}")

    def figure(self, value: str, unit: str, *, measure: str | None, bound: Bound) -> Figure:
        """Write a claim's value with its unit and its bound word."""
        plain = self.value(value, unit, measure=measure)
        form = self._catalogue.bounds[bound.value]
        return Figure(form.format(n=plain.shown), form.format(n=plain.exact))

    def value(self, value: str, unit: str, *, measure: str | None) -> Figure:
        """Write a claim's value with its unit; one that is no number stands as it is."""
        if unit == "date":
            said = self.period(value)
            return Figure(said, said)
        number = decimal_of(value)
        if number is None:
            return Figure(f"{value} {unit}".strip(), f"{value} {unit}".strip())
        if unit == "year" and measure in _PLAIN_YEARS:
            return Figure(f"{number:f}", f"{number:f}")
        exact = self.number(number)
        if unit in _DURATIONS:
            written = self._catalogue.plural(unit, number, n=exact)
            return Figure(written, written)
        if unit in _SI_UNITS:
            return Figure(self._with_prefix(number, unit), self._with_unit(exact, unit))
        return Figure(self._with_unit(self.compact(number), unit), self._with_unit(exact, unit))

    def modality(self, modality: Modality) -> str:
        return self._catalogue.modalities[modality.value]

    def unit(self, unit: str) -> str:
        """Return the unit's own name: a currency's by CLDR, others as they are written."""
        if _is_currency(unit):
            return str(self._locale.currencies.get(unit, unit))
        if unit in self._catalogue.units:
            return self._catalogue.units[unit].format(n="").strip()
        return unit

    def period(self, period: str | None) -> str:
        """Write a period: a year, a half, a quarter, a month, a day, or from one to another."""
        if not period:
            return ""
        first, slash, last = period.partition("/")
        if slash:
            return f"{self._moment(first)}\N{EN DASH}{self._moment(last)}"
        return self._moment(first)

    def _moment(self, period: str) -> str:
        year, _, rest = period.partition("-")
        span = span_of(period)
        if span is None or not rest:
            return period
        if rest.startswith("H"):
            return self._catalogue.halves[int(rest[1:]) - 1].format(year=year)
        if rest.startswith("Q"):
            return format_skeleton("yQQQ", span[0], locale=self._locale)
        if "-" in rest:
            return format_date(span[0], format="medium", locale=self._locale)
        return format_skeleton("yMMMM", span[0], locale=self._locale)

    def _with_unit(self, written: str, unit: str) -> str:
        form = "{n} " + unit
        if unit in self._catalogue.units:
            form = self._catalogue.units[unit]
        elif _is_currency(unit):
            currencies = self._catalogue.currencies
            form = currencies.get(unit, currencies["default"]).replace("{code}", unit)
        return form.replace(" ", "\N{NO-BREAK SPACE}").replace("{n}", written)

    def _with_prefix(self, number: Decimal, unit: str) -> str:
        fitting = (step for step in _SI_STEPS if abs(number.scaleb(-step[0])) >= 1)
        power, prefix = next(fitting, _SI_STEPS[-1])
        scaled = number.scaleb(-power)
        written = self.number(round(scaled, FRACTION_DIGITS).normalize())
        return f"{written}\N{NO-BREAK SPACE}{prefix}{unit}"


def decimal_of(value: str) -> Decimal | None:
    """Return a decimal string's number; None where it is none, or longer than any figure."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite() or len(value) > DIGITS_MAX or abs(number.adjusted()) > DIGITS_MAX:
        return None
    return number


def span_of(period: str | None) -> tuple[date, date] | None:
    """Return the first and the last day of a period, or None where it names no days."""
    first, slash, last = (period or "").partition("/")
    try:
        start, end = _days(first)
        if slash:
            end = _days(last)[1]
    except ValueError:
        return None
    return (start, end) if start <= end else None


def _is_currency(unit: str) -> bool:
    return len(unit) == CURRENCY_LETTERS and unit.isalpha() and unit.isupper()


def _days(moment: str) -> tuple[date, date]:
    year, _, rest = moment.partition("-")
    if not rest:
        return date(int(year), 1, 1), date(int(year), 12, 31)
    if rest[0] in "HQ":
        months = 6 if rest[0] == "H" else QUARTER_MONTHS
        first = (int(rest[1:]) - 1) * months + 1
        return date(int(year), first, 1), _month_end(int(year), first + months - 1)
    if "-" in rest:
        day = date.fromisoformat(moment)
        return day, day
    return date(int(year), int(rest), 1), _month_end(int(year), int(rest))


def _month_end(year: int, month: int) -> date:
    if not 1 <= month <= 12:
        raise ValueError(f"there is no month {month}")
    after = date(year + month // 12, month % 12 + 1, 1)
    return date.fromordinal(after.toordinal() - 1)
