"""Row-level security: a query without a condition finds the rows of one organisation alone."""

from typing import Any, Final
from uuid import UUID

import pytest
from psycopg import errors, sql

from mains.db import Database, Transaction
from mains.ids import new_id
from mains.parties.door import own_rows
from mains.parties.rules import Caller
from mains.wire.parties import Role
from tests.api.builders import Hall, Headers
from tests.security.builders import furnish

pytestmark = pytest.mark.anyio

SHARED: Final = {
    "parties.organisation": "the doors tell names to whoever may see them; sites name their owner",
    "sites.site": "what is on offer is public",
    "sites.pool": "what is on offer is public",
    "sites.tariff": "prices are public",
    "programmes.programme": "rules are public",
    "programmes.version": "rules are public",
}
"""Tables that a caller's transaction reads whole, and why."""

TABLES: Final = """
SELECT format('%s.%s', n.nspname, c.relname) AS name, c.relrowsecurity AS secured,
    has_table_privilege('mains_tenant', c.oid, 'SELECT') AS readable,
    has_table_privilege('mains_tenant', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') AS writable,
    ARRAY(
        SELECT p.polname::text FROM pg_policy AS p WHERE p.polrelid = c.oid ORDER BY 1
    ) AS policies
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'public')
ORDER BY 1
"""


WHOEVER: Final = "SELECT current_user AS who, current_setting('mains.organisation', true) AS home"


async def tables(tx: Transaction) -> list[dict[str, Any]]:
    return await (await tx.execute(TABLES)).fetchall()


async def test_every_table_that_a_caller_reads_is_secured_or_said_to_be_shared(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        found = await tables(tx)
    readable = {each["name"]: each for each in found if each["readable"]}
    secured = {name for name, each in readable.items() if each["secured"]}
    assert readable.keys() - secured == SHARED.keys()
    assert len(secured) >= 17
    for name in secured:
        assert readable[name]["policies"] == ["server", "tenant"], name
    assert {each["name"] for each in found if each["writable"]} == {"jobs.receipt"}


async def test_a_query_without_a_condition_finds_the_rows_of_one_organisation(hall: Hall) -> None:
    voice = await hall.site()
    homes = [await furnish(hall, voice, name) for name in ("own", "stranger")]
    database = hall.wired.database
    callers = [await caller_of(hall, home.keys[Role.MEMBER]) for home in homes]
    async with database.transaction() as tx:
        secured = [each["name"] for each in await tables(tx) if "tenant" in each["policies"]]
        everything = {name: await rows(tx, name) for name in secured}
    seen = []
    for caller in callers:
        async with own_rows(database, caller) as tx:
            seen.append({name: await rows(tx, name) for name in secured})
    own, other = seen
    for name in secured:
        assert own[name], f"{name}: nothing to see, so this proves nothing"
        assert other[name], f"{name}: nothing to see, so this proves nothing"
        assert not own[name] & other[name], f"{name}: both see the same rows"
        assert own[name] | other[name] <= everything[name]
    async with own_rows(database, callers[0]) as tx:
        with pytest.raises(errors.InsufficientPrivilege):
            await tx.execute("SELECT FROM jobs.upload")


async def test_the_scope_ends_with_its_transaction(app_url: str) -> None:
    caller = Caller(new_id(), "p", new_id(), "own", frozenset({Role.MEMBER}), key_id="k")
    database = await Database.open(app_url, size_max=1)
    try:
        async with own_rows(database, caller) as tx:
            assert await whoever(tx) == ("mains_tenant", str(caller.organisation_id))
        async with database.transaction() as tx:
            assert await whoever(tx) == ("mains_app", "")
        with pytest.raises(ZeroDivisionError):
            async with own_rows(database, caller) as tx:
                raise ZeroDivisionError
        async with database.transaction() as tx:
            assert await whoever(tx) == ("mains_app", "")
    finally:
        await database.close()


async def whoever(tx: Transaction) -> tuple[str, str]:
    row = await (await tx.execute(WHOEVER)).fetchone()
    assert row is not None
    return row["who"], row["home"] or ""


async def rows(tx: Transaction, table: str) -> set[str]:
    query = sql.SQL("SELECT ctid::text AS place FROM {}")
    found = await tx.execute(query.format(sql.Identifier(*table.split("."))))
    return {row["place"] for row in await found.fetchall()}


async def caller_of(hall: Hall, headers: Headers) -> Caller:
    told = (await hall.client.get("/v1/whoami", headers=headers)).json()
    return Caller(
        person_id=UUID(told["person_id"]),
        person=told["person"],
        organisation_id=UUID(told["organisation_id"]),
        organisation=told["organisation"],
        roles=frozenset(Role(role) for role in told["roles"]),
        key_id=told["key"],
    )
