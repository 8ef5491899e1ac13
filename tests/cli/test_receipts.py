"""Receipts: genuine ones pass without a server, altered ones never."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from mains.cli.contexts import Context
from mains.cli.receipts import verify_receipt
from mains.errors import SignatureInvalid
from mains.ids import new_id, short
from mains.wire import dsse
from mains.wire.jobs import JobDetail
from tests.cli.city import City, a_receipt
from tests.cli.conftest import Mains


@pytest.fixture
def job(city: City) -> JobDetail:
    return city.add_job(new_id(), quote_id=new_id())


def altered(envelope: bytes, **changes: Any) -> bytes:
    """Change the payload and keep the signature."""
    document = json.loads(envelope)
    payload = json.loads(base64.b64decode(document["payload"])) | changes
    document["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    return json.dumps(document).encode()


def test_a_file_is_verified_without_any_server(
    mains: Mains, city: City, job: JobDetail, tmp_path: Path
) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(city.receipt(job))
    key_file = tmp_path / "server.pub"
    key_file.write_text(city.signing_key.public_key_hex.upper() + "\n")

    ran = mains("receipt", "verify", str(file), "--key", str(key_file))

    assert ran.code == 0, ran.err
    assert "genuine" in ran.out and "3.00 CNY" in ran.out
    assert city.asked == []


def test_a_job_is_verified_with_the_key_that_login_stored(
    mains: Mains, logged_in: Context, city: City, job: JobDetail
) -> None:
    ran = mains("receipt", "verify", short(job.id), "--json")
    assert ran.code == 0
    assert ran.json["valid"] is True and ran.json["receipt"]["job_id"] == str(job.id)
    assert not any(each.endswith("/server") for each in city.asked)


def test_a_receipt_under_a_later_key_is_verified_by_the_line_from_the_stored_one(
    mains: Mains, logged_in: Context, city: City, job: JobDetail, tmp_path: Path
) -> None:
    old = tmp_path / "old.json"
    old.write_bytes(city.receipt(job))
    city.rotate_signing_key()
    new = mains("receipt", "verify", short(job.id))
    assert new.code == 0, new.err
    assert city.signing_key.public_key_hex in new.out
    kept = tmp_path / "keys.json"
    kept.write_text(json.dumps(mains("receipt", "keys", "--json").json), encoding="utf-8")
    city.asked.clear()
    assert mains("receipt", "verify", str(old)).code == 0
    assert mains("receipt", "verify", str(old), "--key", str(kept)).code == 0
    assert city.asked == []


def test_a_key_that_no_trusted_one_vouches_for_is_refused(
    mains: Mains, logged_in: Context, city: City, job: JobDetail
) -> None:
    city.signing_key = dsse.generate()
    ran = mains("receipt", "verify", short(job.id))
    assert (ran.code, "signature_invalid" in ran.err) == (3, True)


def test_a_key_that_is_not_stored_is_asked_of_the_server_and_said_so(
    mains: Mains, job: JobDetail, city: City, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINS_URL", served.url)
    monkeypatch.setenv("MAINS_KEY", "k")
    ran = mains("receipt", "verify", "last")
    assert ran.code == 0
    assert "asked" in ran.err


def test_an_altered_receipt_fails(
    mains: Mains, logged_in: Context, city: City, job: JobDetail, tmp_path: Path
) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(altered(city.receipt(job), charged="2.00"))
    ran = mains("receipt", "verify", str(file))
    assert ran.code == 3
    assert "error [signature_invalid]" in ran.err


def test_another_servers_key_fails(city: City, job: JobDetail) -> None:
    with pytest.raises(SignatureInvalid):
        verify_receipt(city.receipt(job), public_key=dsse.generate().public_key_hex)


def test_an_agents_message_never_passes_as_a_receipt(city: City, job: JobDetail) -> None:
    payload = a_receipt(job).model_dump_json().encode()
    envelope = dsse.sign(payload, key=city.signing_key)
    with pytest.raises(SignatureInvalid):
        verify_receipt(envelope, public_key=city.signing_key.public_key_hex)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"payload": 1}', b"\xff"])
def test_what_is_no_envelope_fails(city: City, content: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        verify_receipt(content, public_key=city.signing_key.public_key_hex)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"charged": "4.00"}, "payers' shares are 3.00, not 4.00"),
        ({"paid_by": {"own": "0.50"}}, "paid_by are 0.50"),
        ({"attempts": []}, "attempts' charges are 0.00"),
        ({"ceiling": "2.99"}, "above the ceiling"),
    ],
)
def test_a_signed_receipt_whose_sums_differ_fails_and_says_which(
    city: City, job: JobDetail, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(SignatureInvalid) as raised:
        verify_receipt(city.receipt(job, **changes), public_key=city.signing_key.public_key_hex)
    assert said in str(raised.value.facts["sums"])


def test_a_payer_that_paid_more_than_it_held_is_named(city: City, job: JobDetail) -> None:
    own, voucher = a_receipt(job).payers
    payers = [own.model_copy(update={"held": "1.00"}), voucher]
    with pytest.raises(SignatureInvalid) as raised:
        verify_receipt(city.receipt(job, payers=payers), public_key=city.signing_key.public_key_hex)
    assert "own money paid 1.50 of 1.00 held" in str(raised.value.facts["sums"])


def test_a_payload_that_is_no_receipt_fails_though_it_is_signed(city: City) -> None:
    from mains.wire.jobs import RECEIPT_TYPE

    envelope = dsse.sign(b'{"receipt": 99}', key=city.signing_key, payload_type=RECEIPT_TYPE)
    with pytest.raises(SignatureInvalid, match="knows"):
        verify_receipt(envelope, public_key=city.signing_key.public_key_hex)


def test_show_may_be_left_out_and_json_is_the_envelope_as_signed(
    mains: Mains, logged_in: Context, city: City, job: JobDetail
) -> None:
    ran = mains("receipt", "last")
    assert ran.code == 0
    for words in ("charged", "3.00 CNY", "dongguan v1 rate.default", "songshan/cpu", "7.5000 h"):
        assert words in ran.out
    envelope = json.dumps(mains("receipt", "--json", "last").json).encode()
    verify_receipt(envelope, public_key=city.signing_key.public_key_hex)


def test_a_missing_file_and_a_bad_key_are_said(
    mains: Mains, logged_in: Context, job: JobDetail
) -> None:
    assert "no file gone/receipt.json" in mains("receipt", "verify", "gone/receipt.json").err
    assert mains("receipt", "verify", "last", "--key", "abc").code == 2


def test_a_receipt_of_a_job_that_still_runs_is_a_conflict(
    mains: Mains, logged_in: Context, city: City
) -> None:
    city.add_job(new_id(), quote_id=new_id(), settled=False, state="running")
    assert mains("receipt", "last").code == 5
