"""How long what is kept, and what is past its time; the ledger is kept for ever."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mains.db import Queries, Transaction
from mains.ids import first_id_of
from mains.settings import Settings

QUERIES: Final = Queries.load(__package__, "retention.sql")
BATCH_MAX: Final = 500
LOOKED_MAX: Final = 5_000
QUOTE_VALIDITY_MAX: Final = timedelta(days=1)
"""What lies between a quote's id and its end, so that none is passed over that ends later."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What one round dropped; `more` says that a further round would find something at once.

    quotes_after is where the next round goes on among the quotes: what lies before it was decided
    on, once and for all.
    """

    dropped: dict[str, int]
    more: bool
    quotes_after: UUID


def days_kept(settings: Settings) -> dict[str, int]:
    """Return the days that each kind is kept after its use has ended."""
    return {
        "contents": settings.retention_days,
        "logs": settings.retention_days,
        "quotes": settings.retention_quotes_days,
        "tokens": settings.retention_tokens_days,
        "keys": settings.retention_keys_days,
        "refusals": settings.retention_refusals_days,
    }


async def forget(
    tx: Transaction, *, settings: Settings, now: datetime, quotes_after: UUID
) -> Forgotten:
    """Drop quotes that nobody used, spent tokens, ended keys and refused meters past their time."""
    days = days_kept(settings)
    dropped, more = {}, False
    for kind in ("tokens", "keys", "refusals"):
        asked = {"before": now - timedelta(days=days[kind]), "limit": BATCH_MAX}
        dropped[kind] = (await tx.execute(QUERIES[f"forget_{kind}"], asked)).rowcount
        more = more or dropped[kind] == BATCH_MAX
    before = now - timedelta(days=days["quotes"])
    looking = {
        "after": quotes_after,
        "until": first_id_of(before - QUOTE_VALIDITY_MAX),
        "before": before,
        "limit": LOOKED_MAX,
    }
    row = await (await tx.execute(QUERIES["forget_quotes"], looking)).fetchone()
    assert row is not None, "a select of counts has one row"
    dropped["quotes"] = row["gone"]
    further = row["looked"] == LOOKED_MAX
    return Forgotten(
        dropped=dropped, more=more or further, quotes_after=row["last"] or quotes_after
    )


async def note(tx: Transaction, *, settings: Settings, now: datetime) -> None:
    """Write down what is kept how long, so that the audit can ask whether it is kept to."""
    days = days_kept(settings)
    noted = {"kinds": [*days], "days": [*days.values()], "now": now}
    await tx.execute(QUERIES["note_retention"], noted)
