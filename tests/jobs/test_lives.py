"""Random lives of a small city: whatever happens, the books agree and everything settles."""

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest

from mains.errors import DatabaseUnavailable, StateConflict
from mains.ids import new_id
from mains.programmes import service as programmes
from mains.wire.agent import AttemptReport, RunState, StartOrder, TaskReport
from mains.wire.jobs import Submitted
from tests.jobs.builders import WHOLE, City, Site, a_spec

pytestmark = pytest.mark.anyio
STEPS = 90
ROUNDS_TO_SETTLE_MAX = 60
ENDS = (RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.LOST)


@dataclass
class Run:
    """A run as its site sees it."""

    order: StartOrder
    used_ms: int = 0
    sequence: int = 0
    end: RunState | None = None


@dataclass
class Life:
    """What happens next is drawn; what must hold is checked."""

    city: City
    dice: random.Random
    sites: list[Site]
    organisations: list[UUID]
    runs: dict[UUID, dict[UUID, Run]] = field(default_factory=dict)
    jobs: dict[UUID, int] = field(default_factory=dict)

    async def step(self) -> None:
        deeds = [
            self.submit,
            self.submit,
            self.dispatch,
            self.hear,
            self.hear,
            self.work,
            self.work,
        ]
        deeds += [self.forget_a_run, self.cancel, self.wait, self.tidy]
        await self.dice.choice(deeds)()

    async def submit(self) -> None:
        tasks = self.dice.choice([1, 1, 1, 3, 7])
        spec = a_spec(
            array=tasks,
            retry=self.dice.choice(["never", "wait", "elsewhere"]),
            attempts_max=self.dice.randint(1, 3),
            time_limit=f"{self.dice.randint(1, 50)}m",
            grace="10s",
            resources={"cpus": self.dice.randint(1, 2)},
        )
        answer = await self.city.submit(spec, by=self.dice.choice(self.organisations), id=new_id())
        if isinstance(answer, Submitted):
            self.jobs[answer.id] = tasks

    async def tidy(self) -> None:
        await self.city.tidy()

    async def dispatch(self) -> None:
        await self.city.dispatch()

    async def hear(self) -> None:
        await self.talk(self.dice.choice(self.sites))

    async def talk(self, site: Site, *, complete: bool = False) -> None:
        """Say all that a site knows, and do what it is told."""
        runs = self.runs.setdefault(site.site_id, {})
        told = [run for run in runs.values() if complete or self.dice.random() < 0.8]
        if self.dice.random() < 0.1 and told:
            site.sequence = max(0, site.sequence - self.dice.randint(1, 3))
            complete = complete and len(told) == len(runs)
        answer = await site.sync(
            [self.report(run) for run in told],
            [
                site.usage(run.order, run.used_ms, sequence=run.sequence, final=run.end is not None)
                for run in told
                if run.sequence
            ],
            complete=complete,
        )
        assert answer.refused == {}
        for start in answer.starts:
            runs.setdefault(start.attempt_id, Run(start))
        for attempt_id in answer.forget:
            runs.pop(attempt_id, None)
        for stop in answer.stops:
            run = runs.get(stop.attempt_id)
            if run is not None and run.end is None and stop.tasks is None:
                self.use(run, end=RunState.CANCELLED)

    def report(self, run: Run) -> AttemptReport:
        tasks = range(run.order.first_task, run.order.last_task + 1)
        ended = []
        if run.end is RunState.SUCCEEDED:
            ended = [TaskReport(task=task, state=run.end) for task in tasks]
        return AttemptReport(
            attempt_id=run.order.attempt_id,
            fence=run.order.fence,
            state=run.end or RunState.RUNNING,
            tasks=ended,
        )

    async def work(self) -> None:
        """Let a run use something, and perhaps end."""
        running = [r for runs in self.runs.values() for r in runs.values() if r.end is None]
        if running:
            end = self.dice.choice(ENDS) if self.dice.random() < 0.5 else None
            self.use(self.dice.choice(running), end=end)

    def use(self, run: Run, *, end: RunState | None) -> None:
        run.used_ms += self.dice.choice([0, 1, 1000, 500_000, 4_000_000])
        run.sequence += 1
        run.end = end

    async def forget_a_run(self) -> None:
        site = self.dice.choice(self.sites)
        runs = self.runs.setdefault(site.site_id, {})
        if runs and self.dice.random() < 0.4:
            runs.pop(self.dice.choice(list(runs)))
            await self.talk(site, complete=True)

    async def cancel(self) -> None:
        if not self.jobs or self.dice.random() < 0.5:
            return
        job_id = self.dice.choice(list(self.jobs))
        some = self.dice.sample(range(self.jobs[job_id]), self.dice.randint(1, self.jobs[job_id]))
        try:
            await self.city.cancel(job_id, tasks=self.dice.choice([None, some]))
        except StateConflict:
            assert (await self.city.detail(job_id)).settled

    async def wait(self) -> None:
        self.city.clock.advance(timedelta(seconds=self.dice.choice([1, 5, 12, 40, 600, 4000])))

    async def settle(self) -> None:
        """Let everybody be well again: all sites speak, all runs end, all work is placed."""
        for number in range(ROUNDS_TO_SETTLE_MAX):
            for site in self.sites:
                for run in self.runs.setdefault(site.site_id, {}).values():
                    if run.end is None:
                        # The last reading is a reading of its own.
                        self.use(run, end=RunState.SUCCEEDED)
                await self.talk(site, complete=True)
            placed = await self.city.dispatch()
            if not placed and not any(self.runs.values()) and not await self.unsettled():
                return
            # What was told long ago and never heard of again waits for its deadline.
            late = number > ROUNDS_TO_SETTLE_MAX // 2
            self.city.clock.advance(timedelta(hours=1) if late else timedelta(seconds=3))
            await self.city.tidy()
        raise AssertionError(f"not settled: {await self.unsettled()}")

    async def unsettled(self) -> list[dict[str, object]]:
        async with self.city.database.transaction() as tx:
            rows = await tx.execute(
                "select job.state, job.waiting::text, job.retry, attempt.state as at"
                " from jobs.job left join jobs.attempt"
                " on attempt.job_id = job.id and attempt.ended_at is null"
                " where settled_at is null"
            )
            return await rows.fetchall()


WORKERS = 4
STEPS_EACH = 30


async def test_it_is_the_same_when_everything_happens_at_once(city: City) -> None:
    rival = await city.organisation("rival", money=300)
    await city.voucher(whole=20)
    made = [
        await city.site(name, price=price, units=3, cpus=3)
        for name, price in (("north", "1.37"), ("south", "0.93"), ("west", "4.11"))
    ]
    life = PoliteLife(city, random.Random(7), made, [city.firm, rival])  # noqa: S311
    await city.dispatch()

    async def worker() -> None:
        for _ in range(STEPS_EACH):
            try:
                await life.step()
            except DatabaseUnavailable as error:
                assert error.facts["sqlstate"] == "40P01"

    await asyncio.gather(*(worker() for _ in range(WORKERS)))
    assert await city.audit() == []
    await life.settle()
    assert await city.audit() == []
    assert len(life.jobs) > WORKERS


@dataclass
class PoliteLife(Life):
    """One in which an agent, as they do, waits for an answer before it speaks again."""

    turns: defaultdict[UUID, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )

    async def talk(self, site: Site, *, complete: bool = False) -> None:
        async with self.turns[site.site_id]:
            await super().talk(site, complete=complete)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_the_books_agree_and_everything_settles(
    city: City, seed: int
) -> None:
    rival = await city.organisation("rival", money=300)
    pack = programmes.pack("dongguan-2025").replace("percent: 50 %", "percent: 33.33 %")
    await city.voucher(whole=20, pack=pack.replace("sites: any", "sites: [north, west]"))
    made = [
        await city.site("north", price="1.37", units=3, cpus=3),
        await city.site("south", price="0.93", units=2, cpus=2),
        await city.site("west", price="4.11", units=2, cpus=2),
    ]
    life = Life(city, random.Random(seed), made, [city.firm, rival])  # noqa: S311
    for step in range(STEPS):
        await life.step()
        if step % 15 == 0:
            assert await city.audit() == [], step
    await life.settle()
    assert await city.audit() == []
    async with city.database.transaction() as tx:
        rows = await tx.execute(
            "select kind, pending, credits - debits as left from ledger.account where limited"
        )
        accounts = await rows.fetchall()
        row = await (
            await tx.execute("select count(*) as open from ledger.hold where state = 'open'")
        ).fetchone()
    assert row == {"open": 0}
    assert all(account["pending"] == 0 for account in accounts)
    assert await city.own_room() <= 100 * WHOLE
    for job_id in life.jobs:
        receipt = await city.receipt(job_id)
        assert sum(float(paid) for paid in receipt.paid_by.values()) == pytest.approx(
            float(receipt.charged)
        )
        assert float(receipt.charged) <= float(receipt.ceiling)
    found = [await city.detail(job_id) for job_id in life.jobs]
    assert sum(len(job.attempts) for job in found) > STEPS // 10
