"""How one signing key follows another, so that whoever trusts one of them may trust the other.

A succession is an envelope signed by both keys: the older one names its heir, and the heir proves
that it exists and knows whom it follows.
"""

from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError

from mains.errors import SignatureInvalid
from mains.wire import dsse
from mains.wire.base import Instant, Schema
from mains.wire.dsse import SigningKey

SUCCESSION_TYPE: Final = "application/vnd.mains.succession+json"


class Succession(Schema):
    """Both keys are raw Ed25519 public keys in hex."""

    before: str
    after: str
    made_at: Instant


class PublishedKey(Schema):
    """One key that signs or signed this server's receipts; succession is a DSSE envelope."""

    key_id: str
    public_key: str
    version: int
    made_at: Instant | None
    in_use: bool
    succession: str | None = None


class PublishedKeys(Schema):
    """All of them, oldest first: what is needed to check any receipt without the server."""

    keys: list[PublishedKey]


def succession(before: SigningKey, after: SigningKey, *, made_at: Instant) -> bytes:
    """Return the envelope in which both keys say who follows whom."""
    said = Succession(before=before.public_key_hex, after=after.public_key_hex, made_at=made_at)
    return dsse.sign(
        said.model_dump_json().encode(), key=before, also=after, payload_type=SUCCESSION_TYPE
    )


def trusted(pinned: Iterable[str], published: PublishedKeys) -> set[str]:
    """Return the keys that may be trusted by whoever trusts those that are pinned.

    A key without an unbroken line of successions to a pinned one is not among them.
    """
    known = set(pinned)
    links = [link for key in published.keys if (link := _link(key)) is not None]
    while True:
        more = {
            other
            for before, after in links
            for one, other in ((before, after), (after, before))
            if one in known and other not in known
        }
        if not more:
            return known
        known |= more


def _link(key: PublishedKey) -> tuple[str, str] | None:
    """Return the two keys of a succession that both of them signed."""
    if key.succession is None:
        return None
    envelope = key.succession.encode()
    try:
        payload = dsse.unverified_payload(envelope, payload_type=SUCCESSION_TYPE)
        said = Succession.model_validate_json(payload)
        for public_key in (said.before, said.after):
            dsse.verify(envelope, public_key_hex=public_key, payload_type=SUCCESSION_TYPE)
    except (SignatureInvalid, ValidationError):
        return None
    return said.before, said.after
