"""The part of the client that speaks of drafts and live figures: `client.drafts`."""

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from mains.wire.base import Schema
from mains.wire.bodies import Answer, part, read, written
from mains.wire.connection import Connection, Parameters
from mains.wire.drafts import (
    CloseRequest,
    DraftDetail,
    DraftPage,
    DraftView,
    FillRequest,
    OpenRequest,
)
from mains.wire.live import LiveView

PAGE_MAX: Final = 100


class DraftsClient:
    """What claims would become on one server, and what the server itself knows of measures."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, *, kind: str | None = None, state: str | None = None) -> Iterator[DraftView]:
        """Yield drafts, newest first, page by page."""
        before: int | None = None
        while True:
            asked: Parameters = {
                "kind": kind,
                "state": state,
                "before": before,
                "limit": PAGE_MAX,
            }
            page = self._get("/reports/drafts", DraftPage, asked)
            yield from page.drafts
            before = page.next_before
            if before is None:
                return

    def draft(self, reference: str) -> DraftDetail:
        return self._get(f"/reports/drafts/{part(reference)}", DraftDetail)

    def open(self, claim: str) -> DraftDetail:
        """Open the draft that a claim belongs to; one that is open already is returned."""
        return self._post("/reports/drafts", OpenRequest(claim=claim), None)

    def fill(self, reference: str, request: FillRequest, *, idempotency_key: UUID) -> DraftDetail:
        return self._post(f"/reports/drafts/{part(reference)}/fill", request, idempotency_key)

    def complete(
        self, reference: str, request: CloseRequest, *, idempotency_key: UUID
    ) -> DraftDetail:
        """Complete a draft, once, however often it is sent."""
        return self._post(f"/reports/drafts/{part(reference)}/complete", request, idempotency_key)

    def withdraw(
        self, reference: str, request: CloseRequest, *, idempotency_key: UUID
    ) -> DraftDetail:
        return self._post(f"/reports/drafts/{part(reference)}/withdraw", request, idempotency_key)

    def live(self, measures: Sequence[str] | None = None) -> Sequence[LiveView]:
        """Return the server's own figures for these measures, or for all that can have one."""
        asked: Parameters = {"measures": None if measures is None else ",".join(measures)}
        body = self._connection.call("GET", "/reports/live", parameters=asked, repeat=True)
        return read(body, tuple[LiveView, ...])

    def _get(self, path: str, answer: type[Answer], asked: Parameters | None = None) -> Answer:
        body = self._connection.call("GET", path, parameters=asked, repeat=True)
        return read(body, answer)

    def _post(self, path: str, request: Schema, idempotency_key: UUID | None) -> DraftDetail:
        headers = {"Idempotency-Key": str(idempotency_key)} if idempotency_key else None
        body = self._connection.call(
            "POST", path, body=written(request), headers=headers, repeat=True
        )
        return read(body, DraftDetail)
