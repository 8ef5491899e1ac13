"""Programmes, vouchers and what they pay, in a small mains with a ledger."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from mains.clock import ManualClock
from mains.db import Database
from mains.ledger import service as ledger
from mains.ledger.rules import Mode
from mains.ledger.values import (
    AccountKind,
    DrawRequest,
    HoldOutcome,
    HoldRequest,
    Leg,
    UsageCharge,
)
from mains.parties import service as parties
from mains.programmes import service
from mains.programmes.document import Document, read_document
from mains.programmes.service import VoucherPayer
from mains.units import Money

DONGGUAN = service.pack("dongguan-2025")


def a_text(**replaced: str) -> str:
    """Return the pack with lines replaced: a_text(pot="5") writes `pot: 5`."""
    lines = []
    for line in DONGGUAN.splitlines():
        key = line.strip().partition(":")[0]
        indent = line[: len(line) - len(line.lstrip())]
        lines.append(f"{indent}{key}: {replaced[key]}" if key in replaced else line)
    return "\n".join(lines)


def a_document(**replaced: str) -> Document:
    return read_document(a_text(**replaced))


def yuan(whole: int) -> Money:
    return Money(whole * 1_000_000, "CNY")


@dataclass
class City:
    """One programme office, one firm, a clock; every step is a transaction of its own."""

    database: Database
    clock: ManualClock
    office: UUID
    firm: UUID

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def publish(self, text: str = DONGGUAN, *, id: UUID | None = None) -> service.Programme:
        async with self.database.transaction() as tx:
            return await service.publish(
                tx,
                publication_id=id or uuid4(),
                text=text,
                organisation_id=self.office,
                actor_id=None,
                now=self.now,
            )

    async def organisation(self, name: str, *, type: str = "firm") -> UUID:
        async with self.database.transaction() as tx:
            made = await parties.create_organisation(
                tx, name=name, type=type, attributes={}, now=self.now
            )
        return made.id

    async def grant(
        self, amount: Money, *, id: UUID | None = None, to: UUID | None = None, **more: Any
    ) -> service.Voucher:
        async with self.database.transaction() as tx:
            return await service.grant_voucher(
                tx,
                voucher_id=id or uuid4(),
                programme=more.pop("programme", "dongguan-2025"),
                organisation_id=to or self.firm,
                amount=amount,
                actor_id=None,
                now=self.now,
                **more,
            )

    async def voucher(self, voucher_id: UUID) -> service.Voucher:
        async with self.database.transaction() as tx:
            return await service.voucher(tx, voucher_id)

    async def programme(self, name: str = "dongguan-2025") -> service.Programme:
        async with self.database.transaction() as tx:
            return await service.programme(tx, name)

    async def payers(self, of: UUID | None = None, **more: Any) -> service.Payers:
        async with self.database.transaction() as tx:
            return await service.payers(tx, of or self.firm, now=self.now, **more)

    async def payer(self) -> VoucherPayer:
        [payer] = (await self.payers()).vouchers
        return payer

    async def ensure_room(self, voucher_id: UUID, amount: Money) -> Money:
        async with self.database.transaction() as tx:
            room = await service.ensure_room(tx, voucher_id, amount.micros, now=self.now)
        return Money(room, amount.unit)

    async def expire(self, *, limit: int = 100) -> list[UUID]:
        async with self.database.transaction() as tx:
            return await service.expire_vouchers(tx, now=self.now, limit=limit)

    async def hold(self, payer: VoucherPayer, amount: Money) -> UUID:
        hold_id = await self.try_hold(payer, amount)
        assert hold_id is not None, "neither voucher nor cap is short"
        return hold_id

    async def try_hold(self, payer: VoucherPayer, amount: Money) -> UUID | None:
        """Hold an amount of the voucher and of its caps, as a submission does, if it fits."""
        legs = [Leg(payer.account_id, 1), *(Leg(cap.account_id, 1) for cap in payer.caps)]
        request = HoldRequest(
            hold_id=uuid4(),
            request_hash=bytes(32),
            organisation_id=self.firm,
            unit=amount.unit,
            ceiling_micros=amount.micros,
            mode=Mode.RATIO,
            amounts=(0, amount.micros),
            legs=tuple(legs),
            expires_at=self.now + timedelta(days=1),
        )
        async with self.database.transaction() as tx:
            [answer] = await ledger.place(tx, [request], now=self.now)
        return request.hold_id if answer.outcome is HoldOutcome.PLACED else None

    async def release(self, hold_id: UUID) -> None:
        async with self.database.transaction() as tx:
            await ledger.close_holds(tx, [hold_id], reason="tested", now=self.now)

    async def spend(self, payer: VoucherPayer, amount: Money) -> None:
        await self.charge(await self.hold(payer, amount), amount)

    async def charge(self, hold_id: UUID, amount: Money) -> None:
        """Draw on a hold and be charged all of it, at the voucher's expense alone."""
        draw_id = uuid4()
        async with self.database.transaction() as tx:
            payable = await ledger.open_account(
                tx,
                kind=AccountKind.PAYABLE,
                unit=amount.unit,
                owner_id=uuid4(),
                scope="site",
                limited=False,
                now=self.now,
            )
            draw = DrawRequest(
                draw_id, hold_id, (10_000,), (0, amount.micros), amount.micros, payable
            )
            await ledger.open_draws(tx, [draw], now=self.now)
            charge = UsageCharge(draw_id, 1, bytes(32), amount.micros, final=True)
            [answer] = await ledger.capture(tx, [charge], now=self.now)
            await ledger.close_holds(tx, [hold_id], reason="done", now=self.now)
        assert answer.charged_micros == amount.micros, answer


async def a_city(database: Database, clock: ManualClock) -> City:
    """Return a city in January 2026 whose programme is not published yet."""
    city = City(database, clock, uuid4(), uuid4())
    city.office = await city.organisation("programme-office", type="department")
    city.firm = await city.organisation("harbour-robotics")
    return city
