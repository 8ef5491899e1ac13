"""Migrations: numbered files, forward only, checksummed, one at a time under a lock."""

import hashlib
import importlib.resources
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from mains.db.queries import Queries
from mains.errors import DatabaseUnavailable, SchemaMismatch, SetupMissing

APPLICATION_ROLE: Final = "mains_app"
TENANT_ROLE: Final = "mains_tenant"
LOCK_MILLISECONDS_MAX: Final = 120_000
CONNECT_SECONDS_MAX: Final = 10

_APPLICATION: Final = f"CREATE ROLE {APPLICATION_ROLE} LOGIN PASSWORD '...';"
_TENANT: Final = f"CREATE ROLE {TENANT_ROLE}; GRANT {TENANT_ROLE} TO {APPLICATION_ROLE};"
_FILENAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
QUERIES: Final = Queries.load(__package__, "migrations.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of migrations; sha256 is over its exact bytes."""

    number: int
    name: str
    sha256: str
    text: bytes


def migrations() -> list[Migration]:
    """Return the code's migrations in order; raises SchemaMismatch for wrong numbers."""
    found = []
    for entry in importlib.resources.files(__package__).joinpath("migrations").iterdir():
        if match := _FILENAME.fullmatch(entry.name):
            text = entry.read_bytes()
            digest = hashlib.sha256(text).hexdigest()
            found.append(Migration(int(match[1]), match[2], digest, text))
    found.sort(key=lambda migration: migration.number)
    check_numbers(found)
    return found


def check_numbers(known: Sequence[Migration]) -> None:
    """Raise SchemaMismatch unless the numbers go up by one each; a gap is a file that is lost."""
    for before, after in itertools.pairwise(known):
        if before.number == after.number:
            raise SchemaMismatch(
                f"Two migrations have the number {after.number}: {before.name}, {after.name}."
            )
        if before.number + 1 != after.number:
            raise SchemaMismatch(
                f"There is no migration {before.number + 1} before {after.number} ({after.name})."
            )


def pending(known: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """Return what is still to be applied; raises SchemaMismatch if the two don't belong together.

    `applied` maps numbers to checksums, as the database recorded them.
    """
    by_number = {migration.number: migration for migration in known}
    if newer := sorted(set(applied) - set(by_number)):
        raise SchemaMismatch(
            f"The database has migration {newer[-1]}, which this version of mains doesn't know.",
            hint="Start the newer version of mains that made it, or restore an older backup.",
        )
    for number, checksum in sorted(applied.items()):
        if by_number[number].sha256 != checksum:
            raise SchemaMismatch(
                f"Migration {number} ({by_number[number].name}) was changed after this database "
                "applied it.",
                hint="Use the version of mains that this database was made with.",
            )
    missing = [migration for migration in known if migration.number not in applied]
    if applied and missing and missing[0].number < max(applied):
        raise SchemaMismatch(
            f"The database skipped migration {missing[0].number} ({missing[0].name}) but has "
            f"migration {max(applied)}.",
            hint="Restore a backup; a gap can't be filled afterwards.",
        )
    return missing


def migrate(owner_url: str, *, known: Sequence[Migration] | None = None) -> list[Migration]:
    """Bring the database up to this code and return what was applied; each file is atomic.

    Raises SchemaMismatch (nothing changed), SetupMissing or DatabaseUnavailable.
    """
    wanted = migrations() if known is None else known
    with _connect(owner_url) as connection:
        _take_lock(connection)
        _ensure_role(
            connection, APPLICATION_ROLE, make="create_role", as_administrator=_APPLICATION
        )
        _ensure_role(connection, TENANT_ROLE, make="create_tenant", as_administrator=_TENANT)
        with connection.transaction():
            connection.execute(QUERIES["create_meta"].encode())
        missing = pending(wanted, _applied(connection))
        for migration in missing:
            _apply(connection, migration)
        return missing


def verify(app_url: str, *, known: Sequence[Migration] | None = None) -> None:
    """Check as the application that the database is exactly at this code.

    Raises SchemaMismatch, SetupMissing or DatabaseUnavailable.
    """
    wanted = migrations() if known is None else known
    with _connect(app_url) as connection:
        row = connection.execute(QUERIES["application_facts"]).fetchone()
        assert row is not None
        if not row[0]:
            raise SetupMissing(
                "The database has no schema of mains yet.",
                hint="Start mains with MAINS_DATABASE_OWNER_URL set, so that it can migrate.",
            )
        if not row[1]:
            raise SetupMissing(
                f"The database user {row[2]} may not act as {APPLICATION_ROLE}.",
                hint=f'Run as the database\'s owner: GRANT {APPLICATION_ROLE} TO "{row[2]}";',
            )
        if missing := pending(wanted, _applied(connection)):
            raise SchemaMismatch(
                f"The database lacks migration {missing[0].number} ({missing[0].name}).",
                hint="Start mains with MAINS_DATABASE_OWNER_URL set, so that it can migrate.",
            )


def applied(owner_url: str) -> dict[int, str]:
    """Return the checksums of what a database has applied, by number; none is SetupMissing."""
    with _connect(owner_url) as connection:
        try:
            found = _applied(connection)
        except psycopg.errors.UndefinedTable as error:
            raise SetupMissing("The database has no schema of mains.") from error
    if not found:
        raise SetupMissing("The database has no schema of mains.")
    return found


@contextmanager
def _connect(url: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """Give a connection; a server that goes away at any moment is DatabaseUnavailable."""
    try:
        with psycopg.connect(
            url, autocommit=True, connect_timeout=CONNECT_SECONDS_MAX
        ) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"Can't reach the database: {error}".strip()) from error


def _take_lock(connection: psycopg.Connection[TupleRow]) -> None:
    """Held until the connection ends, so that two starts never migrate at once."""
    connection.execute(QUERIES["bound_locks"], {"milliseconds": str(LOCK_MILLISECONDS_MAX)})
    try:
        connection.execute(QUERIES["take_lock"])
    except psycopg.errors.LockNotAvailable as error:
        raise DatabaseUnavailable("Another mains has been migrating for too long.") from error


def _ensure_role(
    connection: psycopg.Connection[TupleRow], role: str, *, make: str, as_administrator: str
) -> None:
    if connection.execute(QUERIES["role_exists"], {"role": role}).fetchone():
        return
    try:
        connection.execute(QUERIES[make])
    except psycopg.errors.DuplicateObject:
        return
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupMissing(
            f"The role {role} is missing and this owner may not create roles.",
            hint=f"As an administrator: {as_administrator}",
        ) from error


def _applied(connection: psycopg.Connection[TupleRow]) -> dict[int, str]:
    return dict(connection.execute(QUERIES["applied"]).fetchall())


def _apply(connection: psycopg.Connection[TupleRow], migration: Migration) -> None:
    try:
        with connection.transaction():
            connection.execute(migration.text)
            connection.execute(
                QUERIES["record"],
                {
                    "number": migration.number,
                    "name": migration.name,
                    "sha256": migration.sha256,
                },
            )
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"The database went away: {error}".strip()) from error
    except psycopg.Error as error:
        raise SchemaMismatch(
            f"Migration {migration.number} ({migration.name}) failed and was rolled back: {error}"
        ) from error
