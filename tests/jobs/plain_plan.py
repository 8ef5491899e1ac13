"""Placement written down plainly: every waiting job is looked at. `plan` must decide the same."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mains.jobs.placement import (
    CHUNK_TASKS_MAX,
    STARVING_AFTER,
    WAVES_PER_SLOT,
    Assignment,
    Pool,
    Snapshot,
)
from mains.jobs.queue import Capacity, Term, Waiting


def plain_plan(snapshot: Snapshot, *, now: datetime, assignments_max: int) -> list[Assignment]:
    """Look at every waiting job, one after the other: what `plan` must decide with fewer looks."""
    free = {pool.pool_id: pool.free for pool in snapshot.pools}
    pools = {pool.pool_id: pool for pool in snapshot.pools}
    queues = _queues(snapshot.queue, pools)
    turns = [(snapshot.used.get(organisation, 0), organisation) for organisation in queues]
    heapq.heapify(turns)
    chosen: list[Assignment] = []
    reserved: dict[UUID, UUID] = {}
    full: set[tuple[object, ...]] = set()
    while turns and len(chosen) < assignments_max:
        used, organisation = heapq.heappop(turns)
        queue = queues[organisation]
        entry = queue[-1]
        assignment = None if entry.shape in full else _assign(entry, pools, free, reserved)
        if assignment is None:
            full.add(entry.shape)
            _reserve_if_starving(entry, pools, reserved, now)
            queue.pop()
        else:
            chosen.append(assignment)
            free[assignment.pool_id] = free[assignment.pool_id].minus(entry.job.kind.need)
            used += _committed(entry.job, assignment)
            if not entry.spans:
                queue.pop()
        if queue:
            heapq.heappush(turns, (used, organisation))
    return chosen


@dataclass(slots=True)
class _Entry:
    """A waiting job while it is being planned: its spans shrink as chunks are cut off."""

    job: Waiting
    terms: tuple[Term, ...]
    """Those of the job's terms whose pool is there and admits it."""

    spans: list[tuple[int, int]]
    chunk: int = 0

    @property
    def shape(self) -> tuple[object, ...]:
        """Jobs of one shape fit or don't fit alike, so that a full tick costs little."""
        return (self.job.kind.need, tuple(term.pool_id for term in self.terms))


def _queues(waiting: Iterable[Waiting], pools: Mapping[UUID, Pool]) -> dict[UUID, list[_Entry]]:
    """Group by organisation, the oldest job last, where it is cheap to take."""
    queues: dict[UUID, list[_Entry]] = defaultdict(list)
    for job in sorted(waiting, key=lambda job: (job.submitted_at, job.job_id), reverse=True):
        if job.spans:
            terms = tuple(
                term
                for term in job.kind.terms.offers
                if term.pool_id in pools and pools[term.pool_id].admits(job.kind.organisation_id)
            )
            queues[job.kind.organisation_id].append(_Entry(job, terms, list(job.spans)))
    return dict(queues)


def _assign(
    entry: _Entry,
    pools: Mapping[UUID, Pool],
    free: Mapping[UUID, Capacity],
    reserved: Mapping[UUID, UUID],
) -> Assignment | None:
    job = entry.job
    fitting = [
        term
        for term in entry.terms
        if free[term.pool_id].holds(job.kind.need)
        and reserved.get(term.pool_id, job.job_id) == job.job_id
    ]
    if not fitting:
        return None
    term = min(fitting, key=lambda term: (term.own_micros, *_names(pools[term.pool_id])))
    if not entry.chunk:
        entry.chunk = _chunk_tasks(entry, pools)
    first, last = entry.spans[0]
    end = min(last, first + entry.chunk - 1)
    if end == last:
        entry.spans.pop(0)
    else:
        entry.spans[0] = (end + 1, last)
    site_id = pools[term.pool_id].site_id
    return Assignment(job.job_id, job.kind, term.pool_id, site_id, term, first, end)


def _chunk_tasks(entry: _Entry, pools: Mapping[UUID, Pool]) -> int:
    """Cut an array so that every slot that could ever run it gets its share of chunks."""
    slots = sum(pools[term.pool_id].total.times(entry.job.kind.need) for term in entry.terms)
    return max(1, min(CHUNK_TASKS_MAX, -(-entry.job.tasks // max(1, slots * WAVES_PER_SLOT))))


def _reserve_if_starving(
    entry: _Entry, pools: Mapping[UUID, Pool], reserved: dict[UUID, UUID], now: datetime
) -> None:
    """Keep the first pool that could ever run a starving job, and that nobody else waits for."""
    if now - entry.job.submitted_at < STARVING_AFTER:
        return
    for term in entry.terms:
        if term.pool_id not in reserved and pools[term.pool_id].total.holds(entry.job.kind.need):
            reserved[term.pool_id] = entry.job.job_id
            return


def _committed(job: Waiting, assignment: Assignment) -> int:
    return job.kind.need.units * job.kind.seconds_per_task * 1000 * assignment.tasks


def _names(pool: Pool) -> tuple[str, str]:
    return pool.site, pool.name
