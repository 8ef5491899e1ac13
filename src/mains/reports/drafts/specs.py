"""The fields of each kind of draft: what they mean, and what a person may enter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from mains.programmes.document import VALID_DAYS_MAX
from mains.reports.drafts.values import UNSTATED, DraftKind, FieldSpec
from mains.units import BASIS_POINTS, Money, decimal_string
from mains.wire.base import NAME_PATTERN, TEXT_PATTERN

NONE: Final = "none"
ANY: Final = "any"
POT: Final = "pot"
PER_APPLICANT: Final = "per_applicant"
TEXT_CHARACTERS_MAX: Final = 500
PERCENT_STEP: Final = 100

_NAME: Final = re.compile(NAME_PATTERN, re.ASCII)
_TEXT: Final = re.compile(TEXT_PATTERN)
_PERCENT: Final = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))? ?%?", re.ASCII)
_DAYS: Final = re.compile(r"\d{1,5}", re.ASCII)
_DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?|-[HQ]\d)?", re.ASCII)


def text(given: str) -> str:
    """Read a text that a document may hold."""
    trimmed = given.strip()
    if not trimmed or len(trimmed) > TEXT_CHARACTERS_MAX or not _TEXT.fullmatch(trimmed):
        raise ValueError(f"write a text of 1 to {TEXT_CHARACTERS_MAX} characters")
    return trimmed


def name(given: str) -> str:
    if not _NAME.fullmatch(given):
        raise ValueError("write a name of lower-case letters, digits and hyphens")
    return given


def currency(given: str) -> str:
    return Money(0, given).unit


def amount(given: str) -> str:
    """Read an amount above nothing that a ledger can hold, in its canonical spelling."""
    micros = Money.parse(given.replace(",", ""), "XXX").micros
    if micros <= 0:
        raise ValueError("an amount here is more than nothing")
    return decimal_string(micros)


def percent(given: str) -> str:
    """Read a share such as "50 %" or "12.5": more than nothing, at most all, two decimals."""
    found = _PERCENT.fullmatch(given.strip())
    if found is None:
        raise ValueError('write a percentage such as "50 %" or "12.5 %", at most two decimals')
    points = int(found[1]) * PERCENT_STEP + int((found[2] or "").ljust(2, "0"))
    if not 0 < points <= BASIS_POINTS:
        raise ValueError("a rate is more than 0 % and at most 100 %")
    return f"{decimal_string(points * 10_000)} %"


def day(given: str) -> str:
    return date.fromisoformat(given).isoformat()


def moment(given: str) -> str:
    """Read a day, a month, a quarter, a half or a year."""
    if not _DATE.fullmatch(given):
        raise ValueError("write a date such as 2026-03-31, 2026-03, 2026-Q1 or 2026")
    return given


def zone(given: str) -> str:
    try:
        return ZoneInfo(given).key
    except (KeyError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA list, such as Asia/Shanghai") from None


def days(given: str) -> str:
    """Read how long something lasts."""
    if not _DAYS.fullmatch(given) or not 0 < int(given) <= VALID_DAYS_MAX:
        raise ValueError(f"write a whole number of days, from 1 to {VALID_DAYS_MAX}")
    return str(int(given))


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return a reader of one of these words."""

    def read(given: str) -> str:
        if given not in allowed:
            raise ValueError(f"write one of: {', '.join(allowed)}")
        return given

    return read


PROGRAMME: Final = (
    FieldSpec("authority", "who gives the money", "who gives the money", text),
    FieldSpec("name", "the programme's name here", "a name such as compute-2026", name),
    FieldSpec("title", "the programme's title", "a title for people", text),
    FieldSpec("currency", "the currency of all amounts", "a code such as CNY", currency),
    FieldSpec("limit", "the limit that reports state", "an amount", amount),
    FieldSpec(
        "limit_is",
        "what the limit limits: the whole pot, or what one applicant gets",
        f"{POT} or {PER_APPLICANT}",
        one_of(POT, PER_APPLICANT),
    ),
    FieldSpec("pot", "what may be granted in all", "an amount", amount),
    FieldSpec(
        "cap_per_organisation",
        "the most for one organisation in a period",
        "an amount, or none",
        amount,
        instead=NONE,
    ),
    FieldSpec(
        "cap_period",
        "the period of that cap",
        "calendar_year, calendar_month or whole",
        one_of("calendar_year", "calendar_month", "whole"),
    ),
    FieldSpec("rate", "the share of a charge that a voucher pays", 'such as "50 %"', percent),
    FieldSpec("eligible_groups", "who may apply, as reports say it", "", None, many=True),
    FieldSpec(
        "eligible",
        "which types of organisation may be granted a voucher",
        "types such as firm,university,institute, or any",
        name,
        many=True,
        instead=ANY,
    ),
    FieldSpec("conditions", "what else reports say of it", "", None, many=True),
    FieldSpec("other_amounts", "what else of its money reports name", "", None, many=True),
    FieldSpec("valid_from", "the first day", "a day such as 2026-01-01", day),
    FieldSpec("valid_until", "the last day", "a day such as 2027-12-31", day),
    FieldSpec("time_zone", "whose days and years count", "such as Asia/Shanghai", zone),
    FieldSpec("sites", "where it buys", "names of sites, or any", name, many=True, instead=ANY),
    FieldSpec("resources", "what it buys", "such as cpu,gpu, or any", name, many=True, instead=ANY),
    FieldSpec("voucher_days", "how long a voucher lasts", "a number of days", days),
    FieldSpec(
        "tranche",
        "how much of a grant is released at a time",
        "an amount, or none",
        amount,
        instead=NONE,
    ),
)

_MODALITIES: Final = ("text", "image", "audio", "video", "code", "action", "multimodal")

FILING: Final = (
    FieldSpec("model", "the model", "the model's name", text),
    FieldSpec("developer", "who develops it", "a name", text, many=True, instead=UNSTATED),
    FieldSpec(
        "kind",
        "what kind of model it is",
        "base, reasoning, agent or other",
        one_of("base", "reasoning", "agent", "other"),
        instead=UNSTATED,
    ),
    FieldSpec(
        "modality",
        "what it takes and gives",
        f"some of {', '.join(_MODALITIES)}",
        one_of(*_MODALITIES),
        many=True,
        instead=UNSTATED,
    ),
    FieldSpec(
        "release",
        "how far its release is",
        "planned, announced or released",
        one_of("planned", "announced", "released"),
        instead=UNSTATED,
    ),
    FieldSpec("release_date", "when", "a date", moment, instead=UNSTATED),
    FieldSpec("openness", "whether it is open, as reports say it", "", None),
    FieldSpec("licence", "its licence", "such as Apache-2.0", text, instead=UNSTATED),
    FieldSpec("parameters", "how many parameters", "a number", text, instead=UNSTATED),
    FieldSpec("languages", "how many languages", "a number", text, instead=UNSTATED),
)

NEED: Final = (
    FieldSpec("owner", "whose need it is", "a name", text),
    FieldSpec("programme", "the programme it belongs to", "a name", text, instead=UNSTATED),
    FieldSpec("title", "the need in one line", "a title for people", text),
    FieldSpec("description", "what is to be solved", "a sentence or more", text),
    FieldSpec("lists", "how many lists", "a number", text, instead=UNSTATED),
    FieldSpec("applications", "how many applications", "a number", text, instead=UNSTATED),
    FieldSpec("areas", "where it applies", "names", text, many=True, instead=UNSTATED),
    FieldSpec("contact", "whom to ask", "an office or an address", text, instead=UNSTATED),
    FieldSpec("deadline", "until when", "a date", moment, instead=UNSTATED),
)

FUNDING: Final = (
    FieldSpec("company", "who received the money", "a name", text),
    FieldSpec("instrument", "how it was raised", "round or bond", one_of("round", "bond")),
    FieldSpec("round", "which round", "such as series B", text, instead=UNSTATED),
    FieldSpec("amounts", "amounts as stated", "such as 1000000 CNY", text, many=True),
    FieldSpec("date", "when", "a date", moment, instead=UNSTATED),
    FieldSpec("lead_investors", "who led", "names", text, many=True, instead=UNSTATED),
    FieldSpec("participants", "who took part", "names", text, many=True, instead=UNSTATED),
    FieldSpec("valuation", "the company's value", "an amount as stated", text, instead=UNSTATED),
    FieldSpec("purpose", "what it is for", "a text", text, many=True, instead=UNSTATED),
    FieldSpec("rounds_so_far", "how many rounds there were", "", None),
)

SPECS: Final[Mapping[DraftKind, tuple[FieldSpec, ...]]] = {
    DraftKind.PROGRAMME: PROGRAMME,
    DraftKind.FILING: FILING,
    DraftKind.NEED: NEED,
    DraftKind.FUNDING: FUNDING,
}
