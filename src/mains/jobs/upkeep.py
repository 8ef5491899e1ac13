"""What time alone brings about: lost leases, deadlines, expired holds, retention."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mains.db import Queries, Transaction
from mains.jobs import rules
from mains.jobs.rules import JobState
from mains.jobs.settling import Ended, finish, settle
from mains.jobs.sync import attempt_of
from mains.ledger import service as ledger
from mains.settings import Settings

QUERIES = Queries.load(__package__, "queries.sql")

BATCH_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Tidied:
    """How much one round of upkeep did."""

    lost: int
    recalled: int
    expired: int


async def tidy(tx: Transaction, *, settings: Settings, now: datetime) -> Tidied:
    """Give up attempts whose site is gone, take back untold ones, expire what nobody ran."""
    return Tidied(
        lost=await give_up(tx, settings=settings, now=now),
        recalled=await recall(tx, settings=settings, now=now),
        expired=await expire(tx, now=now),
    )


async def give_up(tx: Transaction, *, settings: Settings, now: datetime) -> int:
    """End attempts that can't be running any more, though their site has not said so.

    A leased run has stopped itself once its lease is over; the grace covers its SIGTERM. Every
    other run is given up only past its wall limit and the time to report it.
    """
    rows = await tx.execute(
        QUERIES["attempts_given_up"],
        {"now": now, "grace_seconds": settings.agent_grace_seconds, "limit": BATCH_MAX},
    )
    found = await rows.fetchall()
    ids = [row["id"] for row in found]
    ended = [
        Ended(attempt, rules.loss(attempt, reason="its site has gone silent", now=now), ())
        for attempt in await _locked(tx, [row["job_id"] for row in found], ids)
        if attempt.ended_at is None
    ]
    await settle(tx, ended, organisation_bytes_max=settings.organisation_bytes_max, now=now)
    return len(ended)


async def recall(tx: Transaction, *, settings: Settings, now: datetime) -> int:
    """Put back attempts that were placed on a site which went away before it was told."""
    rows = await tx.execute(QUERIES["attempts_to_recall"], {"now": now, "limit": BATCH_MAX})
    found = await rows.fetchall()
    attempts = await _locked(
        tx, [row["job_id"] for row in found], [row["id"] for row in found], unoffered=True
    )
    ended = [Ended(attempt, rules.recall(attempt), ()) for attempt in attempts]
    await settle(tx, ended, organisation_bytes_max=settings.organisation_bytes_max, now=now)
    return len(ended)


async def expire(tx: Transaction, *, now: datetime) -> int:
    """Close holds past their deadline that nothing draws on, and end their jobs."""
    expired = await ledger.expire(tx, now=now, limit=BATCH_MAX)
    if not expired:
        return 0
    rows = await tx.execute(QUERIES["jobs_of_holds"], {"ids": expired})
    reason = "no site had room before the queue deadline"
    jobs = [
        {"id": row["id"], "state": JobState.FAILED.value, "reason": reason}
        for row in await rows.fetchall()
    ]
    await finish(tx, jobs, now=now)
    return len(expired)


async def forget_old(tx: Transaction, *, settings: Settings, now: datetime) -> list[str]:
    """Drop logs and contents past their retention; returns hashes that nobody keeps any more."""
    before = now - timedelta(days=settings.retention_days)
    await tx.execute(QUERIES["delete_old_logs"], {"before": before, "limit": BATCH_MAX})
    rows = await tx.execute(QUERIES["delete_old_contents"], {"before": before, "limit": BATCH_MAX})
    dropped = [row["sha256"] for row in await rows.fetchall()]
    if not dropped:
        return []
    rows = await tx.execute(QUERIES["contents_still_used"], {"hashes": dropped})
    kept = {row["sha256"] for row in await rows.fetchall()}
    return [sha256 for sha256 in dropped if sha256 not in kept]


async def _locked(
    tx: Transaction, job_ids: Sequence[UUID], ids: Sequence[UUID], *, unoffered: bool = False
) -> list[rules.Attempt]:
    """Lock jobs, then read their attempts again; unoffered: only those still not offered."""
    if not ids:
        return []
    await tx.execute(QUERIES["lock_jobs"], {"ids": list(set(job_ids))})
    if unoffered:
        rows = await tx.execute(QUERIES["lock_unoffered"], {"ids": list(ids)})
        ids = [row["id"] for row in await rows.fetchall()]
    rows = await tx.execute(QUERIES["attempts_by_id"], {"ids": list(ids)})
    return [attempt_of(row) for row in await rows.fetchall()]
