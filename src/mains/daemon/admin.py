"""Local administration, for whoever owns this mains' data: a new key, another certificate."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mains.clock import SystemClock
from mains.daemon import certificates
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
    parser.add_argument("action", choices=[*_ACTIONS])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        done = _ACTIONS[arguments.action](Settings.from_environment())
    except MainsError as error:
        sys.exit(f"error [{error.code}]: {error.detail}\n  next: {error.hint}")
    print(json.dumps(done.document) if arguments.json else done.words)


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did: for programs, and in words."""

    document: Mapping[str, str]
    words: str


def _new_key(settings: Settings) -> Done:
    path = asyncio.run(new_key(settings))
    return Done(
        {"administrator_key": path},
        f"The old administrator keys are revoked; the new one is in {path}\nnext: mains login",
    )


def _next_certificate(settings: Settings) -> Done:
    made = certificates.make_next(settings, now=SystemClock().now())
    return Done(
        {"next": made.fingerprint, "until": made.until.isoformat()},
        f"The next certificate has the fingerprint sha256:{made.fingerprint}\n"
        "Agents that are heard of from now on trust it too.\n"
        "next: once `mains site list` shows all of them: mains admin switch-certificate",
    )


def _switch_certificate(settings: Settings) -> Done:
    shown = certificates.switch(settings)
    if (state := running(settings.state_file)) is not None:
        # The command line of this machine trusts what is written there.
        replace(state, certificate=shown.shown).write(settings.state_file)
    return Done(
        {"shown": shown.fingerprint, "until": shown.until.isoformat()},
        f"The certificate shown from now on has the fingerprint sha256:{shown.fingerprint}\n"
        "next: people log in again: mains login --url URL --fingerprint FINGERPRINT",
    )


_ACTIONS: Final[Mapping[str, Callable[[Settings], Done]]] = {
    "new-key": _new_key,
    "next-certificate": _next_certificate,
    "switch-certificate": _switch_certificate,
}


if __name__ == "__main__":
    main()
