from collections.abc import AsyncIterator

import pytest

from mains.clock import ManualClock
from mains.db import Database
from mains.settings import Settings
from tests.jobs.builders import City


@pytest.fixture
async def city(database: Database, clock: ManualClock, settings: Settings) -> AsyncIterator[City]:
    """A firm with 100 yuan of its own, in a city without sites yet."""
    made = City(database, clock, settings)
    made.firm = await made.organisation("firm", money=100)
    yield made
