"""`mains down`: end this user's mains in order; supervised runs at sites go on."""

import argparse
import json
import sys
import time
from contextlib import suppress
from typing import Final

import psutil

from mains.daemon.state import running
from mains.db import embedded
from mains.errors import MainsError
from mains.settings import Settings

END_SECONDS_MAX: Final = 60
LOOK_SECONDS: Final = 0.05


def end(settings: Settings) -> int | None:
    """End what runs on this home and return its process id, or None where nothing did.

    A mains that only just starts is ended too; of one that was killed, the database is left over
    and ended. Raises psutil.TimeoutExpired, or DatabaseUnavailable for a server that stays.
    """
    process = _process(settings)
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
        _wait(process)
    left_over = embedded.end_left_over(settings)
    return process.pid if process is not None else left_over


def _wait(process: psutil.Process) -> None:
    """Wait for the end; a zombie has ended, though nobody may ever collect it."""
    deadline = time.monotonic() + END_SECONDS_MAX
    try:
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                raise psutil.TimeoutExpired(END_SECONDS_MAX, pid=process.pid)
            time.sleep(LOOK_SECONDS)
    except psutil.NoSuchProcess:
        return


def _process(settings: Settings) -> psutil.Process | None:
    state = running(settings.state_file)
    if state is not None:
        return state.process()
    try:
        holder = embedded.status(settings).holder_process
        return psutil.Process(holder) if holder else None
    except psutil.Error:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="mains down")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_environment()
        ended = end(settings)
    except psutil.TimeoutExpired as error:
        sys.exit(f"error: process {error.pid} did not end within {END_SECONDS_MAX} s")
    except MainsError as error:
        sys.exit(f"error [{error.code}]: {error.detail}\n  next: {error.hint}".rstrip())
    if arguments.json:
        print(json.dumps({"ended": ended}))
    elif ended is None:
        print(f"Nothing of mains runs on {settings.home}.")
    else:
        print(f"mains is down (process {ended}); its data stays in {settings.home}.")


if __name__ == "__main__":
    main()
