"""Cancel a job or single tasks of it: what waits ends at once, what runs is told to end."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.range import Range

from mains.db import Queries, Transaction
from mains.errors import NotFound, RequestInvalid, StateConflict
from mains.jobs import rules
from mains.jobs.rules import Spans, multirange, spans
from mains.jobs.settling import Ended, count, settle
from mains.jobs.sync import attempt_of
from mains.settings import Settings

QUERIES = Queries.load(__package__, "queries.sql")


async def cancel(
    tx: Transaction,
    job_id: UUID,
    *,
    tasks: Sequence[int] | None,
    actor_id: UUID,
    settings: Settings,
    now: datetime,
) -> None:
    """Cancel; a second time changes nothing. Raises StateConflict when the job has ended."""
    job = await (await tx.execute(QUERIES["lock_job"], {"id": job_id})).fetchone()
    if job is None:
        raise NotFound(f"there is no job {job_id}")
    if job["ended_at"] is not None:
        if job["state"] == "cancelled":
            return
        raise StateConflict(f"the job has ended before: it is {job['state']}")
    wanted = _wanted(job, tasks)
    waiting = _common(job["waiting"], wanted)
    await tx.execute(
        QUERIES["cancel_waiting"],
        {
            "id": job_id,
            "wanted": multirange(wanted),
            "whole": tasks is None,
            "actor_id": actor_id,
        },
    )
    ended = await _stop(tx, job_id, wanted, now=now)
    if waiting:
        await count(tx, ended=(), cancelled={job_id: waiting}, now=now)
    await settle(tx, ended, organisation_bytes_max=settings.organisation_bytes_max, now=now)


async def _stop(tx: Transaction, job_id: UUID, wanted: Spans, *, now: datetime) -> list[Ended]:
    """Tell offered attempts to stop; take back, as ended, those that no site knows of yet."""
    rows = await tx.execute(QUERIES["live_attempts_of_job"], {"id": job_id})
    live = [row for row in await rows.fetchall() if _touches(row, wanted)]
    unoffered = [row["id"] for row in live if not row["offered"] and _covers(wanted, row)]
    told = [row["id"] for row in live if row["id"] not in unoffered]
    if told:
        await tx.execute(QUERIES["stop_attempts"], {"ids": told, "wanted": multirange(wanted)})
    if not unoffered:
        return []
    rows = await tx.execute(QUERIES["attempts_by_id"], {"ids": unoffered})
    return [
        Ended(attempt, rules.withdraw(attempt, now=now), ())
        for attempt in map(attempt_of, await rows.fetchall())
    ]


def _wanted(job: dict[str, Any], tasks: Sequence[int] | None) -> Spans:
    if tasks is None:
        return ((0, job["tasks"] - 1),)
    outside = [task for task in tasks if not 0 <= task < job["tasks"]]
    if outside or not tasks:
        raise RequestInvalid(
            f"the job has tasks 0 to {job['tasks'] - 1}", hint="Name tasks in that range."
        )
    return spans(tasks)


def _common(waiting: Iterable[Range[int]], wanted: Spans) -> int:
    """Return how many waiting tasks are among the wanted ones."""
    return sum(
        max(0, min((span.upper or 0) - 1, last) - max(span.lower or 0, first) + 1)
        for span in waiting
        for first, last in wanted
    )


def _touches(attempt: dict[str, Any], wanted: Spans) -> bool:
    return any(
        first <= attempt["last_task"] and last >= attempt["first_task"] for first, last in wanted
    )


def _covers(wanted: Spans, attempt: dict[str, Any]) -> bool:
    """Ranges are folded, so that what covers an attempt is one of them."""
    return any(
        first <= attempt["first_task"] and last >= attempt["last_task"] for first, last in wanted
    )
