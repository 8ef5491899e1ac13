"""`mains down`: end this user's mains in order; supervised runs at sites go on."""

import argparse
import json
import sys
from typing import Final

import psutil

from mains.daemon.state import running
from mains.settings import Settings

END_SECONDS_MAX: Final = 60


def main() -> None:
    parser = argparse.ArgumentParser(prog="mains down")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    state = running(settings.state_file)
    process = state.process() if state is not None else None
    if process is not None:
        process.terminate()
        try:
            process.wait(timeout=END_SECONDS_MAX)
        except psutil.TimeoutExpired:
            sys.exit(f"error: process {process.pid} did not end within {END_SECONDS_MAX} s")
    if arguments.json:
        print(json.dumps({"ended": process.pid if process is not None else None}))
    elif process is None:
        print(f"Nothing of mains runs on {settings.home}.")
    else:
        print(f"mains is down (process {process.pid}); its data stays in {settings.home}.")


if __name__ == "__main__":
    main()
