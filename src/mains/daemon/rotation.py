"""How the server's own keys are exchanged while it runs.

Each function yields what it did after each step. Ended at any step, the instance works, and the
same command goes on where it stopped: a version is made, then written down, then in use.
"""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mains.clock import Clock
from mains.db import Database, Transaction
from mains.db.cluster import Layout
from mains.errors import SetupMissing
from mains.jobs import resealing
from mains.jobs.secrets import SecretBox, new_key, retire, secrets_files
from mains.parties import versions
from mains.parties.keyfiles import PEPPER_BYTES, Peppers, Signers, pepper_files, signing_files
from mains.parties.rings import RingFiles
from mains.parties.versions import Kind
from mains.settings import Settings
from mains.wire import dsse
from mains.wire.succession import succession

SETTLED_AFTER: Final = timedelta(minutes=5)
"""Longer than any transaction lasts: what one still makes under an older key is there by then."""

KEYS_MOVE_WITHIN: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Place:
    """One instance whose keys are exchanged."""

    settings: Settings
    database: Database
    clock: Clock


@dataclass(frozen=True, slots=True)
class Tended:
    """What one round did: jobs sealed anew, API keys ended, old versions destroyed."""

    resealed: int
    revoked: int
    destroyed: tuple[str, ...]


async def rotate_pepper(place: Place, *, within: timedelta) -> AsyncIterator[str]:
    """Bring API keys under a new pepper as they are used; those that are not end in time."""
    files = pepper_files(place.settings.keys)
    Peppers.from_files(place.settings.keys)
    async for step in _introduced(place, "pepper", files, secrets.token_bytes(PEPPER_BYTES)):
        yield step
    now = place.clock.now()
    async with place.database.transaction() as tx:
        newest = files.versions()[-1]
        await versions.end_before(tx, "pepper", newest, ends_at=now + within)
    yield f"keys that are not used until {now + within:%Y-%m-%d} end then"


async def rotate_secrets(place: Place) -> AsyncIterator[str]:
    """Seal the secrets of waiting jobs under a new key."""
    files = secrets_files(place.settings.keys)
    SecretBox.from_files(place.settings.keys)
    async for step in _introduced(place, "secrets", files, new_key()):
        yield step
    box = SecretBox.from_files(place.settings.keys)
    resealed = 0
    while True:
        async with place.database.transaction() as tx:
            batch = await resealing.reseal(tx, box)
        resealed += batch
        if not batch:
            break
    yield f"the secrets of {resealed} waiting jobs are sealed under it"


async def rotate_signing(place: Place) -> AsyncIterator[str]:
    """Sign with a new key from now on; the public keys before it stay published for ever."""
    Signers.from_files(place.settings.keys)
    fresh = dsse.generate().signer.private_bytes
    files = signing_files(place.settings.keys)
    async for step in _introduced(place, "signing", files, fresh):
        yield step


def rotate_database(settings: Settings) -> Iterator[str]:
    """Give the embedded database's roles new passwords; connections that stand are kept.

    Raises SetupMissing for a database of one's own.
    """
    if settings.database_url is not None:
        raise SetupMissing(
            "the database is not mains' own, and neither are its passwords",
            hint="Change them there, then start mains with the new MAINS_DATABASE_URL.",
        )
    layout = Layout(settings)
    if not layout.data.exists():
        raise SetupMissing(f"there is no database of mains' own in {layout.folder}")
    yield from layout.passwords.rotate(layout.socket)


async def tend(place: Place) -> Tended:
    """Do what rotations leave to be done in time: seal anew, end what is overdue, destroy.

    An old key is destroyed once nothing is under it, and no transaction can be that began before
    the new one was in use.
    """
    now, keys = place.clock.now(), place.settings.keys
    async with place.database.transaction() as tx:
        await note(tx, place.settings, now=now)
        revoked = await versions.revoke_overdue_keys(tx, now=now)
        resealed = await resealing.reseal(tx, SecretBox.from_files(keys))
    async with place.database.transaction() as tx:
        under = await things_under(tx, now=now)
        known = await versions.versions(tx)
    destroyed = []
    for kind, files in rings(place.settings).items():
        newest = files.versions()[-1]
        since = next((v.in_use_since for v in known if (v.kind, v.version) == (kind, newest)), None)
        if since is None or since + SETTLED_AFTER > now:
            continue
        for version in files.versions()[:-1]:
            if not under[kind].get(version):
                _destroy(kind, files, version)
                destroyed.append(f"{kind} {version}")
    if destroyed:
        async with place.database.transaction() as tx:
            await note(tx, place.settings, now=now)
    return Tended(resealed=resealed, revoked=revoked, destroyed=tuple(destroyed))


async def note(tx: Transaction, settings: Settings, *, now: datetime) -> None:
    """Write down what is on disk: what a killed rotation did last, and what a first start made."""
    signers = Signers.from_files(settings.keys)
    known = await versions.versions(tx)
    for kind, files in rings(settings).items():
        present = files.versions()
        for version in present:
            signer = signers.of(version) if kind == "signing" else None
            public_key = signer.public_key_hex if signer else None
            await versions.note_version(tx, kind, version, public_key=public_key, now=now)
        if not present:
            continue
        await versions.note_in_use(tx, kind, present[-1], now=now)
        for gone in known:
            if gone.kind == kind and gone.version not in present and gone.version < present[-1]:
                await versions.note_destroyed(tx, kind, gone.version, now=now)


async def things_under(tx: Transaction, *, now: datetime) -> dict[Kind, dict[int, int]]:
    """Return how many things are under each version; nothing is ever under a signing key."""
    return {
        "pepper": await versions.keys_under_peppers(tx, now=now),
        "secrets": await resealing.sealed_under(tx),
        "signing": {},
    }


def rings(settings: Settings) -> dict[Kind, RingFiles]:
    return {
        "pepper": pepper_files(settings.keys),
        "secrets": secrets_files(settings.keys),
        "signing": signing_files(settings.keys),
    }


async def _introduced(
    place: Place, kind: Kind, files: RingFiles, content: bytes
) -> AsyncIterator[str]:
    async with place.database.transaction() as tx:
        await note(tx, place.settings, now=place.clock.now())
    before = files.versions()[-1]
    version = before + 1
    fresh = files.introduce(version, content)
    yield f"version {version} of {kind} was made"
    now = place.clock.now()
    async with place.database.transaction() as tx:
        if kind == "signing":
            old, new = dsse.load(files.path(before)), dsse.read_private(fresh)
            await versions.note_version(
                tx,
                kind,
                version,
                public_key=new.public_key_hex,
                succession=succession(old, new, made_at=now),
                now=now,
            )
        else:
            await versions.note_version(tx, kind, version, now=now)
    yield f"version {version} of {kind} is written down"
    files.activate(version)
    async with place.database.transaction() as tx:
        await versions.note_in_use(tx, kind, version, now=place.clock.now())
    yield f"version {version} of {kind} is in use"


def _destroy(kind: Kind, files: RingFiles, version: int) -> None:
    if kind == "secrets":
        retire(files, version)
    else:
        files.destroy(version)
