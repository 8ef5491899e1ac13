"""Migrations: forward only, whole or not at all, and never on a database that doesn't fit."""

import hashlib
import threading
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from mains.db.dump import SCHEMA_FILE, normalised
from mains.db.migrations import Migration, check_numbers, migrate, migrations, pending, verify
from mains.errors import DatabaseUnavailable, SchemaMismatch, SetupMissing
from tests.conftest import Cluster


def a_migration(number: int, text: str = "", *, name: str = "step") -> Migration:
    content = (text or f"CREATE TABLE step_{number} ();").encode()
    return Migration(number, name, hashlib.sha256(content).hexdigest(), content)


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[str]:
    """The name of a database without any schema of mains."""
    name = f"empty_{uuid4().hex}"
    cluster.create(name, template="template1")
    yield name
    cluster.retire(name)


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'step%' ORDER BY relname"
        )
        return [row[0] for row in rows]


def test_the_codes_migrations_are_numbered_without_gap() -> None:
    numbers = [migration.number for migration in migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_migrating_applies_all_in_order_and_once(cluster: Cluster, empty: str) -> None:
    url = cluster.owner_url(empty)
    steps = [a_migration(1), a_migration(2, "ALTER TABLE step_1 RENAME TO step_renamed;")]
    assert migrate(url, known=steps) == steps
    assert migrate(url, known=steps) == []
    assert tables(url) == ["step_renamed"]
    assert migrate(url, known=[*steps, a_migration(3)]) == [a_migration(3)]
    verify(cluster.app_url(empty), known=[*steps, a_migration(3)])


def test_the_codes_own_migrations_fit_a_migrated_database(app_url: str, owner_url: str) -> None:
    verify(app_url)
    assert migrate(owner_url) == []


def test_a_failing_migration_leaves_nothing_of_itself(cluster: Cluster, empty: str) -> None:
    url = cluster.owner_url(empty)
    broken = a_migration(2, "CREATE TABLE step_2 (); SELECT 1 / 0;", name="broken")
    with pytest.raises(SchemaMismatch, match=r"Migration 2 \(broken\) failed"):
        migrate(url, known=[a_migration(1), broken])
    assert tables(url) == ["step_1"]
    assert migrate(url, known=[a_migration(1), a_migration(2)]) == [a_migration(2)]


@pytest.mark.parametrize(
    ("known", "complaint"),
    [
        ([a_migration(1), a_migration(2, "SELECT 'changed';"), a_migration(3)], "was changed"),
        ([a_migration(1), a_migration(2)], "has migration 3, which this version"),
        ([a_migration(0), a_migration(1), a_migration(2), a_migration(3)], "skipped migration 0"),
        ([], "has migration 3"),
    ],
)
def test_a_database_that_does_not_fit_is_refused_unchanged(
    cluster: Cluster, empty: str, known: list[Migration], complaint: str
) -> None:
    url = cluster.owner_url(empty)
    migrate(url, known=[a_migration(1), a_migration(2), a_migration(3)])
    with pytest.raises(SchemaMismatch, match=complaint):
        migrate(url, known=known)
    with pytest.raises(SchemaMismatch, match=complaint):
        verify(cluster.app_url(empty), known=known)
    assert tables(url) == ["step_1", "step_2", "step_3"]


def test_an_older_database_is_refused_by_the_application(cluster: Cluster, empty: str) -> None:
    migrate(cluster.owner_url(empty), known=[a_migration(1)])
    with pytest.raises(SchemaMismatch, match="lacks migration 2"):
        verify(cluster.app_url(empty), known=[a_migration(1), a_migration(2)])


def test_a_database_without_schema_is_refused_by_the_application(
    cluster: Cluster, empty: str
) -> None:
    with pytest.raises(SetupMissing, match="no schema of mains"):
        verify(cluster.app_url(empty))


def test_a_stranger_among_the_roles_is_told_what_to_grant(
    cluster: Cluster, empty: str, owner_url: str
) -> None:
    """Stands for a given Postgres whose application user is called differently."""
    superuser = cluster.superuser_url(empty)
    role = f"stranger_{uuid4().hex}"
    migrate(cluster.owner_url(empty), known=[a_migration(1)])
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
        connection.execute(f"GRANT USAGE ON SCHEMA mains_meta TO {role}".encode())
        url = cluster.as_role(empty, role=role, password="x")
        with pytest.raises(SetupMissing) as caught:
            verify(url, known=[a_migration(1)])
        assert caught.value.hint.endswith(f'GRANT mains_app TO "{role}";')
        connection.execute(f"GRANT mains_app TO {role}".encode())
        verify(url, known=[a_migration(1)])
        connection.execute(f"DROP OWNED BY {role}".encode())
        connection.execute(f"DROP ROLE {role}".encode())


def test_two_starts_at_once_migrate_once(cluster: Cluster, empty: str) -> None:
    steps = [a_migration(number) for number in range(1, 6)]
    applied: list[list[Migration]] = []

    def run() -> None:
        applied.append(migrate(cluster.owner_url(empty), known=steps))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(part) for part in applied) == [0, 0, 0, 5]


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(DatabaseUnavailable):
        migrate("postgresql://nobody:x@/nothing?host=/nonexistent")


def test_two_migrations_of_one_number_are_refused() -> None:
    with pytest.raises(SchemaMismatch, match="Two migrations have the number 1"):
        check_numbers([a_migration(1, name="one"), a_migration(1, name="other")])


def test_a_gap_between_files_is_refused() -> None:
    with pytest.raises(SchemaMismatch, match="no migration 2"):
        check_numbers([a_migration(1), a_migration(3)])


def test_nothing_is_pending_when_all_is_applied() -> None:
    step = a_migration(1)
    assert pending([step], {1: step.sha256}) == []
    assert pending([step], {}) == [step]


def test_the_dump_keeps_comments_in_bodies_and_nothing_that_varies() -> None:
    dump = (
        "--\n-- PostgreSQL database dump\n--\n\\restrict abc\nSET lock_timeout = 0;\n\n\n"
        "CREATE FUNCTION f() AS $$\n-- Why it is so.\n\n\nSELECT 1;\n$$;\n\n\n-- Name: x\n\n"
        "CREATE TABLE x ();\n"
    )
    assert normalised(dump) == (
        "CREATE FUNCTION f() AS $$\n-- Why it is so.\n\n\nSELECT 1;\n$$;\n\nCREATE TABLE x ();\n"
    )


def test_the_schema_file_is_kept_beside_the_code() -> None:
    assert "CREATE TABLE mains_meta.migration" in SCHEMA_FILE.read_text("utf-8")
