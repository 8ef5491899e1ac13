"""A Postgres of Debian's, thrown away after the tests: mains' SQL runs on it as on its own."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from mains.db.account import Account
from mains.db.cluster import APPLICATION, DATABASE, OWNER, SUPERUSER, ensure_tenant
from mains.db.process import end, postmaster

PROGRAMS: Final = "/usr/lib/postgresql/{version}/bin"
PORT: Final = 5432
SECONDS_MAX: Final = 60
CONFIGURATION: Final = """
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = off
max_connections = 60
jit = off
timezone = 'UTC'
"""


@dataclass(frozen=True, slots=True)
class Debian:
    """How the three roles reach a started server."""

    folder: Path
    password: str

    def url(self, role: str, *, database: str = DATABASE) -> str:
        """Return the address of a database for a role, password included."""
        place = f"host={self.folder}&port={PORT}"
        return f"postgresql://{role}:{self.password}@/{database}?{place}"


@contextmanager
def debian(version: str) -> Iterator[Debian]:
    """Give a server of this major version with the roles and the database that mains needs.

    The machine's own cluster, if Debian made one, is neither used nor touched.
    """
    account = Account.current()
    folder = Path(tempfile.mkdtemp(prefix="mains-debian-", dir="/tmp"))
    try:
        shutil.chown(folder, account.uid, account.gid)
        server = Debian(folder, secrets.token_hex())
        _create(server, Path(PROGRAMS.format(version=version)), account)
        try:
            _provision(server)
            yield server
        finally:
            running = postmaster(folder / "data")
            assert running is not None, "the server still runs"
            end(running)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _create(server: Debian, programs: Path, account: Account) -> None:
    folder, secret = server.folder, server.folder / "password"
    secret.write_text(server.password, "utf-8")
    shutil.chown(secret, account.uid, account.gid)
    made = ["--username", SUPERUSER, "--pwfile", "password", "--auth=scram-sha-256", "--no-sync"]
    made += ["--pgdata", "data", "--encoding=UTF8", "--locale=C"]
    _run(account, [programs / "initdb", *made], folder)
    with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(CONFIGURATION.format(folder=folder))
    started = ["start", "--silent", "--wait", "--pgdata=data", "--log=log"]
    _run(account, [programs / "pg_ctl", *started], folder)


def _run(account: Account, command: list[str | Path], folder: Path) -> None:
    done = account.run(command, folder=folder, seconds_max=SECONDS_MAX)
    assert done.returncode == 0, done.stdout


def _provision(server: Debian) -> None:
    with psycopg.connect(server.url(SUPERUSER, database="postgres"), autocommit=True) as connection:
        for role in (OWNER, APPLICATION):
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(server.password)))
        ensure_tenant(connection)
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(statement.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
