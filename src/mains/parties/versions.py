"""What is written down of the server's own keys: their versions, and what is still under each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from mains.db import Queries, Transaction

QUERIES: Final = Queries.load(__package__, "rings.sql")

Kind = Literal["pepper", "secrets", "signing"]


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One version of one of the server's keys; the key itself is in no table."""

    kind: Kind
    version: int
    public_key: str | None
    succession: bytes | None
    made_at: datetime
    in_use_since: datetime | None
    ends_at: datetime | None
    destroyed_at: datetime | None


async def versions(tx: Transaction) -> list[KeyVersion]:
    """Return every version that there ever was, by kind, oldest first."""
    rows = await (await tx.execute(QUERIES["versions"])).fetchall()
    return [KeyVersion(**row) for row in rows]


async def note_version(
    tx: Transaction,
    kind: Kind,
    version: int,
    *,
    public_key: str | None = None,
    succession: bytes | None = None,
    now: datetime,
) -> None:
    """Write down a version before it is used; again changes nothing."""
    noted = {"kind": kind, "version": version, "public_key": public_key, "now": now}
    await tx.execute(QUERIES["note_version"], {**noted, "succession": succession})


async def note_in_use(tx: Transaction, kind: Kind, version: int, *, now: datetime) -> None:
    """Write down since when a version is in use, once."""
    noted = {"kind": kind, "version": version, "now": now}
    await tx.execute(QUERIES["note_in_use"], noted)


async def end_before(tx: Transaction, kind: Kind, version: int, *, ends_at: datetime) -> None:
    """Set when all versions before this one end, and with them what is still under them."""
    noted = {"kind": kind, "version": version, "ends_at": ends_at}
    await tx.execute(QUERIES["note_end"], noted)


async def note_destroyed(tx: Transaction, kind: Kind, version: int, *, now: datetime) -> None:
    """Write down that a version's file is gone."""
    noted = {"kind": kind, "version": version, "now": now}
    await tx.execute(QUERIES["note_destroyed"], noted)


async def keys_under_peppers(tx: Transaction, *, now: datetime) -> dict[int, int]:
    """Return how many keys that still open something are under each version of the pepper."""
    rows = await tx.execute(QUERIES["keys_under_peppers"], {"now": now})
    return {row["version"]: row["things"] for row in await rows.fetchall()}


async def revoke_overdue_keys(tx: Transaction, *, now: datetime) -> int:
    """Revoke the keys whose pepper has ended; return how many there were."""
    return (await tx.execute(QUERIES["revoke_overdue_keys"], {"now": now})).rowcount
