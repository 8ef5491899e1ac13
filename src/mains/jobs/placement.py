"""Where waiting jobs go: pure; the dispatcher and the simulator call the same `plan`."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mains.jobs.queue import Capacity, Kind, Line, Queue, Term, Waiting

CHUNK_TASKS_MAX: Final = 256
WAVES_PER_SLOT: Final = 2
"""An array is cut so that every slot gets this many chunks: late ones even out uneven sites."""

STARVING_AFTER: Final = timedelta(minutes=10)
"""A job that has waited this long keeps the pool it wants from being filled by later ones."""


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
class Snapshot:
    """Everything a plan looks at; used: unit-milliseconds lately used, by organisation."""

    pools: Sequence[Pool]
    queue: Queue
    used: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Tasks first..last of a job go to one pool on its quoted terms."""

    job_id: UUID
    kind: Kind
    pool_id: UUID
    site_id: UUID
    term: Term
    first_task: int
    last_task: int

    @property
    def tasks(self) -> int:
        return self.last_task - self.first_task + 1


def plan(snapshot: Snapshot, *, now: datetime, assignments_max: int) -> list[Assignment]:
    """Fill the free pools: fair between organisations, oldest first, cheapest pool first.

    The organisation that used least takes the next turn, and what it is given counts at once.
    Nothing is assigned beyond a pool's free capacity, and no task twice. Of each line only as many
    jobs are looked at as are placed, or keep a pool: what it costs does not grow with the queue.
    """
    market = _Market(snapshot, starving_since=now - STARVING_AFTER)
    turns = [
        (snapshot.used.get(organisation, 0), organisation)
        for organisation in snapshot.queue.organisations
    ]
    heapq.heapify(turns)
    fronts: dict[UUID, _Front] = {}
    chosen: list[Assignment] = []
    while turns and len(chosen) < assignments_max and not market.all_kept:
        used, organisation = heapq.heappop(turns)
        front = fronts.get(organisation)
        if front is None:
            lines = snapshot.queue.organisations[organisation].values()
            front = fronts[organisation] = _front(lines, market)
        if not front:
            continue
        head = front[0][-1]
        assignment = market.assign(head)
        if assignment is not None:
            chosen.append(assignment)
            used += head.kind.need.units * head.kind.seconds_per_task * 1000 * assignment.tasks
            goes_on = bool(head.spans) or head.step()
        else:
            goes_on = market.keep(head) and head.step()
        if goes_on:
            heapq.heapreplace(front, (*head.job.age_order, head))
        else:
            heapq.heappop(front)
        heapq.heappush(turns, (used, organisation))
    return chosen


class _Head:
    """The oldest job of a line that was not planned yet; its spans shrink as chunks are cut off."""

    __slots__ = ("_rest", "chunk", "job", "kind", "spans")

    def __init__(self, line: Line) -> None:
        self.kind = line.kind
        self._rest: Iterator[Waiting] = line.waiting()
        self.step()

    def step(self) -> bool:
        """Go on to the next job of the line, if there is one."""
        job = next(self._rest, None)
        if job is None:
            return False
        self.job = job
        self.spans = list(job.spans)
        self.chunk = 0
        return True


_Front = list[tuple[datetime, int, _Head]]
"""Lines of one organisation that may still get something: a heap by the age of their head."""

_Shape = tuple[object, ...]
"""Jobs of one shape fit or don't fit alike, whoever's they are."""


class _Market:
    """The pools while they are being filled. What is free only shrinks, what is kept only grows."""

    def __init__(self, snapshot: Snapshot, *, starving_since: datetime) -> None:
        self.pools = {pool.pool_id: pool for pool in snapshot.pools}
        self.free = {pool.pool_id: pool.free for pool in snapshot.pools}
        """What may still be given; without the pools that are kept."""

        self._room = {pool_id for pool_id, free in self.free.items() if free.units > 0}
        self._trusted = frozenset(
            pool_id
            for pool_id, pool in self.pools.items()
            if pool.trusted_organisation_id is not None
        )
        self._full: set[_Shape] = set()
        self._hopeless: set[_Shape] = set()
        """Full shapes of which every pool that could ever run them is kept by somebody."""

        self._starving_since = starving_since
        self._wanted = sum(pool_id in self.pools for pool_id in snapshot.queue.wanted)

    @property
    def all_kept(self) -> bool:
        """Whether nothing more can be placed: each pool that is wanted is kept for somebody."""
        return len(self.pools) - len(self.free) >= self._wanted

    def may_serve(self, job: Waiting) -> bool:
        """Return False when a job can neither be placed any more nor keep a pool."""
        shape = self._shape(job.kind)
        if shape not in self._full and job.kind.terms.pool_ids.isdisjoint(self._room):
            self._full.add(shape)
        return shape not in self._full or (self._starves(job) and shape not in self._hopeless)

    def assign(self, head: _Head) -> Assignment | None:
        """Cut a chunk off a job for the cheapest pool that has room for a task of it."""
        kind = head.kind
        shape = self._shape(kind)
        fitting = [] if shape in self._full else list(self._fitting(kind))
        if not fitting:
            self._full.add(shape)
            return None
        term = min(fitting, key=lambda term: (term.own_micros, *_names(self.pools[term.pool_id])))
        self._take(term.pool_id, kind.need)
        if not head.chunk:
            head.chunk = self._chunk_tasks(head)
        first, last = head.spans[0]
        end = min(last, first + head.chunk - 1)
        if end == last:
            head.spans.pop(0)
        else:
            head.spans[0] = (end + 1, last)
        site_id = self.pools[term.pool_id].site_id
        return Assignment(head.job.job_id, kind, term.pool_id, site_id, term, first, end)

    def keep(self, head: _Head) -> bool:
        """Keep the first pool that could ever run a starving job, and that nobody else waits for.

        Returns whether one was kept: if not, no later job of the line would find one either.
        """
        shape = self._shape(head.kind)
        if not self._starves(head.job) or shape in self._hopeless:
            return False
        for term in head.kind.terms.offers:
            if term.pool_id in self.free and self._could_run(term.pool_id, head.kind):
                del self.free[term.pool_id]
                self._room.discard(term.pool_id)
                return True
        self._hopeless.add(shape)
        return False

    def _fitting(self, kind: Kind) -> Iterator[Term]:
        for term in kind.terms.offers:
            free = self.free.get(term.pool_id)
            if free is None or not free.holds(kind.need):
                continue
            if self.pools[term.pool_id].admits(kind.organisation_id):
                yield term

    def _take(self, pool_id: UUID, need: Capacity) -> None:
        left = self.free[pool_id] = self.free[pool_id].minus(need)
        if left.units <= 0:
            self._room.discard(pool_id)

    def _chunk_tasks(self, head: _Head) -> int:
        """Cut an array so that every slot that could ever run it gets its share of chunks."""
        slots = sum(
            pool.total.times(head.kind.need)
            for term in head.kind.terms.offers
            if (pool := self.pools.get(term.pool_id)) is not None
            and pool.admits(head.kind.organisation_id)
        )
        return max(1, min(CHUNK_TASKS_MAX, -(-head.job.tasks // max(1, slots * WAVES_PER_SLOT))))

    def _could_run(self, pool_id: UUID, kind: Kind) -> bool:
        pool = self.pools[pool_id]
        return pool.total.holds(kind.need) and pool.admits(kind.organisation_id)

    def _starves(self, job: Waiting) -> bool:
        return job.submitted_at <= self._starving_since

    def _shape(self, kind: Kind) -> _Shape:
        """Only pools that admit one organisation alone make whose a job is a part of its shape."""
        if kind.terms.pool_ids.isdisjoint(self._trusted):
            return kind.need, kind.terms
        return kind.need, kind.terms, kind.organisation_id


def _front(lines: Iterable[Line], market: _Market) -> _Front:
    heads = [_Head(line) for line in lines]
    front = [(*head.job.age_order, head) for head in heads if market.may_serve(head.job)]
    heapq.heapify(front)
    return front


def _names(pool: Pool) -> tuple[str, str]:
    return pool.site, pool.name
