"""Deposits, balances and entries over HTTP."""

from uuid import UUID, uuid4

import httpx
import pytest

from mains.clock import ManualClock
from mains.db import Database
from mains.ledger import service
from mains.ledger.routes import router
from mains.ledger.values import AccountKind
from mains.settings import Settings
from mains.wire.parties import Role
from tests.parties.builders import Town, a_town

pytestmark = pytest.mark.anyio


@pytest.fixture
async def town(database: Database, clock: ManualClock, settings: Settings) -> Town:
    return await a_town(database, clock, settings, router)


async def deposit(
    town: Town, amount: str, *, key: UUID | None = None, caller: str | None = None
) -> httpx.Response:
    return await town.call(
        "POST",
        "/organisations/acme/deposits",
        key=caller,
        json={"amount": amount, "currency": "CNY"},
        headers={"Idempotency-Key": str(key or uuid4())},
    )


async def test_a_deposit_counts_once_and_shows_in_the_balance(town: Town) -> None:
    await town.organisation("acme")
    key = uuid4()
    first, again = await deposit(town, "1250.5", key=key), await deposit(town, "1250.5", key=key)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.json()["deposited"] == {"amount": "1250.50", "currency": "CNY"}
    balance = await town.call("GET", "/organisations/acme/balance")
    (account,) = balance.json()["accounts"]
    assert (account["kind"], account["granted"], account["available"]) == (
        "own",
        "1250.50",
        "1250.50",
    )


async def test_the_same_key_with_another_amount_is_refused(town: Town) -> None:
    await town.organisation("acme")
    key = uuid4()
    await deposit(town, "1", key=key)
    other = await deposit(town, "2", key=key)
    assert other.status_code == 409
    assert other.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize("amount", ["0", "-5", "0.0000001", "lots", "9999999999999"])
async def test_an_amount_that_makes_no_sense_is_refused(town: Town, amount: str) -> None:
    await town.organisation("acme")
    answer = await deposit(town, amount)
    assert answer.status_code == 422


async def test_a_currency_that_is_none_is_refused(town: Town) -> None:
    await town.organisation("acme")
    answer = await town.call(
        "POST",
        "/organisations/acme/deposits",
        json={"amount": "1", "currency": "yuan"},
        headers={"Idempotency-Key": str(uuid4())},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "amount_invalid")


async def test_a_deposit_needs_an_idempotency_key(town: Town) -> None:
    await town.organisation("acme")
    answer = await town.call(
        "POST", "/organisations/acme/deposits", json={"amount": "1", "currency": "CNY"}
    )
    assert answer.status_code == 422


async def test_only_an_administrator_enters_deposits(town: Town) -> None:
    await town.organisation("acme")
    owner = await town.person("acme", "ann", Role.OWNER)
    assert (await deposit(town, "1", caller=owner)).status_code == 403


async def test_an_organisation_sees_its_own_books_and_no_one_elses(town: Town) -> None:
    await town.organisation("acme")
    await town.organisation("other")
    ann = await town.person("acme", "ann", Role.MEMBER)
    assert (await town.call("GET", "/organisations/acme/balance", key=ann)).status_code == 200
    for path in ("balance", "entries"):
        answer = await town.call("GET", f"/organisations/other/{path}", key=ann)
        assert answer.status_code == 404


async def test_entries_come_newest_first_and_page_by_page(town: Town) -> None:
    organisation_id = await town.organisation("acme")
    for amount in ("1", "2", "3"):
        await deposit(town, amount)
    await _move_to_voucher(town, organisation_id)
    page = (await town.call("GET", "/organisations/acme/entries?limit=1")).json()
    assert [(entry["account_kind"], entry["moved"]) for entry in page["entries"]] == [
        ("own", "-0.50"),
        ("voucher", "0.50"),
    ]
    rest = (
        await town.call("GET", f"/organisations/acme/entries?before={page['next_before']}")
    ).json()
    assert [entry["moved"] for entry in rest["entries"]] == ["3.00", "2.00", "1.00"]
    assert rest["next_before"] is None


async def _move_to_voucher(town: Town, organisation_id: UUID) -> None:
    async with town.tx() as tx:
        own, voucher = [
            await service.open_account(
                tx,
                kind=kind,
                unit="CNY",
                owner_id=organisation_id,
                scope="",
                limited=True,
                now=town.clock.now(),
            )
            for kind in (AccountKind.OWN, AccountKind.VOUCHER)
        ]
        await service.transfer(
            tx,
            transfer_id=uuid4(),
            debit=own,
            credit=voucher,
            amount_micros=500_000,
            reason="test",
            actor_id=None,
            now=town.clock.now(),
        )
