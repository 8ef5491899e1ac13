"""A site: the real agent on the fake engine, with a machine that fails and a clock that is off."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

from mains.agent.config import AgentConfig
from mains.agent.journal import JOURNAL_FILE
from mains.agent.patience import Patience
from mains.agent.service import register
from mains.agent.site import SiteAgent
from mains.clock import Clock
from mains.engines.base import Observation, OutputFile
from mains.engines.fake import FakeEngine
from mains.errors import EngineUnreachable, MainsError
from mains.wire.agent import (
    LogAnswer,
    LogChunk,
    PoolOrder,
    PoolReport,
    RegisterAnswer,
    RegisterRequest,
    RunState,
    StartOrder,
    StopOrder,
    SyncAnswer,
    SyncRequest,
    UsageLine,
)
from tests.simulation.loop import Process, VirtualLoop, check_alive
from tests.simulation.network import OUTSIDE, Network

ANSWER_SECONDS_MAX: Final = 30.0
LOOK_SECONDS: Final = 0.1
"""How long a look at the engine takes: the agent then pauses for ten times as long at most."""
STALL_SECONDS_MAX: Final = 40.0
RESTART_SECONDS: Final = 5.0


@dataclass(slots=True)
class Skewed:
    """A clock that is off by some seconds, and may jump."""

    clock: Clock
    skew: timedelta

    def now(self) -> Any:
        return self.clock.now() + self.skew


class Machine:
    """A host: its engine outlives the agent; `started` is told of each run that begins."""

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        lease_seconds: int,
        started: Callable[["Machine", StartOrder], None],
        engine: Callable[..., FakeEngine],
    ) -> None:
        self.name = name
        self.clock = clock
        self._lease_seconds = lease_seconds
        self._make = engine
        self.started = started
        self.incarnation = 0
        self.engine = engine(clock, lease_seconds=lease_seconds)
        self.orders: dict[UUID, StartOrder] = {}

    async def start(self, order: StartOrder, *, asked_at: datetime) -> None:
        """Start once; the lease counts from when the engine was asked, as in the process engine."""
        before = self.starts(order.attempt_id)
        await self.engine.start(order)
        run = self.engine._runs.get(order.attempt_id)
        if run is before or run is None:
            return
        if run.lease_until is not None:
            run.lease_until = asked_at + timedelta(seconds=self._lease_seconds)
        self.orders[order.attempt_id] = order
        if self.unfinished(order.attempt_id):
            self.started(self, order)

    def starts(self, attempt_id: UUID) -> object | None:
        """Return what tells one run of an attempt from the next."""
        return self.engine._runs.get(attempt_id)

    def unfinished(self, attempt_id: UUID) -> frozenset[int]:
        """Return the tasks of a run that it has yet to do; none once it has ended."""
        run = self.engine._runs.get(attempt_id)
        if run is None:
            return frozenset()
        report = self.engine._look(run, self.clock.now()).report
        if report.state.final:
            return frozenset()
        tasks = range(run.order.first_task, run.order.last_task + 1)
        return frozenset(tasks) - {task.task for task in report.tasks}

    def running(self) -> list[UUID]:
        return [key for key in self.engine._runs if self.unfinished(key)]

    def end_run(self, attempt_id: UUID) -> Coroutine[Any, Any, None]:
        """Return the death of a run's supervisor: the engine then says that it is lost."""
        order = self.orders[attempt_id]
        return self.engine.stop(StopOrder(attempt_id=attempt_id, fence=order.fence, reason="lost"))

    def wipe(self) -> None:
        """Lose the disk: the engine and what it remembers are new."""
        self.incarnation += 1
        self.engine = self._make(self.clock, lease_seconds=self._lease_seconds)


class SlowEngine:
    """The engine as one agent reaches it: late, stalled, or silent about what it did."""

    def __init__(self, machine: Machine, random: Random) -> None:
        self._machine = machine
        self._random = random
        self.trouble = 0.0

    async def configure(self, pools: Sequence[PoolOrder]) -> None:
        check_alive()
        await self._machine.engine.configure(pools)

    async def pools(self) -> Sequence[PoolReport]:
        return await self._machine.engine.pools()

    async def start(self, order: StartOrder, *, bundle: Path | None) -> None:
        check_alive()
        asked_at, chance = self._machine.clock.now(), self._random.random()
        # Runs without a lease are bounded by minutes here and by an hour in a city: a tenth.
        stall_seconds = STALL_SECONDS_MAX if order.leased else STALL_SECONDS_MAX / 10
        if chance < self.trouble / 2:
            await asyncio.sleep(self._random.uniform(0, stall_seconds))
            check_alive()
        elif chance < self.trouble:
            if self._random.random() < 0.5:
                await self._machine.start(order, asked_at=asked_at)
            await asyncio.sleep(self._random.uniform(0, stall_seconds))
            raise EngineUnreachable("the engine did not answer", effect="unknown")
        await self._machine.start(order, asked_at=asked_at)

    async def stop(self, order: StopOrder) -> None:
        check_alive()
        await self._machine.engine.stop(order)

    async def observe(self) -> Sequence[Observation]:
        """The answer is as old as its way back is long."""
        check_alive()
        if self._random.random() < self.trouble / 4:
            raise EngineUnreachable("the engine did not answer", effect="none")
        observed = await self._machine.engine.observe()
        await asyncio.sleep(LOOK_SECONDS)
        check_alive()
        return observed

    async def renew(self, attempt_id: UUID, *, seconds: int) -> None:
        check_alive()
        await self._machine.engine.renew(attempt_id, seconds=seconds)

    async def log(self, attempt_id: UUID, *, task: int, offset: int, bytes_max: int) -> bytes:
        return b""

    async def outputs(self, attempt_id: UUID) -> Sequence[OutputFile]:
        return ()

    def open_output(self, attempt_id: UUID, output: OutputFile) -> AsyncIterator[bytes]:
        raise AssertionError("no run here leaves an output")

    async def forget(self, attempt_id: UUID) -> None:
        check_alive()
        await self._machine.engine.forget(attempt_id)


class Line:
    """The agent's seam to the server, as `mains.agent.client.Server` is; nothing is signed."""

    def __init__(self, network: Network, link: str) -> None:
        self._network = network
        self._link = link

    async def register(self, request: RegisterRequest) -> RegisterAnswer:
        body = request.model_dump_json().encode()
        answer = await self._network.ask(
            self._link, "register", body, seconds_max=ANSWER_SECONDS_MAX
        )
        return RegisterAnswer.model_validate_json(answer)

    async def sync(self, request: SyncRequest) -> SyncAnswer:
        body = request.model_dump_json().encode()
        if request.attempts and self._network.random.random() < self._network.weather.forged:
            self._network.forge(self._link, "forged", forged(request, self._network.random))
        seconds_max = request.wait_seconds + ANSWER_SECONDS_MAX
        answer = await self._network.ask(self._link, "sync", body, seconds_max=seconds_max)
        return SyncAnswer.model_validate_json(answer)

    async def ship(self, chunks: list[LogChunk]) -> LogAnswer:
        raise AssertionError("no run here writes a log")


def forged(request: SyncRequest, random: Random) -> bytes:
    """Return a message that ends every attempt of another under a fence that is not its own."""
    step = random.choice((-1, 1, 3))
    attempts, usage = [], []
    for report in request.attempts:
        fence = max(1, report.fence + step)
        if fence == report.fence:
            continue
        attempts.append(
            report.model_copy(update={"fence": fence, "state": RunState.SUCCEEDED, "tasks": []})
        )
        usage.append(
            UsageLine(
                attempt_id=report.attempt_id,
                fence=fence,
                sequence=1_000,
                unit_milliseconds=10**6,
                measured_at=request.sent_at,
                final=True,
            )
        )
    changed = {"attempts": attempts, "usage": usage, "complete": False, "pools": []}
    return request.model_copy(update=changed).model_dump_json().encode()


class Site:
    """One site: a machine, and an agent that is started again whenever it ends."""

    def __init__(
        self,
        site_id: UUID,
        *,
        machine: Machine,
        folder: Path,
        network: Network,
        loop: VirtualLoop,
        random: Random,
        clock: Skewed,
    ) -> None:
        self.site_id = site_id
        self.machine = machine
        self.clock = clock
        self.trouble = 0.0
        self._folder = folder
        self._network = network
        self._loop = loop
        self._random = random
        self.ended: Counter[str] = Counter()
        self._agent: Process | None = None
        self._engine: SlowEngine | None = None
        folder.mkdir(parents=True)

    @property
    def name(self) -> str:
        return self.machine.name

    def start_agent(self) -> None:
        if self._agent is not None:
            return
        self._agent = Process(f"agent of {self.name}", self._loop)
        self._agent.spawn(self._live())

    def kill_agent(self) -> None:
        if self._agent is not None:
            self._agent.kill()
            self._agent = None

    def set_trouble(self, trouble: float) -> None:
        self.trouble = trouble
        if self._engine is not None:
            self._engine.trouble = trouble

    async def reboot(self, *, wiped: bool) -> None:
        """Lose every run, and the disk too where it is wiped."""
        self.kill_agent()
        for attempt_id in self.machine.running():
            await self.machine.end_run(attempt_id)
        if wiped:
            self.machine.wipe()
            (self._folder / JOURNAL_FILE).unlink(missing_ok=True)

    async def _live(self) -> None:
        """Be an agent for as long as it lives; one that ends is started again, as by systemd."""
        try:
            await self._work()
        except MainsError as error:
            self.ended[error.code] += 1
        self._agent = None
        self._loop.call_later(RESTART_SECONDS, self.start_agent, context=OUTSIDE)

    async def _work(self) -> None:
        config = AgentConfig(
            url="http://simulated", site=self.name, site_id=self.site_id, folder=self._folder
        )
        server: Any = Line(self._network, self.name)
        registration = await register(config, server, clock=self.clock, patience=self._patience)
        engine = SlowEngine(self.machine, self._random)
        engine.trouble, self._engine = self.trouble, engine
        await engine.configure(registration.pools)
        agent = SiteAgent(
            config,
            engine=engine,
            server=server,
            clock=self.clock,
            registration=registration,
            serve_pools=engine.configure,
            patience=self._patience,
        )
        await agent.work()

    def _patience(self) -> Patience:
        return Patience(_random=self._random)
