"""Jobs as people see them: lists, details, and why a job is where it is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mains.db import Queries, Transaction
from mains.errors import NotFound, RequestInvalid
from mains.ids import SHORT_LENGTH, uuid_or_none
from mains.jobs.dispatch import pools
from mains.jobs.placement import CHUNK_TASKS_MAX, Pool
from mains.jobs.queue import Capacity, Term
from mains.jobs.rules import FINAL, JobState
from mains.jobs.terms import terms_of
from mains.parties.rules import Caller
from mains.quotes.rules import Load, refuse
from mains.quotes.service import need_of
from mains.sites import service as sites
from mains.sites.rules import Offer
from mains.units import decimal_string
from mains.wire.base import Amount
from mains.wire.jobs import (
    ArtefactView,
    AttemptView,
    JobDetail,
    JobPage,
    JobView,
    PoolReason,
    TaskView,
    WhyView,
)
from mains.wire.spec import JobSpec

QUERIES = Queries.load(__package__, "views.sql")

PAGE_MAX: Final = 200
TASKS_SHOWN_MAX: Final = 10_000
ARTEFACTS_SHOWN_MAX: Final = 10_000
LOAD_JOBS_MAX: Final = 20_000
_UNSET: Final[Mapping[str, Any]] = {
    "id": None,
    "organisation_id": None,
    "state": None,
    "before": None,
    "limit": 1,
}


async def resolve(tx: Transaction, ref: str, *, caller: Caller, acting: bool = False) -> UUID:
    """Return the id of a job named by its full id, its last 12 digits, or `last`.

    Raises NotFound also where the job is another organisation's, so that nothing leaks. acting:
    the caller is to change it, for which seeing it is not enough; the transaction is then the
    server's, else one of `own_rows`.
    """
    if ref == "last":
        cursor = await tx.execute(QUERIES["last_job"], {"organisation_id": caller.organisation_id})
    else:
        tail = ref.lower() if len(ref) == SHORT_LENGTH else ""
        named = {
            "id": uuid_or_none(ref),
            "tail": tail,
            "organisation_id": caller.organisation_id,
            "everything": caller.sees_all,
        }
        narrowed = not (acting or caller.sees_all)
        cursor = await tx.execute(QUERIES["find_own_job" if narrowed else "find_job"], named)
    rows = await cursor.fetchall()
    if len(rows) > 1:
        raise RequestInvalid(f"{ref} names several jobs", hint="Give the full id.")
    if rows:
        row = await _one(tx, rows[0]["id"])
        if caller.may_see(row["organisation_id"]):
            if acting:
                caller.require_organisation(row["organisation_id"])
            return UUID(str(row["id"]))
    raise NotFound(f"there is no job {ref}", hint="`mains jobs` lists yours.")


async def page(
    tx: Transaction,
    *,
    organisation_id: UUID | None,
    state: str | None,
    before: UUID | None,
    limit: int,
) -> JobPage:
    """Return jobs, newest first; of every organisation when none is named."""
    limit = min(limit, PAGE_MAX)
    rows = await tx.execute(
        QUERIES["jobs_page"],
        {
            **_UNSET,
            "organisation_id": organisation_id,
            "state": state,
            "before": before,
            "limit": limit,
        },
    )
    jobs = [JobView(**_job(row)) for row in await rows.fetchall()]
    return JobPage(jobs=jobs, next=jobs[-1].id if len(jobs) == limit else None)


async def job(tx: Transaction, job_id: UUID) -> JobView:
    return JobView(**_job(await _one(tx, job_id)))


async def check_task(tx: Transaction, job_id: UUID, task: int) -> None:
    """Raise NotFound for a task that the job does not have."""
    tasks = (await job(tx, job_id)).tasks
    if task >= tasks:
        raise NotFound(
            f"the job has no task {task}", hint=f"Its tasks are 0 to {tasks - 1}: `--task N`."
        )


async def detail(tx: Transaction, job_id: UUID) -> JobDetail:
    """Return one job with its attempts, ended tasks and artefacts; secrets by name only."""
    row = await _one(tx, job_id)
    attempts = await tx.execute(QUERIES["attempts_of_job"], {"id": job_id})
    shown = {"id": job_id, "limit": TASKS_SHOWN_MAX, "widest": CHUNK_TASKS_MAX}
    tasks = await tx.execute(QUERIES["tasks_of_job"], shown)
    return JobDetail(
        **_job(row),
        spec=JobSpec.model_validate(row["spec"]),
        quote_id=row["quote_id"],
        attempts=[_attempt(each) for each in await attempts.fetchall()],
        task_list=[TaskView(**each) for each in await tasks.fetchall()],
        artefacts=await artefact_views(tx, job_id),
    )


async def artefact_views(tx: Transaction, job_id: UUID) -> list[ArtefactView]:
    rows = await tx.execute(
        QUERIES["artefacts_of_job"], {"id": job_id, "limit": ARTEFACTS_SHOWN_MAX}
    )
    return [ArtefactView(**row) for row in await rows.fetchall()]


async def why(tx: Transaction, job_id: UUID, *, now: datetime) -> WhyView:
    """Return the placement's own reasoning for a job, pool by pool."""
    row = await (await tx.execute(QUERIES["waiting_job"], {"id": job_id})).fetchone()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    state = JobState(row["state"])
    if state in FINAL:
        return WhyView(id=job_id, state=row["state"], because=row["reason"] or "ended", pools=[])
    if not row["waiting"]:
        return WhyView(id=job_id, state=row["state"], because="every task has a place", pools=[])
    free = {pool.pool_id: pool for pool in await pools(tx, now=now)}
    terms = {term.pool_id: term for term in terms_of(row["offers"], "XXX")}
    ahead = await (
        await tx.execute(
            QUERIES["jobs_ahead"], {"submitted_at": row["submitted_at"], "unit": row["unit"]}
        )
    ).fetchone()
    assert ahead is not None
    reasons = [
        _reason(row, offer, terms.get(offer.pool_id), free.get(offer.pool_id), ahead["jobs"])
        for offer in await sites.offers(tx, now=now)
    ]
    return WhyView(id=job_id, state=row["state"], because=_summary(reasons), pools=reasons)


def _summary(reasons: list[PoolReason]) -> str:
    """Say in one sentence what the job waits for."""
    codes = {reason.code for reason in reasons}
    if "room" in codes:
        return "a pool has room: it is placed within a moment"
    if "full" in codes:
        return "every pool that would take it is full: it waits for room"
    if "unreachable" in codes or "draining" in codes:
        return "no pool takes it now: those that could are draining or out of reach"
    return "no pool can take it as things stand"


def _reason(
    row: Mapping[str, Any], offer: Offer, term: Term | None, pool: Pool | None, ahead: int
) -> PoolReason:
    need = Capacity(row["units"], row["cpus"], row["memory_bytes"])

    def told(code: str, because: str) -> PoolReason:
        return PoolReason(site=offer.site, pool=offer.pool, code=code, because=because)

    refusal = refuse(need_of(JobSpec.model_validate(row["spec"])), offer, row["organisation_id"])
    if refusal is not None:
        return told(refusal.code, refusal.because)
    if term is None:
        return told("not_quoted", "was not part of the job's quote: its price is not covered")
    if pool is None:
        return told("unreachable", offer.because)
    if not pool.free.holds(need):
        free = pool.free
        return told(
            "full",
            f"{max(0, free.units)} of {pool.total.units} {offer.unit} units, "
            f"{max(0, free.cpus)} CPUs and {max(0, free.memory_bytes) // 2**20:,} MiB are free; "
            f"{ahead} jobs came earlier",
        )
    return told("room", f"has room at {decimal_string(offer.price_micros_per_unit_hour)} an hour")


async def loads(tx: Transaction, *, now: datetime) -> dict[UUID, Load]:
    """Return how busy each pool is; what waits counts against every pool of its kind."""
    rows = await tx.execute(QUERIES["waiting_load"], {"limit": LOAD_JOBS_MAX})
    waiting = {row["unit"]: row["unit_seconds"] for row in await rows.fetchall()}
    units = {offer.pool_id: offer.unit for offer in await sites.offers(tx, now=now)}
    return {
        pool.pool_id: Load(
            units_free=max(0, pool.free.units),
            waiting_unit_seconds=waiting.get(units.get(pool.pool_id, ""), 0),
        )
        for pool in await pools(tx, now=now)
    }


async def _one(tx: Transaction, job_id: UUID) -> dict[str, Any]:
    row = await (await tx.execute(QUERIES["jobs_page"], {**_UNSET, "id": job_id})).fetchone()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    return row


def _job(row: Mapping[str, Any]) -> dict[str, Any]:
    currency = row["currency"]
    return {
        "id": row["id"],
        "name": row["name"],
        "organisation": row["organisation"],
        "state": row["state"],
        "settled": row["settled_at"] is not None,
        "tasks": row["tasks"],
        "tasks_done": row["tasks_done"],
        "ceiling": Amount(amount=decimal_string(row["ceiling"]), currency=currency),
        "charged": Amount(amount=decimal_string(row["charged"]), currency=currency),
        "sites": row["sites"],
        "submitted_at": row["submitted_at"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "reason": row["reason"],
    }


def _attempt(row: Mapping[str, Any]) -> AttemptView:
    return AttemptView(
        id=row["id"],
        site=row["site"],
        pool=row["pool"],
        state=row["state"],
        fence=row["fence"],
        first_task=row["first_task"],
        last_task=row["last_task"],
        assigned_at=row["assigned_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        unit_milliseconds=row["unit_milliseconds"],
        charged=Amount(amount=decimal_string(row["charged"]), currency=row["currency"]),
        reason=row["reason"],
    )


async def unsettled_jobs(tx: Transaction) -> dict[str, int]:
    """Return how many jobs are in each state and not settled yet."""
    rows = await tx.execute(QUERIES["counts_for_metrics"])
    return {row["state"]: row["jobs"] for row in await rows.fetchall()}
