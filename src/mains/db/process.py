"""Postgres' processes: found by what they serve, ended by their ids, never by their name alone."""

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from mains.db.account import Account
from mains.errors import DatabaseUnavailable

FAST_SECONDS_MAX: Final = 30.0
HARD_SECONDS_MAX: Final = 10.0
POLL_SECONDS: Final = 0.01


def postmaster(data: Path) -> psutil.Process | None:
    """Return the process that serves this data, or None.

    The recorded process id alone proves nothing, since ids are reused. A postmaster's working
    directory is its data folder for as long as it lives, and a stranger's is not.
    """
    try:
        pid = int((data / "postmaster.pid").read_bytes().split(b"\n", 1)[0])
        process = psutil.Process(pid)
    except (OSError, ValueError, OverflowError, psutil.Error):
        return None
    return process if serves(process, data) else None


def serves(process: psutil.Process, data: Path) -> bool:
    try:
        return process.name() == "postgres" and Path(process.cwd()) == data.resolve()
    except (psutil.Error, OSError):
        return False


def executes(process: psutil.Process, program: Path) -> bool:
    try:
        return Path(process.exe()) == program.resolve()
    except (psutil.Error, OSError):
        return False


def end(process: psutil.Process) -> None:
    """Stop a postmaster: fast shutdown, then at once, then by force."""
    for number, seconds_max in (
        (signal.SIGINT, FAST_SECONDS_MAX),
        (signal.SIGQUIT, HARD_SECONDS_MAX),
        (signal.SIGKILL, HARD_SECONDS_MAX),
    ):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        if _ends(process, seconds_max=seconds_max):
            return
    raise DatabaseUnavailable(f"Postgres' process {process.pid} does not end.")


def outlast_backends(data: Path, account: Account) -> None:
    """Wait until no process serves the data any more; force those that stay too long.

    Backends whose postmaster was killed end by themselves, but one may be busy meanwhile, and a
    new postmaster beside it would ruin the data.
    """
    deadline = time.monotonic() + HARD_SECONDS_MAX
    while backends := _backends(data, account):
        if time.monotonic() > deadline:
            for backend in backends:
                with suppress(psutil.NoSuchProcess):
                    backend.kill()
            deadline = time.monotonic() + HARD_SECONDS_MAX
        time.sleep(POLL_SECONDS)


def _backends(data: Path, account: Account) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real == account.uid and serves(process, data):
                found.append(process)
    return found


def _ends(process: psutil.Process, *, seconds_max: float) -> bool:
    """Wait for the end; a zombie has ended, though some init processes collect it late."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(POLL_SECONDS)
    return False
