"""An agent's own key: exchanged for a new one by itself, and never left half exchanged.

The new key is on disk before the server hears of it, and becomes the agent's own after. Ended in
between, the next start asks the server again: what it has done already it does once.
"""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from mains.agent.client import Server
from mains.agent.config import AgentConfig
from mains.agent.patience import Patience, pause
from mains.clock import Clock
from mains.errors import Broken, Incompatible, MainsError, Missing, Unavailable
from mains.wire import dsse

LOOK_SECONDS: Final = 3_600.0
DAY_SECONDS: Final = 86_400
LOG: Final = structlog.get_logger(__name__)


def next_key_path(config: AgentConfig) -> Path:
    return config.key_path.with_name(config.key_path.name + ".next")


async def rotate(config: AgentConfig, server: Server) -> None:
    """Make a new key, or take the one on its way, tell the server, and speak with it from now on.

    Raises as every call to the server; the old key then stays the agent's own.
    """
    coming = next_key_path(config)
    fresh = dsse.load_or_create(coming)
    await server.rotate(fresh)
    coming.replace(config.key_path)
    LOG.info("agent_key_rotated", site=config.site, key=fresh.public_key_hex)


async def finish(config: AgentConfig, server: Server) -> None:
    """Finish what an earlier agent of this folder began; a server that is away is waited for."""
    patience = Patience()
    while next_key_path(config).exists():
        try:
            await rotate(config, server)
        except (Unavailable, Broken) as error:
            LOG.warning("agent_key_not_rotated", because=error.detail)
            await patience.wait()
        except (Missing, Incompatible) as error:
            # An older server knows of no new keys: the old one goes on until it is replaced.
            LOG.warning("agent_key_not_rotated", code=error.code, because=error.detail)
            return


async def keep_fresh(
    config: AgentConfig, server: Server, *, clock: Clock, asked: asyncio.Event
) -> None:
    """Rotate the key when it is older than it may be, and when the server asks; never ends."""
    while True:
        age_seconds = clock.now().timestamp() - config.key_path.stat().st_mtime
        if asked.is_set() or age_seconds > config.key_days_max * DAY_SECONDS:
            asked.clear()
            try:
                await rotate(config, server)
            except MainsError as error:
                LOG.warning("agent_key_not_rotated", code=error.code, because=error.detail)
        await pause(LOOK_SECONDS, until=asked)
