"""Bundles at the site: fetched once by hash, verified, kept until the cache is full."""

import asyncio
import hashlib
from pathlib import Path
from typing import Final

from mains.agent.client import Server

FOLDER: Final = "bundles"
_BLOCK_BYTES: Final = 2**20


class BundleCache:
    """A folder of verified archives; two runs that need the same one fetch it once."""

    def __init__(self, folder: Path, *, bytes_max: int) -> None:
        self._folder = folder / FOLDER
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._bytes_max = bytes_max
        self._fetching: dict[str, asyncio.Lock] = {}
        self._verified: set[str] = set()
        for leftover in self._folder.glob(".*"):
            leftover.unlink()

    async def fetch(self, server: Server, sha256: str) -> Path:
        """Return the archive of this hash; raises as `Server.fetch`."""
        path = self._folder / f"{sha256.removeprefix('sha256:')}.tar.gz"
        lock = self._fetching.setdefault(sha256, asyncio.Lock())
        async with lock:
            if not await asyncio.to_thread(self._have, path, sha256):
                await server.fetch(sha256, path)
                self._verified.add(sha256)
                await asyncio.to_thread(self._evict, path)
        if not lock.locked():
            self._fetching.pop(sha256, None)
        return path

    def _have(self, path: Path, sha256: str) -> bool:
        """Tell whether the file is there and whole; it is read once after each start."""
        if not path.exists():
            return False
        if sha256 not in self._verified:
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
            if f"sha256:{digest.hexdigest()}" != sha256:
                path.unlink()
                return False
            self._verified.add(sha256)
        path.touch()
        return True

    def _evict(self, newest: Path) -> None:
        """Remove the least recently used archives until the rest fits; the newest one stays."""
        entries = [(entry.stat(), entry) for entry in self._folder.glob("*.tar.gz")]
        entries.sort(key=lambda pair: pair[0].st_mtime_ns)
        total_bytes = sum(facts.st_size for facts, _ in entries)
        for facts, entry in entries:
            if total_bytes <= self._bytes_max:
                return
            if entry != newest:
                entry.unlink()
                self._verified.discard(f"sha256:{entry.name.removesuffix('.tar.gz')}")
                total_bytes -= facts.st_size
