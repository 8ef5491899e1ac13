"""What stands beside the claims: live figures of this platform, and the open formats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from mains.console.catalogue import RANK
from mains.db import Transaction
from mains.reports import live
from mains.reports.packs.loader import measure_rules
from mains.reports.public import Counted
from mains.wire.live import LiveView


@dataclass(frozen=True, slots=True)
class Feed:
    """One open format of a subject's claims; relation: readers of feeds find it by themselves."""

    name: str
    media_type: str
    address: str
    relation: bool = False


async def beside(
    tx: Transaction, measures: Sequence[Counted], *, now: datetime
) -> Mapping[str, LiveView]:
    """Return what this platform itself knows of each measure; one that nobody knows is missing."""
    rules = measure_rules()
    known = [
        each.name
        for each in measures
        if each.name in rules or each.name.removeprefix(RANK) in rules
    ]
    return {each.measure: each for each in await live.live(tx, known, now=now)}


def feeds(subject_id: str) -> Sequence[Feed]:
    """Return the open formats of one subject's claims."""
    at = f"/v1/reports/exports/{quote(subject_id, safe=':')}"
    return (
        Feed("Atom", "application/atom+xml", f"{at}.atom", relation=True),
        Feed("CSV", "text/csv", f"{at}.csv"),
        Feed("JSON-LD", "application/ld+json", f"{at}.jsonld"),
    )
