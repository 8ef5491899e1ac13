"""What is past its time goes, a bounded number at a time; what anything stands on stays."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mains.db import Queries
from mains.ids import first_id_of, new_id
from mains.jobs import retention
from mains.jobs.retention import Forgotten
from mains.ledger import auditing
from tests.jobs.builders import City

pytestmark = pytest.mark.anyio

START = UUID(int=0)
COPY_QUOTE = """
insert into quotes.quote
select %(id)s, organisation_id, person_id, spec, bundle, currency, tasks, ceiling, own_most,
  amounts, leg_accounts, leg_payers, payers, offers, refusals, %(made)s, %(end)s
from quotes.quote limit 1
"""


async def forget(city: City, *, after: UUID = START) -> Forgotten:
    async with city.database.transaction() as tx:
        return await retention.forget(
            tx, settings=city.settings, now=city.clock.now(), quotes_after=after
        )


async def findings(city: City) -> dict[str, list[dict[str, str]]]:
    """Note a look of the dispatcher, and return what the audit says of it."""
    queries = Queries.load("mains.jobs", "audit.sql")
    async with city.database.transaction() as tx:
        await retention.note(tx, settings=city.settings, now=city.clock.now())
        found = await auditing.audit(tx, {"jobs": queries})
    return {finding.invariant: list(finding.rows) for finding in found}


async def unused_quotes(city: City, count: int) -> None:
    """Add quotes as old as the clock, whatever the time of the machine is."""
    now = city.clock.now()
    async with city.database.transaction() as tx:
        for number in range(count):
            quote_id = UUID(int=first_id_of(now).int + number)
            said: dict[str, Any] = {"id": quote_id, "made": now, "end": now + timedelta(minutes=15)}
            await tx.execute(COPY_QUOTE, said)


async def count_of(city: City, table: str) -> int:
    async with city.database.transaction() as tx:
        row = await (await tx.execute(f"select count(*) as rows from {table}")).fetchone()  # noqa: S608
    assert row is not None
    return int(row["rows"])


async def test_a_quote_that_nobody_used_goes_and_a_used_one_stays(city: City) -> None:
    await city.site("north")
    await city.job()
    await unused_quotes(city, 3)
    days = timedelta(days=city.settings.retention_quotes_days)
    city.clock.advance(days + timedelta(days=1))
    assert (await forget(city)).dropped["quotes"] == 0
    city.clock.advance(timedelta(minutes=15, seconds=1))
    assert (await forget(city)).dropped["quotes"] == 3
    assert await count_of(city, "quotes.quote") == 1


async def test_quotes_are_looked_at_in_bounded_steps_that_go_on(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOOKED_MAX", 4)
    await city.site("north")
    await city.job()
    await unused_quotes(city, 10)
    city.clock.advance(timedelta(days=city.settings.retention_quotes_days + 2))
    done, dropped, after = None, [], START
    while done is None or done.more:
        done = await forget(city, after=after)
        dropped.append(done.dropped["quotes"])
        after = done.quotes_after
    assert dropped == [4, 4, 2]
    assert (await forget(city, after=after)).quotes_after == after


async def test_spent_tokens_ended_keys_and_refused_meters_go_in_time(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await city.site("north")
    now = city.clock.now()
    later = now + timedelta(days=1)
    statement, site_id = bytes(32), site.site_id
    async with city.database.transaction() as tx:
        await tx.execute("delete from sites.join_token")
        for number, used_at in enumerate((now, None)):
            await tx.execute(
                "insert into sites.join_token values (%s, %s, %s, %s, %s, null, %s)",
                (bytes([number] * 32), site_id, later, "key" if used_at else None, used_at, now),
            )
        await tx.execute(
            "insert into metering.statement values (%s, %s, '', %s)", (statement, site_id, now)
        )
        for number in range(3):
            await tx.execute(
                "insert into metering.refusal values (%s, %s, '', 'absurd', %s, 0, %s, 1, %s, %s)",
                (new_id(), number, site_id, statement, now, now + timedelta(days=number)),
            )
    settings = city.settings
    city.clock.advance(timedelta(days=settings.retention_tokens_days, hours=1))
    assert (await forget(city)).dropped == {"tokens": 1, "keys": 0, "refusals": 0, "quotes": 0}
    assert await count_of(city, "sites.join_token") == 1
    monkeypatch.setattr(retention, "BATCH_MAX", 1)
    city.clock.advance(timedelta(days=settings.retention_refusals_days))
    rounds = [await forget(city) for _ in range(4)]
    assert [done.dropped["refusals"] for done in rounds] == [1, 1, 1, 0]
    assert [done.more for done in rounds] == [True, True, True, False]
    assert await count_of(city, "metering.statement") == 1


async def test_the_audit_says_what_is_kept_too_long_and_nothing_before(city: City) -> None:
    await city.site("north")
    await city.job()
    await unused_quotes(city, 2)
    assert await findings(city) == {}
    city.clock.advance(timedelta(days=city.settings.retention_quotes_days + 1))
    assert "retention_is_kept" not in await findings(city)
    city.clock.advance(timedelta(days=1, hours=1))
    late = (await findings(city))["retention_is_kept"]
    assert [(row["kind"], row["things"]) for row in sorted(late, key=lambda row: row["kind"])] == [
        ("quotes", "2"),
        ("tokens", "1"),
    ]
    await forget(city)
    assert "retention_is_kept" not in await findings(city)
