"""What was read last without a server, kept for the questions that follow.

A folder of the user's own with three files of JSON lines: `documents.jsonl` (name, source, hash,
dates, signature), `claims.jsonl` (the exchange format and what stands around each claim), and
`relations.jsonl`. It appears whole, in the place of the one before, when a reading ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson
import platformdirs

from mains.daemon.reading_documents import Outcome

BYTES_MAX: Final = 512 * 2**20
"""A longer reading is not kept: it was printed, and files of it can be asked."""
DOCUMENTS: Final = "documents.jsonl"
CLAIMS: Final = "claims.jsonl"
RELATIONS: Final = "relations.jsonl"


def last_reading_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where this user's last reading lies; MAINS_CONFIG moves it with the contexts."""
    given = environ.get("MAINS_CONFIG")
    base = Path(given).expanduser() if given else platformdirs.user_state_path("mains")
    return base / "last-reading"


class Keeper:
    """Writes a reading as it comes; nothing is seen of it until `__exit__` without an error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bytes = 0
        self.is_kept = True

    def __enter__(self) -> Self:
        self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._draft = Path(tempfile.mkdtemp(prefix=".reading-", dir=self._folder.parent))
        self._files = {
            name: (self._draft / name).open("wb") for name in (DOCUMENTS, CLAIMS, RELATIONS)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        if kind is None and self.is_kept:
            self._put_in_place()
        else:
            shutil.rmtree(self._draft, ignore_errors=True)

    def add(self, outcome: Outcome) -> None:
        """Keep what one document said, unless the reading has grown beyond what is kept."""
        if not self.is_kept or outcome.error is not None:
            return
        self._write(self._files[DOCUMENTS], outcome.document)
        for claim, context in zip(outcome.claims, outcome.contexts, strict=True):
            self._write(self._files[CLAIMS], claim[:-1] + b"," + context[1:])
        for relation in outcome.relations:
            self._write(self._files[RELATIONS], relation)
        self.is_kept = self._bytes <= BYTES_MAX

    def _write(self, file: IO[bytes], line: bytes) -> None:
        self._bytes += file.write(line + b"\n")

    def _put_in_place(self) -> None:
        former = self._draft.with_name(self._draft.name + "-former")
        if self._folder.exists():
            self._folder.rename(former)
        self._draft.rename(self._folder)
        shutil.rmtree(former, ignore_errors=True)


def kept_lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of one file of the last reading; none where nothing was read yet."""
    path = folder / name
    if not path.is_file():
        return
    with path.open("rb") as file:
        for written in file:
            found: dict[str, Any] = orjson.loads(written)
            yield found
