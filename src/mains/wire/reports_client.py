"""The part of the client that speaks of reports: `client.reports`."""

from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final

from mains.wire.bodies import Answer, part, read, written
from mains.wire.connection import Connection, Parameters
from mains.wire.reports import (
    EDGES_ASKED_MAX,
    ClaimPage,
    ClaimView,
    DocumentFiled,
    DocumentPage,
    DocumentText,
    DocumentView,
    EdgePage,
    EdgesAsked,
    EdgeView,
    ExportFormat,
    MeasureView,
    RelationPage,
    RelationView,
    ReviewAnswers,
    ReviewBatch,
    Reviewed,
    ReviewRequest,
    ReviewView,
    SubjectMeasure,
    SubjectPage,
    UrlRequest,
    WhyClaim,
)

PAGE_MAX: Final = 200
READING_SECONDS_MAX: Final = 400.0
"""How long the answer of a filing may take: it comes when the document was read."""


class ReportsClient:
    """Documents, claims, edges, views and reviews of one server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def file(
        self,
        content: IO[bytes],
        *,
        name: str,
        media_type: str | None = None,
        public: bool | None = None,
    ) -> DocumentFiled:
        """File a document; the same bytes again are a replay."""
        body = self._connection.call(
            "POST",
            "/reports/documents",
            body=content,
            parameters={"name": name, "public": public},
            headers={"Content-Type": media_type or "application/octet-stream"},
            repeat=True,
            seconds_max=READING_SECONDS_MAX,
        )
        return read(body, DocumentFiled)

    def file_address(self, request: UrlRequest, *, public: bool | None = None) -> DocumentFiled:
        """Have the server fetch a public address and file what is there."""
        body = self._connection.call(
            "POST",
            "/reports/addresses",
            body=written(request),
            parameters={"public": public},
            repeat=True,
            seconds_max=READING_SECONDS_MAX,
        )
        return read(body, DocumentFiled)

    def documents(self) -> Iterator[DocumentView]:
        """Yield the library, newest first, page by page."""
        before: int | None = None
        while True:
            page = self._get(
                "/reports/documents", DocumentPage, {"before": before, "limit": PAGE_MAX}
            )
            yield from page.documents
            before = page.next_before
            if before is None:
                return

    def document(self, reference: str) -> DocumentView:
        return self._get(f"/reports/documents/{part(reference)}", DocumentView)

    def text(self, reference: str) -> DocumentText:
        return self._get(f"/reports/documents/{part(reference)}/text", DocumentText)

    def publish(self, reference: str) -> DocumentView:
        path = f"/reports/documents/{part(reference)}/publish"
        return read(self._connection.call("POST", path, repeat=True), DocumentView)

    def claims(
        self,
        *,
        subject: str | None = None,
        measure: str | None = None,
        status: str | None = None,
        document: str | None = None,
        neutral: bool = False,
        page: int = PAGE_MAX,
    ) -> Iterator[ClaimView]:
        """Yield claims as they stand, newest first, page by page."""
        asked: dict[str, str | int | bool | None] = {
            "subject": subject,
            "measure": measure,
            "status": status,
            "document": document,
            "neutral": neutral,
            "limit": page,
        }
        return self._paged("/reports/claims", asked, "before", lambda each: each.next_before)

    def queue(self, *, document: str | None = None, page: int = PAGE_MAX) -> Iterator[ClaimView]:
        """Yield what waits for a review, the oldest first, page by page."""
        asked: dict[str, str | int | bool | None] = {"document": document, "limit": page}
        return self._paged("/reports/queue", asked, "after", lambda each: each.next_after)

    def claim(self, reference: str) -> ClaimView:
        return self._get(f"/reports/claims/{part(reference)}", ClaimView)

    def why(self, reference: str) -> WhyClaim:
        return self._get(f"/reports/claims/{part(reference)}/why", WhyClaim)

    def reviews(self, reference: str) -> list[ReviewView]:
        return self._get(f"/reports/claims/{part(reference)}/reviews", list[ReviewView])

    def edges(self, *, relation: str | None = None) -> Iterator[EdgeView]:
        """Yield how claims relate, newest first, page by page."""
        before: int | None = None
        while True:
            asked: Parameters = {"relation": relation, "before": before, "limit": PAGE_MAX}
            page = self._get("/reports/edges", EdgePage, asked)
            yield from page.edges
            before = page.next_before
            if before is None:
                return

    def edges_between(self, claims: Sequence[str]) -> list[EdgeView]:
        """Return how these claims relate to each other; EDGES_ASKED_MAX claims at most."""
        asked = EdgesAsked(claims=list(claims)[:EDGES_ASKED_MAX])
        path = "/reports/edges/between"
        body = self._connection.call("POST", path, body=written(asked), repeat=True)
        return read(body, EdgePage).edges

    def relations(self, *, document: str | None = None) -> Iterator[RelationView]:
        """Yield what documents say without a figure, newest first, page by page."""
        before: int | None = None
        while True:
            asked: Parameters = {"document": document, "before": before, "limit": PAGE_MAX}
            page = self._get("/reports/relations", RelationPage, asked)
            yield from page.relations
            before = page.next_before
            if before is None:
                return

    def subjects(self) -> Iterator[SubjectMeasure]:
        """Yield which measures of which subjects have accepted claims, in order."""
        after: str | None = ""
        while after is not None:
            page = self._get("/reports/subjects", SubjectPage, {"after": after, "limit": PAGE_MAX})
            yield from page.subjects
            after = page.next_after

    def view(self, subject: str, measure: str, *, scope: str | None = None) -> MeasureView:
        asked: Parameters = {"subject": subject, "measure": measure, "scope": scope}
        return self._get("/reports/views", MeasureView, asked)

    def export(
        self,
        as_format: ExportFormat,
        *,
        subject: str | None = None,
        measure: str | None = None,
        status: str | None = None,
        document: str | None = None,
    ) -> bytes:
        """Return claims as they stand, as CSV, JSON-LD or SDMX-CSV."""
        asked: Parameters = {
            "format": as_format,
            "subject": subject,
            "measure": measure,
            "status": status,
            "document": document,
        }
        return self._connection.call("GET", "/reports/exports", parameters=asked, repeat=True)

    def review(self, request: ReviewRequest) -> ReviewView:
        """Decide about a claim, once, however often it is sent; the request's id sees to that."""
        body = self._connection.call("POST", "/reports/reviews", body=written(request), repeat=True)
        return read(body, ReviewView)

    def review_many(self, requests: Sequence[ReviewRequest]) -> list[Reviewed]:
        batch = ReviewBatch(reviews=list(requests))
        body = self._connection.call(
            "POST", "/reports/reviews/batch", body=written(batch), repeat=True
        )
        return read(body, ReviewAnswers).reviews

    def _paged(
        self,
        path: str,
        asked: dict[str, str | int | bool | None],
        cursor: str,
        following: Callable[[ClaimPage], int | None],
    ) -> Iterator[ClaimView]:
        place: int | None = None
        while True:
            page = self._get(path, ClaimPage, {**asked, cursor: place})
            yield from page.claims
            place = following(page)
            if place is None:
                return

    def _get(self, path: str, answer: type[Answer], asked: Parameters | None = None) -> Answer:
        body = self._connection.call("GET", path, parameters=asked, repeat=True)
        return read(body, answer)
