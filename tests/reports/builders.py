"""A small library: the real application with its reading processes, and people who call it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from mains.api.app import AUDITED, application
from mains.clock import ManualClock
from mains.daemon.wiring import wire
from mains.db import Database, Queries
from mains.ledger import auditing
from mains.ledger.auditing import Finding
from mains.reports.door import ReportsWired
from mains.settings import Settings
from mains.wire.parties import Role
from mains.wire.reports import ClaimView, DocumentFiled, DocumentView, ReviewView
from tests.sites.builders import PEPPER, Town

Headers = dict[str, str]

TEXT = (
    "Beijing counts its models\n\n"
    "Beijing had 183 registered models at the end of 2024. "
    "Shenzhen had more than 2,600 AI companies in 2024. "
    "The new hall has 12 floors and was opened by the mayor.\n"
)
"""Two figures that can be bound and one that can't, beside years that qualify them."""

LONG = (
    "The statistics office of the city published its yearly overview on Monday. It names the sites "
    "where firms work, the schools that train people, and the fairs that were held. Officials said "
    "that the overview would be continued, and thanked the firms that had answered the questions. "
    "Readers find the tables in the annex, with the methods and the list of all sources used.\n"
)


@dataclass
class Library:
    """The application over one database; each person is a header with a key."""

    wired: ReportsWired
    client: httpx.AsyncClient
    town: Town
    officer: Headers
    member: Headers
    stranger: Headers

    async def file(
        self, text: str | bytes = TEXT, *, name: str = "report.txt", by: Headers, **more: Any
    ) -> httpx.Response:
        content = text if isinstance(text, bytes) else text.encode()
        return await self.client.post(
            "/v1/reports/documents",
            content=content,
            params={"name": name, **more},
            headers={**by, "Content-Type": "text/plain"},
        )

    async def filed(
        self, text: str | bytes = TEXT, *, name: str = "report.txt", by: Headers, **more: Any
    ) -> DocumentView:
        answer = await self.file(text, name=name, by=by, **more)
        assert answer.status_code == 201, answer.text
        return DocumentFiled.model_validate_json(answer.content).document

    async def get(self, path: str, *, by: Headers | None = None, **parameters: Any) -> Any:
        answer = await self.client.get(
            f"/v1/reports{path}", params=parameters, headers=by or self.member
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def claims(self, **parameters: Any) -> list[ClaimView]:
        page = await self.get("/claims", **parameters)
        return [ClaimView.model_validate(each) for each in page["claims"]]

    async def claim(self, measure: str, **parameters: Any) -> ClaimView:
        [found] = await self.claims(measure=measure, **parameters)
        return found

    async def queue(self) -> list[ClaimView]:
        page = await self.get("/queue")
        return [ClaimView.model_validate(each) for each in page["claims"]]

    async def review(
        self,
        claim: str,
        decision: str,
        *,
        by: Headers | None = None,
        id: UUID | None = None,
        **more: Any,
    ) -> httpx.Response:
        body = {"id": str(id or uuid4()), "claim": claim, "decision": decision, **more}
        return await self.client.post("/v1/reports/reviews", json=body, headers=by or self.officer)

    async def reviewed(self, claim: str, decision: str, **more: Any) -> ReviewView:
        answer = await self.review(claim, decision, **more)
        assert answer.status_code == 201, answer.text
        return ReviewView.model_validate_json(answer.content)

    async def audit(self) -> list[Finding]:
        sections = {name: Queries.load(f"mains.{name}", "audit.sql") for name in AUDITED}
        async with self.wired.database.transaction() as tx:
            return await auditing.audit(tx, sections)


@asynccontextmanager
async def a_library(database: Database, settings: Settings) -> AsyncIterator[Library]:
    clock = ManualClock()
    wired = wire(database=database, settings=settings, clock=clock)
    wired.pepper = PEPPER
    app = application(wired)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://library.test", timeout=60
    ) as client:
        town = Town(database, clock, client)
        yield Library(
            wired,
            client,
            town,
            officer=await town.key("programme-office", Role.OFFICER),
            member=await town.key("harbour-robotics", Role.MEMBER),
            stranger=await town.key("another-firm", Role.MEMBER),
        )
    await wired.shelf.reading.close()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
