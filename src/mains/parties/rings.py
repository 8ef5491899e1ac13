"""Rings of keys on disk: the newest version is used, older ones still open what they made.

Every version is a private file of its own (`pepper`, `pepper.2`, `pepper.3`), so that each step of
a rotation is one that the file system does whole or not at all. A version that is being introduced
ends in `.next` and is used by nobody yet.
"""

import contextlib
import os
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Generic, TypeVar

from mains.errors import StoreCorrupt

FRESH_SECONDS: Final = 1.0
"""A folder that changed this recently may change again without a newer time stamp."""

_NEXT: Final = ".next"

Content = TypeVar("Content")


class RingFiles:
    """The files of one ring: `stem` + `suffix` is version 1, `stem.2` + `suffix` version 2."""

    def __init__(self, keys: Path, stem: str, suffix: str = "") -> None:
        self.keys = keys
        self._stem, self._suffix = stem, suffix
        self._name = re.compile(rf"{re.escape(stem)}(?:\.([1-9]\d{{0,5}}))?{re.escape(suffix)}")

    def path(self, version: int) -> Path:
        number = "" if version == 1 else f".{version}"
        return self.keys / f"{self._stem}{number}{self._suffix}"

    def versions(self) -> list[int]:
        """Return the versions that are there and in use, oldest first."""
        found = (self._name.fullmatch(path.name) for path in self.keys.glob(f"{self._stem}*"))
        return sorted(int(match[1] or 1) for match in found if match)

    def begin(self, content: bytes) -> None:
        """Make version 1 if the ring is empty; of two first starts at once, one makes it."""
        if not self.versions():
            fresh = write_beside(self.path(1), content)
            with contextlib.suppress(FileExistsError):
                self.path(1).hardlink_to(fresh)
            fresh.unlink()

    def introduce(self, version: int, content: bytes) -> bytes:
        """Return the content of the version to come: of an interrupted rotation, else this one."""
        waiting = self._waiting(version)
        if not waiting.exists():
            write_beside(waiting, content).replace(waiting)
        return waiting.read_bytes()

    def activate(self, version: int) -> None:
        """From now on this version is the one in use; again changes nothing."""
        waiting = self._waiting(version)
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            # A link never takes the place of a file: what is sealed under that would be lost.
            self.path(version).hardlink_to(waiting)
        waiting.unlink(missing_ok=True)
        sync_folder(self.keys)

    def destroy(self, version: int) -> None:
        """Remove one version's file for good."""
        self.path(version).unlink(missing_ok=True)
        sync_folder(self.keys)

    def _waiting(self, version: int) -> Path:
        path = self.path(version)
        return path.with_name(path.name + _NEXT)


class Ring(ABC, Generic[Content]):
    """The contents of a ring by version, read again when the folder has changed.

    Whoever makes something asks for `newest`, which costs one look at the folder. Whoever opens
    something asks for its version, which is looked for once more where it is not known yet.
    """

    def __init__(
        self, known: Mapping[int, Content] | None = None, *, files: RingFiles | None = None
    ) -> None:
        self.files = files
        self._known: dict[int, Content] = dict(known or {})
        self._seen_ns: int | None = None
        if files is not None:
            self.read_again()

    @property
    def newest(self) -> tuple[int, Content]:
        """Return the version in use and its content."""
        if self.files is not None and self._seen_ns != _changed_ns(self.files.keys):
            self.read_again()
        version = max(self._known)
        return version, self._known[version]

    def of(self, version: int) -> Content | None:
        """Return the content of one version, None where there is none any more."""
        if version not in self._known:
            self.read_again()
        return self._known.get(version)

    def read_again(self) -> None:
        if self.files is None:
            return
        changed_ns = _changed_ns(self.files.keys)
        known = {}
        for version in self.files.versions():
            # A file may be destroyed between the list and the look.
            with contextlib.suppress(FileNotFoundError):
                known[version] = self.read(self.files.path(version))
        if not known:
            raise StoreCorrupt(
                f"{self.files.path(1)} and its later versions are gone",
                hint="Restore the folder of keys from a backup.",
            )
        settled = time.time_ns() - changed_ns > FRESH_SECONDS * 1_000_000_000
        self._known, self._seen_ns = known, changed_ns if settled else None

    @abstractmethod
    def read(self, path: Path) -> Content:
        """Return what a file of this ring holds."""


def write_beside(path: Path, content: bytes) -> Path:
    """Write a durable private file under a name of its own in path's folder."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return fresh


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _changed_ns(folder: Path) -> int:
    return folder.stat().st_mtime_ns
