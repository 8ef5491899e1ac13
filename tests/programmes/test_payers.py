"""Who pays now, how much, and why not; caps per organisation and period."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mains.clock import ManualClock
from mains.db import Database
from mains.programmes import service
from mains.units import Money
from tests.programmes.builders import DONGGUAN, City, a_city, a_text, yuan

pytestmark = pytest.mark.anyio

CAP = """  cap_per_organisation:
    id: cap.organisation
    amount: 1000000
    period: calendar_year
"""


@pytest.fixture
async def city(database: Database, clock: ManualClock) -> City:
    city = await a_city(database, clock)
    await city.publish()
    return city


async def refusal(city: City) -> tuple[str, str]:
    found = await city.payers()
    assert found.vouchers == []
    [refused] = found.refusals
    return refused.code, refused.because


async def cap_left(city: City) -> Money:
    [cap] = (await city.payer()).caps
    return Money(cap.room_micros, "CNY")


async def test_an_organisation_without_vouchers_has_no_payers(city: City) -> None:
    assert await city.payers() == service.Payers()


async def test_a_payer_says_what_is_left_of_voucher_and_cap(city: City) -> None:
    voucher = await city.grant(yuan(300_000))
    payer = await city.payer()
    assert payer.voucher_id == voucher.id
    assert (payer.programme, payer.version, payer.currency) == ("dongguan-2025", 1, "CNY")
    assert payer.released_micros == yuan(100_000).micros
    assert payer.room_micros == yuan(300_000).micros
    [cap] = payer.caps
    assert (cap.label, cap.rule_id, cap.version) == ("2026", "cap.organisation", 1)
    assert cap.room_micros == yuan(1_000_000).micros


async def test_the_voucher_that_ends_first_is_the_first_to_pay(city: City) -> None:
    late = await city.grant(yuan(5))
    early = await city.grant(yuan(5), valid_until=city.now + timedelta(days=5))
    assert [each.voucher_id for each in (await city.payers()).vouchers] == [early.id, late.id]


async def test_one_programme_alone_can_be_asked_for(city: City) -> None:
    await city.publish(a_text(name="other"))
    await city.grant(yuan(5))
    other = await city.grant(yuan(5), programme="other")
    found = await city.payers(programme="other")
    assert [each.voucher_id for each in found.vouchers] == [other.id]


async def test_many_organisations_are_asked_for_at_once(city: City) -> None:
    second = await city.organisation("songshan-vision")
    third = await city.organisation("bay-metals")
    mine, theirs = await city.grant(yuan(5)), await city.grant(yuan(7), to=second)
    async with city.database.transaction() as tx:
        found = await service.payers_many(tx, [city.firm, second, third, second], now=city.now)
    assert {
        organisation: [each.voucher_id for each in payers.vouchers]
        for organisation, payers in found.items()
    } == {city.firm: [mine.id], second: [theirs.id], third: []}


async def test_a_voucher_past_its_validity_does_not_pay(city: City, clock: ManualClock) -> None:
    await city.grant(yuan(5))
    clock.advance(timedelta(days=365))
    code, because = await refusal(city)
    assert code == "voucher_past_validity"
    assert because == ("the voucher of dongguan-2025 v1 ended at 2027-01-05T08:00:00+00:00")
    await city.expire()
    assert (await refusal(city))[0] == "voucher_past_validity"
    clock.advance(timedelta(days=90))
    assert await city.payers() == service.Payers()


async def test_a_voucher_does_not_pay_before_it_is_valid(city: City) -> None:
    await city.grant(yuan(5), valid_from=city.now + timedelta(days=3))
    code, because = await refusal(city)
    assert code == "voucher_not_yet_valid"
    assert "2026-01-08" in because


async def test_a_voucher_spent_to_the_last_unit_does_not_pay(city: City) -> None:
    await city.grant(yuan(5))
    await city.spend(await city.payer(), yuan(5))
    assert (await refusal(city))[0] == "voucher_spent"


async def test_a_cap_that_is_used_up_says_so(city: City) -> None:
    await city.publish(a_text(amount="100"))
    await city.grant(yuan(500))
    await city.spend(await city.payer(), yuan(100))
    code, because = await refusal(city)
    assert code == "cap_reached"
    assert because.endswith("does not pay: the cap of 100.00 CNY for 2026 is used up")


async def test_spending_and_holding_use_up_the_cap(city: City) -> None:
    await city.grant(yuan(100_000))
    await city.spend(await city.payer(), yuan(30_000))
    hold = await city.hold(await city.payer(), yuan(20_000))
    assert await cap_left(city) == yuan(950_000)
    await city.release(hold)
    assert await cap_left(city) == yuan(970_000)


async def test_all_vouchers_of_a_programme_share_one_cap(city: City) -> None:
    await city.grant(yuan(100_000))
    await city.grant(yuan(100_000))
    first, second = (await city.payers()).vouchers
    assert first.caps == second.caps
    await city.spend(first, yuan(60_000))
    assert {each.caps[0].room_micros for each in (await city.payers()).vouchers} == {
        yuan(940_000).micros
    }


async def test_a_new_year_in_the_programmes_time_zone_has_a_new_cap(
    city: City, clock: ManualClock
) -> None:
    await city.grant(yuan(100_000), valid_until=datetime(2027, 6, 1, tzinfo=UTC))
    await city.spend(await city.payer(), yuan(60_000))
    clock.advance(datetime(2026, 12, 31, 16, tzinfo=UTC) - city.now)
    payer = await city.payer()
    assert payer.caps[0].label == "2027"
    assert payer.caps[0].room_micros == yuan(1_000_000).micros


async def test_a_raised_cap_adds_the_difference(city: City) -> None:
    await city.grant(yuan(100_000))
    await city.spend(await city.payer(), yuan(60_000))
    await city.publish(a_text(amount="1500000"))
    assert await cap_left(city) == yuan(1_440_000)
    assert (await city.payer()).caps[0].version == 2


async def test_a_lowered_cap_shrinks_no_further_than_what_is_used(city: City) -> None:
    await city.grant(yuan(100_000))
    await city.spend(await city.payer(), yuan(60_000))
    await city.publish(a_text(amount="70000"))
    assert await cap_left(city) == yuan(10_000)
    await city.publish(a_text(amount="50000"))
    assert (await refusal(city))[0] == "cap_reached"
    await city.publish(a_text(amount="65000"))
    assert await cap_left(city) == yuan(5_000)


async def test_what_returns_from_a_hold_above_a_lowered_cap_is_not_spent_again(
    city: City,
) -> None:
    await city.grant(yuan(100_000))
    hold = await city.hold(await city.payer(), yuan(60_000))
    await city.publish(a_text(amount="50000"))
    assert (await refusal(city))[0] == "cap_reached"
    await city.release(hold)
    assert await cap_left(city) == yuan(50_000)


async def test_a_cap_over_the_whole_time_is_not_opened_anew_each_year(
    city: City, clock: ManualClock
) -> None:
    await city.publish(a_text(name="whole", period="whole"))
    await city.grant(yuan(100), programme="whole", valid_until=datetime(2027, 6, 1, tzinfo=UTC))
    await city.spend(await city.payer(), yuan(60))
    clock.advance(timedelta(days=400))
    payer = await city.payer()
    assert (payer.caps[0].label, payer.caps[0].room_micros) == ("whole", yuan(999_940).micros)


async def test_a_programme_without_a_cap_has_no_cap_to_hold(city: City) -> None:
    await city.publish(DONGGUAN.replace(CAP, "").replace("name: dongguan-2025", "name: free"))
    await city.grant(yuan(5), programme="free")
    assert (await city.payer()).caps == ()


async def test_a_cap_is_opened_once_however_many_ask_first(city: City) -> None:
    await city.grant(yuan(5))
    found = await asyncio.gather(*(city.payers() for _ in range(8)))
    rooms = {payers.vouchers[0].caps for payers in found}
    assert len(rooms) == 1
    assert await cap_left(city) == yuan(1_000_000)


async def test_asking_again_writes_nothing(city: City) -> None:
    await city.grant(yuan(5))
    await city.payers()
    async with city.database.transaction() as tx:
        await tx.execute("SET TRANSACTION READ ONLY")
        assert (await service.payers(tx, city.firm, now=city.now)).vouchers
