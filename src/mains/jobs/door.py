"""What the routes of jobs need beyond those of parties, and how waiting agents are woken."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from mains.blobs import Store
from mains.jobs.intake import Intake
from mains.jobs.secrets import SecretBox
from mains.parties.door import Wired
from mains.parties.keyfiles import Signers
from mains.quotes.rules import Load
from mains.wire.dsse import SigningKey


class News:
    """Wakes long polls of agents when there may be orders; a hint, for polling is the truth."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.waiting = 0

    def tell(self) -> None:
        """Wake everybody who waits now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, *, seconds: float) -> None:
        """Return at the next news, or after this long."""
        event = self._event
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        finally:
            self.waiting -= 1


@dataclass(slots=True, kw_only=True)
class JobsWired(Wired):
    """Wired once by the daemon; loads are refreshed in place by a task of the API process."""

    blobs: Store
    signers: Signers
    box: SecretBox
    intake: Intake
    news: News = field(default_factory=News)
    queue_news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when jobs were queued or room came free, so that the dispatcher looks at once."""

    loads: dict[UUID, Load] = field(default_factory=dict)

    @property
    def signer(self) -> SigningKey:
        """Return the key that signs now."""
        return self.signers.newest[1]


async def _wired(request: Request) -> JobsWired:
    wired = request.app.state.mains
    assert isinstance(wired, JobsWired)
    return wired


JobsWiredDependency = Annotated[JobsWired, Depends(_wired)]
