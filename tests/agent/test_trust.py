"""Whom an agent trusts: the certificate that its token names, and what that server tells it."""

import asyncio
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from mains.agent import service
from mains.agent.client import Server
from mains.agent.config import AgentConfig
from mains.agent.host import HostRegistry
from mains.agent.trusted import TRUSTED_FILE, Trusted
from mains.daemon import certificates
from mains.engines.fake import FakeEngine
from mains.errors import CertificateUnknown, RequestInvalid, ServerUnreachable
from mains.ids import new_id
from mains.settings import Settings
from mains.wire import dsse
from mains.wire.agent import RegisterRequest
from mains.wire.trust import KnownContext
from tests.agent.builders import CLOCK, Office, Site, a_token, listening

pytestmark = pytest.mark.anyio


@pytest.fixture
def reachable(settings: Settings, tmp_path: Path) -> Settings:
    """Settings of a server that others reach, so that it has a certificate."""
    return replace(settings, home=tmp_path / "home", listen_host="0.0.0.0")  # noqa: S104


async def joined(office: Office, folder: Path, *, url: str, fingerprint: str | None) -> AgentConfig:
    return await service.join(
        await a_token(office, url=url, tls_sha256=fingerprint),
        folder=folder,
        clock=CLOCK,
        engine="fake",
        registry=HostRegistry(folder.parent / "host"),
    )


def registration(config: AgentConfig) -> RegisterRequest:
    return RegisterRequest(
        protocol=2,
        site_id=config.site_id,
        instance_id=config.site_id,
        host="n",
        sent_at=CLOCK.now(),
    )


async def test_an_agent_trusts_the_certificate_of_its_token_and_no_other(
    office: Office, reachable: Settings, tmp_path: Path
) -> None:
    own = certificates.prepare(reachable, now=CLOCK.now())
    assert own is not None
    assert own.pinned is not None
    async with listening(office.app, ssl_certfile=str(own.chain)) as address:
        url = f"https://{address}"
        config = await joined(office, tmp_path / "site", url=url, fingerprint=own.fingerprint)
        with pytest.raises(CertificateUnknown, match="another certificate"):
            await joined(office, tmp_path / "other", url=url, fingerprint="0" * 64)
        key = dsse.load(config.key_path)
        async with Server(url, key=key, clock=CLOCK) as stranger:
            with pytest.raises(ServerUnreachable, match="does not trust"):
                await stranger.register(registration(config))
        trusted = Trusted.load(config.folder, url)
        async with Server(url, key=key, clock=CLOCK, trusted=trusted) as server:
            assert (await server.register(registration(config))).epoch == 1


async def test_an_agent_hears_of_the_next_certificate_and_follows_the_switch(
    office: Office, reachable: Settings, tmp_path: Path
) -> None:
    own = certificates.prepare(reachable, now=CLOCK.now())
    assert own is not None
    async with listening(office.app, ssl_certfile=str(own.chain)) as address:
        url = f"https://{address}"
        config = await joined(office, tmp_path / "site", url=url, fingerprint=own.fingerprint)
        key, trusted = dsse.load(config.key_path), Trusted.load(config.folder, url)
        async with Server(url, key=key, clock=CLOCK, trusted=trusted) as server:
            following = certificates.make_next(reachable, now=CLOCK.now())
            assert certificates.make_next(reachable, now=CLOCK.now()) == following
            office.app.state.mains.certificates = certificates.announced(reachable)
            await server.register(registration(config))
    expected = following.fingerprint
    before = tmp_path / "before.pem"
    before.write_bytes(own.chain.read_bytes())
    shown = certificates.switch(reachable)
    office.app.state.mains.certificates = certificates.announced(reachable)
    assert shown.fingerprint == expected
    async with listening(office.app, ssl_certfile=str(shown.chain)) as address:
        url = f"https://{address}"
        anew = Trusted.load(config.folder, url)
        for knowing in (trusted, anew):
            async with Server(url, key=key, clock=CLOCK, trusted=knowing) as server:
                assert (await server.register(registration(config))).epoch == 1
    # Whoever has the replaced key, stolen or not, is no server any more: to either of them.
    async with listening(office.app, ssl_certfile=str(before)) as address:
        for knowing in (trusted, Trusted.load(config.folder, f"https://{address}")):
            async with Server(
                f"https://{address}", key=key, clock=CLOCK, trusted=knowing
            ) as server:
                with pytest.raises(ServerUnreachable, match="does not trust"):
                    await server.register(registration(config))


async def test_certificates_without_the_present_one_are_not_learnt(
    reachable: Settings, tmp_path: Path
) -> None:
    """They are a mistake of the server, and would lock the agent out until it joins again."""
    own = certificates.prepare(reachable, now=CLOCK.now())
    other = certificates.prepare(replace(reachable, home=tmp_path / "other"), now=CLOCK.now())
    assert own is not None
    assert other is not None
    trusted = Trusted(tmp_path, "https://city.example", own.pinned)
    for announced in (other.pinned, "", "no certificate", None):
        trusted.learn(announced)
        assert isinstance(trusted.verify, KnownContext)
        assert trusted.verify.known == {own.fingerprint}
    assert not (tmp_path / TRUSTED_FILE).exists()


async def test_an_agent_says_nothing_in_the_clear_beyond_its_machine(
    office: Office, tmp_path: Path
) -> None:
    far, near = "http://city.example:8080", "http://127.0.0.1:1"
    with pytest.raises(RequestInvalid, match="not encrypted"):
        await joined(office, tmp_path / "site", url=far, fingerprint=None)
    with pytest.raises(RequestInvalid, match="names a certificate"):
        await joined(office, tmp_path / "site", url=near, fingerprint="0" * 64)

    config = AgentConfig(url=far, site="north", site_id=new_id(), folder=tmp_path / "site")
    dsse.load_or_create(config.key_path)
    with pytest.raises(RequestInvalid, match="not encrypted"):
        await service.run(config, engine=FakeEngine(CLOCK), clock=CLOCK, stop=asyncio.Event())
    moving = ("--folder", str(config.folder), "--url", far)
    config.model_copy(update={"url": near}).save()
    command = [sys.executable, "-m", "mains.daemon.agent", *moving]
    ended = await anyio.run_process(command, check=False)
    assert ended.returncode == 1
    assert b"not encrypted" in ended.stderr
    assert AgentConfig.load(config.folder).url == near, "what was refused is not kept"


async def test_nothing_is_sent_to_a_server_with_another_certificate(
    office: Office, reachable: Settings, tmp_path: Path
) -> None:
    """A server in the way shows its own certificate: it hears a greeting and no word more."""
    own = certificates.prepare(reachable, now=CLOCK.now())
    other = certificates.prepare(replace(reachable, home=tmp_path / "thief"), now=CLOCK.now())
    assert own is not None
    assert other is not None
    assert other.pinned is not None
    with eavesdropping(other) as (port, heard):
        url = f"https://127.0.0.1:{port}"
        with pytest.raises(CertificateUnknown):
            await joined(office, tmp_path / "site", url=url, fingerprint=own.fingerprint)
        assert own.pinned is not None
        trusted = Trusted(tmp_path, url, own.pinned)
        async with Server(url, key=dsse.generate(), clock=CLOCK, trusted=trusted) as server:
            with pytest.raises(ServerUnreachable, match="does not trust"):
                await server.register(
                    RegisterRequest(
                        protocol=2,
                        site_id=new_id(),
                        instance_id=new_id(),
                        host="n",
                        sent_at=CLOCK.now(),
                    )
                )
    assert heard == []


@contextmanager
def eavesdropping(shown: certificates.Certificate) -> Iterator[tuple[int, list[bytes]]]:
    """Listen with this certificate, and keep what is said after the handshake."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.chain, shown.key)
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as spoken:
                    spoken.settimeout(5)
                    if said := spoken.recv(1):
                        heard.append(said)
            except OSError:
                continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)


async def test_an_agent_speaks_the_newest_protocol_that_the_server_knows(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that is newer by one, and an older one, run an order to its end."""
    for newest, spoken in ((3, (2, 3)), (1, (0, 1))):
        monkeypatch.setattr("mains.agent.service.PROTOCOL", newest)
        monkeypatch.setattr("mains.agent.client.PROTOCOL", newest)
        monkeypatch.setattr("mains.agent.service.PROTOCOLS", spoken)
        async with listening(office.app) as address:
            config = await service.join(
                await a_token(office, url=f"http://{address}"),
                folder=tmp_path / f"site-{newest}",
                clock=CLOCK,
                engine="fake",
                registry=HostRegistry(tmp_path / "host"),
            )
            engine, stop = FakeEngine(CLOCK), asyncio.Event()
            agent = asyncio.ensure_future(
                service.run(
                    config,
                    engine=engine,
                    clock=CLOCK,
                    stop=stop,
                    registry=HostRegistry(tmp_path / "host"),
                )
            )
            attempt = office.order()
            [report] = await office.ended(attempt)
            assert report.state == "succeeded"
            assert office.requests[-1].protocol == min(newest, 2)
            stop.set()
            await agent


async def test_an_agent_without_a_common_protocol_waits_and_its_runs_go_on(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(office.app) as address:
        config = await service.join(
            await a_token(office, url=f"http://{address}"),
            folder=tmp_path / "site",
            clock=CLOCK,
            engine="fake",
            registry=HostRegistry(tmp_path / "host"),
        )
        stop = asyncio.Event()
        agent = asyncio.ensure_future(
            service.run(
                config,
                engine=FakeEngine(CLOCK),
                clock=CLOCK,
                stop=stop,
                registry=HostRegistry(tmp_path / "host"),
            )
        )
        first = office.order()
        await office.ended(first)
        underway = office.order(
            envs={"FAKE_SECONDS": "0.5", "FAKE_LOG": "said\n", "FAKE_OUTPUT": "made"}
        )
        await office.until(lambda: "running" in office.states.get(underway, ()))
        monkeypatch.setattr("mains.sites.rules.PROTOCOLS", (7, 8))
        before = len(office.requests)
        await asyncio.sleep(1.5)
        assert not agent.done()
        assert len(office.requests) == before
        monkeypatch.setattr("mains.sites.rules.PROTOCOLS", (2, 3))
        second = office.order()
        _, late = await office.ended(second, underway)
        assert (str(late.state), late.reason, len(late.artefacts)) == ("succeeded", "", 1)
        assert bytes(office.logs[underway, 0]) == b"said\n"
        stop.set()
        await agent


async def test_contents_and_logs_wait_for_a_server_of_another_age(
    office: Office, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal would have an output given up that the same server takes a moment later."""
    monkeypatch.setattr("mains.sites.rules.PROTOCOLS", (7, 8))
    config, key = site.config, dsse.load(site.config.key_path)
    digest = office.keep(b"made")
    async with Server(config.url, key=key, clock=CLOCK, transport=site.transport) as server:
        server.identify(site_id=config.site_id, epoch=1)
        for step in (
            lambda: server.upload(digest, lambda: _once(b"made"), size_bytes=4),
            lambda: server.fetch(digest, tmp_path / "made"),
            lambda: server.ship([]),
        ):
            with pytest.raises(ServerUnreachable, match="this server accepts 7 and 8") as away:
                await step()
            assert away.value.facts["effect"] == "none"


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
