"""What reconciling has to know of a document beside its claims."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mains.reports.reconcile.periods import Span, span_of
from mains.reports.values import Claim, Modality

DATE: Final = "date"
YEAR_DAYS_MAX: Final = 366
"""Longer times are terms of programmes, which begin before the report and end after it."""
ISO_DAY_LENGTH: Final = len("2025-02-22")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFacts:
    """One document: when it speaks, and whether it only repeats another.

    `doc` is what its claims name. `published` is the ISO date that the document gives, if any.
    `copy_of` names the document that a syndicated copy repeats. `latest_period` is the latest time
    that the document reports as past: where no publication date is given it tells which report is
    the later one.
    """

    doc: str
    published: str | None = None
    copy_of: str | None = None
    latest_period: str | None = None

    @property
    def origin(self) -> str:
        """Return the document that counts as the support: the original of a copy, or itself."""
        return self.copy_of or self.doc

    @property
    def now(self) -> Span | None:
        """Return the time at which the document speaks, as far as it tells."""
        day = self.published[:ISO_DAY_LENGTH] if self.published else None
        return span_of(day) or span_of(self.latest_period)


def document_facts(
    doc: str,
    claims: Iterable[Claim],
    *,
    published: str | None = None,
    copy_of: str | None = None,
) -> DocumentFacts:
    """Return the facts of one document, its latest period taken from all of its claims."""
    told = list(claims)
    # A year of which a plan or an aim speaks is ahead, unless a figure of that year is observed.
    ahead = {claim.period for claim in told if claim.modality is not Modality.OBSERVED}
    spans = [
        (span.last, span.first, time)
        for claim in told
        for time in _times(claim)
        if not (claim.is_neutral and time in ahead)
        and (span := span_of(time)) is not None
        and span.days <= YEAR_DAYS_MAX
    ]
    latest = max(spans)[2] if spans else None
    return DocumentFacts(doc=doc, published=published, copy_of=copy_of, latest_period=latest)


def _times(claim: Claim) -> tuple[str, ...]:
    """Return the times that a claim reports as past; plans, aims and estimates reach ahead."""
    if claim.modality is not Modality.OBSERVED:
        return ()
    stated = (claim.period, claim.value if claim.unit == DATE else None)
    return tuple(time for time in stated if time is not None)
