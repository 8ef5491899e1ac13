"""The real application with all that runs beside it, and callers who reach it over HTTP."""

import asyncio
import base64
import hashlib
import io
import tarfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from mains.api.app import application
from mains.clock import ManualClock
from mains.daemon.api import background
from mains.daemon.wiring import wire
from mains.db import Database
from mains.jobs.dispatch import Dispatcher
from mains.jobs.door import JobsWired
from mains.settings import Settings
from mains.wire import dsse
from mains.wire.agent import (
    PROTOCOL,
    ArtefactReport,
    AttemptReport,
    BlobTicket,
    LogChunk,
    LogShipment,
    RunState,
    StartOrder,
    SyncAnswer,
    SyncRequest,
    TaskReport,
    UsageLine,
)
from mains.wire.base import Schema
from mains.wire.parties import Role
from tests.jobs.builders import City
from tests.sites.builders import PEPPER, Agent, Town, a_pool, a_report

Headers = dict[str, str]


@dataclass
class Hall:
    """A town whose whole control plane is there, with one site that has joined."""

    town: Town
    app: FastAPI
    wired: JobsWired
    client: httpx.AsyncClient
    dispatcher: Dispatcher

    async def firm(self, name: str = "firm", *, money: int = 100) -> Headers:
        """Return the key of a member of an organisation that has this much money."""
        headers = await self.town.key(name, Role.MEMBER)
        whoami = (await self.client.get("/v1/whoami", headers=headers)).json()
        city = City(self.wired.database, self.town.clock, self.wired.settings)
        await city.deposit(UUID(whoami["organisation_id"]), money)
        return headers

    async def site(self, name: str = "north") -> "Voice":
        """Add a site over the API and return its agent, joined, registered and reporting."""
        operator = await self.town.key("centre", Role.OPERATOR)
        added = await self.town.add(
            operator, name=name, pools=[a_pool(price_per_unit_hour="2", host_share_percent=10)]
        )
        assert added.status_code == 201, added.text
        agent = await self.town.joined(added.json()["token"]["token"])
        voice = Voice(self, agent, UUID(added.json()["site"]["pools"][0]["id"]))
        await voice.sync()
        return voice

    async def dispatch(self) -> int:
        return await self.dispatcher.tick(now=self.town.clock.now())


@dataclass
class Voice:
    """What a site's agent says, signed and sent as agents do."""

    hall: Hall
    agent: Agent
    pool_id: UUID
    sequence: int = 0

    async def sync(self, **said: Any) -> SyncAnswer:
        answer = await self.say("/v1/agent/sync", self.message(**said))
        assert answer.status_code == 200, answer.text
        return SyncAnswer.model_validate_json(answer.content)

    def message(self, **said: Any) -> SyncRequest:
        self.sequence += 1
        return SyncRequest(
            protocol=PROTOCOL,
            site_id=self.agent.site_id,
            epoch=self.agent.epoch,
            sequence=self.sequence,
            sent_at=self.hall.town.clock.now(),
            pools=[a_report(self.pool_id)],
            **said,
        )

    async def say(self, path: str, message: Schema) -> httpx.Response:
        envelope = dsse.sign(message.model_dump_json().encode(), key=self.agent.key)
        return await self.hall.client.post(path, content=envelope)

    async def log(self, order: StartOrder, text: bytes, *, offset: int = 0) -> httpx.Response:
        chunk = LogChunk(
            attempt_id=order.attempt_id,
            fence=order.fence,
            task=0,
            offset=offset,
            data_base64=base64.b64encode(text).decode(),
        )
        shipment = LogShipment(
            protocol=PROTOCOL,
            site_id=self.agent.site_id,
            epoch=self.agent.epoch,
            sent_at=self.hall.town.clock.now(),
            chunks=[chunk],
        )
        return await self.say("/v1/agent/logs", shipment)

    def ticket(self, sha256: str) -> Headers:
        ticket = BlobTicket(
            protocol=PROTOCOL,
            site_id=self.agent.site_id,
            epoch=self.agent.epoch,
            sha256=sha256,
            sent_at=self.hall.town.clock.now(),
        )
        envelope = dsse.sign(ticket.model_dump_json().encode(), key=self.agent.key)
        return {"Mains-Agent": base64.b64encode(envelope).decode()}

    async def upload(self, content: bytes) -> str:
        digest = sha256_of(content)
        answer = await self.hall.client.put(
            f"/v1/agent/blobs/{digest}", content=content, headers=self.ticket(digest)
        )
        assert answer.status_code == 204, answer.text
        return digest

    async def end(
        self, order: StartOrder, *, used_ms: int, artefacts: Sequence[ArtefactReport] = ()
    ) -> SyncAnswer:
        report = AttemptReport(
            attempt_id=order.attempt_id,
            fence=order.fence,
            state=RunState.SUCCEEDED,
            tasks=[TaskReport(task=0, state=RunState.SUCCEEDED, exit_code=0)],
            artefacts=list(artefacts),
        )
        usage = UsageLine(
            attempt_id=order.attempt_id,
            fence=order.fence,
            sequence=1,
            unit_milliseconds=used_ms,
            measured_at=self.hall.town.clock.now(),
            final=True,
        )
        return await self.sync(attempts=[report], usage=[usage])


@asynccontextmanager
async def a_hall(database: Database, settings: Settings) -> AsyncIterator[Hall]:
    clock = ManualClock()
    wired = wire(database=database, settings=settings, clock=clock)
    wired.pepper = PEPPER
    app = application(wired, background=background(wired))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://hall.test") as client,
    ):
        dispatcher = await Dispatcher.take(database, settings, now=clock.now())
        yield Hall(Town(database, clock, client), app, wired, client, dispatcher)
        await asyncio.sleep(0)


def a_bundle(*members: tarfile.TarInfo, **files: bytes) -> bytes:
    """Return a tar.gz of these files and odd members."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return written.getvalue()


def sha256_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
