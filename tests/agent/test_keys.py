"""An agent exchanges its own key, and a life that ends in the midst of it is gone on with."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from mains.agent import keys
from mains.agent.client import Server
from mains.agent.config import AgentConfig
from mains.sites import service as sites
from mains.wire import dsse
from tests.agent.builders import CLOCK, Office, Site

pytestmark = pytest.mark.anyio


def key_of(config: AgentConfig) -> str:
    return dsse.load(config.key_path).public_key_hex


async def speaks(office: Office, config: AgentConfig) -> str | None:
    async with office.database.transaction() as tx:
        return (await sites.site(tx, str(config.site_id))).public_key


async def test_an_agent_that_is_asked_exchanges_its_key_and_goes_on(
    office: Office, site: Site
) -> None:
    old = key_of(site.config)
    async with site.running():
        await office.until(lambda: bool(office.requests))
        async with office.database.transaction() as tx:
            await sites.ask_rotation(tx, site_id=site.config.site_id)
        await office.until(lambda: key_of(site.config) != old)
        attempt = office.order(envs={"FAKE_LOG": "hello\n"})
        [report] = await office.ended(attempt)
    assert report.state == "succeeded"
    assert await speaks(office, site.config) == key_of(site.config)
    assert site.config.key_path.stat().st_mode & 0o777 == 0o600


async def test_a_key_that_has_grown_old_is_exchanged_without_being_asked(
    office: Office, site: Site
) -> None:
    old = key_of(site.config)
    made = CLOCK.now().timestamp() - (site.config.key_days_max + 1) * keys.DAY_SECONDS
    os.utime(site.config.key_path, (made, made))
    async with site.running():
        await office.until(lambda: key_of(site.config) != old)
    assert await speaks(office, site.config) == key_of(site.config)


class Killed(BaseException):
    """The process ends here; nothing of the agent runs on."""


@pytest.mark.parametrize("told", [False, True], ids=["before", "after"])
async def test_an_agent_killed_while_it_tells_the_server_finishes_at_its_next_start(
    office: Office, site: Site, told: bool
) -> None:
    rotate = Server.rotate

    async def dies(server: Server, fresh: dsse.SigningKey) -> None:
        if told:
            await rotate(server, fresh)
        raise Killed

    old = key_of(site.config)
    async with Server(
        site.config.url, key=dsse.load(site.config.key_path), clock=CLOCK, transport=site.transport
    ) as server:
        server.identify(site_id=site.config.site_id, epoch=0)
        with patch.object(Server, "rotate", dies), pytest.raises(Killed):
            await keys.rotate(site.config, server)
    assert key_of(site.config) == old
    coming = dsse.load(keys.next_key_path(site.config)).public_key_hex
    assert (await speaks(office, site.config) == coming) is told
    async with site.running():
        attempt = office.order()
        await office.ended(attempt)
    assert key_of(site.config) == coming == await speaks(office, site.config)
    assert not keys.next_key_path(site.config).exists()


async def test_a_start_long_after_the_old_key_ended_is_let_in_by_the_new_one(
    office: Office, site: Site, tmp_path: Path
) -> None:
    kept = site.config.key_path.read_bytes()
    key = dsse.load(site.config.key_path)
    async with Server(site.config.url, key=key, clock=CLOCK, transport=site.transport) as server:
        server.identify(site_id=site.config.site_id, epoch=0)
        await keys.rotate(site.config, server)
    site.config.key_path.rename(keys.next_key_path(site.config))
    site.config.key_path.write_bytes(kept)
    site.config.key_path.chmod(0o600)
    async with office.database.transaction() as tx:
        await tx.execute("update sites.site set previous_key_until = '2000-01-01Z'")
    async with site.running():
        await office.ended(office.order())
    assert key_of(site.config) == await speaks(office, site.config)
