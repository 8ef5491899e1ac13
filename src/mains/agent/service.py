"""An agent's life: join once, register at every start, then look, say, hear and do.

Everything is level-triggered: what the engine has is observed anew each time, the server repeats
its orders until it sees them done, and an answer that is lost changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import structlog

from mains.agent import config as configs
from mains.agent import keys
from mains.agent.client import Server
from mains.agent.config import AgentConfig, EngineName, Isolation
from mains.agent.host import HostRegistry
from mains.agent.patience import Patience
from mains.agent.site import SiteAgent
from mains.agent.trusted import Trusted
from mains.clock import Clock
from mains.engines.base import Engine
from mains.errors import Broken, ProtocolUnsupported, Unavailable
from mains.ids import new_id
from mains.wire import dsse
from mains.wire.agent import (
    PROTOCOL,
    PROTOCOLS,
    JoinAnswer,
    JoinRequest,
    PoolOrder,
    RegisterAnswer,
    RegisterRequest,
)
from mains.wire.dsse import SigningKey
from mains.wire.sites import JoinToken
from mains.wire.trust import require_private_way

LOG: Final = structlog.get_logger(__name__)


async def join(
    token: str,
    *,
    folder: Path,
    clock: Clock,
    engine: EngineName = "process",
    isolation: Isolation = "auto",
    slots: int = configs.SLOTS,
    python: Path | None = None,
    devices: Sequence[int] | None = None,
    registry: HostRegistry | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    insecure: bool = False,
) -> AgentConfig:
    """Exchange a join token for a site's voice, and write the folder that `run` needs.

    The key is made before the token is used, so that the same folder may try again with the same
    token. insecure allows plain http beyond this machine. Raises TokenInvalid, RequestInvalid,
    CertificateUnknown, ServerUnreachable, QuotaExceeded or ProtocolUnsupported.
    """
    place = JoinToken.decode(token)
    require_private_way(place.url, insecure=insecure)
    folder = configs.prepare_folder(folder)
    key = dsse.load_or_create(folder / configs.KEY_FILE)
    trusted = await asyncio.to_thread(
        Trusted.first, folder, place.url, fingerprint=place.tls_sha256
    )
    async with Server(
        place.url, key=key, clock=clock, trusted=trusted, transport=transport
    ) as server:
        answer = await _joined(server, token.strip(), key)
    uids = registry or HostRegistry.of_this_host()
    joined = AgentConfig(
        url=place.url,
        site=answer.site,
        site_id=answer.site_id,
        folder=folder,
        engine=engine,
        isolation=isolation,
        uid_base=uids.claim_uids(folder, count=slots) if engine == "process" else None,
        slots=slots,
        devices=None if devices is None else list(devices),
        python=python,
        insecure=insecure,
    )
    joined.save()
    return joined


async def _joined(server: Server, token: str, key: SigningKey) -> JoinAnswer:
    """Join in the newest protocol that both sides speak; raises ProtocolUnsupported for none."""
    while True:
        try:
            return await server.join(
                JoinRequest(
                    protocol=server.protocol,
                    token=token,
                    public_key=key.public_key_hex,
                    host=configs.host_name(),
                )
            )
        except ProtocolUnsupported as error:
            if not _speaks_older(server, error):
                raise


async def run(
    config: AgentConfig,
    *,
    engine: Engine,
    clock: Clock,
    stop: asyncio.Event,
    registry: HostRegistry | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> None:
    """Serve a site until `stop` is set; its runs go on without the agent.

    Raises StaleEpoch or SignatureInvalid when another agent has taken the site,
    QuotaExceeded (shares of this host), AlreadyRunning, SetupMissing or RequestInvalid (a server
    beyond this machine without TLS).
    """
    require_private_way(config.url, insecure=config.insecure)
    key = dsse.load(config.key_path)
    with configs.only_agent_in(config.folder):
        serving = asyncio.ensure_future(
            _serve(
                config,
                key=key,
                engine=engine,
                clock=clock,
                registry=registry or HostRegistry.of_this_host(),
                transport=transport,
            )
        )
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
        finally:
            for task in (serving, stopped):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def _serve(
    config: AgentConfig,
    *,
    key: SigningKey,
    engine: Engine,
    clock: Clock,
    registry: HostRegistry,
    transport: httpx.AsyncBaseTransport | None,
) -> None:
    trusted = Trusted.load(config.folder, config.url)
    async with Server(
        config.url, key=key, clock=clock, trusted=trusted, transport=transport
    ) as server:
        server.identify(site_id=config.site_id, epoch=0)
        await keys.finish(config, server)

        async def serve_pools(pools: Sequence[PoolOrder]) -> None:
            registry.claim_shares(
                config.folder, {pool.name: pool.host_share_percent for pool in pools}
            )
            await engine.configure(pools)

        key_asked = asyncio.Event()
        keeping = asyncio.ensure_future(
            keys.keep_fresh(config, server, clock=clock, asked=key_asked)
        )
        try:
            await _work_on(config, engine, server, clock, serve_pools, key_asked)
        finally:
            keeping.cancel()


async def _work_on(
    config: AgentConfig,
    engine: Engine,
    server: Server,
    clock: Clock,
    serve_pools: Callable[[Sequence[PoolOrder]], Awaitable[None]],
    key_asked: asyncio.Event,
) -> None:
    """Register and work, again for each version of the server."""
    while True:
        registration = await register(config, server, clock=clock)
        server.identify(site_id=config.site_id, epoch=registration.epoch)
        _keep_lease(config, registration)
        await serve_pools(registration.pools)
        agent = SiteAgent(
            config,
            engine=engine,
            server=server,
            clock=clock,
            registration=registration,
            serve_pools=serve_pools,
            key_asked=key_asked,
        )
        try:
            await agent.work()
        except ProtocolUnsupported as error:
            # The server was replaced by another version: the two find out what both speak.
            LOG.warning("protocol_unsupported", because=error.detail, next=error.hint)


def _keep_lease(config: AgentConfig, registration: RegisterAnswer) -> None:
    """Note a lease of the server that is shorter than ours: the engine gets it with its start."""
    if registration.lease_seconds < config.lease_seconds:
        LOG.warning("lease_shorter", was=config.lease_seconds, now=registration.lease_seconds)
        config.model_copy(update={"lease_seconds": registration.lease_seconds}).save()


async def register(
    config: AgentConfig,
    server: Server,
    *,
    clock: Clock,
    patience: Callable[[], Patience] = Patience,
) -> RegisterAnswer:
    """Open the next epoch; a server that is away is waited for, with one and the same instance.

    So is one that speaks no protocol of this agent: until one of them is updated, runs go on.
    """
    instance_id, waiting = new_id(), patience()
    server.protocol = PROTOCOL
    while True:
        request = RegisterRequest(
            protocol=server.protocol,
            site_id=config.site_id,
            instance_id=instance_id,
            host=configs.host_name(),
            sent_at=clock.now(),
        )
        try:
            answer = await server.register(request)
        except (Unavailable, Broken) as error:
            LOG.warning("server_unreachable", because=error.detail)
            await waiting.wait()
            continue
        except ProtocolUnsupported as error:
            if not _speaks_older(server, error):
                LOG.warning("protocol_unsupported", because=error.detail, next=error.hint)
                server.protocol = PROTOCOL
                await waiting.wait()
            continue
        LOG.info("agent_registered", site=config.site, epoch=answer.epoch, protocol=answer.protocol)
        return answer


def _speaks_older(server: Server, refusal: ProtocolUnsupported) -> bool:
    """Go down to the newest protocol that the server accepts and this agent speaks, if any."""
    accepted = refusal.facts.get("accepted")
    known = accepted if isinstance(accepted, list) else []
    common = [each for each in PROTOCOLS if each < server.protocol and str(each) in known]
    if not common:
        return False
    server.protocol = max(common)
    return True
