"""`mains up`: the database, the API, the dispatcher and this machine's agents, kept running."""

import argparse
import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
import psutil
import structlog

from mains import __version__
from mains.agent.config import CONFIG_FILE
from mains.agent.trusted import TRUSTED_FILE
from mains.clock import SystemClock
from mains.daemon import certificates, logs, rotation
from mains.daemon.certificates import Certificate
from mains.daemon.children import SOCKET_VARIABLE, Child, Crew
from mains.daemon.state import State, running
from mains.db import Database, embedded, migrations
from mains.db.folders import PRIVATE, PUBLIC, make_folder
from mains.errors import AlreadyRunning, MainsError, ServerUnreachable, SetupMissing
from mains.jobs.secrets import SecretBox
from mains.parties import keyfiles
from mains.parties import service as parties
from mains.settings import Settings
from mains.wire.trust import fingerprint_of

ANSWER_SECONDS_MAX: Final = 60.0
LOOK_SECONDS: Final = 0.5
PORT_MAX: Final = 65_535
PORT_SECONDS_MAX: Final = 5.0
PORT_AGAIN_SECONDS: Final = 0.1
WAITING_CONNECTIONS_MAX: Final = 1024
AGENT_PAUSE_SECONDS_MAX: Final = 30.0

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Start everything in its order, keep it running, and end it in reverse on a signal."""
    told = _told_to_end()
    server = await asyncio.to_thread(embedded.start, settings)
    try:
        await prepare(settings, server.endpoints)
        certificate = certificates.prepare(settings, now=SystemClock().now())
        listening = await listen(settings)
        state = _state(listening, server.endpoints, certificate)
        crew = Crew(told)
        try:
            crew.watch(_keep_database(server))
            for child in _children(settings, server.endpoints, listening):
                crew.keep(child)
            state.write(settings.state_file)
            log.info("up", url=state.url)
            crew.watch(_keep_agents(settings, state, crew))
            if certificate is not None:
                crew.watch(_keep_certificate(settings, certificate, crew))
            await told.wait()
        finally:
            settings.state_file.unlink(missing_ok=True)
            await crew.end()
    finally:
        await asyncio.to_thread(server.stop)


async def prepare(settings: Settings, endpoints: embedded.Endpoints) -> None:
    """Bring the schema up to date; on the first start, make the administrator."""
    if endpoints.owner_url is not None:
        await asyncio.to_thread(migrations.migrate, endpoints.owner_url)
    await asyncio.to_thread(migrations.verify, endpoints.app_url)
    database = await Database.open(endpoints.app_url, size_max=1)
    try:
        pepper = keyfiles.Peppers.from_files(settings.keys)
        SecretBox.from_files(settings.keys)
        now = SystemClock().now()
        async with database.transaction() as tx:
            key = await parties.bootstrap(tx, pepper=pepper, now=now)
            if key is not None:
                # Written before the commit: a key that nobody can read would be lost for good.
                keyfiles.keep_administrator_key(settings.keys, str(key))
            await rotation.note(tx, settings, now=now)
    finally:
        await database.close()


async def listen(settings: Settings) -> socket.socket:
    """Open the port here, so that it stays the same however often the API is started again.

    A port that is taken is waited for: the API of a killed `up` holds it until it has ended too.
    """
    port_file = settings.home / "port"
    port = settings.listen_port or _remembered(port_file)
    if not 0 <= port <= PORT_MAX:
        raise SetupMissing(
            f"MAINS_LISTEN_PORT is a number up to {PORT_MAX}, and 0 for any free one"
        )
    deadline = time.monotonic() + PORT_SECONDS_MAX
    while True:
        try:
            listening = await asyncio.to_thread(_open, settings.listen_host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SetupMissing(
                    f"can't listen on {settings.listen_host}: {error.strerror}",
                    hint="MAINS_LISTEN_HOST is an address of this machine.",
                ) from error
            if time.monotonic() < deadline:
                await asyncio.sleep(PORT_AGAIN_SECONDS)
            elif settings.listen_port:
                raise AlreadyRunning(
                    f"port {port} of {settings.listen_host} is taken",
                    hint="Choose another with MAINS_LISTEN_PORT, or 0 for any free one.",
                ) from error
            else:
                log.warning("the port of the last start is taken; another one is used", port=port)
                port = 0
            continue
        port_file.write_text(str(listening.getsockname()[1]), "utf-8")
        return listening


def _open(host: str, port: int) -> socket.socket:
    """Listen on the first address that the host's name stands for, of whichever family it is."""
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(address[:2], family=family, backlog=WAITING_CONNECTIONS_MAX)


def _remembered(port_file: Path) -> int:
    """Return the port of the last start, so that agents and contexts find the server again."""
    try:
        return int(port_file.read_text("utf-8"))
    except (OSError, ValueError):
        return 0


def _state(
    listening: socket.socket, endpoints: embedded.Endpoints, certificate: Certificate | None
) -> State:
    host, port = listening.getsockname()[:2]
    # One that listens everywhere is found from this machine at its loopback.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return State(
        url=f"{'http' if certificate is None else 'https'}://{shown}:{port}",
        pid=os.getpid(),
        started=psutil.Process().create_time(),
        version=__version__,
        database_url=endpoints.app_url,
        certificate=None if certificate is None else certificate.shown,
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
        await asyncio.sleep(LOOK_SECONDS)
        try:
            if await asyncio.to_thread(server.ensure_running):
                log.warning("the database had died and was started again")
            if await asyncio.to_thread(server.finish_passwords):
                log.warning("a change of the database's passwords was finished")
        except MainsError as error:
            log.warning("the database does not start", reason=error.detail)
        except (OSError, psutil.Error) as error:
            # A disk that is away or full: it may come back.
            log.warning("the database does not start", reason=str(error))


async def _keep_certificate(settings: Settings, certificate: Certificate, crew: Crew) -> None:
    """Let this machine's own know an operator's certificate that was renewed.

    They know the server by what it shows, for an authority vouches for its public name alone. Of
    mains' own certificates agents hear from the server.
    """
    known = certificate.shown
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            certificates.check(certificate)
            shown, renewed = certificate.shown, certificate.pinned is None
        except (MainsError, OSError, ValueError):
            # Half of a pair; the API says so in its log.
            continue
        state = State.read(settings.state_file)
        if shown == known or state is None:
            continue
        known = shown
        replace(state, certificate=shown).write(settings.state_file)
        for folder in _site_folders(settings) if renewed else ():
            (folder / TRUSTED_FILE).write_text(shown, "ascii")
            crew.restart(_agent_name(folder))


async def _keep_agents(settings: Settings, state: State, crew: Crew) -> None:
    """Run an agent for every site folder of this instance, new ones included, gone ones not."""
    known: set[Path] = set()
    while True:
        present = set(_site_folders(settings))
        for folder in sorted(present - known):
            now = State.read(settings.state_file) or state
            if now.certificate is not None:
                # The address may have become an https one since this agent joined.
                (folder / TRUSTED_FILE).write_text(now.certificate, "ascii")
            crew.keep(_agent(settings, state.url, folder))
        for folder in known - present:
            await crew.dismiss(_agent_name(folder))
        known = present
        await asyncio.sleep(LOOK_SECONDS)


def _agent(settings: Settings, url: str, folder: Path) -> Child:
    return Child(
        _agent_name(folder),
        "mains.daemon.agent",
        ["--folder", str(folder), "--url", url],
        environment={"MAINS_HOME": str(settings.home)},
        # It waits for a server by itself; when it ends, something is wrong that takes a person.
        pause_seconds_max=AGENT_PAUSE_SECONDS_MAX,
    )


def _agent_name(folder: Path) -> str:
    return f"agent {folder.name}"


def _site_folders(settings: Settings) -> list[Path]:
    return sorted(path.parent for path in settings.sites.glob(f"*/{CONFIG_FILE}"))


def _told_to_end() -> asyncio.Event:
    """Return what a signal sets from now on, a closed terminal's too: a start ends in order."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, told.set)
    return told


def detach(settings: Settings) -> State:
    """Start `up` in the background and return once it answers; one that refuses is quoted."""
    with _start_log(settings).open("ab") as output:
        before = output.tell()
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
        if state is not None and state.pid == process.pid and answers(state):
            return state
        if process.poll() is not None:
            said = _start_log(settings).read_bytes()[before:].decode("utf-8", "replace").strip()
            sys.exit(said or f"error: mains ended at its start\n  next: Look into {settings.logs}.")
        time.sleep(0.05)
    raise ServerUnreachable(
        f"mains did not answer within {ANSWER_SECONDS_MAX:.0f} s",
        hint=f"Look into {settings.logs}.",
    )


def _start_log(settings: Settings) -> Path:
    """Return where a background start writes what is not in the logs, such as its refusal."""
    path = settings.logs / "start.log"
    make_folder(settings.logs, mode=PRIVATE)
    path.touch(mode=0o600)
    return path


def answers(state: State) -> bool:
    """Say whether the API answers; whoever certifies it, it is the one that was just started."""
    with httpx.Client(verify=False, trust_env=False, timeout=5) as client:  # noqa: S501
        try:
            return client.get(f"{state.url}/health").is_success
        except httpx.TransportError:
            return False


def main() -> None:
    parser = argparse.ArgumentParser(prog="mains up")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--detach", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_environment()
        _make_home(settings)
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


def _make_home(settings: Settings) -> None:
    """Make the home for its owner alone, as root in folders that the system user passes through."""
    if settings.commons != settings.home:
        make_folder(settings.commons, mode=PUBLIC)
    make_folder(settings.home, mode=PRIVATE)


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
    if state.certificate is not None:
        print(f"Its certificate has the fingerprint sha256:{fingerprint_of(state.certificate)}")
    print(f"The administrator's key is in {settings.keys / keyfiles.ADMINISTRATOR}")
    print(f"Logs are in {settings.logs}")
    if network is None:
        print("next: mains login")
    else:
        print(network["next"])


if __name__ == "__main__":
    main()
