"""Shared by all tests: one embedded Postgres per worker, one fresh database per test."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from mains.clock import ManualClock
from mains.db import Database, embedded, migrations
from mains.db.cluster import APPLICATION, DATABASE, OWNER, SUPERUSER
from mains.settings import Settings
from tests.debian_postgres import debian

TEMPLATE = "mains_template"


@dataclass(frozen=True, slots=True)
class Urls:
    """How the three roles reach a server."""

    app: str
    owner: str
    superuser: str


class Cluster:
    """A running server with a migrated template database."""

    def __init__(self, urls: Urls, administration: psycopg.Connection) -> None:
        self._urls = urls
        self._administration = administration
        self._retired: list[str] = []

    def app_url(self, database: str) -> str:
        return _on(self._urls.app, database)

    def owner_url(self, database: str) -> str:
        return _on(self._urls.owner, database)

    def superuser_url(self, database: str) -> str:
        return self._urls.superuser.replace("@/postgres?", f"@/{database}?")

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
    """A server for all tests of a worker: mains' own, or of Debian's version in POSTGRES."""
    version = os.environ.get("POSTGRES")
    with (
        _embedded() if version is None else _debian(version) as urls,
        psycopg.connect(urls.superuser, autocommit=True) as administration,
    ):
        cluster = Cluster(urls, administration)
        cluster.create(TEMPLATE, template="template1")
        migrations.migrate(cluster.owner_url(TEMPLATE))
        if patch := os.environ.get("SCHEMA_PATCH"):
            # A campaign asks whether the tests see a mistake in the schema (faults/mutants.py).
            with psycopg.connect(cluster.owner_url(TEMPLATE), autocommit=True) as owner:
                owner.execute(Path(patch).read_bytes())
        yield cluster


@contextmanager
def _embedded() -> Iterator[Urls]:
    with embedded.throw_away() as server:
        assert server.endpoints.owner_url is not None
        assert server.superuser_url is not None
        yield Urls(server.endpoints.app_url, server.endpoints.owner_url, server.superuser_url)


@contextmanager
def _debian(version: str) -> Iterator[Urls]:
    with debian(version) as server:
        superuser = server.url(SUPERUSER, database="postgres")
        yield Urls(server.url(APPLICATION), server.url(OWNER), superuser)


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
