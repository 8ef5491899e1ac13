"""What a sentence states in numbers: quantities, ranks and periods.

    found = figures(sentence, pack, anchor_year=2025)   # in quantities.py; both lists at once
    quantities(sentence, pack)                          # list[Quantity]
    periods(sentence, pack, anchor_year=None)           # list[PeriodMention], in periods.py

Offsets are those of the document, token indices those of `sentence.tokens`. The lists are in the
order of the text; no quantity overlaps a period.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from mains.reports.values import Bound


class QuantityKind(StrEnum):
    """What sort of figure a quantity is."""

    COUNT = "count"
    """A bare number: it counts the noun beside it, or is an index; `unit` is None."""
    MONEY = "money"
    """`unit` is an ISO 4217 code."""
    PERCENT = "percent"
    POINTS = "points"
    RATIO = "ratio"
    """A factor: tripled is 3."""
    MEASURE = "measure"
    """A physical unit: W, Wh, B, FLOPS, m2 ..."""
    DURATION = "duration"
    """`unit` is year, month, week, day, hour."""
    ORDINAL = "ordinal"
    """Third; `unit` is ordinal. Only the binding can tell whether it ranks."""
    RANK = "rank"
    """A place among others, said so: second place, third largest."""
    SUPERLATIVE = "superlative"
    """The most, leads: rank 1 without a number."""
    FIRST = "first"
    """The first of its kind, said so; only the binding can tell among what."""
    YEAR = "year"
    """A calendar year that is itself the figure: founded in 2019."""
    NAME_NUMBER = "name_number"
    """Part of a name: R1, 15th five-year plan; neutral."""
    QUALIFIER = "qualifier"
    """Only qualifies a noun: both, top five; neutral."""
    VAGUE = "vague"
    """Thousands; neutral."""


NEUTRAL_KINDS = frozenset({QuantityKind.NAME_NUMBER, QuantityKind.QUALIFIER, QuantityKind.VAGUE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One figure or rank.

    `start` and `end` span the figure with magnitude, unit or currency and the bound word beside it
    (the noun counted stands outside). `first` and `last` are the token indices of that span, and
    `number_first`, `number_last` those of the number with its magnitude alone.
    """

    start: int
    end: int
    first: int
    last: int
    number_first: int
    number_last: int
    value: Decimal
    """In base units: 1.2 billion yuan is 1200000000."""
    unit: str | None
    """CNY, percent, points, ratio, ordinal, year, W, B, FLOPS ...; None for a bare number."""
    kind: QuantityKind
    bound: Bound = Bound.EXACT
    range_of: int | None = None
    """Index in the list of the other end of the range."""
    pair: int | None = None
    """Index in the list of the amount that this one restates, or that restates it."""
    inherited: bool = False
    """The bound was taken over from the amount before the brackets."""
    per: str | None = None
    """What the figure is per, as written: "per year"."""
    scale: Decimal = Decimal(1)
    """The magnitude that the written number has: 1.2 billion has 10^9."""
    factor: Decimal = Decimal(1)
    """The unit's factor to its base: MW has 10^6."""
    in_word: bool = False
    """The number is a part of a longer word (Fünf|jahresplan)."""

    @property
    def is_neutral(self) -> bool:
        """Whether the number only qualifies others or is part of a name."""
        return self.kind in NEUTRAL_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodMention:
    """A date or span of time that the text names.

    `period` is in the notation of the gold: 2025, 2025-H1, 2025-Q3, 2025-06, 2025-02-18, or
    start/end. Where the text names no year it begins with `--` ("--02-22", "--H1", "--12-31") until
    `completed`. It is None where the text is relative: then `relative` says how ("{year-1}",
    "{year-1}-12-31", "month-1")
    and `reason` why nothing more is known.
    """

    start: int
    end: int
    first: int
    last: int
    period: str | None
    relative: str | None = None
    reason: str | None = None
    point: bool = False
    """A deadline or a state at a day ("by the end of 2024") rather than a span."""
    founded: bool = False
    """The year is itself the figure (founded in 2019); `quantities` gives it as YEAR too."""
    fiscal: bool = False
    """A fiscal year, written as the calendar year that names it."""

    @property
    def is_complete(self) -> bool:
        """Whether the period can stand in a claim as it is."""
        return self.period is not None and "--" not in self.period

    @property
    def year(self) -> int | None:
        """The year in which the period ends, if it names one."""
        if not self.is_complete or self.period is None:
            return None
        return int(self.period.rpartition("/")[2][:4])

    def completed(self, year: int) -> PeriodMention:
        """Return the mention with the year that its context gives ("--02-22" in 2025)."""
        if self.period is None or "--" not in self.period or "---" in self.period:
            return self
        period = self.period.replace("--", f"{year:04d}-")
        return replace(self, period=period, relative=None, reason=None)

    def anchored(self, year: int) -> PeriodMention:
        """Return the mention with "last year" and the like counted from `year`."""
        found = re.fullmatch(r"\{year([+-]\d+)\}(.*)", self.relative or "")
        if found is None or self.period is not None:
            return self
        period = f"{year + int(found.group(1)):04d}{found.group(2)}"
        return replace(self, period=period, relative=None, reason=None)


@dataclass(frozen=True, slots=True)
class Figures:
    """All quantities and periods of a sentence."""

    quantities: tuple[Quantity, ...]
    periods: tuple[PeriodMention, ...]
