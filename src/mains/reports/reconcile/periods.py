"""Periods of the exchange format as spans of days: 2025, 2025-H1, 2025-Q3, 2025-06, a day, a/b."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

PERIODS_KEPT_MAX: Final = 16_384
MONTH_DAYS_MAX: Final = 31

_PART: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?:H(?P<half>[12])|Q(?P<quarter>[1-4])|(?P<month>\d{2})(?:-(?P<day>\d{2}))?))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """First and last day, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    def holds(self, other: Span) -> bool:
        """Whether every day of the other is a day of this one."""
        return self.first <= other.first and other.last <= self.last

    def meets(self, other: Span) -> bool:
        """Whether they share a day."""
        return self.first <= other.last and other.first <= self.last


@lru_cache(maxsize=PERIODS_KEPT_MAX)
def span_of(period: str | None) -> Span | None:
    """Return the days of a period, or None where it is none of the format's."""
    if period is None:
        return None
    ends = [_part(part) for part in period.split("/")]
    spans = [span for span in ends if span is not None]
    if len(spans) != len(ends) or len(spans) > 2 or spans[0].first > spans[-1].last:
        return None
    return Span(spans[0].first, spans[-1].last)


def is_one_time(a: Span, b: Span) -> bool:
    """Whether two periods name one time: the same days, or a day and the short time it lies in.

    The last day of a longer time stands for it too: what holds for 2025 is counted at its end.
    """
    if a == b:
        return True
    inner, outer = (a, b) if b.holds(a) else (b, a)
    if not outer.holds(inner) or inner.days > 1:
        return False
    return outer.days <= MONTH_DAYS_MAX or inner.last == outer.last


def _part(text: str) -> Span | None:
    found = _PART.fullmatch(text)
    if found is None:
        return None
    year = int(found["year"])
    try:
        if found["day"]:
            day = date(year, int(found["month"]), int(found["day"]))
            return Span(day, day)
        if found["month"]:
            return _months(year, int(found["month"]), 1)
        if found["quarter"]:
            return _months(year, 3 * int(found["quarter"]) - 2, 3)
        if found["half"]:
            return _months(year, 6 * int(found["half"]) - 5, 6)
        return _months(year, 1, 12)
    except ValueError:
        return None


def _months(year: int, first: int, count: int) -> Span:
    start, after = date(year, first, 1), first + count
    if after <= 12:
        return Span(start, date(year, after, 1) - timedelta(days=1))
    return Span(start, date(year, 12, 31))
