"""Where waiting jobs go: pure; the dispatcher and the simulator call the same `plan`."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from mains.jobs.queue import Capacity, Kind, Line, Queue, Term, Waiting

CHUNK_TASKS_MAX: Final = 256
WAVES_PER_SLOT: Final = 2
"""An array is cut so that every slot gets this many chunks: late ones even out uneven sites."""

STARVING_AFTER: Final = timedelta(minutes=10)
"""A job that has waited this long keeps the pool it wants from being filled by later ones."""


class Pool(NamedTuple):
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
    while turns and len(chosen) < assignments_max and market.open:
        used, organisation = heapq.heappop(turns)
        front = fronts.get(organisation)
        if front is None:
            lines = snapshot.queue.organisations[organisation].values()
            front = fronts[organisation] = market.front(lines)
        assignment = None
        while front and assignment is None and market.open:
            head = front[0][-1]
            assignment = market.assign(head)
            served = assignment is not None
            if (served and head.spans) or ((served or market.keep(head)) and head.step()):
                heapq.heapreplace(front, (*head.job.age_order, head))
            else:
                heapq.heappop(front)
        if assignment is not None:
            chosen.append(assignment)
            kind = assignment.kind
            used += kind.need.units * kind.seconds_per_task * 1000 * assignment.tasks
        if front:
            heapq.heappush(turns, (used, organisation))
    return chosen


class _Head:
    """The oldest job of a line that was not planned yet; its spans shrink as chunks are cut off."""

    __slots__ = ("_rest", "chunk", "job", "kind", "shape", "spans")

    def __init__(self, line: Line, shape: "_Shape") -> None:
        self.kind = line.kind
        self.shape = shape
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
        self._pools = {pool.pool_id.int: pool for pool in snapshot.pools}
        self._free = {number: pool.free for number, pool in self._pools.items()}
        """What may still be given; without the pools that are kept."""

        self._room_by_units: dict[int, set[int]] = {}
        """Pools that had so many free units when they were first asked for: no fewer than have."""

        self._trusted = frozenset(
            number
            for number, pool in self._pools.items()
            if pool.trusted_organisation_id is not None
        )
        self._full: set[_Shape] = set()
        self._to_keep: dict[_Shape, Iterator[Term]] = {}
        """For each shape the pools that its starving jobs have not asked for yet."""

        self._starving_since = starving_since
        self.open = {
            number
            for number, free in self._free.items()
            if min(free) > 0 and number in snapshot.queue.wanted
        }
        """Pools where anything may still be placed: wanted, not full, and kept for nobody."""

    def front(self, lines: Iterable[Line]) -> _Front:
        """Return the lines that may get something, or whose jobs may keep a pool."""
        heads = [
            _Head(line, self._shape(line.kind))
            for line in lines
            if self._starves(line.oldest) or self._may_fit(line.kind)
        ]
        front = [(*head.job.age_order, head) for head in heads]
        heapq.heapify(front)
        return front

    def assign(self, head: _Head) -> Assignment | None:
        """Cut a chunk off a job for the cheapest pool that has room for a task of it."""
        if head.shape in self._full:
            return None
        fitting = self._fitting(head.kind)
        if not fitting:
            self._full.add(head.shape)
            return None
        *_, term = min(fitting, key=lambda each: each[:3])
        self._take(term.pool_id.int, head.kind.need)
        if not head.chunk:
            head.chunk = self._chunk_tasks(head)
        first, last = head.spans[0]
        end = min(last, first + head.chunk - 1)
        if end == last:
            head.spans.pop(0)
        else:
            head.spans[0] = (end + 1, last)
        site_id = self._pools[term.pool_id.int].site_id
        return Assignment(head.job.job_id, head.kind, term.pool_id, site_id, term, first, end)

    def keep(self, head: _Head) -> bool:
        """Keep the first pool that could ever run a starving job, and that nobody else waits for.

        Returns whether one was kept: if not, no later job of the line would find one either.
        """
        if not self._starves(head.job):
            return False
        if head.shape not in self._to_keep:
            self._to_keep[head.shape] = iter(head.kind.terms.offers)
        for term in self._to_keep[head.shape]:
            number = term.pool_id.int
            if number in self._free and self._could_run(number, head.kind):
                del self._free[number]
                self.open.discard(number)
                return True
        return False

    def _may_fit(self, kind: Kind) -> bool:
        return not kind.terms.pools.isdisjoint(self._room(kind.need.units))

    def _room(self, units: int) -> set[int]:
        found = self._room_by_units.get(units)
        if found is None:
            found = {number for number, free in self._free.items() if free.units >= units}
            self._room_by_units[units] = found
        return found

    def _fitting(self, kind: Kind) -> list[tuple[int, str, str, Term]]:
        """Return what fits as it is chosen by: least to pay, then by name."""
        fitting = {
            number
            for number in kind.terms.pools & self._room(kind.need.units)
            if (free := self._free.get(number)) is not None
            and free.holds(kind.need)
            and self._pools[number].admits(kind.organisation_id)
        }
        if not fitting:
            return []
        return [
            (term.own_micros, pool.site, pool.name, term)
            for term in kind.terms.offers
            if term.pool_id.int in fitting and (pool := self._pools[term.pool_id.int])
        ]

    def _take(self, number: int, need: Capacity) -> None:
        left = self._free[number] = self._free[number].minus(need)
        if min(left) <= 0:
            self.open.discard(number)

    def _chunk_tasks(self, head: _Head) -> int:
        """Cut an array so that every slot that could ever run it gets its share of chunks."""
        if head.job.tasks == 1:
            return 1
        slots = sum(
            pool.total.times(head.kind.need)
            for term in head.kind.terms.offers
            if (pool := self._pools.get(term.pool_id.int)) is not None
            and pool.admits(head.kind.organisation_id)
        )
        return max(1, min(CHUNK_TASKS_MAX, -(-head.job.tasks // max(1, slots * WAVES_PER_SLOT))))

    def _could_run(self, number: int, kind: Kind) -> bool:
        pool = self._pools[number]
        return pool.total.holds(kind.need) and pool.admits(kind.organisation_id)

    def _starves(self, job: Waiting) -> bool:
        return job.submitted_at <= self._starving_since

    def _shape(self, kind: Kind) -> _Shape:
        """Only pools that admit one organisation alone make whose a job is a part of its shape."""
        if kind.terms.pools.isdisjoint(self._trusted):
            return kind.need, kind.terms
        return kind.need, kind.terms, kind.organisation_id
