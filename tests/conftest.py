"""Shared by all tests: one embedded Postgres per worker, one fresh database per test."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from mains.clock import ManualClock
from mains.db import Database, embedded, migrations
from mains.db.cluster import DATABASE, OWNER
from mains.settings import Settings

TEMPLATE = "mains_template"


class Cluster:
    """A running server with a migrated template database."""

    def __init__(self, server: embedded.Server, administration: psycopg.Connection) -> None:
        assert server.endpoints.owner_url is not None
        assert server.superuser_url is not None
        self._superuser_url = server.superuser_url
        self._app_url = server.endpoints.app_url
        self._owner_url = server.endpoints.owner_url
        self._administration = administration
        self._retired: list[str] = []

    def app_url(self, database: str) -> str:
        return _on(self._app_url, database)

    def owner_url(self, database: str) -> str:
        return _on(self._owner_url, database)

    def superuser_url(self, database: str) -> str:
        return self._superuser_url.replace("@/postgres?", f"@/{database}?")

    def as_role(self, database: str, *, role: str, password: str) -> str:
        """Return how another role than those of mains reaches a database."""
        tail = self.app_url(database).partition("@")[2]
        return f"postgresql://{role}:{password}@{tail}"

    def create(self, database: str, *, template: str) -> None:
        """Clone a database, or take "template1" for one without any schema of mains."""
        # Copying files is three times as fast as the default while nothing is synced.
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy OWNER {}")
        self._administration.execute(
            statement.format(
                sql.Identifier(database), sql.Identifier(template), sql.Identifier(OWNER)
            )
        )

    def retire(self, database: str) -> None:
        """Drop a database one test later: right away, Postgres would wait for its sessions."""
        for name in self._retired:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            self._administration.execute(statement.format(sql.Identifier(name)))
        self._retired = [database]


def _on(url: str, database: str) -> str:
    return url.replace(f"@/{DATABASE}?", f"@/{database}?")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with embedded.throw_away() as server:
        assert server.superuser_url is not None
        with psycopg.connect(server.superuser_url, autocommit=True) as administration:
            cluster = Cluster(server, administration)
            cluster.create(TEMPLATE, template="template1")
            migrations.migrate(cluster.owner_url(TEMPLATE))
            yield cluster


@pytest.fixture
def database_name(cluster: Cluster) -> Iterator[str]:
    """A fresh, migrated database of the test's own."""
    name = f"test_{uuid4().hex}"
    cluster.create(name, template=TEMPLATE)
    yield name
    cluster.retire(name)


@pytest.fixture
def app_url(cluster: Cluster, database_name: str) -> str:
    return cluster.app_url(database_name)


@pytest.fixture
def database_url(app_url: str) -> str:
    return app_url


@pytest.fixture
def owner_url(cluster: Cluster, database_name: str) -> str:
    return cluster.owner_url(database_name)


@pytest.fixture
async def database(app_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    database = await Database.open(app_url)
    yield database
    await database.close()


@pytest.fixture
def settings() -> Iterator[Settings]:
    """Settings of an instance that does not exist yet, in folders of its own."""
    folder = Path(tempfile.mkdtemp(prefix="mains-test-", dir="/tmp"))
    folder.chmod(0o755)  # As root, the system user of Postgres has to pass through.
    yield Settings(home=folder / "home", commons=folder / "commons")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
