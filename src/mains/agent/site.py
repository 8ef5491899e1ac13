"""The loop of one registered agent: look at the engine, say what is new, do what is answered."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog

from mains.agent import rules
from mains.agent.client import Server
from mains.agent.config import AgentConfig
from mains.agent.journal import Journal, Ordered
from mains.agent.logs import LogShipper
from mains.agent.outputs import upload_all
from mains.agent.patience import Patience, pause
from mains.agent.runs import Phase, Run
from mains.agent.staging import BundleCache
from mains.agent.starts import Looks, Starter
from mains.clock import Clock
from mains.engines.base import Engine, Observation
from mains.errors import (
    Incompatible,
    MainsError,
    StaleEpoch,
    StorageUnavailable,
    Unauthenticated,
)
from mains.wire.agent import (
    AttemptReport,
    PoolOrder,
    PoolReport,
    RegisterAnswer,
    RunState,
    StartOrder,
    StopOrder,
    SyncAnswer,
    SyncRequest,
    UsageLine,
)

LINES_MAX: Final = 10_000
"""So many attempts, tasks and artefacts go into one message; the next one follows at once."""
SETTLING_MAX: Final = 16
FORGOTTEN_MAX: Final = 100_000
POOLS_SECONDS: Final = 30.0
RENEWALS_PER_LEASE: Final = 6
IDLE_ANSWER_SECONDS: Final = 0.25
"""The least time between two polls that bring nothing new, such as stops that take their time."""
LOG: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """A request, and for each run in it what the server has once it is answered."""

    request: SyncRequest
    told: list[tuple[Run, AttemptReport | None, UsageLine | None]]
    pools_told: bool


class SiteAgent:
    """`serve_pools` makes host and engine ready for pools; it may refuse."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        engine: Engine,
        server: Server,
        clock: Clock,
        registration: RegisterAnswer,
        serve_pools: Callable[[Sequence[PoolOrder]], Awaitable[None]],
        patience: Callable[[], Patience] = Patience,
        key_asked: asyncio.Event | None = None,
    ) -> None:
        self._config = config
        self._engine = engine
        self._server = server
        self._clock = clock
        self._registration = registration
        self._serve_pools = serve_pools
        self._pools = registration.pools
        self._runs: dict[UUID, Run] = {}
        self._forgotten: OrderedDict[UUID, int] = OrderedDict()
        self._journal = Journal(config.folder)
        self._news = asyncio.Event()
        self._key_asked = key_asked or asyncio.Event()
        self._patience = patience()
        self._new_patience = patience
        self._settling = asyncio.Semaphore(SETTLING_MAX)
        self._sequence = 0
        self._looks = Looks()
        self._look_took = 0.0
        self._failure: BaseException | None = None
        self._seen_all = False
        self._complete_at = 0.0
        self._pools_at = 0.0
        self._pools_told: list[PoolReport] = []
        self._pools_found: list[PoolReport] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._logs = LogShipper(engine, server, runs=self._shipping, patience=patience)
        bundles = BundleCache(config.folder, bytes_max=config.bundle_bytes_max)
        self._starter = Starter(
            engine,
            server,
            bundles,
            clock=clock,
            news=self._news,
            looks=self._looks,
            patience=patience,
        )

    async def work(self) -> None:
        """Serve until cancelled; raises when another agent has taken the site."""
        self._spawn(self._logs.work())
        try:
            while self._failure is None:
                await self._cycle()
            raise self._failure
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _cycle(self) -> None:
        await self._look()
        message, asked_at = self._compose(), _seconds()
        try:
            answer = await self._exchange(message)
        except (StaleEpoch, Unauthenticated, Incompatible):
            raise
        except MainsError as error:
            LOG.warning("sync_failed", code=error.code, because=error.detail)
            await self._patience.wait()
            return
        if answer is None:
            return
        self._patience.calm()
        self._acknowledge(message)
        fresh = await self._apply(answer, asked_at=asked_at)
        if not fresh and (answer.starts or answer.stops):
            await pause(IDLE_ANSWER_SECONDS, until=self._news)

    async def _look(self) -> None:
        """Observe the engine; settle what has ended, forget what the engine has lost."""
        self._news.clear()
        begun = _seconds()
        self._looks.begun += 1
        look = self._looks.begun
        try:
            observed = await self._engine.observe()
            await self._look_at_pools(begun)
        except MainsError as error:
            LOG.warning("engine_not_seen", code=error.code, because=error.detail)
            self._seen_all = False
            return
        for observation in observed:
            self._take_in(observation, look=look)
        if len(observed) < len(self._runs):
            self._miss(look)
        self._seen_all = True
        self._looks.seen = look
        self._look_took = _seconds() - begun
        # Runs without outputs and logs settle in this one step of theirs.
        await asyncio.sleep(0)

    def _take_in(self, observation: Observation, *, look: int) -> None:
        report = observation.report
        run = self._runs.get(report.attempt_id)
        if run is None or run.fence < report.fence:
            run = self._adopt(observation)
        elif run.phase is Phase.ENDED or run.fence > report.fence:
            return
        run.looked_at, run.observation = look, observation
        if run.phase is Phase.UNKNOWN:
            run.phase = Phase.STARTED
        if report.state.final and not run.settling and run.phase is Phase.STARTED:
            run.settling = True
            self._spawn(self._settle(run))

    def _adopt(self, observation: Observation) -> Run:
        """Take over a run that an earlier agent of this site started."""
        ordered = self._journal.get(observation.report.attempt_id)
        run = Run.found(observation)
        if ordered is not None and ordered.fence == observation.report.fence:
            run = Run.ordered(ordered, phase=Phase.STARTED)
        self._runs[run.attempt_id] = run
        return run

    def _miss(self, look: int) -> None:
        """Drop runs that the engine no longer has: the server sees it from the complete list."""
        for run in list(self._runs.values()):
            if run.phase is Phase.STARTED and run.looked_at < look - 1 and not run.settling:
                LOG.warning("run_missing", attempt_id=str(run.attempt_id))
                del self._runs[run.attempt_id]

    async def _look_at_pools(self, at: float) -> None:
        if not self._pools_found or at - self._pools_at >= POOLS_SECONDS:
            self._pools_found = list(await self._engine.pools())
            self._pools_at = at

    async def _settle(self, run: Run) -> None:
        """Bring an ended run's outputs and logs to the server, then have its last word said."""
        assert run.observation is not None
        async with self._settling:
            artefacts, troubles = await upload_all(
                self._engine, self._server, run, patience=self._new_patience
            )
        trouble = await self._logs.drain(run)
        report = rules.ended(
            run.observation,
            artefacts=artefacts,
            troubles=[*troubles, *([trouble] if trouble else [])],
        )
        run.last_word = Observation(report, run.observation.usage)
        run.phase = Phase.ENDED
        self._news.set()

    def _compose(self) -> Message:
        """Write the next message: news, meters that are due, leased runs, now and then all."""
        at = _seconds()
        complete = self._seen_all and at - self._complete_at >= rules.COMPLETE_SECONDS
        reports, usages = [], []
        told: list[tuple[Run, AttemptReport | None, UsageLine | None]] = []
        urgent, lines = False, 0
        for run in self._runs.values():
            report = run.report()
            if report is None:
                continue
            news = run.news(report, at=at)
            usage = run.usage(at=at, news=news)
            wanted = news or complete or run.leased or run.last_word is not None
            if not wanted and usage is None:
                continue
            lines += 1 + len(report.tasks) + len(report.artefacts)
            if told and lines > LINES_MAX:
                complete, urgent = False, True
                break
            urgent = urgent or news or (usage is not None and run.last_word is None)
            told.append((run, report, usage))
            reports.append(report)
            usages += [usage] if usage is not None else []
        pools = self._pools_found if self._pools_found != self._pools_told else []
        self._sequence += 1
        request = SyncRequest(
            protocol=self._server.protocol,
            site_id=self._config.site_id,
            epoch=self._registration.epoch,
            sequence=self._sequence,
            sent_at=self._clock.now(),
            wait_seconds=0 if urgent or pools else self._poll_seconds(),
            complete=complete,
            pools=pools,
            attempts=reports,
            usage=usages,
        )
        return Message(request, told, pools_told=bool(pools))

    def _poll_seconds(self) -> int:
        return rules.poll_seconds(
            lease_seconds=self._registration.lease_seconds,
            sync_wait_seconds=self._registration.sync_wait_seconds,
        )

    async def _exchange(self, message: Message) -> SyncAnswer | None:
        """Send the message and wait for the answer; None when news here could not wait for it."""
        if message.request.wait_seconds == 0:
            return await self._server.sync(message.request)
        polling = asyncio.ensure_future(self._server.sync(message.request))
        try:
            while not polling.done():
                await self._look_out(polling)
                if polling.done():
                    break
                await self._look()
                if self._has_news() and not polling.done():
                    return None
            return polling.result()
        finally:
            # The server may have answered already: it repeats its orders until they are done.
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)

    async def _look_out(self, polling: asyncio.Future[SyncAnswer]) -> None:
        """Wait for the answer, for news from the tasks here, or for the next look to be due."""
        awaited = asyncio.ensure_future(self._news.wait())
        futures: set[asyncio.Future[Any]] = {polling, awaited}
        await asyncio.wait(
            futures,
            timeout=rules.look_seconds(self._look_took) if self._runs else None,
            return_when=asyncio.FIRST_COMPLETED,
        )
        awaited.cancel()

    def _has_news(self) -> bool:
        at = _seconds()
        for run in self._runs.values():
            report = run.report()
            if report is None:
                continue
            news = run.news(report, at=at)
            if news or (run.last_word is None and run.usage(at=at, news=False) is not None):
                return True
        return False

    def _acknowledge(self, message: Message) -> None:
        at = _seconds()
        for run, report, usage in message.told:
            run.acknowledge(report, usage, at=at)
        if message.request.complete:
            self._complete_at = at
        if message.pools_told:
            self._pools_told = message.request.pools

    async def _apply(self, answer: SyncAnswer, *, asked_at: float) -> bool:
        """Do what the server answered; say whether any of it was new."""
        for attempt_id, reason in answer.refused.items():
            LOG.warning("usage_refused", attempt_id=attempt_id, reason=reason)
        if answer.rotate_key:
            self._key_asked.set()
        started = self._start(answer.starts, asked_at=asked_at)
        for stop in answer.stops:
            await self._stop(stop)
        await self._renew(answer, asked_at=asked_at)
        await self._forget(answer.forget)
        if answer.pools is not None and answer.pools != self._pools:
            await self._change_pools(answer.pools)
        # Starts that need no bundle and no waiting are done in this one step of theirs.
        await asyncio.sleep(0)
        return started or bool(answer.forget)

    async def _done_by_engine(self, step: Awaitable[None]) -> bool:
        """Say whether the engine did something; what it did not, the server asks for again."""
        try:
            await step
        except MainsError as error:
            LOG.warning("engine_failed", code=error.code, because=error.detail)
            return False
        return True

    def _start(self, orders: Sequence[StartOrder], *, asked_at: float) -> bool:
        for order in orders:
            known = self._runs.get(order.attempt_id)
            if known is not None and known.fence == order.fence:
                known.ordered_again(asked_at=asked_at)
        fresh = [order for order in orders if self._is_new(order)]
        if not fresh:
            return False
        try:
            self._journal.add(fresh)
        except StorageUnavailable as error:
            # Not begun rather than forgotten: the server repeats what is not reported.
            LOG.warning("orders_not_noted", code=error.code, because=error.detail)
            return False
        for order in fresh:
            run = Run.ordered(Ordered.of(order), phase=Phase.PENDING)
            run.ordered_again(asked_at=asked_at)
            self._runs[order.attempt_id] = run
            self._spawn(self._begin(run, order))
        return True

    async def _begin(self, run: Run, order: StartOrder) -> None:
        if not await self._starter.start(run, order) and self._runs.get(run.attempt_id) is run:
            del self._runs[run.attempt_id]

    def _is_new(self, order: StartOrder) -> bool:
        run = self._runs.get(order.attempt_id)
        known_fence = self._forgotten.get(order.attempt_id, 0) if run is None else run.fence
        return order.fence > known_fence

    async def _stop(self, stop: StopOrder) -> None:
        run = self._runs.get(stop.attempt_id)
        if run is not None and run.phase is Phase.PENDING:
            if stop.tasks is None and stop.fence >= run.fence:
                run.stopping.set()
            return
        if run is not None or stop.tasks is not None:
            await self._done_by_engine(self._engine.stop(stop))
            return
        if self._seen_all and stop.attempt_id not in self._forgotten:
            self._say_never_started(stop)

    def _say_never_started(self, stop: StopOrder) -> None:
        """Answer for an attempt that neither the engine nor the agent has ever had."""
        ordered = Ordered(stop.attempt_id, stop.fence, 0, -1, leased=False)
        run = Run.ordered(ordered, phase=Phase.ENDED)
        run.last_word = rules.never_started(
            stop.attempt_id,
            fence=stop.fence,
            tasks=(),
            state=RunState.CANCELLED if stop.reason == "cancelled" else RunState.LOST,
            reason=f"stopped before it began: {stop.reason}",
            now=self._clock.now(),
        )
        self._runs[run.attempt_id] = run
        self._news.set()

    async def _renew(self, answer: SyncAnswer, *, asked_at: float) -> None:
        """Let leased runs live as long as the server counts on this site, a few times a lease."""
        at = _seconds()
        seconds = rules.lease_left_seconds(answer, waited_seconds=at - asked_at)
        pause_seconds = self._registration.lease_seconds / RENEWALS_PER_LEASE
        for run in self._runs.values():
            due = run.leased and run.alive and at - run.renewed_at >= pause_seconds
            if due and seconds > 0:
                renewing = self._engine.renew(run.attempt_id, seconds=seconds)
                if await self._done_by_engine(renewing):
                    run.renewed_at = at

    async def _forget(self, attempt_ids: Sequence[UUID]) -> None:
        gone = []
        for attempt_id in attempt_ids:
            run = self._runs.get(attempt_id)
            if run is None or run.last_word is None:
                continue
            forgetting = run.observation is not None
            if forgetting and not await self._done_by_engine(self._engine.forget(attempt_id)):
                continue
            del self._runs[attempt_id]
            self._forgotten[attempt_id] = run.fence
            gone.append(attempt_id)
        self._journal.drop(gone)
        while len(self._forgotten) > FORGOTTEN_MAX:
            self._forgotten.popitem(last=False)

    async def _change_pools(self, pools: list[PoolOrder]) -> None:
        """Serve other pools from now on; what the host has no room for is left as it was."""
        try:
            await self._serve_pools(pools)
        except MainsError as error:
            LOG.warning("pools_refused", because=error.detail, hint=error.hint)
            return
        self._pools = pools
        self._pools_found = []

    def _shipping(self) -> list[Run]:
        return [run for run in self._runs.values() if run.phase is Phase.STARTED]

    def _spawn(self, step: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(step)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            self._news.set()


def _seconds() -> float:
    """Return the loop's own time, which never jumps: all pauses here are measured by it."""
    return asyncio.get_running_loop().time()
