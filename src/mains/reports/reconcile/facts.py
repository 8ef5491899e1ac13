"""What reconciling has to know of a document beside its claims."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mains.reports.values import Claim


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


def document_facts(
    doc: str,
    claims: Iterable[Claim],
    *,
    published: str | None = None,
    copy_of: str | None = None,
) -> DocumentFacts:
    """Return the facts of one document, its latest period taken from all of its claims."""
    raise NotImplementedError
