"""The dispatcher's process: `python -m mains.daemon.dispatcher`; a second one takes over."""

import asyncio
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from mains.blobs import Store
from mains.clock import Clock, SystemClock
from mains.daemon import logs, rotation, stores
from mains.daemon.announcing import tell
from mains.daemon.lifeline import while_parent_lives
from mains.daemon.opening import opened
from mains.daemon.rotation import Place
from mains.db import Database, Listener
from mains.errors import DatabaseUnavailable, StaleFence, Unavailable
from mains.jobs import retention, upkeep
from mains.jobs.dispatch import Dispatcher
from mains.programmes import service as programmes
from mains.settings import Settings

IDLE_SECONDS: Final = 0.25
"""How often an idle dispatcher looks without having been told to: polling is the truth."""
PAUSE_SECONDS: Final = 0.03
"""The least time between two looks: what comes closely together is placed together."""
UPKEEP_EVERY: Final = timedelta(seconds=1)
LIFE_EVERY: Final = timedelta(seconds=5)
KEYS_EVERY: Final = timedelta(minutes=1)
RETENTION_EVERY: Final = timedelta(hours=1)
VOUCHERS_PER_ROUND: Final = 100
DATABASE_CONNECTIONS_MAX: Final = 3

log = structlog.get_logger()


async def run(settings: Settings, clock: Clock) -> None:
    """Dispatch until another dispatcher takes over."""
    assert settings.database_url is not None, "`up` names the database"
    database = await opened(settings.database_url, size_max=DATABASE_CONNECTIONS_MAX)
    try:
        await _work(database, settings, clock)
    finally:
        await database.close()


async def _work(database: Database, settings: Settings, clock: Clock) -> None:
    dispatcher = await _take(database, settings, clock)
    cleaner = _Cleaner(dispatcher, clock, stores.jobs(settings))
    async with database.listen("mains_queue") as listener:
        while True:
            try:
                await cleaner.round()
                placed = await dispatcher.tick(now=clock.now())
                if placed:
                    await tell(database, "mains_orders")
                await _pause(listener, busy=placed > 0)
            except Unavailable as error:
                log.warning("the tick was not finished", reason=error.detail)
                await asyncio.sleep(IDLE_SECONDS)
            except StaleFence:
                log.info("another dispatcher has taken over")
                return


async def _take(database: Database, settings: Settings, clock: Clock) -> Dispatcher:
    while True:
        try:
            return await Dispatcher.take(database, settings, now=clock.now())
        except DatabaseUnavailable as error:
            log.warning("the dispatch was not taken", reason=error.detail)
            await asyncio.sleep(IDLE_SECONDS)


async def _pause(listener: Listener, *, busy: bool) -> None:
    await asyncio.sleep(PAUSE_SECONDS)
    if not busy:
        await listener.wait(seconds_max=IDLE_SECONDS)


class _Cleaner:
    """Does what time alone brings about, between ticks and not at every one."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock, blobs: Store) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._blobs = blobs
        self._upkeep_at = clock.now()
        self._retention_at = clock.now()
        self._keys_at = clock.now()
        self._life_at = clock.now()
        self._quotes_after = UUID(int=0)

    async def round(self) -> None:
        now = self._clock.now()
        if now >= self._upkeep_at:
            self._upkeep_at = now + UPKEEP_EVERY
            await self._tidy()
        if now >= self._retention_at:
            self._retention_at = now + RETENTION_EVERY
            await self._forget()
        if now >= self._keys_at:
            self._keys_at = now + KEYS_EVERY
            await self._tend_keys()

    async def _tidy(self) -> None:
        settings, now = self._dispatcher.settings, self._clock.now()
        async with self._dispatcher.database.transaction() as tx:
            await self._dispatcher.check(tx)
            done = await upkeep.tidy(tx, settings=settings, now=now)
            if now >= self._life_at:
                self._life_at = now + LIFE_EVERY
                await upkeep.note_life(tx, "dispatcher", now=now)
        if done.lost or done.recalled or done.expired:
            log.info("tidied", lost=done.lost, recalled=done.recalled, expired=done.expired)
        async with self._dispatcher.database.transaction() as tx:
            await programmes.expire_vouchers(tx, now=now, limit=VOUCHERS_PER_ROUND)

    async def _tend_keys(self) -> None:
        dispatcher = self._dispatcher
        done = await rotation.tend(Place(dispatcher.settings, dispatcher.database, self._clock))
        if done.resealed or done.revoked or done.destroyed:
            log.info(
                "keys tended",
                resealed=done.resealed,
                revoked=done.revoked,
                destroyed=list(done.destroyed),
            )

    async def _forget(self) -> None:
        """Drop what is past its retention; a content goes only once nobody keeps it."""
        settings, now = self._dispatcher.settings, self._clock.now()
        async with self._dispatcher.database.transaction() as tx:
            dropped = await upkeep.forget_old(tx, settings=settings, now=now)
        for sha256 in dropped:
            await self._blobs.delete(sha256)
        async with self._dispatcher.database.transaction() as tx:
            await self._dispatcher.check(tx)
            done = await retention.forget(
                tx, settings=settings, now=now, quotes_after=self._quotes_after
            )
            await retention.note(tx, settings=settings, now=now)
        self._quotes_after = done.quotes_after
        if done.more or dropped:
            self._retention_at = now + UPKEEP_EVERY


def main() -> None:
    settings = Settings.from_environment()
    logs.configure(settings.logs, "dispatcher")
    asyncio.run(while_parent_lives(run(settings, SystemClock())))


if __name__ == "__main__":
    main()
