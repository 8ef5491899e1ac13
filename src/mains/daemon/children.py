"""Processes that `up` keeps running: started again when they end, gone when `up` is gone."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from mains.daemon import lifeline

SOCKET_VARIABLE: Final = "MAINS_SOCKET"
"""Names the listening socket that the API's process inherits."""
RESTART_SECONDS_MIN: Final = 0.2
RESTART_SECONDS_MAX: Final = 5.0
STEADY_SECONDS: Final = 5.0
"""A process that has lasted this long did start well: its end is not one more failed start."""
END_SECONDS_MAX: Final = 10.0

log = structlog.get_logger()


@dataclass(slots=True)
class Child:
    """One module of mains in a process of its own."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    inherited: Sequence[int] = ()
    pause_seconds_max: float = RESTART_SECONDS_MAX
    process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Run it again and again until cancelled; the pause grows while it ends early."""
        pause = RESTART_SECONDS_MIN
        while True:
            started = asyncio.get_running_loop().time()
            try:
                code = await self._once()
            except OSError as error:
                # This machine has no memory, descriptors or process ids left; it may have again.
                log.warning("a process was not started", child=self.name, reason=str(error))
                code = None
            lasted = asyncio.get_running_loop().time() - started
            pause = RESTART_SECONDS_MIN if lasted > STEADY_SECONDS else pause
            log.warning("a process has ended", child=self.name, code=code, lasted=round(lasted, 1))
            await asyncio.sleep(pause)
            pause = min(pause * 2, self.pause_seconds_max)

    async def _once(self) -> int:
        reading, writing = lifeline.open_lifeline()
        try:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                *self.arguments,
                env={**os.environ, **self.environment, lifeline.VARIABLE: str(reading)},
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(reading, *self.inherited),
                start_new_session=True,
            )
            os.close(reading)
            reading = -1
            return await self.process.wait()
        finally:
            os.close(writing)
            if reading >= 0:
                os.close(reading)

    async def end(self) -> None:
        """Ask for the end, and insist after a while."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(END_SECONDS_MAX):
                await process.wait()
        except TimeoutError:
            log.warning("a process is killed, for it does not end", child=self.name)
            process.kill()
            await process.wait()


class Crew:
    """All that `up` keeps going; a part that fails for good tells `up` to end, and why."""

    def __init__(self, told: asyncio.Event) -> None:
        self._told = told
        self._children: dict[str, tuple[Child, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    def keep(self, child: Child) -> None:
        self._children[child.name] = child, self.watch(child.keep())

    def watch(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def dismiss(self, name: str) -> None:
        """End one child for good."""
        child, task = self._children.pop(name)
        task.cancel()
        await child.end()

    def restart(self, name: str) -> None:
        """End a child's process, if there is one now; it is started again."""
        child, _ = self._children.get(name, (None, None))
        if child is not None and child.process is not None and child.process.returncode is None:
            child.process.terminate()

    async def end(self) -> None:
        """End every task and every child; raises what made a task fail, if one did."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(child.end() for child, _ in self._children.values()))
        if self._failure is not None:
            raise self._failure

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self._told.set()
