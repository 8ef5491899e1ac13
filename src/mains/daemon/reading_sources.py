"""What is to be read: files, folders, addresses and standard input, one after the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mains.reports import limits

STANDARD_INPUT: Final = "-"
ENDINGS: Final = frozenset({".txt", ".text", ".md", ".html", ".htm", ".xhtml", ".pdf"})
"""What is read of a folder; a file that is named is read whatever its ending."""


@dataclass(frozen=True, slots=True)
class Source:
    """One document to read: `shown` is what errors call it, `name` what its claims call it."""

    shown: str
    name: str
    path: Path | None = None
    url: str | None = None
    content: bytes | None = None


def sources(given: Sequence[str]) -> Iterator[Source]:
    """Yield what is named, folders file by file in the order of their names, without a list."""
    for word in given:
        if word == STANDARD_INPUT:
            yield Source("standard input", "stdin", content=_standard_input())
        elif word.startswith(("http://", "https://")):
            yield Source(word, word, url=word)
        elif (path := Path(word)).is_dir():
            yield from _folder(path, path)
        else:
            yield Source(word, path.name, path=path)


def count(given: Sequence[str]) -> int:
    """Return how many documents `sources` yields; reads nothing but the folders."""
    folders = [Path(word) for word in given if word != STANDARD_INPUT and Path(word).is_dir()]
    held = sum(sum(1 for _ in _folder(folder, folder)) for folder in folders)
    return len(given) - len(folders) + held


def _standard_input() -> bytes:
    """Return standard input; one byte beyond the limit is enough to refuse it."""
    return sys.stdin.buffer.read(limits.FILE_BYTES_MAX + 1)


def _folder(folder: Path, root: Path) -> Iterator[Source]:
    """Yield a folder's documents; what is hidden, and links to other folders, are left out."""
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _folder(path, root)
        elif entry.is_file() and path.suffix.lower() in ENDINGS:
            yield Source(str(path), path.relative_to(root).as_posix(), path=path)
