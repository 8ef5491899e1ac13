"""The operating system's user that owns the embedded Postgres: never root, never a run's."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from mains.errors import SetupMissing

NAMES: Final = ("mains", "_mains")
"""The second one serves a machine where a person is already called mains."""

SYSTEM_UID_MAX: Final = 999
SETUP_SECONDS_MAX: Final = 30
ATTEMPTS_MAX: Final = 10
RETRY_SECONDS: Final = 0.3
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Account:
    """`switches` says that processes have to change to it, because the caller is root."""

    name: str
    uid: int
    gid: int
    switches: bool

    @classmethod
    def current(cls) -> Self:
        """Return the system user when the caller is root, made if absent; else the caller."""
        if os.geteuid() != 0:
            return cls(_name_of(os.geteuid()), os.geteuid(), os.getegid(), switches=False)
        for name in NAMES:
            entry = _find(name) or _add(name)
            if 0 < entry.pw_uid <= SYSTEM_UID_MAX:
                return cls(name, entry.pw_uid, entry.pw_gid, switches=True)
        raise SetupMissing(
            f"The users {' and '.join(NAMES)} exist, but none is a system user.",
            hint="Rename one of them, or give mains a Postgres by MAINS_DATABASE_URL.",
        )

    def run(
        self, command: Sequence[str | Path], *, folder: Path, seconds_max: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user and return what it said; its exit status is not checked.

        The environment is empty but for a path, so that no PGDATA or locale of the caller leaks
        in. Raises SetupMissing when it can't be started or takes too long.
        """
        try:
            return subprocess.run(
                [os.fspath(part) for part in command],
                cwd=folder,
                env={"PATH": _PATH, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
                timeout=seconds_max,
                umask=0o077,
                user=self.uid if self.switches else None,
                group=self.gid if self.switches else None,
                extra_groups=[] if self.switches else None,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SetupMissing(f"Can't run {Path(command[0]).name}: {error}.") from error


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _add(name: str) -> pwd.struct_passwd:
    """Make the system user; two starts at once agree on one."""
    useradd = shutil.which("useradd", path=_PATH)
    if useradd is None:
        raise SetupMissing(
            f"The system user {name} is missing and there is no useradd to make it.",
            hint=f"Make a system user called {name}, or run mains as an ordinary user.",
        )
    command = [useradd, "--system", "--user-group", "--no-create-home"]
    command += ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name]
    said = ""
    for _ in range(ATTEMPTS_MAX):
        made = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SETUP_SECONDS_MAX
        )
        if (entry := _find(name)) is not None:
            return entry
        # Another program may hold the lock of the user database for a moment.
        said = made.stderr.strip()
        time.sleep(RETRY_SECONDS)
    raise SetupMissing(
        f"Can't make the system user {name}: {said}",
        hint=f"Make a system user called {name}, or run mains as an ordinary user.",
    )
