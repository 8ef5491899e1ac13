"""The database as plain tables: transactions that apply whole or not at all, queries by name.

The real services run on it: what they ask for by a named query, a function here answers as the SQL
would. A transaction is serial; what Postgres does between two of them that overlap is for the tests
on the database.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID

from mains.db import Queries
from mains.errors import DatabaseUnavailable
from tests.ledger.model import Model
from tests.simulation.loop import check_alive

Row = dict[str, Any]
Table = dict[Any, Row]
Asked = Mapping[str, Any]
Handler = Callable[["Store", Asked], list[Row]]

HANDLERS: Final[dict[str, Handler]] = {}


def answers(queries: Queries, name: str) -> Callable[[Handler], Handler]:
    """Register a function as what a named query does."""

    def register(handler: Handler) -> Handler:
        HANDLERS[queries[name]] = handler
        return handler

    return register


def nothing(queries: Queries, *names: str) -> None:
    """Register queries that find nothing here: locks, and tables that are not simulated."""
    for name in names:
        HANDLERS[queries[name]] = lambda _store, _asked: []


class Fate(Protocol):
    """What becomes of a transaction: decided when it begins and when it ends."""

    async def begin(self) -> None:
        """Take the time of a beginning; raises DatabaseUnavailable."""

    async def end(self) -> None:
        """Take the time of an answer; raises DatabaseUnavailable though it was committed."""

    def commits(self) -> bool:
        """Say whether COMMIT reaches the database."""


@dataclass
class Commit:
    """What one transaction changed, for those who check every step."""

    jobs: dict[UUID, None] = field(default_factory=dict)
    attempts_before: dict[UUID, Row | None] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    placed: list[UUID] = field(default_factory=list)
    closed: list[UUID] = field(default_factory=list)
    readings_before: dict[UUID, Row | None] = field(default_factory=dict)
    sites: dict[UUID, None] = field(default_factory=dict)
    ledger: bool = False
    """Whether the ledger was asked for anything that may move money."""


class Store:
    """The tables; `after_commit` sees every change, in order."""

    def __init__(self) -> None:
        self.organisations: Table = {}
        self.money: Table = {}
        self.sites: Table = {}
        self.pools: Table = {}
        self.registrations: Table = {}
        self.quotes: Table = {}
        self.jobs: Table = {}
        self.terms: Table = {}
        self.queue_changes: Table = {}
        self.attempts: Table = {}
        self.results: Table = {}
        self.heard: Table = {}
        self.usage_hours: Table = {}
        self.readings: Table = {}
        self.refusals: Table = {}
        self.payables: Table = {}
        self.vouchers: Table = {}
        self.caps: Table = {}
        self.dispatcher: Table = {True: {"fence": 0}}
        self.ledger = Model(set())
        self.commit = Commit()
        self.after_commit: Callable[[Commit], None] = lambda _commit: None
        self.publish: Callable[[str], None] = lambda _channel: None
        self._changes = 0
        self._undo: list[tuple[Table, Any, Row | None]] = []
        self._ledger_before: list[tuple[Any, dict[str, Any]]] = []

    def put(self, table: Table, key: Any, row: Row) -> None:
        """Insert or replace a row; rows are never changed in place."""
        old = table.get(key)
        self._undo.append((table, key, old))
        table[key] = row
        if table is self.attempts:
            self.commit.jobs[row["job_id"]] = None
            self.commit.attempts_before.setdefault(key, old)
        elif table is self.jobs:
            self.commit.jobs[key] = None
            if old is None or old["waiting"] != row["waiting"]:
                self._changes += 1
                self.put(self.queue_changes, self._changes, {"job_id": key})
        elif table is self.readings:
            self.commit.readings_before.setdefault(key, old)
        elif table is self.sites:
            self.commit.sites[key] = None

    def take(self, table: Table, key: Any) -> Row:
        """Delete a row that is there; returns it."""
        row = table.pop(key)
        self._undo.append((table, key, row))
        return row

    def change(self, table: Table, key: Any, **values: Any) -> Row:
        """Replace columns of a row that is there; returns the new row."""
        row = {**table[key], **values}
        self.put(table, key, row)
        return row

    def save_ledger(self) -> None:
        """Remember the ledger as it is, before the first change of a transaction."""
        self.commit.ledger = True
        if self._ledger_before:
            return
        model = self.ledger
        for each in (model, *model.accounts.values(), *model.holds.values(), *model.draws.values()):
            self._ledger_before.append((each, each.__dict__.copy()))
        for name in ("holds", "draws", "events", "transfers", "accounts"):
            self._ledger_before[0][1][name] = getattr(model, name).copy()

    def roll_back(self) -> None:
        for table, key, old in reversed(self._undo):
            if old is None:
                table.pop(key, None)
            else:
                table[key] = old
        for each, before in self._ledger_before:
            each.__dict__.clear()
            each.__dict__.update(before)
        self._forget()

    def apply(self) -> None:
        commit = self.commit
        self._forget()
        self.after_commit(commit)
        for channel in commit.notices:
            self.publish(channel)

    def _forget(self) -> None:
        self._undo.clear()
        self._ledger_before.clear()
        self.commit = Commit()


class Cursor:
    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    async def fetchone(self) -> Row | None:
        return self._rows[0] if self._rows else None

    async def fetchall(self) -> list[Row]:
        return list(self._rows)


class ModelTransaction:
    """Stands where a connection inside a transaction does; nothing in it waits."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def execute(self, query: str, asked: Asked | None = None) -> Cursor:
        if query.startswith("notify "):
            self._store.commit.notices.append(query.removeprefix("notify "))
            return Cursor(())
        return Cursor(HANDLERS[query](self._store, asked or {}))


class ModelDatabase:
    """Stands where `mains.db.Database` does."""

    def __init__(self, store: Store, fate: Fate, listen: Callable[..., Any]) -> None:
        self._store = store
        self._fate = fate
        self.listen = listen

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[ModelTransaction]:
        """Give a transaction; faults are told as `Database.transaction` tells them."""
        check_alive()
        await self._fate.begin()
        check_alive()
        try:
            yield ModelTransaction(self._store)
        except BaseException:
            self._store.roll_back()
            raise
        if not self._fate.commits():
            self._store.roll_back()
            await self._fate.end()
            raise unavailable("unknown")
        self._store.apply()
        await self._fate.end()


def unavailable(outcome: str) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"the database went away: {outcome}", outcome=outcome, sqlstate=None)
