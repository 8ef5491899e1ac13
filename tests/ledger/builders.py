"""A small city to try the ledger in: one organisation with its limits, and a site to pay."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Self
from uuid import UUID

from mains.db import Database, Queries
from mains.ids import new_id
from mains.ledger import auditing, service
from mains.ledger.auditing import Finding
from mains.ledger.rules import Mode
from mains.ledger.values import (
    AccountKind,
    CaptureAnswer,
    CloseOutcome,
    DrawAnswer,
    DrawRequest,
    HoldAnswer,
    HoldRequest,
    HoldStatement,
    Leg,
    Room,
    TransferAnswer,
    UsageCharge,
)

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
UNIT = "CNY"
AUDIT = {"ledger": Queries.load("mains.ledger", "audit.sql")}
DEFAULT_LEGS = (("own", 0), ("voucher", 1), ("cap", 1))
UNLIMITED_KINDS = frozenset(AccountKind) - {
    AccountKind.OWN,
    AccountKind.VOUCHER,
    AccountKind.POT,
    AccountKind.CAP,
}


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


@dataclass
class City:
    """Accounts by short names: own, voucher, cap, world, source, payable. Each call commits."""

    database: Database
    owner_url: str
    organisation_id: UUID = field(default_factory=new_id)
    site_id: UUID = field(default_factory=new_id)
    accounts: dict[str, int] = field(default_factory=dict)
    now: datetime = NOW

    @classmethod
    async def with_room(
        cls,
        database: Database,
        owner_url: str,
        *,
        own: int = 1_000,
        voucher: int = 1_000,
        cap: int = 1_000,
    ) -> Self:
        city = cls(database, owner_url)
        await city.open("world", AccountKind.WORLD, owner_id=None)
        await city.open("source", AccountKind.CAP_SOURCE, owner_id=None)
        await city.open("payable", AccountKind.PAYABLE, owner_id=city.site_id)
        await city.open("own", AccountKind.OWN, owner_id=city.organisation_id)
        await city.open("voucher", AccountKind.VOUCHER, owner_id=city.organisation_id)
        await city.open("cap", AccountKind.CAP, owner_id=city.organisation_id)
        for name, room in (("own", own), ("voucher", voucher), ("cap", cap)):
            if room:
                await city.fund(name, room)
        return city

    async def open(
        self, name: str, kind: AccountKind, *, owner_id: UUID | None, scope: str = ""
    ) -> int:
        async with self.database.transaction() as tx:
            self.accounts[name] = await service.open_account(
                tx,
                kind=kind,
                unit=UNIT,
                owner_id=owner_id,
                scope=scope,
                limited=kind not in UNLIMITED_KINDS,
                now=self.now,
            )
        return self.accounts[name]

    async def fund(self, name: str, amount_micros: int) -> TransferAnswer:
        source = "source" if name.startswith("cap") else "world"
        return await self.transfer(source, name, amount_micros)

    async def transfer(
        self, debit: str, credit: str, amount_micros: int, *, transfer_id: UUID | None = None
    ) -> TransferAnswer:
        async with self.database.transaction() as tx:
            return await service.transfer(
                tx,
                transfer_id=transfer_id or new_id(),
                debit=self.accounts[debit],
                credit=self.accounts[credit],
                amount_micros=amount_micros,
                reason="test",
                actor_id=None,
                now=self.now,
            )

    def hold(
        self,
        ceiling: int = 500,
        amounts: tuple[int, ...] | None = None,
        *,
        hold_id: UUID | None = None,
        legs: Sequence[tuple[str, int]] | None = None,
        mode: Mode = Mode.RATIO,
        body: str = "body",
        hours: int = 24,
        unit: str = UNIT,
    ) -> HoldRequest:
        """By default half of the ceiling may come from the voucher, within the cap."""
        return HoldRequest(
            hold_id=hold_id or new_id(),
            request_hash=digest(body),
            organisation_id=self.organisation_id,
            unit=unit,
            ceiling_micros=ceiling,
            mode=mode,
            amounts=(ceiling, ceiling // 2) if amounts is None else amounts,
            legs=tuple(
                Leg(self.accounts[name], payer)
                for name, payer in (DEFAULT_LEGS if legs is None else legs)
            ),
            expires_at=self.now + timedelta(hours=hours),
            actor_id=self.organisation_id,
        )

    def draw(
        self,
        hold: HoldRequest,
        ceiling: int | None = None,
        *,
        draw_id: UUID | None = None,
        rates_bps: tuple[int, ...] = (5_000,),
        ceilings: tuple[int, ...] | None = None,
        payable: str = "payable",
    ) -> DrawRequest:
        ceiling = hold.ceiling_micros if ceiling is None else ceiling
        return DrawRequest(
            draw_id=draw_id or new_id(),
            hold_id=hold.hold_id,
            rates_bps=rates_bps,
            ceilings=(ceiling - ceiling // 2, ceiling // 2) if ceilings is None else ceilings,
            ceiling_micros=ceiling,
            payable_account_id=self.accounts[payable],
        )

    async def place(self, *holds: HoldRequest) -> list[HoldAnswer]:
        async with self.database.transaction() as tx:
            return await service.place(tx, holds, now=self.now)

    async def open_draws(self, *draws: DrawRequest) -> list[DrawAnswer]:
        async with self.database.transaction() as tx:
            return await service.open_draws(tx, draws, now=self.now)

    async def drawing(self, ceiling: int = 500) -> tuple[HoldRequest, DrawRequest]:
        """Place a hold and open a draw over all of it."""
        hold = self.hold(ceiling)
        draw = self.draw(hold)
        await self.place(hold)
        await self.open_draws(draw)
        return hold, draw

    async def capture(self, *events: UsageCharge) -> list[CaptureAnswer]:
        async with self.database.transaction() as tx:
            return await service.capture(tx, events, now=self.now)

    async def close_draws(self, *closings: tuple[UUID, bool]) -> dict[UUID, CloseOutcome]:
        async with self.database.transaction() as tx:
            return await service.close_draws(tx, closings, now=self.now)

    async def close_holds(self, *hold_ids: UUID) -> None:
        async with self.database.transaction() as tx:
            await service.close_holds(tx, hold_ids, reason="test", now=self.now)

    async def expire(self, *, limit: int = 100) -> list[UUID]:
        async with self.database.transaction() as tx:
            return await service.expire(tx, now=self.now, limit=limit)

    async def room(self, name: str) -> Room:
        async with self.database.transaction() as tx:
            return (await service.rooms(tx, [self.accounts[name]]))[self.accounts[name]]

    async def rooms(self) -> dict[str, Room]:
        async with self.database.transaction() as tx:
            rooms = await service.rooms(tx, list(self.accounts.values()))
        return {name: rooms[account_id] for name, account_id in self.accounts.items()}

    async def available(self, *names: str) -> tuple[int | None, ...]:
        async with self.database.transaction() as tx:
            rooms = await service.rooms(tx, [self.accounts[name] for name in names])
        return tuple(rooms[self.accounts[name]].available_micros for name in names)

    async def paid(self, name: str) -> int:
        """Return what an unlimited account received, less what it gave."""
        async with self.database.transaction() as tx:
            cursor = await tx.execute(
                """SELECT coalesce(sum(CASE WHEN credit = %(id)s THEN posted ELSE -posted END), 0)
                          AS balance
                   FROM ledger.entry WHERE %(id)s IN (debit, credit) AND posted > 0""",
                {"id": self.accounts[name]},
            )
            row = await cursor.fetchone()
            assert row is not None
            return int(row["balance"])

    async def statement(self, hold_id: UUID) -> HoldStatement:
        async with self.database.transaction() as tx:
            return await service.statement(tx, hold_id)

    async def findings(self) -> list[Finding]:
        async with self.database.transaction() as tx:
            return await auditing.audit(tx, AUDIT)


def reading(
    draw: DrawRequest,
    sequence: int,
    cost: int,
    *,
    final: bool = False,
    close_hold: bool = False,
    body: str | None = None,
) -> UsageCharge:
    text = body or f"{draw.draw_id}/{sequence}/{cost}/{final}"
    return UsageCharge(draw.draw_id, sequence, digest(text), cost, final, close_hold)
