"""The ledger as a plain Python program: what the database must answer, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Self
from uuid import UUID

from mains.ledger.rules import split
from mains.ledger.values import (
    CaptureOutcome,
    CloseOutcome,
    DrawOutcome,
    DrawRequest,
    HoldAnswer,
    HoldOutcome,
    HoldRequest,
    TransferOutcome,
    UsageCharge,
)


@dataclass
class Account:
    credits: int = 0
    debits: int = 0
    pending: int = 0

    @property
    def available(self) -> int:
        return self.credits - self.debits - self.pending


@dataclass
class Hold:
    request: HoldRequest
    open: bool = True
    draws: tuple["Draw", ...] = ()

    def amount(self, payer: int) -> int:
        return self.request.ceiling_micros if payer < 0 else self.request.amounts[payer]


class Placed(NamedTuple):
    """How a hold was answered; amounts in micro-units."""

    outcome: HoldOutcome
    short_account_id: int | None = None
    short_needed: int | None = None
    short_available: int | None = None

    @classmethod
    def of(cls, answer: HoldAnswer) -> Self:
        return cls(
            answer.outcome,
            answer.short_account_id,
            answer.short_needed_micros,
            answer.short_available_micros,
        )


@dataclass
class Draw:
    request: DrawRequest
    hold: Hold
    state: str = "open"
    captured: list[int] = field(default_factory=list)
    metered: int = 0
    late: int = 0
    overrun: int = 0
    sequence_last: int = 0

    @property
    def charged(self) -> int:
        return sum(self.captured)

    def taken(self, payer: int) -> int:
        return self.charged if payer < 0 else self.captured[payer]

    def claims(self, payer: int) -> int:
        """What the draw keeps of a payer's amount in its hold."""
        if self.state != "open":
            return self.taken(payer)
        return self.request.ceiling_micros if payer < 0 else self.request.ceilings[payer]


@dataclass
class Event:
    body_hash: bytes
    charged: int
    overrun: int


class Model:
    """Accounts by id; every method answers as the service does and has the same effect."""

    def __init__(self, limited: set[int]) -> None:
        self.accounts = {account_id: Account() for account_id in limited}
        self.paid = 0
        self.transfers: dict[UUID, tuple[int, int, int]] = {}
        self.holds: dict[UUID, Hold] = {}
        self.draws: dict[UUID, Draw] = {}
        self.events: dict[tuple[UUID, int], Event] = {}

    def transfer(self, transfer_id: UUID, debit: int, credit: int, amount: int) -> TransferOutcome:
        if transfer_id in self.transfers:
            same = self.transfers[transfer_id] == (debit, credit, amount)
            return TransferOutcome.REPLAYED if same else TransferOutcome.CONFLICT
        source = self.accounts.get(debit)
        if source is not None and source.available < amount:
            return TransferOutcome.REFUSED
        if source is not None:
            source.debits += amount
        self.accounts[credit].credits += amount
        self.transfers[transfer_id] = (debit, credit, amount)
        return TransferOutcome.PLACED

    def place(self, request: HoldRequest) -> Placed:
        """Return the outcome, and of a refusal which account was short, what of and what it had."""
        known = self.holds.get(request.hold_id)
        if known is not None:
            same = known.request.request_hash == request.request_hash
            return Placed(HoldOutcome.REPLAYED if same else HoldOutcome.CONFLICT)
        hold = Hold(request)
        for leg in request.legs:
            available, needed = self.accounts[leg.account_id].available, hold.amount(leg.payer)
            if available < needed:
                return Placed(HoldOutcome.REFUSED, leg.account_id, needed, available)
        for leg in request.legs:
            self.accounts[leg.account_id].pending += hold.amount(leg.payer)
        self.holds[request.hold_id] = hold
        return Placed(HoldOutcome.PLACED)

    def open_draw(self, request: DrawRequest) -> DrawOutcome:
        known = self.draws.get(request.draw_id)
        if known is not None:
            return DrawOutcome.REPLAYED if known.request == request else DrawOutcome.CONFLICT
        hold = self.holds[request.hold_id]
        if not hold.open:
            return DrawOutcome.HOLD_CLOSED
        draw = Draw(request, hold, captured=[0] * len(request.ceilings))
        for payer in range(-1, len(request.ceilings)):
            if self.claimed(hold, payer) + draw.claims(payer) > hold.amount(payer):
                return DrawOutcome.NO_ROOM
        self.draws[request.draw_id] = draw
        hold.draws = (*hold.draws, draw)
        return DrawOutcome.OPENED

    def claimed(self, hold: Hold, payer: int) -> int:
        return sum(draw.claims(payer) for draw in hold.draws)

    def capture(self, events: Sequence[UsageCharge]) -> list[tuple[CaptureOutcome, int, int]]:
        """Take the readings in order; holds are closed behind the last, where one asked for it."""
        answers = [self._take(event) for event in events]
        for event, (outcome, _, _) in zip(events, answers, strict=True):
            hold = self.draws[event.draw_id].hold
            ends = event.final and event.close_hold and outcome is CaptureOutcome.CAPTURED
            if ends and hold.open and not self.has_open_draw(hold):
                self._release(hold)
        return answers

    def _take(self, event: UsageCharge) -> tuple[CaptureOutcome, int, int]:
        draw = self.draws[event.draw_id]
        known = self.events.get((event.draw_id, event.sequence))
        if known is not None and known.body_hash == event.body_hash:
            return CaptureOutcome.REPLAYED, known.charged, known.overrun
        outcome = CaptureOutcome.CONFLICT if known else self._judge(draw, event)
        if outcome is CaptureOutcome.CAPTURED:
            self._charge(draw, event)
        if outcome is CaptureOutcome.LATE:
            draw.late = event.cost_micros - draw.metered
            draw.overrun = event.cost_micros - draw.charged
        if outcome in {CaptureOutcome.CAPTURED, CaptureOutcome.LATE}:
            draw.sequence_last = event.sequence
        if not outcome.refused:
            self.events[event.draw_id, event.sequence] = Event(
                event.body_hash, draw.charged, draw.overrun
            )
        return outcome, draw.charged, draw.overrun

    @staticmethod
    def _judge(draw: Draw, event: UsageCharge) -> CaptureOutcome:
        meter = draw.metered + draw.late
        if event.sequence < draw.sequence_last:
            stale = event.cost_micros <= meter
            return CaptureOutcome.STALE if stale else CaptureOutcome.DECREASED
        if event.cost_micros < meter:
            return CaptureOutcome.DECREASED
        return CaptureOutcome.CAPTURED if draw.state == "open" else CaptureOutcome.LATE

    def _charge(self, draw: Draw, event: UsageCharge) -> None:
        request = draw.request
        shares = split(
            min(event.cost_micros, request.ceiling_micros),
            rates_bps=request.rates_bps,
            ceilings=request.ceilings[1:],
            own_ceiling=request.ceilings[0],
            mode=draw.hold.request.mode,
        )
        self._move(draw, [shares.own, *shares.public])
        draw.metered = event.cost_micros
        draw.overrun = event.cost_micros - draw.charged
        if event.final:
            draw.state = "closed"

    def _move(self, draw: Draw, captured: list[int]) -> None:
        """Move what lies between promised and spent on every leg; back, if captured shrinks."""
        before = {leg: draw.taken(leg.payer) for leg in draw.hold.request.legs}
        self.paid += sum(captured) - draw.charged
        draw.captured = captured
        for leg, taken in before.items():
            grown = draw.taken(leg.payer) - taken
            self.accounts[leg.account_id].pending -= grown
            self.accounts[leg.account_id].debits += grown

    def close_draw(self, draw_id: UUID, *, absorb: bool) -> CloseOutcome:
        draw = self.draws[draw_id]
        if draw.state == "absorbed" or (draw.state == "closed" and not absorb):
            return CloseOutcome.REPLAYED
        if draw.state == "closed" and not draw.hold.open:
            return CloseOutcome.HOLD_CLOSED
        draw.state = "closed"
        if not absorb:
            return CloseOutcome.CLOSED
        self._move(draw, [0] * len(draw.captured))
        draw.overrun = draw.metered + draw.late
        draw.state = "absorbed"
        return CloseOutcome.ABSORBED

    def close_hold(self, hold_id: UUID) -> bool:
        """Return False where something is still drawn from it."""
        hold = self.holds[hold_id]
        if self.has_open_draw(hold):
            return False
        if hold.open:
            self._release(hold)
        return True

    def expire(self, now: datetime) -> set[UUID]:
        return {hold_id for hold_id in self.holds if self.expire_one(hold_id, now)}

    def expire_one(self, hold_id: UUID, now: datetime) -> bool:
        """Release a hold past its time that nothing is drawn from; returns whether it is one."""
        hold = self.holds[hold_id]
        if not hold.open or hold.request.expires_at > now or self.has_open_draw(hold):
            return False
        self._release(hold)
        return True

    def has_open_draw(self, hold: Hold) -> bool:
        return any(draw.state == "open" for draw in hold.draws)

    def _release(self, hold: Hold) -> None:
        for leg in hold.request.legs:
            rest = hold.amount(leg.payer) - self.claimed(hold, leg.payer)
            self.accounts[leg.account_id].pending -= rest
        hold.open = False
