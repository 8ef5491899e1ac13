"""One simulated city, decided by its seed: sites, jobs, faults, and a calm for all to end in."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

from mains.engines.fake import FakeEngine
from mains.errors import MainsError, ServerUnreachable, Unavailable
from mains.jobs.submission import Submission
from mains.settings import Settings
from mains.wire.jobs import SubmitRequest
from mains.wire.spec import JobSpec, Resources
from tests.ledger.model import Account
from tests.simulation.checks import Checks
from tests.simulation.control import Channels, ControlPlane, Faults
from tests.simulation.loop import START_SECONDS, VirtualLoop
from tests.simulation.network import Network, Weather
from tests.simulation.planted import Fault
from tests.simulation.replaced import replaced
from tests.simulation.site import Machine, Site, Skewed
from tests.simulation.store import Store
from tests.simulation.trace import Trace
from tests.simulation.vouchers import grant_voucher

IN_MEMORY: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None
START: Final = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
STORM_SECONDS: Final = 60.0
STORM_SECONDS_DIRECTED: Final = 100.0
CALM_SECONDS_MAX: Final = 3_000.0
CURRENCY: Final = "CNY"
CALLER_SECONDS_MAX: Final = 15.0
CALLER_TRIES_MAX: Final = 200


class Broken(AssertionError):
    """A promise that did not hold in a simulation, with its seed and the last events."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed came to; digest is the hash of all its events."""

    digest: str
    counts: Mapping[str, int]


def simulate(seed: int, *, fault: Fault | None = None) -> Outcome:
    """Run one seed to its end; raises Broken. `fault` is planted into mains for its length."""
    loop = VirtualLoop()
    with (
        tempfile.TemporaryDirectory(prefix="simulation-", dir=IN_MEMORY) as folder,
        replaced(seed, fault),
    ):
        world = World(seed, loop, Path(folder), fault)
        try:
            return loop.run_until_complete(world.run())
        finally:
            world.end()
            loop.run_until_complete(asyncio.sleep(0.01))
            loop.close()


class Virtual:
    """The server's clock: it never jumps."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=round(self._loop.time() - START_SECONDS, 6))


class World:
    def __init__(self, seed: int, loop: VirtualLoop, folder: Path, fault: Fault | None) -> None:
        self.seed = seed
        self.loop = loop
        loop.broken = self.broken
        self.random = Random(seed)  # noqa: S311 (repeatable, and guards nothing)
        self.counts: Counter[str] = Counter()
        self.clock = Virtual(loop)
        self.trace = Trace(lambda: loop.time() - START_SECONDS)
        self.store = Store()
        self.network = Network(loop, self.random)
        self.faults = Faults(self.random)
        self.channels = Channels(self.random)
        self.settings = Settings(
            home=folder,
            commons=folder,
            reporting_grace_seconds=60,
            queue_deadline_seconds=self.random.choice((60, 200)),
        )
        self.control = ControlPlane(
            loop,
            self.store,
            self.network,
            self.clock,
            self.settings,
            self.faults,
            self.channels,
        )
        self.checks = Checks(self.store, self.trace, now=self.clock.now, broken=self.broken)
        self.store.after_commit = self.checks.after_commit
        self.store.publish = self.channels.publish
        self.sites: list[Site] = []
        self._engine = fault.engine if fault is not None else FakeEngine
        self._folder = folder
        # A few kinds of faults a seed, each often: so that they meet, which one of each would not.
        self._strikes = self.random.sample(STRIKES, self.random.randint(1, 5))
        self._long = self.random.random() < 0.4
        self._storm_seconds = STORM_SECONDS
        self._troubles: tuple[float, ...] = (0.0, 0.0, 0.5)
        self._lasting: tuple[float, ...] = (0.5, 8.0, 40.0)
        if fault is not None and fault.strikes:
            self._strikes, self._long = list(fault.strikes), True
            self._lasting = (40.0,)
            self._storm_seconds = STORM_SECONDS_DIRECTED
            self._troubles = (0.5, 0.9) if fault.stalled else self._troubles
        self._failed: asyncio.Future[None] = loop.create_future()

    def broken(self, what: str, about: UUID | None = None) -> None:
        """End the simulation with the promise that was found broken."""
        if not self._failed.done():
            tail = self.trace.tail(about)
            self._failed.set_exception(
                Broken(f"seed {self.seed}: {what}\n{tail}\nrepeat: simulate({self.seed})")
            )

    async def run(self) -> Outcome:
        self._found()
        story = asyncio.ensure_future(self._story())
        await asyncio.wait({story, self._failed}, return_when=asyncio.FIRST_COMPLETED)
        if self._failed.done():
            story.cancel()
            self._failed.result()
        story.result()
        self.checks.at_the_end()
        if self._failed.done():
            self._failed.result()
        self._count()
        return Outcome(self.trace.digest(), self.counts)

    def end(self) -> None:
        """Kill what still runs, so that no task outlives its world."""
        self.control.kill_api()
        self.control.kill_dispatchers()
        for site in self.sites:
            site.kill_agent()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        if self._failed.done():
            self._failed.exception()

    # Founding -------------------------------------------------------------------------------

    def _found(self) -> None:
        """Build organisations with money and sites with pools, as the services would find them."""
        for number in range(2):
            key, account = UUID(int=100 + number), 1 + number
            self.store.ledger.accounts[account] = Account(
                credits=self.random.choice((200_000, 1_000_000, 50_000_000))
            )
            self.store.organisations[key] = {
                "id": key,
                "name": f"org{number}",
                "title": f"org{number}",
                "type": "firm",
                "attributes": {},
                "created_at": START,
            }
            self.store.money[key] = {"account": account, "currency": CURRENCY}
            if self.random.random() < 0.5:
                grant_voucher(self.store, key, micros=self.random.choice((300_000, 9_000_000)))
        for number in range(self.random.choice((2, 2, 3))):
            self._found_site(number)
        self.checks.machines = [site.machine for site in self.sites]
        self.control.start_api()
        self.control.start_dispatcher()

    def _found_site(self, number: int) -> None:
        key, name = UUID(int=200 + number), f"site{number}"
        self.store.sites[key] = {
            "id": key,
            "name": name,
            "title": name,
            "organisation_id": UUID(int=100),
            "state": "active",
            "attributes": {},
            "public_key": "none",
            "host": None,
            "epoch": 0,
            "last_seen": None,
            "lease_until": None,
        }
        self._found_pool(number, key)
        skew = timedelta(seconds=self.random.uniform(-400, 400))
        machine = Machine(
            name,
            clock=self.clock,
            lease_seconds=self.settings.agent_lease_seconds,
            started=self.checks.started,
            engine=self._engine,
        )
        site = Site(
            key,
            machine=machine,
            folder=self._folder / name,
            network=self.network,
            loop=self.loop,
            random=self.random,
            clock=Skewed(self.clock, skew),
        )
        self.sites.append(site)
        site.start_agent()

    def _found_pool(self, number: int, site_id: UUID) -> None:
        key, cpus = UUID(int=300 + number), self.random.choice((1, 2, 4))
        self.store.pools[key] = {
            "id": key,
            "site_id": site_id,
            "name": "cpu",
            "unit": "cpu",
            "units": cpus,
            "cpus": cpus,
            "memory_bytes": 2**34,
            "host_share_percent": 100,
            "trusted": False,
            "energy_watts_per_unit": None,
            "engine": "fake",
            "reported_units": None,
            "reported_cpus": None,
            "reported_memory_bytes": None,
            "isolation": None,
            "memory_limit": None,
            "tariff_id": UUID(int=400 + number),
            "tariff_version": 1,
            "price_micros_per_unit_hour": self.random.choice((0, 1_000_000, 7_777_777)),
            "currency": CURRENCY,
            "from_at": START,
        }

    # The story ------------------------------------------------------------------------------

    async def _story(self) -> None:
        """A storm with jobs in it, then calm until nothing is left to do."""
        await asyncio.sleep(1.0)
        callers = [
            asyncio.ensure_future(self._call(number)) for number in range(self.random.randint(3, 6))
        ]
        await self._storm()
        await self._calm()
        await asyncio.gather(*callers)
        end = self.loop.time() + CALM_SECONDS_MAX
        while undone := next(iter(self.checks.undone()), None):
            if self.loop.time() > end:
                self.broken(f"it never ends: {undone}", self._first_undone())
                return
            await asyncio.sleep(1.0)

    def _first_undone(self) -> UUID | None:
        return next((key for key, job in self.store.jobs.items() if job["ended_at"] is None), None)

    async def _storm(self) -> None:
        self.network.weather = Weather(
            lost=self.random.choice((0.0, 0.02, 0.15)),
            doubled=self.random.choice((0.0, 0.05, 0.3)),
            slow=self.random.choice((0.0, 0.05, 0.2)),
            forged=self.random.choice((0.0, 0.1)),
        )
        self.faults.refused = self.random.choice((0.0, 0.0, 0.05))
        self.faults.unknown = self.random.choice((0.0, 0.02, 0.1))
        self.faults.slow = self.random.choice((0.0, 0.05))
        self.channels.lost = self.random.choice((0.0, 0.5))
        for site in self.sites:
            site.set_trouble(self.random.choice(self._troubles))
        steps = sorted(
            self.random.uniform(0, self._storm_seconds) for _ in range(self.random.randint(4, 9))
        )
        began = self.loop.time()
        for at in steps:
            await asyncio.sleep(max(0.0, began + at - self.loop.time()))
            await self._strike()
        await asyncio.sleep(max(0.0, began + self._storm_seconds - self.loop.time()))

    async def _strike(self) -> None:
        """Let one thing fail, and come back by itself after a while where it would."""
        site, seconds = self.random.choice(self.sites), self.random.choice(self._lasting)
        struck = self.random.choice(self._strikes)
        self.counts[f"{struck}es" if struck.endswith("s") else f"{struck}s"] += 1
        self.trace.note(f"!! {struck}, {site.name}, {seconds} s")
        if struck == "API kill":
            self.control.kill_api()
            self.loop.call_later(seconds, self._restart_api)
        elif struck == "dispatcher kill":
            self.control.kill_dispatchers()
            self.loop.call_later(seconds / 2, self._restart_dispatcher)
        elif struck == "second dispatcher":
            self.control.start_dispatcher()
        elif struck == "agent kill":
            site.kill_agent()
            self.loop.call_later(seconds, site.start_agent)
        elif struck in ("site restart", "disk loss"):
            await site.reboot(wiped=struck == "disk loss")
            self.loop.call_later(seconds, site.start_agent)
        elif struck == "supervisor kill":
            for key in site.machine.running()[:1]:
                await site.machine.end_run(key)
        elif struck == "partition":
            self.network.cut[site.name] = None
            self.loop.call_later(seconds + 10, self.network.cut.pop, site.name, None)
        elif struck == "drain":
            await self.control.set_draining(site.site_id, draining=True)
        else:
            assert struck == "clock jump", struck
            site.clock.skew += timedelta(seconds=self.random.choice((-3_000, -30, 30, 3_000)))

    def _restart_api(self) -> None:
        if self.network.server.process is None:
            self.control.start_api()

    def _restart_dispatcher(self) -> None:
        if not self.control.dispatchers:
            self.control.start_dispatcher()

    async def _calm(self) -> None:
        """Mend everything: from here on all that was begun must come to its end."""
        self.trace.note("!! calm")
        self.network.weather = Weather()
        self.network.cut.clear()
        self.faults.refused = self.faults.unknown = self.faults.slow = 0.0
        self._restart_api()
        self._restart_dispatcher()
        for site in self.sites:
            site.set_trouble(0.0)
            site.clock.skew = timedelta(0)
            site.start_agent()
            await self.control.set_draining(site.site_id, draining=False)

    # Callers --------------------------------------------------------------------------------

    async def _call(self, number: int) -> None:
        """Submit one job until it is answered; perhaps cancel it, or tasks of it, later."""
        await asyncio.sleep(self.random.uniform(0, self._storm_seconds / 2))
        job_id = UUID(int=1_000 + number)
        self.trace.name(job_id, "job")
        spec = self._spec()
        submission = Submission(
            SubmitRequest(id=job_id, spec=spec),
            organisation_id=UUID(int=100 + self.random.randint(0, 1)),
            organisation="org",
            person_id=UUID(int=7),
        )
        self.trace.note(f"asked: {spec.tasks} tasks, retry {spec.retry}", job_id)
        answer = await self._ask("submit", submission)
        if isinstance(answer, MainsError):
            self.counts["refused submissions"] += 1
            self.trace.note(f"refused: {answer.code}", job_id)
            return
        self.checks.acknowledged[job_id] = None
        if job_id not in self.store.jobs:
            self.broken("a submission was acknowledged and is not there", job_id)
        self.trace.note("acknowledged", job_id)
        if self.random.random() < 0.3:
            await asyncio.sleep(self.random.uniform(0, 30))
            some = [task for task in range(spec.tasks) if self.random.random() < 0.5]
            tasks = some if some and self.random.random() < 0.5 else None
            self.trace.note(f"to be cancelled: {tasks or 'all'}", job_id)
            self.counts["cancellations"] += 1
            await self._ask("cancel", (job_id, tasks))

    async def _ask(self, path: str, body: Any) -> Any:
        """Ask until there is an answer: the same request again is a replay."""
        for _ in range(CALLER_TRIES_MAX):
            try:
                return await self.network.ask("callers", path, body, seconds_max=CALLER_SECONDS_MAX)
            except (ServerUnreachable, Unavailable):
                await asyncio.sleep(self.random.uniform(0.2, 2.0))
            except MainsError as error:
                return error
        raise AssertionError("a caller was never answered")

    def _spec(self) -> JobSpec:
        seconds = 45 if self._long else self.random.choice((2, 10, 45))
        shares = (0.9, 2.0) if self._long else (0.1, 0.5, 0.9, 2.0)
        runs = round(seconds * self.random.choice(shares), 3)
        fails = self.random.random() < 0.15
        return JobSpec(
            resources=Resources(cpus=self.random.choice((1, 1, 2)), memory_bytes=2**30),
            run="true",
            envs={"FAKE_SECONDS": str(runs), "FAKE_EXIT": "1" if fails else "0"},
            tasks=self.random.choice((1, 1, 2, 5)),
            time_seconds=seconds,
            grace_seconds=self.random.choice((0, 3)),
            retry=self.random.choice(("never", "wait", "elsewhere", "elsewhere")),
            attempts_max=self.random.choice((2, 4) if self._long else (1, 2, 4)),
        )

    def _count(self) -> None:
        self.counts["jobs"] += len(self.store.jobs)
        self.counts["attempts"] += len(self.store.attempts)
        self.counts["lost attempts"] += sum(
            row["state"] == "lost" for row in self.store.attempts.values()
        )
        for job in self.store.jobs.values():
            self.counts[f"jobs {job['state']}"] += 1


STRIKES: Final = (
    "API kill",
    "dispatcher kill",
    "second dispatcher",
    "agent kill",
    "site restart",
    "disk loss",
    "supervisor kill",
    "partition",
    "drain",
    "clock jump",
)
