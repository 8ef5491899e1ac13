"""News between processes by NOTIFY: at most twenty a second, outside every transaction that
matters, and only ever a hint: whoever hears nothing polls."""

import asyncio
from collections.abc import Callable
from typing import Final, LiteralString

import structlog

from mains.db import Database
from mains.errors import DatabaseUnavailable

INTERVAL_SECONDS: Final = 0.05
HEAR_SECONDS: Final = 30.0

log = structlog.get_logger()


async def announce(database: Database, channel: LiteralString, news: asyncio.Event) -> None:
    """Send a NOTIFY whenever there is news, and gather what comes closely together."""
    while True:
        await news.wait()
        news.clear()
        try:
            await tell(database, channel)
        except DatabaseUnavailable:
            log.warning("news were not announced", channel=channel)
        await asyncio.sleep(INTERVAL_SECONDS)


async def tell(database: Database, channel: LiteralString) -> None:
    async with database.transaction() as tx:
        await tx.execute(f"notify {channel}")


async def hear(database: Database, channel: str, told: Callable[[], None]) -> None:
    """Call `told` at every notice on a channel, until cancelled."""
    async with database.listen(channel) as listener:
        while True:
            try:
                if await listener.wait(seconds_max=HEAR_SECONDS):
                    told()
            except DatabaseUnavailable:
                log.warning("not listening", channel=channel)
                await asyncio.sleep(1)
