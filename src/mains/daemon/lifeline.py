"""A child process ends with its parent, however the parent ends: they share a pipe."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, Final

VARIABLE: Final = "MAINS_LIFELINE"


def open_lifeline() -> tuple[int, int]:
    """Return (for the child to inherit, for the parent to keep open)."""
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    os.set_inheritable(writing, False)
    return reading, writing


async def while_parent_lives(work: Coroutine[Any, Any, None]) -> None:
    """Do the work; drop it where it stands as soon as the parent has ended.

    Nothing is brought to an end in order then: the next parent may wait already for what this
    process holds, and whatever it was doing must survive a kill anyway.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(parent_gone())
    await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
    gone.cancel()
    if working.done():
        await working
        return
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


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
