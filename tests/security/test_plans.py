"""Row-level security costs the server nothing: its queries have the plans that they had without."""

import re
from pathlib import Path
from typing import Final

import psycopg

import mains
from mains.db import Queries

NAMED: Final = re.compile(r"%\((\w+)\)s")
SLICES: Final = ("jobs", "quotes", "ledger", "metering", "programmes", "sites", "parties")
SECURED: Final = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relrowsecurity
"""


def test_the_server_plans_its_queries_as_if_no_row_were_secured(
    app_url: str, owner_url: str
) -> None:
    secured = plans(app_url)
    with psycopg.connect(owner_url, autocommit=True) as owner:
        tables = [row[0] for row in owner.execute(SECURED)]
        assert len(tables) >= 17
        for table in tables:
            owner.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY".encode())
    assert plans(app_url) == secured
    assert len(secured) > 100
    touching = [name for name, plan in secured.items() if re.search(r" on (job|attempt)\b", plan)]
    assert len(touching) > 20


def test_a_callers_plans_differ_so_that_this_can_fail(app_url: str) -> None:
    server, caller = plans(app_url), plans(app_url, narrowed=True)
    assert server["jobs/views.sql jobs_page"] != caller["jobs/views.sql jobs_page"]


def plans(url: str, *, narrowed: bool = False) -> dict[str, str]:
    """Return the generic plan of each named query, without costs."""
    found = {}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        if narrowed:
            connection.execute("SET ROLE mains_tenant")
        for name, query in named_queries().items():
            names = list(dict.fromkeys(NAMED.findall(query)))
            text = query
            for place, each in enumerate(names, start=1):
                text = text.replace(f"%({each})s", f"${place}")
            types = f"({', '.join(type_of(each) for each in names)})" if names else ""
            prepare = f"PREPARE asked{types} AS {text.replace('%%', '%')}"
            try:
                connection.execute(prepare.encode())
            except psycopg.errors.InsufficientPrivilege:
                continue
            given = f"({', '.join(['NULL'] * len(names))})" if names else ""
            try:
                rows = connection.execute(f"EXPLAIN (COSTS OFF) EXECUTE asked{given}".encode())
                found[name] = "\n".join(in_order(row[0]) for row in rows)
            except psycopg.errors.InsufficientPrivilege:
                assert narrowed
            connection.execute("DEALLOCATE asked")
    return found


def in_order(line: str) -> str:
    """Return a line of a plan, the conditions of a filter sorted: Postgres 15 orders them anew."""
    head, filters, conditions = line.partition("Filter: (")
    return head + filters + " AND ".join(sorted(conditions.removesuffix(")").split(" AND ")))


def type_of(parameter: str) -> str:
    """Return the type that psycopg sends where the query itself does not say it."""
    if parameter == "interval":
        return "interval"
    instant = parameter == "now" or parameter.endswith(("_at", "_until", "_from", "deadline"))
    return "timestamptz" if instant else "unknown"


def named_queries() -> dict[str, str]:
    """Return every query of the slices that the server and its callers ask."""
    folder = Path(mains.__file__).parent
    return {
        f"{slice_}/{file.name} {name}": Queries.load(f"mains.{slice_}", file.name)[name]
        for slice_ in SLICES
        for file in sorted((folder / slice_).glob("*.sql"))
        for name in Queries.load(f"mains.{slice_}", file.name)
    }
