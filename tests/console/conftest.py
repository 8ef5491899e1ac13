"""The pages of a whole application over a real database, asked without a key."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from mains.api.app import application
from mains.clock import ManualClock
from mains.daemon.wiring import wire
from mains.db import Database
from mains.reports.door import ReportsWired
from mains.settings import Settings


@dataclass
class Site:
    """The application, and a client that a reader's browser could be."""

    app: FastAPI
    wired: ReportsWired
    client: httpx.AsyncClient

    @property
    def database(self) -> Database:
        return self.wired.database

    async def page(self, path: str, **headers: str) -> str:
        answer = await self.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
async def site(database: Database, settings: Settings, clock: ManualClock) -> AsyncIterator[Site]:
    wired = wire(database=database, settings=settings, clock=clock)
    app = application(wired)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://mains.test") as client:
        yield Site(app, wired, client)
