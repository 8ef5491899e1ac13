"""Local administration, for whoever owns this mains' data: keys and certificates."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Final

from mains.clock import SystemClock
from mains.daemon import certificates, rotation
from mains.daemon.rotation import Place
from mains.daemon.state import running
from mains.db import Database, embedded
from mains.db.lock import turn
from mains.errors import AlreadyRunning, MainsError, SetupMissing
from mains.parties import keyfiles, versions
from mains.parties import service as parties
from mains.settings import Settings

KINDS: Final = ("secrets", "pepper", "signing", "database", "administrator")


@dataclass(frozen=True, slots=True)
class KeyShown:
    """One version of one key: how old it is, and what would be lost with it."""

    kind: str
    version: int
    age_days: int
    state: str
    things_under: int
    ends_at: str | None


async def new_key(settings: Settings) -> str:
    """Replace the administrator's key in the running or the resting database; return its file."""
    async with _place(settings) as place:
        return await _replace(place)


async def rotate(settings: Settings, kinds: list[str], *, within: timedelta) -> AsyncIterator[str]:
    """Exchange the keys of these kinds, one after another; yields what was done after each step."""
    async with _place(settings) as place:
        with turn(settings.keys / ".rotation") as ours:
            if not ours:
                raise AlreadyRunning(
                    "keys are being rotated by another command", hint="Wait for it to end."
                )
            for kind in kinds:
                async for step in _steps(place, kind, within=within):
                    yield step


async def keys(settings: Settings) -> list[KeyShown]:
    """Return every version of every key that is still there."""
    async with _place(settings) as place:
        now = place.clock.now()
        async with place.database.transaction() as tx:
            await rotation.note(tx, settings, now=now)
            known = [key for key in await versions.versions(tx) if key.destroyed_at is None]
            under = await rotation.things_under(tx, now=now)
    newest = {key.kind: key.version for key in known if key.in_use_since is not None}
    return [
        KeyShown(
            kind=key.kind,
            version=key.version,
            age_days=(now - key.made_at).days,
            state=_state(key, newest[key.kind]),
            things_under=under[key.kind].get(key.version, 0),
            ends_at=None if key.ends_at is None else key.ends_at.isoformat(),
        )
        for key in known
    ]


def _state(key: versions.KeyVersion, newest: int) -> str:
    if key.version == newest:
        return "in use"
    return "on its way" if key.version > newest else "until nothing is under it"


async def _steps(place: Place, kind: str, *, within: timedelta) -> AsyncIterator[str]:
    if kind == "database":
        for step in rotation.rotate_database(place.settings):
            yield step
        return
    if kind == "administrator":
        yield f"the administrator's key was replaced: {await _replace(place)}"
        return
    steps = {
        "pepper": lambda: rotation.rotate_pepper(place, within=within),
        "secrets": lambda: rotation.rotate_secrets(place),
        "signing": lambda: rotation.rotate_signing(place),
    }[kind]()
    async for step in steps:
        yield step


async def _replace(place: Place) -> str:
    """Write the key before the commit: one that nobody can read would be lost for good."""
    now = place.clock.now()
    pepper = keyfiles.Peppers.from_files(place.settings.keys)
    async with place.database.transaction() as tx:
        key = await parties.replace_administrator_key(tx, pepper=pepper, now=now)
        return str(keyfiles.keep_administrator_key(place.settings.keys, key))


@asynccontextmanager
async def _place(settings: Settings) -> AsyncIterator[Place]:
    """Give the running database, or start the resting one for as long as it is needed."""
    state = running(settings.state_file)
    if state is not None:
        async with _opened(settings, state.database_url) as place:
            yield place
        return
    if not keyfiles.pepper_files(settings.keys).versions():
        raise SetupMissing(
            f"no mains has been started on {settings.home} yet",
            hint="`mains up` makes the first administrator; MAINS_HOME says which mains is meant.",
        )
    async with (
        embedded.running(settings) as server,
        _opened(settings, server.endpoints.app_url) as place,
    ):
        yield place


@asynccontextmanager
async def _opened(settings: Settings, database_url: str) -> AsyncIterator[Place]:
    database = await Database.open(database_url, size_max=1)
    try:
        yield Place(settings, database, SystemClock())
    finally:
        await database.close()


def main() -> None:
    arguments = _arguments()
    try:
        settings = Settings.from_environment()
        if arguments.action == "rotate":
            asyncio.run(_rotate(settings, arguments))
        elif arguments.action == "keys":
            _say_keys(asyncio.run(keys(settings)), as_json=arguments.json)
        else:
            done = _ACTIONS[arguments.action](settings)
            print(json.dumps(done.document) if arguments.json else done.words)
    except MainsError as error:
        sys.exit(f"error [{error.code}]: {error.detail}\n  next: {error.hint}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mains admin")
    actions = parser.add_subparsers(dest="action", required=True)
    for name in (*_ACTIONS, "keys", "rotate"):
        action = actions.add_parser(name)
        action.add_argument("--json", action="store_true")
    action.add_argument("kind", choices=[*KINDS, "all"])
    action.add_argument("--within-days", type=int, default=rotation.KEYS_MOVE_WITHIN.days)
    return parser.parse_args()


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


async def _rotate(settings: Settings, arguments: argparse.Namespace) -> None:
    kinds = list(KINDS) if arguments.kind == "all" else [arguments.kind]
    if arguments.kind == "all" and settings.database_url is not None:
        kinds.remove("database")
    done = []
    async for step in rotate(settings, kinds, within=timedelta(days=arguments.within_days)):
        done.append(step)
        if not arguments.json:
            print(step, flush=True)
    if arguments.json:
        print(json.dumps({"rotated": kinds, "steps": done}))
    else:
        print("next: back up the folder of keys; `mains admin keys` shows what is left to do")


def _say_keys(shown: list[KeyShown], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(key) for key in shown]))
        return
    print(f"{'key':<10} {'version':>7} {'days old':>9} {'under it':>9}  state")
    for key in shown:
        ends = f", ends {key.ends_at[:10]}" if key.ends_at else ""
        print(
            f"{key.kind:<10} {key.version:>7} {key.age_days:>9} {key.things_under:>9}"
            f"  {key.state}{ends}"
        )


if __name__ == "__main__":
    main()
