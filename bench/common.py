"""What every benchmark shares: an instance of its own, cheap clients, figures with their spread."""

import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

import psutil

from mains.daemon.state import State, running
from mains.daemon.up import answers
from mains.db import embedded
from mains.ids import new_id
from mains.settings import Settings
from mains.wire.client import Client
from mains.wire.connection import Connection
from mains.wire.ledger import DepositRequest
from mains.wire.parties import KeyRequest, OrganisationRequest, PersonRequest, Role
from mains.wire.programmes import VoucherRequest
from mains.wire.sites import NewPool, NewSite

RESULTS: Final = Path(__file__).parent / "results"
START_SECONDS_MAX: Final = 90
EngineName = Literal["process", "fake"]
HOST_SHARE_PERCENT: Final[dict[EngineName, int]] = {"fake": 1, "process": 100}
"""What a site takes of the host; the process engine's needs it free of other agents."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Several readings of one figure."""

    readings: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.readings)

    def document(self) -> dict[str, float]:
        return {
            "minimum": round(min(self.readings), 3),
            "median": round(self.median, 3),
            "maximum": round(max(self.readings), 3),
            "readings": len(self.readings),
        }

    def __str__(self) -> str:
        return f"{self.median:,.1f} ({min(self.readings):,.1f} to {max(self.readings):,.1f})"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; aim is what the design asks for, bound what holds it back."""

    name: str
    unit: str
    spread: Spread
    aim: str
    bound: str


def setup() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "cpus": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processor": _processor(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def report(name: str, figures: Sequence[Figure], **more: object) -> None:
    """Print a table and keep it under bench/results."""
    machine = setup()
    RESULTS.mkdir(exist_ok=True)
    document = {
        "benchmark": name,
        "setup": machine,
        **more,
        "figures": [
            {
                "name": figure.name,
                "unit": figure.unit,
                **figure.spread.document(),
                "aim": figure.aim,
                "bound": figure.bound,
            }
            for figure in figures
        ],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(f"\n{name}: {machine['cpus']} CPUs ({machine['processor']}), {machine['memory_gib']} GiB")
    for figure in figures:
        print(f"  {figure.name:<46} {figure.spread!s:>32} {figure.unit:<10} aim {figure.aim}")
        print(f"    bound by {figure.bound}")


class Instance:
    """A whole mains of its own, with one site, one organisation, money and a voucher."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            **os.environ,
            "MAINS_HOME": str(folder / "home"),
            "MAINS_CONFIG": str(folder / "config"),
        }
        self.settings = Settings.from_environment(self.environment)
        self.key = ""

    @property
    def state(self) -> State:
        found = running(self.settings.state_file)
        assert found is not None, "the instance runs"
        return found

    def up(self) -> float:
        """Start it and return the seconds until it answered."""
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "mains.cli.main", "up", "--detach"],
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        assert answers(self.state)
        return time.perf_counter() - started

    def down(self) -> None:
        subprocess.run(
            [sys.executable, "-m", "mains.cli.main", "down"],
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def furnish(self, *, units: int, engine: EngineName = "fake") -> None:
        """Add a site with this many units, and an organisation that can pay for them."""
        administrator = (self.settings.keys / "administrator").read_text("utf-8").strip()
        with Client(Connection(self.state.url, key=administrator)) as client:
            client.add_organisation(OrganisationRequest(name="bench", type="firm"))
            roles = [Role.OWNER, Role.MEMBER, Role.OPERATOR]
            client.add_person("bench", PersonRequest(name="bench", roles=roles))
            request = KeyRequest(organisation="bench", person="bench")
            self.key = client.create_key(request).key
            client.deposit(
                "bench",
                DepositRequest(amount="10000000", currency="CNY"),
                idempotency_key=new_id(),
            )
            client.publish_programme(None, pack="dongguan-2025", idempotency_key=new_id())
            client.grant_voucher(
                VoucherRequest(
                    programme="dongguan-2025",
                    organisation="bench",
                    amount="1000000",
                    tranche="1000000",
                ),
                idempotency_key=new_id(),
            )
            self._add_site(client, units=units, engine=engine)

    def _add_site(self, client: Client, *, units: int, engine: EngineName) -> None:
        """Give it the pool that is measured, and a fake one another, where a crowd waits."""
        counts = {"cpu": units, "gpu": 1} if engine == "fake" else {"cpu": units}
        pools = [
            NewPool(
                name=unit,
                unit=unit,
                units=count,
                cpus=count,
                memory="1000TiB",
                price_per_unit_hour="1",
                currency="CNY",
                host_share_percent=HOST_SHARE_PERCENT[engine],
                engine=engine,
            )
            for unit, count in counts.items()
        ]
        token = client.add_site(NewSite(name=engine, pools=pools)).token
        folder = self.settings.sites / engine
        command = ["--folder", str(folder), "--join", "-", "--join-only", "--engine", engine]
        subprocess.run(
            [sys.executable, "-m", "mains.daemon.agent", *command],
            input=token.token.encode(),
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not any(site.condition == "ready" for site in client.sites()):
            assert time.monotonic() < deadline, "the site is ready"
            time.sleep(0.1)


@contextmanager
def instance() -> Iterator[Instance]:
    """Give an instance in a folder of its own, and remove all of it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mains-bench-"))
    made = Instance(folder)
    try:
        yield made
    finally:
        made.down()
        shutil.rmtree(made.settings.commons, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


class Wire:
    """One kept-alive HTTP/1.1 connection that costs the client next to nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> Self:
        address = urlsplit(url)
        assert address.hostname is not None
        return cls(*await asyncio.open_connection(address.hostname, address.port))

    async def call(
        self, method: str, path: str, *, key: str, body: bytes = b""
    ) -> tuple[int, bytes]:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: mains\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        length = 0
        for line in answer.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return status, await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


def cpu_shares(before: dict[int, float], after: dict[int, float], seconds: float) -> str:
    """Say how much of a core each kind of process took."""
    names: dict[str, float] = {}
    for pid, used in after.items():
        name = _role(pid)
        names[name] = names.get(name, 0.0) + used - before.get(pid, 0.0)
    busy = sorted(names.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {used / seconds:.2f} cores" for name, used in busy if used > 0.05)


def cpu_seconds(state: State) -> dict[int, float]:
    """Return processor seconds so far of everything below `up`, and of this client."""
    root = psutil.Process(state.pid)
    found = {}
    for process in [root, *root.children(recursive=True), *_postgres(root), psutil.Process()]:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        found[process.pid] = times.user + times.system
    return found


def _postgres(root: psutil.Process) -> list[psutil.Process]:
    """Postgres is no child of `up`: its own folder says which process it is."""
    found = embedded.status(Settings.from_environment(root.environ())).postgres_process
    if found is None:
        return []
    postmaster = psutil.Process(found)
    return [postmaster, *postmaster.children()]


def _role(pid: int) -> str:
    try:
        command = " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return "ended"
    for word, name in (
        ("daemon.api", "API"),
        ("daemon.dispatcher", "dispatcher"),
        ("daemon.agent", "agent"),
        ("daemon.up", "up"),
        ("postgres", "Postgres"),
    ):
        if word in command:
            return name
    return "client"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
