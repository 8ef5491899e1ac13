"""The HTTP door of money: deposits, balances, entries."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from mains.errors import AmountInvalid, ForeignOrganisation, KeyReused
from mains.ledger import service
from mains.ledger.values import AccountKind, OwnedAccount, TransferOutcome
from mains.parties import service as parties
from mains.parties.door import (
    CallerDependency,
    IdempotencyKey,
    NowDependency,
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

router: Final = APIRouter(prefix="/v1", tags=["ledger"])

PAGE_MAX: Final = 500


@router.post("/organisations/{reference}/deposits", status_code=201)
async def deposit(
    reference: str,
    request: DepositRequest,
    caller: CallerDependency,
    key: IdempotencyKey,
    tx: TransactionDependency,
    now: NowDependency,
) -> DepositView:
    """Book money that was received for an organisation; sent again, it is booked once."""
    caller.require(Role.ADMINISTRATOR)
    organisation = await parties.organisation(tx, reference)
    amount = _amount(request)
    own = await service.open_account(
        tx,
        kind=AccountKind.OWN,
        unit=amount.unit,
        owner_id=organisation.id,
        scope="",
        limited=True,
        now=now,
    )
    world = await service.open_account(
        tx,
        kind=AccountKind.WORLD,
        unit=amount.unit,
        owner_id=None,
        scope="",
        limited=False,
        now=now,
    )
    answer = await service.transfer(
        tx,
        transfer_id=key,
        debit=world,
        credit=own,
        amount_micros=amount.micros,
        reason=request.reason,
        actor_id=caller.person_id,
        now=now,
    )
    if answer.outcome is TransferOutcome.CONFLICT:
        raise KeyReused("this idempotency key was used for another transfer")
    accounts = await service.accounts_of(tx, organisation.id)
    (account,) = (each for each in accounts if each.account_id == own)
    return DepositView(id=key, amount=Amount.of(amount), account=_account(account))


@router.get("/organisations/{reference}/balance")
async def balance(
    reference: str, caller: CallerDependency, tx: TransactionDependency
) -> BalanceView:
    """Return an organisation's own money, its vouchers, and what its caps leave."""
    organisation = await parties.organisation(tx, reference)
    caller.require_sight(organisation.id)
    accounts = await service.accounts_of(tx, organisation.id)
    return BalanceView(
        organisation=organisation.name, accounts=[_account(each) for each in accounts]
    )


@router.get("/accounts/{account_id}/entries")
async def entries(
    account_id: int,
    caller: CallerDependency,
    tx: TransactionDependency,
    before: int | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> EntryPage:
    """Return the entries of an account, newest first; one's own, or any for who sees all."""
    accounts = await service.accounts_of(tx, caller.organisation_id)
    if not caller.sees_all and account_id not in {each.account_id for each in accounts}:
        raise ForeignOrganisation("this account is not your organisation's")
    found = await service.account_entries(tx, account_id, limit=limit, before_seq=before)
    return EntryPage(
        entries=[
            EntryView(
                seq=entry.seq,
                kind=entry.kind,
                hold_id=entry.hold_id,
                draw_id=entry.draw_id,
                debit=entry.debit,
                credit=entry.credit,
                pending=decimal_string(entry.pending_micros),
                posted=decimal_string(entry.posted_micros),
                reason=entry.reason or "",
                at=entry.at,
            )
            for entry in found
        ],
        next_before=found[-1].seq if len(found) == limit else None,
    )


def _amount(request: DepositRequest) -> Money:
    try:
        amount = Money.parse(request.amount, request.currency)
    except ValueError as error:
        raise AmountInvalid(str(error)) from error
    if amount.micros <= 0:
        raise AmountInvalid("a deposit is more than nothing", hint="Give a positive amount.")
    return amount


def _account(account: OwnedAccount) -> AccountView:
    def amount(micros: int) -> Amount:
        return Amount(amount=decimal_string(micros), currency=account.unit)

    room = account.room
    return AccountView(
        id=account.account_id,
        kind=account.kind.value,
        scope=account.scope,
        credited=amount(room.credits_micros),
        spent=amount(room.debits_micros),
        held=amount(room.pending_micros),
        available=amount(room.available_micros or 0),
    )
