"""What time alone brings about: lost leases, deadlines, expired holds, retention."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from psycopg.rows import DictRow

from mains.db import Queries, Transaction
from mains.jobs import rules
from mains.jobs.rules import JobState
from mains.jobs.settling import Ended, finish, settle
from mains.jobs.sync import attempt_of
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
    """Give up attempts whose site is gone, take back untold ones, expire what nobody ran.

    All jobs are locked at once and first, as everywhere: whoever holds a job's lock waits for
    nobody who wants it. What was found before the locks is looked at again behind them.
    """
    given_up = await _given_up(tx, settings, now)
    since = rules.told_since(now=now, reporting_grace=settings.reporting_grace_seconds)
    untold = await _found(tx, "attempts_to_recall", now=now, assigned_since=since)
    overdue = await _found(tx, "jobs_overdue", now=now)
    jobs = {row["job_id"] for row in [*given_up, *untold]} | {row["id"] for row in overdue}
    if not jobs:
        return Tidied(0, 0, 0)
    await tx.execute(QUERIES["lock_jobs"], {"ids": list(jobs)})
    expired = await _expire(tx, [row["id"] for row in overdue], now=now)
    recalled = await _recalled(tx, [row["id"] for row in untold])
    gone = {row["id"] for row in await _given_up(tx, settings, now)}
    gone -= {each.attempt.attempt_id for each in recalled}
    lost = await _lost(tx, gone, jobs, now=now)
    ended = [*lost, *recalled]
    await settle(tx, ended, organisation_bytes_max=settings.organisation_bytes_max, now=now)
    return Tidied(lost=len(lost), recalled=len(recalled), expired=expired)


async def _given_up(tx: Transaction, settings: Settings, now: datetime) -> list[DictRow]:
    """Return attempts that can't be running any more, though their site has not said so.

    A leased run has stopped itself once its lease is over; the grace covers its SIGTERM. Every
    other run is given up only past its wall limit and the time to report it.
    """
    return await _found(
        tx, "attempts_given_up", now=now, grace_seconds=settings.agent_grace_seconds
    )


async def _found(tx: Transaction, query: str, **asked: datetime | int) -> list[DictRow]:
    return await (await tx.execute(QUERIES[query], {**asked, "limit": BATCH_MAX})).fetchall()


async def _lost(
    tx: Transaction, attempt_ids: Set[UUID], locked: Set[UUID], *, now: datetime
) -> list[Ended]:
    reason = "its site has gone silent"
    return [
        Ended(attempt, rules.loss(attempt, reason=reason, now=now), ())
        for attempt in await _attempts(tx, attempt_ids)
        if attempt.ended_at is None and attempt.job_id in locked
    ]


async def _recalled(tx: Transaction, attempt_ids: Sequence[UUID]) -> list[Ended]:
    """Return the ends of attempts that their site, which went away, was never told of."""
    rows = await tx.execute(QUERIES["lock_unoffered"], {"ids": list(attempt_ids)})
    untold = {row["id"] for row in await rows.fetchall()}
    return [Ended(attempt, rules.recall(attempt), ()) for attempt in await _attempts(tx, untold)]


async def _expire(tx: Transaction, job_ids: Sequence[UUID], *, now: datetime) -> int:
    """End jobs past their deadline that nothing runs of, and close their holds."""
    rows = await tx.execute(QUERIES["still_overdue"], {"ids": list(job_ids)})
    jobs = [
        {
            "id": row["id"],
            "state": JobState.FAILED.value,
            "reason": "no site had room before the queue deadline",
        }
        for row in await rows.fetchall()
    ]
    if jobs:
        await finish(tx, jobs, why="expired", now=now)
    return len(jobs)


async def _attempts(tx: Transaction, ids: Set[UUID]) -> list[rules.Attempt]:
    if not ids:
        return []
    rows = await tx.execute(QUERIES["attempts_by_id"], {"ids": list(ids)})
    return [attempt_of(row) for row in await rows.fetchall()]


async def note_life(
    tx: Transaction, name: Literal["audit", "dispatcher"], *, findings: int = 0, now: datetime
) -> None:
    """Write down that something happened now, for those who watch from outside."""
    await tx.execute(QUERIES["note_life"], {"name": name, "findings": findings, "now": now})


async def forget_old(tx: Transaction, *, settings: Settings, now: datetime) -> list[str]:
    """Drop logs and contents past their retention; returns hashes that nobody keeps any more."""
    before = now - timedelta(days=settings.retention_days)
    await tx.execute(QUERIES["delete_old_logs"], {"before": before, "limit": BATCH_MAX})
    dropped: set[str] = set()
    for query in ("delete_old_contents", "delete_old_uploads"):
        rows = await tx.execute(QUERIES[query], {"before": before, "limit": BATCH_MAX})
        dropped |= {row["sha256"] for row in await rows.fetchall()}
    if not dropped:
        return []
    rows = await tx.execute(QUERIES["contents_still_used"], {"hashes": list(dropped)})
    kept = {row["sha256"] for row in await rows.fetchall()}
    return sorted(dropped - kept)
