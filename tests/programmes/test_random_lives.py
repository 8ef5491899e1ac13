"""Random lives of a programme, four steps at a time: whatever happens, the books stay clean."""

import asyncio
import random
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest

from mains.clock import ManualClock
from mains.db import Database, Queries
from mains.errors import DocumentInvalid, InsufficientFunds
from mains.units import Money
from tests.programmes.builders import City, a_city, a_text, yuan

pytestmark = pytest.mark.anyio

ROUNDS: Final = 25
AT_ONCE: Final = 4
AUDITS: Final = {
    slice_name: Queries.load(f"mains.{slice_name}", "audit.sql")
    for slice_name in ("programmes", "ledger")
}


class Life:
    """Draws steps; keeps the holds that are open, to end them later."""

    def __init__(self, city: City, chance: random.Random) -> None:
        self.city = city
        self.chance = chance
        self.holds: list[tuple[UUID, Money]] = []

    async def step(self) -> None:
        """Take one step; a pot that is too small now is an answer like any other."""
        steps = [self.grant, self.grant, self.more_room, self.hold, self.hold, self.end_hold]
        try:
            await self.chance.choice([*steps, self.publish, self.expire])()
        except (InsufficientFunds, DocumentInvalid):
            return

    async def grant(self) -> None:
        await self.city.grant(
            yuan(self.chance.randint(1, 400)),
            tranche=yuan(self.chance.randint(1, 90)),
            valid_until=self.city.now + timedelta(days=self.chance.randint(1, 9)),
        )

    async def more_room(self) -> None:
        for payer in (await self.city.payers()).vouchers[:1]:
            await self.city.ensure_room(payer.voucher_id, yuan(self.chance.randint(1, 500)))

    async def hold(self) -> None:
        for payer in (await self.city.payers()).vouchers[:1]:
            amount = yuan(self.chance.randint(1, 120))
            hold_id = await self.city.try_hold(payer, amount)
            if hold_id is not None:
                self.holds.append((hold_id, amount))

    async def end_hold(self) -> None:
        if self.holds:
            hold_id, amount = self.holds.pop()
            if self.chance.random() < 0.5:
                await self.city.release(hold_id)
            else:
                await self.city.charge(hold_id, amount)

    async def publish(self) -> None:
        pot, cap = self.chance.randint(500, 5_000), self.chance.randint(50, 900)
        await self.city.publish(a_text(pot=str(pot), amount=str(cap)))

    async def expire(self) -> None:
        await self.city.expire(limit=3)


async def findings(city: City) -> list[str]:
    async with city.database.transaction() as tx:
        return [
            f"{slice_name}.{name}"
            for slice_name, audit in AUDITS.items()
            for name in audit
            if await (await tx.execute(audit[name])).fetchall()
        ]


@pytest.mark.parametrize("seed", range(3))
async def test_no_order_of_steps_at_once_loses_or_invents_a_unit(
    database: Database, clock: ManualClock, seed: int
) -> None:
    city = await a_city(database, clock)
    await city.publish(a_text(pot="5000", amount="900"))
    life = Life(city, random.Random(seed))  # noqa: S311
    for _ in range(ROUNDS):
        await asyncio.gather(*(life.step() for _ in range(AT_ONCE)))
        clock.advance(timedelta(hours=life.chance.randint(0, 30)))
    assert await findings(city) == []
    for hold_id, _ in life.holds:
        await city.release(hold_id)
    clock.advance(timedelta(days=100))
    while await city.expire():
        pass
    assert await findings(city) == []
    programme = await city.programme()
    async with database.transaction() as tx:
        rows = await tx.execute(
            "SELECT sum(granted_micros - returned_micros)::bigint AS spent, "
            "bool_and(state = 'closed') AS closed FROM programmes.voucher"
        )
        row = await rows.fetchone()
    assert row is not None
    assert row["closed"]
    assert programme.committed == Money(row["spent"], "CNY")
