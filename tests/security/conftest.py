from collections.abc import AsyncIterator

import pytest

from mains.db import Database
from mains.settings import Settings
from tests.api.builders import Hall, a_hall


@pytest.fixture
async def hall(database: Database, settings: Settings) -> AsyncIterator[Hall]:
    async with a_hall(database, settings) as made:
        yield made
