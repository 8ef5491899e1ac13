"""An agent's life: join once, register at every start, then look, say, hear and do.

Everything is level-triggered: what the engine has is observed anew each time, the server repeats
its orders until it sees them done, and an answer that is lost changes nothing.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import structlog

from mains.agent import config as configs
from mains.agent.client import Server, trust
from mains.agent.config import AgentConfig, EngineName, Isolation
from mains.agent.host import HostRegistry
from mains.agent.patience import Patience
from mains.agent.site import SiteAgent
from mains.clock import Clock
from mains.engines.base import Engine
from mains.errors import Broken, Unavailable
from mains.ids import new_id
from mains.wire import dsse
from mains.wire.agent import PROTOCOL, JoinRequest, PoolOrder, RegisterAnswer, RegisterRequest
from mains.wire.dsse import SigningKey
from mains.wire.sites import JoinToken

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
) -> AgentConfig:
    """Exchange a join token for a site's voice, and write the folder that `run` needs.

    The key is made before the token is used, so that the same folder may try again with the same
    token. Raises TokenInvalid, ServerUnreachable, QuotaExceeded or ProtocolUnsupported.
    """
    place = JoinToken.decode(token)
    folder = configs.prepare_folder(folder)
    key = dsse.load_or_create(folder / configs.KEY_FILE)
    verify = await trust(place.url, tls_sha256=place.tls_sha256)
    async with Server(
        place.url, key=key, clock=clock, verify=verify, transport=transport
    ) as server:
        answer = await server.join(
            JoinRequest(
                protocol=PROTOCOL,
                token=token.strip(),
                public_key=key.public_key_hex,
                host=configs.host_name(),
            )
        )
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
        tls_sha256=place.tls_sha256,
    )
    joined.save()
    return joined


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
    ProtocolUnsupported, QuotaExceeded (shares of this host), AlreadyRunning or SetupMissing.
    """
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
    verify = await _patiently_trust(config)
    async with Server(
        config.url, key=key, clock=clock, verify=verify, transport=transport
    ) as server:
        registration = await register(config, server, clock=clock)
        server.identify(site_id=config.site_id, epoch=registration.epoch)
        _keep_lease(config, registration)

        async def serve_pools(pools: Sequence[PoolOrder]) -> None:
            registry.claim_shares(
                config.folder, {pool.name: pool.host_share_percent for pool in pools}
            )
            await engine.configure(pools)

        await serve_pools(registration.pools)
        agent = SiteAgent(
            config,
            engine=engine,
            server=server,
            clock=clock,
            registration=registration,
            serve_pools=serve_pools,
        )
        await agent.work()


def _keep_lease(config: AgentConfig, registration: RegisterAnswer) -> None:
    """Note a lease of the server that is shorter than ours: the engine gets it with its start."""
    if registration.lease_seconds < config.lease_seconds:
        LOG.warning("lease_shorter", was=config.lease_seconds, now=registration.lease_seconds)
        config.model_copy(update={"lease_seconds": registration.lease_seconds}).save()


async def _patiently_trust(config: AgentConfig) -> ssl.SSLContext | bool:
    patience = Patience()
    while True:
        try:
            return await trust(config.url, tls_sha256=config.tls_sha256)
        except Unavailable as error:
            LOG.warning("server_unreachable", because=error.detail)
            await patience.wait()


async def register(
    config: AgentConfig,
    server: Server,
    *,
    clock: Clock,
    patience: Callable[[], Patience] = Patience,
) -> RegisterAnswer:
    """Open the next epoch; a server that is away is waited for, with one and the same instance."""
    instance_id, waiting = new_id(), patience()
    while True:
        request = RegisterRequest(
            protocol=PROTOCOL,
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
        LOG.info("agent_registered", site=config.site, epoch=answer.epoch)
        return answer
