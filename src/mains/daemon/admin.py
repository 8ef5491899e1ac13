"""Local administration: `mains admin new-key`, for whoever owns this mains' data."""

import argparse
import asyncio
import json
import sys

from mains.clock import SystemClock
from mains.daemon.state import running
from mains.db import Database, embedded
from mains.errors import MainsError, SetupMissing
from mains.parties import keyfiles
from mains.parties import service as parties
from mains.settings import Settings


async def new_key(settings: Settings) -> str:
    """Replace the administrator's key in the running or the resting database; return its file."""
    state = running(settings.state_file)
    if state is not None:
        return await _replace(settings, state.database_url)
    if not (settings.keys / keyfiles.PEPPER).exists():
        raise SetupMissing(
            f"no mains has been started on {settings.home} yet",
            hint="`mains up` makes the first administrator; MAINS_HOME says which mains is meant.",
        )
    async with embedded.running(settings) as server:
        return await _replace(settings, server.endpoints.app_url)


async def _replace(settings: Settings, database_url: str) -> str:
    database = await Database.open(database_url, size_max=1)
    try:
        async with database.transaction() as tx:
            key = await parties.replace_administrator_key(
                tx, pepper=keyfiles.pepper(settings.keys), now=SystemClock().now()
            )
    finally:
        await database.close()
    return str(keyfiles.keep_administrator_key(settings.keys, str(key)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="mains admin")
    parser.add_argument("action", choices=["new-key"])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        path = asyncio.run(new_key(Settings.from_environment()))
    except MainsError as error:
        sys.exit(f"error [{error.code}]: {error.detail}\n  next: {error.hint}")
    if arguments.json:
        print(json.dumps({"administrator_key": path}))
    else:
        print(f"The old administrator keys are revoked; the new one is in {path}")
        print("next: mains login")


if __name__ == "__main__":
    main()
