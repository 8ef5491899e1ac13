"""The passwords of the embedded Postgres' roles: files that libpq reads at every connection.

A connection's address names a file and holds no password, so that a process which runs goes on
with a new password by itself. `postgres_app` is the password, `postgres_app.pgpass` the same in
libpq's form, and `postgres_app.next` one that is on its way.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from mains.db.configuration import PORT
from mains.db.folders import write_file
from mains.db.lock import turn
from mains.errors import AlreadyRunning, DatabaseUnavailable, SetupMissing

PASSWORD_BYTES: Final = 32
CONNECT_SECONDS_MAX: Final = 10
_PRIVATE_FILE: Final = 0o600


class Passwords:
    """The files of all roles in one folder of keys."""

    def __init__(self, keys: Path, *, superuser: str, others: tuple[str, ...]) -> None:
        self._keys = keys
        self._superuser = superuser
        # The superuser comes last: it is the one who changes the others.
        self.roles = (*others, superuser)

    def file(self, role: str) -> Path:
        return self._keys / f"postgres_{role.removeprefix('mains_')}"

    def libpq_file(self, role: str) -> Path:
        return self._beside(role, "pgpass")

    def begin(self, *, existing: bool) -> None:
        """Make what is missing; raises SetupMissing where that would lock out a server."""
        for role in self.roles:
            path = self.file(role)
            if not path.exists():
                if existing:
                    raise SetupMissing(
                        f"The password file {path} of an existing database is missing.",
                        hint="Restore the folder of keys from a backup.",
                    )
                write_file(path, _fresh() + "\n", mode=_PRIVATE_FILE)
            self._write_libpq(role, self.of(role))

    def of(self, role: str) -> str:
        return _read(self.file(role))

    def rotate(self, socket: Path) -> Iterator[str]:
        """Give every role a new password; yields what was done after each step.

        Ended at any step and begun again, it takes up the passwords that are on their way.
        Raises AlreadyRunning or DatabaseUnavailable.
        """
        with turn(self._keys / ".passwords") as ours:
            if not ours:
                raise AlreadyRunning(
                    "The database's passwords are being changed by another command.",
                    hint="Wait for it to end.",
                )
            for role in self.roles:
                coming = self._beside(role, "next")
                if not coming.exists():
                    write_file(coming, _fresh() + "\n", mode=_PRIVATE_FILE)
                yield f"a new password for {role} was made"
                yield from self._introduce(role, socket)

    def finish(self, socket: Path) -> bool:
        """Take up what an interrupted rotation left; return whether there was anything.

        A rotation that still runs is left alone. Raises DatabaseUnavailable.
        """
        if not any(self._beside(role, "next").exists() for role in self.roles):
            return False
        with turn(self._keys / ".passwords") as ours:
            coming = [role for role in self.roles if self._beside(role, "next").exists()]
            for role in coming if ours else ():
                for _ in self._introduce(role, socket):
                    pass
            return ours and bool(coming)

    def _introduce(self, role: str, socket: Path) -> Iterator[str]:
        coming = self._beside(role, "next")
        password = _read(coming)
        self._tell_server(role, password, socket)
        yield f"the database knows the new password of {role}"
        self._write_libpq(role, password)
        yield f"connections of {role} use it"
        coming.replace(self.file(role))
        yield f"the old password of {role} is gone"

    def _tell_server(self, role: str, password: str, socket: Path) -> None:
        """Set a password as its SCRAM verifier, so that no log of the server can have it."""
        with self._superuser_connection(socket) as connection:
            verifier = connection.pgconn.encrypt_password(
                password.encode(), role.encode(), b"scram-sha-256"
            )
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(
                statement.format(sql.Identifier(role), sql.Literal(verifier.decode()))
            )

    def _superuser_connection(self, socket: Path) -> psycopg.Connection:
        """Connect with whichever of its passwords the server knows."""
        files = (self.file(self._superuser), self._beside(self._superuser, "next"))
        said = ""
        for path in files:
            if path.exists():
                try:
                    return psycopg.connect(
                        host=str(socket),
                        port=PORT,
                        user=self._superuser,
                        password=_read(path),
                        dbname="postgres",
                        autocommit=True,
                        connect_timeout=CONNECT_SECONDS_MAX,
                    )
                except psycopg.OperationalError as error:
                    said = str(error).strip()
        raise DatabaseUnavailable(
            f"The embedded Postgres refuses its own administrator: {said}",
            hint=f"The keys in {self._keys} must be those that it was made with.",
        )

    def _write_libpq(self, role: str, password: str) -> None:
        write_file(self.libpq_file(role), f"*:*:*:*:{password}\n", mode=_PRIVATE_FILE)

    def _beside(self, role: str, suffix: str) -> Path:
        path = self.file(role)
        return path.with_name(f"{path.name}.{suffix}")


def _fresh() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise SetupMissing(f"Can't read {path}: {error.strerror}.") from error
