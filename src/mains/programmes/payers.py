"""Who else can pay for an organisation right now: its vouchers, their room, and the caps on them.

Quotes and submissions ask this on their hot path: two queries for any number of organisations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from mains.db import Transaction
from mains.ids import new_id
from mains.ledger import service as ledger
from mains.ledger.values import AccountKind, Room, TransferOutcome
from mains.programmes.document import Document, read_canonical
from mains.programmes.publications import QUERIES
from mains.programmes.rules import Period, check_validity, grouped, period_of
from mains.units import Money

VOUCHERS_MAX: Final = 100
REMEMBERED: Final = timedelta(days=90)
"""How long a voucher that has ended is still named with its reason."""


@dataclass(frozen=True, slots=True)
class CapRoom:
    """What a cap leaves in the period of `now`; version is the one whose cap applies."""

    account_id: int
    label: str
    room_micros: int
    rule_id: str
    version: int


@dataclass(frozen=True, slots=True)
class VoucherPayer:
    """A voucher that pays now; room_micros counts what further tranches can still release.

    With more to pay than released_micros, call ensure_room before the hold.
    """

    voucher_id: UUID
    programme: str
    version: int
    document_sha256: str
    document: Document
    account_id: int
    currency: str
    released_micros: int
    room_micros: int
    valid_until: datetime
    caps: tuple[CapRoom, ...]


@dataclass(frozen=True, slots=True)
class PayerRefusal:
    """Why a voucher pays nothing now; code is stable."""

    programme: str
    voucher_id: UUID
    code: str
    because: str


@dataclass(slots=True)
class Payers:
    """An organisation's vouchers, the first to end first, and those that don't pay."""

    vouchers: list[VoucherPayer] = field(default_factory=list)
    refusals: list[PayerRefusal] = field(default_factory=list)


async def payers(
    tx: Transaction, organisation_id: UUID, *, programme: str | None = None, now: datetime
) -> Payers:
    """Return one organisation's payers, of one programme if it is named."""
    found = await payers_many(tx, [organisation_id], programme=programme, now=now)
    return found[organisation_id]


async def payers_many(
    tx: Transaction,
    organisation_ids: Sequence[UUID],
    *,
    programme: str | None = None,
    now: datetime,
) -> dict[UUID, Payers]:
    """Return the payers of each organisation; opens the caps of a period at its first use."""
    rows = await _load(tx, organisation_ids, programme=programme, now=now)
    rooms = await ledger.rooms(tx, _accounts(rows))
    settled: dict[tuple[UUID, UUID], CapRoom | None] = {}
    found = {organisation_id: Payers() for organisation_id in organisation_ids}
    for row in rows:
        payer = found[row["organisation_id"]]
        refusal = _ended(row, now=now) or _spent(row, rooms)
        if refusal is not None:
            payer.refusals.append(refusal)
            continue
        key = (row["organisation_id"], row["programme_id"])
        if key not in settled:
            settled[key] = await _cap(tx, row, rooms, now=now)
        cap = settled[key]
        if cap is not None and cap.room_micros <= 0:
            payer.refusals.append(_capped(row, cap))
        else:
            payer.vouchers.append(_payer(row, rooms, cap))
    return found


async def _load(
    tx: Transaction, organisation_ids: Sequence[UUID], *, programme: str | None, now: datetime
) -> list[dict[str, Any]]:
    rows = await tx.execute(
        QUERIES["payers"],
        {
            "organisation_ids": list(set(organisation_ids)),
            "programme": programme,
            "remembered_from": now - REMEMBERED,
            "now": now,
            "limit": VOUCHERS_MAX,
        },
    )
    return await rows.fetchall()


def _accounts(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    accounts = set()
    for row in rows:
        accounts |= {row["account_id"], row["promised_account_id"]}
        accounts |= {account_id for account_id, _ in row["caps"].values()}
    return sorted(accounts)


def _ended(row: Mapping[str, Any], *, now: datetime) -> PayerRefusal | None:
    if now < row["valid_from"]:
        return _refusal(
            row, "voucher_not_yet_valid", f"is valid from {row['valid_from'].isoformat()} on"
        )
    if now >= row["valid_until"] or row["state"] != "open":
        return _refusal(row, "voucher_past_validity", f"ended at {row['valid_until'].isoformat()}")
    invalid = check_validity(read_canonical(row["document"]), now=now)
    if invalid is not None:
        return _refusal(row, "programme_not_valid", f"does not pay: {invalid.because}")
    return None


def _spent(row: Mapping[str, Any], rooms: Mapping[int, Room]) -> PayerRefusal | None:
    if _room(rooms, row["account_id"]) + _room(rooms, row["promised_account_id"]) > 0:
        return None
    return _refusal(row, "voucher_spent", "is spent, or held for other jobs, to the last unit")


def _capped(row: Mapping[str, Any], cap: CapRoom) -> PayerRefusal:
    document = read_canonical(row["latest_document"])
    rule = document.rules.cap_per_organisation
    assert rule is not None
    whole = grouped(Money(rule.micros, row["currency"]))
    return _refusal(
        row, "cap_reached", f"does not pay: the cap of {whole} for {cap.label} is used up"
    )


def _refusal(row: Mapping[str, Any], code: str, because: str) -> PayerRefusal:
    said = f"the voucher of {row['programme']} v{row['version']} {because}"
    return PayerRefusal(row["programme"], row["id"], code, said)


def _payer(row: Mapping[str, Any], rooms: Mapping[int, Room], cap: CapRoom | None) -> VoucherPayer:
    released = _room(rooms, row["account_id"])
    return VoucherPayer(
        voucher_id=row["id"],
        programme=row["programme"],
        version=row["version"],
        document_sha256=row["document_sha256"],
        document=read_canonical(row["document"]),
        account_id=row["account_id"],
        currency=row["currency"],
        released_micros=released,
        room_micros=released + _room(rooms, row["promised_account_id"]),
        valid_until=row["valid_until"],
        caps=() if cap is None else (cap,),
    )


async def _cap(
    tx: Transaction, row: Mapping[str, Any], rooms: Mapping[int, Room], *, now: datetime
) -> CapRoom | None:
    """Return the room of the cap that the programme's latest version sets, or None without one.

    All versions of a programme share one account per organisation and period, so that a new
    version is no second cap.
    """
    document = read_canonical(row["latest_document"])
    period, rule = period_of(document, now), document.rules.cap_per_organisation
    if period is None or rule is None:
        return None
    account_id, credited_micros = row["caps"].get(period.label, (None, 0))
    room = 0 if account_id is None else _room(rooms, account_id)
    cap = CapRoom(account_id or 0, period.label, room, rule.id, row["latest_version"])
    shrinkable = credited_micros > rule.micros and room > 0
    if account_id is not None and credited_micros >= rule.micros and not shrinkable:
        return cap
    return await _settle_cap(tx, row, cap, period=period, cap_micros=rule.micros, now=now)


async def _settle_cap(
    tx: Transaction,
    row: Mapping[str, Any],
    cap: CapRoom,
    *,
    period: Period,
    cap_micros: int,
    now: datetime,
) -> CapRoom:
    """Bring the cap's account to the cap: opened, raised, or lowered as far as it is unused."""
    account_id, source = await _open_cap_accounts(tx, row, period, now=now)
    key = {
        "programme_id": row["programme_id"],
        "organisation_id": row["organisation_id"],
        "period": period.label,
    }
    end = None if period.label == "whole" else period.end
    await tx.execute(
        QUERIES["add_cap"], key | {"period_end": end, "account_id": account_id, "now": now}
    )
    locked = await (await tx.execute(QUERIES["lock_cap"], key)).fetchone()
    assert locked is not None
    room = _room(await ledger.rooms(tx, [account_id]), account_id)
    change = max(cap_micros - locked["credited_micros"], -room)
    if change != 0:
        debit, credit = (source, account_id) if change > 0 else (account_id, source)
        answer = await ledger.transfer(
            tx,
            transfer_id=new_id(),
            debit=debit,
            credit=credit,
            amount_micros=abs(change),
            reason=f"cap of {row['programme']} v{row['latest_version']}, {period.label}",
            actor_id=None,
            now=now,
        )
        # A hold may have taken the room in between: the cap is lowered at its next use, then.
        change = change if answer.outcome is TransferOutcome.PLACED else 0
        credited = locked["credited_micros"] + change
        await tx.execute(QUERIES["set_cap_credited"], key | {"credited_micros": credited})
    return replace(cap, account_id=account_id, room_micros=room + change)


async def _open_cap_accounts(
    tx: Transaction, row: Mapping[str, Any], period: Period, *, now: datetime
) -> tuple[int, int]:
    account_id = await ledger.open_account(
        tx,
        kind=AccountKind.CAP,
        unit=row["currency"],
        owner_id=row["organisation_id"],
        scope=f"{row['programme']}/{period.label}",
        limited=True,
        now=now,
    )
    source = await ledger.open_account(
        tx,
        kind=AccountKind.CAP_SOURCE,
        unit=row["currency"],
        owner_id=None,
        scope=row["programme"],
        limited=False,
        now=now,
    )
    return account_id, source


def _room(rooms: Mapping[int, Room], account_id: int) -> int:
    available = rooms[account_id].available_micros
    assert available is not None, "vouchers and caps are limited"
    return available
