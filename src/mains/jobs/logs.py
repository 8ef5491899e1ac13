"""Logs of tasks: shipped by agents in order, read by people from any offset."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final
from uuid import UUID

from mains.db import Queries, Transaction
from mains.errors import RequestInvalid
from mains.wire.agent import LogChunk, LogCursor

QUERIES = Queries.load(__package__, "logs.sql")

POLL_SECONDS: Final = 0.2
CHUNKS_PER_READ: Final = 64
FOLLOW_SECONDS_MAX: Final = 6 * 3600

Opener = Callable[[], AbstractAsyncContextManager[Transaction]]
"""Begins one of the short transactions that a log is read in, each with the reader's sight."""


async def take(
    tx: Transaction, site_id: UUID, chunks: list[LogChunk], *, bytes_max: int
) -> list[LogCursor]:
    """Append what continues a log; returns where each log stands, so that the agent goes on there.

    A chunk that was seen, skips ahead, or is another site's changes nothing.
    """
    cursors: dict[tuple[UUID, int], int] = {}
    for chunk in chunks:
        key = (chunk.attempt_id, chunk.task)
        row = await (
            await tx.execute(
                QUERIES["attempt_of_site"], {"id": chunk.attempt_id, "site_id": site_id}
            )
        ).fetchone()
        inside = row is not None and row["first_task"] <= chunk.task <= row["last_task"]
        if row is None or row["fence"] != chunk.fence or not inside:
            cursors[key] = bytes_max
            continue
        cursors[key] = await _append(tx, chunk, bytes_max=bytes_max)
    return [
        LogCursor(attempt_id=attempt_id, task=task, offset=offset)
        for (attempt_id, task), offset in cursors.items()
    ]


async def _append(tx: Transaction, chunk: LogChunk, *, bytes_max: int) -> int:
    at = {"attempt_id": chunk.attempt_id, "task": chunk.task}
    row = await (await tx.execute(QUERIES["log_cursor"], at)).fetchone()
    assert row is not None
    have = int(row["log_offset"])
    data = _decoded(chunk)
    fresh = data[have - chunk.offset :] if chunk.offset <= have else b""
    fresh = fresh[: max(0, bytes_max - have)]
    if not fresh:
        return have
    kept = await tx.execute(QUERIES["put_log_chunk"], {**at, "offset": have, "data": fresh})
    # Where another shipment was faster, the agent goes on from here and sees what is there.
    return have + len(fresh) if await kept.fetchone() is not None else have


def _decoded(chunk: LogChunk) -> bytes:
    try:
        return base64.b64decode(chunk.data_base64, validate=True)
    except ValueError as error:
        raise RequestInvalid("a log chunk is not base64") from error


async def stream(
    transaction: Opener, job_id: UUID, *, task: int, offset: int, follow: bool
) -> AsyncIterator[bytes]:
    """Yield a task's log from offset on; follow: until the task has ended and all is shown.

    No connection is held while nothing comes. A task that is placed anew starts a new log.
    """
    deadline = asyncio.get_running_loop().time() + FOLLOW_SECONDS_MAX
    current: UUID | None = None
    while True:
        async with transaction() as tx:
            ended = await _ended(tx, job_id, task)
            attempt_id = await _attempt(tx, job_id, task)
            if attempt_id != current and current is not None:
                offset = 0
            current = attempt_id
            data = await _read(tx, attempt_id, task, offset)
        if data:
            offset += len(data)
            yield data
        elif ended or not follow or asyncio.get_running_loop().time() > deadline:
            return
        else:
            await asyncio.sleep(POLL_SECONDS)


async def _ended(tx: Transaction, job_id: UUID, task: int) -> bool:
    row = await (
        await tx.execute(QUERIES["task_ended"], {"job_id": job_id, "task": task})
    ).fetchone()
    return row is None or bool(row["ended"])


async def _attempt(tx: Transaction, job_id: UUID, task: int) -> UUID | None:
    row = await (
        await tx.execute(QUERIES["attempt_of_task"], {"job_id": job_id, "task": task})
    ).fetchone()
    return None if row is None else row["id"]


async def _read(tx: Transaction, attempt_id: UUID | None, task: int, offset: int) -> bytes:
    if attempt_id is None:
        return b""
    rows = await tx.execute(
        QUERIES["log_chunks"],
        {"attempt_id": attempt_id, "task": task, "offset": offset, "limit": CHUNKS_PER_READ},
    )
    parts = []
    for row in await rows.fetchall():
        data = bytes(row["data"])
        parts.append(data[max(0, offset - row["log_offset"]) :])
    return b"".join(parts)
