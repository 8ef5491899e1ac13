"""What the ledger is asked and what it answers. Amounts are micro-units of the unit named."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mains.ledger.rules import Mode


class AccountKind(StrEnum):
    """own, voucher, pot and cap are limited and keep counters; the others are not."""

    OWN = "own"
    VOUCHER = "voucher"
    POT = "pot"
    CAP = "cap"
    WORLD = "world"
    PAYABLE = "payable"
    ABSORBED = "absorbed"
    OVERRUN = "overrun"
    CAP_SOURCE = "cap_source"
    RESERVE = "reserve"


class EntryKind(StrEnum):
    TRANSFER = "transfer"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    REFUND = "refund"
    OVERRUN = "overrun"
    ABSORB = "absorb"


@dataclass(frozen=True, slots=True)
class Room:
    """credits came in, debits went out for good, pending is promised to holds.

    available is what is left, and None for an unlimited account, which keeps no counters.
    """

    credits_micros: int
    debits_micros: int
    pending_micros: int
    available_micros: int | None


@dataclass(frozen=True, slots=True)
class OwnedAccount:
    account_id: int
    kind: AccountKind
    unit: str
    scope: str
    room: Room


class TransferOutcome(StrEnum):
    PLACED = "placed"
    REPLAYED = "replayed"
    CONFLICT = "conflict"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class TransferAnswer:
    """short_by and available say by how much a refused transfer was short."""

    outcome: TransferOutcome
    short_by_micros: int | None
    available_micros: int | None


@dataclass(frozen=True, slots=True)
class Leg:
    """An account that a hold binds, and the payer whose share it follows.

    Payer 0 is the organisation itself, 1.. are the public payers; -1 follows the total cost,
    which only a cap may do. Every payer of something has exactly one account that is no cap.
    """

    account_id: int
    payer: int


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """amounts: the worst case per payer, own money first; they may sum to more than the ceiling.

    request_hash is over everything that makes the request what it is: the same hold_id with
    another hash is a conflict.
    """

    hold_id: UUID
    request_hash: bytes
    organisation_id: UUID
    unit: str
    ceiling_micros: int
    mode: Mode
    amounts: tuple[int, ...]
    legs: tuple[Leg, ...]
    expires_at: datetime
    actor_id: UUID | None = None


class HoldOutcome(StrEnum):
    PLACED = "placed"
    REPLAYED = "replayed"
    CONFLICT = "conflict"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class HoldAnswer:
    """A refused hold names the first of its accounts that was short, and the amounts."""

    hold_id: UUID
    outcome: HoldOutcome
    short_account_id: int | None = None
    short_needed_micros: int | None = None
    short_available_micros: int | None = None


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """One attempt's allotment: the public payers' rates at its site, ceilings per payer."""

    draw_id: UUID
    hold_id: UUID
    rates_bps: tuple[int, ...]
    ceilings: tuple[int, ...]
    ceiling_micros: int
    payable_account_id: int


class DrawOutcome(StrEnum):
    OPENED = "opened"
    REPLAYED = "replayed"
    CONFLICT = "conflict"
    NO_ROOM = "no_room"
    HOLD_CLOSED = "hold_closed"


@dataclass(frozen=True, slots=True)
class DrawAnswer:
    draw_id: UUID
    outcome: DrawOutcome


@dataclass(frozen=True, slots=True)
class UsageCharge:
    """One reading of a draw's meter; cost is cumulative, final is the last one while it is open.

    close_hold asks a final reading to settle the hold too, if nothing else is drawn from it.
    """

    draw_id: UUID
    sequence: int
    body_hash: bytes
    cost_micros: int
    final: bool = False
    close_hold: bool = False


class CaptureOutcome(StrEnum):
    CAPTURED = "captured"
    REPLAYED = "replayed"
    CONFLICT = "conflict"
    """Another body under a sequence that was used; refused and recorded."""
    DECREASED = "decreased"
    """A lowered meter; refused and recorded."""
    STALE = "stale"
    """An older reading that arrived late; recorded, no effect."""
    LATE = "late"
    """The draw was closed; recorded, what is new in it is absorbed by the site."""
    UNKNOWN = "unknown"
    """There is no such draw; nothing is recorded."""

    @property
    def refused(self) -> bool:
        return self in {self.CONFLICT, self.DECREASED, self.UNKNOWN}


@dataclass(frozen=True, slots=True)
class CaptureAnswer:
    """What the draw has charged and overrun so far; a replay says what it said at first."""

    draw_id: UUID
    outcome: CaptureOutcome
    charged_micros: int
    overrun_micros: int


class CloseOutcome(StrEnum):
    CLOSED = "closed"
    ABSORBED = "absorbed"
    REPLAYED = "replayed"
    HOLD_CLOSED = "hold_closed"
    UNKNOWN = "unknown"


class HoldState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class DrawState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    ABSORBED = "absorbed"


@dataclass(frozen=True, slots=True)
class LegStatement:
    """What one account gave to a hold; released is what came back when the hold closed."""

    account_id: int
    kind: AccountKind
    scope: str
    payer: int
    money: bool
    held_micros: int
    captured_micros: int
    released_micros: int


@dataclass(frozen=True, slots=True)
class DrawStatement:
    """What one attempt used and what was charged for it, per payer; charged + overrun = metered."""

    draw_id: UUID
    state: DrawState
    rates_bps: tuple[int, ...]
    ceilings: tuple[int, ...]
    ceiling_micros: int
    payable_account_id: int
    captured: tuple[int, ...]
    charged_micros: int
    metered_micros: int
    overrun_micros: int
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One line of the book: posted moved from debit to credit, pending changed on debit."""

    seq: int
    txn: UUID
    hold_id: UUID | None
    draw_id: UUID | None
    sequence: int | None
    kind: EntryKind
    debit: int
    credit: int | None
    pending_micros: int
    posted_micros: int
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class HoldStatement:
    """Everything that a receipt says about the money of one hold."""

    hold_id: UUID
    organisation_id: UUID
    unit: str
    mode: Mode
    ceiling_micros: int
    state: HoldState
    placed_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    close_reason: str | None
    legs: tuple[LegStatement, ...]
    draws: tuple[DrawStatement, ...]
    entries: tuple[AccountEntry, ...]

    @property
    def charged_micros(self) -> int:
        return sum(draw.charged_micros for draw in self.draws)

    @property
    def overrun_micros(self) -> int:
        return sum(draw.overrun_micros for draw in self.draws)

    @property
    def payers(self) -> dict[int, LegStatement]:
        """The money legs by payer: 0 is the organisation, 1.. are the public payers."""
        return {leg.payer: leg for leg in self.legs if leg.money}
