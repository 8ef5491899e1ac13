"""A release's database with jobs under way, as SQL that later versions are upgraded from.

At a release, with its own code, `python -m tests.db.recording` writes `releases/NNNN.sql`, named by
its last migration: what the tables hold, and in a comment what the sites know, what people were
told, and the keys of the city. The schema itself is that of the migrations, which never change.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from mains.clock import ManualClock
from mains.db import Database, embedded, migrations
from mains.quotes.service import Quote
from mains.settings import Settings
from mains.wire.agent import StartOrder
from tests.jobs.builders import City, Site, a_spec

FOLDER: Final = Path(__file__).parent / "releases"
FACTS: Final = "-- facts: "
QUARTER_MS: Final = 900_000
SECRET: Final = "hunter2"

TABLES: Final = """
SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attgenerated = ''
    AND n.nspname NOT IN ('mains_meta', 'information_schema') AND n.nspname !~ '^pg_'
GROUP BY 1, 2 ORDER BY 1, 2
"""
SEQUENCES: Final = """
SELECT schemaname, sequencename, last_value FROM pg_sequences
WHERE last_value IS NOT NULL ORDER BY 1, 2
"""


async def scene(city: City) -> dict[str, Any]:
    """Bring a city to where everything is under way; returns what its sites and people know."""
    city.firm = await city.organisation("firm", money=100)
    await city.voucher(whole=10)
    sites = [await city.site("north", price="2"), await city.site("south", price="3", units=3)]
    jobs = {"settled": await city.job(a_spec(name="settled"))}
    [(site, order)] = await orders(city, sites)
    await site.end(order, used_ms=2 * QUARTER_MS)
    await city.receipt(jobs["settled"])
    for name, keys in {"metered": {}, "array": {"array": 3, "retry": "elsewhere"},
                       "stopping": {}, "told": {}}.items():  # fmt: skip
        jobs[name] = await city.job(a_spec(name=name, **keys))
    known = await orders(city, sites)
    at_sites: list[dict[str, Any]] = []
    for site, order in known:
        at_sites.append({"site": site.name, "order": order.model_dump(mode="json")})
        if order.job_id == jobs["array"] and order.first_task == 0:
            await site.end(order, used_ms=QUARTER_MS)
            at_sites.pop()
        elif order.job_id != jobs["told"]:
            await site.running(order, used_ms=QUARTER_MS)
    await city.cancel(jobs["stopping"])
    jobs["placed"] = await city.job(a_spec(name="placed"))
    assert await city.dispatch() == 1
    for name in ("waiting", "secret"):
        keys = {"secrets": {"TOKEN": SECRET}} if name == "secret" else {}
        jobs[name] = await city.job(a_spec(name=name, array=2, **keys))
    await city.dispatch()
    quote = await city.quote()
    assert isinstance(quote, Quote)
    return {
        "now": city.clock.now().isoformat(),
        "firm": str(city.firm),
        "person": str(city.person),
        "signing_key": city.key.public_key_hex,
        "quote": str(quote.id),
        "jobs": {name: str(job_id) for name, job_id in jobs.items()},
        "told": {name: await told(city, job_id) for name, job_id in jobs.items()},
        "sites": [_site(site) for site in sites],
        "at_sites": at_sites,
    }


async def orders(city: City, sites: list[Site]) -> list[tuple[Site, StartOrder]]:
    """Place what waits and let each site hear of it."""
    while await city.dispatch():
        pass
    return [(site, order) for site in sites for order in await site.orders()]


async def told(city: City, job_id: Any) -> dict[str, str | int]:
    """Return what people are told of a job."""
    found = await city.detail(job_id)
    return {
        "state": str(found.state),
        "charged": found.charged.amount,
        "ceiling": found.ceiling.amount,
        "tasks_done": found.tasks_done,
    }


def _site(site: Site) -> dict[str, Any]:
    return {
        "site_id": str(site.site_id),
        "name": site.name,
        "epoch": site.epoch,
        "pool_id": str(site.pool_id),
        "pool": site.pool.model_dump(mode="json"),
        "sequence": site.sequence,
    }


def dump(owner_url: str) -> Iterator[str]:
    """Yield SQL that fills the tables of an equal schema: one statement a row, by name."""
    with psycopg.connect(owner_url) as connection:
        for schema, table, columns in connection.execute(TABLES).fetchall():
            place, names = sql.Identifier(schema, table), [sql.Identifier(name) for name in columns]
            values = sql.SQL(", ").join(sql.SQL("{}::text").format(name) for name in names)
            query = sql.SQL("SELECT {} FROM {} ORDER BY 1, 2").format(values, place)
            insert = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({});")
            rows = connection.execute(query).fetchall()
            if rows:
                # Migrations fill some tables themselves.
                yield sql.SQL("DELETE FROM {};").format(place).as_string(None)
            for row in rows:
                literals = sql.SQL(", ").join(map(sql.Literal, row))
                yield insert.format(place, sql.SQL(", ").join(names), literals).as_string(None)
        for schema, name, last in connection.execute(SEQUENCES).fetchall():
            moved = sql.SQL("SELECT setval({}, {});").format(f"{schema}.{name}", last)
            yield moved.as_string(None)


async def record(folder: Path) -> Path:
    """Write the release of this code into a folder."""
    known = migrations.migrations()
    with embedded.throw_away() as server:
        assert server.endpoints.owner_url is not None
        migrations.migrate(server.endpoints.owner_url, known=known)
        database = await Database.open(server.endpoints.app_url)
        home = Path(tempfile.gettempdir())
        facts = await scene(City(database, ManualClock(), Settings(home=home, commons=home)))
        await database.close()
        lines = [f"{FACTS}{json.dumps(facts)}", *dump(server.endpoints.owner_url)]
    path = folder / f"{known[-1].number:04}.sql"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(record(FOLDER))}\n")
