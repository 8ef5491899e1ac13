"""The parts of `up`, each alone: the crew, the port, the database that stays stopped."""

import asyncio
import json
import logging
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from mains.daemon import logs, up
from mains.daemon.children import Child, Crew
from mains.db import embedded
from mains.errors import SetupMissing
from mains.settings import Settings
from tests.daemon.running import loopback

pytestmark = pytest.mark.anyio


async def test_a_part_that_fails_for_good_ends_the_whole_and_is_told() -> None:
    told = asyncio.Event()
    crew = Crew(told)

    async def fail() -> None:
        raise LookupError("a fault of ours")

    crew.watch(for_ever())
    crew.watch(fail())
    await told.wait()
    with pytest.raises(LookupError, match="a fault of ours"):
        await crew.end()


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_process_that_ends_is_started_again_until_it_is_dismissed(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    (tmp_path / "noting.py").write_text(f"open({str(notes)!r}, 'a').write('x')")
    notes.touch()
    child = Child("noting", "noting", environment={"PYTHONPATH": str(tmp_path)})
    crew = Crew(asyncio.Event())
    crew.keep(child)
    async with asyncio.timeout(30):
        while notes.stat().st_size < 2:  # noqa: ASYNC110 -- another process writes it
            await asyncio.sleep(0.02)
    await crew.dismiss("noting")
    assert child.process is not None
    assert child.process.returncode is not None
    await crew.end()


async def test_the_port_of_the_last_start_is_waited_for(settings: Settings) -> None:
    settings.home.mkdir()
    with await up.listen(settings) as first:
        port = first.getsockname()[1]
        waiting = asyncio.ensure_future(up.listen(settings))
        await asyncio.sleep(0)
        assert not waiting.done()
    with await waiting as second:
        assert second.getsockname()[1] == port


async def test_another_port_serves_where_a_stranger_has_that_of_the_last_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "PORT_SECONDS_MAX", 0.2)
    settings.home.mkdir()
    with await up.listen(settings) as stranger, await up.listen(settings) as ours:
        assert ours.getsockname()[1] != stranger.getsockname()[1]
        assert (settings.home / "port").read_text("utf-8") == str(ours.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("nowhere.invalid", 0, "can't listen on nowhere.invalid"),
        ("203.0.113.7", 0, "can't listen on 203.0.113.7"),
        ("127.0.0.1", 70_000, "MAINS_LISTEN_PORT"),
    ],
)
async def test_an_address_that_is_not_ours_is_named(
    tmp_path: Path, host: str, port: int, said: str
) -> None:
    settings = Settings(home=tmp_path, commons=tmp_path, listen_host=host, listen_port=port)
    with pytest.raises(SetupMissing, match=said):
        await up.listen(settings)


async def test_an_ipv6_address_is_listened_on_where_there_is_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, commons=tmp_path, listen_host="::1")
    if loopback() == "::1":
        with await up.listen(settings) as listening:
            assert listening.family is socket.AF_INET6
    else:
        with pytest.raises(SetupMissing, match="can't listen on ::1"):
            await up.listen(settings)


def test_a_setting_that_is_no_number_is_named() -> None:
    with pytest.raises(SetupMissing, match="MAINS_LISTEN_PORT is not a whole number: 'http'"):
        Settings.from_environment({"MAINS_LISTEN_PORT": "http"})


def test_a_database_that_was_stopped_is_not_started_again() -> None:
    with embedded.throw_away() as server:
        process = server.postgres_process
        assert process is not None
        server.stop()
        assert not server.ensure_running()
        assert server.postgres_process is None


def test_what_ends_a_process_is_in_its_log(
    tmp_path: Path, root_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(tmp_path / "logs", "api")
    sys.excepthook(LookupError, LookupError("a fault of ours"), None)
    [line] = (tmp_path / "logs" / "api.log").read_text("utf-8").splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"]) == ("ended by a fault", "error")
    assert "a fault of ours" in told["exception"]
    assert "a fault of ours" in capsys.readouterr().err


@pytest.fixture
def root_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put everybody's logging back afterwards."""
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    yield
    for handler in root.handlers:
        if handler not in before:
            handler.close()
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
