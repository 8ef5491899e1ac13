"""A small mains with only some slices' routes on it, and people who call it."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import APIRouter, FastAPI

from mains.clock import ManualClock
from mains.db import Database
from mains.parties import service
from mains.parties.door import Wired, install_problem_details
from mains.parties.keyfiles import Peppers
from mains.parties.routes import router
from mains.settings import Settings
from mains.wire.parties import Role

PEPPER = Peppers({1: bytes(range(32))})


@dataclass
class Town:
    """One application on a real database; `administrator` is the first start's key."""

    wired: Wired
    clock: ManualClock
    administrator: str
    app: FastAPI
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        return self.wired.database

    def tx(self) -> AbstractAsyncContextManager[Any]:
        return self.wired.database.transaction()

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **parts: Any,
    ) -> httpx.Response:
        """Call /v1{path} as the administrator, or with another key; key="" sends none."""
        used = self.administrator if key is None else key
        sent = dict(headers or {})
        if used:
            sent["Authorization"] = f"Bearer {used}"
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mains") as client:
            return await client.request(method, f"/v1{path}", headers=sent, **parts)

    async def organisation(
        self, name: str, *, type: str = "firm", attributes: Mapping[str, Any] | None = None
    ) -> UUID:
        answer = await self.call(
            "POST",
            "/organisations",
            json={"name": name, "type": type, "attributes": dict(attributes or {})},
        )
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def person(self, organisation: str, name: str, *roles: Role) -> str:
        """Enter a person and return a key of theirs."""
        added = await self.call(
            "POST", f"/organisations/{organisation}/people", json={"name": name, "roles": roles}
        )
        assert added.status_code == 201, added.text
        issued = await self.call(
            "POST", "/keys", json={"organisation": organisation, "person": name}
        )
        assert issued.status_code == 201, issued.text
        return str(issued.json()["key"])


async def a_town(
    database: Database, clock: ManualClock, settings: Settings, *routers: APIRouter
) -> Town:
    """Return a mains after its first start, with the routes of parties and of those given."""
    async with database.transaction() as tx:
        key = await service.bootstrap(tx, pepper=PEPPER, now=clock.now())
    assert key is not None
    wired = Wired(database=database, clock=clock, settings=settings, pepper=PEPPER)
    app = FastAPI()
    app.state.mains = wired
    install_problem_details(app)
    for each in (router, *routers):
        app.include_router(each)
    return Town(wired, clock, key, app)


def idempotency() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}
