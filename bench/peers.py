"""No-op jobs a second on one machine, beside what users would pick instead.

mains takes them through its API, agent protocol and Postgres, once with the process engine (a
process, a supervisor, limits and a receipt per job) and once with the fake engine (all but the
processes). Ray's Jobs API starts a process per job as well, HyperQueue too; Ray's tasks are calls
in processes that stay. One round after the other meets each of them, never two at once.
"""

import asyncio
import time
from typing import Final

from bench.common import EngineName, Figure, Instance, Spread, instance, report
from bench.jobs import submit, wait_until_settled
from bench.queues import Queue

CORES: Final = 2
ROUNDS: Final = 3
BATCH: Final = 20
JOBS: Final = {
    "fake": 1_000,
    "process": 60,
    "hyperqueue": 300,
    "ray-jobs": 16,
    "ray-tasks": 2_000,
}
UNITS: Final[dict[EngineName, int]] = {"fake": 20_000, "process": CORES}
ABSENT: Final = "no price, hold or receipt"
NOTE: Final = (
    "[What the slower ones give for it](../comparisons.md): a job of mains is quoted, paid from a "
    "hold, kept apart, metered and receipted, and none of it is lost in a crash."
)
BOUNDS: Final = {
    "hyperqueue": f"a process per job; its client looks once a second; {ABSENT}",
    "ray-jobs": f"an actor and a process per job; {ABSENT}",
    "ray-tasks": f"calls in warm processes; nothing kept apart or on disk; {ABSENT}",
}


def main() -> None:
    figures = [ours("fake"), ours("process")]
    figures += [theirs(peer) for peer in BOUNDS]
    report(
        "peers",
        figures,
        processors=CORES,
        jobs_each=JOBS,
        note=NOTE,
        ratio_to_process_engine={
            figure.name: round(figure.spread.median / figures[1].spread.median, 2)
            for figure in figures
        },
    )


def ours(engine: EngineName) -> Figure:
    """Measure an instance with one site; every job is quoted, held, run, settled and receipted."""
    with instance() as made:
        made.up()
        made.furnish(units=UNITS[engine], engine=engine)
        settled(made, BATCH)
        readings = tuple(settled(made, JOBS[engine]) for _ in range(ROUNDS))
    bound = {
        "fake": "Postgres and the API: quote, hold, sync, capture, receipt; all on disk",
        "process": "a process, a supervisor, a user and groups per job; all on disk",
    }[engine]
    return Figure(f"mains, {engine} engine", "jobs/s", Spread(readings), "-", bound)


def settled(made: Instance, jobs: int) -> float:
    """Return jobs a second from the first submission to the last one settled."""
    started = time.perf_counter()
    asyncio.run(submit(made, jobs, batch=BATCH))
    wait_until_settled(made)
    return jobs / (time.perf_counter() - started)


def theirs(peer: str) -> Figure:
    with Queue(peer, cores=CORES) as queue:
        jobs = JOBS[peer]
        readings = tuple(jobs / queue.seconds(jobs) for _ in range(ROUNDS))
        return Figure(f"{queue.name} (peer)", "jobs/s", Spread(readings), "-", BOUNDS[peer])


if __name__ == "__main__":
    main()
