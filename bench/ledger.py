"""Holds a second: one by one over many organisations, and in batches on a hot one.

Every organisation has four private limits: own money, a voucher, and two caps. Clients are
processes of their own that call the ledger as a slice does, through Database and service; the
peer is a transaction that inserts one row through the same door. All commits are durable.

Then 1 to 256 clients in one process, as an API has them: on its pool of connections, where most of
them wait for one; and for one shared row gathered into batches, as submissions are.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Final
from uuid import UUID

import psutil
import psycopg
import uvloop

from bench.common import Figure, Spread, report
from mains.db import Database, Transaction, embedded, migrations
from mains.db.database import SIZE_MAX
from mains.ids import new_id
from mains.jobs.intake import BATCH_MAX, GATHER_SECONDS
from mains.ledger import service
from mains.ledger.rules import Mode
from mains.ledger.values import AccountKind, HoldOutcome, HoldRequest, Leg
from mains.settings import Settings

ORGANISATIONS: Final = 1_000
ROOM_MICROS: Final = 10**15
SECONDS: Final = 5.0
REPETITIONS: Final = 3
PROCESSES: Final = 2
WARM_UP_SECONDS: Final = 5.0
QUIET_SECONDS: Final = 1.0
SAMPLE_EARLY_SECONDS: Final = 0.3
BATCH: Final = 200
NOW: Final = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Organisation:
    id: UUID
    own: int
    voucher: int
    cap: int
    total_cap: int

    def hold(self) -> HoldRequest:
        return HoldRequest(
            hold_id=new_id(),
            request_hash=bytes(32),
            organisation_id=self.id,
            unit="CNY",
            ceiling_micros=500,
            mode=Mode.RATIO,
            amounts=(500, 250),
            legs=(
                Leg(self.own, 0),
                Leg(self.voucher, 1),
                Leg(self.cap, 1),
                Leg(self.total_cap, -1),
            ),
            expires_at=NOW + timedelta(days=1),
        )


@dataclass(frozen=True, slots=True)
class Load:
    """What each of `processes` does on `connections`: batches over some organisations.

    `clients` (None: one for each connection) call at once. `gathered` puts their single holds
    together, up to `batch` of them, on one connection.
    """

    name: str
    connections: int
    batch: int
    processes: int = PROCESSES
    clients: int | None = None
    gathered: bool = False
    seconds: float = SECONDS
    repetitions: int = REPETITIONS

    @property
    def callers(self) -> int:
        return self.connections if self.clients is None else self.clients


FLOOR: Final = Load("one-row transactions (peer)", connections=16, batch=0)
SPREAD_OUT: Final = Load("holds, 1,000 organisations, one by one", connections=16, batch=1)
GROUPED: Final = Load("holds, 1,000 organisations, groups of 20", connections=4, batch=20)
HOT_SINGLE: Final = Load("holds, one hot organisation, one by one", connections=16, batch=1)
HOT: Final = Load("holds, one hot organisation, batches of 200", connections=1, batch=BATCH)
CROWDS: Final = (1, 4, 16, 64, 256)
CROWD_SECONDS: Final = 3.0
CROWD_REPETITIONS: Final = 2


def private_rows(clients: int) -> Load:
    return Load(
        f"holds, 1,000 organisations, {clients} clients of one API",
        connections=min(clients, SIZE_MAX),
        batch=1,
        processes=1,
        clients=clients,
        seconds=CROWD_SECONDS,
        repetitions=CROWD_REPETITIONS,
    )


def shared_row(clients: int) -> Load:
    return Load(
        f"holds, one shared row, {clients} clients, gathered",
        connections=1,
        batch=BATCH_MAX,
        processes=1,
        clients=clients,
        gathered=True,
        seconds=CROWD_SECONDS,
        repetitions=CROWD_REPETITIONS,
    )


def main() -> None:
    with postgres() as (url, owner_url, postmaster):
        with psycopg.connect(owner_url) as owner:
            owner.execute("CREATE TABLE public.floor (id uuid PRIMARY KEY)")
            owner.execute("GRANT INSERT ON public.floor TO mains_app")
        city = asyncio.run(a_city(url))
        figures = [
            measure(url, postmaster, FLOOR, city[:1], aim="-"),
            measure(url, postmaster, SPREAD_OUT, city, aim="2,500"),
            measure(url, postmaster, GROUPED, city, aim="2,500"),
            measure(url, postmaster, HOT_SINGLE, city[:1], aim="-"),
            measure(url, postmaster, HOT, city[:1], aim="5,000"),
        ]
        private = [measure(url, postmaster, private_rows(n), city, aim="-") for n in CROWDS]
        shared = [measure(url, postmaster, shared_row(n), city[:1], aim="-") for n in CROWDS]
    report(
        "ledger",
        [*figures, *private, *shared],
        organisations=ORGANISATIONS,
        limits_each=4,
        seconds_each=SECONDS,
        share_of_the_best_at_256_clients={
            "private rows": at_the_end(private),
            "one shared row": at_the_end(shared),
        },
    )


def at_the_end(crowds: list[Figure]) -> float:
    """Return what the largest crowd does beside the best one: below 0.8 would be a collapse."""
    best = max(figure.spread.median for figure in crowds)
    return round(crowds[-1].spread.median / best, 2)


@contextmanager
def postgres() -> Iterator[tuple[str, str, psutil.Process]]:
    """Give the embedded Postgres as mains runs it, in a home that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="mains-bench-", dir="/tmp"))
    folder.chmod(0o755)
    settings = Settings(home=folder / "home", commons=folder / "commons")
    server = embedded.start(settings)
    try:
        assert server.endpoints.owner_url is not None
        migrations.migrate(server.endpoints.owner_url)
        pid = embedded.status(settings).postgres_process
        assert pid is not None
        yield server.endpoints.app_url, server.endpoints.owner_url, psutil.Process(pid)
    finally:
        server.stop()
        shutil.rmtree(folder)


async def a_city(url: str) -> list[Organisation]:
    database = await Database.open(url)
    async with database.transaction() as tx:
        world = await open_account(tx, AccountKind.WORLD, None)
        source = await open_account(tx, AccountKind.CAP_SOURCE, None)
    organisations = []
    for _ in range(ORGANISATIONS):
        async with database.transaction() as tx:
            owner_id = new_id()
            ids = [
                await open_account(tx, kind, owner_id, scope)
                for kind, scope in (
                    (AccountKind.OWN, ""),
                    (AccountKind.VOUCHER, "voucher"),
                    (AccountKind.CAP, "voucher"),
                    (AccountKind.CAP, "total"),
                )
            ]
            for account_id in ids:
                await service.transfer(
                    tx,
                    transfer_id=new_id(),
                    debit=world if account_id in ids[:2] else source,
                    credit=account_id,
                    amount_micros=ROOM_MICROS,
                    reason="bench",
                    actor_id=None,
                    now=NOW,
                )
            organisations.append(Organisation(owner_id, *ids))
    await database.close()
    return organisations


async def open_account(
    tx: Transaction, kind: AccountKind, owner_id: UUID | None, scope: str = ""
) -> int:
    return await service.open_account(
        tx,
        kind=kind,
        unit="CNY",
        owner_id=owner_id,
        scope=scope,
        limited=owner_id is not None,
        now=NOW,
    )


def measure(
    url: str, postmaster: psutil.Process, load: Load, city: list[Organisation], *, aim: str
) -> Figure:
    """Run the clients a few times; the bound says how busy the cores were and what one costs."""
    readings: list[float] = []
    busy: list[tuple[float, float, float]] = []
    context = get_context("spawn")
    with ProcessPoolExecutor(load.processes, mp_context=context) as pool:
        for _ in range(load.repetitions):
            start = time.monotonic() + WARM_UP_SECONDS
            clients = [pool.submit(client, url, load, city, start) for _ in range(load.processes)]
            time.sleep(start - time.monotonic())
            before = cpu_of(postmaster)
            # Read before the first session ends, for its time is then counted elsewhere.
            time.sleep(load.seconds - SAMPLE_EARLY_SECONDS)
            server = (cpu_of(postmaster) - before) / (load.seconds - SAMPLE_EARLY_SECONDS)
            results = [each.result() for each in clients]
            readings.append(sum(done for done, _ in results) / load.seconds)
            ours = sum(cpu for _, cpu in results) / load.seconds
            busy.append((readings[-1], server, ours))
    rate, server, ours = sorted(busy)[load.repetitions // 2]
    bound = (
        f"CPU, {server:.2f} + {ours:.2f} of {psutil.cpu_count()} cores (Postgres + clients): "
        f"{server / rate * 1e6:.0f} + {ours / rate * 1e6:.0f} µs each"
    )
    unit = "commits/s" if load is FLOOR else "holds/s"
    return Figure(load.name, unit, Spread(tuple(readings)), aim, bound)


def cpu_of(postmaster: psutil.Process) -> float:
    """Return the CPU seconds of Postgres, its ended sessions included."""
    mine = postmaster.cpu_times()
    total = mine.user + mine.system + mine.children_user + mine.children_system
    for child in postmaster.children():
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return total


def client(url: str, load: Load, city: list[Organisation], start: float) -> tuple[int, float]:
    """Return how much was done in the load's seconds from start on, with how many of CPU."""
    return uvloop.run(client_loop(url, load, city, start))


async def client_loop(
    url: str, load: Load, city: list[Organisation], start: float
) -> tuple[int, float]:
    database = await Database.open(url, size_max=load.connections)
    step = one_row(database) if load.batch == 0 else placing(database, load, city)
    gathering = asyncio.create_task(step.run()) if isinstance(step, Gathered) else None
    while time.monotonic() < start - QUIET_SECONDS:
        # Every session plans the functions once, which is not what is measured.
        await asyncio.gather(*(step(worker) for worker in range(load.callers)))
    await asyncio.sleep(start - time.monotonic())
    cpu = time.process_time()
    done = await asyncio.gather(
        *(until(start + load.seconds, step, worker) for worker in range(load.callers))
    )
    cpu = time.process_time() - cpu
    if gathering is not None:
        gathering.cancel()
    await database.close()
    return sum(done), cpu


async def until(deadline: float, step: Callable[[int], Awaitable[int]], worker: int) -> int:
    done, turn = 0, worker
    while time.monotonic() < deadline:
        done += await step(turn)
        turn += 17
    return done


def one_row(database: Database) -> Callable[[int], Awaitable[int]]:
    async def step(turn: int) -> int:
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO public.floor VALUES (%s)", [new_id()])
        return 1

    return step


class Gathered:
    """Single holds on one organisation, put together as the API's intake does it."""

    def __init__(self, database: Database, organisation: Organisation) -> None:
        self._database = database
        self._organisation = organisation
        self._waiting: list[tuple[HoldRequest, asyncio.Future[HoldOutcome]]] = []
        self._wake = asyncio.Event()

    async def __call__(self, turn: int) -> int:
        answer: asyncio.Future[HoldOutcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._organisation.hold(), answer))
        self._wake.set()
        assert await answer is HoldOutcome.PLACED
        return 1

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if len(self._waiting) < BATCH_MAX:
                    await asyncio.sleep(GATHER_SECONDS)
                taken, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
                async with self._database.transaction() as tx:
                    holds = [hold for hold, _ in taken]
                    answers = await service.place(tx, holds, now=NOW)
                for (_, waiting), answer in zip(taken, answers, strict=True):
                    waiting.set_result(answer.outcome)


def placing(
    database: Database, load: Load, city: list[Organisation]
) -> Callable[[int], Awaitable[int]]:
    if load.gathered:
        return Gathered(database, city[0])

    async def step(turn: int) -> int:
        holds = [city[(turn + 31 * i) % len(city)].hold() for i in range(load.batch)]
        async with database.transaction() as tx:
            answers = await service.place(tx, holds, now=NOW)
        assert all(answer.outcome is HoldOutcome.PLACED for answer in answers)
        return len(holds)

    return step


if __name__ == "__main__":
    main()
