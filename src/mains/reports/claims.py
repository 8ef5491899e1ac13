"""What is known: claims as they stand, relations, edges, the queue, views computed on demand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import anyio.to_thread

from mains.db import Queries, Transaction
from mains.errors import NotFound, RequestInvalid
from mains.reports.linking import facts_of
from mains.reports.reconcile.views import Standing, View, view
from mains.reports.reviews import reviews_of
from mains.reports.rows import (
    Row,
    claim_of,
    claim_view,
    document_view,
    edge_of,
    edge_view,
    relation_view,
)
from mains.reports.values import Edge, Reason
from mains.wire.reports import (
    ClaimPage,
    ClaimStatus,
    ClaimView,
    DocumentPage,
    DocumentView,
    EdgePage,
    EdgeView,
    MeasureView,
    ReasonView,
    RelationPage,
    StandingView,
    SubjectMeasure,
    SubjectPage,
    SupersededView,
    WhyClaim,
)

QUERIES: Final = Queries.load(__package__, "queries.sql")

PAGE: Final = 100
PAGE_MAX: Final = 1_000
VIEW_CLAIMS_MAX: Final = 500
EDGES_SHOWN_MAX: Final = 200
VIEW_EDGES_MAX: Final = 20_000
PREFIX_MIN: Final = 6
ID_DIGITS: Final = 16
_AFTER_HEXADECIMAL: Final = "g"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which claims are asked for; None asks for all."""

    subject: str | None = None
    measure: str | None = None
    status: ClaimStatus | None = None
    document_id: str | None = None
    neutral: bool = False


async def claims(
    tx: Transaction,
    wanted: Wanted,
    *,
    before: int | None = None,
    limit: int = PAGE,
) -> ClaimPage:
    """Return claims, newest first."""
    rows = await claim_rows(tx, wanted, before=before, limit=limit)
    return ClaimPage(
        claims=[claim_view(row) for row in rows],
        next_before=rows[-1]["number"] if len(rows) == limit else None,
    )


async def claim_rows(
    tx: Transaction, wanted: Wanted, *, before: int | None = None, limit: int = PAGE
) -> list[Row]:
    """Return the rows of claims as they stand, newest first."""
    asked = {
        "subject": wanted.subject,
        "measure": wanted.measure,
        "status": wanted.status,
        "document_id": wanted.document_id,
        "neutral": wanted.neutral,
        "before": before,
        "limit": limit,
    }
    found = await (await tx.execute(QUERIES["claim_ids"], asked)).fetchall()
    return await rows_of(tx, [row["id"] for row in found])


async def queue(
    tx: Transaction,
    *,
    document_id: str | None = None,
    status: ClaimStatus | None = None,
    after: int = 0,
    limit: int = PAGE,
) -> ClaimPage:
    """Return what waits for a review, the oldest first: queued and proposed, each copy once."""
    asked = {"document_id": document_id, "status": status, "after": after, "limit": limit}
    found = await (await tx.execute(QUERIES["queue"], asked)).fetchall()
    shown = await _views(tx, [row["id"] for row in found])
    return ClaimPage(
        claims=shown[::-1], next_after=found[-1]["number"] if len(found) == limit else None
    )


async def queue_length(tx: Transaction) -> int:
    row = await (await tx.execute(QUERIES["queue_length"])).fetchone()
    assert row is not None
    return int(row["claims"])


async def claim(tx: Transaction, reference: str) -> ClaimView:
    """Return one claim by its id, or by the first digits of it; raises NotFound."""
    claim_id = await _resolve(tx, reference, query="claims_with_prefix", what="claim")
    [found] = await _views(tx, [claim_id])
    return found


async def why(tx: Transaction, reference: str) -> WhyClaim:
    """Return why a claim says what it says: reasons, reviews, edges and what they lead to."""
    found = await claim(tx, reference)
    edges = await edges_of_claim(tx, found.id)
    others = {each.b if each.a == found.id else each.a for each in edges}
    return WhyClaim(
        claim=found,
        document=await document(tx, found.document_id),
        reasons=found.reasons,
        reviews=await reviews_of(tx, found.id),
        edges=edges,
        related=await _views(tx, sorted(others)),
    )


async def edges_of_claim(tx: Transaction, claim_id: str) -> list[EdgeView]:
    """Return the edges of a claim, newest first, EDGES_SHOWN_MAX at most."""
    rows = await tx.execute(QUERIES["edges_of_claim"], {"id": claim_id, "limit": EDGES_SHOWN_MAX})
    return [edge_view(edge_of(row)) for row in await rows.fetchall()]


async def edges_between(tx: Transaction, claim_ids: Sequence[str]) -> list[EdgeView]:
    """Return the edges whose two ends are among these claims, VIEW_EDGES_MAX at most."""
    asked = {"ids": list(claim_ids), "limit": VIEW_EDGES_MAX}
    rows = await tx.execute(QUERIES["edges_between"], asked)
    return [edge_view(edge_of(row)) for row in await rows.fetchall()]


async def edges(
    tx: Transaction,
    *,
    relation: str | None = None,
    documents: Sequence[str] | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> EdgePage:
    """Return edges, newest first; documents: only those whose two claims are of these."""
    asked = {
        "relation": relation,
        "documents": None if documents is None else list(documents),
        "before": before,
        "limit": limit,
    }
    found = await (await tx.execute(QUERIES["edges"], asked)).fetchall()
    return EdgePage(
        edges=[edge_view(edge_of(row)) for row in found],
        next_before=found[-1]["number"] if len(found) == limit else None,
    )


async def relations(
    tx: Transaction,
    *,
    document_id: str | None = None,
    subject: str | None = None,
    predicate: str | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> RelationPage:
    """Return what documents say without a figure, newest first."""
    asked = {
        "document_id": document_id,
        "subject": subject,
        "predicate": predicate,
        "before": before,
        "limit": limit,
    }
    found = await (await tx.execute(QUERIES["relations"], asked)).fetchall()
    return RelationPage(
        relations=[relation_view(row) for row in found],
        next_before=found[-1]["number"] if len(found) == limit else None,
    )


async def subjects(tx: Transaction, *, after: str = "", limit: int = PAGE) -> SubjectPage:
    """Return which measures of which subjects have accepted claims, in order, and how many."""
    subject, _, measure = after.partition("|")
    asked = {"subject": subject, "measure": measure, "limit": limit}
    found = await (await tx.execute(QUERIES["subjects"], asked)).fetchall()
    last = found[-1] if found else None
    return SubjectPage(
        subjects=[SubjectMeasure(**row) for row in found],
        next_after=f"{last['subject']}|{last['measure']}" if last else None,
    )


async def current_view(
    tx: Transaction,
    *,
    subject: str,
    measure: str,
    scope: str | None = None,
) -> MeasureView:
    """Return what the documents say now of a measure of a subject, with its reasons.

    Nothing of it is stored: it is computed from the claims as they stand, the newest
    VIEW_CLAIMS_MAX of them, and their edges.
    """
    asked = {
        "subject": subject,
        "measure": measure,
        "limit": VIEW_CLAIMS_MAX + 1,
    }
    found = await (await tx.execute(QUERIES["view_claim_ids"], asked)).fetchall()
    ids = [row["id"] for row in found][:VIEW_CLAIMS_MAX]
    rows = await rows_of(tx, ids)
    related = await tx.execute(QUERIES["edges_between"], {"ids": ids, "limit": VIEW_EDGES_MAX})
    joined = [edge_of(row) for row in await related.fetchall()]
    documents = await facts_of(tx, {row["document_id"] for row in rows})
    stated = [claim_of(row) for row in rows]
    computed = await anyio.to_thread.run_sync(
        view, subject, measure, scope, stated, joined, documents
    )
    return _measure_view(computed, rows, truncated=len(found) > VIEW_CLAIMS_MAX)


async def document(tx: Transaction, reference: str) -> DocumentView:
    """Return one document by its id, or by the first digits of it; raises NotFound."""
    document_id = await _resolve(tx, reference, query="documents_with_prefix", what="document")
    [found] = await documents(tx, ids=[document_id])
    return found


async def documents(
    tx: Transaction,
    *,
    ids: Sequence[str] | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[DocumentView]:
    """Return documents, newest first."""
    rows = await document_rows(tx, ids=ids, before=before, limit=limit)
    return [document_view(row) for row in rows]


async def document_page(
    tx: Transaction, *, before: int | None = None, limit: int = PAGE
) -> DocumentPage:
    """Return a page of the library, newest first."""
    rows = await document_rows(tx, before=before, limit=limit)
    return DocumentPage(
        documents=[document_view(row) for row in rows],
        next_before=rows[-1]["number"] if len(rows) == limit else None,
    )


async def document_rows(
    tx: Transaction,
    *,
    ids: Sequence[str] | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[dict[str, Any]]:
    asked = {
        "ids": None if ids is None else list(ids),
        "before": before,
        "limit": limit,
    }
    return await (await tx.execute(QUERIES["documents"], asked)).fetchall()


async def _views(tx: Transaction, ids: Sequence[str]) -> list[ClaimView]:
    return [claim_view(row) for row in await rows_of(tx, ids)]


async def rows_of(tx: Transaction, ids: Sequence[str]) -> list[Row]:
    """Return the claims' rows, newest first."""
    if not ids:
        return []
    return list(await (await tx.execute(QUERIES["claims"], {"ids": list(ids)})).fetchall())


async def _resolve(tx: Transaction, reference: str, *, query: str, what: str) -> str:
    """Return the one id that begins so; raises NotFound, or RequestInvalid for several."""
    digits = reference.strip().lower()
    readable = PREFIX_MIN <= len(digits) <= ID_DIGITS and set(digits) <= set("0123456789abcdef")
    if not readable:
        raise NotFound(
            f"{reference!r} is no {what}'s id",
            hint=f"An id has {ID_DIGITS} digits of 0-9 and a-f; the first {PREFIX_MIN} will do.",
        )
    asked = {"low": digits, "high": digits + _AFTER_HEXADECIMAL}
    found = await (await tx.execute(QUERIES[query], asked)).fetchall()
    if not found:
        raise NotFound(f"there is no {what} {reference}")
    if len(found) > 1:
        raise RequestInvalid(f"several ids begin with {reference}", hint="Give more digits.")
    return str(found[0]["id"])


def _measure_view(computed: View, rows: Sequence[Row], *, truncated: bool) -> MeasureView:
    return MeasureView(
        subject=computed.subject,
        measure=computed.measure,
        scope=computed.scope,
        state=computed.state.value,
        current=[_standing(each) for each in computed.current],
        apart=[_standing(each) for each in computed.apart],
        superseded=[
            SupersededView(claim=each.claim, by=each.by, reason=each.reason)
            for each in computed.superseded
        ],
        conflicts=_edges(computed.conflicts),
        waiting=list(computed.waiting),
        reasons=_reasons(computed.reasons),
        claims=[claim_view(row) for row in rows],
        truncated=truncated,
    )


def _standing(each: Standing) -> StandingView:
    return StandingView(
        claim=each.claim,
        value=each.value,
        unit=each.unit,
        bound=each.bound.value,
        modality=each.modality.value,
        scope=each.scope,
        period=each.period,
        low=each.low,
        high=each.high,
        claims=list(each.claims),
        documents=list(each.documents),
        supports=each.supports,
        restated=list(each.restated),
        reasons=_reasons(each.reasons),
    )


def _edges(found: Iterable[Edge]) -> list[EdgeView]:
    return [edge_view(each) for each in found]


def _reasons(found: Iterable[Reason]) -> list[ReasonView]:
    return [ReasonView(code=each.code, text=each.text) for each in found]
