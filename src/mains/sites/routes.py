"""The HTTP doors of sites: operators add, price and drain them; agents join and register."""

from datetime import datetime
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request, Response

from mains.db import Transaction
from mains.parties import service as parties
from mains.parties.door import (
    Caller,
    CallerDependency,
    NowDependency,
    TransactionDependency,
    Wired,
    WiredDependency,
)
from mains.sites import rules, service
from mains.sites.door import EnvelopeDependency
from mains.units import Money
from mains.wire.agent import PROTOCOL, JoinAnswer, JoinRequest, RegisterAnswer, answer_for
from mains.wire.base import Amount
from mains.wire.parties import Role
from mains.wire.sites import (
    NewPool,
    NewPrice,
    NewSite,
    NewSiteView,
    PoolView,
    SiteList,
    SiteView,
    TokenView,
)
from mains.wire.trust import fingerprint_of

router: Final = APIRouter(prefix="/v1", tags=["sites"])


@router.post("/sites", status_code=201)
async def add_site(
    new: NewSite,
    request: Request,
    wired: WiredDependency,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
) -> NewSiteView:
    """Add a site with its pools and prices, and give the token that lets its agent join."""
    caller.require(Role.OPERATOR)
    organisation_id = caller.organisation_id
    if new.organisation is not None:
        organisation_id = (await parties.organisation(tx, new.organisation)).id
        caller.require_organisation(organisation_id)
    site = await service.add_site(
        tx, new, organisation_id=organisation_id, actor_id=caller.person_id, now=now
    )
    return NewSiteView(
        site=await _view(tx, site, now=now),
        token=await _token(tx, site, request, wired=wired, caller=caller, now=now),
    )


@router.get("/sites")
async def list_sites(
    caller: CallerDependency, tx: TransactionDependency, now: NowDependency
) -> SiteList:
    """List every site with its pools and prices; whoever has a key may compare."""
    by_site: dict[UUID, list[service.PricedPool]] = {}
    for pool in await service.pools(tx):
        by_site.setdefault(pool.site_id, []).append(pool)
    return SiteList(
        sites=[
            _site_view(site, by_site.get(site.id, []), now=now) for site in await service.sites(tx)
        ]
    )


@router.get("/sites/{reference}")
async def show_site(
    reference: str, caller: CallerDependency, tx: TransactionDependency, now: NowDependency
) -> SiteView:
    """Show one site, by name or id."""
    return await _view(tx, await service.site(tx, reference), now=now)


@router.post("/sites/{reference}/token", status_code=201)
async def renew_token(
    reference: str,
    request: Request,
    wired: WiredDependency,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
) -> TokenView:
    """Give a fresh join token and end the unused ones; the next agent to join replaces this one."""
    site = await _own_site(tx, reference, caller=caller)
    return await _token(tx, site, request, wired=wired, caller=caller, now=now)


@router.post("/sites/{reference}/rotate-key")
async def rotate_key(
    reference: str, caller: CallerDependency, tx: TransactionDependency, now: NowDependency
) -> SiteView:
    """Ask the site's agent for a new key; it exchanges it with its next word."""
    site = await _own_site(tx, reference, caller=caller)
    await service.ask_rotation(tx, site_id=site.id)
    return await _view(tx, await service.site(tx, str(site.id)), now=now)


@router.post("/sites/{reference}/drain")
async def drain_site(
    reference: str, caller: CallerDependency, tx: TransactionDependency, now: NowDependency
) -> SiteView:
    """Let the site finish what it has and take nothing new."""
    site = await _own_site(tx, reference, caller=caller)
    await service.drain(tx, site_id=site.id)
    return await _view(tx, await service.site(tx, str(site.id)), now=now)


@router.post("/sites/{reference}/undrain")
async def undrain_site(
    reference: str, caller: CallerDependency, tx: TransactionDependency, now: NowDependency
) -> SiteView:
    """Let a drained site take work again."""
    site = await _own_site(tx, reference, caller=caller)
    await service.undrain(tx, site_id=site.id)
    return await _view(tx, await service.site(tx, str(site.id)), now=now)


@router.post("/sites/{reference}/pools", status_code=201)
async def add_pool(
    reference: str,
    new: NewPool,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
) -> SiteView:
    """Add a pool with its first price; the site's agent serves it from its next sync on."""
    site = await _own_site(tx, reference, caller=caller)
    await service.add_pool(tx, new, site_id=site.id, actor_id=caller.person_id, now=now)
    return await _view(tx, site, now=now)


@router.put("/sites/{reference}/pools/{pool}/price")
async def set_price(
    reference: str,
    pool: str,
    new: NewPrice,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
) -> SiteView:
    """Set a new price from now on; what was quoted before keeps its own."""
    site = await _own_site(tx, reference, caller=caller)
    await service.set_price(tx, new, site_id=site.id, pool=pool, actor_id=caller.person_id, now=now)
    return await _view(tx, site, now=now)


@router.post("/agent/join", tags=["agents"], response_model=JoinAnswer)
async def join(asked: JoinRequest, tx: TransactionDependency, now: NowDependency) -> Response:
    """Exchange a join token for a site's voice; the token itself is what lets the caller in."""
    site = await service.join(tx, asked, now=now)
    answer = JoinAnswer(protocol=PROTOCOL, site_id=site.id, site=site.name)
    return _answer(asked.protocol, answer)


@router.post("/agent/rotate", tags=["agents"], status_code=204)
async def rotate(
    envelope: EnvelopeDependency, tx: TransactionDependency, now: NowDependency
) -> None:
    """Let an agent's new key speak for its site; the message is signed by both."""
    await service.rotate(tx, envelope, now=now)


@router.post("/agent/register", tags=["agents"], response_model=RegisterAnswer)
async def register(
    envelope: EnvelopeDependency,
    wired: WiredDependency,
    tx: TransactionDependency,
    now: NowDependency,
) -> Response:
    """Open the site's next epoch for the agent that signed this; older agents are fenced."""
    registration = await service.register(tx, envelope, now=now)
    answer = RegisterAnswer(
        protocol=PROTOCOL,
        epoch=registration.epoch,
        pools=registration.pools,
        lease_seconds=wired.settings.agent_lease_seconds,
        sync_wait_seconds=wired.settings.sync_wait_seconds,
        certificates=wired.certificates,
    )
    return _answer(registration.protocol, answer)


def _answer(protocol: int, answer: JoinAnswer | RegisterAnswer) -> Response:
    return Response(answer_for(protocol, answer), media_type="application/json")


async def _own_site(tx: Transaction, reference: str, *, caller: Caller) -> service.Site:
    caller.require(Role.OPERATOR)
    site = await service.site(tx, reference)
    caller.require_organisation(site.organisation_id)
    return site


async def _token(
    tx: Transaction,
    site: service.Site,
    request: Request,
    *,
    wired: Wired,
    caller: Caller,
    now: datetime,
) -> TokenView:
    """The agent dials the address by which this operator came, unless the settings name one."""
    certificates = wired.certificates
    token = await service.join_token(
        tx,
        site_id=site.id,
        url=(wired.settings.public_url or str(request.base_url)).rstrip("/"),
        tls_sha256=fingerprint_of(certificates) if certificates else None,
        actor_id=caller.person_id,
        now=now,
    )
    return TokenView(
        site_id=site.id, site=site.name, token=token, expires_at=now + rules.TOKEN_VALIDITY
    )


async def _view(tx: Transaction, site: service.Site, *, now: datetime) -> SiteView:
    return _site_view(site, await service.pools(tx, site_id=site.id), now=now)


def _site_view(site: service.Site, pools: list[service.PricedPool], *, now: datetime) -> SiteView:
    return SiteView(
        id=site.id,
        name=site.name,
        title=site.title,
        organisation_id=site.organisation_id,
        state=site.state,
        condition=rules.condition(site, now=now),
        attributes=dict(site.attributes),
        last_seen=site.last_seen,
        lease_until=site.lease_until,
        host=site.host,
        pools=[_pool_view(pool) for pool in pools],
    )


def _pool_view(pool: service.PricedPool) -> PoolView:
    return PoolView(
        id=pool.id,
        name=pool.name,
        unit=pool.unit,
        units=pool.units,
        cpus=pool.cpus,
        memory_bytes=pool.memory_bytes,
        host_share_percent=pool.host_share_percent,
        trusted=pool.trusted,
        energy_watts_per_unit=pool.energy_watts_per_unit,
        price_per_unit_hour=Amount.of(Money(pool.price_micros_per_unit_hour, pool.currency)),
        tariff_id=pool.tariff_id,
        tariff_version=pool.tariff_version,
        price_from=pool.from_at,
        isolation=pool.isolation,
        memory_limit=pool.memory_limit,
        reported_units=pool.reported_units,
    )
