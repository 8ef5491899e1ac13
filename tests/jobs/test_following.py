"""The dispatcher's queue follows the database: nothing is missed, whatever commits when."""

import asyncio
from contextlib import suppress
from uuid import UUID

import pytest

from mains.errors import StaleFence
from mains.jobs import dispatch
from mains.jobs.dispatch import Dispatcher
from mains.jobs.rules import Spans, spans_of
from tests.jobs.builders import City, a_spec

pytestmark = pytest.mark.anyio


async def taken(city: City) -> Dispatcher:
    return await Dispatcher.take(city.database, city.settings, now=city.clock.now())


async def seen(city: City, dispatcher: Dispatcher) -> dict[UUID, Spans]:
    """Let a dispatcher look, and return what it then holds for waiting."""
    await dispatcher.tick(now=city.clock.now())
    return held(dispatcher)


def held(dispatcher: Dispatcher) -> dict[UUID, Spans]:
    assert dispatcher.queue is not None
    return {job.job_id: job.spans for job in dispatcher.queue}


async def stored(city: City) -> dict[UUID, Spans]:
    async with city.database.transaction() as tx:
        rows = await tx.execute(
            "select id, waiting::text as waiting from jobs.job where not isempty(waiting)"
        )
        return {row["id"]: spans_of(row["waiting"]) for row in await rows.fetchall()}


async def waiting(city: City, *tasks: int) -> list[UUID]:
    """Submit jobs of so many tasks, and let the only site be drained before they are placed."""
    north = await city.site("north")
    jobs = [await city.job(a_spec(array=count)) for count in tasks]
    async with city.database.transaction() as tx:
        await tx.execute("update sites.site set state = 'draining' where id = %s", [north.site_id])
    return jobs


async def test_the_queue_is_read_whole_at_first_and_by_its_changes_then(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "READ_MAX", 2)
    jobs = await waiting(city, 1, 3, 1, 1, 2)
    dispatcher = await taken(city)
    assert await seen(city, dispatcher) == await stored(city)
    assert len(held(dispatcher)) == len(jobs)
    await city.cancel(jobs[1], tasks=[1])
    for job_id in (jobs[0], jobs[2], jobs[3]):
        await city.cancel(job_id)
    assert await seen(city, dispatcher) == await stored(city)
    assert held(dispatcher) == {jobs[1]: ((0, 0), (2, 2)), jobs[4]: ((0, 1),)}


async def test_changes_are_seen_in_whatever_order_they_commit(city: City) -> None:
    first, second = await waiting(city, 2, 2)
    dispatcher = await taken(city)
    await seen(city, dispatcher)
    change = "update jobs.job set waiting = '{[0,1)}' where id = %s"
    async with city.database.transaction() as slow:
        await slow.execute(change, [first])
        async with city.database.transaction() as quick:
            await quick.execute(change, [second])
        assert await seen(city, dispatcher) == {first: ((0, 1),), second: ((0, 0),)}
    assert await seen(city, dispatcher) == {first: ((0, 0),), second: ((0, 0),)}


async def test_a_look_that_is_rolled_back_is_made_again(city: City) -> None:
    (job_id,) = await waiting(city, 3)
    dispatcher = await taken(city)
    await seen(city, dispatcher)
    await city.cancel(job_id, tasks=[0])
    queue = dispatcher.queue
    assert queue is not None
    with suppress(ZeroDivisionError):
        async with city.database.transaction() as tx:
            await dispatcher._follow(tx, queue)
            raise ZeroDivisionError
    await city.cancel(job_id, tasks=[1])
    assert await seen(city, dispatcher) == await stored(city) == {job_id: ((2, 2),)}


async def test_who_was_taken_over_from_takes_no_change_away(city: City) -> None:
    (job_id,) = await waiting(city, 3)
    old = await taken(city)
    await seen(city, old)
    new = await taken(city)
    await seen(city, new)
    await city.cancel(job_id, tasks=[0])
    assert await seen(city, old) == {job_id: ((0, 2),)}
    assert await seen(city, new) == {job_id: ((1, 2),)}
    with pytest.raises(StaleFence):
        async with city.database.transaction() as tx:
            await old.check(tx)


async def test_what_is_not_as_the_queue_had_it_is_read_again_though_no_change_says_so(
    city: City,
) -> None:
    """As after a fault that lost changes: a job that is gone does not stand in others' way."""
    await city.site("north", units=1, cpus=1)
    gone, behind = await city.job(), await city.job()
    dispatcher = await taken(city)
    dispatcher.queue = await dispatcher._load()
    await city.cancel(gone)
    async with city.database.transaction() as tx:
        await tx.execute("delete from jobs.queue_change")
    assert await dispatcher.tick(now=city.clock.now()) == 0
    assert dispatcher.doubtful == {gone}
    assert await dispatcher.tick(now=city.clock.now()) == 1
    assert (await city.detail(behind)).state == "assigned"


async def test_jobs_that_come_while_the_queue_is_loaded_are_in_it(city: City) -> None:
    jobs = await waiting(city, 1, 1, 1)
    dispatcher = await taken(city)
    loading = asyncio.ensure_future(dispatcher.tick(now=city.clock.now()))
    for job_id in jobs[:2]:
        await city.cancel(job_id)
    await loading
    assert await seen(city, dispatcher) == await stored(city)
