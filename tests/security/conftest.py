from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mains.db import Database
from mains.settings import Settings
from tests.api.builders import Hall, a_hall


@pytest.fixture
async def hall(database: Database, settings: Settings) -> AsyncIterator[Hall]:
    """A hall that does not count bad keys: a matrix of them comes from one address."""
    async with a_hall(database, replace(settings, rate_failed_per_minute=0)) as made:
        yield made
