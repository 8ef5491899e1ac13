"""Draws on real holds, and readings of them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mains.db import Transaction
from mains.ids import new_id
from mains.ledger import service as ledger
from mains.ledger.rules import Mode
from mains.ledger.values import AccountKind, DrawRequest, HoldRequest, Leg
from mains.metering.service import Reading

PRICE = 3_600_000
"""One micro-unit a unit-millisecond, so that costs can be read off the meter."""
CEILING = 1_000_000


async def some_draws(
    tx: Transaction, count: int, *, now: datetime, ceiling: int = CEILING
) -> list[UUID]:
    """Return open draws, each on a hold of its own, paid by one organisation's own money."""
    organisation_id, site_id = new_id(), new_id()
    own, world, payable = [
        await ledger.open_account(
            tx,
            kind=kind,
            unit="CNY",
            owner_id=owner,
            scope="",
            limited=kind is AccountKind.OWN,
            now=now,
        )
        for kind, owner in (
            (AccountKind.OWN, organisation_id),
            (AccountKind.WORLD, None),
            (AccountKind.PAYABLE, site_id),
        )
    ]
    await ledger.transfer(
        tx,
        transfer_id=new_id(),
        debit=world,
        credit=own,
        amount_micros=count * ceiling,
        reason="deposit",
        actor_id=None,
        now=now,
    )
    ids = [new_id() for _ in range(count)]
    holds = [
        HoldRequest(
            hold_id=draw_id,
            request_hash=b"request",
            organisation_id=organisation_id,
            unit="CNY",
            ceiling_micros=ceiling,
            mode=Mode.RATIO,
            amounts=(ceiling,),
            legs=(Leg(own, 0),),
            expires_at=now + timedelta(days=1),
        )
        for draw_id in ids
    ]
    draws = [
        DrawRequest(
            draw_id=draw_id,
            hold_id=draw_id,
            rates_bps=(),
            ceilings=(ceiling,),
            ceiling_micros=ceiling,
            payable_account_id=payable,
        )
        for draw_id in ids
    ]
    assert {answer.outcome for answer in await ledger.place(tx, holds, now=now)} == {"placed"}
    assert {answer.outcome for answer in await ledger.open_draws(tx, draws, now=now)} == {"opened"}
    return ids


def a_reading(draw_id: UUID, **changed: Any) -> Reading:
    reading = Reading(
        draw_id=draw_id,
        sequence=1,
        unit_milliseconds=1_000,
        cpu_milliseconds=900,
        memory_peak_bytes=2**20,
        energy_joules=None,
        final=False,
        price_micros_per_unit_hour=PRICE,
    )
    return replace(reading, **changed)
