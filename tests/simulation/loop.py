"""Virtual time: one queue of events for every process, so that a seed decides their order."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, Final

START_SECONDS: Final = 1_000.0
CURRENT: contextvars.ContextVar["Process | None"] = contextvars.ContextVar("process", default=None)


class Stuck(AssertionError):
    """Nothing is left that could happen."""


class _Nothing:
    """Stands where a loop waits for sockets: here, waiting is only the passing of time."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise Stuck("no process waits for anything that will come")
        if timeout > 0:
            self._loop.skip()
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio's queue of callbacks and timers, on a clock that jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual_seconds = START_SECONDS
        self._selector = _Nothing(self)
        self.broken: Callable[[str], None] = lambda _what: None
        factory: Any = _owned
        self.set_task_factory(factory)

    def time(self) -> float:
        return self._virtual_seconds

    def skip(self) -> None:
        self._virtual_seconds = max(self._virtual_seconds, self._scheduled[0].when())

    def _process_events(self, event_list: list[object]) -> None:
        """There are no sockets and no threads."""

    _scheduled: list[asyncio.TimerHandle]


class Process:
    """What can be killed: once dead, its tasks end and nothing they do reaches anybody."""

    def __init__(self, name: str, loop: VirtualLoop) -> None:
        self.name = name
        self.alive = True
        self._loop = loop
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        context = contextvars.Context()
        context.run(CURRENT.set, self)
        task = self._loop.create_task(work, context=context)
        task.add_done_callback(self._ended)
        return task

    def adopt(self, task: asyncio.Task[Any]) -> None:
        self._tasks[task] = None
        if len(self._tasks) % 64 == 0:
            self._tasks = {each: None for each in self._tasks if not each.done()}

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """Whatever a process raises at its top is a fault of mains, and found."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loop.broken(f"{self.name} broke: {error!r}")

    def kill(self) -> None:
        """End it as `kill -9` does: no farewell of it is heard."""
        self.alive = False
        for task in self._tasks:
            task.cancel()


def check_alive() -> None:
    """Raise where a dead process would still act."""
    process = CURRENT.get()
    if process is not None and not process.alive:
        raise asyncio.CancelledError


def _owned(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, Any],
    context: contextvars.Context | None = None,
) -> asyncio.Task[Any]:
    task = asyncio.Task(work, loop=loop, context=context)
    owner = context.run(CURRENT.get) if context is not None else CURRENT.get()
    if owner is not None:
        owner.adopt(task)
    return task
