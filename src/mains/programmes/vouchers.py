"""Vouchers: granted from a programme's pot, released by tranche, returned when they end.

A grant moves its whole amount from the pot to an account of promises, and a tranche moves from
there to the account that charges are paid from. So grants never exceed the appropriation, a hold
never touches the pot, and every amount of a voucher is always in exactly one place.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from mains.db import Transaction
from mains.errors import (
    AmountInvalid,
    InsufficientFunds,
    KeyReused,
    NotEligible,
    NotFound,
    RequestInvalid,
)
from mains.ids import new_id
from mains.ledger import service as ledger
from mains.ledger.values import AccountKind, Room, TransferAnswer, TransferOutcome
from mains.parties import service as parties
from mains.programmes.publications import PAGE_MAX, QUERIES, Programme
from mains.programmes.publications import programme as programme_of
from mains.programmes.rules import check_eligibility, check_validity, validity_of
from mains.units import Money
from mains.wire.programmes import VoucherState

LOOK_AGAIN: Final = timedelta(minutes=1)
LOOK_AGAIN_EMPTY: Final = timedelta(hours=1)
"""How soon an ended voucher is looked at again: with holds on it, and without."""

SETTLED_AFTER: Final = timedelta(days=60)
"""Beyond every hold that was placed in time: until then a refund can still come back."""


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher and where its amount is: released + promised + held + spent + returned."""

    id: UUID
    programme: str
    programme_organisation_id: UUID
    version: int
    organisation_id: UUID
    organisation: str
    state: VoucherState
    granted: Money
    released: Money
    promised: Money
    held: Money
    returned: Money
    account_id: int
    valid_from: datetime
    valid_until: datetime
    granted_at: datetime

    @property
    def spent(self) -> Money:
        return self.granted - self.released - self.promised - self.held - self.returned


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a grant was asked with, and what follows from it."""

    amount_micros: int
    tranche_micros: int
    valid_from: datetime
    valid_until: datetime
    request_hash: bytes


async def grant_voucher(
    tx: Transaction,
    *,
    voucher_id: UUID,
    programme: str,
    organisation_id: UUID,
    amount: Money,
    tranche: Money | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    actor_id: UUID | None,
    now: datetime,
) -> Voucher:
    """Grant a voucher under the programme's current version and release its first tranche.

    A replay returns the voucher as it is now. Raises KeyReused, NotEligible, InsufficientFunds
    (with what the pot still has), AmountInvalid, RequestInvalid, NotFound.
    """
    request_hash = _request_hash(
        programme, organisation_id, amount, tranche, valid_from, valid_until
    )
    replayed = await _replayed(tx, voucher_id, request_hash)
    if replayed is not None:
        return replayed
    under = await programme_of(tx, programme)
    terms = _terms(
        under,
        amount=amount,
        tranche=tranche,
        valid_from=valid_from,
        valid_until=valid_until,
        request_hash=request_hash,
        now=now,
    )
    await _check_party(tx, under, organisation_id=organisation_id, now=now)
    accounts = await _open_accounts(
        tx, under, voucher_id=voucher_id, organisation_id=organisation_id, now=now
    )
    if not await _insert(
        tx,
        under,
        terms,
        accounts=accounts,
        voucher_id=voucher_id,
        organisation_id=organisation_id,
        actor_id=actor_id,
        now=now,
    ):
        replayed = await _replayed(tx, voucher_id, request_hash)
        assert replayed is not None
        return replayed
    await _fund(
        tx, under, terms, accounts=accounts, voucher_id=voucher_id, actor_id=actor_id, now=now
    )
    return await voucher(tx, voucher_id)


async def voucher(tx: Transaction, voucher_id: UUID) -> Voucher:
    """Return one voucher; raises NotFound."""
    found = await _vouchers(tx, id=voucher_id, limit=1)
    if not found:
        raise NotFound(
            f"there is no voucher {voucher_id}", hint="`mains voucher list` shows yours."
        )
    return found[0]


async def vouchers(
    tx: Transaction,
    *,
    organisation_id: UUID | None = None,
    programme_organisation_id: UUID | None = None,
    programme: str | None = None,
    before: UUID | None = None,
    limit: int = PAGE_MAX,
) -> list[Voucher]:
    """Return vouchers, newest first: of one holder, of one grantor, of one programme, or all."""
    return await _vouchers(
        tx,
        organisation_id=organisation_id,
        programme_organisation_id=programme_organisation_id,
        programme=programme,
        before=before,
        limit=min(limit, PAGE_MAX),
    )


async def ensure_room(tx: Transaction, voucher_id: UUID, micros: int, *, now: datetime) -> int:
    """Release further tranches until the voucher has room for micros; return its room.

    The room may stay short: the grant ends somewhere, and nothing is released past validity. Call
    it in a transaction of its own before the one that places the hold, whose order of locks a
    transfer would break.
    """
    row = await (await tx.execute(QUERIES["lock_voucher"], {"id": voucher_id})).fetchone()
    if row is None:
        raise NotFound(f"there is no voucher {voucher_id}")
    account, promised = row["account_id"], row["promised_account_id"]
    rooms = await ledger.rooms(tx, [account, promised])
    available, left = _available(rooms, account), _available(rooms, promised)
    lacking = micros - available
    if lacking <= 0 or left == 0 or row["state"] != "open" or now >= row["valid_until"]:
        return available
    tranches = -(-lacking // row["tranche_micros"])
    released: int = min(tranches * row["tranche_micros"], left)
    await _move(
        tx,
        new_id(),
        debit=promised,
        credit=account,
        micros=released,
        reason="tranche",
        actor_id=None,
        now=now,
    )
    return available + released


async def expire_vouchers(tx: Transaction, *, now: datetime, limit: int) -> list[UUID]:
    """Return to their pots what ended vouchers have left; return the vouchers looked at.

    What a hold keeps pending stays with it: an ended voucher is looked at again, until no hold
    can be left. Call it until it returns fewer than limit.
    """
    rows = await (
        await tx.execute(QUERIES["lock_vouchers_due"], {"now": now, "limit": limit})
    ).fetchall()
    for row in rows:
        returned, empty = await _return_rest(tx, row, now=now)
        closed = empty and now >= row["valid_until"] + SETTLED_AFTER
        await tx.execute(
            QUERIES["note_end"],
            {
                "id": row["id"],
                "state": "closed" if closed else "ended",
                "due_at": now + (LOOK_AGAIN_EMPTY if empty else LOOK_AGAIN),
                "returned": returned,
            },
        )
    return [row["id"] for row in rows]


async def _replayed(tx: Transaction, voucher_id: UUID, request_hash: bytes) -> Voucher | None:
    rows = await (await tx.execute(QUERIES["vouchers"], _filter(id=voucher_id, limit=1))).fetchall()
    if not rows:
        return None
    if rows[0]["request_hash"] != request_hash:
        raise KeyReused("this voucher's id was used before with another request")
    return (await _with_rooms(tx, rows))[0]


def _request_hash(
    programme: str,
    organisation_id: UUID,
    amount: Money,
    tranche: Money | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
) -> bytes:
    said = [programme, organisation_id, str(amount), tranche and str(tranche)]
    return hashlib.sha256(orjson.dumps([*said, valid_from, valid_until])).digest()


def _terms(
    under: Programme,
    *,
    amount: Money,
    tranche: Money | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
    request_hash: bytes,
    now: datetime,
) -> _Terms:
    """Check a grant against the programme's own terms and fill in what was left to them."""
    currency = under.document.currency
    for each in (amount, tranche):
        if each is not None and (each.unit != currency or each.micros <= 0):
            raise AmountInvalid(
                f"{under.name} grants amounts of {currency} above nothing, not {each}"
            )
    voucher_terms = under.document.rules.voucher
    tranche_micros = tranche.micros if tranche else voucher_terms.tranche_micros or amount.micros
    start = max(valid_from or now, now)
    latest = validity_of(under.document).end
    end = valid_until or start + min(timedelta(days=voucher_terms.valid_days), latest - start)
    if not start < end <= latest:
        raise RequestInvalid(
            f"a voucher of {under.name} v{under.version} ends after it begins "
            f"and by {latest.isoformat()}",
            hint="Leave `valid_until` out to get the programme's own term.",
            key="valid_until",
        )
    return _Terms(
        amount_micros=amount.micros,
        tranche_micros=min(tranche_micros, amount.micros),
        valid_from=start,
        valid_until=end,
        request_hash=request_hash,
    )


async def _check_party(
    tx: Transaction, under: Programme, *, organisation_id: UUID, now: datetime
) -> None:
    party = await parties.party_facts(tx, organisation_id)
    refusal = check_validity(under.document, now=now) or check_eligibility(
        under.document, party=party
    )
    if refusal is not None:
        raise NotEligible(
            f"{under.name} v{under.version} grants {party.name} nothing: {refusal.because}",
            hint=f"`mains programme show {under.name}` shows the rule {refusal.rule_id}.",
            rule=refusal.rule_id,
        )


async def _open_accounts(
    tx: Transaction, under: Programme, *, voucher_id: UUID, organisation_id: UUID, now: datetime
) -> tuple[int, int]:
    """Return the accounts of what is promised and of what is released.

    What is promised still belongs to the programme's side; what is released is the holder's.
    """
    scope = f"{under.name}/{voucher_id}"
    promised = await ledger.open_account(
        tx,
        kind=AccountKind.POT,
        unit=under.document.currency,
        owner_id=under.organisation_id,
        scope=scope,
        limited=True,
        now=now,
    )
    released = await ledger.open_account(
        tx,
        kind=AccountKind.VOUCHER,
        unit=under.document.currency,
        owner_id=organisation_id,
        scope=scope,
        limited=True,
        now=now,
    )
    return promised, released


async def _insert(
    tx: Transaction,
    under: Programme,
    terms: _Terms,
    *,
    accounts: tuple[int, int],
    voucher_id: UUID,
    organisation_id: UUID,
    actor_id: UUID | None,
    now: datetime,
) -> bool:
    """Return whether the voucher is new; a second one at the same time waits and is not."""
    promised, released = accounts
    rows = await tx.execute(
        QUERIES["add_voucher"],
        {
            "id": voucher_id,
            "request_hash": terms.request_hash,
            "programme_id": under.id,
            "version": under.version,
            "organisation_id": organisation_id,
            "granted_micros": terms.amount_micros,
            "tranche_micros": terms.tranche_micros,
            "promised_account_id": promised,
            "account_id": released,
            "valid_from": terms.valid_from,
            "valid_until": terms.valid_until,
            "granted_by": actor_id,
            "now": now,
        },
    )
    return await rows.fetchone() is not None


async def _fund(
    tx: Transaction,
    under: Programme,
    terms: _Terms,
    *,
    accounts: tuple[int, int],
    voucher_id: UUID,
    actor_id: UUID | None,
    now: datetime,
) -> None:
    """Move the grant out of the pot, and its first tranche to where it can be spent."""
    promised, released = accounts
    answer = await _move(
        tx,
        uuid5(voucher_id, "grant"),
        debit=under.pot_account_id,
        credit=promised,
        micros=terms.amount_micros,
        reason=f"grant under {under.name} v{under.version}",
        actor_id=actor_id,
        now=now,
    )
    if answer.outcome is TransferOutcome.REFUSED:
        left = Money(answer.available_micros or 0, under.document.currency)
        wanted = Money(terms.amount_micros, under.document.currency)
        raise InsufficientFunds(
            f"the pot of {under.name} has {left} left, {wanted - left} less than {wanted}",
            hint="Grant less, or publish a version with a larger pot.",
            available=left.decimal,
            short_by=(wanted - left).decimal,
            currency=left.unit,
        )
    await _move(
        tx,
        uuid5(voucher_id, "first tranche"),
        debit=promised,
        credit=released,
        micros=terms.tranche_micros,
        reason="tranche",
        actor_id=actor_id,
        now=now,
    )


async def _return_rest(
    tx: Transaction, row: Mapping[str, Any], *, now: datetime
) -> tuple[int, bool]:
    """Move what a voucher has free back to its pot; return it, and whether nothing is left."""
    accounts = [row["promised_account_id"], row["account_id"]]
    rooms = await ledger.rooms(tx, accounts)
    returned, empty = 0, rooms[row["account_id"]].pending_micros == 0
    for account in accounts:
        micros = _available(rooms, account)
        if micros == 0:
            continue
        answer = await _move(
            tx,
            new_id(),
            debit=account,
            credit=row["pot_account_id"],
            micros=micros,
            reason="voucher ended",
            actor_id=None,
            now=now,
        )
        if answer.outcome is TransferOutcome.PLACED:
            returned += micros
        else:
            # A hold that was decided before the end took it since; it comes back or is spent.
            empty = False
    return returned, empty


async def _move(
    tx: Transaction,
    transfer_id: UUID,
    *,
    debit: int,
    credit: int,
    micros: int,
    reason: str,
    actor_id: UUID | None,
    now: datetime,
) -> TransferAnswer:
    answer = await ledger.transfer(
        tx,
        transfer_id=transfer_id,
        debit=debit,
        credit=credit,
        amount_micros=micros,
        reason=reason,
        actor_id=actor_id,
        now=now,
    )
    if answer.outcome is TransferOutcome.CONFLICT:
        raise KeyReused("this id moved another amount before")
    return answer


async def _vouchers(tx: Transaction, **narrowed: object) -> list[Voucher]:
    rows = await (await tx.execute(QUERIES["vouchers"], _filter(**narrowed))).fetchall()
    return await _with_rooms(tx, rows)


def _filter(**narrowed: object) -> dict[str, object]:
    names = ("id", "organisation_id", "programme_organisation_id", "programme", "before", "limit")
    return {name: narrowed.get(name) for name in names}


async def _with_rooms(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> list[Voucher]:
    accounts = [row[name] for row in rows for name in ("account_id", "promised_account_id")]
    rooms = await ledger.rooms(tx, accounts)
    return [_voucher(row, rooms) for row in rows]


def _voucher(row: Mapping[str, Any], rooms: Mapping[int, Room]) -> Voucher:
    def money(micros: int) -> Money:
        return Money(micros, row["currency"])

    return Voucher(
        id=row["id"],
        programme=row["programme"],
        programme_organisation_id=row["programme_organisation_id"],
        version=row["version"],
        organisation_id=row["organisation_id"],
        organisation=row["organisation"],
        state=row["state"],
        granted=money(row["granted_micros"]),
        released=money(_available(rooms, row["account_id"])),
        promised=money(_available(rooms, row["promised_account_id"])),
        held=money(rooms[row["account_id"]].pending_micros),
        returned=money(row["returned_micros"]),
        account_id=row["account_id"],
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        granted_at=row["granted_at"],
    )


def _available(rooms: Mapping[int, Room], account_id: int) -> int:
    available = rooms[account_id].available_micros
    assert available is not None, "the accounts of a voucher are limited"
    return available
