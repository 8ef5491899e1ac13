"""Waiting between tries, with growing pauses and jitter."""

import asyncio
import random
from dataclasses import dataclass, field

from mains.agent import rules


@dataclass(slots=True)
class Patience:
    """How often something has failed in a row; each wait is longer than the last, up to 5 s."""

    failures: int = 0
    _random: random.Random = field(default_factory=random.SystemRandom)

    def calm(self) -> None:
        """Start anew: it has worked."""
        self.failures = 0

    async def wait(self, until: asyncio.Event | None = None) -> None:
        """Pause after a failure; an event that is set ends the pause early."""
        self.failures += 1
        seconds = rules.pause_seconds(self.failures, fraction=self._random.random())
        await pause(seconds, until=until)


async def pause(seconds: float, *, until: asyncio.Event | None = None) -> None:
    """Sleep, or less if the event is set meanwhile."""
    if until is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await until.wait()
    except TimeoutError:
        return
