"""A copy of the running database's files, by Postgres' own tools, and what proves it whole."""

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from mains.db.account import Account
from mains.db.archive import INCARNATION, incarnation
from mains.db.binaries import Binaries
from mains.db.cluster import OWNER, SUPERUSER, Layout, address, recorded_socket
from mains.db.configuration import PORT
from mains.db.folders import PRIVATE, make_folder, write_file
from mains.errors import DatabaseUnavailable, SetupMissing, StoreCorrupt
from mains.settings import Settings

SECONDS_MAX: Final = 12 * 3_600
PROOF: Final = "backup_manifest"
"""Postgres' own list of all files with their hashes."""

SAID_CHARACTERS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class BaseBackup:
    """What was copied. It can be brought to any time from `consistent_at` on.

    proof_sha256 is of Postgres' list of files; archive names the folder of the log's archive, where
    the database had one.
    """

    system_identifier: str
    timeline: int
    end_lsn: str
    consistent_at: datetime
    size_bytes: int
    proof_sha256: str
    archive: str | None


def administrator_url(settings: Settings, *, database: str) -> str:
    """Return how the running embedded server's administrator reaches it: a password, never logged.

    Raises DatabaseUnavailable when nothing runs, SetupMissing when the password is not readable.
    """
    return _url(settings, SUPERUSER, database)


def owner_url(settings: Settings, *, database: str) -> str:
    """Return how the running embedded server's owner of the tables reaches it."""
    return _url(settings, OWNER, database)


def take(settings: Settings, into: Path) -> BaseBackup:
    """Copy the running embedded database into a new folder, and verify the copy.

    The caller owns what is written. Raises DatabaseUnavailable, SetupMissing or StoreCorrupt.
    """
    with psycopg.connect(administrator_url(settings, database="postgres")) as connection:
        _copy(settings, into)
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    verify(into)
    layout = Layout(settings)
    proof = (into / PROOF).read_bytes()
    told = _proof(into)
    ranges = told["WAL-Ranges"]
    return BaseBackup(
        system_identifier=str(told["System-Identifier"]),
        timeline=ranges[-1]["Timeline"],
        end_lsn=ranges[-1]["End-LSN"],
        consistent_at=row[0],
        size_bytes=sum(path.stat().st_size for path in into.rglob("*") if path.is_file()),
        proof_sha256=hashlib.sha256(proof).hexdigest(),
        archive=incarnation(layout.data) if settings.wal_archive is not None else None,
    )


def verify(folder: Path) -> None:
    """Compare every file with the hash in Postgres' list, and read the log that belongs to it.

    Raises StoreCorrupt with what differs.
    """
    told = _proof(folder)
    for entry in told["Files"]:
        name = entry["Path"] if "Path" in entry else bytes.fromhex(entry["Encoded-Path"]).decode()
        try:
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _corrupt(folder, f"{name}: {error.strerror}") from error
        if found != entry["Checksum"]:
            raise _corrupt(folder, f"{name} has another hash")
    for part in told["WAL-Ranges"]:
        asked = [f"--timeline={part['Timeline']}", f"--start={part['Start-LSN']}"]
        asked += [f"--end={part['End-LSN']}", f"--path={folder / 'pg_wal'}"]
        if said := run_tool("pg_waldump", "--quiet", *asked):
            raise _corrupt(folder, said)


def _proof(folder: Path) -> dict[str, Any]:
    """Return Postgres' list of files, which ends with a hash of what stands before it."""
    try:
        content = (folder / PROOF).read_bytes()
        told: dict[str, Any] = json.loads(content)
    except (OSError, ValueError) as error:
        raise _corrupt(folder, f"{PROOF} is not readable") from error
    last_line = content.rstrip(b"\n").rindex(b"\n") + 1
    if hashlib.sha256(content[:last_line]).hexdigest() != told.get("Manifest-Checksum"):
        raise _corrupt(folder, f"{PROOF} has changed")
    return told


def _corrupt(folder: Path, why: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"The copy of the database in {folder} is not what was copied: {why}.",
        hint="Use another backup; nothing was changed.",
    )


def place(folder: Path, data: Path, account: Account) -> None:
    """Copy a verified base backup to where a server of this account can be started on it."""
    shutil.rmtree(data, ignore_errors=True)
    make_folder(data, mode=PRIVATE, owner=account)
    shutil.copytree(folder, data, dirs_exist_ok=True, copy_function=shutil.copyfile)
    for root, folders, files in os.walk(data):
        for path in [Path(root, name) for name in (*folders, *files)]:
            path.chmod(PRIVATE if path.is_dir() else 0o600)
            if account.switches:
                os.chown(path, account.uid, account.gid)
    data.chmod(PRIVATE)
    (data / INCARNATION).unlink(missing_ok=True)


def run_tool(program: str, *arguments: str | Path) -> str:
    """Run one of Postgres' tools as the caller; returns what it said of a failure, or nothing."""
    account = Account.current()
    done = replace(account, switches=False).run(
        [Binaries.for_account(account).program(program), *arguments],
        folder=Path("/"),
        seconds_max=SECONDS_MAX,
    )
    if done.returncode == 0:
        return ""
    return done.stdout.strip()[-SAID_CHARACTERS_MAX:] or f"{program} ended with {done.returncode}"


def _copy(settings: Settings, into: Path) -> None:
    """Have pg_basebackup write the files and the log of the meanwhile; it reads the password."""
    layout = Layout(settings)
    make_folder(into, mode=PRIVATE)
    with tempfile.TemporaryDirectory(prefix="mains-backup-") as folder:
        passfile = Path(folder) / "password"
        password = layout.passwords.of(SUPERUSER)
        write_file(passfile, f"*:*:*:*:{password}\n", mode=0o600)
        where = make_conninfo(
            host=str(recorded_socket(layout, Account.current())),
            port=PORT,
            user=SUPERUSER,
            passfile=str(passfile),
        )
        said = run_tool(
            "pg_basebackup",
            f"--dbname={where}",
            f"--pgdata={into}",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--manifest-checksums=SHA256",
            "--no-password",
        )
    if said:
        raise DatabaseUnavailable(f"The database was not copied: {said}", hint="Try again.")


def _url(settings: Settings, role: str, database: str) -> str:
    layout = Layout(settings)
    socket = recorded_socket(layout, Account.current())
    if socket is None:
        raise DatabaseUnavailable(f"No embedded Postgres runs on {settings.commons}.")
    passfile = layout.passwords.libpq_file(role)
    if not passfile.is_file():
        raise SetupMissing(f"The password of {role} is not in {layout.keys}.")
    return address(socket, role, passfile, database=database)
