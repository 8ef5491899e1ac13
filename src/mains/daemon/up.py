"""`mains up`: the database, the API, the dispatcher and this machine's agents, kept running."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

import psutil
import structlog

from mains import __version__
from mains.clock import SystemClock
from mains.daemon import logs
from mains.daemon.api import SOCKET_VARIABLE
from mains.daemon.children import Child
from mains.daemon.state import State, running
from mains.db import Database, embedded, migrations
from mains.errors import AlreadyRunning, MainsError, ServerUnreachable
from mains.parties import keyfiles
from mains.parties import service as parties
from mains.settings import Settings

ANSWER_SECONDS_MAX: Final = 60.0
DATABASE_LOOK_SECONDS: Final = 0.5
SITES_FOLDER: Final = "sites"
SITE_FILE: Final = "site.yaml"

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Start everything in its order, keep it running, and end it in reverse on a signal."""
    server = await asyncio.to_thread(embedded.start, settings)
    try:
        await prepare(settings, server.endpoints)
        listening = listen(settings)
        state = _state(listening, server.endpoints)
        tasks = [asyncio.create_task(_keep_database(server))]
        children = _children(settings, server.endpoints, listening)
        tasks += [asyncio.create_task(child.keep()) for child in children]
        state.write(settings.state_file)
        log.info("up", url=state.url)
        agents = asyncio.create_task(_keep_agents(settings, state.url, children, tasks))
        await _told_to_end()
        for task in (agents, *tasks):
            task.cancel()
        for child in reversed(children):
            await child.end()
        settings.state_file.unlink(missing_ok=True)
    finally:
        await asyncio.to_thread(server.stop)


async def prepare(settings: Settings, endpoints: embedded.Endpoints) -> None:
    """Bring the schema up to date; on the first start, make the administrator."""
    if endpoints.owner_url is not None:
        await asyncio.to_thread(migrations.migrate, endpoints.owner_url)
    await asyncio.to_thread(migrations.verify, endpoints.app_url)
    database = await Database.open(endpoints.app_url, size_max=1)
    try:
        pepper = keyfiles.pepper(settings.keys)
        async with database.transaction() as tx:
            key = await parties.bootstrap(tx, pepper=pepper, now=SystemClock().now())
            if key is not None:
                # Written before the commit: a key that nobody can read would be lost for good.
                keyfiles.keep_administrator_key(settings.keys, str(key))
    finally:
        await database.close()


def listen(settings: Settings) -> socket.socket:
    """Open the port here, so that it stays the same however often the API is started again."""
    port_file = settings.home / "port"
    remembered = settings.listen_port or _remembered(port_file)
    for port in dict.fromkeys((remembered, settings.listen_port)):
        with contextlib.suppress(OSError):
            listening = socket.create_server((settings.listen_host, port), backlog=1024)
            port_file.write_text(str(listening.getsockname()[1]), "utf-8")
            return listening
    raise AlreadyRunning(
        f"port {settings.listen_port} of {settings.listen_host} is taken",
        hint="Choose another with MAINS_LISTEN_PORT, or 0 for any free one.",
    )


def _remembered(port_file: Path) -> int:
    """Return the port of the last start, so that agents and contexts find the server again."""
    try:
        return int(port_file.read_text("utf-8"))
    except (OSError, ValueError):
        return 0


def _state(listening: socket.socket, endpoints: embedded.Endpoints) -> State:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return State(
        url=f"http://{shown}:{port}",
        pid=os.getpid(),
        started=psutil.Process().create_time(),
        version=__version__,
        database_url=endpoints.app_url,
    )


def _children(
    settings: Settings, endpoints: embedded.Endpoints, listening: socket.socket
) -> list[Child]:
    database = {"MAINS_DATABASE_URL": endpoints.app_url, "MAINS_HOME": str(settings.home)}
    number = listening.fileno()
    return [
        Child("dispatcher", "mains.daemon.dispatcher", environment=database),
        Child(
            "api",
            "mains.daemon.api",
            environment={**database, SOCKET_VARIABLE: str(number)},
            inherited=(number,),
        ),
    ]


async def _keep_database(server: embedded.Server) -> None:
    """Start the embedded Postgres again when it has died."""
    while True:
        await asyncio.sleep(DATABASE_LOOK_SECONDS)
        try:
            if await asyncio.to_thread(server.ensure_running):
                log.warning("the database had died and was started again")
        except MainsError as error:
            log.warning("the database does not start", reason=error.detail)


async def _keep_agents(
    settings: Settings, url: str, children: list[Child], tasks: list[asyncio.Task[None]]
) -> None:
    """Run an agent for every site folder of this instance, new ones included."""
    known: set[Path] = set()
    while True:
        for folder in _site_folders(settings):
            if folder not in known:
                known.add(folder)
                environment = {"MAINS_HOME": str(settings.home)}
                child = Child(
                    f"agent {folder.name}",
                    "mains.daemon.agent",
                    ["--folder", str(folder), "--url", url],
                    environment=environment,
                )
                children.append(child)
                tasks.append(asyncio.create_task(child.keep()))
        await asyncio.sleep(DATABASE_LOOK_SECONDS)


def _site_folders(settings: Settings) -> list[Path]:
    return sorted(path.parent for path in (settings.commons / SITES_FOLDER).glob(f"*/{SITE_FILE}"))


async def _told_to_end() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()


def detach(settings: Settings) -> State:
    """Start `up` in the background and return once it answers."""
    settings.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.logs / "start.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mains.daemon.up"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while time.monotonic() < deadline:
        state = running(settings.state_file)
        if state is not None and state.pid == process.pid and answers(state.url):
            return state
        if process.poll() is not None:
            said = (settings.logs / "start.log").read_text("utf-8", "replace").strip()
            raise ServerUnreachable(said or "mains ended at its start", hint=" ")
        time.sleep(0.05)
    raise ServerUnreachable(
        f"mains did not answer within {ANSWER_SECONDS_MAX:.0f} s",
        hint=f"Look into {settings.logs}.",
    )


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    parser = argparse.ArgumentParser(prog="mains up")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--detach", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    try:
        found = running(settings.state_file)
        if found is not None:
            raise AlreadyRunning(
                f"mains already runs on {settings.home}: process {found.pid} at {found.url}",
                hint="Use it, or end it with `mains down`.",
            )
        if arguments.detach or arguments.demo:
            state = detach(settings)
            network = _network(settings, state) if arguments.demo else None
            _say(settings, state, network, as_json=arguments.json)
        else:
            _foreground(settings)
    except MainsError as error:
        sys.exit(f"error [{error.code}]: {error.detail}\n  next: {error.hint}".rstrip())


def _foreground(settings: Settings) -> None:
    logs.configure(settings.logs, "up")
    asyncio.run(serve(settings))


def _network(settings: Settings, state: State) -> dict[str, str]:
    from mains.daemon.network import build

    return build(settings, state)


def _say(
    settings: Settings, state: State, network: dict[str, str] | None, *, as_json: bool
) -> None:
    if as_json:
        print(json.dumps({"url": state.url, "pid": state.pid, **(network or {})}))
        return
    print(f"mains is up at {state.url} (process {state.pid}).")
    print(f"The administrator's key is in {settings.keys / keyfiles.ADMINISTRATOR}")
    print(f"Logs are in {settings.logs}")
    if network is None:
        print("next: mains login")
    else:
        print(network["next"])


if __name__ == "__main__":
    main()
