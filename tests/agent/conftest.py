from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mains.db import Database
from mains.settings import Settings
from tests.agent.builders import Office, Site, a_joined_site, an_office


@pytest.fixture
async def office(database: Database, settings: Settings) -> AsyncIterator[Office]:
    async with an_office(database, settings) as office:
        yield office


@pytest.fixture
async def site(office: Office, tmp_path: Path) -> Site:
    return await a_joined_site(office, tmp_path)
