"""Live figures beside claims: metered here, in no register yet, or to be cited only."""

from uuid import uuid4

import pytest

from mains.clock import ManualClock
from mains.db import Database
from mains.reports import live
from mains.reports.packs.loader import measure_rules
from mains.wire.live import LiveView
from tests.programmes.builders import City, a_city, a_text, yuan
from tests.reports.builders import Library

pytestmark = pytest.mark.anyio


@pytest.fixture
async def city(database: Database, clock: ManualClock) -> City:
    return await a_city(database, clock)


async def figures(city: City, measure: str) -> list[tuple[str, str]]:
    found = await view(city, measure)
    return [(each.value, each.unit) for each in found.figures]


async def view(city: City, measure: str) -> LiveView:
    async with city.database.transaction() as tx:
        [found] = await live.live(tx, [measure], now=city.now)
    return found


async def test_vouchers_granted_and_spent_are_those_of_the_ledger(city: City) -> None:
    await city.publish()
    assert await figures(city, "voucher_amount") == []
    await city.grant(yuan(300))
    await city.spend(await city.payer(), yuan(120))
    assert await figures(city, "voucher_amount") == [("300.00", "CNY")]
    assert await figures(city, "approved_amount") == [("120.00", "CNY")]
    assert await figures(city, "programme_budget") == [("50000000.00", "CNY")]
    found = await view(city, "voucher_amount")
    assert (found.state, found.counterpart, found.at) == ("live", "vouchers", city.now)
    assert "granted by the programmes of this platform" in found.note


async def test_what_is_held_or_came_back_is_not_spent(city: City) -> None:
    await city.publish()
    voucher = await city.grant(yuan(300), tranche=yuan(100))
    await city.hold(await city.payer(), yuan(50))
    assert await figures(city, "approved_amount") == [("0.00", "CNY")]
    city.clock.advance(voucher.valid_until - city.now)
    await city.expire()
    assert await figures(city, "approved_amount") == [("0.00", "CNY")]


async def test_currencies_are_never_added_up(city: City) -> None:
    await city.publish()
    await city.publish(a_text(name="euro-2025", currency="EUR"), id=uuid4())
    await city.grant(yuan(300))
    assert await figures(city, "programme_budget") == [
        ("50000000.00", "CNY"),
        ("50000000.00", "EUR"),
    ]
    assert await figures(city, "voucher_amount") == [("300.00", "CNY")]


async def test_firms_are_the_organisations_of_that_type(city: City) -> None:
    assert await figures(city, "ai_companies") == [("1", "count")]
    assert await figures(city, "users") == [("0", "count")]
    assert await figures(city, "funding_amount") == [("0", "count")]


@pytest.mark.parametrize(
    ("measure", "state", "said"),
    [
        ("registered_models", "no_register", "this platform has no register of models yet"),
        ("scenario_lists", "no_register", "this platform has no register of scenarios yet"),
        ("registered_applications", "no_register", "no register of applications"),
        ("ai_core_industry_value", "cited", "can only be cited"),
        ("rank_registered_models", "cited", "can only be cited"),
        ("a_measure_of_a_review", "cited", "can only be cited"),
    ],
)
async def test_what_is_not_known_here_says_so(
    city: City, measure: str, state: str, said: str
) -> None:
    found = await view(city, measure)
    assert (found.state, found.figures) == (state, [])
    assert said in found.note


async def test_every_counterpart_that_a_measure_names_is_known(city: City) -> None:
    named = {rule.live for rule in measure_rules().values() if rule.live}
    assert named <= set(live.COUNTERPARTS)
    async with city.database.transaction() as tx:
        found = await live.all_live(tx, now=city.now)
    assert {each.counterpart for each in found} == named
    assert all(each.state != "cited" for each in found)


async def test_the_door_takes_measures_parted_by_commas(library: Library) -> None:
    found = await library.get("/live", measures="users,gdp")
    assert [(each["measure"], each["state"]) for each in found] == [
        ("users", "live"),
        ("gdp", "cited"),
    ]
    assert len(await library.get("/live")) > 5
    without = await library.client.get("/v1/reports/live")
    assert without.status_code == 401
