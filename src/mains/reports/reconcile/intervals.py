"""What a stated figure allows: an interval, by its bound word and by how finely it is written."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from mains.reports.values import Bound

ABOUT_MAX: Final = Decimal("0.1")
"""A round figure may be off by half of its last digit, but by no more than this part of it."""
ABOUT_MIN: Final = Decimal("0.005")
NEAR: Final = Decimal("0.1")
"""Two figures this near are read as one, more or less exactly said."""

DISPUTE_TIMES_MAX: Final = Decimal(2)
"""Reports of one thing that contradict each other still resemble each other; what is further apart
is of two things, whatever its scope seems to be."""
CHANGE_TIMES_MAX: Final = Decimal(4)
"""What no period dates has hardly grown by more from one report to another."""
ROUNDED_DIGITS_MIN: Final = 2

LOWER: Final = frozenset({Bound.MORE_THAN, Bound.AT_LEAST})
UPPER: Final = frozenset({Bound.AT_MOST, Bound.UP_TO})


@dataclass(frozen=True, slots=True)
class Interval:
    """All values that the words allow; an end of None is open. Ends count as allowed.

    `more than 2,500` said of 2,500 is loose wording, so that an end never makes a contradiction.
    """

    low: Decimal | None
    high: Decimal | None

    def meets(self, other: Interval) -> bool:
        """Whether some value is in both."""
        return not (_before(self.high, other.low) or _before(other.high, self.low))

    def holds(self, other: Interval) -> bool:
        """Whether every value of the other is in this one."""
        low = self.low is None or (other.low is not None and self.low <= other.low)
        high = self.high is None or (other.high is not None and other.high <= self.high)
        return low and high

    def common(self, other: Interval) -> Interval:
        """Return what both allow; they must meet."""
        lows = [end for end in (self.low, other.low) if end is not None]
        highs = [end for end in (self.high, other.high) if end is not None]
        return Interval(max(lows, default=None), min(highs, default=None))


def number_of(value: str) -> Decimal | None:
    """Return the value as a number, or None where it is none (a date, an interval)."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def interval_of(value: Decimal, bound: Bound) -> Interval:
    """Return what the figure allows."""
    if bound in LOWER:
        return Interval(value, None)
    if bound in UPPER:
        return Interval(None, value)
    if bound is Bound.ABOUT:
        slack = _slack(value)
        return Interval(value - slack, value + slack)
    return Interval(value, value)


def are_near(a: Decimal, b: Decimal) -> bool:
    """Whether a reader takes one for a rounding of the other."""
    return abs(a - b) <= NEAR * max(abs(a), abs(b))


def are_comparable(a: Decimal, b: Decimal, times_max: Decimal) -> bool:
    """Whether the larger is no more than so many times the smaller."""
    small, large = sorted((abs(a), abs(b)))
    return large <= times_max * small


def is_rounding(exact: Decimal, rounded: Decimal) -> bool:
    """Whether the second is the first, rounded; to a single digit it tells nothing."""
    shown, full = len(significant_digits(rounded)), len(significant_digits(exact))
    return ROUNDED_DIGITS_MIN <= shown < full and abs(exact - rounded) <= _half_unit(rounded)


def significant_digits(value: Decimal) -> str:
    """Return the digits without the zeros around them: 2 for 0.20, 2,000 and 2 bn."""
    return "".join(str(digit) for digit in value.as_tuple().digits).strip("0")


def _slack(value: Decimal) -> Decimal:
    """Half a unit of the last digit that is no zero, between the least and the most slack."""
    return max(min(_half_unit(value), ABOUT_MAX * abs(value)), ABOUT_MIN * abs(value))


def _half_unit(value: Decimal) -> Decimal:
    exponent = value.normalize().as_tuple().exponent
    return Decimal(5).scaleb(int(exponent) - 1)


def _before(high: Decimal | None, low: Decimal | None) -> bool:
    return high is not None and low is not None and high < low
