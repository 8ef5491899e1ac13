"""A mains of the test's own: real processes with a home of their own, killed and looked at."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from mains.daemon.state import State, running
from mains.daemon.up import answers
from mains.db import embedded
from mains.engines.process.child import PR_SET_PDEATHSIG
from mains.engines.process.folder import read_json
from mains.engines.process.processes import lives
from mains.parties import keyfiles
from mains.settings import Settings
from mains.wire.client import Client
from mains.wire.connection import Connection
from tests.db.people import alive

WAIT_SECONDS_MAX = 60.0
MODULES = {
    "api": "mains.daemon.api",
    "dispatcher": "mains.daemon.dispatcher",
    "agent": "mains.daemon.agent",
}


def eventually(condition: Callable[[], object], *, seconds_max: float = WAIT_SECONDS_MAX) -> None:
    """Poll until it holds; fails the test when it does not within the bound."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {seconds_max:.0f} s"
        time.sleep(0.05)


def loopback() -> str:
    """Return this machine's own address, the newer one where it has both."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return "127.0.0.1"
    return "::1"


def end_with_the_tests() -> None:
    """Ask the kernel to end the calling process in order should the tests be killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def kill(processes: Sequence[psutil.Process]) -> None:
    """Kill -9 and see the end of each."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    eventually(lambda: not any(map(alive, processes)))


@dataclass
class Mains:
    """One home and what runs on it; `started` is every process that was ever seen of it."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: set[psutil.Process] = field(default_factory=set)

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("MAINS_")}
        return {
            **kept,
            "MAINS_HOME": str(self.folder / "home"),
            "MAINS_CONFIG": str(self.folder / "config"),
            **self.environment,
        }

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environ)

    @property
    def state(self) -> State | None:
        return running(self.settings.state_file)

    def up(self) -> State:
        """Start `mains up` and wait until it answers."""
        self.begin()
        eventually(lambda: self.answers or self.ended)
        assert not self.ended, self.said
        state = self.state
        assert state is not None
        return state

    def begin(self) -> None:
        """Start `mains up` and wait for nothing."""
        with (self.folder / "up.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mains.daemon.up"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environ,
                start_new_session=True,
                preexec_fn=end_with_the_tests,
            )

    @property
    def said(self) -> str:
        return (self.folder / "up.txt").read_text("utf-8", "replace")

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    @property
    def answers(self) -> bool:
        state = self.state
        ours = state is not None and self.process is not None and state.pid == self.process.pid
        return ours and state is not None and answers(state)

    def command(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", f"mains.{module}", *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_SECONDS_MAX,
        )

    def down(self) -> subprocess.CompletedProcess[str]:
        self.record()
        done = self.command("daemon.down")
        if self.process is not None and done.returncode == 0:
            self.process.wait(WAIT_SECONDS_MAX)
            self.process = None
        return done

    def key(self) -> str:
        return (self.settings.keys / keyfiles.ADMINISTRATOR).read_text("utf-8").strip()

    def client(self, key: str | None = None) -> Client:
        state = State.read(self.settings.state_file)
        assert state is not None
        return Client(Connection(state.url, key=key or self.key(), certificates=state.certificate))

    # Processes.

    def processes(self, role: str) -> list[psutil.Process]:
        """Return what runs in a role now; the postmaster comes before its backends."""
        if role == "up":
            assert self.process is not None
            return [psutil.Process(self.process.pid)]
        if role == "postgres":
            return self._postgres()[:1]
        if role == "backends":
            return self._postgres()
        if role == "supervisor":
            return self._supervisors()
        return [child for child in self._children() if MODULES[role] in _command(child)]

    def record(self) -> None:
        """Remember what runs now, so that its end can be seen."""
        roles = ("up", *MODULES, "backends")
        for role in roles if self.process is not None else roles[1:]:
            with suppress(psutil.NoSuchProcess):
                self.started.update(self.processes(role))

    def _children(self) -> list[psutil.Process]:
        """Return the modules of mains that `up` runs."""
        if self.process is None:
            return []
        try:
            return [each for each in psutil.Process(self.process.pid).children() if alive(each)]
        except psutil.NoSuchProcess:
            return []

    def left_over(self) -> list[psutil.Process]:
        """Search the whole machine for modules of mains that serve this home."""
        home = str(self.settings.home)
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                ours = any("mains.daemon." in word for word in process.cmdline())
                if ours and alive(process) and process.environ().get("MAINS_HOME") == home:
                    found.append(process)
        return found

    def _postgres(self) -> list[psutil.Process]:
        pid = embedded.status(self.settings).postgres_process
        if pid is None:
            return []
        try:
            postmaster = psutil.Process(pid)
            return [postmaster, *postmaster.children()]
        except psutil.NoSuchProcess:
            return []

    def _supervisors(self) -> list[psutil.Process]:
        found = []
        for path in self.settings.commons.glob("sites/*/engine/runs/*/supervisor.json"):
            with suppress(psutil.NoSuchProcess, ValueError):
                claim = read_json(path)
                if claim is not None and claim["pid"] and lives(claim):
                    found.append(psutil.Process(claim["pid"]))
        return found

    def tell(self) -> None:
        """Print what the processes said of faults, for whoever reads the failed test."""
        logs = [*self.settings.logs.glob("*.log"), *self.settings.commons.glob("sites/*/logs/*")]
        for path in logs:
            for line in path.read_text("utf-8", "replace").splitlines():
                if '"level": "error"' in line or '"level": "critical"' in line:
                    print(path.name, line.replace("\\n", "\n")[-4_000:])
        print(self.said[-4_000:])

    # Ends.

    def kill_up(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(WAIT_SECONDS_MAX)
        self.process = None

    def end(self) -> None:
        """End all that is left, runs included, whatever state a test has left it in."""
        if self.process is not None:
            self.kill_up()
        kill(self.left_over())
        kill(self._postgres())
        for process in self._supervisors():
            kill([*process.children(recursive=True), process])


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@contextmanager
def a_mains(**environment: str) -> Iterator[Mains]:
    """Give a home in a new folder, and leave neither processes nor folders."""
    folder = Path(tempfile.mkdtemp(prefix="mains-daemon-", dir="/tmp"))
    folder.chmod(0o755)  # As root, the system user of Postgres has to pass through.
    mains = Mains(folder, environment)
    try:
        yield mains
    except BaseException:
        mains.tell()
        raise
    finally:
        mains.end()
        if mains.settings.commons != mains.settings.home:
            shutil.rmtree(mains.settings.commons, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
