"""A child process ends with its parent, however the parent ends: they share a pipe."""

import asyncio
import os
from typing import Final

VARIABLE: Final = "MAINS_LIFELINE"


def open_lifeline() -> tuple[int, int]:
    """Return (for the child to inherit, for the parent to keep open)."""
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    os.set_inheritable(writing, False)
    return reading, writing


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
