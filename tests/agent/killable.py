"""An agent in a process of its own, for tests that kill it."""

import asyncio
import sys
from pathlib import Path

from mains.agent import service
from mains.agent.config import AgentConfig
from mains.agent.host import HostRegistry
from mains.clock import SystemClock
from mains.engines.process.engine import ProcessEngine


async def main(folder: Path) -> None:
    config = AgentConfig.load(folder)
    engine = ProcessEngine(config.engine_folder, isolation_wanted="trusted", slots=config.slots)
    await service.run(
        config,
        engine=engine,
        clock=SystemClock(),
        stop=asyncio.Event(),
        registry=HostRegistry(folder.parent / "host"),
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
