"""One small server per worker, one city per test, and a command line that knows it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from typer.testing import CliRunner, Result

from mains.cli import contexts
from mains.cli.contexts import Context, Contexts
from mains.cli.main import app as commands
from mains.wire.client import Client
from mains.wire.connection import Connection
from tests.cli.city import City, make_app
from tests.cli.doors import KEY

START_SECONDS_MAX = 10.0


@dataclass(frozen=True)
class Served:
    app: FastAPI
    url: str


@contextmanager
def serving(app: FastAPI, **options: Any) -> Iterator[int]:
    """Serve an app on the loopback in a thread; yields its port."""
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + START_SECONDS_MAX
    while not server.started:
        assert time.monotonic() < deadline, "the small server did not start"
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(timeout=START_SECONDS_MAX)


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    app = make_app()
    with serving(app) as port:
        yield Served(app, f"http://127.0.0.1:{port}")


@pytest.fixture
def city(served: Served) -> City:
    fresh = City()
    served.app.state.city = fresh
    return fresh


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that the client would have made."""
    return []


@pytest.fixture
def client(served: Served, city: City, pauses: list[float]) -> Iterator[Client]:
    with Client(Connection(served.url, key=KEY, sleep=pauses.append)) as made:
        yield made


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of contexts and no server on this machine."""
    folder = tmp_path / "configuration"
    monkeypatch.setenv("MAINS_CONFIG", str(folder))
    monkeypatch.setenv("MAINS_HOME", str(tmp_path / "home"))
    for name in ("MAINS_URL", "MAINS_KEY", "MAINS_CONTEXT", "MAINS_CERTIFICATE"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def logged_in(configuration: Path, served: Served, city: City) -> Context:
    context = Context("test", served.url, KEY, server_key=city.signing_key.public_key_hex)
    contexts.save(Contexts().having(context), configuration)
    return context


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Mains = Callable[..., Ran]


@pytest.fixture
def mains(configuration: Path) -> Mains:
    """Run the command line in this process."""

    def run(*arguments: str, given: str = "") -> Ran:
        result: Result = CliRunner().invoke(commands, list(arguments), input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run
