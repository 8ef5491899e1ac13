"""Rows as one JSON parameter: a set of any size is one statement, and one to prepare."""

import orjson
from psycopg.types.json import Jsonb


def jsonb(value: object) -> Jsonb:
    """Wrap plain values, UUIDs and times included, for a `%(rows)s::jsonb` parameter."""
    return Jsonb(value, dumps=orjson.dumps)
