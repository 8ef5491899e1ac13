from collections.abc import AsyncIterator

import pytest

from mains.db import Database
from mains.settings import Settings
from tests.sites.builders import Town, a_town


@pytest.fixture
async def town(database: Database, settings: Settings) -> AsyncIterator[Town]:
    async with a_town(database, settings) as town:
        yield town
