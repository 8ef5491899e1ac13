"""What the fake engine promises beyond the contract: it is exact, and it is cheap."""

import time
from datetime import timedelta

import pytest

from mains.wire.agent import RunState
from tests.engines.builders import FakeSite, a_script, a_stop, an_order, run, see

pytestmark = pytest.mark.anyio


async def test_its_clock_alone_decides_and_its_meter_is_exact() -> None:
    site = FakeSite()
    order = an_order(**a_script(seconds=10), units=3, last_task=1)
    await site.engine.start(order, bundle=None)
    used = []
    for _ in range(5):
        seen = await see(site, order)
        assert seen is not None
        used.append(seen.usage.unit_milliseconds)
        site.clock.advance(timedelta(seconds=5))
    assert used == [0, 15_000, 30_000, 45_000, 60_000]
    assert (await run(site, order)).report.state is RunState.SUCCEEDED


async def test_its_meter_says_what_the_order_tells_it_to() -> None:
    site = FakeSite()
    order = an_order(envs={"FAKE_UNIT_MILLISECONDS": "1234"}, last_task=2)
    seen = await run(site, order)
    assert seen.usage.unit_milliseconds == 3 * 1_234
    assert [task.unit_milliseconds for task in seen.report.tasks] == [1_234] * 3


async def test_nothing_ends_by_itself_while_the_clock_stands() -> None:
    site = FakeSite()
    order = an_order(**a_script(seconds=1))
    await site.engine.start(order, bundle=None)
    before = await see(site, order)
    assert before is not None
    assert before.report.state is RunState.RUNNING
    assert await see(site, order) == before
    await site.engine.stop(a_stop(order))
    seen = await see(site, order)
    assert seen is not None
    assert seen.report.state is RunState.CANCELLED


async def test_a_thousand_attempts_cost_less_than_a_second() -> None:
    site = FakeSite()
    orders = [an_order() for _ in range(1_000)]
    begun = time.process_time()
    for order in orders:
        await site.engine.start(order, bundle=None)
    assert len(await site.engine.observe()) == 1_000
    for order in orders:
        await site.engine.forget(order.attempt_id)
    assert await site.engine.observe() == []
    assert time.process_time() - begun < 1
