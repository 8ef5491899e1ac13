"""The dispatcher's tick: look, plan, apply; one dispatcher at a time, proven by a fence."""

import asyncio
import gc
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from mains.db import Database, Queries, Transaction, jsonb
from mains.errors import StaleFence
from mains.ids import new_id
from mains.jobs import rules
from mains.jobs.placement import Assignment, Pool, Snapshot, plan
from mains.jobs.queue import Capacity, Kind, Queue
from mains.jobs.terms import KnownTerms
from mains.ledger import service as ledger
from mains.ledger.rules import Mode, split
from mains.ledger.values import AccountKind, DrawOutcome, DrawRequest
from mains.settings import Settings
from mains.sites import rules as site_rules
from mains.sites import service as sites
from mains.sites.rules import Site

QUERIES = Queries.load(__package__, "queries.sql")

READ_MAX: Final = 10_000
"""How many jobs one query brings into the queue."""
ASSIGNMENTS_MAX: Final = 1_000
FAIR_SHARE_HOURS: Final = 24
_FIRST: Final = {
    "organisation_id": UUID(int=0),
    "submitted_at": datetime.min.replace(tzinfo=UTC),
    "id": UUID(int=0),
}


@dataclass(slots=True)
class Dispatcher:
    """What a dispatcher keeps between ticks: its fence, and the queue as it last read it.

    Only what the database says changes the queue, the dispatcher's own placements too: a commit
    whose answer was lost needs no guess.
    """

    database: Database
    settings: Settings
    fence: int
    queue: Queue | None = None
    """None until all of it was read."""

    doubtful: set[UUID] = field(default_factory=set)
    """Jobs that were not as the queue had them: read again, whether or not a change says so."""

    terms: KnownTerms = field(default_factory=KnownTerms)
    payables: dict[tuple[UUID, str], int] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def take(cls, database: Database, settings: Settings, *, now: datetime) -> "Dispatcher":
        """Become the dispatcher: every older one's next plan is refused."""
        async with database.transaction() as tx:
            row = await (await tx.execute(QUERIES["take_dispatch"], {"now": now})).fetchone()
        assert row is not None
        return cls(database, settings, row["fence"])

    async def tick(self, *, now: datetime) -> int:
        """Place what can be placed now; returns how many attempts were assigned.

        Raises StaleFence when another dispatcher has taken over. Ticks take turns: two that looked
        at the same room would both fill it. Between processes the fence sees to that.
        """
        async with self.turn:
            return await self._tick(now=now)

    async def _tick(self, *, now: datetime) -> int:
        if self.queue is None:
            self.queue = await self._load()
        async with self.database.transaction() as tx:
            await self._follow(tx, self.queue)
            if not self.queue:
                return 0
            snapshot = await self._snapshot(tx, self.queue, now=now)
        assignments = plan(snapshot, now=now, assignments_max=ASSIGNMENTS_MAX)
        if not assignments:
            return 0
        async with self.database.transaction() as tx:
            await self.check(tx)
            return await self._apply(tx, assignments, now=now)

    async def check(self, tx: Transaction) -> None:
        """Hold off later dispatchers until this transaction ends, or raise StaleFence."""
        found = await tx.execute(QUERIES["hold_dispatch"], {"fence": self.fence})
        if await found.fetchone() is None:
            raise StaleFence("another dispatcher has taken over", hint="Let this one end.")

    async def _load(self) -> Queue:
        """Read every waiting job. Changes up to now are forgotten first: what is read has them."""
        queue = Queue()
        while await self._forget() == READ_MAX:
            pass
        last: Mapping[str, Any] = _FIRST
        while True:
            asked = {key: last[key] for key in _FIRST}
            async with self.database.transaction() as tx:
                await self.check(tx)
                found = await tx.execute(QUERIES["waiting_jobs"], {**asked, "limit": READ_MAX})
                rows = await found.fetchall()
                await self._note(tx, queue, rows)
            if len(rows) < READ_MAX:
                break
            last = rows[-1]
        # What was read stays: a collector that walks a million jobs again and again stops ticks.
        gc.freeze()
        return queue

    async def _forget(self) -> int:
        async with self.database.transaction() as tx:
            await self.check(tx)
            found = await tx.execute(QUERIES["forget_changes"], {"limit": READ_MAX})
            row = await found.fetchone()
        assert row is not None
        return int(row["changes"])

    async def _follow(self, tx: Transaction, queue: Queue) -> None:
        """Bring the queue up to what is committed; the same change read twice changes nothing."""
        while True:
            asked = {"fence": self.fence, "ids": list(self.doubtful), "limit": READ_MAX}
            rows = await (await tx.execute(QUERIES["changed_jobs"], asked)).fetchall()
            await self._note(tx, queue, rows)
            self.doubtful.clear()
            if not rows or rows[0]["changes"] < READ_MAX:
                return

    async def _note(self, tx: Transaction, queue: Queue, rows: Sequence[Mapping[str, Any]]) -> None:
        terms = await self.terms.read(tx, [bytes(row["terms"]) for row in rows])
        for row in rows:
            kind = Kind(
                row["organisation_id"],
                Capacity(row["units"], row["cpus"], row["memory_bytes"]),
                row["time_seconds"],
                row["grace_seconds"],
                row["retry"],
                terms[bytes(row["terms"])],
            )
            queue.put(row["id"], kind, rules.spans_of(row["waiting"]), row["submitted_at"])

    async def _snapshot(self, tx: Transaction, queue: Queue, *, now: datetime) -> Snapshot:
        return Snapshot(pools=await pools(tx, now=now), queue=queue, used=await _used(tx, now=now))

    async def _apply(
        self, tx: Transaction, assignments: Sequence[Assignment], *, now: datetime
    ) -> int:
        """Take the tasks, open the draws, write the attempts; all of it or nothing."""
        fences = await _take_tasks(tx, assignments)
        placed = [each for each in assignments if each.job_id in fences]
        self.doubtful |= {each.job_id for each in assignments} - fences.keys()
        rooms = await _rooms(tx, [each.job_id for each in placed])
        draws: list[DrawRequest] = []
        rows: list[dict[str, Any]] = []
        for assignment in placed:
            draw = await self._draw(tx, assignment, rooms[assignment.job_id], now=now)
            draws.append(draw)
            rows.append(self._row(assignment, draw, fences[assignment.job_id].pop(0), now))
        answers = await ledger.open_draws(tx, draws, now=now)
        refused = [answer for answer in answers if answer.outcome is not DrawOutcome.OPENED]
        assert not refused, f"the ledger has no room for what a hold covers: {refused[0]}"
        await tx.execute(QUERIES["insert_attempts"], {"rows": jsonb(rows)})
        return len(rows)

    async def _draw(
        self, tx: Transaction, assignment: Assignment, room: list[int], *, now: datetime
    ) -> DrawRequest:
        """Allot a chunk its share of the hold: what its tasks cost at most, split as it will be."""
        term = assignment.term
        shares = split(
            term.task_micros * assignment.tasks,
            rates_bps=term.rates_bps,
            ceilings=tuple(room[1:]),
            own_ceiling=room[0],
            mode=Mode.RATIO,
        )
        ceilings = (shares.own, *shares.public)
        for payer, amount in enumerate(ceilings):
            room[payer] -= amount
        return DrawRequest(
            draw_id=new_id(),
            hold_id=assignment.job_id,
            rates_bps=term.rates_bps,
            ceilings=ceilings,
            ceiling_micros=sum(ceilings),
            payable_account_id=await self._payable(tx, assignment.site_id, term.currency, now=now),
        )

    async def _payable(
        self, tx: Transaction, site_id: UUID, currency: str, *, now: datetime
    ) -> int:
        if (site_id, currency) not in self.payables:
            self.payables[site_id, currency] = await ledger.open_account(
                tx,
                kind=AccountKind.PAYABLE,
                unit=currency,
                owner_id=site_id,
                scope="",
                limited=False,
                now=now,
            )
        return self.payables[site_id, currency]

    def _row(
        self, assignment: Assignment, draw: DrawRequest, fence: int, now: datetime
    ) -> dict[str, Any]:
        kind, term = assignment.kind, assignment.term
        wall = rules.wall_seconds(
            tasks=assignment.tasks,
            time_seconds=kind.time_seconds,
            grace_seconds=kind.grace_seconds,
        )
        leased = kind.retry == "elsewhere"
        return {
            "id": draw.draw_id,
            "job_id": assignment.job_id,
            "organisation_id": kind.organisation_id,
            "site_id": assignment.site_id,
            "pool_id": assignment.pool_id,
            "tariff_id": term.tariff_id,
            "price_micros": term.price_micros_per_unit_hour,
            "currency": term.currency,
            "rates_bps": list(term.rates_bps),
            "ceiling": draw.ceiling_micros,
            "fence": fence,
            "first_task": assignment.first_task,
            "last_task": assignment.last_task,
            "units": kind.need.units,
            "cpus": kind.need.cpus,
            "memory_bytes": kind.need.memory_bytes,
            "wall_seconds": wall,
            "leased": leased,
            "assigned_at": now,
            "deadline": rules.deadline(
                now=now,
                wall=wall,
                grace=kind.grace_seconds,
                reporting_grace=self.settings.reporting_grace_seconds,
            ),
            "lease_until": (
                now + timedelta(seconds=self.settings.agent_lease_seconds) if leased else None
            ),
        }


async def fence_all(tx: Transaction, *, gap: int) -> None:
    """After a restore: give no fence of a dispatcher or an attempt that was given out before."""
    await tx.execute(QUERIES["skip_dispatch_fences"], {"gap": gap})
    await tx.execute(QUERIES["skip_job_fences"], {"gap": gap})


async def pools(tx: Transaction, *, now: datetime) -> list[Pool]:
    """Return the pools that take work now, with what each has free."""
    ready = {
        site.id: site
        for site in await sites.sites(tx)
        if site_rules.condition(site, now=now) == "ready"
    }
    rows = await tx.execute(QUERIES["pools_free"])
    return [
        _pool(ready[row["site_id"]], row)
        for row in await rows.fetchall()
        if row["site_id"] in ready
    ]


def _pool(site: Site, row: Mapping[str, Any]) -> Pool:
    total = Capacity(row["units"], row["cpus"], row["memory_bytes"])
    busy = Capacity(row["busy_units"], row["busy_cpus"], row["busy_memory_bytes"])
    return Pool(
        pool_id=row["id"],
        site_id=site.id,
        site=site.name,
        name=row["name"],
        total=total,
        free=total.minus(busy),
        trusted_organisation_id=site_rules.trusted_organisation(
            site, trusted=row["trusted"], isolation=row["isolation"]
        ),
    )


async def _used(tx: Transaction, *, now: datetime) -> dict[UUID, int]:
    since = now - timedelta(hours=FAIR_SHARE_HOURS)
    rows = await tx.execute(QUERIES["used_lately"], {"since": since})
    hours = {row["organisation_id"]: row["unit_milliseconds"] for row in await rows.fetchall()}
    rows = await tx.execute(QUERIES["committed"])
    committed = {row["organisation_id"]: row["unit_milliseconds"] for row in await rows.fetchall()}
    return rules.used_lately(hours, committed)


async def _take_tasks(tx: Transaction, assignments: Sequence[Assignment]) -> dict[UUID, list[int]]:
    """Take the planned tasks out of their jobs' queues; returns fences for what was still there."""
    spans: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    for each in assignments:
        spans[each.job_id].append((each.first_task, each.last_task))
    rows = [
        {"id": job_id, "taken": rules.multirange(tuple(taken)), "attempts": len(taken)}
        for job_id, taken in spans.items()
    ]
    await tx.execute(QUERIES["lock_jobs"], {"ids": list(spans)})
    found = await tx.execute(QUERIES["take_tasks"], {"rows": jsonb(rows)})
    return {
        row["id"]: list(range(row["fence"] - len(spans[row["id"]]) + 1, row["fence"] + 1))
        for row in await found.fetchall()
    }


async def _rooms(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, list[int]]:
    """Return what each payer of each hold has neither paid nor allotted yet."""
    rows = await tx.execute(QUERIES["hold_rooms"], {"ids": list(set(job_ids))})
    return {
        row["id"]: [
            amount - reserved - captured
            for amount, reserved, captured in zip(
                row["amounts"], row["reserved"], row["captured"], strict=True
            )
        ]
        for row in await rows.fetchall()
    }
