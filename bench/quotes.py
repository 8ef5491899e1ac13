"""Quotes at a steady 50 a second: how long each takes."""

import asyncio
import time
from typing import Final

import orjson

from bench.common import Figure, Instance, Spread, Wire, instance, report
from bench.jobs import SPEC

RATE: Final = 50
SECONDS: Final = 8
REPETITIONS: Final = 3
UNITS: Final = 100


def main() -> None:
    with instance() as made:
        made.up()
        made.furnish(units=UNITS)
        asyncio.run(run(made))
        rounds = [asyncio.run(run(made)) for _ in range(REPETITIONS)]
        floors = [asyncio.run(run(made, path="/v1/whoami")) for _ in range(REPETITIONS)]
    report(
        "quotes",
        [
            _figure("GET /v1/whoami at 50/s, median (peer)", floors, 0.5, "-"),
            _figure("quote at 50/s, median", rounds, 0.5, "-"),
            _figure("quote at 50/s, p99", rounds, 0.99, "50"),
        ],
        rate_per_second=RATE,
        seconds=SECONDS,
    )


async def run(made: Instance, *, path: str = "/v1/quotes") -> list[float]:
    """Send requests at fixed times, whatever the answers take; return milliseconds each took."""
    wires = [await Wire.open(made.state.url) for _ in range(16)]
    free: asyncio.Queue[Wire] = asyncio.Queue()
    for wire in wires:
        free.put_nowait(wire)
    body = orjson.dumps({"spec": SPEC}) if path == "/v1/quotes" else b""
    took: list[float] = []

    async def one(due: float) -> None:
        wire = await free.get()
        status, answer = await wire.call("POST" if body else "GET", path, key=made.key, body=body)
        assert status in (200, 201), answer
        took.append((time.perf_counter() - due) * 1000)
        free.put_nowait(wire)

    started = time.perf_counter()
    tasks = []
    for number in range(RATE * SECONDS):
        due = started + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    for wire in wires:
        wire.close()
    return took


def _figure(name: str, rounds: list[list[float]], quantile: float, aim: str) -> Figure:
    readings = tuple(sorted(took)[int(len(took) * quantile)] for took in rounds)
    return Figure(name, "ms", Spread(readings), aim, "round trips to Postgres in one transaction")


if __name__ == "__main__":
    main()
