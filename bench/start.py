"""How fast a stopped mains answers again, and what it takes while it idles."""

import subprocess
import sys
import time
from typing import Final

import psutil

from bench.common import Figure, Instance, Spread, cpu_seconds, instance, report

REPETITIONS: Final = 5
IDLE_SECONDS: Final = 5


def main() -> None:
    with instance() as made:
        made.up()
        made.furnish(units=8)
        starts, sizes = [], []
        for _ in range(REPETITIONS):
            made.down()
            starts.append(made.up())
            time.sleep(IDLE_SECONDS)
            sizes.append(pss_mib(made))
    peer = [_python() for _ in range(REPETITIONS)]
    report(
        "start",
        [
            Figure("a bare interpreter (peer)", "s", Spread(tuple(peer)), "-", "reading the disk"),
            Figure(
                "warm start of `mains up`", "s", Spread(tuple(starts)), "5", "imports, recovery"
            ),
            Figure(
                "idle, sum of PSS, one agent",
                "MiB",
                Spread(tuple(sizes)),
                "400",
                "four Python processes and Postgres",
            ),
        ],
    )


def pss_mib(made: Instance) -> float:
    """Return the proportional set size of every process of the instance, in MiB."""
    total = 0
    for pid in cpu_seconds(made.state):
        if pid == psutil.Process().pid:
            continue
        try:
            total += psutil.Process(pid).memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**20


def _python() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
