"""The audit of programmes: clean after a life, and each query finds the fault it is there for."""

from datetime import timedelta

import psycopg
import pytest

from mains.clock import ManualClock
from mains.db import Database, Queries
from tests.programmes.builders import City, a_city, a_text, yuan

pytestmark = pytest.mark.anyio

AUDIT = Queries.load("mains.programmes", "audit.sql")


@pytest.fixture
async def city(database: Database, clock: ManualClock) -> City:
    return await a_city(database, clock)


async def findings(city: City) -> set[str]:
    async with city.database.transaction() as tx:
        return {name for name in AUDIT if await (await tx.execute(AUDIT[name])).fetchall()}


async def a_life(city: City, clock: ManualClock) -> None:
    """Publish, grant, spend, hold, change the rules, let one voucher end."""
    await city.publish()
    await city.grant(yuan(300_000), valid_until=city.now + timedelta(days=9))
    await city.spend(await city.payer(), yuan(60_000))
    hold = await city.hold(await city.payer(), yuan(10_000))
    await city.publish(a_text(pot="400000", amount="50000"))
    await city.payers()
    await city.release(hold)
    await city.payers()
    clock.advance(timedelta(days=9))
    await city.expire()
    await city.grant(yuan(340_000))
    await city.payers()


async def test_a_whole_life_leaves_the_audit_clean(city: City, clock: ManualClock) -> None:
    await a_life(city, clock)
    assert await findings(city) == set()


def test_every_invariant_is_explained() -> None:
    for name in AUDIT:
        assert AUDIT.why(name).endswith(".")


FAULTS = [
    ("grants_within_appropriation", "UPDATE programmes.version SET pot_micros = 1"),
    (
        "pot_is_appropriation_less_grants",
        "UPDATE programmes.voucher SET granted_micros = granted_micros + 1",
    ),
    (
        "voucher_amount_is_in_one_place",
        "UPDATE programmes.voucher SET granted_micros = granted_micros + 1",
    ),
    ("accounts_of_one_currency", "UPDATE programmes.programme SET currency = 'EUR'"),
    (
        "cap_within_document",
        "UPDATE programmes.cap SET credited_micros = 1 + 1000000 * 1000000::bigint",
    ),
    (
        "voucher_within_its_version",
        "UPDATE programmes.voucher SET valid_until = '2028-01-01T00:00:01+08:00'",
    ),
    ("ended_voucher_is_empty", "UPDATE programmes.voucher SET state = 'ended'"),
    ("versions_are_in_order", "UPDATE programmes.programme SET version = 1"),
    ("versions_are_in_order", "UPDATE programmes.version SET document = document || ' '"),
]


@pytest.mark.parametrize(("invariant", "tampering"), FAULTS)
async def test_the_audit_names_what_was_tampered_with(
    city: City, clock: ManualClock, owner_url: str, invariant: str, tampering: str
) -> None:
    await a_life(city, clock)
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(tampering)
    assert invariant in await findings(city)


def test_every_invariant_has_a_fault_that_breaks_it() -> None:
    assert {invariant for invariant, _ in FAULTS} == set(AUDIT)
