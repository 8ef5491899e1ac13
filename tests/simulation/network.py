"""The network between agents, callers and the API: slow, lossy, doubling, cut in two."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from mains.errors import MainsError, ServerUnreachable
from tests.simulation.loop import CURRENT, Process, VirtualLoop, check_alive

SLOW_SECONDS_MAX: Final = 9.0
OUTSIDE: Final = contextvars.Context()
"""What is on its way belongs to no process: it arrives though its sender is dead."""

Handler = Callable[[str, Any], Awaitable[Any]]


@dataclass(slots=True)
class Weather:
    """How likely a message is lost, comes twice, or takes seconds."""

    lost: float = 0.0
    doubled: float = 0.0
    slow: float = 0.0
    forged: float = 0.0
    """How likely a message is followed by another of its kind, under fences that are not its."""


@dataclass(slots=True)
class Server:
    """Who answers, while it is up."""

    process: Process | None = None
    handle: Handler | None = None


@dataclass(slots=True)
class Network:
    """`cut` names the links on which nothing arrives."""

    loop: VirtualLoop
    random: Random
    weather: Weather = field(default_factory=Weather)
    server: Server = field(default_factory=Server)
    cut: dict[str, None] = field(default_factory=dict)

    async def ask(self, link: str, path: str, body: Any, *, seconds_max: float) -> Any:
        """Return the server's answer, or raise what it raised; ServerUnreachable for silence."""
        check_alive()
        answer: asyncio.Future[Any] = self.loop.create_future()
        self._send(link, path, body, answer)
        if self.random.random() < self.weather.doubled:
            self._send(link, path, body, None)
        try:
            async with asyncio.timeout(seconds_max):
                return await answer
        except TimeoutError:
            raise ServerUnreachable("no answer came in time", effect="unknown") from None

    def forge(self, link: str, path: str, body: Any) -> None:
        """Bring a message that nobody sent, sooner or later."""
        self._send(link, path, body, None)

    def _send(self, link: str, path: str, body: Any, answer: asyncio.Future[Any] | None) -> None:
        if self.random.random() >= self.weather.lost:
            self._later(self._arrive, link, path, body, answer)

    def _later(self, step: Callable[..., None], *arguments: Any) -> None:
        seconds = self.random.uniform(0.001, 0.05)
        if self.random.random() < self.weather.slow:
            seconds = self.random.uniform(0.5, SLOW_SECONDS_MAX)
        self.loop.call_later(seconds, step, *arguments, context=OUTSIDE)

    def _arrive(self, link: str, path: str, body: Any, answer: asyncio.Future[Any] | None) -> None:
        if link in self.cut:
            return
        if self.server.process is None:
            self._reply(link, answer, ServerUnreachable("nothing listens", effect="none"))
            return
        self.server.process.spawn(self._serve(link, path, body, answer))

    async def _serve(
        self, link: str, path: str, body: Any, answer: asyncio.Future[Any] | None
    ) -> None:
        assert self.server.handle is not None
        try:
            said = await self.server.handle(path, body)
        except MainsError as error:
            said = error
        except asyncio.CancelledError:
            process = CURRENT.get()
            if process is not None and not process.alive:
                reset = ServerUnreachable("the connection was reset", effect="unknown")
                self._reply(link, answer, reset)
            raise
        check_alive()
        self._reply(link, answer, said)

    def _reply(self, link: str, answer: asyncio.Future[Any] | None, said: Any) -> None:
        if answer is None or self.random.random() < self.weather.lost:
            return
        self._later(self._answer, link, answer, said)

    def _answer(self, link: str, answer: asyncio.Future[Any], said: Any) -> None:
        if link in self.cut or answer.done():
            return
        if isinstance(said, Exception):
            answer.set_exception(said)
        else:
            answer.set_result(said)
