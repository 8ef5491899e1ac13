"""No-op jobs from submission to settled: real API, agent protocol and Postgres, fake engine."""

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Final

import orjson
import psycopg

from bench.common import Figure, Instance, Spread, Wire, cpu_seconds, cpu_shares, instance, report
from mains.ids import new_id

CLIENTS: Final = 16
SINGLES: Final = 3_000
BATCHED: Final = 17_000
"""Fifty thousand and more in three rounds."""
BATCH: Final = 100
REPETITIONS: Final = 3
UNITS: Final = 20_000
SETTLE_SECONDS_MAX: Final = 300
WAITING: Final = int(os.environ.get("WAITING", "100000"))
GPU: Final = {"kind": "gpu", "count": 1}
WAITING_BATCH: Final = 1_000
SPEC: Final = {"name": "noop", "run": "true", "time_seconds": 1, "grace_seconds": 0}


def main() -> None:
    with instance() as made:
        made.up()
        made.furnish(units=UNITS)
        floor = Spread(tuple(asyncio.run(http_floor(made)) for _ in range(REPETITIONS)))
        singles, single_cpu = measure(made, SINGLES, batch=1)
        batches, batch_cpu = measure(made, BATCHED, batch=BATCH)
        asyncio.run(crowd(made))
        crowded, crowded_cpu = measure(made, BATCHED, batch=BATCH)
    report(
        "jobs",
        [
            Figure("GET /v1/server, 16 clients (peer)", "answers/s", floor, "-", "one API process"),
            Figure("jobs settled, single submissions", "jobs/s", singles, "1,000", single_cpu),
            Figure("jobs settled, batches of 100", "jobs/s", batches, "3,000", batch_cpu),
            Figure(f"the same, while {WAITING:,} wait", "jobs/s", crowded, "no fewer", crowded_cpu),
        ],
        clients=CLIENTS,
        jobs={"single": SINGLES, "batched": BATCHED},
        limits_per_hold="own money, voucher, cap of the programme",
        ratio_to_peer={
            "single": round(singles.median / floor.median, 3),
            "batched": round(batches.median / floor.median, 3),
        },
    )


async def crowd(made: Instance) -> None:
    """Let jobs wait for the one unit of a pool that another job keeps for a day."""
    spec = {**SPEC, "resources": {"accelerators": GPU}, "time_seconds": 86_400}
    keeper = {**spec, "name": "keeper", "envs": {"FAKE_SECONDS": "86400"}}
    batches = [[keeper]]
    batches += [[{**spec, "name": "crowd"}] * WAITING_BATCH] * (WAITING // WAITING_BATCH)
    wire = await Wire.open(made.state.url)
    for specs in batches:
        body = orjson.dumps({"jobs": [{"id": new_id(), "spec": spec} for spec in specs]})
        status, answer = await wire.call("POST", "/v1/jobs/batch", key=made.key, body=body)
        assert status == 200 and b'"error":"' not in answer, answer[:2_000]
    wire.close()


def measure(made: Instance, jobs: int, *, batch: int) -> tuple[Spread, str]:
    """Return jobs a second over several rounds, and what each process took in the last one."""
    readings = []
    shares = ""
    for _ in range(REPETITIONS):
        before, started = cpu_seconds(made.state), time.perf_counter()
        asyncio.run(submit(made, jobs, batch=batch))
        wait_until_settled(made)
        seconds = time.perf_counter() - started
        shares = cpu_shares(before, cpu_seconds(made.state), seconds)
        readings.append(jobs / seconds)
    return Spread(tuple(readings)), shares


async def submit(made: Instance, jobs: int, *, batch: int) -> None:
    """Submit jobs from all clients at once, each waiting for its answer before the next."""
    requests = [_body(batch) for _ in range(jobs // batch)]
    path = "/v1/jobs" if batch == 1 else "/v1/jobs/batch"
    shares = [requests[client::CLIENTS] for client in range(CLIENTS)]
    await asyncio.gather(*(_client(made, path, share) for share in shares))


async def _client(made: Instance, path: str, bodies: Sequence[bytes]) -> None:
    wire = await Wire.open(made.state.url)
    for body in bodies:
        status, answer = await wire.call("POST", path, key=made.key, body=body)
        assert status in (200, 201), answer
    wire.close()


def _body(batch: int) -> bytes:
    jobs = [{"id": new_id(), "spec": SPEC} for _ in range(batch)]
    return orjson.dumps(jobs[0] if batch == 1 else {"jobs": jobs})


def wait_until_settled(made: Instance) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    query = "select count(*) from jobs.job where settled_at is null and name = 'noop'"
    with psycopg.connect(made.state.database_url, autocommit=True) as connection:
        while True:
            row = connection.execute(query).fetchone()
            assert row is not None
            if row[0] == 0:
                return
            assert time.monotonic() < deadline, f"{row[0]} jobs are not settled"
            time.sleep(0.05)


async def http_floor(made: Instance) -> float:
    """Return how many empty answers a second the same API gives to as many clients."""
    count = 200

    async def ask() -> None:
        wire = await Wire.open(made.state.url)
        for _ in range(count):
            status, _ = await wire.call("GET", "/v1/server", key=made.key)
            assert status == 200
        wire.close()

    started = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(CLIENTS)))
    return CLIENTS * count / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
