"""A database of a campaign's own, and what it holds in the end."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from faults.campaign import Broken
from faults.history import Witness
from mains.api.app import AUDITED
from mains.db import Queries, Transaction, embedded, migrations
from mains.db.cluster import DATABASE, OWNER
from mains.ledger.auditing import BOUNDED, ROWS_MAX

WITNESS = """
CREATE SEQUENCE public.witness;
CREATE FUNCTION public.draw_witness() RETURNS bigint
LANGUAGE sql SECURITY DEFINER AS $$ SELECT nextval('public.witness') $$;
"""
TESTIMONY = """
CREATE TABLE public.drawn (witness bigint PRIMARY KEY);
CREATE OR REPLACE FUNCTION public.draw_witness() RETURNS bigint
LANGUAGE sql SECURITY DEFINER AS $$
    INSERT INTO public.drawn VALUES (nextval('public.witness')) RETURNING witness
$$;
"""
"""Each transaction leaves its number, so that a copy of the database tells which it has."""

NEXT = "SELECT public.draw_witness() AS number, pg_current_xact_id()::text::bigint AS xid"
STATUS = """
SELECT xid FROM unnest(%s::bigint[]) AS t (xid)
WHERE pg_xact_status(xid::text::xid8) = 'committed'
"""
HOLDS = "SELECT id, state = 'open' FROM ledger.hold WHERE leg_accounts && %s::bigint[]"
DRAWS = """
SELECT d.id, d.state::text, d.captured, d.metered, d.late, d.overrun
FROM ledger.draw AS d JOIN ledger.hold AS h ON h.id = d.hold_id WHERE h.leg_accounts && %s::bigint[]
"""
ROOMS = "SELECT id, credits, debits, pending FROM ledger.account WHERE id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Store:
    """How the application and the owner reach it."""

    app_url: str
    owner_url: str
    superuser_url: str = ""

    @property
    def superuser_on_its_own(self) -> str:
        """Return the administrator's address of this database."""
        name = self.app_url.partition("@/")[2].partition("?")[0]
        return self.superuser_url.replace("@/postgres?", f"@/{name}?")

    def add_witness(self) -> None:
        """Make the sequence that `draw_witness` reads."""
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            connection.execute(WITNESS)

    def keep_witnesses(self) -> None:
        """Have every transaction leave its number from now on."""
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            connection.execute(TESTIMONY)

    def drawn(self) -> set[int]:
        """Return the numbers of the transactions that are in here."""
        with psycopg.connect(self.owner_url) as connection:
            rows = connection.execute("SELECT witness FROM public.drawn").fetchall()
        return {witness for (witness,) in rows}

    @contextmanager
    def copy(self, name: str) -> Iterator["Store"]:
        """Give a database beside this one with the same schema, made from the template."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
            connection.execute(
                f'CREATE DATABASE "{name}" TEMPLATE {DATABASE} OWNER {OWNER}'.encode()
            )
            yield Store(_on(self.app_url, name), _on(self.owner_url, name), self.superuser_url)
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

    def stored(self, limited: set[int]) -> dict[str, dict[Any, Any]]:
        """Return the rooms of these accounts, and the holds and draws on them, as `compare` wants.

        All of it comes from one snapshot.
        """
        accounts = [sorted(limited)]
        with psycopg.connect(self.owner_url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            rooms = connection.execute(ROOMS, accounts).fetchall()
            holds = connection.execute(HOLDS, accounts).fetchall()
            draws = connection.execute(DRAWS, accounts).fetchall()
        return {
            "rooms": {row[0]: row[1:] for row in rooms},
            "holds": {row[0]: row[1] for row in holds},
            "draws": {row[0]: (row[1], tuple(row[2]), *row[3:]) for row in draws},
        }

    def committed(self, xids: Iterable[int]) -> set[int]:
        """Return which of these transactions the database kept."""
        with psycopg.connect(self.owner_url) as connection:
            rows = connection.execute(STATUS, [sorted(xids)]).fetchall()
        return {xid for (xid,) in rows}

    def check_invariants(self, slices: Sequence[str] = AUDITED) -> None:
        """Raise Broken where an invariant of these slices does not hold."""
        with psycopg.connect(self.owner_url) as connection:
            for slice_name in slices:
                queries = Queries.load(f"mains.{slice_name}", "audit.sql")
                for invariant, query in queries.items():
                    bounded = BOUNDED.format(sql.SQL(query), sql.Literal(ROWS_MAX))
                    rows = connection.execute(bounded).fetchall()
                    if rows:
                        raise Broken(f"{slice_name}.{invariant}: {rows}")


@contextmanager
def a_store() -> Iterator[Store]:
    """Give a throw-away server with the newest schema, and the sequence of witnesses."""
    with embedded.throw_away() as server:
        assert server.endpoints.owner_url is not None
        assert server.superuser_url is not None
        migrations.migrate(server.endpoints.owner_url)
        store = Store(server.endpoints.app_url, server.endpoints.owner_url, server.superuser_url)
        store.add_witness()
        yield store


def _on(url: str, name: str) -> str:
    return url.replace(f"@/{DATABASE}?", f"@/{name}?")


async def draw_witness(tx: Transaction) -> Witness:
    """Return the next number; while a transaction holds its locks, numbers order what conflicts."""
    row = await (await tx.execute(NEXT)).fetchone()
    if row is None:
        raise Broken("the sequence of witnesses gave nothing")
    return Witness(row["number"], row["xid"])
