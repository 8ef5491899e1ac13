"""The publication date, only where the document gives day, month and year.

A dateline is a short line that holds little but a date, or the opening of the first paragraph
that is set off from its first sentence: PLACE, date, then a dash, a colon or a stop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from mains.reports.packs import Pack, load_pack

OPENING_CHARACTERS: Final = 90
"""How far into a paragraph its dateline may reach."""
LINE_CHARACTERS_MAX: Final = 70
LINES_SEARCHED: Final = 4
"""A date line stands among the first or the last lines."""
DATE_SHARE_MIN: Final = 0.4
YEARS: Final = range(1900, 2101)
WORDS_OF_A_DATE: Final = r"(?:[^\W\d]{1,3}\.?\s+)?"
AFTER_A_DAY: Final = r"(?:\.|[^\W\d]{1,2}\b|º|ª)?"
SET_OFF: Final = re.compile(r"[^\W\d]{0,6}\.?\s*(?:\([^()]{1,40}\)\s*)?(?:[—–:]|-\s|\.\s*[—–-])")
WIDE_SET_OFF: Final = re.compile(r"[^\W\d\s]{0,2}\s")
STOP: Final = re.compile(r"\s*(?:[^\W\d]{1,4}\.?)?[.)]?(?:\s|$)")
ISO: Final = re.compile(r"(?<!\d)(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?!\d)")
IDEOGRAPHS: Final = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Found:
    """A whole date and where it stands in the text that was searched."""

    day: date
    start: int
    end: int


def dateline(texts: Sequence[str], first_paragraph: int, language: str | None) -> str | None:
    """Return the ISO date that a dateline gives, or None.

    `texts` are the document's lines, `first_paragraph` the index of the first one of its body.
    """
    pack = load_pack(language)
    near = list(range(min(LINES_SEARCHED, len(texts))))
    near += [
        index for index in range(len(texts) - 2, len(texts)) if index not in near and index > 0
    ]
    for index in near:
        if len(texts[index]) <= LINE_CHARACTERS_MAX and (found := _own_line(texts[index], pack)):
            return found.isoformat()
    if first_paragraph < len(texts):
        opening = _opening(texts[first_paragraph], pack)
        return opening.isoformat() if opening else None
    return None


def iso_day(text: str | None) -> str | None:
    """Return the day of an ISO date or time as metadata write it, or None for anything else."""
    match = ISO.match((text or "").strip())
    found = _day(match) if match else None
    return found.isoformat() if found else None


def whole_dates(text: str, pack: Pack) -> Iterator[Found]:
    """Yield the dates of a text that name day, month and year."""
    for pattern in pack.derive(_patterns):
        for match in pattern.finditer(text):
            found = _day(match, pack.derive(_months))
            if found is not None:
                yield Found(found, match.start(), match.end())


def _own_line(text: str, pack: Pack) -> date | None:
    dates = list(whole_dates(text, pack))
    if len({found.day for found in dates}) != 1:
        return None
    longest = max(found.end - found.start for found in dates)
    return dates[0].day if longest >= DATE_SHARE_MIN * len(text) else None


def _opening(text: str, pack: Pack) -> date | None:
    held = text[:OPENING_CHARACTERS]
    for found in whole_dates(held, pack):
        before, after = held[: found.start], held[found.end :]
        if _names_only(before) and SET_OFF.match(after):
            return found.day
        if IDEOGRAPHS.search(held[: found.end]) and WIDE_SET_OFF.match(after):
            return found.day
        if before.strip() and before.upper() == before and STOP.match(after):
            return found.day
    return None


def _names_only(before: str) -> bool:
    """Whether what stands before a date reads as places and agencies, not as a sentence."""
    words = re.findall(r"[^\W\d]+", before)
    return all(word[0].isupper() or not word[0].islower() or len(word) <= 3 for word in words)


def _day(match: re.Match[str], months: dict[str, int] | None = None) -> date | None:
    named = match["m"].casefold().rstrip(".")
    month = int(named) if named.isdecimal() else (months or {}).get(named, 0)
    year = int(match["y"])
    if year not in YEARS:
        return None
    try:
        return date(year, month, int(match["d"]))
    except ValueError:
        return None


def _months(pack: Pack) -> dict[str, int]:
    """Return the months' names, by CLDR and by the pack."""
    named = {
        name.casefold().rstrip("."): month for name, month in pack.grammar.periods.months.items()
    }
    for width in ("wide", "abbreviated"):
        for month, name in pack.locale.months["format"][width].items():
            named.setdefault(str(name).casefold().rstrip("."), int(month))
    return {name: month for name, month in named.items() if not name.isdecimal()}


def _patterns(pack: Pack) -> tuple[re.Pattern[str], ...]:
    """Return what finds whole dates: any order of day and named month, and CLDR's own formats."""
    names = sorted(pack.derive(_months), key=len, reverse=True)
    month = rf"(?P<m>(?:{'|'.join(map(re.escape, names))}))\.?"
    year = r"(?P<y>\d{4})(?!\d)"
    day = rf"(?<!\d)(?P<d>\d{{1,2}}){AFTER_A_DAY}"
    found = [ISO]
    if names:
        orders = (
            rf"{day}\s+{WORDS_OF_A_DATE}{month},?\s+{WORDS_OF_A_DATE}{year}",
            rf"(?<!\w){month}\s+{day},?\s+{year}",
        )
        found += [re.compile(order, re.IGNORECASE) for order in orders]
    for form in ("long", "short"):
        own = _from_format(str(pack.locale.date_formats[form].pattern), month)
        if own is not None:
            found.append(own)
    return tuple(found)


def _from_format(pattern: str, month: str) -> re.Pattern[str] | None:
    """Return CLDR's date format as a pattern, or None where it is ambiguous or writes no year.

    A format whose month comes first in figures is ambiguous: other countries of the same language
    write the day first.
    """
    fields = re.findall(r"y+|M+|d+|'[^']*'|[^yMd']+", pattern)
    letters = [part[0] for part in fields if part[0] in "yMd"]
    if sorted(letters) != ["M", "d", "y"] or letters[0] == "M":
        return None
    by_field = {
        "y": r"(?P<y>\d{4})",
        "d": r"(?P<d>\d{1,2})",
    }
    written = []
    for part in fields:
        if part[0] == "M":
            written.append(month if len(part) > 2 else r"(?P<m>\d{1,2})")
        elif part[0] in by_field:
            written.append(by_field[part[0]])
        else:
            written.append(
                r"\s*" + re.escape(part.strip("' \u202f")) + r"\s*" if part.strip() else r"\s+"
            )
    return re.compile(rf"(?<!\d){''.join(written)}(?!\d)", re.IGNORECASE)
