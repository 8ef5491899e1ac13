"""Signed envelopes and the files that keys are kept in."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

from mains.errors import SetupMissing, SignatureInvalid, StoreCorrupt
from mains.wire import dsse

KEY = dsse.generate()


@given(st.binary(max_size=2_000))
def test_what_is_signed_comes_back_byte_for_byte(payload: bytes) -> None:
    envelope = dsse.sign(payload, key=KEY)

    assert dsse.verify(envelope, public_key_hex=KEY.public_key_hex) == payload
    assert dsse.unverified_payload(envelope) == payload


@given(st.binary(max_size=300))
def test_what_is_no_envelope_is_refused_as_such(envelope: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        dsse.verify(envelope, public_key_hex=KEY.public_key_hex)


def test_another_key_another_type_and_a_foreign_key_id_are_refused() -> None:
    envelope = dsse.sign(b"{}", key=KEY)
    renamed = orjson.loads(dsse.sign(b"{}", key=dsse.generate()))
    renamed["signatures"][0]["keyid"] = KEY.public_key_hex

    with pytest.raises(SignatureInvalid):
        dsse.verify(envelope, public_key_hex=dsse.generate().public_key_hex)
    with pytest.raises(SignatureInvalid):
        dsse.verify(envelope, public_key_hex=KEY.public_key_hex, payload_type="text/plain")
    with pytest.raises(SignatureInvalid):
        dsse.verify(orjson.dumps(renamed), public_key_hex=KEY.public_key_hex)


def test_envelopes_with_no_many_or_doubled_signatures_are_refused() -> None:
    envelope = orjson.loads(dsse.sign(b"{}", key=KEY))
    for count in (0, 2, 5):
        changed = envelope | {"signatures": envelope["signatures"] * count}
        with pytest.raises(SignatureInvalid):
            dsse.verify(orjson.dumps(changed), public_key_hex=KEY.public_key_hex)


def test_an_envelope_beyond_the_bound_is_refused_undecoded() -> None:
    with pytest.raises(SignatureInvalid, match="too large"):
        dsse.unverified_payload(b" " * (dsse.ENVELOPE_BYTES_MAX + 1))


def test_a_key_is_made_once_in_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.key"

    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(dsse.load_or_create, [path] * 8))

    assert len({key.public_key_hex for key in keys}) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["agent.key"]


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "agent.key"
    dsse.load_or_create(path)
    path.chmod(0o640)

    with pytest.raises(SetupMissing, match="read by others"):
        dsse.load(path)


def test_files_that_hold_no_such_key_are_named(tmp_path: Path) -> None:
    other_kind = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    encrypted = (
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    path = tmp_path / "agent.key"

    with pytest.raises(SetupMissing):
        dsse.load(path)
    for content in (other_kind, encrypted, b"", b"no key"):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(StoreCorrupt):
            dsse.load(path)


def test_the_key_file_is_what_other_tools_read(tmp_path: Path) -> None:
    key = dsse.load_or_create(tmp_path / "agent.key")
    uri = f"file2:{tmp_path / 'agent.key'}"

    read = CryptoSigner.from_priv_key_uri(uri, key.signer.public_key)

    assert read.public_key.keyval == {"public": key.public_key_hex}
