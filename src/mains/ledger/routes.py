"""The HTTP door of the ledger: deposits, balances, entries."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query
from psycopg.rows import DictRow

from mains.db import Transaction
from mains.errors import AmountInvalid, KeyReused
from mains.ledger import service
from mains.ledger.values import AccountKind, OwnedAccount, TransferOutcome
from mains.parties import service as parties
from mains.parties.door import (
    CallerDependency,
    IdempotencyKey,
    NowDependency,
    OwnRowsDependency,
    TransactionDependency,
)
from mains.units import Money, decimal_string
from mains.wire.base import Amount
from mains.wire.ledger import (
    AccountView,
    BalanceView,
    DepositRequest,
    DepositView,
    EntryPage,
    EntryView,
)
from mains.wire.parties import Role

PAGE: Final = 100
PAGE_MAX: Final = 1_000
DEPOSITS: Final = "deposits"

router: Final = APIRouter(prefix="/v1", tags=["ledger"])


@router.post("/organisations/{reference}/deposits", status_code=201)
async def deposit(
    reference: str,
    asked: DepositRequest,
    caller: CallerDependency,
    key: IdempotencyKey,
    tx: TransactionDependency,
    now: NowDependency,
) -> DepositView:
    """Enter money that an organisation has paid in; once per idempotency key."""
    caller.require(Role.ADMINISTRATOR)
    organisation = await parties.organisation(tx, reference)
    money = _positive(asked)
    debit, credit = await _deposit_accounts(
        tx, organisation_id=organisation.id, unit=money.unit, now=now
    )
    answer = await service.transfer(
        tx,
        transfer_id=key,
        debit=debit,
        credit=credit,
        amount_micros=money.micros,
        reason="deposit",
        actor_id=caller.person_id,
        now=now,
    )
    if answer.outcome is TransferOutcome.CONFLICT:
        raise KeyReused("this idempotency key was used before for another deposit")
    return DepositView(deposit_id=key, organisation=organisation.name, deposited=Amount.of(money))


@router.get("/organisations/{reference}/balance")
async def balance(reference: str, caller: CallerDependency, tx: OwnRowsDependency) -> BalanceView:
    """Say what an organisation has: own money, vouchers, and what is left under its caps."""
    organisation = await parties.seen_organisation(tx, reference, caller=caller)
    owned = await service.accounts_of(tx, organisation.id)
    return BalanceView(
        organisation=organisation.name, accounts=[_account_view(account) for account in owned]
    )


@router.get("/organisations/{reference}/entries")
async def entries(
    reference: str,
    caller: CallerDependency,
    tx: OwnRowsDependency,
    before: Annotated[int | None, Query(ge=1, le=service.SEQ_MAX)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
) -> EntryPage:
    """List what happened to an organisation's accounts, newest first."""
    organisation = await parties.seen_organisation(tx, reference, caller=caller)
    rows = await service.owner_entries(tx, organisation.id, limit=limit, before_seq=before)
    return EntryPage(
        entries=[_entry_view(row) for row in rows],
        next_before=rows[-1]["seq"] if len(rows) >= limit else None,
    )


def _positive(asked: DepositRequest) -> Money:
    try:
        money = Money.parse(asked.amount, asked.currency)
    except ValueError as error:
        raise AmountInvalid(str(error)) from error
    if money.micros <= 0:
        raise AmountInvalid("a deposit is a positive amount")
    return money


async def _deposit_accounts(
    tx: Transaction, *, organisation_id: UUID, unit: str, now: datetime
) -> tuple[int, int]:
    """Return where deposits come from and where this organisation's own money lies."""
    world = await service.open_account(
        tx,
        kind=AccountKind.WORLD,
        unit=unit,
        owner_id=None,
        scope=DEPOSITS,
        limited=False,
        now=now,
    )
    own = await service.open_account(
        tx,
        kind=AccountKind.OWN,
        unit=unit,
        owner_id=organisation_id,
        scope="",
        limited=True,
        now=now,
    )
    return world, own


def _account_view(account: OwnedAccount) -> AccountView:
    room = account.room
    assert room.available_micros is not None
    return AccountView.model_validate(
        {
            "account_id": account.account_id,
            "kind": account.kind.value,
            "scope": account.scope,
            "currency": account.unit,
            "granted": decimal_string(room.credits_micros),
            "spent": decimal_string(room.debits_micros),
            "held": decimal_string(room.pending_micros),
            "available": decimal_string(room.available_micros),
        }
    )


def _entry_view(row: DictRow) -> EntryView:
    debited = row["debit"] == row["account_id"]
    return EntryView(
        seq=row["seq"],
        at=row["at"],
        kind=row["kind"],
        account_id=row["account_id"],
        account_kind=row["account_kind"],
        scope=row["scope"],
        currency=row["unit"],
        moved=decimal_string(-row["posted"] if debited else row["posted"]),
        held=decimal_string(row["pending"] if debited else 0),
        hold_id=row["hold_id"],
        draw_id=row["draw_id"],
        reason=row["reason"],
    )
