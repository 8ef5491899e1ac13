"""The store: put once, get by sha256; a local folder, or S3 by URL."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from mains.errors import (
    BundleTooLarge,
    NotFound,
    RequestInvalid,
    StorageUnavailable,
    StoreCorrupt,
)

INCOMING: Final = "incoming"
PART_BYTES: Final = 8 * 2**20

_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Stored:
    """What was put: "sha256:" and 64 hexadecimal digits, and its size."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Named:
    """A blob that a record names; one that is never dropped by its age has no `used_at`."""

    sha256: str
    size_bytes: int | None
    used_at: datetime | None


class Store:
    """Blobs by hash. A blob appears whole or not at all, and never changes."""

    def __init__(self, backend: ObjectStore, *, folder: Path | None) -> None:
        self._backend = backend
        self._folder = folder

    @property
    def is_local(self) -> bool:
        """Say whether the blobs are files of this machine."""
        return self._folder is not None

    @classmethod
    def open(cls, url_or_path: str | Path) -> Self:
        """Return a store over a local folder (made when missing) or an S3 URL.

        S3's keys and endpoint come from the usual AWS_* variables. Raises RequestInvalid for an
        unknown URL and StorageUnavailable when the folder can't be made.
        """
        if isinstance(url_or_path, str) and "://" in url_or_path:
            try:
                return cls(from_url(url_or_path), folder=None)
            except (BaseError, ValueError) as error:
                raise RequestInvalid(f"{url_or_path} is no storage URL: {error}") from error
        folder = Path(url_or_path).absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailable(f"Can't make {folder}: {error.strerror}.") from error
        return cls(LocalStore(folder), folder=folder)

    async def put(
        self, stream: AsyncIterator[bytes], *, expected: str | None, bytes_max: int
    ) -> Stored:
        """Store a stream and return its hash; putting the same content again changes nothing.

        Raises RequestInvalid when the hash is not `expected`, BundleTooLarge beyond `bytes_max`
        (nothing is kept in either case), StorageUnavailable (may be kept; put it again).
        """
        if expected is not None:
            _digits(expected)
        intake = _Intake(stream, bytes_max=bytes_max)
        staged = f"{INCOMING}/{uuid4().hex}"
        try:
            await obstore.put_async(self._backend, staged, intake.parts(), chunk_size=PART_BYTES)
            stored = intake.stored()
            _compare(stored.sha256, expected)
            await asyncio.to_thread(self._sync, staged)
            await obstore.rename_async(self._backend, staged, key_of(stored.sha256))
            await asyncio.to_thread(self._sync_folder, key_of(stored.sha256))
        except BaseException as error:
            await self._discard(staged)
            if isinstance(error, (BaseError, OSError)) and not intake.broken:
                raise _unavailable(error) from error
            raise
        return stored

    async def get(self, sha256: str) -> AsyncIterator[bytes]:
        """Return the content in chunks; raises NotFound at once.

        The iterator raises StoreCorrupt at its end when the content is not what it was.
        """
        try:
            found = await obstore.get_async(self._backend, key_of(sha256))
        except FileNotFoundError as error:
            raise NotFound(f"There is no blob {sha256}.") from error
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error
        return _checked(found, sha256)

    async def has(self, sha256: str) -> bool:
        """Say whether the blob is there."""
        return await self._head(sha256) is not None

    async def size(self, sha256: str) -> int:
        """Return the blob's size in bytes; raises NotFound."""
        size_bytes = await self._head(sha256)
        if size_bytes is None:
            raise NotFound(f"There is no blob {sha256}.")
        return size_bytes

    async def delete(self, sha256: str) -> None:
        """Remove a blob; an unknown one is fine."""
        try:
            await obstore.delete_async(self._backend, key_of(sha256))
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def sweep(self, *, before: datetime) -> int:
        """Remove what interrupted puts have left since before then; return how many."""
        swept = 0
        try:
            async for batch in obstore.list(self._backend, prefix=INCOMING):
                for entry in batch:
                    if entry["last_modified"] < before:
                        await obstore.delete_async(self._backend, entry["path"])
                        swept += 1
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error
        return swept + await asyncio.to_thread(self._sweep_parts, before)

    def _sweep_parts(self, before: datetime) -> int:
        """A local store's unfinished uploads are files that it hides from listings."""
        swept = 0
        if self._folder is not None and (incoming := self._folder / INCOMING).is_dir():
            for path in incoming.iterdir():
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        swept += 1
        return swept

    async def _head(self, sha256: str) -> int | None:
        try:
            return (await obstore.head_async(self._backend, key_of(sha256)))["size"]
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def _discard(self, key: str) -> None:
        with suppress(BaseError, OSError):
            await obstore.delete_async(self._backend, key)

    def _sync(self, key: str) -> None:
        """Make a local file survive a power cut before its name says that it is there."""
        if self._folder is not None:
            _sync_path(self._folder / key)

    def _sync_folder(self, key: str) -> None:
        if self._folder is not None:
            _sync_path((self._folder / key).parent)


@contextmanager
def local_faults() -> Iterator[None]:
    """Translate what the disk beside the store refuses, where contents are written first.

    Raises StorageUnavailable; nothing is kept then.
    """
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        raise StorageUnavailable(
            f"The server's disk failed: {error.strerror}. Nothing was kept."
        ) from error


class _Intake:
    """Counts and hashes what passes through; refuses as soon as it is too much."""

    def __init__(self, stream: AsyncIterator[bytes], *, bytes_max: int) -> None:
        self._stream = stream
        self._bytes_max = bytes_max
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        self.broken = False

    async def parts(self) -> AsyncIterator[bytes]:
        async for part in self._watched():
            self._size_bytes += len(part)
            if self._size_bytes > self._bytes_max:
                raise BundleTooLarge(
                    f"The content is larger than {self._bytes_max} bytes.",
                    bytes_max=self._bytes_max,
                )
            self._hash.update(part)
            if part:
                yield part

    async def _watched(self) -> AsyncIterator[bytes]:
        """Pass the stream on, noting whether it was the sender's end that failed."""
        iterator = aiter(self._stream)
        while True:
            try:
                part = await anext(iterator)
            except StopAsyncIteration:
                return
            except BaseException:
                self.broken = True
                raise
            yield part

    def stored(self) -> Stored:
        return Stored(f"sha256:{self._hash.hexdigest()}", self._size_bytes)


async def _checked(found: "obstore.GetResult", sha256: str) -> AsyncIterator[bytes]:
    digest = hashlib.sha256()
    try:
        async for chunk in found.stream():
            content = bytes(chunk)
            digest.update(content)
            yield content
    except (BaseError, OSError) as error:
        raise _unavailable(error) from error
    if f"sha256:{digest.hexdigest()}" != sha256:
        raise StoreCorrupt(
            f"The stored content of {sha256} has changed.",
            hint="Restore it from a backup, or delete it and put it again.",
        )


def _compare(found: str, expected: str | None) -> None:
    if expected is not None and found != expected:
        raise RequestInvalid(
            f"The content has the hash {found}, not {expected}.",
            hint="It was damaged on its way, or changed meanwhile; send it again.",
        )


def _digits(sha256: str) -> str:
    match = _SHA256.fullmatch(sha256)
    if match is None:
        raise RequestInvalid(f"{sha256!r} is not a hash such as sha256: and 64 digits.")
    return match[1]


def key_of(sha256: str) -> str:
    """Return the path of a blob below its store's root."""
    digits = _digits(sha256)
    return f"{digits[:2]}/{digits[2:]}"


def _sync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(error: Exception) -> StorageUnavailable:
    return StorageUnavailable(f"The blob store failed: {str(error).splitlines()[0]}")
