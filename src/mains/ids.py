"""Identifiers: UUIDv7, so that they are global, sortable by age and made by the caller."""

from datetime import datetime
from uuid import UUID

import uuid_utils

SHORT_LENGTH = 12


def new_id() -> UUID:
    """Return a fresh UUIDv7 as a standard library UUID."""
    return UUID(int=uuid_utils.uuid7().int)


def first_id_of(instant: datetime) -> UUID:
    """Return what all ids made from this instant on are not smaller than."""
    return UUID(int=max(0, int(instant.timestamp() * 1_000)) << 80)


def short(identifier: UUID) -> str:
    """Return the random tail of a UUIDv7, which people type and tables show."""
    return identifier.hex[-SHORT_LENGTH:]


def uuid_or_none(text: str) -> UUID | None:
    """Return the id that a text is, or None where it names something in another way."""
    try:
        return UUID(text)
    except ValueError:
        return None
