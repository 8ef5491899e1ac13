"""What leaves the library: claims with their documents and reviews, as text for other programs."""

from collections.abc import Sequence
from typing import Final, Literal

import anyio.to_thread

from mains import __version__
from mains.db import Queries, Transaction
from mains.reports.claims import Wanted, claim_rows, rows_of
from mains.reports.exports.cited import Cited, ReviewNote, Source
from mains.reports.exports.feed import subject_feed
from mains.reports.exports.linked import claims_jsonld
from mains.reports.exports.sdmx import claims_sdmx
from mains.reports.exports.tables import claims_csv
from mains.reports.rows import Row, claim_of
from mains.wire.reports import ExportFormat

QUERIES: Final = Queries.load(__package__, "queries.sql")

EXPORTED_MAX: Final = 10_000
PUBLIC_MAX: Final = 500
PublicFormat = ExportFormat | Literal["atom"]
MEDIA_TYPES: Final[dict[PublicFormat, str]] = {
    "atom": "application/atom+xml; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "jsonld": "application/ld+json",
    "sdmx": "application/vnd.sdmx.data+csv; charset=utf-8; version=2.0",
}
PUBLISHER: Final = "mains"
REJECTED: Final = "rejected"
REOPEN: Final = "reopen"


async def export(
    tx: Transaction, wanted: Wanted, *, as_format: ExportFormat, limit: int = EXPORTED_MAX
) -> str:
    """Return claims as they stand, newest first, EXPORTED_MAX at most; what is rejected stays."""
    rows = await claim_rows(tx, wanted, limit=min(limit, EXPORTED_MAX))
    cited = await _cited(tx, [row for row in rows if row["status"] != REJECTED])
    return await anyio.to_thread.run_sync(_written, cited, as_format)


async def export_public(
    tx: Transaction, subject: str, *, as_format: PublicFormat, address: str, page: str
) -> str:
    """Return what may be shown of a subject without a key, newest first, as table or feed.

    `address` is where this is found, `page` the subject's page.
    """
    asked = {"subject": subject, "limit": PUBLIC_MAX}
    found = await (await tx.execute(QUERIES["public_claim_ids"], asked)).fetchall()
    cited = await _cited(tx, await rows_of(tx, [row["id"] for row in found]))
    if as_format == "atom":
        return subject_feed(subject, cited, publisher=PUBLISHER, address=address, page=page)
    return await anyio.to_thread.run_sync(_written, cited, as_format)


def ending_of(text: str) -> PublicFormat | None:
    """Return the format that an address ends in, or None."""
    return next((known for known in MEDIA_TYPES if known == text), None)


def _written(cited: Sequence[Cited], as_format: ExportFormat) -> str:
    match as_format:
        case "csv":
            return "".join(claims_csv(cited))
        case "sdmx":
            return "".join(claims_sdmx(cited))
        case "jsonld":
            return claims_jsonld(cited, version=__version__)


async def _cited(tx: Transaction, rows: Sequence[Row]) -> list[Cited]:
    notes = await _notes(tx, [row["id"] for row in rows if row["reviews"]])
    return [
        Cited(
            claim=claim_of(row),
            source=_source(row),
            sentence=row["sentence"],
            reviews=tuple(notes.get(row["id"], ())),
        )
        for row in rows
    ]


async def _notes(tx: Transaction, ids: Sequence[str]) -> dict[str, list[ReviewNote]]:
    """Return the reviews of claims; those before the last reopening are undone."""
    if not ids:
        return {}
    rows = await (await tx.execute(QUERIES["reviews_of_claims"], {"ids": list(ids)})).fetchall()
    reopened: dict[str, int] = {}
    for row in rows:
        if row["decision"] == REOPEN:
            reopened[row["claim_id"]] = row["sequence"]
    notes: dict[str, list[ReviewNote]] = {}
    for row in rows:
        note = ReviewNote(
            id=str(row["id"]),
            decision=row["decision"],
            reviewer=row["person"],
            at=row["reviewed_at"],
            note=row["note"] or None,
            undone=row["sequence"] < reopened.get(row["claim_id"], 0),
        )
        notes.setdefault(row["claim_id"], []).append(note)
    return notes


def _source(row: Row) -> Source:
    return Source(
        doc=row["document_id"],
        sha256=row["sha256"],
        name=row["document"],
        title=row["title"],
        publisher=row["publisher"],
        published=row["published"],
        url=row["url"],
        filed_at=row["filed_at"],
        copy_of=row["original_sha256"],
    )
