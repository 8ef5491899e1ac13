"""A tick of the dispatcher with up to a million jobs waiting at 1,000 sites of ten pools.

Everything is real but the work: Postgres, the dispatcher's own reading, planning and writing, and
between any two ticks arrivals and ends of runs by the services' own functions. Shapes are fitted to
real traces (`bench/shapes.py`). The peer looks at every waiting job, as the dispatcher once did; it
plans the same snapshot, and must come to the same plan.
"""

import asyncio
import math
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar

import psutil
import psycopg
from tests.jobs.plain_plan import plain_plan

from bench import shapes
from bench.common import Figure, Spread, report
from bench.ledger import cpu_of, postgres
from bench.megacity import NOW, Megacity
from bench.plot import Line, plot
from mains.db import Database
from mains.jobs import dispatch, rules
from mains.jobs.dispatch import QUERIES, Dispatcher
from mains.jobs.placement import Assignment, Snapshot, plan
from mains.jobs.settling import Ended, settle
from mains.jobs.sync import attempt_of
from mains.settings import Settings
from mains.wire.agent import AttemptReport, RunState, TaskReport

SIZES: Final = tuple(
    int(size) for size in os.environ.get("SIZES", "10000,50000,250000,1000000").split(",")
)
TO_FILL_THE_CITY: Final = 40_000
TICKS: Final = int(os.environ.get("TICKS", "120"))
ENDS_PER_TICK: Final = 200
ARRIVALS_PER_TICK: Final = 200
R = TypeVar("R")
Step = Callable[..., Coroutine[Any, Any, R]]
PICTURE: Final = Path("docs/pictures/placement.svg")
JOBS_SHAPED_MIN: Final = 10_000


@dataclass(slots=True)
class Reading:
    """What one size came to; times in milliseconds, memory in bytes."""

    waiting: int
    shapes: int = 0
    lines: int = 0
    running: int = 0
    load_seconds: float = 0.0
    resident_bytes: int = 0
    first_tick: float = 0.0
    ticks: list[float] = field(default_factory=list)
    planning: list[float] = field(default_factory=list)
    own_cpu: list[float] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)
    placed: list[int] = field(default_factory=list)
    plain: float = 0.0

    @property
    def p99(self) -> float:
        return sorted(self.ticks)[math.ceil(len(self.ticks) * 0.99) - 1]


def main() -> None:
    readings = []
    with postgres() as (url, owner_url, postmaster):
        city = Megacity(owner_url)
        city.found()
        city.submit(TO_FILL_THE_CITY)
        apart(fill, url)
        for size in SIZES:
            started = time.perf_counter()
            city.submit(max(0, size - waiting(owner_url)))
            tidy(owner_url)
            print(f"{size:,} jobs wait after {time.perf_counter() - started:.0f} s", flush=True)
            readings.append(apart(measure, url, city, postmaster.pid))
            print(_line(readings[-1]), flush=True)
            _report(readings)


def apart(step: Step[R], *told: Any) -> R:
    """Run one step in a process of its own, so that memory is the dispatcher's alone."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_run, step, *told).result()


def _run(step: Step[R], *told: Any) -> R:
    return asyncio.run(step(*told))


def waiting(owner_url: str) -> int:
    with psycopg.connect(owner_url) as connection:
        row = connection.execute(
            "select count(*) from jobs.job where not isempty(waiting)"
        ).fetchone()
    assert row is not None
    return int(row[0])


def tidy(owner_url: str) -> None:
    """Leave the tables as autovacuum would, so that no size pays for the filling."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("delete from jobs.queue_change")
        connection.execute("vacuum analyze")


async def fill(url: str) -> None:
    """Place until the city is full."""
    database = await Database.open(url)
    dispatcher = await Dispatcher.take(database, Settings.from_environment({}), now=NOW)
    while await dispatcher.tick(now=NOW) > ENDS_PER_TICK:
        pass
    await database.close()


async def measure(url: str, city: Megacity, postmaster: int) -> Reading:
    """Start a dispatcher, and tick while runs end and jobs arrive."""
    database = await Database.open(url)
    dispatcher = await Dispatcher.take(database, Settings.from_environment({}), now=NOW)
    before = time.perf_counter()
    dispatcher.queue = await dispatcher._load()
    queue = dispatcher.queue
    reading = Reading(len(queue), load_seconds=time.perf_counter() - before)
    reading.shapes = len({(job.kind.need, job.kind.seconds_per_task) for job in queue})
    reading.lines = sum(len(lines) for lines in queue.organisations.values())
    planned = _Planned()
    setattr(dispatch, "plan", planned)  # noqa: B010 (it keeps time)
    server = psutil.Process(postmaster)
    for number in range(-1, TICKS):
        now = NOW + timedelta(seconds=number + 1)
        await end_some(database, now)
        city.submit(ARRIVALS_PER_TICK, at=now)
        before, own, theirs = time.perf_counter(), time.process_time(), cpu_of(server)
        placed = await dispatcher.tick(now=now)
        took = (time.perf_counter() - before) * 1_000
        if number < 0:
            reading.first_tick = took
            continue
        reading.own_cpu.append((time.process_time() - own) * 1_000)
        reading.server_cpu.append((cpu_of(server) - theirs) * 1_000)
        reading.ticks.append(took)
        reading.planning.append(planned.took)
        reading.placed.append(placed)
    reading.resident_bytes = psutil.Process().memory_info().rss
    reading.running = await running(database)
    reading.plain = planned.compare()
    await database.close()
    return reading


class _Planned:
    """Stands where `plan` does, keeps time, and remembers what was planned last."""

    def __init__(self) -> None:
        self._plan = plan
        self._last: Any = None
        self.took = 0.0

    def __call__(
        self, snapshot: Snapshot, *, now: datetime, assignments_max: int
    ) -> list[Assignment]:
        asked = {"now": now, "assignments_max": assignments_max}
        before = time.process_time()
        chosen = self._plan(snapshot, now=now, assignments_max=assignments_max)
        self.took = (time.process_time() - before) * 1_000
        self._last = snapshot, asked, chosen
        return chosen

    def compare(self) -> float:
        """Return how long looking at every job takes for the last snapshot, and the same plan."""
        snapshot, asked, chosen = self._last
        before = time.process_time()
        plain = plain_plan(snapshot, **asked)
        took = (time.process_time() - before) * 1_000
        assert plain == chosen, "the plan is not that of looking at every job"
        return took


async def end_some(database: Database, now: datetime) -> None:
    """Let some runs succeed, as their sites would report it."""
    async with database.transaction() as tx:
        found = await tx.execute(
            "select id from jobs.attempt where ended_at is null order by random() limit %s",
            [ENDS_PER_TICK],
        )
        ids = [row["id"] for row in await found.fetchall()]
        rows = await tx.execute(QUERIES["attempts_by_id"], {"ids": ids})
        ended = [_succeeded(attempt_of(row), now) for row in await rows.fetchall()]
        await settle(tx, ended, organisation_bytes_max=2**40, now=now)


def _succeeded(attempt: rules.Attempt, now: datetime) -> Ended:
    state = RunState.SUCCEEDED
    report = AttemptReport(
        attempt_id=attempt.attempt_id,
        fence=attempt.fence,
        state=state,
        tasks=[TaskReport(task=attempt.first_task, state=state, exit_code=0)],
    )
    return Ended(attempt, rules.end(attempt, report, now=now), ())


async def running(database: Database) -> int:
    async with database.transaction() as tx:
        found = await tx.execute("select count(*) as n from jobs.attempt where ended_at is null")
        row = await found.fetchone()
    assert row is not None
    return int(row["n"])


def _line(reading: Reading) -> str:
    return (
        f"  {reading.waiting:,} waiting, {reading.shapes:,} shapes, {reading.lines:,} lines, "
        f"{reading.running:,} running: loaded in {reading.load_seconds:.1f} s, "
        f"{reading.resident_bytes / 2**20:,.0f} MiB, first tick {reading.first_tick:.0f} ms, "
        f"ticks {Spread(tuple(reading.ticks))} ms, p99 {reading.p99:.0f} ms, of it planning "
        f"{Spread(tuple(reading.planning))} ms, CPU {Spread(tuple(reading.own_cpu))} and "
        f"{Spread(tuple(reading.server_cpu))} ms, placed {Spread(tuple(reading.placed))}, "
        f"plain {reading.plain:.0f} ms"
    )


def _report(readings: Sequence[Reading]) -> None:
    largest = readings[-1]
    assert largest.shapes >= JOBS_SHAPED_MIN or largest.waiting < 1_000_000
    figures = []
    for each in readings:
        name = f"{each.waiting:,} waiting"
        figures += [
            _figure(f"{name}: tick", "ms", each.ticks, "-", "the database and planning, below"),
            _figure(f"{name}: tick, p99", "ms", [each.p99], "1,000", "the same"),
            _figure(
                f"{name}: CPU of Postgres", "ms", each.server_cpu, "-", "pools, draws, attempts"
            ),
            _figure(f"{name}: CPU of the dispatcher", "ms", each.own_cpu, "-", "planning, below"),
            _figure(f"{name}: CPU of planning", "ms", each.planning, "-", "jobs that keep pools"),
            _figure(f"{name}: CPU of a look at every job (peer)", "ms", [each.plain], "-", "-"),
            _figure(f"{name}: start", "s", [each.load_seconds], "-", "reading the whole queue"),
            _figure(
                f"{name}: memory", "MiB", [each.resident_bytes / 2**20], "4,096", "terms and jobs"
            ),
        ]
    plot(
        PICTURE,
        "A tick of the dispatcher, 1,000 sites of 10 pools",
        "waiting jobs",
        "milliseconds",
        _lines(readings),
    )
    report(
        "placement",
        figures,
        picture=PICTURE.name,
        shapes_from=shapes.source(),
        shapes=largest.shapes,
        lines=largest.lines,
        running=largest.running,
        ticks=TICKS,
        between_ticks={"ends": ENDS_PER_TICK, "arrivals": ARRIVALS_PER_TICK},
        first_tick_ms=[round(each.first_tick) for each in readings],
        ratio_to_peer=[
            round(each.plain / Spread(tuple(each.planning)).median, 1) for each in readings
        ],
    )


def _figure(name: str, unit: str, values: Sequence[float], aim: str, bound: str) -> Figure:
    return Figure(name, unit, Spread(tuple(values)), aim, bound)


def _lines(readings: Sequence[Reading]) -> list[Line]:
    first = readings[0]
    growth = first.p99 / (first.waiting * math.log(first.waiting))

    def points(value: Callable[[Reading], float]) -> list[tuple[float, float]]:
        return [(each.waiting, value(each)) for each in readings]

    return [
        Line("tick, p99", "#b2182b", points(lambda each: each.p99)),
        Line("tick, median", "#2166ac", points(lambda each: Spread(tuple(each.ticks)).median)),
        Line(
            "CPU of planning, median",
            "#1b7837",
            points(lambda each: Spread(tuple(each.planning)).median),
        ),
        Line("CPU of a look at every job", "#777", points(lambda each: each.plain)),
        Line(
            "n log n from the first p99",
            "#b2182b",
            points(lambda each: growth * each.waiting * math.log(each.waiting)),
            dashed=True,
        ),
    ]


if __name__ == "__main__":
    main()
