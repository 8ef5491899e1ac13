"""The archive of the database's log: each finished segment, compressed, whole or not at all.

Every database archives into a folder of its own below the given one. What was restored gets a new
one with its first start, so that it never mixes with what it was restored from.
"""

import importlib.resources
import secrets
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mains.db.account import Account
from mains.db.folders import PRIVATE, check_reachable, make_folder, write_file
from mains.errors import SetupMissing

INCARNATION: Final = "mains.incarnation"
"""The file in the data that names the folder of its archive."""

INCARNATION_BYTES: Final = 8
SEGMENT_SECONDS_MAX: Final = 60
"""So much of what was committed may be in no finished segment yet."""

TRIAL_SECONDS_MAX: Final = 10
WRITING: Final = "archive.sh"
FETCHING: Final = "fetch.sh"


@dataclass(frozen=True, slots=True)
class Archive:
    """Where one database's segments go."""

    folder: Path

    @classmethod
    def of(cls, data: Path, root: Path, account: Account) -> "Archive":
        """Return the archive of this data, its folder made; raises SetupMissing."""
        make_folder(root, mode=PRIVATE, owner=account)
        check_reachable(root, account)
        folder = root / _incarnation(data, account)
        # Its owner makes it, so that it is seen at the start whether Postgres may write there.
        command: list[str | Path] = ["/bin/mkdir", "-p", folder]
        tried = account.run(command, folder=Path("/"), seconds_max=TRIAL_SECONDS_MAX)
        if tried.returncode != 0:
            raise SetupMissing(
                f"Postgres can't write into the archive {root}: {tried.stdout.strip()}",
                hint=f"MAINS_WAL_ARCHIVE is a folder that the user {account.name} may write to.",
            )
        return cls(folder)

    def script(self) -> str:
        """Return the program that Postgres hands finished segments to."""
        return _script(WRITING, into=self.folder)


def fetching(folder: Path) -> str:
    """Return the program that brings segments back from an archive's folder."""
    return _script(FETCHING, **{"from": folder})


def incarnation(data: Path) -> str | None:
    """Return the name of the folder that this data archives into, once it has one."""
    with suppress(OSError):
        return (data / INCARNATION).read_text("ascii").strip()
    return None


def _incarnation(data: Path, account: Account) -> str:
    known = incarnation(data)
    if known is not None:
        return known
    fresh = secrets.token_hex(INCARNATION_BYTES)
    write_file(data / INCARNATION, fresh + "\n", mode=0o600, owner=account)
    return fresh


def _script(name: str, **places: Path) -> str:
    told = "".join(f"{word}={shlex.quote(str(path))}\n" for word, path in places.items())
    text = importlib.resources.files(__package__).joinpath(name).read_text("utf-8")
    return f"# Written by mains; changes here are lost.\n{told}{text}"
