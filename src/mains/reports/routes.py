"""The HTTP door of reports: file and read documents, claims, edges, views, the queue, reviews."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote

import anyio
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from mains.db import Transaction
from mains.errors import MainsError, NotFound, RequestInvalid
from mains.parties.door import Caller, CallerDependency, NowDependency, TransactionDependency
from mains.reports import exporting, service
from mains.reports.door import ReportsWiredDependency
from mains.reports.exporting import EXPORTED_MAX
from mains.reports.library import NAME_CHARACTERS_MAX, Arrival, Shelf
from mains.reports.rules import FILERS, REVIEWERS, public_by_default
from mains.reports.service import Wanted
from mains.wire.reports import (
    BulkAnswer,
    BulkAnswers,
    BulkDocument,
    BulkFiling,
    ClaimPage,
    ClaimStatus,
    ClaimView,
    DocumentFiled,
    DocumentPage,
    DocumentText,
    DocumentView,
    EdgeKind,
    EdgePage,
    EdgesAsked,
    ExportFormat,
    MeasureView,
    RelationPage,
    ReviewAnswers,
    ReviewBatch,
    Reviewed,
    ReviewRequest,
    ReviewView,
    SubjectPage,
    UrlRequest,
    WhyClaim,
)

PAGE: Final = 100
PAGE_MAX: Final = 1_000
BULK_AT_ONCE: Final = 4
UNNAMED: Final = "report"

router: Final = APIRouter(prefix="/v1/reports", tags=["reports"])

Reference = Annotated[str, Path(description="An id, or at least its first 6 digits.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Before = Annotated[int | None, Query(ge=0, le=2**63 - 1)]
Filter = Annotated[str | None, Query(max_length=200)]

_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/documents", status_code=201, openapi_extra=_BODY)
async def file_document(
    request: Request,
    caller: CallerDependency,
    now: NowDependency,
    wired: ReportsWiredDependency,
    name: Annotated[str, Query(max_length=NAME_CHARACTERS_MAX)] = UNNAMED,
    public: Annotated[bool | None, Query(description="Only officers and auditors may.")] = None,
) -> DocumentFiled:
    """File a report, its bytes as the body: text, HTML or PDF. The same bytes are a replay."""
    arrival = _arrival(
        caller, name=name, media_type=request.headers.get("content-type"), public=public
    )
    return await service.file(wired.shelf, arrival, request.stream(), now=now)


@router.post("/addresses", status_code=201)
async def file_address(
    asked: UrlRequest,
    caller: CallerDependency,
    now: NowDependency,
    wired: ReportsWiredDependency,
    public: bool | None = None,
) -> DocumentFiled:
    """Fetch a report from a public address and file it; private addresses are refused."""
    arrival = _arrival(caller, name=asked.name, media_type=None, public=public)
    return await service.file_address(wired.shelf, arrival, asked.url, now=now)


@router.post("/documents/bulk")
async def file_many(
    asked: BulkFiling,
    caller: CallerDependency,
    now: NowDependency,
    wired: ReportsWiredDependency,
    public: bool | None = None,
) -> BulkAnswers:
    """File many small reports at once; one that fails is its own answer, and the rest goes on."""
    caller.require(*FILERS)
    answers: list[BulkAnswer] = [BulkAnswer()] * len(asked.documents)
    at_once = anyio.Semaphore(BULK_AT_ONCE)

    async def one(place: int, each: BulkDocument) -> None:
        try:
            arrival = _arrival(caller, name=each.name, media_type=each.media_type, public=public)
            async with at_once:
                filed = await _file_one(wired.shelf, arrival, each, now=now)
            answers[place] = BulkAnswer(filed=filed)
        except MainsError as error:
            answers[place] = BulkAnswer(error=error.code, detail=error.detail, hint=error.hint)

    async with anyio.create_task_group() as group:
        for place, each in enumerate(asked.documents):
            group.start_soon(one, place, each)
    return BulkAnswers(documents=answers)


@router.get("/documents")
async def list_documents(
    caller: CallerDependency, tx: TransactionDependency, before: Before = None, limit: Limit = PAGE
) -> DocumentPage:
    """List the library, newest first."""
    return await service.document_page(tx, before=before, limit=limit)


@router.get("/documents/{reference}")
async def show_document(
    reference: Reference, caller: CallerDependency, tx: TransactionDependency
) -> DocumentView:
    return await service.document(tx, reference)


@router.get("/documents/{reference}/text", response_model=DocumentText)
async def show_text(
    reference: Reference,
    caller: CallerDependency,
    tx: TransactionDependency,
    wired: ReportsWiredDependency,
) -> Response:
    """Return a document's whole text and its blocks, which every offset counts in."""
    _, sha256 = await service.opened(tx, reference)
    return StreamingResponse(await wired.shelf.contents.get(sha256), media_type="application/json")


@router.post("/documents/{reference}/publish")
async def publish(
    reference: Reference, caller: CallerDependency, tx: TransactionDependency, now: NowDependency
) -> DocumentView:
    """Show a document's accepted claims, each with its sentence, without a key."""
    caller.require(*REVIEWERS)
    return await service.publish(tx, reference, now=now)


@router.get("/claims")
async def list_claims(
    caller: CallerDependency,
    tx: TransactionDependency,
    subject: Filter = None,
    measure: Filter = None,
    status: ClaimStatus | None = None,
    document: Filter = None,
    neutral: Annotated[bool, Query(description="Also numbers that only qualify.")] = False,
    before: Before = None,
    limit: Limit = PAGE,
) -> ClaimPage:
    """List claims as they stand, newest first."""
    wanted = Wanted(
        subject=subject,
        measure=measure,
        status=status,
        document_id=await _document_id(tx, document),
        neutral=neutral,
    )
    return await service.claims(tx, wanted, before=before, limit=limit)


@router.get("/claims/{reference}")
async def show_claim(
    reference: Reference, caller: CallerDependency, tx: TransactionDependency
) -> ClaimView:
    return await service.claim(tx, reference)


@router.get("/claims/{reference}/why")
async def why_claim(
    reference: Reference, caller: CallerDependency, tx: TransactionDependency
) -> WhyClaim:
    """Say why a claim says what it says: its reasons, reviews and edges."""
    return await service.why(tx, reference)


@router.get("/claims/{reference}/reviews")
async def list_reviews(
    reference: Reference, caller: CallerDependency, tx: TransactionDependency
) -> list[ReviewView]:
    """List a claim's reviews, newest first."""
    found = await service.claim(tx, reference)
    return await service.reviews_of(tx, found.id)


@router.get("/claims/{reference}/envelopes")
async def list_envelopes(
    reference: Reference, caller: CallerDependency, tx: TransactionDependency
) -> Response:
    """Return the signed envelopes (DSSE) of a claim's reviews, newest first, as a JSON list."""
    found = await service.claim(tx, reference)
    held = await service.envelopes(tx, found.id)
    return Response(b"[" + b",".join(held) + b"]", media_type="application/json")


@router.get("/relations")
async def list_relations(
    caller: CallerDependency,
    tx: TransactionDependency,
    document: Filter = None,
    subject: Filter = None,
    predicate: Filter = None,
    before: Before = None,
    limit: Limit = PAGE,
) -> RelationPage:
    """List what documents say without a figure: who operates, develops, funds, plans what."""
    return await service.relations(
        tx,
        document_id=await _document_id(tx, document),
        subject=subject,
        predicate=predicate,
        before=before,
        limit=limit,
    )


@router.get("/edges")
async def list_edges(
    caller: CallerDependency,
    tx: TransactionDependency,
    relation: EdgeKind | None = None,
    document: Annotated[list[str] | None, Query(max_length=PAGE_MAX)] = None,
    before: Before = None,
    limit: Limit = PAGE,
) -> EdgePage:
    """List how claims relate, newest first; with documents: only between claims of these."""
    chosen = None if document is None else [(await service.document(tx, d)).id for d in document]
    return await service.edges(tx, relation=relation, documents=chosen, before=before, limit=limit)


@router.post("/edges/between")
async def list_edges_between(
    asked: EdgesAsked, caller: CallerDependency, tx: TransactionDependency
) -> EdgePage:
    """List how these claims relate to each other, in the order in which the edges were made."""
    return EdgePage(edges=await service.edges_between(tx, asked.claims))


@router.get("/subjects")
async def list_subjects(
    caller: CallerDependency,
    tx: TransactionDependency,
    after: Annotated[str, Query(max_length=500)] = "",
    limit: Limit = PAGE,
) -> SubjectPage:
    """List which measures of which subjects have accepted claims."""
    return await service.subjects(tx, after=after, limit=limit)


@router.get("/views")
async def show_view(
    caller: CallerDependency,
    tx: TransactionDependency,
    subject: Annotated[str, Query(min_length=1, max_length=200)],
    measure: Annotated[str, Query(min_length=1, max_length=64)],
    scope: Filter = None,
) -> MeasureView:
    """Say what the documents say now of a measure of a subject, with the reasons."""
    return await service.current_view(tx, subject=subject, measure=measure, scope=scope)


@router.get("/queue")
async def list_queue(
    caller: CallerDependency,
    tx: TransactionDependency,
    document: Filter = None,
    status: ClaimStatus | None = None,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    limit: Limit = PAGE,
) -> ClaimPage:
    """List what waits for a review, the oldest first."""
    return await service.queue(
        tx,
        document_id=await _document_id(tx, document),
        status=status,
        after=after,
        limit=limit,
    )


@router.get("/exports", response_class=Response)
async def export_claims(
    caller: CallerDependency,
    tx: TransactionDependency,
    as_format: Annotated[ExportFormat, Query(alias="format")] = "csv",
    subject: Filter = None,
    measure: Filter = None,
    status: ClaimStatus | None = None,
    document: Filter = None,
    limit: Annotated[int, Query(ge=1, le=EXPORTED_MAX)] = EXPORTED_MAX,
) -> Response:
    """Export claims as they stand as CSV, JSON-LD (PROV, ClaimReview) or SDMX-CSV."""
    wanted = Wanted(
        subject=subject,
        measure=measure,
        status=status,
        document_id=await _document_id(tx, document),
    )
    text = await exporting.export(tx, wanted, as_format=as_format, limit=limit)
    return Response(text, media_type=exporting.MEDIA_TYPES[as_format])


@router.get("/exports/{name}", response_class=Response)
async def export_subject(
    request: Request,
    tx: TransactionDependency,
    name: Annotated[str, Path(max_length=220, description="SUBJECT.atom, .csv, .jsonld or .sdmx.")],
) -> Response:
    """Return what is public of a subject, newest first, as a feed or a table; it needs no key."""
    subject, _, ending = name.rpartition(".")
    wanted = exporting.ending_of(ending)
    if not subject or wanted is None:
        raise NotFound(
            f"there is no export {name}", hint="Such as city:beijing.atom, .csv, .jsonld or .sdmx."
        )
    base = str(request.base_url).rstrip("/")
    text = await exporting.export_public(
        tx,
        subject,
        as_format=wanted,
        address=f"{base}{request.url.path}",
        page=f"{base}/reports/subjects/{quote(subject, safe=':')}",
    )
    return Response(text, media_type=exporting.MEDIA_TYPES[wanted])


@router.post("/reviews", status_code=201)
async def review(
    asked: ReviewRequest,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
    wired: ReportsWiredDependency,
) -> ReviewView:
    """Decide about a claim; the decision is signed and kept, and a later one may undo it."""
    caller.require(*REVIEWERS)
    [answer] = await service.review(tx, [asked], reviewer=caller, signer=wired.signer, now=now)
    if isinstance(answer, MainsError):
        raise answer
    return answer


@router.post("/reviews/batch")
async def review_many(
    asked: ReviewBatch,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
    wired: ReportsWiredDependency,
) -> ReviewAnswers:
    """Decide about many claims, in order; a refusal is one answer, and the rest goes on."""
    caller.require(*REVIEWERS)
    answers = await service.review(tx, asked.reviews, reviewer=caller, signer=wired.signer, now=now)
    return ReviewAnswers(
        reviews=[
            Reviewed(id=request.id, error=answer.code, detail=answer.detail)
            if isinstance(answer, MainsError)
            else Reviewed(id=request.id, review=answer)
            for request, answer in zip(asked.reviews, answers, strict=True)
        ]
    )


def _arrival(
    caller: Caller, *, name: str | None, media_type: str | None, public: bool | None
) -> Arrival:
    """Return what is filed by whom; raises RoleMissing for who may not file, or not publicly."""
    caller.require(*FILERS)
    may_publish = public_by_default(caller.roles)
    if public and not may_publish:
        caller.require(*REVIEWERS)
    return Arrival(
        name=_name(name) if name is not None else "",
        media_type=media_type,
        url=None,
        public=may_publish if public is None else public,
        filed_by=caller,
    )


def _name(given: str | None) -> str:
    """Return a document's name without what could steer a terminal or name a folder."""
    kept = "".join(each for each in given or "" if each.isprintable())
    return kept.replace("\\", "/").rpartition("/")[2].strip() or UNNAMED


async def _file_one(
    shelf: Shelf, arrival: Arrival, each: BulkDocument, *, now: datetime
) -> DocumentFiled:
    if each.url is not None:
        return await service.file_address(shelf, arrival, each.url, now=now)
    assert each.content_base64 is not None, "the schema has one of the two"
    arrival = replace(arrival, name=arrival.name or UNNAMED)
    try:
        content = base64.b64decode(each.content_base64, validate=True)
    except ValueError as error:
        raise RequestInvalid(
            "`content_base64` is not base64", hint="Send the bytes in standard base64."
        ) from error

    async def stream() -> AsyncIterator[bytes]:
        yield content

    return await service.file(shelf, arrival, stream(), now=now)


async def _document_id(tx: Transaction, reference: str | None) -> str | None:
    return None if reference is None else (await service.document(tx, reference)).id
