"""Accounts, transfers, and what nobody may do behind the functions' back."""

import psycopg
import pytest
from psycopg import sql

from mains.errors import AmountInvalid, NotFound
from mains.ids import new_id
from mains.ledger import service
from mains.ledger.values import AccountKind, EntryKind, Room, TransferAnswer, TransferOutcome
from mains.units import MICROS_MAX
from tests.ledger.builders import UNIT, City

pytestmark = pytest.mark.anyio


async def test_an_account_is_opened_once_and_found_again(city: City) -> None:
    first = city.accounts["own"]
    assert await city.open("own", AccountKind.OWN, owner_id=city.organisation_id) == first
    assert await city.open("world", AccountKind.WORLD, owner_id=None) == city.accounts["world"]
    other = await city.open("other", AccountKind.OWN, owner_id=city.organisation_id, scope="x")
    assert other != first


async def test_an_account_of_a_limited_kind_cannot_be_opened_without_limit(city: City) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="account_kind"):
        async with city.database.transaction() as tx:
            await service.open_account(
                tx,
                kind=AccountKind.VOUCHER,
                unit=UNIT,
                owner_id=new_id(),
                scope="",
                limited=False,
                now=city.now,
            )


async def test_a_transfer_moves_money_and_counts_on_both_sides(city: City) -> None:
    answer = await city.transfer("own", "voucher", 300)
    assert answer == TransferAnswer(TransferOutcome.PLACED, None, None)
    assert await city.room("own") == Room(1_000, 300, 0, 700)
    assert await city.room("voucher") == Room(1_300, 0, 0, 1_300)


async def test_an_unlimited_account_keeps_no_counters(city: City) -> None:
    before = await city.paid("world")
    await city.fund("own", 7)
    assert await city.room("world") == Room(0, 0, 0, None)
    assert await city.paid("world") == before - 7


async def test_a_transfer_beyond_the_room_is_refused_and_may_be_tried_again(city: City) -> None:
    transfer_id = new_id()
    refused = await city.transfer("own", "voucher", 1_200, transfer_id=transfer_id)
    assert refused == TransferAnswer(TransferOutcome.REFUSED, 200, 1_000)
    await city.fund("own", 200)
    placed = await city.transfer("own", "voucher", 1_200, transfer_id=transfer_id)
    assert placed.outcome is TransferOutcome.PLACED
    assert await city.available("own") == (0,)


async def test_a_repeated_transfer_is_a_replay_and_another_body_a_conflict(city: City) -> None:
    transfer_id = new_id()
    await city.transfer("own", "voucher", 900, transfer_id=transfer_id)
    again = await city.transfer("own", "voucher", 900, transfer_id=transfer_id)
    other = await city.transfer("own", "voucher", 901, transfer_id=transfer_id)
    assert again.outcome is TransferOutcome.REPLAYED
    assert other.outcome is TransferOutcome.CONFLICT
    assert await city.available("own") == (100,)


async def test_an_account_never_leaves_the_range_of_amounts(city: City) -> None:
    await city.open("rich", AccountKind.OWN, owner_id=new_id())
    assert (await city.fund("rich", MICROS_MAX)).outcome is TransferOutcome.PLACED
    with pytest.raises(AmountInvalid, match="more than this ledger can count"):
        await city.fund("rich", 1)
    with pytest.raises(AmountInvalid, match="positive"):
        await city.fund("rich", 0)


async def test_accounts_of_two_units_do_not_trade(city: City) -> None:
    async with city.database.transaction() as tx:
        city.accounts["foreign"] = await service.open_account(
            tx,
            kind=AccountKind.OWN,
            unit="EUR",
            owner_id=city.organisation_id,
            scope="",
            limited=True,
            now=city.now,
        )
    with pytest.raises(psycopg.Error, match="are not of one unit"):
        await city.transfer("own", "foreign", 1)


async def test_entries_of_an_account_come_newest_first_in_pages(city: City) -> None:
    for amount in (1, 2, 3):
        await city.transfer("own", "voucher", amount)
    async with city.database.transaction() as tx:
        page = await service.account_entries(tx, city.accounts["own"], limit=2)
        rest = await service.account_entries(
            tx, city.accounts["own"], limit=5, before_seq=page[-1].seq
        )
    assert [entry.posted_micros for entry in page] == [3, 2]
    assert [entry.posted_micros for entry in rest] == [1, 1_000]
    assert {entry.kind for entry in page} == {EntryKind.TRANSFER}


async def test_an_owner_sees_its_limits_and_no_one_elses(city: City) -> None:
    async with city.database.transaction() as tx:
        owned = await service.accounts_of(tx, city.organisation_id)
        nothing = await service.accounts_of(tx, new_id())
    assert [account.kind for account in owned] == [
        AccountKind.OWN,
        AccountKind.VOUCHER,
        AccountKind.CAP,
    ]
    assert nothing == []


async def test_a_statement_of_an_unknown_hold_is_not_found(city: City) -> None:
    with pytest.raises(NotFound):
        await city.statement(new_id())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.account SET credits = credits + 1",
        "INSERT INTO ledger.entry (txn, kind, debit, credit, pending, posted, at)"
        " VALUES (gen_random_uuid(), 'transfer', 1, 2, 0, 1, now())",
        "DELETE FROM ledger.entry",
        "TRUNCATE ledger.usage_event",
        "UPDATE ledger.hold SET ceiling = 0",
        "DELETE FROM ledger.draw",
        "INSERT INTO ledger.transfer VALUES (gen_random_uuid(), 1, 2, 1, '', NULL, now())",
        "SELECT ledger.post(NULL, now())",
        "SELECT ledger.promise(NULL, now())",
        "SELECT ledger.release(NULL, '', now())",
        "SELECT ledger.absorb(NULL, now())",
        "SELECT ledger.settle(NULL, now())",
        "ALTER TABLE ledger.account DROP CONSTRAINT account_within_limit",
    ],
)
async def test_the_application_writes_through_the_functions_alone(
    city: City, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with city.database.transaction() as tx:
            await tx.execute(statement.encode())


@pytest.mark.parametrize("table", ["entry", "transfer", "usage_event", "usage_refused"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET at = at", "DELETE FROM {}", "TRUNCATE {}"])
async def test_not_even_the_owner_changes_what_was_written(
    city: City, table: str, verb: str
) -> None:
    statement = sql.SQL(verb).format(sql.Identifier("ledger", table))
    async with await psycopg.AsyncConnection.connect(city.owner_url) as owner:
        with pytest.raises(psycopg.Error, match=f"ledger.{table} is append-only"):
            await owner.execute(statement)


async def test_the_limit_is_a_check_that_holds_even_for_the_owner(
    city: City,
) -> None:
    async with await psycopg.AsyncConnection.connect(city.owner_url) as owner:
        with pytest.raises(psycopg.errors.CheckViolation, match="account_within_limit"):
            await owner.execute(
                "UPDATE ledger.account SET pending = credits + 1 WHERE id = %s",
                [city.accounts["own"]],
            )
