"""Digits with the marks that divide them, as a language or a document writes: 2.400, 1,24,000.

`parse_digits(text, style_of(pack))` is their value.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel.numbers import get_decimal_symbol, get_group_symbol

from mains.reports.packs import Pack

GROUP_DIGITS: Final = 3
GROUPED: Final = re.compile(r"\d{1,3}([^\d])\d{3}(?:\1\d{3})*(?:[^\d]\d+)?")
INDIAN: Final = re.compile(r"\d{1,2}(?:([^\d])\d{2})(?:\1\d{2})*\1\d{3}(?:[^\d]\d+)?")
SPACES: Final = " \u00a0\u2009\u202f"
ENCLOSED: Final = ("\u2460", "\u24ff")
"""Digits in circles and brackets, by which points of a text are counted: ①, ⑵."""


@dataclass(frozen=True, slots=True)
class Style:
    """Which characters divide the digits."""

    decimal: frozenset[str]
    group: frozenset[str]


def style_of(pack: Pack, text: str = "") -> Style:
    """Return the separators of the language; where it is regional, as the document uses them."""
    style = pack.derive(_usual_style)
    if pack.grammar.separators.regional and text and _swapped(text, style):
        return Style(frozenset("."), (style.group - {"."}) | {","})
    return style


def _usual_style(pack: Pack) -> Style:
    own = pack.grammar.separators
    decimal = {get_decimal_symbol(pack.locale), *own.decimal}
    group = {get_group_symbol(pack.locale), *own.group, *SPACES, "'", "’"}
    return Style(frozenset(decimal), frozenset(group - decimal))


@lru_cache(maxsize=64)
def _swapped(text: str, style: Style) -> bool:
    """Whether the document's own unambiguous numbers swap decimal and group."""
    comma_groups = len(re.findall(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d,])", text))
    point_groups = len(re.findall(r"(?<![\d.,])[1-9]\d{0,2}(?:\.\d{3})+(?![\d.])", text))
    points = len(re.findall(r"(?<![\d.,])\d+\.(?:\d{1,2})(?![\d.,])", text))
    commas = len(re.findall(r"(?<![\d.,])\d+,(?:\d{1,2})(?![\d.,])", text))
    usual = point_groups + commas if "," in style.decimal else comma_groups + points
    other = comma_groups + points if "," in style.decimal else point_groups + commas
    return other > usual


def parse_digits(text: str, style: Style) -> Decimal | None:
    """Return the value of digits with separators; None where they are a date, a version, a code."""
    plain = "".join(str(unicodedata.digit(c)) if c.isdigit() and c.isdecimal() else c for c in text)
    if len(plain) == 1 and not plain.isdecimal():
        if ENCLOSED[0] <= plain <= ENCLOSED[1]:
            return None
        numeric = unicodedata.numeric(plain, None)
        return None if numeric is None else Decimal(str(numeric))
    marks = re.findall(r"[^\d]", plain)
    if not marks:
        return Decimal(plain)
    last = "." if marks[-1] == "٫" else marks[-1]
    if len(set(marks)) > 1:
        if marks.count(last) > 1 or len(set(marks[:-1])) > 1:
            return None
        return _with_fraction(plain, last) if _is_grouped(plain) else None
    if len(marks) > 1:
        return Decimal(re.sub(r"[^\d]", "", plain)) if _is_grouped(plain) else None
    head, tail = plain.split(last)
    groups = len(tail) == GROUP_DIGITS and len(head) <= GROUP_DIGITS and head[0] != "0"
    if groups and (last in style.group or last not in style.decimal):
        return Decimal(head + tail)
    if last in style.decimal or last in ".,·":
        return _with_fraction(plain, last)
    return None


def _with_fraction(text: str, mark: str) -> Decimal:
    head, _, tail = text.rpartition(mark)
    return Decimal(re.sub(r"[^\d]", "", head) + "." + tail)


def _is_grouped(text: str) -> bool:
    return bool(GROUPED.fullmatch(text) or INDIAN.fullmatch(text))
