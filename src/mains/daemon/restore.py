"""`mains restore`: a backup becomes an instance again, up to its end or to a later moment.

Everything is verified before anything is touched. The database is made beside and takes its place
once it is whole, so that a restore which fails has changed no record.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from mains.api.app import AUDITED
from mains.blobs import Store
from mains.clock import Clock, SystemClock
from mains.daemon import backup_contents as contents
from mains.daemon import backup_manifest as manifests
from mains.daemon.backup_manifest import BaseCopy, Dump, Manifest
from mains.db import Database, Queries, base_backup, migrations
from mains.db.cluster import Layout
from mains.db.embedded import Endpoints
from mains.db.folders import PRIVATE, make_folder
from mains.db.lock import InstanceLock
from mains.db.recovery import Recovery
from mains.db.restoring import restoring
from mains.errors import AlreadyExists, MainsError, RequestInvalid, SetupMissing, StoreCorrupt
from mains.jobs import dispatch
from mains.ledger import auditing
from mains.parties import keyfiles
from mains.settings import Settings
from mains.sites import service as sites

QUERIES: Final = Queries.load(__package__, "restore.sql")
FENCE_GAP: Final = 1_000_000
"""More epochs, fences and numbers than were given out between any backup and its restore."""

LATEST: Final = "latest"
UNSOUND_EXIT_CODE: Final = 1
TOLD_TO_END_EXIT_CODE: Final = 143


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked for. `until` is a moment, LATEST, or None: the backup's own end."""

    folder: Path
    until: datetime | str | None = None
    wal: Path | None = None
    keys: Path | None = None
    without_keys: bool = False
    sources: Sequence[Path] = ()
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it; `lost` has the contents that records name and nobody has, by store."""

    manifest: Manifest
    last_commit: datetime | None
    broken: list[str] = field(default_factory=list)
    lost: dict[str, list[str]] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        return not self.broken and not any(self.lost.values())


async def restore(settings: Settings, asked: Asked, *, clock: Clock | None = None) -> Restored:
    """Put a backup back; raises before anything was changed, or with the database as it was."""
    now = (clock or SystemClock()).now()
    manifest = manifests.read(asked.folder)
    recovery = _recovery(settings, manifest, asked)
    _check_keys(settings, asked)
    await asyncio.to_thread(_verify, asked.folder, manifest)
    with _database(settings, manifest, asked, recovery, now) as endpoints:
        assert endpoints.owner_url is not None
        await asyncio.to_thread(migrations.migrate, endpoints.owner_url)
        last_commit = await asyncio.to_thread(_skip_numbers, endpoints.owner_url)
        database = await Database.open(endpoints.app_url, size_max=1)
        try:
            await _fence(database, now)
            lost = await _put_back(settings, database, manifest, asked, now)
            broken = await _audit(database)
        finally:
            await database.close()
    return Restored(manifest, last_commit, broken, lost)


def _recovery(settings: Settings, manifest: Manifest, asked: Asked) -> Recovery:
    """Return how far to go; raises RequestInvalid for what this backup can't be brought to."""
    if asked.until is None:
        return Recovery()
    database = manifest.database
    if not isinstance(database, BaseCopy) or database.archive is None:
        raise RequestInvalid(
            "This backup can be restored to its own end alone: no log was archived after it.",
            hint="Leave out --to-time. With MAINS_WAL_ARCHIVE later backups can do more.",
        )
    root = asked.wal or settings.wal_archive
    if root is None:
        raise SetupMissing(
            "Where the log's archive lies is not known.",
            hint="Name it by --wal, or by MAINS_WAL_ARCHIVE as before.",
        )
    archive = root / database.archive
    if not archive.is_dir():
        raise SetupMissing(f"There is no archive of this database in {root}: {archive.name}.")
    if not isinstance(asked.until, datetime):
        return Recovery(archive, to_end=True)
    if asked.until < database.consistent_at:
        raise RequestInvalid(
            f"The backup is of {database.consistent_at.isoformat()}, after the time asked for.",
            hint="Take the newest backup that was finished before that time.",
        )
    return Recovery(archive, until=asked.until)


def _check_keys(settings: Settings, asked: Asked) -> None:
    """Without its keys a database answers nobody, so that they are asked for first."""
    here = bool(keyfiles.pepper_files(settings.keys).versions())
    if asked.keys is not None:
        if not keyfiles.pepper_files(asked.keys).versions():
            raise SetupMissing(f"There are no keys of mains in {asked.keys}.")
        if here and _differ(asked.keys, settings.keys):
            raise AlreadyExists(
                f"There are other keys in {settings.keys} already.",
                hint="Move them away, or leave out --keys to go on with them.",
            )
    elif not here and not asked.without_keys:
        raise SetupMissing(
            f"The keys that belong to the backup are not in {settings.keys}.",
            hint="Name their copy by --keys. If it is lost too, say --without-keys: then every "
            "API key has to be made anew, and stored secrets can't be read.",
        )


def _differ(copied: Path, kept: Path) -> bool:
    """Say whether keys that can't be made anew are not the same."""
    return any(
        not path.name.startswith(("postgres_", "."))
        and (kept / path.name).exists()
        and (kept / path.name).read_bytes() != path.read_bytes()
        for path in copied.iterdir()
    )


def _verify(folder: Path, manifest: Manifest) -> None:
    """Read the whole backup once; raises StoreCorrupt."""
    database = manifest.database
    if isinstance(database, BaseCopy):
        base = folder / manifests.DATABASE
        proof = base / base_backup.PROOF
        if not proof.is_file() or manifests.sha256_of(proof) != database.proof_sha256:
            raise StoreCorrupt(f"{proof} is not that of this backup.", hint="Use another backup.")
        base_backup.verify(base)
    for name, kept in manifest.contents.items():
        contents.verify(folder, name, kept)


@contextmanager
def _database(
    settings: Settings, manifest: Manifest, asked: Asked, recovery: Recovery, now: datetime
) -> Iterator[Endpoints]:
    """Give the restored database; a given one was restored by whoever runs that Postgres."""
    _copy_keys(settings, asked)
    given = settings.database_url is not None
    if given != isinstance(manifest.database, Dump):
        raise RequestInvalid(
            "The backup is of an embedded database, and MAINS_DATABASE_URL names another."
            if given
            else "The backup is of a Postgres of your own, and MAINS_DATABASE_URL names none.",
            hint="Set the same variables as when it was taken.",
        )
    if given:
        with _given_database(settings, asked.folder) as endpoints:
            yield endpoints
    else:
        base = asked.folder / manifests.DATABASE
        with restoring(settings, base, recovery, replace=asked.replace, now=now) as endpoints:
            yield endpoints


@contextmanager
def _given_database(settings: Settings, folder: Path) -> Iterator[Endpoints]:
    layout = Layout(settings)
    for needed in (layout.folder, settings.home):
        make_folder(needed, mode=PRIVATE)
    lock = InstanceLock.take(layout.lock)
    try:
        if settings.database_url is None or settings.database_owner_url is None:
            raise SetupMissing("A restore needs MAINS_DATABASE_OWNER_URL too.")
        try:
            migrations.applied(settings.database_owner_url)
        except SetupMissing as error:
            raise SetupMissing(
                "The given database is still empty: mains restores no database of others.",
                hint=f"First `pg_restore --no-owner --dbname=OWNER_URL {folder / manifests.DUMP}`, "
                "or your own backup; then this again.",
            ) from error
        yield Endpoints(settings.database_url, settings.database_owner_url)
    finally:
        lock.release()


def _copy_keys(settings: Settings, asked: Asked) -> None:
    if asked.keys is None or keyfiles.pepper_files(settings.keys).versions():
        return
    make_folder(settings.keys, mode=PRIVATE)
    for path in sorted(asked.keys.iterdir()):
        if path.is_file():
            (settings.keys / path.name).touch(mode=0o600)
            shutil.copyfile(path, settings.keys / path.name)


def _skip_numbers(owner_url: str) -> datetime | None:
    """Let no number be given out twice; returns of when the last commit is that was recovered."""
    with psycopg.connect(owner_url) as connection:
        connection.execute(QUERIES["skip_numbers"].encode(), {"gap": FENCE_GAP})
        row = connection.execute(QUERIES["last_commit"].encode()).fetchone()
    return row[0] if row is not None else None


async def _fence(database: Database, now: datetime) -> None:
    """Agents and dispatchers of the time that is gone are strangers from now on."""
    async with database.transaction() as tx:
        await sites.fence_all(tx, gap=FENCE_GAP, now=now)
        await dispatch.fence_all(tx, gap=FENCE_GAP)


async def _put_back(
    settings: Settings, database: Database, manifest: Manifest, asked: Asked, now: datetime
) -> dict[str, list[str]]:
    """Put the contents back, and return what records name and nobody has."""
    expired = contents.expired_before(settings, now)
    lost = {}
    for place in contents.places(settings):
        await contents.put_back(asked.folder, place, manifest.contents[place.name])
        sources = [
            Store.open(folder)
            for source in asked.sources
            for folder in (source / place.name, source)
            if folder.is_dir()
        ]
        lost[place.name] = await contents.lost(database, place, sources, expired=expired)
    return lost


async def _audit(database: Database) -> list[str]:
    sections = {name: Queries.load(f"mains.{name}", "audit.sql") for name in AUDITED}
    async with database.transaction() as tx:
        return [
            f"{finding.slice}.{finding.invariant}: {finding.means}"
            for finding in await auditing.audit(tx, sections)
        ]


def main() -> None:
    os.umask(0o077)
    # Told to end, it ends the database that it makes as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TOLD_TO_END_EXIT_CODE))
    parser = argparse.ArgumentParser(prog="mains restore")
    parser.add_argument("folder", type=_path)
    parser.add_argument("--to-time")
    parser.add_argument("--wal", type=_path)
    parser.add_argument("--keys", type=_path)
    parser.add_argument("--without-keys", action="store_true")
    parser.add_argument("--blobs", type=_path, action="append", default=[])
    parser.add_argument("--replace", action="store_true")
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    try:
        asked = Asked(
            folder=told.folder,
            until=read_moment(told.to_time),
            wal=told.wal,
            keys=told.keys,
            without_keys=told.without_keys,
            sources=told.blobs,
            replace=told.replace,
        )
        settings = Settings.from_environment()
        restored = asyncio.run(restore(settings, asked))
    except MainsError as error:
        sys.exit(f"error [{error.code}]: {error.detail}\n  next: {error.hint}".rstrip())
    _say(settings, restored, as_json=told.json)
    if not restored.sound:
        sys.exit(UNSOUND_EXIT_CODE)


def read_moment(text: str | None) -> datetime | str | None:
    """Return the moment that a text names with its offset, or LATEST; raises RequestInvalid."""
    if text is None or text == LATEST:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _unreadable(text) from error
    if moment.tzinfo is None:
        raise _unreadable(text)
    return moment.astimezone(UTC)


def _unreadable(text: str) -> RequestInvalid:
    return RequestInvalid(
        f"{text!r} is no time.", hint="It looks like 2026-12-01T10:00:00Z, or is `latest`."
    )


def _path(text: str) -> Path:
    return Path(text).absolute()


def _say(settings: Settings, restored: Restored, *, as_json: bool) -> None:
    last = restored.last_commit.isoformat() if restored.last_commit else None
    if as_json:
        said = {"last_commit": last, "broken": restored.broken, "lost": restored.lost}
        print(json.dumps({"home": str(settings.home), "sound": restored.sound, **said}, indent=2))
        return
    print(f"Restored to {settings.home}.")
    print(f"  last commit  {last or 'that of the backup'}")
    print(f"  audit        {'clean' if not restored.broken else 'NOT clean'}")
    for broken in restored.broken:
        print(f"  BROKEN       {broken}")
    for name, hashes in restored.lost.items():
        for sha256 in hashes:
            print(f"  LOST         {name} {sha256}: a record names it and no source has it")
    print("What was done after that moment is gone: revoke again, publish again, grant again.")
    print("Agents have to register anew: start each of them again. Then take a backup.")
    print("next: mains up")


if __name__ == "__main__":
    main()
