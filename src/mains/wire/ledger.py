"""Money as the control plane shows it: deposits, balances, entries."""

from typing import Literal
from uuid import UUID

from mains.wire.base import Amount, DecimalText, Instant, Schema


class DepositRequest(Schema):
    """Money that an organisation has paid in; amount is positive, currency such as CNY."""

    amount: DecimalText
    currency: str


class DepositView(Schema):
    """deposit_id is the request's idempotency key; a repeated request gets the same answer."""

    deposit_id: UUID
    organisation: str
    deposited: Amount


class AccountView(Schema):
    """One limit: granted came in, spent went out for good, held is promised to open jobs.

    scope says which voucher or which cap it is; it is empty for an organisation's own money.
    """

    account_id: int
    kind: Literal["own", "voucher", "pot", "cap"]
    scope: str
    currency: str
    granted: DecimalText
    spent: DecimalText
    held: DecimalText
    available: DecimalText


class BalanceView(Schema):
    organisation: str
    accounts: list[AccountView]


class EntryView(Schema):
    """What one entry did to one of an organisation's accounts.

    moved is what came in (or, negative, went out) for good; held is the change of what the
    account has promised. What is available changed by moved - held.
    """

    seq: int
    at: Instant
    kind: Literal["transfer", "hold", "capture", "release", "refund", "overrun", "absorb"]
    account_id: int
    account_kind: Literal["own", "voucher", "pot", "cap"]
    scope: str
    currency: str
    moved: DecimalText
    held: DecimalText
    hold_id: UUID | None
    draw_id: UUID | None
    reason: str | None


class EntryPage(Schema):
    """Newest first; next_before, where given, asks for the page that follows."""

    entries: list[EntryView]
    next_before: int | None
