from collections.abc import AsyncIterator

import pytest

from mains.db import Database
from mains.settings import Settings
from tests.reports.builders import Library, a_library


@pytest.fixture
async def library(database: Database, settings: Settings) -> AsyncIterator[Library]:
    async with a_library(database, settings) as made:
        yield made
