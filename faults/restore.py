"""64 restores to random moments of random operations: each is the history up to then, and no more.

Base backups are taken while callers work, and the log is archived. Which transactions a restored
database has, it tells itself, by the numbers that they left. They must be all that ended before
the moment and none that began after it, and the plain model, told just these, must come to exactly
what is stored.
"""

import asyncio
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from faults.campaign import Broken, Share, chance
from faults.history import Call, History, Told, check, compare
from faults.operations import a_round
from faults.stores import Store
from mains.db import base_backup, embedded, migrations
from mains.db.base_backup import BaseBackup
from mains.db.cluster import SHORT_FOLDER
from mains.db.embedded import THROW_AWAY_PREFIX
from mains.db.recovery import Recovery
from mains.db.restoring import restoring
from mains.settings import Settings

RESTORES: Final = 64
RESTORES_A_ROUND: Final = 4
OPERATIONS_A_ROUND: Final = 4_000
CALLS_BEFORE: Final = 100
"""So many calls are answered before a base backup begins: its accounts are opened and funded."""

CALLS_AFTER: Final = 300
"""And so many when it is finished: among them are the moments."""

ARCHIVED_SECONDS_MAX: Final = 120
POLL_SECONDS: Final = 0.02
SWITCH: Final = "SELECT pg_walfile_name(pg_switch_wal())"


@dataclass(frozen=True, slots=True)
class Origin:
    """A server that archives its log, and where backups of it go."""

    settings: Settings
    store: Store
    folder: Path


@dataclass(frozen=True, slots=True)
class Past:
    """What happened in one round, with a base backup taken in its midst."""

    calls: list[Call]
    moments: Sequence[datetime]
    base: Path
    backup: BaseBackup

    @property
    def limited(self) -> set[int]:
        places = [call for call in self.calls if call.kind == "place"]
        return {leg.account_id for call in places for hold in call.asked for leg in hold.legs}

    def any_moment(self, dice: random.Random) -> datetime:
        """Return a moment behind the backup, before the last call began."""
        last = self.moments[max(call.began for call in self.calls)]
        return self.backup.consistent_at + (last - self.backup.consistent_at) * dice.random()


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Do this share of the restores; each goes to a fresh folder."""
    restores = len(share.part(RESTORES))
    counts: Counter[str] = Counter()
    with an_origin() as origin:
        number = 0
        while counts["restores"] < restores:
            dice = chance(seed, f"restore {share} {number}")
            number += 1
            past = asyncio.run(a_past(origin, dice, name=f"base-{number}"))
            counts["base backups"] += 1
            counts["operations"] += sum(len(call.asked) for call in past.calls)
            for _ in range(min(RESTORES_A_ROUND, restores - counts["restores"])):
                until = past.any_moment(dice)
                with restored(origin, past, until) as store:
                    counts["transactions kept"] += judge(past, until, store)
                counts["restores"] += 1
            shutil.rmtree(past.base)
        origin.store.check_invariants(("ledger",))
    return counts


@contextmanager
def an_origin() -> Iterator[Origin]:
    """Give a server in a new folder, with an archive and the newest schema."""
    folder = Path(tempfile.mkdtemp(prefix=THROW_AWAY_PREFIX, dir=SHORT_FOLDER))
    folder.chmod(0o755)
    settings = Settings(
        home=folder / "home", commons=folder / "commons", wal_archive=folder / "archive"
    )
    try:
        server = embedded.start(settings, durable=False)
        try:
            assert server.endpoints.owner_url is not None
            assert server.superuser_url is not None
            migrations.migrate(server.endpoints.owner_url)
            store = Store(
                server.endpoints.app_url, server.endpoints.owner_url, server.superuser_url
            )
            store.add_witness()
            store.keep_witnesses()
            yield Origin(settings, store, folder)
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def a_past(
    origin: Origin, dice: random.Random, *, name: str, operations: int = OPERATIONS_A_ROUND
) -> Past:
    """Let callers work, copy the database meanwhile, and have all that they did archived."""
    history, enough = History(), asyncio.Event()
    base = origin.folder / name
    working = asyncio.ensure_future(
        a_round(origin.store, dice, operations=operations, history=history, enough=enough)
    )
    try:
        await _called(history, CALLS_BEFORE, working)
        backup = await asyncio.to_thread(base_backup.take, origin.settings, base)
        await _called(history, len(history.calls) + CALLS_AFTER, working)
    finally:
        enough.set()
        calls = await working
    await asyncio.to_thread(_archive, origin, backup)
    return Past(calls, history.moments, base, backup)


async def _called(history: History, number: int, working: "asyncio.Future[list[Call]]") -> None:
    """Wait until so many calls are answered, or until the callers failed."""
    while len(history.calls) < number and not working.done():  # noqa: ASYNC110
        await asyncio.sleep(POLL_SECONDS)


def _archive(origin: Origin, backup: BaseBackup) -> None:
    """Wait until the segment that is written to now lies in the archive."""
    assert origin.settings.wal_archive is not None
    assert backup.archive is not None
    with psycopg.connect(origin.store.superuser_url, autocommit=True) as connection:
        row = connection.execute(SWITCH).fetchone()
    assert row is not None
    wanted = origin.settings.wal_archive / backup.archive / f"{row[0]}.gz"
    deadline = time.monotonic() + ARCHIVED_SECONDS_MAX
    while not wanted.exists():
        if time.monotonic() > deadline:
            raise Broken(f"{wanted.name} was not archived in {ARCHIVED_SECONDS_MAX} s")
        time.sleep(POLL_SECONDS)


@contextmanager
def restored(origin: Origin, past: Past, until: datetime) -> Iterator[Store]:
    """Give the database as it was at a moment, in a fresh folder that goes with it."""
    assert origin.settings.wal_archive is not None
    assert past.backup.archive is not None
    folder = Path(tempfile.mkdtemp(prefix=THROW_AWAY_PREFIX, dir=SHORT_FOLDER))
    folder.chmod(0o755)
    recovery = Recovery(origin.settings.wal_archive / past.backup.archive, until=until)
    settings = Settings(home=folder / "home", commons=folder / "commons")
    now = datetime.now(UTC)
    try:
        with restoring(
            settings, past.base, recovery, replace=False, now=now, durable=False
        ) as endpoints:
            yield Store(endpoints.app_url, str(endpoints.owner_url))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def judge(past: Past, until: datetime, store: Store) -> int:
    """Raise Broken unless a database is the history up to a moment; returns how much that is."""
    drawn = store.drawn()
    check_span(past, until, drawn)
    check_content(past, drawn, store.stored(past.limited))
    store.check_invariants(("ledger",))
    return len(drawn)


def check_span(past: Past, until: datetime, drawn: Set[int]) -> None:
    """Raise Broken for a call that is missing though it had ended, or there before it began."""
    for call in past.calls:
        if call.told is not Told.DONE:
            continue
        began, ended = past.moments[call.began], past.moments[call.ended]
        if ended < until and call.witness not in drawn:
            raise Broken(f"{call.kind} ended at {ended}, before {until}, and is not there")
        if began > until and call.witness in drawn:
            raise Broken(f"{call.kind} began at {began}, after {until}, and is there")


def check_content(past: Past, drawn: Set[int], stored: Mapping[str, Mapping[Any, Any]]) -> None:
    """Raise Broken unless the model comes to what is stored by these calls, in their order."""
    kept = [call for call in past.calls if call.told is Told.DONE and call.witness in drawn]
    compare(check(kept, limited=past.limited), stored)
