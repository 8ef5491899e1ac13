"""The contents that records name: copied beside a backup, checked, and put back.

A content is stored before its record is, and dropped after it. So what the database names once its
own copy is finished holds all that the copy names, but for what retention has dropped since.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from mains.blobs import Named, Store
from mains.blobs.store import key_of
from mains.daemon import stores
from mains.daemon.backup_manifest import Contents, sha256_of
from mains.db import Database, Transaction
from mains.errors import NotFound, StoreCorrupt
from mains.jobs import contents as job_contents
from mains.reports import library
from mains.settings import Settings

PAGE: Final = 1_000


class Naming(Protocol):
    """Returns what a slice's records name, from after a hash on."""

    async def __call__(self, tx: Transaction, *, after: str, limit: int) -> list[Named]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """One store, and what names its contents."""

    name: str
    store: Store
    named: Naming


def places(settings: Settings) -> list[Place]:
    """Return every store of an instance."""
    return [
        Place("blobs", stores.jobs(settings), job_contents.named),
        Place("reports", stores.documents(settings), library.named),
    ]


def expired_before(settings: Settings, now: datetime) -> datetime:
    """Return since when a content must not have been used for retention to drop it."""
    return now - timedelta(days=settings.retention_days)


async def copy(
    database: Database, place: Place, into: Path, *, since: Path | None, expired: datetime
) -> Contents:
    """Copy all that is named and compare each with its hash; of an object store, look for it.

    What an earlier backup `since` has is linked from there.
    """
    copies = Store.open(into / place.name) if place.store.is_local else None
    count = size_bytes = gone = 0
    missing: list[str] = []
    with names_of(into, place.name).open("w", encoding="ascii") as names:
        async for named in _all(database, place):
            found = _linked(place, since, into, named)
            if found is None:
                found = await _copied(place.store, copies, named)
            if found is None and _is_expired(named, expired):
                gone += 1
            elif found is None:
                missing.append(named.sha256)
            else:
                count, size_bytes = count + 1, size_bytes + found
                names.write(_line(place.name, named.sha256))
    return Contents(
        copied=copies is not None,
        count=count,
        size_bytes=size_bytes,
        names_sha256=sha256_of(names_of(into, place.name)),
        expired=gone,
        missing=missing,
    )


def verify(folder: Path, name: str, contents: Contents) -> None:
    """Read every copied content; raises StoreCorrupt for the first that is lost or changed."""
    for sha256 in _listed(folder, name, contents):
        path = folder / name / key_of(sha256)
        if not path.is_file() or f"sha256:{sha256_of(path)}" != sha256:
            raise StoreCorrupt(
                f"{path} is lost or has changed since the backup.",
                hint="Use another backup; nothing was changed.",
            )


async def put_back(folder: Path, place: Place, contents: Contents) -> None:
    """Put every copied content into the instance's store; what is there already stays."""
    copies = Store.open(folder / place.name)
    for sha256 in _listed(folder, place.name, contents):
        await _fetch(copies, place.store, sha256)


async def lost(
    database: Database, place: Place, sources: Sequence[Store], *, expired: datetime
) -> list[str]:
    """Return what records name and the store lacks, once the other sources were searched too."""
    missing = []
    async for named in _all(database, place):
        if await _is_there(place.store, named) or _is_expired(named, expired):
            continue
        for source in sources:
            if await source.has(named.sha256):
                await _fetch(source, place.store, named.sha256)
                break
        else:
            missing.append(named.sha256)
    return missing


def names_of(folder: Path, name: str) -> Path:
    """Return the list of a store's copies, as `sha256sum --check` reads it."""
    return folder / f"{name}.sha256"


async def _all(database: Database, place: Place) -> AsyncIterator[Named]:
    after = ""
    while True:
        async with database.transaction() as tx:
            page = await place.named(tx, after=after, limit=PAGE)
        for named in page:
            yield named
        if len(page) < PAGE:
            return
        after = page[-1].sha256


async def _copied(store: Store, copies: Store | None, named: Named) -> int | None:
    """Return the size of what was copied, or None for what is gone or no longer what it was."""
    try:
        if copies is None:
            return await store.size(named.sha256)
        return await _fetch(store, copies, named.sha256)
    except (NotFound, StoreCorrupt):
        return None


def _linked(place: Place, since: Path | None, into: Path, named: Named) -> int | None:
    """Give a copy of an earlier backup a second name, if it is what it was; return its size.

    The store's own content is not read then, and a disk of another kind is copied to as ever.
    """
    if since is None or not place.store.is_local:
        return None
    key = key_of(named.sha256)
    earlier, linked = since / place.name / key, into / place.name / key
    if not earlier.is_file() or f"sha256:{sha256_of(earlier)}" != named.sha256:
        return None
    linked.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        linked.hardlink_to(earlier)
    except OSError:
        return None
    return linked.stat().st_size


async def _fetch(source: Store, into: Store, sha256: str) -> int:
    size_bytes = await source.size(sha256)
    stream = await source.get(sha256)
    return (await into.put(stream, expected=sha256, bytes_max=size_bytes)).size_bytes


async def _is_there(store: Store, named: Named) -> bool:
    try:
        size_bytes = await store.size(named.sha256)
    except NotFound:
        return False
    return named.size_bytes in (None, size_bytes)


def _is_expired(named: Named, expired: datetime) -> bool:
    return named.used_at is not None and named.used_at < expired


def _line(name: str, sha256: str) -> str:
    return f"{sha256.removeprefix('sha256:')}  {name}/{key_of(sha256)}\n"


def _listed(folder: Path, name: str, contents: Contents) -> Iterable[str]:
    """Return the hashes of what was copied, by the list that the manifest vouches for."""
    if not contents.copied:
        return []
    names = names_of(folder, name)
    if not names.is_file() or sha256_of(names) != contents.names_sha256:
        raise StoreCorrupt(
            f"{names} is lost or has changed since the backup.",
            hint="Use another backup; nothing was changed.",
        )
    with names.open(encoding="ascii") as lines:
        return [f"sha256:{line.split(maxsplit=1)[0]}" for line in lines]
