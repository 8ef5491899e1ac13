"""`mains backup`: database and contents into a folder, while mains runs or rests; keys apart."""

import argparse
import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from mains import __version__
from mains.clock import Clock, SystemClock
from mains.daemon import backup_contents as contents
from mains.daemon import backup_manifest as manifests
from mains.daemon.backup_manifest import (
    DATABASE,
    DUMP,
    BaseCopy,
    Contents,
    Dump,
    Manifest,
    sha256_of,
)
from mains.daemon.state import running
from mains.db import Database, base_backup, embedded, logical, migrations
from mains.db.binaries import MAJOR_VERSION
from mains.db.cluster import DATABASE as DATABASE_NAME
from mains.db.cluster import Layout
from mains.db.folders import PRIVATE, make_folder, write_file
from mains.errors import AlreadyExists, MainsError, RequestInvalid, SetupMissing
from mains.settings import Settings

NOTE: Final = "backup.json"
"""In the home: which backup was the last one, for `mains doctor`."""

PARTIAL_EXIT_CODE: Final = 1


@dataclass(frozen=True, slots=True)
class Urls:
    """How the database is reached while it is copied."""

    app: str
    owner: str


async def take(
    settings: Settings,
    folder: Path,
    *,
    keys: Path | None,
    since: Path | None = None,
    clock: Clock | None = None,
) -> Manifest:
    """Back up into a new folder and return what it holds; without its manifest it is none.

    The database is copied first, then every content that it names. Raises AlreadyExists,
    RequestInvalid, SetupMissing, DatabaseUnavailable or StoreCorrupt.
    """
    clock = clock or SystemClock()
    began_at = clock.now()
    _check_places(settings, folder, keys)
    if since is not None:
        manifests.read(since)
    async with _serving(settings) as urls:
        make_folder(folder, mode=PRIVATE)
        number = max(await asyncio.to_thread(migrations.applied, urls.owner))
        copied = await asyncio.to_thread(_copy_database, settings, urls, folder)
        kept = await _copy_contents(settings, urls, folder, since, clock.now())
    if keys is not None:
        await asyncio.to_thread(_copy_keys, settings.keys, keys)
    manifest = Manifest(
        format=1,
        mains=__version__,
        schema_number=number,
        began_at=began_at,
        finished_at=clock.now(),
        database=copied,
        contents=kept,
        keys=keys is not None,
    )
    manifest.write(folder)
    _note(settings, folder, manifest)
    return manifest


def _check_places(settings: Settings, folder: Path, keys: Path | None) -> None:
    """Refuse places that would be lost with what they keep, or that hold something."""
    for chosen in filter(None, (folder, keys)):
        if chosen.exists() and (not chosen.is_dir() or any(chosen.iterdir())):
            raise AlreadyExists(
                f"{chosen} holds something already.",
                hint="Each backup has a folder of its own, such as one named by the day.",
            )
        for inside in (settings.home, settings.commons):
            if chosen.is_relative_to(inside):
                raise RequestInvalid(
                    f"{chosen} lies in {inside}: it would be lost together with it.",
                    hint="Choose a folder on another disk.",
                )
    if keys is not None and (keys.is_relative_to(folder) or folder.is_relative_to(keys)):
        raise RequestInvalid(
            "Keys lie apart from the backup: whoever has both can read every secret in it.",
            hint="Name a folder elsewhere, which other people may read than the backup.",
        )


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[Urls]:
    """Give the database that runs, or start it for as long as it is copied."""
    if settings.database_url is not None:
        if settings.database_owner_url is None:
            raise SetupMissing(
                "A backup of a given database reads all of it, as its owner.",
                hint="Set MAINS_DATABASE_OWNER_URL, or use your Postgres' own backups.",
            )
        yield Urls(settings.database_url, settings.database_owner_url)
        return
    state = running(settings.state_file)
    if state is not None:
        owner = base_backup.owner_url(settings, database=DATABASE_NAME)
        yield Urls(state.database_url, owner)
        return
    if not Layout(settings).data.exists():
        raise SetupMissing(
            f"There is no database of mains in {settings.commons} yet.",
            hint="MAINS_HOME says which mains is meant.",
        )
    async with embedded.running(settings) as server:
        assert server.endpoints.owner_url is not None
        yield Urls(server.endpoints.app_url, server.endpoints.owner_url)


def _copy_database(settings: Settings, urls: Urls, folder: Path) -> BaseCopy | Dump:
    if settings.database_url is not None:
        path = folder / DUMP
        logical.dump(urls.owner, path)
        return Dump(size_bytes=path.stat().st_size, sha256=sha256_of(path))
    taken = base_backup.take(settings, folder / DATABASE)
    return BaseCopy(
        postgres=MAJOR_VERSION,
        system_identifier=taken.system_identifier,
        timeline=taken.timeline,
        end_lsn=taken.end_lsn,
        consistent_at=taken.consistent_at,
        size_bytes=taken.size_bytes,
        proof_sha256=taken.proof_sha256,
        archive=taken.archive,
    )


async def _copy_contents(
    settings: Settings, urls: Urls, folder: Path, since: Path | None, now: datetime
) -> dict[str, Contents]:
    expired = contents.expired_before(settings, now)
    database = await Database.open(urls.app, size_max=1)
    try:
        return {
            place.name: await contents.copy(database, place, folder, since=since, expired=expired)
            for place in contents.places(settings)
        }
    finally:
        await database.close()


def _copy_keys(source: Path, into: Path) -> None:
    make_folder(into, mode=PRIVATE)
    for path in sorted(source.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            copied = into / path.name
            copied.touch(mode=0o600)
            shutil.copyfile(path, copied)


def _note(settings: Settings, folder: Path, manifest: Manifest) -> None:
    said = {
        "folder": str(folder),
        "finished_at": manifest.finished_at.isoformat(),
        "whole": manifest.whole,
    }
    write_file(settings.home / NOTE, json.dumps(said) + "\n", mode=0o600)


def main() -> None:
    os.umask(0o077)
    parser = argparse.ArgumentParser(prog="mains backup")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keys", type=Path)
    parser.add_argument("--since", type=Path)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        settings = Settings.from_environment()
        folder, keys = asked.folder.absolute(), asked.keys and asked.keys.absolute()
        manifest = asyncio.run(take(settings, folder, keys=keys, since=asked.since))
    except MainsError as error:
        sys.exit(f"error [{error.code}]: {error.detail}\n  next: {error.hint}".rstrip())
    if asked.json:
        print(json.dumps({"folder": str(folder), **manifest.model_dump(mode="json")}, indent=2))
    else:
        _say(settings, folder, keys, manifest)
    if not manifest.whole:
        sys.exit(PARTIAL_EXIT_CODE)


def _say(settings: Settings, folder: Path, keys: Path | None, manifest: Manifest) -> None:
    print(f"Backed up to {folder}:")
    print(f"  database  {manifest.database.size_bytes:,} bytes, verified")
    for name, kept in manifest.contents.items():
        how = "copied and verified" if kept.copied else "in the object store: NOT copied"
        print(f"  {name:<8}  {kept.count:,} contents, {kept.size_bytes:,} bytes, {how}")
        for sha256 in kept.missing:
            print(f"  MISSING   {name} {sha256}: lost before this backup, or damaged")
    if keys is None:
        print("  keys      not copied: `--keys FOLDER` copies them, to a place apart")
    else:
        print(f"  keys      copied to {keys}; keep them apart from the backup")
    if settings.wal_archive is None and settings.database_url is None:
        print("What is done from now on is in no backup; MAINS_WAL_ARCHIVE keeps that too.")


if __name__ == "__main__":
    main()
