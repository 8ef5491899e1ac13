"""Starts that do not succeed at once, and those that never will."""

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Response

from mains.agent.client import Server
from mains.agent.journal import Ordered
from mains.agent.rules import START_SECONDS_MAX, START_SECONDS_MAX_UNLEASED
from mains.agent.runs import Phase, Run
from mains.agent.staging import BundleCache
from mains.agent.starts import FETCH_TRIES_MAX, START_TRIES_MAX, Looks, Starter
from mains.engines.fake import FakeEngine
from mains.errors import EngineUnreachable
from mains.ids import new_id
from mains.wire import dsse
from mains.wire.agent import StartOrder
from tests.agent.builders import CLOCK, Quick, an_order

pytestmark = pytest.mark.anyio

BUNDLE = "sha256:" + "0" * 64


class Bench:
    """A starter over a fake engine and a server that answers blobs with one status."""

    def __init__(self, folder: Path, *, engine: FakeEngine, statuses: list[int]) -> None:
        self.asked = 0
        self.looks = Looks()
        self.news = asyncio.Event()
        app = FastAPI()

        @app.get("/v1/agent/blobs/{sha256}")
        async def get(sha256: str) -> Response:
            status = statuses[min(self.asked, len(statuses) - 1)]
            self.asked += 1
            return Response(b"other bytes", status_code=status)

        server = Server(
            "http://bench.test",
            key=dsse.generate(),
            clock=CLOCK,
            transport=httpx.ASGITransport(app=app),
        )
        server.identify(site_id=new_id(), epoch=1)
        self.starter = Starter(
            engine,
            server,
            BundleCache(folder, bytes_max=1_000),
            clock=CLOCK,
            news=self.news,
            looks=self.looks,
            patience=Quick,
        )

    async def start(self, order: StartOrder) -> Run:
        run = Run.ordered(Ordered.of(order), phase=Phase.PENDING)
        assert await self.starter.start(run, order)
        return run


async def test_code_that_cannot_be_had_fails_the_attempt_after_a_bound(tmp_path: Path) -> None:
    bench = Bench(tmp_path, engine=FakeEngine(CLOCK), statuses=[404])

    run = await bench.start(an_order(bundle=BUNDLE, last_task=1))

    assert bench.asked == FETCH_TRIES_MAX
    assert run.last_word is not None
    report = run.last_word.report
    assert (report.state, len(report.tasks)) == ("failed", 2)
    assert "code could not be fetched" in report.reason
    assert bench.news.is_set()


async def test_code_with_another_hash_fails_the_attempt(tmp_path: Path) -> None:
    bench = Bench(tmp_path, engine=FakeEngine(CLOCK), statuses=[200])

    run = await bench.start(an_order(bundle=BUNDLE))

    assert run.last_word is not None
    assert "other bytes" in run.last_word.report.reason


async def test_an_absent_server_does_not_count_as_a_failure_of_the_code(tmp_path: Path) -> None:
    bench = Bench(tmp_path, engine=FakeEngine(CLOCK), statuses=[503] * 20 + [404])

    await bench.start(an_order(bundle=BUNDLE))

    assert bench.asked == 20 + FETCH_TRIES_MAX


async def test_an_engine_that_never_answers_fails_the_attempt_after_asking_it_each_time(
    tmp_path: Path,
) -> None:
    engine = Mute(CLOCK)
    bench = Bench(tmp_path, engine=engine, statuses=[404])

    async def look() -> None:
        while True:
            bench.looks.begun += 1
            bench.looks.seen = bench.looks.begun
            await asyncio.sleep(0.001)

    looking = asyncio.ensure_future(look())
    run = await bench.start(an_order())
    looking.cancel()

    assert engine.asked == START_TRIES_MAX
    assert run.last_word is not None
    assert "did not answer" in run.last_word.report.reason


async def test_nothing_is_asked_again_before_the_engine_was_looked_at(tmp_path: Path) -> None:
    engine = Mute(CLOCK)
    bench = Bench(tmp_path, engine=engine, statuses=[404])

    starting = asyncio.ensure_future(bench.start(an_order()))
    for _ in range(20):
        bench.looks.begun += 1
        await asyncio.sleep(0.001)
    starting.cancel()

    assert engine.asked == 1


async def test_an_order_that_has_become_too_old_is_not_begun(tmp_path: Path) -> None:
    engine = Mute(CLOCK)
    bench = Bench(tmp_path, engine=engine, statuses=[404])
    order = an_order(leased=True)
    run = Run.ordered(Ordered.of(order), phase=Phase.PENDING)
    now = asyncio.get_running_loop().time()
    run.ordered_again(asked_at=now - START_SECONDS_MAX - 1)

    assert not await bench.starter.start(run, order)

    assert (engine.asked, run.last_word) == (0, None)
    run.ordered_again(asked_at=now)
    assert run.start_until == now + START_SECONDS_MAX


async def test_without_a_lease_an_order_may_wait_for_minutes_and_no_longer() -> None:
    run = Run.ordered(Ordered.of(an_order(leased=False)), phase=Phase.PENDING)
    run.ordered_again(asked_at=100.0)
    assert run.start_until == 100.0 + START_SECONDS_MAX_UNLEASED


class Mute(FakeEngine):
    """Never says whether a start has taken effect; it has not."""

    asked = 0

    async def start(self, order: StartOrder, *, bundle: Path | None = None) -> None:
        self.asked += 1
        raise EngineUnreachable("no answer")
