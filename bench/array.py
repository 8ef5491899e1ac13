"""One job of a million no-op tasks: accepted, placed and settled; all real but the engine.

The peer is what Postgres alone takes to write a million rows of results by COPY.
"""

import asyncio
import os
import time
from typing import Final

import orjson
import psycopg

from bench.common import Figure, Instance, Spread, Wire, cpu_seconds, cpu_shares, instance, report
from bench.jobs import wait_until_settled
from bench.ledger import postgres
from mains.ids import new_id

TASKS: Final = int(os.environ.get("TASKS", "1000000"))
REPETITIONS: Final = 3
UNITS: Final = 1_000
"""So that the dispatcher cuts chunks of 250 tasks, four for each unit."""

SPEC: Final = {
    "name": "noop",
    "run": "true",
    "time_seconds": 1,
    "grace_seconds": 0,
    "tasks": TASKS,
}


def main() -> None:
    peer = rows_per_second()
    accepted, settled, shares = [], [], ""
    with instance() as made:
        made.up()
        made.furnish(units=UNITS)
        for _ in range(REPETITIONS):
            before, started = cpu_seconds(made.state), time.perf_counter()
            accepted.append(asyncio.run(submit(made)))
            wait_until_settled(made)
            seconds = time.perf_counter() - started
            settled.append(TASKS / seconds)
            shares = cpu_shares(before, cpu_seconds(made.state), seconds)
            print(f"  {TASKS:,} tasks in {seconds:.1f} s: {shares}", flush=True)
        check(made)
    report(
        "array",
        [
            Figure("rows of results by COPY (peer)", "rows/s", peer, "-", "Postgres alone"),
            Figure(f"{TASKS:,} tasks accepted", "s", Spread(tuple(accepted)), "1", "one hold"),
            Figure("tasks placed and settled", "tasks/s", Spread(tuple(settled)), "20,000", shares),
        ],
        tasks=TASKS,
        units=UNITS,
        ratio_to_peer=round(Spread(tuple(settled)).median / peer.median, 3),
    )


async def submit(made: Instance) -> float:
    """Return the seconds until the array was accepted, its money held."""
    wire = await Wire.open(made.state.url)
    body = orjson.dumps({"id": new_id(), "spec": SPEC})
    started = time.perf_counter()
    status, answer = await wire.call("POST", "/v1/jobs", key=made.key, body=body)
    took = time.perf_counter() - started
    assert status == 201, answer
    wire.close()
    return took


def check(made: Instance) -> None:
    """Every task of every array has succeeded, once."""
    with psycopg.connect(made.state.database_url) as connection:
        found = connection.execute(
            "select count(*), count(distinct (job_id, task)) from jobs.task"
            " where state = 'succeeded'"
        ).fetchone()
    assert found == (REPETITIONS * TASKS, REPETITIONS * TASKS), found


def rows_per_second() -> Spread:
    readings = []
    with postgres() as (_, owner_url, _), psycopg.connect(owner_url) as connection:
        for _ in range(REPETITIONS):
            connection.execute(_ROWS)
            job, attempt, started = new_id(), new_id(), time.perf_counter()
            with connection.cursor().copy("copy peer from stdin") as copy:
                for task in range(TASKS):
                    copy.write_row((job, task, attempt, "succeeded", 0, 0, ""))
            connection.commit()
            readings.append(TASKS / (time.perf_counter() - started))
    return Spread(tuple(readings))


_ROWS: Final = """
drop table if exists peer;
create table peer (
  job_id uuid, task integer, attempt_id uuid, state text, exit_code integer,
  unit_milliseconds bigint, reason text, primary key (job_id, task)
)
"""


if __name__ == "__main__":
    main()
