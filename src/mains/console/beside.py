"""What stands beside the claims: live figures of this platform, and the open formats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from mains.reports.packs.loader import measure_rules
from mains.reports.public import Counted

CITED: Final = "live_cited"
NO_REGISTER: Final = "live_no_register"


@dataclass(frozen=True, slots=True)
class LiveFigure:
    value: str
    unit: str
    scope: str


@dataclass(frozen=True, slots=True)
class Beside:
    """The live figures of one measure, or the message that says why there is none."""

    figures: Sequence[LiveFigure]
    absent: str


@dataclass(frozen=True, slots=True)
class Feed:
    """One open format of a subject's claims; relation: readers of feeds find it by themselves."""

    name: str
    media_type: str
    address: str
    relation: bool = False


def beside(measures: Sequence[Counted]) -> Mapping[str, Beside]:
    """Return what stands beside each measure."""
    rules = measure_rules()
    return {
        each.name: Beside(
            (), NO_REGISTER if each.name in rules and rules[each.name].live else CITED
        )
        for each in measures
    }


def feeds(subject_id: str) -> Sequence[Feed]:
    """Return the open formats of one subject's claims."""
    at = f"/v1/reports/exports/{quote(subject_id, safe=':')}"
    return (
        Feed("Atom", "application/atom+xml", f"{at}.atom", relation=True),
        Feed("CSV", "text/csv", f"{at}.csv"),
        Feed("JSON-LD", "application/ld+json", f"{at}.jsonld"),
    )
