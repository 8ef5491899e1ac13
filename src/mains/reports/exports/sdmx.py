"""Claims as SDMX-CSV 2.0, in the structure MAINS:CLAIMS(1.0) that docs/exports.md describes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mains.reports.exports.cited import Cited
from mains.reports.exports.tables import row
from mains.reports.reconcile.periods import span_of

STRUCTURE: Final = "datastructure"
STRUCTURE_ID: Final = "MAINS:CLAIMS(1.0)"
ACTION: Final = "I"
"""Information: the file replaces nothing and deletes nothing."""
NOT_STATED: Final = "_X"
"""SDMX's code for what the source does not say; a dimension is never empty."""

DIMENSIONS: Final = (
    "SUBJECT",
    "MEASURE",
    "SCOPE",
    "PERIOD",
    "MODALITY",
    "BOUND",
    "UNIT",
    "CLAIM",
)
"""CLAIM is the last of the key: two documents may state the same cell, and both are kept."""
ATTRIBUTES: Final = ("SOURCE", "SPAN", "SPEAKER", "STATUS")
COLUMNS: Final = ("STRUCTURE", "STRUCTURE_ID", "ACTION", *DIMENSIONS, "OBS_VALUE", *ATTRIBUTES)


def claims_sdmx(items: Iterable[Cited]) -> Iterator[str]:
    """Yield the header and one observation for each bound claim, each with its line end."""
    yield row(COLUMNS)
    for item in items:
        claim = item.claim
        if claim.subject is None or claim.measure is None or claim.is_neutral:
            continue
        yield row(
            [
                STRUCTURE,
                STRUCTURE_ID,
                ACTION,
                claim.subject,
                claim.measure,
                claim.scope or NOT_STATED,
                time_period(claim.period),
                claim.modality.value,
                claim.bound.value,
                claim.unit,
                claim.id,
                claim.value,
                item.source.url or f"sha256:{item.source.sha256}",
                f"{claim.start}-{claim.end}",
                claim.speaker,
                claim.status.value,
            ]
        )


def time_period(period: str | None) -> str:
    """Return a period as SDMX writes it: halves are semesters, intervals a start and a length."""
    span = span_of(period)
    if period is None or span is None:
        return NOT_STATED
    if "/" not in period:
        return period.replace("-H", "-S")
    whole_years = (span.first.month, span.first.day, span.last.month, span.last.day)
    if whole_years == (1, 1, 12, 31):
        return f"{span.first.isoformat()}/P{span.last.year - span.first.year + 1}Y"
    return f"{span.first.isoformat()}/P{span.days}D"
