"""What honest meters say, by a bad way and with forgeries between, is charged once and rightly."""

import pytest
from faults.campaign import Broken, chance
from faults.meters import Meter, a_round, check
from faults.stores import Store

from mains.db import Database
from tests.ledger.builders import NOW
from tests.metering.builders import a_reading, some_draws

pytestmark = pytest.mark.anyio


async def test_every_draw_is_charged_what_its_meter_said(app_url: str, owner_url: str) -> None:
    counts = await a_round(Store(app_url, owner_url), chance(5, "meters"), draws=15)
    told = {"captured", "replayed", "stale", "conflict", "decreased", "absurd", "refused", "late"}
    assert told <= set(counts)


async def test_a_charge_that_is_not_the_meters_is_found(
    app_url: str, owner_url: str, database: Database
) -> None:
    async with database.transaction() as tx:
        [draw_id] = await some_draws(tx, 1, now=NOW)
    unpaid = Meter(draw_id, [a_reading(draw_id, final=True)])
    with pytest.raises(Broken, match="must be"):
        check(Store(app_url, owner_url), [unpaid])
