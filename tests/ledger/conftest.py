"""Cities to try the ledger in; whatever a test does there, the audit is clean afterwards."""

from collections.abc import AsyncIterator, Iterator

import pytest

from mains.db import Database
from tests.conftest import TEMPLATE, Cluster
from tests.ledger.builders import City

SHARED = "test_ledger_shared"


@pytest.fixture(scope="session")
def shared_name(cluster: Cluster) -> Iterator[str]:
    """One database for all tests that only look at their own organisation."""
    cluster.create(SHARED, template=TEMPLATE)
    yield SHARED
    cluster.retire(SHARED)


@pytest.fixture(scope="session")
async def shared_database(
    cluster: Cluster, shared_name: str, anyio_backend: str
) -> AsyncIterator[Database]:
    database = await Database.open(cluster.app_url(shared_name))
    yield database
    await database.close()


@pytest.fixture
async def city(
    cluster: Cluster, shared_name: str, shared_database: Database
) -> AsyncIterator[City]:
    city = await City.with_room(shared_database, cluster.owner_url(shared_name))
    yield city
    assert await city.findings() == []


@pytest.fixture
async def lone_city(database: Database, owner_url: str) -> AsyncIterator[City]:
    """A city whose ledger holds nothing else."""
    city = await City.with_room(database, owner_url)
    yield city
    assert await city.findings() == []
