"""Postgres, embedded or given: the server, the pool, named queries and migrations."""

from mains.db.database import Database, Listener, Notice, Transaction
from mains.db.queries import Queries
from mains.db.rows import jsonb

__all__ = ["Database", "Listener", "Notice", "Queries", "Transaction", "jsonb"]
