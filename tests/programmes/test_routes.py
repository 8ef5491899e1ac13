"""The HTTP door of programmes, as an officer, a firm and a stranger find it."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from mains.clock import ManualClock
from mains.db import Database
from mains.programmes.routes import router
from mains.settings import Settings
from mains.wire.parties import Role
from mains.wire.programmes import ProgrammeDetail, VoucherPage, VoucherView
from tests.parties.builders import Town, a_town, idempotency
from tests.programmes.builders import DONGGUAN, a_text

pytestmark = pytest.mark.anyio


@pytest.fixture
async def town(database: Database, clock: ManualClock, settings: Settings) -> Town:
    town = await a_town(database, clock, settings, router)
    await town.organisation("programme-office", type="department")
    await town.organisation("harbour-robotics")
    officer = await town.person("programme-office", "zhao-min", Role.OFFICER)
    member = await town.person("harbour-robotics", "li-wei", Role.MEMBER)
    town.keys.update(officer=officer, member=member)
    return town


async def publish(town: Town, text: str = DONGGUAN, *, key: str = "officer") -> httpx.Response:
    return await town.call(
        "POST",
        "/programmes",
        key=town.keys[key],
        content=text,
        headers=idempotency() | {"Content-Type": "application/yaml"},
    )


async def grant(town: Town, *, id: UUID | None = None, **more: Any) -> httpx.Response:
    body = {"programme": "dongguan-2025", "organisation": "harbour-robotics", "amount": "300000"}
    return await town.call(
        "POST",
        "/vouchers",
        key=more.pop("key", town.keys["officer"]),
        json=body | more,
        headers={"Idempotency-Key": str(id or uuid4())},
    )


async def test_an_officer_publishes_a_document_in_yaml(town: Town) -> None:
    answer = await publish(town)
    assert answer.status_code == 201, answer.text
    detail = ProgrammeDetail.model_validate_json(answer.content)
    assert (detail.name, detail.version, detail.organisation) == (
        "dongguan-2025",
        1,
        "programme-office",
    )
    assert detail.available.amount == "50000000.00"
    assert detail.document["rules"]["rate"] == {"id": "rate.default", "basis_points": 5000}
    assert detail.valid_until.isoformat() == "2027-12-31T16:00:00+00:00"


async def test_a_pack_is_listed_and_published_by_its_name(town: Town) -> None:
    packs = (await town.call("GET", "/programme-packs", key=town.keys["officer"])).json()
    assert {"name": "dongguan-2025", "text": DONGGUAN} in packs
    answer = await town.call(
        "POST",
        "/programmes",
        key=town.keys["officer"],
        params={"pack": "dongguan-2025"},
        headers=idempotency(),
    )
    assert (answer.status_code, answer.json()["name"]) == (201, "dongguan-2025")


async def test_an_administrator_publishes_the_next_version_for_the_office(town: Town) -> None:
    await publish(town)
    town.keys["administrator"] = town.administrator
    answer = await publish(town, a_text(percent="40 %"), key="administrator")
    assert (answer.json()["version"], answer.json()["organisation"]) == (2, "programme-office")


async def test_a_bad_document_names_its_key(town: Town) -> None:
    answer = await publish(town, a_text(pot="-5"))
    assert answer.status_code == 422
    assert answer.json()["code"] == "document_invalid"
    assert answer.json()["facts"]["key"] == "pot"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 70_000, b""])
async def test_what_is_no_document_is_bad_input(town: Town, content: bytes) -> None:
    answer = await town.call(
        "POST",
        "/programmes",
        key=town.keys["officer"],
        content=content,
        headers=idempotency(),
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "document_invalid")


async def test_only_officers_publish_and_grant(town: Town) -> None:
    for answer in (
        await publish(town, key="member"),
        await grant(town, key=town.keys["member"]),
    ):
        assert answer.json()["code"] == "role_missing"
    await publish(town)
    answer = await grant(town, key=town.keys["member"])
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


async def test_an_officer_of_another_office_neither_grants_nor_publishes(town: Town) -> None:
    await publish(town)
    await town.organisation("other-office", type="department")
    town.keys["other"] = await town.person("other-office", "qian-yi", Role.OFFICER)
    answer = await grant(town, key=town.keys["other"])
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_organisation")
    answer = await publish(town, a_text(percent="100 %"), key="other")
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_organisation")


async def test_publishing_and_granting_need_an_idempotency_key(town: Town) -> None:
    for path in ("/programmes", "/vouchers"):
        answer = await town.call("POST", path, key=town.keys["officer"], json={})
        assert answer.status_code == 422


async def test_everybody_with_a_key_reads_the_rules(town: Town) -> None:
    await publish(town)
    member = town.keys["member"]
    listed = (await town.call("GET", "/programmes", key=member)).json()
    assert [each["name"] for each in listed["programmes"]] == ["dongguan-2025"]
    assert listed["next_after"] is None
    shown = await town.call("GET", "/programmes/dongguan-2025", key=member, params={"version": 1})
    assert shown.json()["document"]["source"] == "compiled, unverified"
    assert (await town.call("GET", "/programmes/none", key=member)).status_code == 404
    assert (await town.call("GET", "/programmes", key="")).status_code == 401


async def test_a_grant_is_shown_to_holder_and_grantor(town: Town) -> None:
    await publish(town)
    voucher_id = uuid4()
    answer = await grant(town, id=voucher_id, tranche="50000")
    assert answer.status_code == 201, answer.text
    granted = VoucherView.model_validate_json(answer.content)
    assert (granted.id, granted.room.amount, granted.promised.amount) == (
        voucher_id,
        "50000.00",
        "250000.00",
    )
    again = await grant(town, id=voucher_id, tranche="50000")
    assert again.json() == answer.json()
    for key in ("officer", "member"):
        shown = await town.call("GET", f"/vouchers/{voucher_id}", key=town.keys[key])
        assert shown.json() == answer.json()


async def test_an_id_used_for_another_grant_is_a_conflict(town: Town) -> None:
    await publish(town)
    voucher_id = uuid4()
    await grant(town, id=voucher_id)
    answer = await grant(town, id=voucher_id, amount="1")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")


async def test_vouchers_of_others_are_not_shown(town: Town) -> None:
    await publish(town)
    voucher_id = uuid4()
    await grant(town, id=voucher_id)
    await town.organisation("stranger")
    stranger = await town.person("stranger", "sun-yi", Role.OWNER)
    shown = await town.call("GET", f"/vouchers/{voucher_id}", key=stranger)
    unknown = await town.call("GET", f"/vouchers/{uuid4()}", key=stranger)
    assert (shown.status_code, shown.json()["code"]) == (404, "not_found")
    assert unknown.json()["code"] == "not_found", "whether it exists is not told"
    listed = await town.call("GET", "/vouchers", key=stranger)
    assert listed.json()["vouchers"] == []


async def test_vouchers_are_listed_by_holder_by_grantor_and_page_by_page(town: Town) -> None:
    await publish(town)
    for _ in range(3):
        assert (await grant(town)).status_code == 201

    async def listed(key: str, **params: Any) -> VoucherPage:
        answer = await town.call("GET", "/vouchers", key=key, params=params)
        return VoucherPage.model_validate_json(answer.content)

    mine = await listed(town.keys["member"], programme="dongguan-2025")
    assert len(mine.vouchers) == 3
    assert (await listed(town.keys["officer"])).vouchers == []
    ours = await listed(town.keys["officer"], granted_by_us=True)
    assert ours.vouchers == mine.vouchers
    everything = await listed(town.administrator)
    assert everything.vouchers == mine.vouchers
    first = await listed(town.keys["member"], limit=2)
    rest = await listed(town.keys["member"], limit=2, before=first.next_before)
    assert [*first.vouchers, *rest.vouchers] == mine.vouchers
    assert rest.next_before is None


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"amount": "60000000"}, 402, "insufficient_funds"),
        ({"amount": "0"}, 422, "amount_invalid"),
        ({"amount": "1e3"}, 422, "request_invalid"),
        ({"organisation": "programme-office"}, 402, "not_eligible"),
        ({"organisation": "nobody"}, 404, "not_found"),
        ({"programme": "nothing"}, 404, "not_found"),
        ({"valid_until": "2031-01-01T00:00:00Z"}, 422, "request_invalid"),
        ({"valid_until": "2027-01-01T00:00:00"}, 422, "request_invalid"),
        ({"gift": True}, 422, "request_invalid"),
        ({"valid_from": "9999-12-31T23:59:59Z"}, 422, "request_invalid"),
        ({"organisation": "\0"}, 422, "request_invalid"),
        ({"amount": "\u0665"}, 422, "request_invalid"),
    ],
)
async def test_a_grant_that_cannot_be_says_why(
    town: Town, more: dict[str, Any], status: int, code: str
) -> None:
    await publish(town)
    answer = await grant(town, **more)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    listed = await town.call("GET", "/vouchers", params={"granted_by_us": False})
    assert listed.json()["vouchers"] == []
