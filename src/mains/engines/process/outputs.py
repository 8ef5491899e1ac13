"""Reading what a run has left: its folders are its own, so no link in them is followed."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from mains.engines.base import OutputFile
from mains.engines.process.folder import RunFolder
from mains.engines.rules import output_is_wanted
from mains.errors import NotFound, StateConflict

ENTRIES_MAX: Final = 100_000
DEPTH_MAX: Final = 64
PATH_LENGTH_MAX: Final = 1_024
CHUNK_BYTES: Final = 2**20


class Listed(NamedTuple):
    """files are within the bound; left_out are paths that were wanted and are not."""

    files: list[OutputFile]
    left_out: list[str]


def list_outputs(
    run: RunFolder, *, task: int, patterns: Sequence[str], bytes_max: int, owner: int
) -> Listed:
    """List the regular files of one task that match, in order, until bytes_max is used up."""
    files, left_out = [], []
    found = sorted(_walk(run, _parts(run, task), owner=owner))
    for path, size_bytes in found:
        if not output_is_wanted(path, patterns=patterns):
            continue
        if size_bytes > bytes_max:
            left_out.append(path)
            continue
        bytes_max -= size_bytes
        files.append(OutputFile(task=task, path=path, size_bytes=size_bytes))
    return Listed(files, left_out)


def read_output(run: RunFolder, output: OutputFile, *, owner: int) -> Iterator[bytes]:
    """Yield a listed file's bytes; raises NotFound, or StateConflict if it is another one now."""
    parts = output.path.split("/")
    if not all(part not in ("", ".", "..") for part in parts):
        raise NotFound(f"{output.path!r} is no path of an output")
    try:
        with _opened(run.path, (*_parts(run, output.task), *parts[:-1])) as folder:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(parts[-1], flags, dir_fd=folder)
    except OSError as error:
        raise NotFound(f"task {output.task} left no output {output.path!r}") from error
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != owner:
            raise NotFound(f"{output.path!r} is not a file of the run")
        remaining = output.size_bytes
        while chunk := file.read(CHUNK_BYTES):
            remaining -= len(chunk)
            if remaining < 0:
                break
            yield chunk
        if remaining != 0:
            raise StateConflict(f"{output.path!r} changed its size while it was read")


def _parts(run: RunFolder, task: int) -> tuple[str, ...]:
    """Return a task's output folder below the run's: from there on, nothing is trusted."""
    return run.output(task).relative_to(run.path).parts


def _walk(run: RunFolder, root: tuple[str, ...], *, owner: int) -> Iterator[tuple[str, int]]:
    """Yield path and size of the owner's regular files; bounded in depth and number."""
    pending: list[tuple[str, ...]] = [()]
    seen = 0
    while pending:
        parts = pending.pop()
        try:
            with _opened(run.path, (*root, *parts)) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    seen += 1
                    if seen > ENTRIES_MAX:
                        return
                    path = "/".join((*parts, entry.name))
                    if entry.is_dir(follow_symlinks=False) and len(parts) < DEPTH_MAX:
                        pending.append((*parts, entry.name))
                    elif entry.is_file(follow_symlinks=False) and _is_text(path):
                        facts = entry.stat(follow_symlinks=False)
                        if facts.st_uid == owner:
                            yield path, facts.st_size
        except OSError:
            continue


@contextmanager
def _opened(root: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """Open a folder below root one component at a time, none of them a link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(root, flags)
    try:
        for part in parts:
            inner = os.open(part, flags, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _is_text(path: str) -> bool:
    return len(path) <= PATH_LENGTH_MAX and not any("\ud800" <= char <= "\udfff" for char in path)
