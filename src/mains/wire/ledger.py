"""Deposits, balances and entries as the control plane shows them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from mains.wire.base import Amount, DecimalText, Schema


class DepositRequest(Schema):
    """Money that the operator has received for an organisation."""

    amount: DecimalText
    currency: str = Field(max_length=16)
    reason: str = Field(default="deposit", max_length=200)


class AccountView(Schema):
    """A limited account: credited = spent + held + available.

    kind cap is no money but a limit: what a programme may pay for the organisation in a period.
    """

    id: int
    kind: str
    scope: str
    credited: Amount
    spent: Amount
    held: Amount
    available: Amount


class BalanceView(Schema):
    organisation: str
    accounts: list[AccountView]


class DepositView(Schema):
    """The account after the deposit; a replay answers with the account as it is now."""

    id: UUID
    amount: Amount
    account: AccountView


class EntryView(Schema):
    """One entry: posted moved from debit to credit, pending changed what is held of debit."""

    seq: int
    kind: str
    hold_id: UUID | None
    draw_id: UUID | None
    debit: int
    credit: int | None
    pending: str
    posted: str
    reason: str
    at: datetime


class EntryPage(Schema):
    entries: list[EntryView]
    next_before: int | None = None
