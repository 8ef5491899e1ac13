"""A child process ends with its parent, however the parent ends: they share a pipe."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, Final

import structlog

VARIABLE: Final = "MAINS_LIFELINE"
PARENT_GONE: Final = 3

log = structlog.get_logger()


def open_lifeline() -> tuple[int, int]:
    """Return (for the child to inherit, for the parent to keep open)."""
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    os.set_inheritable(writing, False)
    return reading, writing


async def while_parent_lives(work: Coroutine[Any, Any, None]) -> None:
    """Do the work; when the parent ends, end this process at once, whatever it is doing.

    Nothing is brought to an end in order then: the next parent may wait already for what this
    process holds, a thread may hang in a database that is gone too, and whatever was under way
    must survive a kill anyway.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(parent_gone())
    await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        log.info("the parent has ended, and so does this process")
        os._exit(PARENT_GONE)
    gone.cancel()
    await working


async def parent_gone() -> None:
    """Return when the parent has ended; never, for a process that was started without one."""
    text = os.environ.get(VARIABLE)
    if text is None:
        await asyncio.Event().wait()
        return
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(int(text), "rb", buffering=0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    await reader.read()
