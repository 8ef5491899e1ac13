"""Array literals: batches cross to the database as text, which is several times cheaper to build
than adapted lists, and arrays of arrays of different lengths can cross in no other way."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID


def plain(items: Iterable[int | UUID | bool | None]) -> str:
    """Return an array of values whose text needs no quotes."""
    return "{" + ",".join("NULL" if item is None else str(item) for item in items) + "}"


def hashes(items: Iterable[bytes]) -> str:
    return "{" + ",".join(f'"\\\\x{item.hex()}"' for item in items) + "}"


def instants(items: Iterable[datetime]) -> str:
    return "{" + ",".join(f'"{item.isoformat()}"' for item in items) + "}"


def texts(items: Iterable[str]) -> str:
    """Return an array of any texts, array literals included."""
    return "{" + ",".join(map(_quoted, items)) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
