"""Claims and edges as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from mains.reports.exports.cited import Cited, cell
from mains.reports.values import Edge

CLAIM_COLUMNS: Final = (
    "id",
    "subject",
    "measure",
    "scope",
    "value",
    "unit",
    "bound",
    "modality",
    "period",
    "speaker",
    "status",
    "quote",
    "start",
    "end",
    "language",
    "document",
    "document_sha256",
    "title",
    "publisher",
    "published",
    "url",
)
EDGE_COLUMNS: Final = ("id", "a", "b", "relation", "reason")


def claims_csv(items: Iterable[Cited]) -> Iterator[str]:
    """Yield the header and one line for each claim, each with its line end."""
    yield row(CLAIM_COLUMNS)
    for item in items:
        claim, source = item.claim, item.source
        yield row(
            [
                claim.id,
                claim.subject,
                claim.measure,
                claim.scope,
                claim.value,
                claim.unit,
                claim.bound.value,
                claim.modality.value,
                claim.period,
                claim.speaker,
                claim.status.value,
                claim.quote,
                claim.start,
                claim.end,
                claim.language,
                source.name,
                source.sha256,
                source.title,
                source.publisher,
                source.published,
                source.url,
            ]
        )


def edges_csv(edges: Iterable[Edge]) -> Iterator[str]:
    """Yield the header and one line for each edge, each with its line end."""
    yield row(EDGE_COLUMNS)
    for edge in edges:
        yield row([edge.id, edge.a, edge.b, edge.relation.value, edge.reason])


def row(values: Sequence[object]) -> str:
    """Return one line of CSV with its line end; every cell is safe in a spreadsheet."""
    written = io.StringIO(newline="")
    csv.writer(written).writerow([cell(value) for value in values])
    return written.getvalue()
