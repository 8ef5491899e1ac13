"""What an agent keeps in its folder: configuration, journal of orders, bundles."""

import asyncio
import hashlib
import os
import resource
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Response

from mains.agent import journal as journals
from mains.agent.client import Server
from mains.agent.config import AgentConfig, only_agent_in
from mains.agent.journal import Journal
from mains.agent.staging import BundleCache
from mains.errors import AlreadyRunning, Missing, SetupMissing, StorageUnavailable, StoreCorrupt
from mains.ids import new_id
from mains.wire import dsse
from tests.agent.builders import CLOCK, an_order

pytestmark = pytest.mark.anyio


def a_config(folder: Path) -> AgentConfig:
    return AgentConfig(url="http://x", site="north", site_id=new_id(), folder=folder)


def test_a_configuration_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    config = a_config(tmp_path).model_copy(update={"uid_base": 7, "devices": [0, 1]})

    config.save()

    assert AgentConfig.load(tmp_path) == config
    assert config.engine_folder == tmp_path / "engine"


@pytest.mark.parametrize(
    ("text", "said"),
    [("url: http://x", "`site` is missing"), ("- 1", "not a site's"), ("a: [", "cannot be read")],
)
def test_a_configuration_that_is_none_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "site.yaml").write_text(text)

    with pytest.raises(SetupMissing, match=said):
        AgentConfig.load(tmp_path)


def test_an_unknown_key_of_a_configuration_is_named(tmp_path: Path) -> None:
    a_config(tmp_path).save()
    with (tmp_path / "site.yaml").open("a") as file:
        file.write("colour: red\n")

    with pytest.raises(SetupMissing, match="unknown key `colour`"):
        AgentConfig.load(tmp_path)


def test_a_folder_without_a_configuration_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SetupMissing) as missing:
        AgentConfig.load(tmp_path / "nothing")

    assert "mains agent --join" in missing.value.hint


def test_a_folder_serves_one_agent_at_a_time(tmp_path: Path) -> None:
    with only_agent_in(tmp_path), pytest.raises(AlreadyRunning), only_agent_in(tmp_path):
        pass
    with only_agent_in(tmp_path):
        pass


def test_orders_are_remembered_until_dropped_and_without_secrets(tmp_path: Path) -> None:
    kept = an_order(leased=True, first_task=2, last_task=9, secrets={"KEY": "hush"}, run="train")
    dropped = an_order()
    journal = Journal(tmp_path)
    journal.add([kept, dropped])
    journal.drop([dropped.attempt_id, new_id()])

    again = Journal(tmp_path)

    found = again.get(kept.attempt_id)
    assert found is not None
    assert (found.fence, found.first_task, found.last_task, found.leased) == (1, 2, 9, True)
    assert again.get(dropped.attempt_id) is None
    text = (tmp_path / journals.JOURNAL_FILE).read_text()
    assert "hush" not in text and "train" not in text


def test_orders_that_the_disk_does_not_take_are_refused_and_the_next_ones_are_kept(
    tmp_path: Path,
) -> None:
    first, refused, last = an_order(), an_order(), an_order()
    journal = Journal(tmp_path)
    journal.add([first])
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = (tmp_path / journals.JOURNAL_FILE).stat().st_size + 20
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limit[1]))
        with pytest.raises(StorageUnavailable):
            journal.add([refused])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert journal.get(refused.attempt_id) is None
    journal.add([last])
    again = Journal(tmp_path)
    assert again.get(first.attempt_id) and again.get(last.attempt_id)
    assert again.get(refused.attempt_id) is None


def test_a_line_that_was_cut_off_by_a_kill_costs_no_other(tmp_path: Path) -> None:
    order = an_order()
    Journal(tmp_path).add([order])
    with (tmp_path / journals.JOURNAL_FILE).open("a") as file:
        file.write('{"add":[["01')

    assert Journal(tmp_path).get(order.attempt_id) is not None


def test_the_journal_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_STALE_LINES_MAX", 10)
    journal = Journal(tmp_path)
    for _ in range(50):
        order = an_order()
        journal.add([order])
        journal.drop([order.attempt_id])

    assert len((tmp_path / journals.JOURNAL_FILE).read_text().splitlines()) <= 12


class Shelf:
    """A server that hands out bundles, and counts how often."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content
        self.served: list[str] = []
        app = FastAPI()

        @app.get("/v1/agent/blobs/{sha256}")
        async def get(sha256: str) -> Response:
            self.served.append(sha256)
            if sha256 not in self.content:
                return Response(status_code=404)
            await asyncio.sleep(0)
            return Response(self.content[sha256])

        self.server = Server(
            "http://shelf.test",
            key=dsse.generate(),
            clock=CLOCK,
            transport=httpx.ASGITransport(app=app),
        )
        self.server.identify(site_id=new_id(), epoch=1)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


async def test_runs_that_need_the_same_bundle_fetch_it_once(tmp_path: Path) -> None:
    digest = digest_of(b"code")
    shelf = Shelf({digest: b"code"})
    cache = BundleCache(tmp_path, bytes_max=100)

    paths = await asyncio.gather(*(cache.fetch(shelf.server, digest) for _ in range(5)))
    later = await BundleCache(tmp_path, bytes_max=100).fetch(shelf.server, digest)

    assert {path.read_bytes() for path in [*paths, later]} == {b"code"}
    assert shelf.served == [digest]


async def test_other_bytes_than_promised_never_appear(tmp_path: Path) -> None:
    digest = digest_of(b"code")
    shelf = Shelf({digest: b"other"})
    cache = BundleCache(tmp_path, bytes_max=100)

    with pytest.raises(StoreCorrupt):
        await cache.fetch(shelf.server, digest)
    with pytest.raises(Missing):
        await cache.fetch(shelf.server, digest_of(b"missing"))

    assert list((tmp_path / "bundles").iterdir()) == []


async def test_a_bundle_that_was_damaged_on_disk_is_fetched_again(tmp_path: Path) -> None:
    digest = digest_of(b"code")
    shelf = Shelf({digest: b"code"})
    path = await BundleCache(tmp_path, bytes_max=100).fetch(shelf.server, digest)
    path.write_bytes(b"c0de")
    (path.parent / ".half").write_bytes(b"left by a kill")

    again = await BundleCache(tmp_path, bytes_max=100).fetch(shelf.server, digest)

    assert again.read_bytes() == b"code"
    assert [entry.name for entry in again.parent.iterdir()] == [again.name]


async def test_the_least_recently_used_bundles_make_room(tmp_path: Path) -> None:
    contents = [bytes([65 + number]) * 40 for number in range(3)]
    shelf = Shelf({digest_of(content): content for content in contents})
    cache = BundleCache(tmp_path, bytes_max=100)
    for age, content in zip((1, 3), contents, strict=False):
        path = await cache.fetch(shelf.server, digest_of(content))
        os.utime(path, ns=(age, age))

    await cache.fetch(shelf.server, digest_of(contents[2]))

    kept = {entry.read_bytes()[:1] for entry in (tmp_path / "bundles").iterdir()}
    assert kept == {b"B", b"C"}
