"""The real application on a port of this machine, over a city with something of everything."""

import asyncio
import logging
import socket
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import structlog
import uvicorn
import uvloop
from fastapi import FastAPI
from tests.api.builders import Hall, Headers, a_bundle, sha256_of
from tests.reports.builders import TEXT
from tests.sites.builders import PEPPER, Agent, Town

from faults.mangling import Raw
from faults.stores import Store
from mains.api.app import application
from mains.clock import ManualClock
from mains.daemon import logs
from mains.daemon.api import background
from mains.daemon.wiring import wire
from mains.db import Database
from mains.ids import new_id
from mains.jobs.dispatch import Dispatcher
from mains.settings import Settings
from mains.wire.agent import ArtefactReport
from mains.wire.parties import Role

KEPT_HEADERS: Final = frozenset(
    ("authorization", "content-type", "idempotency-key", "mains-agent", "mains-sha256")
)
PATHS: Final = (
    "/v1/whoami",
    "/v1/server",
    "/v1/audit",
    "/v1/keys",
    "/v1/sites",
    "/v1/jobs?everyone=true&limit=3",
    "/v1/programmes",
    "/v1/vouchers",
    "/v1/organisations",
    "/v1/reports/documents",
    "/v1/reports/claims?limit=3",
    "/v1/reports/relations",
    "/v1/reports/edges",
    "/v1/reports/subjects",
    "/v1/reports/queue",
    "/v1/reports/drafts",
    "/v1/reports/exports?format=csv",
    "/v1/reports/live",
    "/v1/organisations/{}",
    "/v1/organisations/{}/balance",
    "/v1/organisations/{}/entries",
    "/v1/organisations/{}/people",
    "/v1/programmes/{}",
    "/v1/vouchers/{}",
    "/v1/sites/{}",
    "/v1/quotes/{}",
    "/v1/jobs/{}",
    "/v1/jobs/{}/why",
    "/v1/jobs/{}/logs",
    "/v1/jobs/{}/receipt",
    "/v1/jobs/{}/artefacts",
    "/v1/blobs/{}",
    "/v1/reports/documents/{}",
    "/v1/reports/documents/{}/text",
    "/v1/reports/claims/{}",
    "/v1/reports/claims/{}/why",
    "/v1/reports/claims/{}/reviews",
    "/",
    "/docs",
)
SPEC: Final[Mapping[str, Any]] = {"run": "true", "time_seconds": 3_000, "grace_seconds": 600}
START_SECONDS_MAX: Final = 60.0
READING_SECONDS_MAX: Final = 15
ROLES: Final[Mapping[str, tuple[str, tuple[Role, ...]]]] = {
    "administrator": ("authority", (Role.ADMINISTRATOR,)),
    "officer": ("programme-office", (Role.OFFICER,)),
    "operator": ("centre", (Role.OPERATOR,)),
    "owner": ("firm", (Role.OWNER, Role.MEMBER)),
    "auditor": ("authority", (Role.AUDITOR,)),
    "stranger": ("rival", (Role.MEMBER,)),
}


@dataclass(frozen=True, slots=True)
class Served:
    """Where it answers, the key of each role, and an agent whose site has joined."""

    url: str
    app: FastAPI
    keys: Mapping[str, Headers]
    agent: Agent
    known: tuple[str, ...]
    """Ids and names of what there is, so that requests find something."""
    models: tuple[Raw, ...]
    """Requests that were taken."""


@contextmanager
def served(store: Store) -> Iterator[Served]:
    """Serve until the block ends; the clock stands, so that nothing expires meanwhile."""
    with tempfile.TemporaryDirectory(prefix="mains-served-", dir="/tmp") as folder:
        home = Path(folder)
        settings = Settings(
            home=home / "home",
            commons=home / "commons",
            sync_wait_seconds=0,
            reading_seconds_max=READING_SECONDS_MAX,
        )
        hall = _Hall(store, settings)
        with _logs_of(settings):
            hall.start()
            try:
                yield hall.wait()
            finally:
                hall.end()


@contextmanager
def _logs_of(settings: Settings) -> Iterator[None]:
    """Log as the API's process does; put everything back, for tests go on in this process."""
    before, handlers, hook = structlog.get_config(), logging.root.handlers[:], sys.excepthook
    level = logging.root.level
    logs.configure(settings.logs, "api")
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)
        for handler in logging.root.handlers:
            handler.close()
        logging.root.handlers[:], sys.excepthook = handlers, hook
        logging.root.setLevel(level)


class _Hall:
    """The server in a thread and a loop of its own, as the API's process has one."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._ready = threading.Event()
        self._served: Served | None = None
        self._server: uvicorn.Server | None = None
        self._pool = ThreadPoolExecutor(1)
        self._running: Future[None] | None = None

    def start(self) -> None:
        self._running = self._pool.submit(self._run)
        self._running.add_done_callback(lambda _: self._ready.set())

    def wait(self) -> Served:
        """Return once it answers; raises what it failed with."""
        assert self._running is not None
        assert self._ready.wait(START_SECONDS_MAX), "the application does not start"
        if self._running.done():
            self._running.result()
        assert self._served is not None
        return self._served

    def end(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._pool.shutdown()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        database = await Database.open(self._store.app_url, size_max=12)
        clock = ManualClock(datetime.now(UTC))
        wired = wire(database=database, settings=self._settings, clock=clock)
        wired.pepper = PEPPER
        app = application(wired, background=background(wired))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="httptools",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=2,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[self._socket]))
        url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        models: list[Raw] = []
        hooks: dict[str, list[Callable[..., Any]]] = {"response": [partial(_remember, models)]}
        async with httpx.AsyncClient(base_url=url, timeout=60, event_hooks=hooks) as client:
            dispatcher = await Dispatcher.take(database, self._settings, now=clock.now())
            hall = Hall(Town(database, clock, client), app, wired, client, dispatcher)
            self._served = await furnished(hall, url, models)
            self._server = server
            self._ready.set()
            await serving
        await database.close()


async def furnished(hall: Hall, url: str, models: list[Raw]) -> Served:
    """Give every slice something: a job that ended, one that waits, a voucher, a report."""
    administrator = await hall.town.key("authority", Role.ADMINISTRATOR)
    for name in ("firm", "rival"):
        made = {"name": name, "type": "firm", "attributes": {"region": "dongguan"}}
        await _made(hall.client.post("/v1/organisations", json=made, headers=administrator))
    keys = {role: await hall.town.key(home, *roles) for role, (home, roles) in ROLES.items()}
    firm = await hall.firm("firm", money=100_000)
    north, south = await hall.site("north"), await hall.site("south")
    known = {home for home, _ in ROLES.values()} | {"north", "south", "dongguan-2025", "cpu"}
    known |= {str(north.agent.site_id), str(south.agent.site_id)}
    code = a_bundle(**{"train.py": b"print('hello')"})
    put = {**firm, "Mains-Sha256": sha256_of(code)}
    await _made(hall.client.put("/v1/bundles", content=code, headers=put))
    officer = {**keys["officer"], "Idempotency-Key": str(new_id())}
    pack = "/v1/programmes?pack=dongguan-2025"
    await _made(hall.client.post(pack, headers=officer))
    grant = {"programme": "dongguan-2025", "organisation": "firm", "amount": "1000"}
    voucher = {**keys["officer"], "Idempotency-Key": str(new_id())}
    known.add((await _made(hall.client.post("/v1/vouchers", json=grant, headers=voucher)))["id"])
    quote = await _made(hall.client.post("/v1/quotes", json={"spec": SPEC}, headers=firm))
    for _ in range(2):
        job = {"id": str(new_id()), "spec": {**SPEC}, "bundle": sha256_of(code)}
        known.add((await _made(hall.client.post("/v1/jobs", json=job, headers=firm)))["id"])
    await hall.dispatch()
    order = (await north.sync()).starts or (await south.sync()).starts
    voice = north if order and order[0].pool_id == north.pool_id else south
    await voice.log(order[0], b"epoch 1\n")
    model = await voice.upload(b"weights")
    report = ArtefactReport(task=0, path="model.bin", sha256=model, size_bytes=7)
    await voice.end(order[0], used_ms=60_000, artefacts=[report])
    filed = await hall.client.post(
        "/v1/reports/documents?name=report.txt",
        content=TEXT.encode(),
        headers={**keys["officer"], "Content-Type": "text/plain"},
    )
    known |= {quote["id"], model, sha256_of(code), filed.json()["document"]["id"]}
    deposit = {"amount": "10", "currency": "CNY"}
    paid = {**administrator, "Idempotency-Key": str(new_id())}
    await _made(hall.client.post("/v1/organisations/firm/deposits", json=deposit, headers=paid))
    await _more_models(hall.client, keys, sorted(known))
    return Served(url, hall.app, keys, voice.agent, tuple(sorted(known)), tuple(models))


async def _more_models(
    client: httpx.AsyncClient, keys: Mapping[str, Headers], known: Sequence[str]
) -> None:
    """Ask for what can be asked for, so that there is a model of each such request."""
    claims = (await client.get("/v1/reports/claims", headers=keys["officer"])).json()["claims"]
    claim = {"id": str(new_id()), "claim": claims[0]["id"], "decision": "accept"}
    await client.post("/v1/reports/reviews", json=claim, headers=keys["officer"])
    await client.post(
        "/v1/reports/documents/bulk",
        json={"documents": [{"name": "a.txt", "content_base64": "QmVpamluZw=="}]},
        headers=keys["officer"],
    )
    person = {"name": "ada", "title": "Dr", "roles": ["member"]}
    await client.post("/v1/organisations/firm/people", json=person, headers=keys["owner"])
    await client.post("/v1/keys", json={"label": "one more"}, headers=keys["owner"])
    for path in PATHS:
        for name in [*known, claims[0]["id"]] if "{}" in path else [""]:
            await client.get(path.format(name), headers=keys["administrator"])


async def _remember(models: list[Raw], answer: httpx.Response) -> None:
    """Keep a request that was taken, with the headers that matter."""
    request = answer.request
    if answer.is_success:
        kept = {
            name.title(): value.encode()
            for name, value in request.headers.items()
            if name in KEPT_HEADERS
        }
        models.append(Raw(request.method, request.url.raw_path, kept, request.content))


async def _made(asked: Awaitable[httpx.Response]) -> Any:
    answer = await asked
    assert answer.is_success, answer.text
    return answer.json()
