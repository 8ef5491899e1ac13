"""Disks that are full and disks that fail to sync, under a running mains, 160 times.

It runs in a mount namespace of its own, on small disks in memory that are filled to the last byte.
Failing syncs and writes come from a library that is loaded before libc in this namespace alone
(shim.c). That needs root; `gcc` for the library. Nothing outside the namespace is touched.
"""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import psycopg
from tests.api.builders import a_bundle, sha256_of
from tests.daemon.killing import check_marks, witness
from tests.daemon.running import Mains, a_mains, eventually
from tests.daemon.town import Town, build
from tests.daemon.traffic import Traffic, charged, patiently, settled

from faults.campaign import Broken, Share, chance
from mains.wire.client import Client
from mains.wire.jobs import JobDetail, SubmitRequest, Submitted

FILLS: Final = 80
FAILURES: Final = 80
NAMESPACE: Final = ("unshare", "--mount", "--propagation", "private")
SECONDS_MAX: Final = 1_500.0
TROUBLE_SECONDS: Final = (0.5, 4.0)
CALM_SECONDS: Final = 0.5
RECOVERY_SECONDS_MAX: Final = 60.0
SHIM: Final = Path(__file__).with_name("shim.c")

DISKS: Final[Mapping[str, str]] = {"postgres": "512m", "home": "96m", "sites": "96m"}
FAILING: Final[Mapping[str, str]] = {
    "the log of Postgres is not synced": "fsync /pg_wal/",
    "the tables of Postgres are not synced": "fsync /base/",
    "the log of Postgres is not written": "write /pg_wal/",
    "blobs are not synced": "fsync /home/blobs/",
    "what comes in is not written": "write /home/incoming/",
    "logs of mains are not written": "write /home/logs/",
    "the agent's orders are not written": "write /orders.jsonl",
    "states of runs are not synced": "fsync /engine/runs/",
    "nothing of a run is written": "write /engine/runs/",
}
OF_THE_DISK: Final = ("No space left on device", "Input/output error", "No such file")
"""Why a job may fail: its site could not keep what it needs, and says so."""

EXPECTED: Final = frozenset(("database_unavailable", "storage_unavailable", "server_unreachable"))


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Fill and fail this share's part; all that was acknowledged must be there in the end."""
    fills, failures = len(share.part(FILLS)), len(share.part(FAILURES))
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return {"not run: needs root and unshare": fills + failures}
    return apart(fills=fills, failures=failures, seed=seed + share.number)


def apart(*, fills: int, failures: int, seed: int, planted: bool = False) -> Mapping[str, int]:
    """Attack in a namespace of its own; raises Broken with what was said there.

    `planted` damages one blob that was taken, as a disk could: that has to be found.
    """
    command = [*NAMESPACE, sys.executable, "-m", "faults.disks"]
    command += [str(fills), str(failures), str(seed), str(int(planted))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
    if done.returncode != 0:
        raise Broken(f"{done.stdout[-2_000:]}{done.stderr[-4_000:]}")
    counts: Mapping[str, int] = json.loads(done.stdout.splitlines()[-1])
    return counts


@dataclass
class Disk:
    """A small file system in memory; filled by one file that takes all that is left."""

    folder: Path

    @classmethod
    def mounted(cls, folder: Path, size: str) -> "Disk":
        folder.mkdir(parents=True, exist_ok=True)
        options = f"size={size},mode=0755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
        return cls(folder)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Take every block, those too that somebody gives back meanwhile."""
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(2**20))
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4_096))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=False)


@dataclass
class Bundles:
    """Uploads contents for as long as it is told to; knows what was taken and what was refused."""

    town: Town
    kept: dict[str, bytes] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(RECOVERY_SECONDS_MAX)

    def _work(self) -> None:
        state = self.town.mains.state
        assert state is not None
        key = {"Authorization": f"Bearer {self.town.key}"}
        with httpx.Client(base_url=state.url, headers=key, timeout=30) as client:
            while not self._stop.wait(0.1):
                self._put(client, a_bundle(**{"model.bin": os.urandom(50_000)}))

    def _put(self, client: httpx.Client, content: bytes) -> None:
        """Put once: the client of mains would try again and hide the refusal."""
        sha256 = sha256_of(content)
        try:
            answer = client.put("/v1/bundles", content=content, headers={"Mains-Sha256": sha256})
        except httpx.TransportError:
            self.refusals["server_unreachable"] += 1
            return
        if answer.is_success:
            self.kept[sha256] = content
        else:
            self.refusals[answer.json()["code"]] += 1


@contextmanager
def small_disks(mains: Mains) -> Iterator[Mapping[str, Disk]]:
    """Put small disks under a home that does not exist yet; all of it ends before they go."""
    settings = mains.settings
    places = {
        "postgres": settings.commons / "postgres",
        "home": settings.home,
        "sites": settings.sites,
    }
    disks = {name: Disk.mounted(places[name], size) for name, size in DISKS.items()}
    settings.home.chmod(0o700)
    try:
        yield disks
    finally:
        for disk in disks.values():
            disk.free()
        mains.end()
        for disk in disks.values():
            disk.unmount()


@contextmanager
def failing_calls() -> Iterator[Path]:
    """Load the library into all that is started from now on; give the file that it obeys."""
    folder = Path("/tmp/mains-shim")  # noqa: S108 - on a file system of this namespace's own
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "none", folder], check=True)
    control, library = folder / "control", folder / "shim.so"
    compiled: list[str | Path] = [
        "gcc",
        "-shared",
        "-fPIC",
        "-O2",
        f'-DCONTROL="{control}"',
        "-o",
        library,
    ]
    subprocess.run([*compiled, SHIM, "-ldl"], check=True)
    upper, work = folder / "upper", folder / "work"
    upper.mkdir()
    work.mkdir()
    (upper / "ld.so.preload").write_text(f"{library}\n")
    options = f"lowerdir=/etc,upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", "/etc"], check=True)
    yield control


def attack(*, fills: int, failures: int, seed: int, planted: bool) -> Mapping[str, int]:
    """Run a town on small disks, make trouble after trouble, and check all in the end."""
    dice, counts = chance(seed, "disks"), Counter[str]()
    with a_mains() as mains, small_disks(mains) as disks:
        control = None
        if failures and shutil.which("gcc") is not None:
            with failing_calls() as control:
                pass
        mains.up()
        town = build(mains, process_sites=2, fake_sites=1)
        traffic, bundles = Traffic(town, seed), Bundles(town)
        traffic.start()
        bundles.start()
        troubles: list[str | tuple[str, str]] = [dice.choice(list(disks)) for _ in range(fills)]
        if control is None:
            counts["not run: needs gcc"] = failures
        else:
            troubles += [dice.choice(list(FAILING.items())) for _ in range(failures)]
        dice.shuffle(troubles)
        for trouble in troubles:
            if isinstance(trouble, str):
                counts[f"full: {trouble}"] += 1
                _full(disks[trouble], dice)
            else:
                assert control is not None
                counts[trouble[0]] += 1
                _failing(mains, control, trouble[1], dice)
            eventually(lambda: mains.answers, seconds_max=RECOVERY_SECONDS_MAX)
            traffic.check()
            witness(town, traffic.book.last())
            time.sleep(CALM_SECONDS)
        traffic.stop()
        bundles.stop()
        if planted:
            digits = next(iter(bundles.kept)).removeprefix("sha256:")
            (mains.settings.home / "blobs" / digits[:2] / digits[2:]).write_bytes(b"damaged")
        counts += _check(mains, town, traffic, bundles, counts)
    return counts


def _full(disk: Disk, dice: random.Random) -> None:
    until = time.monotonic() + dice.uniform(*TROUBLE_SECONDS)
    try:
        while time.monotonic() < until:
            disk.fill()
            time.sleep(0.05)
    finally:
        disk.free()


def _failing(mains: Mains, control: Path, words: str, dice: random.Random) -> None:
    control.write_text(f"{words}\n")
    try:
        if "/base/" in words:
            # Tables are synced by checkpoints alone.
            with suppress(psycopg.Error), psycopg.connect(_superuser(mains)) as connection:
                connection.autocommit = True
                connection.execute("CHECKPOINT")
        time.sleep(dice.uniform(*TROUBLE_SECONDS))
    finally:
        control.unlink()


def _superuser(mains: Mains) -> str:
    state = mains.state
    assert state is not None
    password = (mains.settings.keys / "postgres_superuser").read_text("utf-8").strip()
    _, _, place = state.database_url.partition("@")
    return f"postgresql://mains_superuser:{password}@{place}"


def _check(
    mains: Mains, town: Town, traffic: Traffic, bundles: Bundles, counts: Counter[str]
) -> Counter[str]:
    """Nothing that was acknowledged is lost, refusals have a reason, and the money agrees."""
    jobs, unlucky = _check_jobs(town, traffic)
    check_marks(town.marks, jobs)
    if town.spent() != charged(jobs):
        raise Broken(f"{town.spent()} left the accounts for {charged(jobs)} of charges")
    with town.client() as client:
        for path in (mains.settings.home / "blobs").glob("??/*"):
            if hashlib.sha256(path.read_bytes()).hexdigest() != path.parent.name + path.name:
                raise Broken(f"{path.name} is not the content that its name says")
        for sha256, content in bundles.kept.items():
            if b"".join(client.blob(sha256)) != content:
                raise Broken(f"{sha256} is another content than was taken")
    codes = Counter(refusal.partition(":")[0] for refusal in traffic.book.refusals)
    codes.update(bundles.refusals)
    if odd := set(codes) - EXPECTED:
        raise Broken(f"refused with {odd}: {traffic.book.refusals[:5]}")
    panics = sum(
        path.read_bytes().count(b"PANIC:")
        for path in (mains.settings.commons / "postgres" / "log").glob("*.log")
    )
    unsynced = sum(counts[what] for what, words in FAILING.items() if "/pg_wal/" in words)
    if unsynced and not panics:
        raise Broken("Postgres went on although its log was not kept")
    found = {"jobs": len(jobs), "jobs that their disk failed": unlucky, "panics": panics}
    return Counter({**found, "bundles": len(bundles.kept), **codes})


def _submitted(request: SubmitRequest, client: Client) -> Submitted:
    return client.submit(request)


def _check_jobs(town: Town, traffic: Traffic) -> tuple[list[JobDetail], int]:
    """Every acknowledged job has ended, and asked again it is answered as before."""
    requests = [request for request, _ in traffic.book.answers.values()]
    jobs, unlucky = [], 0
    with town.client() as client:
        for request, answer in traffic.book.answers.values():
            again = patiently(partial(_submitted, request), client)
            if again != answer:
                raise Broken(f"{request.id} was answered {answer}, and now {again}")
        for request in requests:
            job = settled(client, request.id)
            jobs.append(job)
            if job.tasks_done != job.tasks or job.state != "succeeded":
                unlucky += 1
                said = f"{job.reason} {[attempt.reason for attempt in job.attempts]}"
                said += f"{[task.reason for task in job.task_list]}"
                if not any(words in said for words in OF_THE_DISK):
                    raise Broken(f"{job.name} {job.id} is {job.state}: {said}")
    return jobs, unlucky


if __name__ == "__main__":
    told = [int(word) for word in sys.argv[1:]]
    found = attack(fills=told[0], failures=told[1], seed=told[2], planted=bool(told[3]))
    print(json.dumps(found))
