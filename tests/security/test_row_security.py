"""Row-level security: a query without a condition finds the rows of one organisation alone."""

from functools import partial
from typing import Any, Final
from uuid import UUID

import pytest
from psycopg import errors, sql

from mains.db import Database, Transaction
from mains.ids import new_id
from mains.jobs import logs
from mains.parties.door import own_rows
from mains.parties.rules import Caller
from mains.wire.parties import Role
from tests.api.builders import Hall, Headers
from tests.security.builders import MARK, furnish

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

_JOB: Final = "(SELECT organisation_id FROM jobs.job WHERE job.id = t.{})"
_ATTEMPT: Final = "(SELECT organisation_id FROM jobs.attempt WHERE attempt.id = t.{})"
WHOSE: Final = {
    "parties.person": "t.home_id",
    "parties.membership": "t.organisation_id",
    "parties.api_key": "t.organisation_id",
    "programmes.voucher": "t.organisation_id",
    "programmes.cap": "t.organisation_id",
    "quotes.quote": "t.organisation_id",
    "jobs.job": "t.organisation_id",
    "jobs.attempt": "t.organisation_id",
    "jobs.result": _JOB.format("job_id"),
    "jobs.artefact": _JOB.format("job_id"),
    "jobs.receipt": _JOB.format("job_id"),
    "jobs.content": "t.organisation_id",
    "jobs.log_chunk": _ATTEMPT.format("attempt_id"),
    "metering.reading": _ATTEMPT.format("draw_id"),
    "ledger.account": "t.owner_id",
    "ledger.hold": "t.organisation_id",
    "ledger.draw": "(SELECT organisation_id FROM ledger.hold WHERE hold.id = t.hold_id)",
    "ledger.entry": """(
        SELECT max(a.owner_id::text)::uuid FROM ledger.account AS a
        WHERE a.id IN (t.debit, t.credit) AND a.kind IN ('own', 'voucher', 'cap', 'pot')
    )""",
}
"""Whose a row is, said in other words than the policies', so that the two are compared."""

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
    assert secured == WHOSE.keys()
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
    for caller, found in zip(callers, seen, strict=True):
        async with database.transaction() as tx:
            wanted = {name: await rows(tx, name, of=caller.organisation_id) for name in secured}
        assert found == wanted
    async with own_rows(database, callers[0]) as tx:
        with pytest.raises(errors.InsufficientPrivilege):
            await tx.execute("SELECT FROM jobs.upload")


async def test_a_log_is_read_with_the_sight_of_who_reads_it(hall: Hall) -> None:
    voice = await hall.site()
    own, other = [await furnish(hall, voice, name) for name in ("own", "stranger")]
    read = []
    for home in (own, other):
        sight = partial(
            own_rows, hall.wired.database, await caller_of(hall, home.keys[Role.MEMBER])
        )
        job_id = UUID(own.things["job"])
        parts = logs.stream(sight, job_id, task=0, offset=0, follow=False)
        read.append(b"".join([part async for part in parts]))
    assert read == [f"{MARK}\n".encode(), b""]


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


async def rows(tx: Transaction, table: str, *, of: UUID | None = None) -> set[str]:
    """Return where a table's rows lie: all that are seen, or those of an organisation."""
    query = sql.SQL(
        "SELECT t.ctid::text AS place FROM {} AS t WHERE %(of)s::uuid IS NULL OR {} = %(of)s"
    )
    whose = sql.SQL(WHOSE[table])
    found = await tx.execute(query.format(sql.Identifier(*table.split(".")), whose), {"of": of})
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
