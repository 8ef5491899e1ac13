"""A site's agent as a process: `python -m mains.daemon.agent --folder FOLDER [--join TOKEN]`."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import structlog

from mains.agent import service
from mains.agent.config import CONFIG_FILE, SLOTS, AgentConfig
from mains.clock import Clock, SystemClock
from mains.daemon import logs
from mains.daemon.lifeline import parent_gone
from mains.engines.base import Engine
from mains.engines.fake import FakeEngine
from mains.engines.process import ProcessEngine
from mains.errors import MainsError, SetupMissing
from mains.settings import Settings
from mains.wire.trust import require_private_way

log = structlog.get_logger()


def engine_of(config: AgentConfig, clock: Clock) -> Engine:
    """Return the engine that a site's configuration names."""
    if config.engine == "fake":
        return FakeEngine(clock, lease_seconds=config.lease_seconds)
    assert config.uid_base is not None, "joining claims users for the process engine"
    return ProcessEngine(
        config.engine_folder,
        isolation_wanted=config.isolation,
        uid_base=config.uid_base,
        slots=config.slots,
        clock=clock,
        lease_seconds=config.lease_seconds,
        devices_allowed=config.devices,
        python=config.python,
        covered=[Settings.from_environment().home],
    )


async def serve(config: AgentConfig, clock: Clock) -> None:
    """Serve the site until told to end, or until the parent has ended; runs go on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = asyncio.create_task(_stop_with_parent(stop))
    await service.run(config, engine=engine_of(config, clock), clock=clock, stop=stop)
    watch.cancel()


async def _stop_with_parent(stop: asyncio.Event) -> None:
    await parent_gone()
    stop.set()


async def prepare(arguments: argparse.Namespace, clock: Clock) -> AgentConfig:
    """Join with a token if one is given, else read what joining wrote; follow a moved server."""
    folder: Path = arguments.folder
    if arguments.join is not None:
        token = sys.stdin.readline() if arguments.join == "-" else arguments.join
        config = await service.join(
            token.strip(),
            folder=folder,
            clock=clock,
            engine=arguments.engine,
            isolation=arguments.isolation,
            slots=arguments.slots,
            python=arguments.python,
            insecure=arguments.insecure,
        )
    elif (folder / CONFIG_FILE).exists():
        config = AgentConfig.load(folder)
    else:
        raise SetupMissing(
            f"{folder} is no agent's folder yet",
            hint="Join with the token of `mains site add`: `mains agent --join TOKEN --folder F`.",
        )
    changes = {
        "url": arguments.url or config.url,
        "insecure": config.insecure or arguments.insecure,
    }
    moved = config.model_copy(update=changes)
    if moved != config:
        require_private_way(moved.url, insecure=moved.insecure)
        moved.save()
    return moved


def main() -> None:
    parser = argparse.ArgumentParser(prog="mains agent")
    parser.add_argument("--folder", required=True, type=lambda text: Path(text).absolute())
    parser.add_argument("--join", metavar="TOKEN", help="- reads it from standard input")
    parser.add_argument("--join-only", action="store_true", help="join, and don't serve yet")
    parser.add_argument("--url", help="the server's address, when it has moved")
    parser.add_argument(
        "--insecure", action="store_true", help="speak plain http beyond this machine"
    )
    parser.add_argument("--engine", choices=["process", "fake"], default="process")
    parser.add_argument(
        "--isolation", choices=["auto", "uid", "bubblewrap", "trusted"], default="auto"
    )
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--python", type=Path, help="the interpreter of runs' environments")
    arguments = parser.parse_args()
    clock = SystemClock()
    try:
        config = asyncio.run(prepare(arguments, clock))
        print(f"site {config.site} at {config.url}: folder {config.folder}", flush=True)
        if arguments.join_only:
            return
        logs.configure(config.folder / "logs", "agent")
        asyncio.run(serve(config, clock))
    except MainsError as error:
        log.warning("the agent has ended", code=error.code, detail=error.detail)
        sys.exit(f"error [{error.code}]: {error.detail}\n  next: {error.hint}".rstrip())


if __name__ == "__main__":
    main()
