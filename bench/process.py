"""What an order costs in the process engine, from the start order to the end report.

The same no-op (`true`) in turn: as a bare process, as a bare interpreter, through HyperQueue's
server and worker on this machine, and through the engine with each isolation that works here.
Time is what one job takes alone. Processor time counts every process of the run, and tells more
than time does where others use the machine too.
"""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Final, Protocol
from uuid import UUID

from bench.common import Figure, Spread, report
from bench.queues import Queue
from mains.engines.process import ProcessEngine
from mains.engines.process.child import adopt_orphans
from mains.engines.process.isolation import Wanted
from mains.errors import SetupMissing
from mains.ids import new_id
from mains.wire.agent import PoolOrder, StartOrder

RUNS: Final = 60
REPETITIONS: Final = 3
POLL_SECONDS: Final = 0.002
UID_BASE: Final = 3_000_000_000
MIB: Final = 2**20
ORGANISATION: Final = UUID("01900000-0000-7000-8000-0000000000aa")
POOL: Final = UUID("01900000-0000-7000-8000-0000000000bb")
ISOLATIONS: Final[tuple[Wanted, ...]] = ("trusted", "uid", "bubblewrap")


def main() -> None:
    adopt_orphans()
    folder = Path(tempfile.mkdtemp(prefix="mains-bench-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        with Queue("hyperqueue", cores=2) as queue:
            bare = Bare("a process, `true` (peer)", "true")
            python = Bare("an interpreter, `python -c pass` (peer)", sys.executable, "-c", "pass")
            engines = engines_here(folder)
            readings = measure([bare, python, queue, *engines])
    finally:
        shutil.rmtree(folder)
    floor = readings[0].median.median
    report(
        "process",
        [figure for reading in readings for figure in reading.figures()],
        runs_each=RUNS,
        rounds=REPETITIONS,
        added_ms={
            engine.name: round(reading.median.median - floor, 1)
            for engine, reading in zip(engines, readings[3:], strict=True)
        },
        note="HyperQueue's time ends just before its job: its client looks once a second.",
    )


def engines_here(folder: Path) -> list["Engine"]:
    """Return an engine for each isolation that this user has on this machine."""
    engines = []
    for isolation in ISOLATIONS:
        with suppress(SetupMissing):
            engines.append(Engine(folder / isolation, isolation))
    return engines


def measure(ways: Sequence["Way"]) -> list["Readings"]:
    """Run each way in turn, many times, so that all meet the same moments of the machine."""
    readings = [Readings(way) for way in ways]
    for way in ways:
        way.run()
    for _ in range(REPETITIONS):
        for reading in readings:
            reading.begin()
        for _ in range(RUNS):
            for reading in readings:
                reading.measure()
    return readings


class Way(Protocol):
    """One way to run a no-op; `name` is its line in the table."""

    @property
    def name(self) -> str: ...

    def run(self) -> None:
        """Run it to its end, as whoever asked learns of it."""

    def cpu_seconds(self) -> float:
        """Return the processor seconds of all its processes so far."""


class Bare:
    """A process of this one's own."""

    def __init__(self, name: str, *command: str) -> None:
        self.name = name
        self._command = command

    def run(self) -> None:
        subprocess.run(self._command, check=True)

    def cpu_seconds(self) -> float:
        return cpu_seconds()


class Engine:
    """One order after another in an engine of its own, forgotten when it has ended."""

    def __init__(self, folder: Path, isolation: Wanted) -> None:
        self.name = f"process engine, {isolation}"
        self._loop = asyncio.new_event_loop()
        self._engine = ProcessEngine(folder, isolation_wanted=isolation, uid_base=UID_BASE)
        pool = PoolOrder(
            pool_id=POOL,
            name="cpu",
            unit="cpu",
            units=2,
            cpus=2,
            memory_bytes=1024 * MIB,
            host_share_percent=100,
            trusted_organisation_id=ORGANISATION,
        )
        self._loop.run_until_complete(self._engine.configure([pool]))

    def run(self) -> None:
        self._loop.run_until_complete(self._run(an_order()))

    async def _run(self, order: StartOrder) -> None:
        await self._engine.start(order, bundle=None)
        while True:
            (seen,) = await self._engine.observe()
            if seen.usage.final:
                break
            await asyncio.sleep(POLL_SECONDS)
        assert seen.report.tasks[0].exit_code == 0
        await self._engine.forget(order.attempt_id)

    def cpu_seconds(self) -> float:
        return cpu_seconds()


def an_order() -> StartOrder:
    return StartOrder(
        attempt_id=new_id(),
        job_id=new_id(),
        organisation_id=ORGANISATION,
        fence=1,
        pool_id=POOL,
        name="noop",
        first_task=0,
        last_task=0,
        units=1,
        cpus=1,
        memory_bytes=256 * MIB,
        wall_seconds_max=60,
        task_seconds_max=60,
        grace_seconds=1,
        output_bytes_max=MIB,
        log_bytes_max=MIB,
        run="true",
    )


class Readings:
    """The seconds of every run of one way, round by round, and its seconds of processor."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._rounds: list[list[float]] = []
        self._cpu: list[float] = []

    def begin(self) -> None:
        self._rounds.append([])
        self._cpu.append(0.0)

    def measure(self) -> None:
        cpu, started = self._way.cpu_seconds(), time.perf_counter()
        self._way.run()
        self._rounds[-1].append(time.perf_counter() - started)
        self._cpu[-1] += self._way.cpu_seconds() - cpu

    @property
    def median(self) -> Spread:
        return Spread(tuple(1e3 * median(runs) for runs in self._rounds))

    def figures(self) -> list[Figure]:
        spent = zip(self._cpu, self._rounds, strict=True)
        cpu = Spread(tuple(1e3 * cpu / len(runs) for cpu, runs in spent))
        worst = Spread(tuple(1e3 * quantiles(runs, n=100)[98] for runs in self._rounds))
        name, bound = self._way.name, f"processor {cpu.median:.1f} ms each"
        return [
            Figure(f"{name}, median", "ms", self.median, "-", bound),
            Figure(f"{name}, p99", "ms", worst, "-", bound),
        ]


def cpu_seconds() -> float:
    """Return processor seconds of this process and of all that it has started and that has ended.

    Supervisors leave the tree of whoever started them; as this process adopts orphans, they
    become its children when that has happened, and are waited for here.
    """
    reap()
    own, ended = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
