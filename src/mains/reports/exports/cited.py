"""What an export says of a claim: the claim, its document, and the reviews that it had."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from mains.reports.values import Claim

FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""Spreadsheets run a cell that begins so; the wide forms count in East Asian versions."""
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document: `filed_at` is when it was filed here, if it was; `url` where it was published.

    `copy_of` is the hash of the document that a syndicated copy repeats.
    """

    doc: str
    sha256: str
    name: str
    title: str | None = None
    publisher: str | None = None
    published: str | None = None
    url: str | None = None
    filed_at: datetime | None = None
    copy_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewNote:
    """A decision of a person about a claim; `undone` where a later review took it back."""

    id: str
    decision: str
    reviewer: str
    at: datetime
    note: str | None = None
    undone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A claim ready for export; `sentence` is the one it stands in, where that may be shown."""

    claim: Claim
    source: Source
    sentence: str | None = None
    reviews: tuple[ReviewNote, ...] = ()


def cell(text: object) -> str:
    """Return a cell of a table; what a spreadsheet would run as a formula gets an apostrophe first.

    Numbers stay as they are: a sign before digits starts no formula.
    """
    plain = "" if text is None else str(text)
    if _NUMBER.fullmatch(plain):
        return plain
    is_formula = plain.lstrip().startswith(FORMULA_STARTS) or plain.startswith(("\t", "\r"))
    return f"'{plain}" if is_formula else plain


def urn(kind: str, *parts: str) -> str:
    """Return a name that stays the same wherever the thing is kept: urn:mains:claim:1f2e..."""
    return ":".join(["urn:mains", kind, *(quote(part, safe=":") for part in parts)])


def instant(at: datetime) -> str:
    """Return an instant as RFC 3339 has it, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
