"""Reading runs in processes of its own: the event loop never waits for it, and outlives its faults.

A worker is started when it is first needed and ended after idling. The queue is bounded, and so are
the time and the memory of one reading. A worker that ends in the midst of a document is that
document's error; the others are read by another worker.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from mains import errors
from mains.errors import DocumentTooSlow, MainsError, ReadingBusy, ReadingFailed

MODULE: Final = "mains.reports.reading_worker"
ANSWER_BYTES_MAX: Final = 2**16
WRITTEN: Final = "reading.json"
"""What a worker leaves in the request's folder: what it read."""

OPENED: Final = "opened.json"
"""And the document's text with its blocks."""

FETCHED: Final = "fetched"
"""What was fetched from an address."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingLimits:
    """How much reading one instance does at a time."""

    workers_max: int = 2
    waiting_max: int = 256
    seconds_max: float = 300.0
    idle_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRequest:
    """One document to read; `folder` is empty and private, `content` lies in it or elsewhere.

    `digits` is the hash of the content: ids are made of it.
    """

    content: Path
    folder: Path
    name: str
    media_type: str | None
    digits: str

    def document(self) -> dict[str, str | None]:
        return {
            "content": str(self.content),
            "folder": str(self.folder),
            "name": self.name,
            "media_type": self.media_type,
            "digits": self.digits,
        }


class ReadingPool:
    """Up to workers_max processes that read documents; `close` ends them all."""

    def __init__(self, limits: ReadingLimits, *, model: Mapping[str, Any] | None = None) -> None:
        """`model` is what `proposing.reading.model_for_worker` returns: who proposes."""
        self.limits = limits
        self._model = model
        self._slots = asyncio.Semaphore(limits.workers_max)
        self._waiting = 0
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    @property
    def process_ids(self) -> list[int]:
        """Return the workers that are there now, for tests and the curious."""
        return sorted(worker.process.pid for worker in self._all)

    @property
    def reading_count(self) -> int:
        """Return how many workers have a document now."""
        return len(self._all) - len(self._idle)

    async def read(self, request: ReadingRequest) -> dict[str, Any]:
        """Read one document and return what the worker wrote of it.

        Raises the worker's own refusal (DocumentUnreadable, ...), ReadingBusy when too many wait,
        DocumentTooSlow, or ReadingFailed where the worker ended.
        """
        await self._done({"do": "read", **request.document(), "model": self._model})
        return await asyncio.to_thread(_written, request.folder / WRITTEN)

    async def fetch(self, url: str, *, folder: Path) -> dict[str, Any]:
        """Fetch a public address into the folder; returns its name, media type and final URL.

        Raises AddressRefused, SourceUnreachable, and what `read` raises.
        """
        await self._done({"do": "fetch", "url": url, "folder": str(folder), "name": url})
        return await asyncio.to_thread(_written, folder / WRITTEN)

    async def _done(self, asked: Mapping[str, Any]) -> None:
        """Have a worker do something; what it refuses is raised here."""
        async with self._slot():
            worker = await self._take()
            try:
                answer = await self._ask(worker, asked)
            except BaseException:
                # What it is doing is unknown: the next document gets another.
                await self._end(worker)
                raise
            self._give_back(worker)
        if "error" in answer:
            raise _refusal(answer["error"])

    async def close(self) -> None:
        """End every worker, whatever it is doing."""
        await asyncio.gather(*(self._end(worker) for worker in tuple(self._all)))

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._waiting >= self.limits.waiting_max:
            raise ReadingBusy(f"{self._waiting} documents wait to be read already")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    async def _take(self) -> "_Worker":
        while self._idle:
            worker = self._idle.pop()
            worker.stop_waiting()
            if worker.process.returncode is None:
                return worker
            self._all.discard(worker)
        worker = await _Worker.start()
        self._all.add(worker)
        return worker

    async def _ask(self, worker: "_Worker", asked: Mapping[str, Any]) -> dict[str, Any]:
        seconds_max = self.limits.seconds_max
        line = orjson.dumps({**asked, "seconds_max": seconds_max}) + b"\n"
        try:
            async with asyncio.timeout(seconds_max):
                return await worker.ask(line)
        except TimeoutError:
            raise DocumentTooSlow(
                f"{asked['name']} was not read within {seconds_max:g} seconds"
            ) from None

    def _give_back(self, worker: "_Worker") -> None:
        self._idle.append(worker)
        worker.wait_at_most(self.limits.idle_seconds, self._retire)

    def _retire(self, worker: "_Worker") -> None:
        """Let a worker go that had nothing to do: it ends when its input does."""
        if worker in self._idle:
            self._idle.remove(worker)
            self._all.discard(worker)
            worker.dismiss()

    async def _end(self, worker: "_Worker") -> None:
        worker.stop_waiting()
        self._all.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        await asyncio.shield(worker.kill())


@dataclass(eq=False, slots=True)
class _Worker:
    """One process, and the lines that go to and fro."""

    process: asyncio.subprocess.Process
    waiting: asyncio.TimerHandle | None = None
    leaving: set[asyncio.Task[int]] = field(default_factory=set)

    @classmethod
    async def start(cls) -> "_Worker":
        # Nothing of the server's own settings and keys: a reader needs none of them.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MAINS_")
        }
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", MODULE),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # What a library prints may hold text of a document.
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
                limit=ANSWER_BYTES_MAX,
                start_new_session=True,
            )
        except OSError as error:
            raise ReadingBusy(
                "this machine can start no further process now", reason=str(error)
            ) from error
        return cls(process)

    async def ask(self, line: bytes) -> dict[str, Any]:
        """Send one request and return its answer; raises ReadingFailed when the process ends."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(BrokenPipeError, ConnectionResetError):
            self.process.stdin.write(line)
            await self.process.stdin.drain()
        answer = await self.process.stdout.readline()
        if not answer.endswith(b"\n"):
            code = await self.process.wait()
            log.warning("a reading process has ended", code=code)
            raise ReadingFailed("the process that read the document has ended", exit_code=code)
        parsed: dict[str, Any] = orjson.loads(answer)
        return parsed

    def wait_at_most(self, seconds: float, then: Any) -> None:  # noqa: ANN401 (a callback)
        self.waiting = asyncio.get_running_loop().call_later(seconds, then, self)

    def stop_waiting(self) -> None:
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None

    def dismiss(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        task = asyncio.ensure_future(self.process.wait())
        self.leaving.add(task)
        task.add_done_callback(self.leaving.discard)

    async def kill(self) -> None:
        """End the process and what it has started: it is the leader of a session of its own."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()


def _refusal(said: dict[str, Any]) -> MainsError:
    """Return the worker's error as the class that it raised there."""
    kind = _CODES.get(said["code"], ReadingFailed)
    return kind(said["detail"], hint=said["hint"], **said["facts"])


def _written(path: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = orjson.loads(path.read_bytes())
    return parsed


_CODES: Final = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, MainsError)
}
