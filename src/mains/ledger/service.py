"""The ledger's use cases: thin and set-based; what decides and what moves is in the database.

Nothing here opens or commits a transaction. Refusals are values; calls that no caller should make
(accounts of two units, a hold that is settled while something is drawn from it) raise.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from psycopg.rows import DictRow

from mains.db import Queries, Transaction
from mains.errors import AmountInvalid, NotFound, StateConflict
from mains.ledger.literals import hashes, instants, plain, texts
from mains.ledger.rules import Mode
from mains.ledger.values import (
    AccountEntry,
    AccountKind,
    CaptureAnswer,
    CaptureOutcome,
    CloseOutcome,
    DrawAnswer,
    DrawOutcome,
    DrawRequest,
    DrawState,
    DrawStatement,
    EntryKind,
    HoldAnswer,
    HoldOutcome,
    HoldRequest,
    HoldState,
    HoldStatement,
    Leg,
    LegStatement,
    OwnedAccount,
    Room,
    TransferAnswer,
    TransferOutcome,
    UsageCharge,
)

__all__ = [
    "AccountEntry",
    "AccountKind",
    "CaptureAnswer",
    "CaptureOutcome",
    "CloseOutcome",
    "DrawAnswer",
    "DrawOutcome",
    "DrawRequest",
    "DrawState",
    "DrawStatement",
    "EntryKind",
    "HoldAnswer",
    "HoldOutcome",
    "HoldRequest",
    "HoldState",
    "HoldStatement",
    "Leg",
    "LegStatement",
    "Mode",
    "OwnedAccount",
    "Room",
    "TransferAnswer",
    "TransferOutcome",
    "UsageCharge",
    "account_entries",
    "accounts_of",
    "capture",
    "close_draws",
    "close_holds",
    "expire",
    "open_account",
    "open_draws",
    "owner_entries",
    "place",
    "rooms",
    "statement",
    "transfer",
]

QUERIES: Final = Queries.load(__package__, "queries.sql")
SEQ_MAX: Final = 2**63 - 1

Answer = TypeVar("Answer")


async def open_account(
    tx: Transaction,
    *,
    kind: AccountKind,
    unit: str,
    owner_id: UUID | None,
    scope: str,
    limited: bool,
    now: datetime,
) -> int:
    """Return the id of the account of this name; it is opened if there is none yet.

    own, voucher, pot and cap are limited, all other kinds are not. A payable account brings the
    pair of memo accounts of its site with it, a cap the reserve of its unit.
    """
    cursor = await tx.execute(
        QUERIES["open_account"],
        {
            "kind": kind,
            "unit": unit,
            "owner_id": owner_id,
            "scope": scope,
            "limited": limited,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row["id"])


async def transfer(
    tx: Transaction,
    *,
    transfer_id: UUID,
    debit: int,
    credit: int,
    amount_micros: int,
    reason: str,
    actor_id: UUID | None,
    now: datetime,
) -> TransferAnswer:
    """Move an amount once per transfer_id; a refusal is not stored, so it may be tried again.

    Raises AmountInvalid if the amount is not positive or the credited account would overflow.
    """
    if amount_micros <= 0:
        raise AmountInvalid("A transfer moves a positive amount.")
    cursor = await tx.execute(
        QUERIES["transfer"],
        {
            "id": transfer_id,
            "debit": debit,
            "credit": credit,
            "amount": amount_micros,
            "reason": reason,
            "actor_id": actor_id,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    if row["outcome"] == "overfull":
        raise AmountInvalid("The account would hold more than this ledger can count.")
    return TransferAnswer(TransferOutcome(row["outcome"]), row["short_by"], row["available"])


async def rooms(tx: Transaction, account_ids: Sequence[int]) -> dict[int, Room]:
    """Return counters and room by account; an unlimited account has no room to run out of."""
    cursor = await tx.execute(QUERIES["rooms"], {"ids": list(account_ids)})
    return {
        row["id"]: Room(row["credits"], row["debits"], row["pending"], row["available"])
        for row in await cursor.fetchall()
    }


async def place(
    tx: Transaction, holds: Sequence[HoldRequest], *, now: datetime
) -> list[HoldAnswer]:
    """Place each hold that fits, decided in the order given; answers come in that order.

    A hold id that comes twice in one batch is answered like two calls one after the other.
    """
    answers: dict[int, HoldAnswer] = {}
    for positions in _rounds([hold.hold_id for hold in holds]):
        asked = [holds[position] for position in positions]
        cursor = await tx.execute(
            QUERIES["place"],
            {
                "ids": plain(hold.hold_id for hold in asked),
                "hashes": hashes(hold.request_hash for hold in asked),
                "organisations": plain(hold.organisation_id for hold in asked),
                "units": texts(hold.unit for hold in asked),
                "ceilings": plain(hold.ceiling_micros for hold in asked),
                "modes": texts(hold.mode for hold in asked),
                "amounts": texts(plain(hold.amounts) for hold in asked),
                "accounts": texts(plain(leg.account_id for leg in hold.legs) for hold in asked),
                "payers": texts(plain(leg.payer for leg in hold.legs) for hold in asked),
                "expiries": instants(hold.expires_at for hold in asked),
                "actors": plain(hold.actor_id for hold in asked),
                "now": now,
            },
        )
        for position, row in zip(positions, await cursor.fetchall(), strict=True):
            answers[position] = HoldAnswer(
                row["hold_id"],
                HoldOutcome(row["outcome"]),
                row["short_account"],
                row["short_needed"],
                row["short_available"],
            )
    return _in_order(answers)


async def open_draws(
    tx: Transaction, draws: Sequence[DrawRequest], *, now: datetime
) -> list[DrawAnswer]:
    """Reserve each draw that fits in its hold, decided in the order given."""
    answers: dict[int, DrawAnswer] = {}
    for positions in _rounds([draw.draw_id for draw in draws]):
        asked = [draws[position] for position in positions]
        cursor = await tx.execute(
            QUERIES["open_draws"],
            {
                "ids": plain(draw.draw_id for draw in asked),
                "holds": plain(draw.hold_id for draw in asked),
                "rates": texts(plain(draw.rates_bps) for draw in asked),
                "payer_ceilings": texts(plain(draw.ceilings) for draw in asked),
                "ceilings": plain(draw.ceiling_micros for draw in asked),
                "payables": plain(draw.payable_account_id for draw in asked),
                "now": now,
            },
        )
        for position, row in zip(positions, await cursor.fetchall(), strict=True):
            answers[position] = DrawAnswer(row["draw_id"], DrawOutcome(row["outcome"]))
    return _in_order(answers)


async def capture(
    tx: Transaction, events: Sequence[UsageCharge], *, now: datetime
) -> list[CaptureAnswer]:
    """Charge cumulative costs; each reading has at most one effect, for ever.

    Several readings of one draw in a batch take effect in the order given.
    """
    answers: dict[int, CaptureAnswer] = {}
    for positions in _rounds([event.draw_id for event in events]):
        asked = [events[position] for position in positions]
        cursor = await tx.execute(
            QUERIES["capture"],
            {
                "draws": plain(event.draw_id for event in asked),
                "sequences": plain(event.sequence for event in asked),
                "hashes": hashes(event.body_hash for event in asked),
                "costs": plain(event.cost_micros for event in asked),
                "finals": plain(event.final for event in asked),
                "hold_finals": plain(event.final and event.close_hold for event in asked),
                "now": now,
            },
        )
        for position, row in zip(positions, await cursor.fetchall(), strict=True):
            answers[position] = CaptureAnswer(
                row["draw_id"], CaptureOutcome(row["outcome"]), row["charged"], row["overrun"]
            )
    return _in_order(answers)


async def close_draws(
    tx: Transaction, closings: Sequence[tuple[UUID, bool]], *, now: datetime
) -> dict[UUID, CloseOutcome]:
    """Close draws by (draw_id, absorb); what they did not use returns to their holds.

    With absorb, all that the draw captured is refunded into the room of its hold and its usage
    is noted as absorbed; that also works on a draw that its last reading closed, as long as its
    hold is open (else hold_closed).
    """
    cursor = await tx.execute(
        QUERIES["close_draws"],
        {
            "ids": [draw_id for draw_id, _ in closings],
            "absorbs": [absorb for _, absorb in closings],
            "now": now,
        },
    )
    return {row["draw_id"]: CloseOutcome(row["outcome"]) for row in await cursor.fetchall()}


async def close_holds(
    tx: Transaction, hold_ids: Sequence[UUID], *, reason: str, now: datetime
) -> None:
    """Give back what is left of these holds; a closed one stays as it is.

    Raises StateConflict if something is still drawn from one, NotFound if one is unknown; the
    caller's transaction must then be rolled back, for the others are closed by then.
    """
    cursor = await tx.execute(
        QUERIES["close_holds"], {"ids": list(hold_ids), "reason": reason, "now": now}
    )
    for row in await cursor.fetchall():
        if row["outcome"] == "draws_open":
            raise StateConflict(f"Hold {row['hold_id']} still has an open draw.")
        if row["outcome"] == "unknown":
            raise NotFound(f"There is no hold {row['hold_id']}.")


async def expire(tx: Transaction, *, now: datetime, limit: int) -> list[UUID]:
    """Close at most `limit` holds whose time is over and return their ids.

    One with an open draw is left alone, and so is one that another transaction works on.
    """
    cursor = await tx.execute(QUERIES["expire"], {"now": now, "limit": limit})
    row = await cursor.fetchone()
    assert row is not None
    return list(row["ids"])


async def statement(tx: Transaction, hold_id: UUID) -> HoldStatement:
    """Return all that a receipt says about money: legs, draws, entries; raises NotFound."""
    cursor = await tx.execute(QUERIES["hold"], {"id": hold_id})
    hold = await cursor.fetchone()
    if hold is None:
        raise NotFound(f"There is no hold {hold_id}.")
    legs = await (await tx.execute(QUERIES["hold_legs"], {"id": hold_id})).fetchall()
    draws = await (await tx.execute(QUERIES["hold_draws"], {"id": hold_id})).fetchall()
    entries = await (await tx.execute(QUERIES["hold_entries"], {"id": hold_id})).fetchall()
    closed = hold["state"] == HoldState.CLOSED
    return HoldStatement(
        hold_id=hold["id"],
        organisation_id=hold["organisation_id"],
        unit=hold["unit"],
        mode=Mode(hold["mode"]),
        ceiling_micros=hold["ceiling"],
        state=HoldState(hold["state"]),
        placed_at=hold["placed_at"],
        expires_at=hold["expires_at"],
        closed_at=hold["closed_at"],
        close_reason=hold["close_reason"],
        legs=tuple(_leg(row, closed=closed) for row in legs),
        draws=tuple(_draw(row) for row in draws),
        entries=tuple(_entry(row) for row in entries),
    )


async def account_entries(
    tx: Transaction, account_id: int, *, limit: int, before_seq: int | None = None
) -> list[AccountEntry]:
    """Return an account's entries, newest first, from before the given seq on."""
    cursor = await tx.execute(
        QUERIES["account_entries"],
        {"account": account_id, "limit": limit, "before": before_seq or SEQ_MAX},
    )
    return [_entry(row) for row in await cursor.fetchall()]


async def accounts_of(tx: Transaction, owner_id: UUID) -> list[OwnedAccount]:
    """Return the limited accounts (own money, vouchers, caps) of an owner with their room."""
    cursor = await tx.execute(QUERIES["accounts_of"], {"owner_id": owner_id})
    return [
        OwnedAccount(
            row["id"],
            AccountKind(row["kind"]),
            row["unit"],
            row["scope"],
            Room(row["credits"], row["debits"], row["pending"], row["available"]),
        )
        for row in await cursor.fetchall()
    ]


async def owner_entries(
    tx: Transaction, owner_id: UUID, *, limit: int, before_seq: int | None = None
) -> list[DictRow]:
    """Return rows of the entries on an owner's limited accounts, newest first.

    One entry comes once for each of its sides that the owner has, with that account's names; the
    two are never parted, so there may be one row more than the limit.
    """
    cursor = await tx.execute(
        QUERIES["owner_entries"],
        {"owner_id": owner_id, "limit": limit, "before": before_seq or SEQ_MAX},
    )
    return await cursor.fetchall()


def _rounds(ids: Sequence[UUID]) -> Iterator[list[int]]:
    """Yield positions so that no id comes twice in one round and each keeps its order."""
    rest = list(range(len(ids)))
    while rest:
        seen: dict[UUID, int] = {}
        for position in rest:
            seen.setdefault(ids[position], position)
        taken = set(seen.values())
        yield [position for position in rest if position in taken]
        rest = [position for position in rest if position not in taken]


def _in_order(answers: Mapping[int, Answer]) -> list[Answer]:
    return [answers[position] for position in sorted(answers)]


def _leg(row: DictRow, *, closed: bool) -> LegStatement:
    return LegStatement(
        account_id=row["account_id"],
        kind=AccountKind(row["kind"]),
        scope=row["scope"],
        payer=row["payer"],
        money=row["money"],
        held_micros=row["amount"],
        captured_micros=row["captured"],
        released_micros=row["amount"] - row["captured"] if closed else 0,
    )


def _draw(row: DictRow) -> DrawStatement:
    return DrawStatement(
        draw_id=row["id"],
        state=DrawState(row["state"]),
        rates_bps=tuple(row["rates"]),
        ceilings=tuple(row["ceilings"]),
        ceiling_micros=row["ceiling"],
        payable_account_id=row["payable_id"],
        captured=tuple(row["captured"]),
        charged_micros=row["charged"],
        metered_micros=row["metered"],
        overrun_micros=row["overrun"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
    )


def _entry(row: DictRow) -> AccountEntry:
    return AccountEntry(
        seq=row["seq"],
        txn=row["txn"],
        hold_id=row["hold_id"],
        draw_id=row["draw_id"],
        sequence=row["sequence"],
        kind=EntryKind(row["kind"]),
        debit=row["debit"],
        credit=row["credit"],
        pending_micros=row["pending"],
        posted_micros=row["posted"],
        reason=row["reason"],
        at=row["at"],
    )
