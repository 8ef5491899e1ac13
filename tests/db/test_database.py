"""The pool: transactions commit whole or not at all, and faults say what may have happened."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from mains.db import Database, Listener, Transaction
from mains.errors import DatabaseUnavailable, NotFound, RequestInvalid

pytestmark = pytest.mark.anyio


async def value(transaction: Transaction, query: str) -> Any:
    row = await (await transaction.execute(query.encode())).fetchone()
    assert row is not None
    return next(iter(row.values()))


@pytest.fixture
async def notes(database: Database, owner_url: str) -> AsyncIterator[Database]:
    """A database with a table that the application may fill."""
    with psycopg.connect(owner_url) as connection:
        connection.execute("CREATE TABLE note (text text)")
        connection.execute("GRANT SELECT, INSERT, DELETE ON note TO mains_app")
    yield database


async def count(database: Database) -> int:
    async with database.transaction() as transaction:
        return int(await value(transaction, "SELECT count(*) FROM note"))


async def test_a_transaction_reads_rows_as_dictionaries(database: Database) -> None:
    async with database.transaction() as transaction:
        row = await (await transaction.execute("SELECT 1 AS one")).fetchone()
    assert row == {"one": 1}


async def test_a_session_is_the_application_with_bounded_waits(database: Database) -> None:
    async with database.transaction() as transaction:
        assert await value(transaction, "SELECT current_user") == "mains_app"
        assert await value(transaction, "SHOW statement_timeout") == "30s"
        assert await value(transaction, "SHOW lock_timeout") == "10s"
        assert await value(transaction, "SHOW transaction_isolation") == "read committed"
        assert await value(transaction, "SHOW timezone") == "UTC"


async def test_an_ended_transaction_is_committed(notes: Database) -> None:
    async with notes.transaction() as transaction:
        await transaction.execute("INSERT INTO note VALUES ('one')")
    assert await count(notes) == 1


async def test_an_exception_rolls_back_and_passes_through(
    notes: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NotFound):
        async with notes.transaction() as transaction:
            await transaction.execute("INSERT INTO note VALUES ('one')")
            raise NotFound("as asked")
    assert await count(notes) == 0
    assert caplog.records == []


async def test_a_mistake_in_a_statement_stays_what_it_is(notes: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with notes.transaction() as transaction:
            await transaction.execute("SELECT * FROM nowhere")
    assert await count(notes) == 0


async def test_a_killed_session_did_nothing_and_the_next_one_works(notes: Database) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        async with notes.transaction() as transaction:
            await transaction.execute("INSERT INTO note VALUES ('one')")
            await transaction.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert caught.value.facts["outcome"] == "nothing_done"
    assert caught.value.facts["sqlstate"] == "57P01"
    assert await count(notes) == 0


async def test_a_connection_lost_before_the_commit_did_nothing(notes: Database) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        async with notes.transaction() as transaction:
            await transaction.execute("INSERT INTO note VALUES ('one')")
            await transaction.close()
    assert caught.value.facts["outcome"] == "nothing_done"
    assert await count(notes) == 0


async def test_an_answer_lost_in_the_commit_is_unknown(notes: Database, owner_url: str) -> None:
    """A deferred trigger ends the session while COMMIT runs."""
    with psycopg.connect(owner_url) as connection:
        connection.execute(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END$$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION cut()"
        )
    with pytest.raises(DatabaseUnavailable, match="unknown") as caught:
        async with notes.transaction() as transaction:
            await transaction.execute("INSERT INTO note VALUES ('one')")
    assert caught.value.facts["outcome"] == "unknown"
    assert await count(notes) == 0


async def test_too_long_a_wait_for_a_lock_is_a_fault_that_did_nothing(notes: Database) -> None:
    async with notes.transaction() as first:
        await first.execute("SELECT pg_advisory_xact_lock(1)")
        with pytest.raises(DatabaseUnavailable) as caught:
            async with notes.transaction() as second:
                await second.execute("INSERT INTO note VALUES ('waiting')")
                await second.execute("SELECT set_config('lock_timeout', '20', true)")
                await second.execute("SELECT pg_advisory_xact_lock(1)")
    assert caught.value.facts == {"outcome": "nothing_done", "sqlstate": "55P03"}
    assert await count(notes) == 0


async def test_a_cancelled_transaction_is_rolled_back_and_its_connection_returned(
    notes: Database, app_url: str
) -> None:
    database = await Database.open(app_url, size_max=1)
    begun = asyncio.Event()

    async def linger() -> None:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO note VALUES ('one')")
            begun.set()
            await transaction.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(linger())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(database) == 0
    await database.close()


async def test_after_a_restart_of_the_server_one_fault_is_enough(app_url: str) -> None:
    """All connections of the pool die at once; only the first to notice fails."""
    database = await Database.open(app_url, size_max=3)
    async with database.transaction(), database.transaction() as second:
        pids = await value(
            second,
            "SELECT array_agg(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    assert len(pids) >= 1
    with pytest.raises(DatabaseUnavailable):
        async with database.transaction() as transaction:
            await transaction.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await transaction.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    for _ in range(5):
        async with database.transaction() as transaction:
            assert await value(transaction, "SELECT 1") == 1
    await database.close()


async def test_a_server_that_is_not_there_is_unavailable(app_url: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        await Database.open("postgresql://nobody:x@/nothing?host=/nonexistent&connect_timeout=1")


async def test_a_listener_hears_what_is_committed(database: Database) -> None:
    async with database.listen("queue", "Other Channel") as listener:
        assert await listener.wait(seconds_max=10) == []
        async with database.transaction() as transaction:
            await transaction.execute("SELECT pg_notify('queue', '1')")
            await transaction.execute("SELECT pg_notify('Other Channel', '2')")
        heard = await listener.wait(seconds_max=10)
        assert [(notice.channel, notice.payload) for notice in heard] == [
            ("queue", "1"),
            ("Other Channel", "2"),
        ]
        assert await listener.wait(seconds_max=0.01) == []


async def test_a_listener_comes_back_after_its_session_was_cut(database: Database) -> None:
    async with database.listen("queue") as listener:
        await listener.wait(seconds_max=10)
        async with database.transaction() as transaction:
            await transaction.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            )
        assert await listener.wait(seconds_max=0.05) == []
        assert await listener.wait(seconds_max=10) == []
        async with database.transaction() as transaction:
            await transaction.execute("SELECT pg_notify('queue', 'again')")
        assert [notice.payload for notice in await listener.wait(seconds_max=10)] == ["again"]


async def test_a_listener_survives_a_server_that_is_away() -> None:
    database_url = "postgresql://nobody:x@/nothing?host=/nonexistent"
    listener = Listener(database_url, ("queue",))
    assert await listener.wait(seconds_max=0.01) == []
    await listener.close()


def test_a_listener_needs_a_channel() -> None:
    with pytest.raises(RequestInvalid):
        Listener("postgresql://", ())
