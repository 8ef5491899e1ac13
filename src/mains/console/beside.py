"""What stands beside the claims: live figures of this platform, and the open formats."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from mains import __version__
from mains.console.catalogue import RANK
from mains.db import Transaction
from mains.reports import live
from mains.reports.exports.cited import Cited
from mains.reports.exports.feed import subject_feed
from mains.reports.exports.linked import claims_jsonld
from mains.reports.exports.sdmx import claims_sdmx
from mains.reports.exports.tables import claims_csv
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an export is of, where it is found itself, and where the subject's page is."""

    subject: str
    address: str
    page: str


@dataclass(frozen=True, slots=True)
class Format:
    """An open format: how it is called and sent, and what writes it."""

    name: str
    media_type: str
    write: Callable[[Sequence[Cited], Asked], str]


def _atom(cited: Sequence[Cited], asked: Asked) -> str:
    return subject_feed(
        asked.subject, cited, publisher=PUBLISHER, address=asked.address, page=asked.page
    )


PUBLISHER: Final = "mains"
EXPORTS: Final = "/reports/exports"
FEED: Final = "claims.atom"
FORMATS: Final[Mapping[str, Format]] = {
    FEED: Format("Atom", "application/atom+xml; charset=utf-8", _atom),
    "claims.csv": Format(
        "CSV", "text/csv; charset=utf-8", lambda cited, _: "".join(claims_csv(cited))
    ),
    "claims.jsonld": Format(
        "JSON-LD",
        "application/ld+json",
        lambda cited, _: claims_jsonld(cited, version=__version__),
    ),
    "claims.sdmx.csv": Format(
        "SDMX-CSV",
        "application/vnd.sdmx.data+csv; charset=utf-8; version=2.0",
        lambda cited, _: "".join(claims_sdmx(cited)),
    ),
}


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
    return tuple(
        Feed(
            each.name,
            each.media_type.partition(";")[0],
            f"{EXPORTS}/{key}?subject={quote(subject_id)}",
            relation=key == FEED,
        )
        for key, each in FORMATS.items()
    )
