"""Logs and contents: what is kept, for whom, and for how long."""

import asyncio
import base64
from datetime import timedelta
from uuid import UUID

import pytest

from mains.ids import new_id
from mains.jobs import logs, upkeep
from mains.jobs.contents import Content, check_readable, keep_bundle
from mains.wire.agent import ArtefactReport, LogChunk, StartOrder
from tests.jobs.builders import City, Site, a_spec

pytestmark = pytest.mark.anyio


def a_chunk(order: StartOrder, text: bytes, *, offset: int = 0, task: int = 0) -> LogChunk:
    return LogChunk(
        attempt_id=order.attempt_id,
        fence=order.fence,
        task=task,
        offset=offset,
        data_base64=base64.b64encode(text).decode(),
    )


async def shipped(city: City, site: Site, *chunks: LogChunk, bytes_max: int = 100) -> list[int]:
    async with city.database.transaction() as tx:
        told = await logs.take(tx, site.site_id, list(chunks), bytes_max=bytes_max)
    return [cursor.offset for cursor in told]


async def read(city: City, job_id: UUID, *, task: int = 0, follow: bool = False) -> bytes:
    parts = logs.stream(city.database.transaction, job_id, task=task, offset=0, follow=follow)
    return b"".join([part async for part in parts])


async def test_a_log_is_appended_in_order_whatever_is_sent_twice_or_too_early(city: City) -> None:
    north, south = await city.site("north"), await city.site("south")
    job_id = await city.job(a_spec(sites=["north"]))
    await city.dispatch()
    (order,) = await north.orders()
    assert await shipped(city, north, a_chunk(order, b"one ")) == [4]
    assert await shipped(city, north, a_chunk(order, b"one two ")) == [8]
    assert await shipped(city, north, a_chunk(order, b"four", offset=14)) == [8]
    both = await asyncio.gather(
        shipped(city, north, a_chunk(order, b"three ", offset=8)),
        shipped(city, north, a_chunk(order, b"three f", offset=8)),
    )
    assert await shipped(city, north, a_chunk(order, b"three four", offset=8)) == [18]
    assert all(cursor <= 18 for (cursor,) in both)
    assert await read(city, job_id) == b"one two three four"
    assert await shipped(city, north, a_chunk(order, b"and more", offset=18), bytes_max=20) == [20]
    foreign = a_chunk(order, b"x", offset=20)
    assert await shipped(city, south, foreign, bytes_max=99) == [99]
    assert await shipped(city, north, a_chunk(order, b"x", task=7), bytes_max=99) == [99]
    stale = a_chunk(order, b"x", offset=20).model_copy(update={"fence": 9})
    assert await shipped(city, north, stale, bytes_max=99) == [99]
    assert await read(city, job_id) == b"one two three fouran"


async def test_following_ends_with_the_task_also_where_it_never_ran(city: City) -> None:
    site = await city.site("north", units=1, cpus=1)
    job_id = await city.job(a_spec(array=4))
    await city.cancel(job_id, tasks=[3])
    async with asyncio.timeout(5):
        assert await read(city, job_id, task=3, follow=True) == b""
        assert await read(city, job_id, task=99, follow=True) == b""
        assert await read(city, new_id(), follow=True) == b""
    following = asyncio.create_task(read(city, job_id, task=0, follow=True))
    while await city.dispatch():
        for order in await site.orders():
            await shipped(city, site, a_chunk(order, b"hello", task=order.first_task))
            await site.end(order)
    async with asyncio.timeout(5):
        assert await following == b"hello"


async def test_what_is_past_its_retention_goes_and_what_is_needed_stays(city: City) -> None:
    site = await city.site("north")
    old, kept = f"sha256:{1:064x}", f"sha256:{2:064x}"
    now = city.clock.now()
    async with city.database.transaction() as tx:
        for sha256 in (old, kept):
            content = Content(city.firm, sha256, 10)
            await keep_bundle(tx, content, settings=city.settings, now=now)
        await tx.execute("insert into jobs.upload values (%s, %s, 1, %s)", (site.site_id, old, now))
    await city.job()
    await city.dispatch()
    (order,) = await site.orders()
    await shipped(city, site, a_chunk(order, b"old"))
    await site.end(order, artefacts=[ArtefactReport(task=0, path="m", sha256=old, size_bytes=9)])
    await city.submit(a_spec(), bundle=kept)
    city.clock.advance(timedelta(days=city.settings.retention_days, seconds=1))
    async with city.database.transaction() as tx:
        gone = await upkeep.forget_old(tx, settings=city.settings, now=city.clock.now())
        rows = await (await tx.execute("select 1 from jobs.log_chunk")).fetchall()
        size_bytes = await check_readable(tx, kept, organisation_id=city.firm, everything=False)
    assert (gone, rows, size_bytes) == ([old], [], 10)
