"""Numbers that look alike and are of different things: which of them a reader would confuse."""

from __future__ import annotations

from typing import Final

from mains.reports.reconcile.facts import DATE
from mains.reports.reconcile.intervals import significant_digits
from mains.reports.reconcile.reasons import Code, Verdict
from mains.reports.reconcile.sides import Side
from mains.reports.reconcile.vocabulary import nouns_of, variants_of
from mains.reports.values import EdgeKind

AMOUNT_DIGITS_MIN: Final = 2
"""An amount with fewer telling digits is like any other round one."""
PLAIN_DIGITS_MIN: Final = 3
"""Percentages are alike everywhere, and so are counts of different documents."""
PREFIX_DIGITS_MIN: Final = 3
SMALL_MAX: Final = 9
ORDINAL: Final = "ordinal"
COUNT: Final = "count"
PERCENT: Final = "percent"


def merge(a: Side, b: Side) -> Verdict | None:
    """Return that two different things must not be merged, or None where nobody would."""
    if a.number is None or b.number is None or DATE in (a.claim.unit, b.claim.unit):
        return None
    code = _same_value(a, b) if a.number == b.number else None
    code = code or (None if a.is_restated or b.is_restated else _same_digits(a, b))
    return None if code is None else Verdict(EdgeKind.NEVER_MERGE, a, b, code)


def shows_digits(side: Side) -> bool:
    """Whether the figure is written with digits that somebody may recognise elsewhere."""
    return len(side.written.strip("0")) >= AMOUNT_DIGITS_MIN


def _same_value(a: Side, b: Side) -> Code | None:
    units = (a.claim.unit, b.claim.unit)
    if units == (ORDINAL, ORDINAL):
        return _same_place(a, b)
    if a.claim.unit == b.claim.unit and _is_telling(a, b):
        return Code.SAME_AMOUNT
    if a.is_restated or b.is_restated:
        return None
    if units == (COUNT, COUNT):
        return _same_small(a, b)
    if set(units) == {COUNT, ORDINAL}:
        return _count_and_place(a, b)
    return None


def _is_telling(a: Side, b: Side) -> bool:
    assert a.number is not None
    is_plain = a.claim.unit == PERCENT or (a.claim.unit == COUNT and a.claim.doc != b.claim.doc)
    digits_min = PLAIN_DIGITS_MIN if is_plain else AMOUNT_DIGITS_MIN
    return len(significant_digits(a.number)) >= digits_min


def _same_place(a: Side, b: Side) -> Code | None:
    """Two places are confused where few hold one, or where the rankings sound alike."""
    if a.is_restated or b.is_restated or not (a.is_rank and b.is_rank):
        return None
    if a.number == 1:
        sound_alike = variants_of(a.base) & variants_of(b.base)
        is_near = a.claim.doc == b.claim.doc and a.subject != b.subject
        return Code.SAME_PLACE if sound_alike and is_near else None
    return Code.SAME_PLACE if a.measure != b.measure else None


def _same_small(a: Side, b: Side) -> Code | None:
    """Small counts are everywhere: only those of like subjects in one document are confused."""
    are_alike = _kind(a) == _kind(b) and a.subject != b.subject and a.measure != b.measure
    is_small = a.number is not None and 1 < a.number <= SMALL_MAX
    return Code.SAME_SMALL if a.claim.doc == b.claim.doc and are_alike and is_small else None


def _count_and_place(a: Side, b: Side) -> Code | None:
    """A small count of a thing, and a place by the number of such things."""
    are_alike = nouns_of(a.base) & nouns_of(b.base) and a.subject != b.subject
    is_small = a.number is not None and 1 < a.number <= SMALL_MAX
    return Code.COUNT_AND_PLACE if are_alike and is_small and a.is_rank != b.is_rank else None


def _same_digits(a: Side, b: Side) -> Code | None:
    """Digits as written: what a headline shows, or the telling digits of two like amounts."""
    if not (shows_digits(a) and shows_digits(b)):
        return None
    is_shown = a.scope.is_headline or b.scope.is_headline
    if a.written == b.written and a.claim.unit != b.claim.unit and is_shown:
        return Code.DIGITS
    short, long = sorted((a.written.strip("0"), b.written.strip("0")), key=len)
    is_prefix = len(short) >= PREFIX_DIGITS_MIN and long.startswith(short)
    is_one_unit = a.claim.unit == b.claim.unit and a.claim.doc == b.claim.doc
    return Code.DIGITS if is_prefix and is_one_unit and a.number != b.number else None


def _kind(side: Side) -> str:
    return (side.subject or "").partition(":")[0]
