"""Engines under test; every process that a test has started is ended after it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mains.engines.base import Engine
from tests.engines.builders import FakeSite, ProcessSite, Waiting, a_folder, a_pool


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as path:
        yield path


@pytest.fixture
async def process_site(folder: Path, anyio_backend: str) -> AsyncIterator[ProcessSite]:
    site = ProcessSite(folder / "site")
    await site.engine.configure([a_pool()])
    yield site
    await site.close()


@pytest.fixture(params=["fake", "process"])
async def site(
    request: pytest.FixtureRequest, folder: Path, anyio_backend: str
) -> AsyncIterator[Waiting]:
    """Each engine in turn: the contract suite runs on all of them."""
    if request.param == "fake":
        fake = FakeSite()
        await fake.engine.configure([a_pool()])
        yield fake
        return
    process = ProcessSite(folder / "site")
    await process.engine.configure([a_pool()])
    yield process
    await process.close()


def _the_port(fake: FakeSite, process: ProcessSite) -> list[Engine]:
    """Both engines have the port's shape; the type checker proves it here."""
    return [fake.engine, process.engine]
