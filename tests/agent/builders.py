"""An office: real sites over a real database, and the server's half of the protocol in memory.

It keeps orders and repeats them until it has seen them done, as the real one does, and it writes
down in which order things arrived. Its faults are switches.
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import uvicorn
from fastapi import FastAPI, Header, Request, Response

from mains.agent import service
from mains.agent.config import AgentConfig
from mains.agent.host import HostRegistry
from mains.agent.patience import Patience
from mains.clock import SystemClock
from mains.db import Database
from mains.engines.base import Engine
from mains.engines.fake import FakeEngine
from mains.errors import BundleTooLarge, DatabaseUnavailable, NotFound
from mains.ids import new_id
from mains.parties.door import Wired, install_problem_details
from mains.settings import Settings
from mains.sites import routes
from mains.sites import service as sites
from mains.sites.door import EnvelopeDependency
from mains.wire.agent import (
    PROTOCOL,
    AttemptReport,
    BlobTicket,
    LogAnswer,
    LogCursor,
    LogShipment,
    PoolOrder,
    StartOrder,
    StopOrder,
    SyncAnswer,
    SyncRequest,
    UsageLine,
)
from mains.wire.sites import NewSite
from tests.sites.builders import PEPPER, a_site

CLOCK = SystemClock()
LEASE_SECONDS = 4


@dataclass
class Faults:
    """away: every answer is 503. lost_answers: so many syncs take effect unanswered."""

    away: bool = False
    lost_answers: int = 0
    blob_failures: int = 0
    wrong_bytes: bool = False
    logs_refused: set[UUID] = field(default_factory=set)
    uploads_refused: bool = False
    log_bytes_max: int = 2**30


@dataclass
class Office:
    database: Database
    app: FastAPI
    faults: Faults = field(default_factory=Faults)
    starts: dict[UUID, StartOrder] = field(default_factory=dict)
    stops: dict[UUID, StopOrder] = field(default_factory=dict)
    reports: dict[UUID, AttemptReport] = field(default_factory=dict)
    states: dict[UUID, list[str]] = field(default_factory=dict)
    usage: dict[UUID, list[UsageLine]] = field(default_factory=dict)
    logs: dict[tuple[UUID, int], bytearray] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    events: list[tuple[str, UUID | str]] = field(default_factory=list)
    requests: list[SyncRequest] = field(default_factory=list)
    pools: list[PoolOrder] | None = None
    forgets: bool = True
    offers: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def order(self, **changed: Any) -> UUID:
        """Order a run; returns its attempt's id."""
        order = an_order(**changed)
        self.starts[order.attempt_id] = order
        self.offers.set()
        return order.attempt_id

    def stop(self, attempt_id: UUID, **changed: Any) -> None:
        told = {"attempt_id": attempt_id, "fence": 1, "reason": "cancelled"}
        self.stops[attempt_id] = StopOrder.model_validate(told | changed)
        self.offers.set()

    def keep(self, content: bytes) -> str:
        """Store a blob and return its hash."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return digest

    def final(self, attempt_id: UUID) -> bool:
        return attempt_id in self.reports and self.reports[attempt_id].state.final

    async def until(self, condition: Callable[[], bool], *, seconds_max: float = 15.0) -> None:
        """Wait until something holds, looked at whenever a message has come in."""
        async with asyncio.timeout(seconds_max):
            while not condition():
                self.changed.clear()
                if condition():
                    return
                await self.changed.wait()

    async def ended(self, *attempt_ids: UUID, seconds_max: float = 15.0) -> list[AttemptReport]:
        await self.until(lambda: all(map(self.final, attempt_ids)), seconds_max=seconds_max)
        return [self.reports[attempt_id] for attempt_id in attempt_ids]

    async def sync(self, request: SyncRequest) -> SyncAnswer:
        self.requests.append(request)
        forget = []
        for report in request.attempts:
            self._take(report)
            if report.state.final and self.forgets:
                forget.append(report.attempt_id)
        for line in request.usage:
            self.usage.setdefault(line.attempt_id, []).append(line)
        self.changed.set()
        if not (self._starts() or self._stops() or forget) and request.wait_seconds:
            await self._wait(request.wait_seconds)
        now = CLOCK.now()
        return SyncAnswer(
            protocol=PROTOCOL,
            server_time=now,
            lease_until=now + timedelta(seconds=LEASE_SECONDS),
            starts=self._starts(),
            stops=self._stops(),
            forget=forget,
            pools=self.pools,
        )

    def _take(self, report: AttemptReport) -> None:
        attempt_id = report.attempt_id
        if report.state.final and not self.final(attempt_id):
            self.events.append(("final", attempt_id))
            self.stops.pop(attempt_id, None)
        self.reports[attempt_id] = report
        states = self.states.setdefault(attempt_id, [])
        if not states or states[-1] != report.state:
            states.append(str(report.state))

    def _starts(self) -> list[StartOrder]:
        waiting = [order for key, order in self.starts.items() if key not in self.reports]
        return waiting[:500]

    def _stops(self) -> list[StopOrder]:
        return list(self.stops.values())

    async def _wait(self, seconds: float) -> None:
        self.offers.clear()
        try:
            async with asyncio.timeout(seconds):
                await self.offers.wait()
        except TimeoutError:
            return

    def take_log(self, shipment: LogShipment) -> LogAnswer:
        cursors = []
        for chunk in shipment.chunks:
            if chunk.attempt_id in self.faults.logs_refused:
                raise NotFound("this log is not wanted")
            log = self.logs.setdefault((chunk.attempt_id, chunk.task), bytearray())
            data = base64.b64decode(chunk.data_base64)
            if chunk.offset <= len(log):
                log += data[len(log) - chunk.offset :][: self.faults.log_bytes_max - len(log)]
            cursors.append(LogCursor(attempt_id=chunk.attempt_id, task=chunk.task, offset=len(log)))
            self.events.append(("log", chunk.attempt_id))
        self.changed.set()
        return LogAnswer(cursors=cursors)


def _install(office: Office) -> None:
    app, faults = office.app, office.faults

    @app.middleware("http")
    async def away(request: Request, call_next: Any) -> Any:
        if faults.away:
            return Response("away", status_code=503)
        return await call_next(request)

    async def spoken(envelope: bytes) -> sites.Authenticated:
        async with office.database.transaction() as tx:
            return await sites.authenticate_envelope(tx, envelope, now=CLOCK.now())

    @app.post("/v1/agent/sync")
    async def sync(envelope: EnvelopeDependency) -> SyncAnswer:
        message = await spoken(envelope)
        answer = await office.sync(SyncRequest.model_validate_json(message.payload))
        if faults.lost_answers:
            faults.lost_answers -= 1
            raise DatabaseUnavailable("the answer was lost")
        return answer.model_copy(update={"rotate_key": message.rotation_asked})

    @app.post("/v1/agent/logs")
    async def logs(envelope: EnvelopeDependency) -> LogAnswer:
        message = await spoken(envelope)
        return office.take_log(LogShipment.model_validate_json(message.payload))

    @app.get("/v1/agent/blobs/{sha256}")
    async def get_blob(sha256: str, mains_agent: Annotated[str, Header()]) -> Response:
        await ticket(mains_agent, sha256)
        if faults.blob_failures:
            faults.blob_failures -= 1
            raise NotFound("there is no such blob yet")
        if sha256 not in office.blobs:
            raise NotFound("there is no such blob")
        return Response(b"other bytes" if faults.wrong_bytes else office.blobs[sha256])

    @app.put("/v1/agent/blobs/{sha256}", status_code=204)
    async def put_blob(
        sha256: str, request: Request, mains_agent: Annotated[str, Header()]
    ) -> Response:
        await ticket(mains_agent, sha256)
        body = await request.body()
        if faults.uploads_refused:
            raise BundleTooLarge("there is no room for this")
        assert office.keep(body) == sha256
        office.events.append(("blob", sha256))
        return Response(status_code=204)

    async def ticket(header: str, sha256: str) -> None:
        message = await spoken(base64.b64decode(header))
        assert BlobTicket.model_validate_json(message.payload).sha256 == sha256


@asynccontextmanager
async def an_office(database: Database, settings: Settings) -> AsyncIterator[Office]:
    settings = replace(settings, agent_lease_seconds=LEASE_SECONDS)
    app = FastAPI()
    install_problem_details(app)
    app.include_router(routes.router)
    app.state.mains = Wired(database=database, clock=CLOCK, settings=settings, pepper=PEPPER)
    office = Office(database, app)
    _install(office)
    yield office


async def a_token(
    office: Office,
    *,
    url: str = "https://office.test",
    tls_sha256: str | None = None,
    **changed: Any,
) -> str:
    """Return a join token of a new site."""
    now = CLOCK.now()
    async with office.database.transaction() as tx:
        site = await sites.add_site(
            tx,
            NewSite.model_validate(a_site(**({"name": f"site-{new_id().hex}"} | changed))),
            organisation_id=new_id(),
            actor_id=None,
            now=now,
        )
        return await sites.join_token(
            tx, site_id=site.id, url=url, tls_sha256=tls_sha256, actor_id=None, now=now
        )


@dataclass
class Site:
    """An agent's folder, its engine, and what is needed to run agents on them."""

    office: Office
    config: AgentConfig
    engine: Engine
    registry: HostRegistry
    transport: httpx.AsyncBaseTransport | None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Run an agent; at the end it is cut off in the midst of whatever it does."""
        agent = asyncio.ensure_future(
            service.run(
                self.config,
                engine=self.engine,
                clock=CLOCK,
                stop=asyncio.Event(),
                registry=self.registry,
                transport=self.transport,
            )
        )
        try:
            yield agent
        finally:
            agent.cancel()
            await asyncio.gather(agent, return_exceptions=True)


async def a_joined_site(
    office: Office, folder: Path, *, engine: Engine | None = None, **changed: Any
) -> Site:
    transport = httpx.ASGITransport(app=office.app)
    registry = HostRegistry(folder / "host")
    config = await service.join(
        await a_token(office, **changed),
        folder=folder / "site",
        clock=CLOCK,
        engine="fake",
        registry=registry,
        transport=transport,
    )
    return Site(office, config, engine or FakeEngine(CLOCK), registry, transport)


def an_order(**changed: Any) -> StartOrder:
    """Return an order of one task that ends at once, unless changed."""
    return StartOrder.model_validate(
        {
            "attempt_id": new_id(),
            "job_id": new_id(),
            "organisation_id": new_id(),
            "fence": 1,
            "pool_id": new_id(),
            "name": "job",
            "first_task": 0,
            "last_task": 0,
            "units": 1,
            "cpus": 1,
            "memory_bytes": 2**28,
            "wall_seconds_max": 600,
            "task_seconds_max": 600,
            "grace_seconds": 1,
            "run": "true",
            "output_bytes_max": 2**20,
            "log_bytes_max": 2**20,
        }
        | changed
    )


class Quick(Patience):
    """Waits for the next turn of the loop alone: what is tested is what comes after the wait."""

    async def wait(self, until: asyncio.Event | None = None) -> None:
        self.failures += 1
        await asyncio.sleep(0.001)


@asynccontextmanager
async def listening(app: FastAPI, **options: Any) -> AsyncIterator[str]:
    """Serve an app on a free port of the loopback; yields host and port."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            log_level="error",
            lifespan="off",
            timeout_graceful_shutdown=1,
            **options,
        )
    )
    serving = asyncio.ensure_future(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
