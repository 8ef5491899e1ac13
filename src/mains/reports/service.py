"""The use cases of reports, in one place."""

from mains.reports.claims import (
    Wanted,
    claim,
    claims,
    current_view,
    document,
    document_page,
    documents,
    edges,
    edges_of_claim,
    queue,
    queue_length,
    relations,
    subjects,
    why,
)
from mains.reports.library import (
    Arrival,
    Shelf,
    add_claims,
    file,
    file_address,
    opened,
    publish,
)
from mains.reports.linking import facts_of, link
from mains.reports.reviews import envelopes, review, reviews_of

__all__ = [
    "Arrival",
    "Shelf",
    "Wanted",
    "add_claims",
    "claim",
    "claims",
    "current_view",
    "document",
    "document_page",
    "documents",
    "edges",
    "edges_of_claim",
    "envelopes",
    "facts_of",
    "file",
    "file_address",
    "link",
    "opened",
    "publish",
    "queue",
    "queue_length",
    "relations",
    "review",
    "reviews_of",
    "subjects",
    "why",
]
