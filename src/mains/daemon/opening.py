"""A process of mains waits for its database: it may be starting again just now."""

import asyncio
from typing import Final

import structlog

from mains.db import Database, migrations
from mains.errors import DatabaseUnavailable

AGAIN_SECONDS: Final = 0.25

log = structlog.get_logger()


async def opened(url: str, *, size_max: int) -> Database:
    """Return the database once it answers; raises SchemaMismatch or SetupMissing."""
    while True:
        try:
            await asyncio.to_thread(migrations.verify, url)
            return await Database.open(url, size_max=size_max)
        except DatabaseUnavailable as error:
            log.warning("the database is awaited", reason=error.detail)
            await asyncio.sleep(AGAIN_SECONDS)
