"""The audit: every slice's invariants as queries that name the rows which break them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from mains.db import Queries, Transaction

ROWS_MAX: Final = 20
# Materialised, for with the bound in sight the planner expects to find a row soon and is slow.
BOUNDED: Final = sql.SQL("WITH broken AS MATERIALIZED ({}) SELECT * FROM broken LIMIT {}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken invariant; rows name what breaks it, at most ROWS_MAX of them, as text."""

    slice: str
    invariant: str
    means: str
    rows: tuple[dict[str, str], ...]


async def audit(tx: Transaction, queries_by_slice: Mapping[str, Queries]) -> list[Finding]:
    """Run every invariant of the given slices' audit.sql; an empty list means clean."""
    findings = []
    for name, queries in queries_by_slice.items():
        for invariant, query in queries.items():
            cursor = await tx.execute(BOUNDED.format(sql.SQL(query), sql.Literal(ROWS_MAX)))
            rows = tuple(
                {column: str(value) for column, value in row.items()}
                for row in await cursor.fetchall()
            )
            if rows:
                findings.append(Finding(name, invariant, queries.why(invariant), rows))
    return findings
