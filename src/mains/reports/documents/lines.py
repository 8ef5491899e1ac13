"""Lines of a text: one is one paragraph, heading or list item."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mains.errors import DocumentTooLarge
from mains.reports import limits

MARKS_BEFORE_TEXT: Final = "\ufeff\u200b\u200e\u200f\u202a\u202b\u2066\u2067\u2068"
"""The byte order mark and marks of direction: they stay in the text, outside the blocks."""
BULLETS: Final = "•·‣▪●○◦■□▶►*-–—"
TIGHT_BULLETS: Final = "•·‣▪●○◦■□▶►"
"""Bullets that need no space behind them."""
WIDE_FORMS: Final = frozenset("WF")


class Hint(StrEnum):
    """What the format itself says that a line is."""

    TITLE = "title"
    HEADING = "heading"
    ITEM = "item"
    RELATED = "related"


@dataclass(frozen=True, slots=True)
class Line:
    """Where a line's own text begins and ends, bullet and white space left out."""

    start: int
    end: int
    hint: Hint | None
    follows_blank: bool


def text_lines(text: str) -> list[Line]:
    """Return the lines of a text that hold more than white space.

    Raises DocumentTooLarge where there are too many of them.
    """
    lines: list[Line] = []
    follows_blank = False
    for first, last in _spans(text):
        start, end = _trimmed(text, first, last)
        if start == end:
            follows_blank = True
            continue
        inner = _after_bullet(text, start, end)
        hint = Hint.ITEM if inner > start else None
        lines.append(Line(inner, end, hint, follows_blank))
        follows_blank = False
        check_count(len(lines))
    return lines


def check_count(lines: int) -> None:
    """Raise DocumentTooLarge where a document has too many lines."""
    if lines > limits.BLOCKS_MAX:
        raise DocumentTooLarge(
            f"it has more than {limits.BLOCKS_MAX:,} paragraphs", limit="paragraphs"
        )


def width(text: str) -> int:
    """Return how much room a text takes: a wide character counts twice."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(letter) in WIDE_FORMS else 1 for letter in text)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of every line; a carriage return and line feed end one line together."""
    start = 0
    for line in text.splitlines(keepends=True):
        yield start, start + len(line)
        start += len(line)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and (text[start].isspace() or text[start] in MARKS_BEFORE_TEXT):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in MARKS_BEFORE_TEXT):
        end -= 1
    return start, end


def _after_bullet(text: str, start: int, end: int) -> int:
    """Return where a list item's text begins, or `start` where there is no bullet."""
    mark = text[start]
    if mark not in BULLETS:
        return start
    inner = start + 1
    while inner < end and text[inner].isspace():
        inner += 1
    is_bullet = inner < end and (inner > start + 1 or mark in TIGHT_BULLETS)
    return inner if is_bullet else start
