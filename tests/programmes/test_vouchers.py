"""Vouchers: granted within the pot, released by tranche, returned when they end."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from mains.clock import ManualClock
from mains.db import Database
from mains.errors import (
    AmountInvalid,
    InsufficientFunds,
    KeyReused,
    NotEligible,
    NotFound,
    RequestInvalid,
)
from mains.programmes import service
from mains.units import Money
from tests.programmes.builders import City, a_city, a_text, yuan

pytestmark = pytest.mark.anyio


@pytest.fixture
async def city(database: Database, clock: ManualClock) -> City:
    city = await a_city(database, clock)
    await city.publish()
    return city


async def test_a_grant_leaves_the_pot_and_its_first_tranche_can_be_spent(city: City) -> None:
    voucher = await city.grant(yuan(300_000))
    assert (voucher.granted, voucher.released) == (yuan(300_000), yuan(100_000))
    assert (voucher.promised, voucher.spent) == (yuan(200_000), yuan(0))
    assert voucher.valid_until == city.now + timedelta(days=365)
    programme = await city.programme()
    assert (programme.available, programme.committed) == (yuan(49_700_000), yuan(300_000))


async def test_a_grant_smaller_than_a_tranche_is_released_whole(city: City) -> None:
    voucher = await city.grant(yuan(5))
    assert (voucher.released, voucher.promised) == (yuan(5), yuan(0))


async def test_without_tranches_a_grant_is_released_whole(city: City) -> None:
    text = a_text(pot="50000001").replace("    tranche: 100000\n", "").rstrip()
    await city.publish(text.removesuffix("    tranche: 100000"))
    voucher = await city.grant(yuan(300_000))
    assert (voucher.released, voucher.promised) == (yuan(300_000), yuan(0))


async def test_a_voucher_keeps_the_version_that_it_was_granted_under(city: City) -> None:
    old = await city.grant(yuan(10))
    await city.publish(a_text(percent="40 %"))
    new = await city.grant(yuan(10))
    assert (old.version, new.version) == (1, 2)
    payers = {each.voucher_id: each for each in (await city.payers()).vouchers}
    assert payers[old.id].document.rules.rate.basis_points == 5_000
    assert payers[new.id].document.rules.rate.basis_points == 4_000


async def test_ten_equal_grants_at_once_make_one_voucher_and_ten_equal_answers(
    city: City,
) -> None:
    voucher_id = uuid4()
    answers = await asyncio.gather(*(city.grant(yuan(100), id=voucher_id) for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert (await city.programme()).committed == yuan(100)


async def test_an_id_used_for_another_grant_is_a_conflict(city: City) -> None:
    voucher = await city.grant(yuan(100))
    with pytest.raises(KeyReused):
        await city.grant(yuan(101), id=voucher.id)
    with pytest.raises(KeyReused):
        await city.grant(yuan(100), id=voucher.id, tranche=yuan(1))


async def test_grants_never_exceed_the_appropriation(city: City) -> None:
    await city.grant(yuan(49_999_999))
    with pytest.raises(InsufficientFunds) as refused:
        await city.grant(yuan(3))
    assert refused.value.facts == {"available": "1.00", "short_by": "2.00", "currency": "CNY"}
    assert (await city.programme()).available == yuan(1)


async def test_of_two_grants_racing_for_the_last_yuan_one_wins(city: City) -> None:
    await city.grant(yuan(49_999_999))
    answers = await asyncio.gather(*(city.grant(yuan(1)) for _ in range(2)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["InsufficientFunds", "Voucher"]


async def test_a_refused_grant_can_be_asked_again_when_the_pot_has_room(city: City) -> None:
    voucher_id = uuid4()
    with pytest.raises(InsufficientFunds):
        await city.grant(yuan(50_000_001), id=voucher_id)
    await city.publish(a_text(pot="60000000"))
    assert (await city.grant(yuan(50_000_001), id=voucher_id)).granted == yuan(50_000_001)


async def test_a_grant_outside_eligibility_names_the_rule(city: City) -> None:
    ministry = await city.organisation("some-ministry", type="department")
    with pytest.raises(NotEligible, match="is department") as refused:
        await city.grant(yuan(1), to=ministry)
    assert refused.value.facts["rule"] == "eligibility.applicant"


async def test_a_grant_outside_the_programmes_validity_is_refused(
    city: City, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=800))
    with pytest.raises(RequestInvalid, match="ends after it begins"):
        await city.grant(yuan(1))
    await city.publish(a_text(name="later", **{"from": "2030-01-01", "until": "2031-01-01"}))
    with pytest.raises(NotEligible, match="begins on 2030-01-01"):
        await city.grant(yuan(1), programme="later")


async def test_a_voucher_ends_with_its_programme_at_the_latest(
    city: City, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=700))
    voucher = await city.grant(yuan(1))
    assert voucher.valid_until == datetime(2027, 12, 31, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "more",
    [
        {"valid_until": datetime(2028, 1, 1, tzinfo=UTC)},
        {"valid_until": datetime(2026, 1, 1, tzinfo=UTC)},
        {
            "valid_from": datetime(2026, 5, 1, tzinfo=UTC),
            "valid_until": datetime(2026, 5, 1, tzinfo=UTC),
        },
    ],
)
async def test_a_voucher_lies_within_its_programme(city: City, more: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid) as refused:
        await city.grant(yuan(1), **more)
    assert refused.value.facts["key"] == "valid_until"


@pytest.mark.parametrize("amount", [Money(0, "CNY"), Money(-5, "CNY"), Money(5, "EUR")])
async def test_amounts_are_positive_and_of_the_programmes_currency(
    city: City, amount: Money
) -> None:
    with pytest.raises(AmountInvalid):
        await city.grant(amount)
    with pytest.raises(AmountInvalid):
        await city.grant(yuan(5), tranche=amount)


async def test_further_tranches_are_released_when_more_is_needed(city: City) -> None:
    voucher = await city.grant(yuan(350_000))
    assert await city.ensure_room(voucher.id, yuan(100_000)) == yuan(100_000)
    assert await city.ensure_room(voucher.id, yuan(100_001)) == yuan(200_000)
    assert await city.ensure_room(voucher.id, yuan(9_000_000)) == yuan(350_000)
    assert await city.ensure_room(voucher.id, yuan(9_000_000)) == yuan(350_000)
    now = await city.voucher(voucher.id)
    assert (now.released, now.promised) == (yuan(350_000), yuan(0))


async def test_two_submissions_at_once_release_no_tranche_twice(city: City) -> None:
    voucher = await city.grant(yuan(350_000))
    rooms = await asyncio.gather(*(city.ensure_room(voucher.id, yuan(150_000)) for _ in range(4)))
    assert set(rooms) == {yuan(200_000)}


async def test_nothing_is_released_past_validity(city: City, clock: ManualClock) -> None:
    voucher = await city.grant(yuan(350_000))
    clock.advance(timedelta(days=365))
    assert await city.ensure_room(voucher.id, yuan(150_000)) == yuan(100_000)


async def test_a_voucher_that_is_not_there_is_not_found(city: City) -> None:
    async with city.database.transaction() as tx:
        with pytest.raises(NotFound):
            await service.voucher(tx, uuid4())
        with pytest.raises(NotFound):
            await service.ensure_room(tx, uuid4(), 1, now=city.now)


async def test_an_ended_voucher_returns_to_its_pot(city: City, clock: ManualClock) -> None:
    voucher = await city.grant(yuan(300_000))
    await city.spend(await city.payer(), yuan(30_000))
    clock.advance(timedelta(days=365) - timedelta(microseconds=1))
    assert await city.expire() == []
    clock.advance(timedelta(microseconds=1))
    assert await city.expire() == [voucher.id]
    ended = await city.voucher(voucher.id)
    assert (ended.state, ended.returned, ended.spent) == ("ended", yuan(270_000), yuan(30_000))
    assert (ended.released, ended.promised) == (yuan(0), yuan(0))
    assert (await city.programme()).committed == yuan(30_000)
    assert await city.expire() == []


async def test_what_a_hold_keeps_pending_stays_until_the_hold_is_closed(
    city: City, clock: ManualClock
) -> None:
    voucher = await city.grant(yuan(300_000))
    hold = await city.hold(await city.payer(), yuan(80_000))
    clock.advance(timedelta(days=365))
    await city.expire()
    ended = await city.voucher(voucher.id)
    assert (ended.held, ended.returned) == (yuan(80_000), yuan(220_000))
    await city.release(hold)
    assert await city.expire() == []
    clock.advance(timedelta(minutes=1))
    assert await city.expire() == [voucher.id]
    ended = await city.voucher(voucher.id)
    assert (ended.held, ended.returned, ended.state) == (yuan(0), yuan(300_000), "ended")


async def test_an_ended_voucher_is_closed_when_no_hold_can_be_left(
    city: City, clock: ManualClock
) -> None:
    voucher = await city.grant(yuan(5))
    clock.advance(timedelta(days=365))
    await city.expire()
    clock.advance(timedelta(days=60))
    assert await city.expire() == [voucher.id]
    assert (await city.voucher(voucher.id)).state == "closed"
    clock.advance(timedelta(days=60))
    assert await city.expire() == []


async def test_expiry_works_through_a_backlog_in_steps(city: City, clock: ManualClock) -> None:
    for _ in range(3):
        await city.grant(yuan(5))
    clock.advance(timedelta(days=366))
    assert [len(await city.expire(limit=2)) for _ in range(3)] == [2, 1, 0]


async def test_two_sweeps_at_once_return_nothing_twice(city: City, clock: ManualClock) -> None:
    await city.grant(yuan(300_000))
    clock.advance(timedelta(days=365))
    await asyncio.gather(*(city.expire() for _ in range(4)))
    assert (await city.programme()).available == yuan(50_000_000)
