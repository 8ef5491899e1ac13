"""Where waiting jobs go: pure; the dispatcher and the simulator call the same `plan`."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

CHUNK_TASKS_MAX: Final = 256
WAVES_PER_SLOT: Final = 2
"""An array is cut so that every slot gets this many chunks: late ones even out uneven sites."""

STARVING_AFTER: Final = timedelta(minutes=10)
"""A job that has waited this long keeps the pool it wants from being filled by later ones."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a pool has free, or what a task takes; memory in bytes."""

    units: int
    cpus: int
    memory_bytes: int

    def holds(self, need: "Capacity") -> bool:
        return (
            need.units <= self.units
            and need.cpus <= self.cpus
            and need.memory_bytes <= self.memory_bytes
        )

    def times(self, need: "Capacity") -> int:
        """Return how many times `need` fits."""
        return min(
            self.units // need.units,
            self.cpus // need.cpus,
            self.memory_bytes // need.memory_bytes,
        )

    def minus(self, need: "Capacity") -> "Capacity":
        return Capacity(
            self.units - need.units,
            self.cpus - need.cpus,
            self.memory_bytes - need.memory_bytes,
        )


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool that may take work now: reachable, not draining."""

    pool_id: UUID
    site_id: UUID
    site: str
    name: str
    total: Capacity
    free: Capacity
    trusted_organisation_id: UUID | None = None
    """Who alone may run here, where runs are not kept apart."""

    def admits(self, organisation_id: UUID) -> bool:
        return self.trusted_organisation_id in (None, organisation_id)


@dataclass(frozen=True, slots=True)
class Term:
    """One pool of a job's quote and the terms it was promised under."""

    pool_id: UUID
    tariff_id: UUID
    price_micros_per_unit_hour: int
    currency: str
    task_micros: int
    own_micros: int
    rates_bps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job with tasks to place; `spans` are its waiting tasks, inclusive, in order."""

    job_id: UUID
    organisation_id: UUID
    need: Capacity
    seconds_per_task: int
    spans: tuple[tuple[int, int], ...]
    terms: tuple[Term, ...]
    submitted_at: datetime

    @property
    def tasks(self) -> int:
        return sum(last - first + 1 for first, last in self.spans)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a plan looks at; used: unit-milliseconds lately used, by organisation."""

    pools: Sequence[Pool]
    waiting: Sequence[Waiting]
    used: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Tasks first..last of a job go to one pool on its quoted terms."""

    job_id: UUID
    pool_id: UUID
    site_id: UUID
    term: Term
    first_task: int
    last_task: int


def plan(snapshot: Snapshot, *, now: datetime, assignments_max: int) -> list[Assignment]:
    """Fill the free pools: fair between organisations, oldest first, cheapest pool first.

    The organisation that used least takes the next turn, and what it is given counts at once.
    Nothing is assigned beyond a pool's free capacity, and no task twice.
    """
    free = {pool.pool_id: pool.free for pool in snapshot.pools}
    pools = {pool.pool_id: pool for pool in snapshot.pools}
    queues = _queues(snapshot.waiting, pools)
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
            free[assignment.pool_id] = free[assignment.pool_id].minus(entry.job.need)
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
        return (self.job.need, tuple(term.pool_id for term in self.terms))


def _queues(waiting: Iterable[Waiting], pools: Mapping[UUID, Pool]) -> dict[UUID, list[_Entry]]:
    """Group by organisation, the oldest job last, where it is cheap to take."""
    queues: dict[UUID, list[_Entry]] = defaultdict(list)
    for job in sorted(waiting, key=lambda job: (job.submitted_at, job.job_id), reverse=True):
        if job.spans:
            terms = tuple(
                term
                for term in job.terms
                if term.pool_id in pools and pools[term.pool_id].admits(job.organisation_id)
            )
            queues[job.organisation_id].append(_Entry(job, terms, list(job.spans)))
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
        if free[term.pool_id].holds(job.need)
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
    return Assignment(job.job_id, term.pool_id, pools[term.pool_id].site_id, term, first, end)


def _chunk_tasks(entry: _Entry, pools: Mapping[UUID, Pool]) -> int:
    """Cut an array so that every slot that could ever run it gets its share of chunks."""
    slots = sum(pools[term.pool_id].total.times(entry.job.need) for term in entry.terms)
    return max(1, min(CHUNK_TASKS_MAX, -(-entry.job.tasks // max(1, slots * WAVES_PER_SLOT))))


def _reserve_if_starving(
    entry: _Entry, pools: Mapping[UUID, Pool], reserved: dict[UUID, UUID], now: datetime
) -> None:
    """Keep the first pool that could ever run a starving job, and that nobody else waits for."""
    if now - entry.job.submitted_at < STARVING_AFTER:
        return
    for term in entry.terms:
        if term.pool_id not in reserved and pools[term.pool_id].total.holds(entry.job.need):
            reserved[term.pool_id] = entry.job.job_id
            return


def _committed(job: Waiting, assignment: Assignment) -> int:
    tasks = assignment.last_task - assignment.first_task + 1
    return job.need.units * job.seconds_per_task * 1000 * tasks


def _names(pool: Pool) -> tuple[str, str]:
    return pool.site, pool.name
