"""Waiting jobs in memory: by organisation and kind, oldest first. Pure: whoever reads tells it."""

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from mains.jobs.rules import Spans


class Capacity(NamedTuple):
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
class Term:
    """One pool of a job's quote and the terms it was promised under."""

    pool_id: UUID
    tariff_id: UUID
    price_micros_per_unit_hour: int
    currency: str
    task_micros: int
    own_micros: int
    rates_bps: tuple[int, ...]


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Terms:
    """The pools of a quote, best first: one object for all jobs that were promised the same."""

    offers: tuple[Term, ...]
    pools: frozenset[int]
    """Their pools' ids as numbers, which are quick to look up."""

    @classmethod
    def of(cls, offers: Sequence[Term]) -> "Terms":
        return cls(tuple(offers), frozenset(term.pool_id.int for term in offers))


class Kind(NamedTuple):
    """What jobs have in common that fit, or don't fit, alike, and are told apart by age alone."""

    organisation_id: UUID
    need: Capacity
    time_seconds: int
    grace_seconds: int
    retry: str
    terms: Terms

    @property
    def seconds_per_task(self) -> int:
        return self.time_seconds + self.grace_seconds


@dataclass(slots=True, eq=False)
class Waiting:
    """A job with tasks to place; `spans` are its waiting tasks, inclusive, in order.

    Without spans it has left the queue.
    """

    job_id: UUID
    kind: Kind
    spans: Spans
    submitted_at: datetime

    @property
    def tasks(self) -> int:
        return sum(last - first + 1 for first, last in self.spans)

    @property
    def age_order(self) -> tuple[datetime, int]:
        """Ids are made by callers: they say nothing of age, and only break ties."""
        return self.submitted_at, self.job_id.int


@dataclass(slots=True, eq=False)
class Line:
    """The waiting jobs of one kind, oldest first; who has left is cleared out by and by."""

    kind: Kind
    _jobs: list[Waiting] = field(default_factory=list)
    _first: int = 0
    """Nobody waits before it."""

    _left: int = 0

    def __len__(self) -> int:
        return len(self._jobs) - self._left

    def add(self, job: Waiting) -> None:
        if not self._jobs or self._jobs[-1].age_order < job.age_order:
            self._jobs.append(job)
            return
        insort(self._jobs, job, key=lambda each: each.age_order)
        self._first = 0
        self._pass_those_who_left()

    def note_left(self) -> None:
        """Count one that has left; costs little per call, however long the line is."""
        self._left += 1
        if self._left * 2 > len(self._jobs):
            self._jobs = [job for job in self._jobs if job.spans]
            self._first = self._left = 0
        self._pass_those_who_left()

    def _pass_those_who_left(self) -> None:
        while self._first < len(self._jobs) and not self._jobs[self._first].spans:
            self._first += 1

    @property
    def oldest(self) -> Waiting:
        """A line that nobody waits in is not kept."""
        return self._jobs[self._first]

    def waiting(self) -> Iterator[Waiting]:
        """Give those who wait, oldest first; the line may not change meanwhile."""
        for index in range(self._first, len(self._jobs)):
            job = self._jobs[index]
            if job.spans:
                yield job


class Queue:
    """The jobs that wait, as the database had them when they were last read."""

    def __init__(self) -> None:
        self.organisations: dict[UUID, dict[Kind, Line]] = {}
        self.wanted: dict[int, int] = {}
        """How many different terms of waiting jobs name each pool, by the number of its id."""

        self._jobs: dict[UUID, Waiting] = {}
        self._lines_of: dict[Terms, int] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._jobs.values())

    def put(self, job_id: UUID, kind: Kind, spans: Spans, submitted_at: datetime) -> None:
        """Let a job wait for these tasks; kind and age are for ever those it came with."""
        known = self._jobs.get(job_id)
        if not spans:
            self.drop(job_id)
        elif known is not None:
            known.spans = spans
        else:
            line = self._line(kind)
            self._jobs[job_id] = job = Waiting(job_id, line.kind, spans, submitted_at)
            line.add(job)

    def drop(self, job_id: UUID) -> None:
        """Let a job go, whether or not it was here."""
        job = self._jobs.pop(job_id, None)
        if job is None:
            return
        job.spans = ()
        lines = self.organisations[job.kind.organisation_id]
        line = lines[job.kind]
        line.note_left()
        if not line:
            del lines[job.kind]
            self._want_less(job.kind.terms)
            if not lines:
                del self.organisations[job.kind.organisation_id]

    def _line(self, kind: Kind) -> Line:
        lines = self.organisations.setdefault(kind.organisation_id, {})
        line = lines.get(kind)
        if line is None:
            line = lines[kind] = Line(kind)
            self._want_more(kind.terms)
        return line

    def _want_more(self, terms: Terms) -> None:
        self._lines_of[terms] = self._lines_of.get(terms, 0) + 1
        if self._lines_of[terms] == 1:
            for pool in terms.pools:
                self.wanted[pool] = self.wanted.get(pool, 0) + 1

    def _want_less(self, terms: Terms) -> None:
        self._lines_of[terms] -= 1
        if not self._lines_of[terms]:
            del self._lines_of[terms]
            for pool in terms.pools:
                self.wanted[pool] -= 1
                if not self.wanted[pool]:
                    del self.wanted[pool]
