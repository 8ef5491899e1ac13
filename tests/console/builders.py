"""A library of reports in our own words, entered as a filing would enter them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mains.db import Database, Transaction, jsonb
from mains.parties import service as parties
from mains.parties.keyfiles import Peppers
from mains.reports.library import QUERIES, add_claims
from mains.reports.values import identify

PEPPER = Peppers({1: bytes(range(32))})
NOW = datetime(2026, 3, 1, tzinfo=UTC)
FILER = "SELECT id, home_id AS organisation_id FROM parties.person ORDER BY id LIMIT 1"


@dataclass(frozen=True)
class Said:
    """One claim of a sentence: the quote, and what it was bound to."""

    quote: str
    subject: str | None
    measure: str | None
    value: str
    unit: str = "count"
    bound: str = "exact"
    modality: str = "observed"
    period: str | None = None
    scope: str | None = None
    speaker: str | None = None
    status: str = "accepted"


@dataclass(frozen=True)
class Report:
    """A document: its sentences, each with what it claims."""

    name: str
    language: str
    sentences: Sequence[tuple[str, Sequence[Said]]]
    title: str | None = None
    publisher: str | None = None
    published: str | None = None
    url: str | None = None
    public: bool = True
    opened_sha256: str | None = None
    """Where the whole text is kept, if it is."""
    ids: dict[str, str] = field(default_factory=dict)
    """Ids of claims by their quotes, once the report is entered."""


async def open_library(database: Database, *reports: Report) -> None:
    """Enter an authority that files, and its reports."""
    async with database.transaction() as tx:
        await parties.bootstrap(tx, pepper=PEPPER, now=NOW)
        for report in reports:
            await enter(tx, report)


async def enter(tx: Transaction, report: Report) -> None:
    """Write one report and its claims; they have no edges."""
    text = " ".join(sentence for sentence, _ in report.sentences)
    sha256 = hashlib.sha256(f"{report.name}\n{text}".encode()).hexdigest()
    filer = await (await tx.execute(FILER)).fetchone()
    assert filer is not None
    document = {
        "id": sha256[:16],
        "sha256": f"sha256:{sha256}",
        "text_sha256": f"sha256:{sha256}",
        "opened_sha256": report.opened_sha256 or f"sha256:{sha256}",
        "name": report.name,
        "title": report.title,
        "publisher": report.publisher,
        "published": report.published,
        "url": report.url,
        "media_type": "text/plain",
        "languages": [report.language],
        "size_bytes": len(text.encode()),
        "characters": len(text),
        "latest_period": None,
        "notes": jsonb([]),
        "signature": bytes(8),
        "bands": [],
        "copy_of": None,
        "public": report.public,
        "organisation_id": filer["organisation_id"],
        "filed_by": filer["id"],
        "now": NOW,
    }
    await tx.execute(QUERIES["add_document"], document)
    await add_claims(tx, sha256[:16], list(_rows(report, sha256)))


async def relate(tx: Transaction, a: str, b: str, relation: str, reason: str) -> None:
    """Add one edge between two claims."""
    await tx.execute(
        "INSERT INTO reports.edge (id, a, b, relation, reason, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (identify(a, b, relation), a, b, relation, reason, NOW),
    )


def _rows(report: Report, sha256: str) -> list[dict[str, Any]]:
    rows = []
    at = 0
    for sentence, claims in report.sentences:
        for said in claims:
            start = at + sentence.index(said.quote)
            claim_id = identify(sha256, start, said.quote, said.measure, said.bound)
            report.ids[said.quote] = claim_id
            rows.append(
                {
                    "id": claim_id,
                    "span_start": start,
                    "span_end": start + len(said.quote),
                    "quote": said.quote,
                    "sentence": sentence,
                    "sentence_start": at,
                    "subject": said.subject,
                    "measure": said.measure,
                    "scope": said.scope,
                    "value": said.value,
                    "unit": said.unit,
                    "bound": said.bound,
                    "modality": said.modality,
                    "period": said.period,
                    "speaker": said.speaker,
                    "pair": None,
                    "status": said.status,
                    "language": report.language,
                    "block": "body",
                    "reasons": [{"code": "bound", "text": "bound by the noun phrase after it"}],
                }
            )
        at += len(sentence) + 1
    return rows
