"""Signed envelopes (DSSE, Ed25519): what agents send, and what a server's receipts come in.

A signature covers the exact bytes of the payload and its type, so that an agent's message can never
pass as a receipt. A key's id is its raw public key in hex.
"""

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error as SecurityError
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

from mains.errors import SetupMissing, SignatureInvalid, StoreCorrupt
from mains.wire.agent import DSSE_TYPE

ENVELOPE_BYTES_MAX: Final = 32 * 2**20
"""Larger envelopes are refused before anything of them is decoded."""

_SIGNATURES_MAX: Final = 4
_READABLE_BY_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private Ed25519 key that is ready to sign; made by `generate` or `load`."""

    signer: CryptoSigner
    public_key_hex: str


def sign(
    payload: bytes,
    *,
    key: SigningKey,
    also: SigningKey | None = None,
    payload_type: str = DSSE_TYPE,
) -> bytes:
    """Return the JSON of a DSSE envelope with a signature of each key over exactly these bytes."""
    envelope = Envelope(payload, payload_type, {})
    envelope.sign(key.signer)
    if also is not None:
        envelope.sign(also.signer)
    return orjson.dumps(envelope.to_dict())


def verify(envelope: bytes, *, public_key_hex: str, payload_type: str = DSSE_TYPE) -> bytes:
    """Return the payload once this key's signature over it holds; raises SignatureInvalid."""
    parsed = _parse(envelope, payload_type=payload_type)
    try:
        parsed.verify([_public_key(public_key_hex)], 1)
    except (SecurityError, ValueError) as error:
        raise SignatureInvalid(
            f"no signature of key {public_key_hex[:16]}... holds for this message"
        ) from error
    return parsed.payload


def unverified_payload(envelope: bytes, *, payload_type: str = DSSE_TYPE) -> bytes:
    """Return the payload before any check, only to learn whose key must verify it."""
    return _parse(envelope, payload_type=payload_type).payload


def key_ids(envelope: bytes, *, payload_type: str = DSSE_TYPE) -> list[str]:
    """Return whose signatures an envelope claims to have; none of them is checked."""
    return sorted(_parse(envelope, payload_type=payload_type).signatures)


def generate() -> SigningKey:
    """Return a fresh key that is kept nowhere yet."""
    return _signing_key(Ed25519PrivateKey.generate())


def load_or_create(path: Path) -> SigningKey:
    """Return the key in this file; without a file, make one there first, with mode 0600.

    Raises as `load` does.
    """
    if path.exists():
        return load(path)
    key = generate()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.signer.private_bytes)
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link fails where another process was faster, so that both end up with the same key.
        os.link(temporary, path)
    except FileExistsError:
        return load(path)
    finally:
        temporary.unlink()
    return key


def read_private(pem: bytes) -> SigningKey:
    """Return the key of a PEM text that `SigningKey.signer.private_bytes` gave."""
    private = load_pem_private_key(pem, None)
    assert isinstance(private, Ed25519PrivateKey), "no other kind of key is made here"
    return _signing_key(private)


def load(path: Path) -> SigningKey:
    """Return the key in this PEM file.

    Raises SetupMissing (no such file, or others may read it) or StoreCorrupt (no Ed25519 key).
    """
    try:
        mode, pem = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise SetupMissing(f"the signing key {path} cannot be read: {error.strerror}") from error
    if mode & _READABLE_BY_OTHERS:
        raise SetupMissing(
            f"the signing key {path} can be read by others", hint=f"Run `chmod 600 {path}`."
        )
    try:
        private = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise StoreCorrupt(f"{path} is not a private key in PEM form") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise StoreCorrupt(f"{path} holds another kind of key than Ed25519")
    return _signing_key(private)


def _signing_key(private: Ed25519PrivateKey) -> SigningKey:
    public_hex = private.public_key().public_bytes_raw().hex()
    return SigningKey(CryptoSigner(private, _public_key(public_hex)), public_hex)


def _public_key(public_key_hex: str) -> SSlibKey:
    return SSlibKey(public_key_hex, "ed25519", "ed25519", {"public": public_key_hex})


def _parse(envelope: bytes, *, payload_type: str) -> Envelope:
    if len(envelope) > ENVELOPE_BYTES_MAX:
        raise SignatureInvalid(f"an envelope of {len(envelope)} bytes is too large")
    try:
        document: Any = orjson.loads(envelope)
        if len(document["signatures"]) > _SIGNATURES_MAX:
            raise SignatureInvalid(f"more than {_SIGNATURES_MAX} signatures on one message")
        parsed = Envelope.from_dict(document)
    except (ValueError, KeyError, TypeError, AttributeError, SecurityError) as error:
        raise SignatureInvalid("the message is not a DSSE envelope") from error
    if parsed.payload_type != payload_type:
        raise SignatureInvalid(f"a message of type {payload_type} was expected here")
    return parsed
