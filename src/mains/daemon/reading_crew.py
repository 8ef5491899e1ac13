"""Documents are read by several processes; a process that ends or hangs costs one document.

Results come in the order of the sources, and only so many are ahead of the slowest: memory does
not grow with the number of documents. A process is replaced after so many documents, so that what
libraries keep does not grow either.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Final

from mains.daemon.reading_documents import Outcome, failed, read_source
from mains.daemon.reading_sources import Source
from mains.errors import DocumentTooSlow, ReadingFailed
from mains.reports.collecting import collect_rarely

DOCUMENTS_PER_PROCESS: Final = 1_000
MEMORY_BYTES_MAX: Final = 4 * 2**30
SECONDS_PER_DOCUMENT: Final = 300.0
AHEAD_PER_PROCESS: Final = 16
"""How many results of one process may wait for an earlier document."""


def read_all(
    given: Iterator[Source],
    *,
    workers: int,
    seconds_max: float = SECONDS_PER_DOCUMENT,
    documents_max: int = DOCUMENTS_PER_PROCESS,
) -> Iterator[Outcome]:
    """Yield what became of each source, in their order; ends every process at the end."""
    crew = _Crew(workers, seconds_max, documents_max)
    try:
        yield from crew.outcomes(enumerate(given))
    finally:
        crew.dismiss()


@dataclass(slots=True)
class _Member:
    """One process, and what it reads now: the source's number, and until when."""

    process: SpawnProcess
    line: Connection
    given: int = 0
    reads: tuple[int, Source] | None = None
    until: float = 0.0

    def end(self) -> None:
        """End the process and what it has started: it leads a session of its own."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.line.close()


@dataclass(slots=True)
class _Crew:
    """Up to `size` processes, started when there is something to read for them."""

    size: int
    seconds_max: float
    documents_max: int
    members: list[_Member] = field(default_factory=list)
    done: dict[int, Outcome] = field(default_factory=dict)
    following: int = 0

    def outcomes(self, numbered: Iterator[tuple[int, Source]]) -> Iterator[Outcome]:
        waiting = next(numbered, None)
        while waiting is not None or self._busy():
            while waiting is not None and self._may_take(waiting[0]):
                self._hand_out(waiting)
                waiting = next(numbered, None)
            self._collect()
            while self.following in self.done:
                yield self.done.pop(self.following)
                self.following += 1

    def dismiss(self) -> None:
        for member in self.members:
            member.end()
        self.members.clear()

    def _busy(self) -> list[_Member]:
        return [member for member in self.members if member.reads is not None]

    def _may_take(self, number: int) -> bool:
        is_near = number < self.following + self.size * AHEAD_PER_PROCESS
        return is_near and len(self._busy()) < self.size

    def _hand_out(self, numbered: tuple[int, Source]) -> None:
        idle = [member for member in self.members if member.reads is None]
        member = idle[0] if idle else self._started()
        member.reads = numbered
        member.given += 1
        member.until = time.monotonic() + self.seconds_max
        with suppress(BrokenPipeError):  # Its end is seen when its answer is awaited.
            member.line.send(numbered[1])

    def _started(self) -> _Member:
        context = multiprocessing.get_context("spawn")
        process, line = _start(context)
        member = _Member(process, line)
        self.members.append(member)
        return member

    def _collect(self) -> None:
        """Wait for the next answer, or until a process has read for too long."""
        busy = self._busy()
        soonest = min(member.until for member in busy)
        ready = wait([member.line for member in busy], max(0.0, soonest - time.monotonic()))
        for member in busy:
            if member.line in ready:
                self._receive(member)
            elif time.monotonic() >= member.until:
                self._lose(
                    member, DocumentTooSlow(f"it was not read within {self.seconds_max:g} seconds")
                )

    def _receive(self, member: _Member) -> None:
        assert member.reads is not None
        try:
            outcome: Outcome = member.line.recv()
        except (EOFError, OSError):
            member.process.join()
            code = member.process.exitcode
            self._lose(member, ReadingFailed(f"the process that read it ended with {code}"))
            return
        self.done[member.reads[0]] = outcome
        member.reads = None
        if member.given >= self.documents_max:
            self._remove(member)

    def _lose(self, member: _Member, error: DocumentTooSlow | ReadingFailed) -> None:
        assert member.reads is not None
        number, source = member.reads
        self.done[number] = failed(source, error)
        self._remove(member)

    def _remove(self, member: _Member) -> None:
        self.members.remove(member)
        member.end()


def _start(context: SpawnContext) -> tuple[SpawnProcess, Connection]:
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _work(line: Connection) -> None:
    """Read what comes, until nothing more can come."""
    os.setsid()
    collect_rarely()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            line.send(read_source(line.recv()))


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
