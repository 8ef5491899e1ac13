"""The control plane: the real API's steps and the real dispatcher, on the model of the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request

from mains.clock import Clock
from mains.daemon import dispatcher
from mains.daemon.announcing import announce, hear
from mains.errors import MainsError
from mains.jobs import agent_routes, cancelling
from mains.jobs.door import News
from mains.jobs.intake import take_in
from mains.jobs.secrets import SecretBox
from mains.jobs.submission import Submission, Terms
from mains.parties.rates.buckets import Rates
from mains.settings import Settings
from mains.sites import routes as site_routes
from mains.sites import service as sites
from tests.simulation import job_queries, market_queries  # noqa: F401 (they register)
from tests.simulation.loop import Process, VirtualLoop, check_alive
from tests.simulation.network import Network
from tests.simulation.store import ModelDatabase, Store, unavailable

PERSON: Final = UUID(int=7)
DIES_COMMITTED: Final = 0.2
"""How often the answer to COMMIT takes time, in which whoever waits for it may be killed."""
FORGED: Final[ContextVar[bool]] = ContextVar("forged", default=False)
"""Set while the API works on a message that the network made up."""


@dataclass(slots=True)
class Faults:
    """How often the database fails whom; shared by the processes of one simulation."""

    random: Random
    refused: float = 0.0
    unknown: float = 0.0
    slow: float = 0.0
    committing: bool = True

    async def begin(self) -> None:
        if self.random.random() < self.refused:
            raise unavailable("nothing_done")
        await asyncio.sleep(self._seconds())

    def commits(self) -> bool:
        """Half of the answers to COMMIT that are lost were a commit."""
        self.committing = self.random.random() >= self.unknown
        return self.committing or self.random.random() < 0.5

    async def end(self) -> None:
        committing, self.committing = self.committing, True
        if self.random.random() < DIES_COMMITTED:
            await asyncio.sleep(self._seconds())
        if not committing:
            raise unavailable("unknown")

    def _seconds(self) -> float:
        if self.random.random() < self.slow:
            return self.random.uniform(0.1, 2.0)
        return self.random.uniform(0.0005, 0.004)


@dataclass(slots=True)
class Channels:
    """NOTIFY: a hint, and lost now and then."""

    random: Random
    lost: float = 0.0
    listeners: dict[str, list[asyncio.Event]] = field(default_factory=dict)

    def publish(self, channel: str) -> None:
        for event in self.listeners.get(channel, ()):
            if self.random.random() >= self.lost:
                event.set()

    @asynccontextmanager
    async def listen(self, *channels: str) -> AsyncIterator["Listening"]:
        event = asyncio.Event()
        for channel in channels:
            self.listeners.setdefault(channel, []).append(event)
        try:
            yield Listening(event)
        finally:
            for channel in channels:
                self.listeners[channel].remove(event)


class Listening:
    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def wait(self, *, seconds_max: float) -> list[str]:
        check_alive()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                await self._event.wait()
        self._event.clear()
        return ["news"]


@dataclass(slots=True)
class ControlPlane:
    """Starts and kills the API and the dispatchers."""

    loop: VirtualLoop
    store: Store
    network: Network
    clock: Clock
    settings: Settings
    faults: Faults
    channels: Channels
    box: SecretBox = field(default_factory=lambda: SecretBox(bytes(32)))
    dispatchers: list[Process] = field(default_factory=list)
    _wired: Any = None

    @property
    def database(self) -> Any:
        return ModelDatabase(self.store, self.faults, self.channels.listen)

    def start_api(self) -> None:
        process = Process("api", self.loop)
        self._wired = SimpleNamespace(
            database=self.database,
            box=self.box,
            settings=self.settings,
            clock=self.clock,
            news=News(),
            rates=Rates({}),
            queue_news=asyncio.Event(),
            certificates=None,
        )
        self.network.server.process, self.network.server.handle = process, self.handle
        process.spawn(announce(self.database, "mains_queue", self._wired.queue_news))
        process.spawn(hear(self.database, "mains_orders", self._wired.news.tell))

    def kill_api(self) -> None:
        process, self.network.server.process = self.network.server.process, None
        if process is not None:
            process.kill()

    def start_dispatcher(self) -> None:
        """Start one more: it takes over, and the one before ends at its next look."""
        process = Process("dispatcher", self.loop)
        self.dispatchers.append(process)
        process.spawn(self._dispatch(process))

    def kill_dispatchers(self) -> None:
        for process in self.dispatchers:
            process.kill()
        self.dispatchers.clear()

    async def _dispatch(self, process: Process) -> None:
        await dispatcher._work(self.database, self.settings, self.clock)
        self.dispatchers.remove(process)

    async def handle(self, path: str, body: Any) -> Any:
        """Answer one request as the API's routes do."""
        now = self.clock.now()
        if path == "forged":
            FORGED.set(True)
        if path in ("sync", "forged"):
            response = await agent_routes.sync_agent(
                body, now, self._wired, Request({"type": "http"})
            )
            return bytes(response.body)
        if path == "register":
            async with self.database.transaction() as tx:
                response = await site_routes.register(body, self._wired, tx, now)
            return bytes(response.body)
        if path == "submit":
            return await self._submit(body)
        assert path == "cancel", path
        job_id, tasks = body
        async with self.database.transaction() as tx:
            await cancelling.cancel(
                tx, job_id, tasks=tasks, actor_id=PERSON, settings=self.settings, now=now
            )
        self._wired.queue_news.set()
        return None

    async def _submit(self, submission: Submission) -> Any:
        terms = Terms(
            timedelta(seconds=self.settings.quote_validity_seconds),
            timedelta(seconds=self.settings.queue_deadline_seconds),
        )
        answers = await take_in(
            self.database,
            [submission],
            box=self.box,
            terms=terms,
            loads={},
            now=self.clock.now(),
        )
        if isinstance(answers[0], MainsError):
            raise answers[0]
        self._wired.queue_news.set()
        return answers[0]

    async def set_draining(self, site_id: UUID, *, draining: bool) -> None:
        """Drain or undrain a site; tried until the database has it."""
        while True:
            with suppress(MainsError):
                async with self.database.transaction() as tx:
                    step = sites.drain if draining else sites.undrain
                    await step(tx, site_id=site_id)
                return
            await asyncio.sleep(0.1)
