"""Sites and their agents: load, decide, apply. Nothing here opens or ends a transaction."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from mains.db import Queries, Transaction
from mains.errors import (
    AlreadyExists,
    Fact,
    MainsError,
    NotFound,
    RequestInvalid,
    SignatureInvalid,
    TokenInvalid,
)
from mains.ids import new_id, uuid_or_none
from mains.sites import rules
from mains.sites.rules import Offer, Site
from mains.wire import dsse
from mains.wire.agent import (
    JoinRequest,
    PoolOrder,
    PoolReport,
    RegisterRequest,
    RotateRequest,
)
from mains.wire.problem import describe_fault
from mains.wire.sites import JoinToken, NewPool, NewPrice, NewSite

__all__ = [
    "Authenticated",
    "Offer",
    "PricedPool",
    "Registration",
    "Site",
    "Tariff",
    "add_pool",
    "add_site",
    "ask_rotation",
    "authenticate_envelope",
    "drain",
    "fence_all",
    "join",
    "join_token",
    "offers",
    "pool_orders",
    "pools",
    "register",
    "rotate",
    "seen",
    "set_price",
    "site",
    "sites",
    "tariff",
    "undrain",
]

QUERIES = Queries.load(__package__, "queries.sql")
LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of a pool's price; what is priced with it stays priced with it."""

    id: UUID
    pool_id: UUID
    version: int
    price_micros_per_unit_hour: int
    currency: str
    from_at: datetime


@dataclass(frozen=True, slots=True)
class PricedPool:
    """A pool as declared, as last reported, and its price of now."""

    id: UUID
    site_id: UUID
    name: str
    unit: str
    units: int
    cpus: int
    memory_bytes: int
    host_share_percent: int
    trusted: bool
    energy_watts_per_unit: int | None
    engine: str
    reported_units: int | None
    reported_cpus: int | None
    reported_memory_bytes: int | None
    isolation: str | None
    memory_limit: str | None
    tariff_id: UUID
    tariff_version: int
    price_micros_per_unit_hour: int
    currency: str
    from_at: datetime


@dataclass(frozen=True, slots=True)
class Authenticated:
    """An agent's message whose signature, epoch and age hold; payload is its exact bytes."""

    site_id: UUID
    site: str
    epoch: int
    payload: bytes
    public_key: str
    protocol: int
    rotation_asked: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """An agent that now speaks for its site, alone, until the next one registers."""

    site_id: UUID
    site: str
    epoch: int
    pools: list[PoolOrder]
    protocol: int


async def add_site(
    tx: Transaction, new: NewSite, *, organisation_id: UUID, actor_id: UUID | None, now: datetime
) -> Site:
    """Store a site with its pools and their first prices; raises AlreadyExists or BadInput."""
    rules.check_attributes(new.attributes)
    site_id = new_id()
    cursor = await tx.execute(
        QUERIES["insert_site"],
        {
            "id": site_id,
            "name": new.name,
            "title": new.title or new.name,
            "organisation_id": organisation_id,
            "attributes": Jsonb(new.attributes),
            "created_by": actor_id,
            "now": now,
        },
    )
    if await cursor.fetchone() is None:
        raise AlreadyExists(
            f"there is a site {new.name} already", hint="Choose another name; `mains site list`."
        )
    for pool in new.pools:
        await add_pool(tx, pool, site_id=site_id, actor_id=actor_id, now=now)
    return await site(tx, str(site_id))


async def add_pool(
    tx: Transaction, new: NewPool, *, site_id: UUID, actor_id: UUID | None, now: datetime
) -> UUID:
    """Store a pool and its first price; raises AlreadyExists or BadInput."""
    price = rules.read_price(new.price_per_unit_hour, currency=new.currency)
    memory_bytes = rules.read_memory(new)
    pool_id = new_id()
    cursor = await tx.execute(
        QUERIES["insert_pool"],
        {
            "id": pool_id,
            "site_id": site_id,
            "name": new.name,
            "unit": new.unit,
            "units": new.units,
            "cpus": new.cpus,
            "memory_bytes": memory_bytes,
            "host_share_percent": new.host_share_percent,
            "trusted": new.trusted,
            "energy_watts_per_unit": new.energy_watts_per_unit,
            "engine": new.engine,
            "now": now,
        },
    )
    if await cursor.fetchone() is None:
        raise AlreadyExists(f"the site has a pool {new.name} already")
    await _insert_tariff(tx, pool_id, price_micros=price.micros, currency=price.unit,
                         actor_id=actor_id, now=now)  # fmt: skip
    return pool_id


async def set_price(
    tx: Transaction,
    new: NewPrice,
    *,
    site_id: UUID,
    pool: str,
    actor_id: UUID | None,
    now: datetime,
) -> None:
    """Add the next version of a pool's price, from now on; raises PriceInvalid or NotFound."""
    price = rules.read_price(new.price_per_unit_hour, currency=new.currency)
    cursor = await tx.execute(QUERIES["lock_pool"], {"site_id": site_id, "name": pool})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"the site has no pool {pool}")
    await _insert_tariff(tx, row["id"], price_micros=price.micros, currency=price.unit,
                         actor_id=actor_id, now=now)  # fmt: skip


async def site(tx: Transaction, ref: str) -> Site:
    """Return a site by name or id; raises NotFound."""
    cursor = await tx.execute(QUERIES["one_site"], {"name": ref, "id": uuid_or_none(ref)})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"there is no site {ref}", hint="`mains site list` shows all of them.")
    return Site(**row)


async def sites(tx: Transaction) -> list[Site]:
    """Return every site, by name."""
    cursor = await tx.execute(QUERIES["all_sites"])
    return [Site(**row) for row in await cursor.fetchall()]


async def pools(tx: Transaction, *, site_id: UUID | None = None) -> list[PricedPool]:
    """Return the pools of one site, or of all, with their prices of now."""
    cursor = await tx.execute(QUERIES["pools_with_prices"], {"site_id": site_id})
    return [PricedPool(**row) for row in await cursor.fetchall()]


async def tariff(tx: Transaction, tariff_id: UUID) -> Tariff:
    """Return one price version, whether or not it still stands; raises NotFound."""
    cursor = await tx.execute(QUERIES["one_tariff"], {"id": tariff_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"there is no tariff {tariff_id}")
    return Tariff(**row)


async def offers(tx: Transaction, *, now: datetime) -> list[Offer]:
    """Return every pool of every site that is not closed, the silent ones marked as such."""
    by_id = {found.id: found for found in await sites(tx) if found.state != "closed"}
    return [
        _offer(by_id[pool.site_id], pool, now=now)
        for pool in await pools(tx)
        if pool.site_id in by_id
    ]


async def drain(tx: Transaction, *, site_id: UUID) -> None:
    """Let a site finish what it has and take nothing new; raises NotFound or StateConflict."""
    rules.check_changeable(await _lock(tx, site_id))
    await tx.execute(QUERIES["set_state"], {"site_id": site_id, "state": "draining"})


async def undrain(tx: Transaction, *, site_id: UUID) -> None:
    """Let a drained site take work again; raises NotFound or StateConflict."""
    rules.check_changeable(await _lock(tx, site_id))
    await tx.execute(QUERIES["set_state"], {"site_id": site_id, "state": "active"})


async def join_token(
    tx: Transaction,
    *,
    site_id: UUID,
    url: str,
    tls_sha256: str | None,
    actor_id: UUID | None,
    now: datetime,
) -> str:
    """Return a fresh one-use token, and end the unused ones before it; raises as `drain`."""
    found = await _lock(tx, site_id)
    rules.check_changeable(found)
    secret = secrets.token_urlsafe(32)
    await tx.execute(QUERIES["end_unused_tokens"], {"site_id": site_id})
    await tx.execute(
        QUERIES["insert_token"],
        {
            "digest": rules.token_digest(secret),
            "site_id": site_id,
            "expires_at": now + rules.TOKEN_VALIDITY,
            "created_by": actor_id,
            "now": now,
        },
    )
    return JoinToken(url=url, site=found.name, secret=secret, tls_sha256=tls_sha256).encode()


async def join(tx: Transaction, request: JoinRequest, *, now: datetime) -> Site:
    """Give a site's voice to the key that brings an unused token; the same key may ask again.

    Raises ProtocolUnsupported or TokenInvalid.
    """
    rules.check_protocol(request.protocol)
    token = JoinToken.decode(request.token)
    cursor = await tx.execute(
        QUERIES["use_token"],
        {
            "digest": rules.token_digest(token.secret),
            "public_key": request.public_key,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    if row is None:
        raise TokenInvalid("the join token is unknown, too old, or was used by another agent")
    site_id: UUID = row["site_id"]
    rules.check_changeable(await _lock(tx, site_id))
    await tx.execute(
        QUERIES["take_key"],
        {
            "site_id": site_id,
            "public_key": request.public_key,
            "host": request.host[:255],
            "now": now,
        },
    )
    LOG.info("agent_joined", site_id=str(site_id), key=request.public_key, host=request.host[:255])
    return await site(tx, str(site_id))


async def register(tx: Transaction, envelope: bytes, *, now: datetime) -> Registration:
    """Open the site's next epoch for the agent that signed this; older agents are fenced by it.

    The same instance asking again gets the same epoch. Raises as `authenticate_envelope`.
    """
    spoken = await authenticate_envelope(tx, envelope, now=now, registered=False)
    try:
        request = RegisterRequest.model_validate_json(spoken.payload)
    except ValidationError as error:
        _, said = describe_fault(error.errors(include_url=False)[0])
        raise RequestInvalid(f"the registration is not readable: {said}") from error
    locked = await _lock(tx, spoken.site_id)
    rules.check_changeable(locked)
    if locked.public_key != spoken.public_key:
        raise SignatureInvalid("another agent has joined this site in the meantime")
    epoch = await _epoch_of(tx, request, current=locked.epoch, now=now)
    return Registration(
        spoken.site_id,
        spoken.site,
        epoch,
        await pool_orders(tx, site_id=spoken.site_id),
        spoken.protocol,
    )


async def fence_all(tx: Transaction, *, gap: int, now: datetime) -> None:
    """After a restore: let no agent speak before it has registered again, and no token be used.

    `gap` is more epochs than were given out since any backup, so that none is given twice.
    """
    await tx.execute(QUERIES["skip_epochs"], {"gap": gap, "now": now})
    await tx.execute(QUERIES["end_every_unused_token"])


async def rotate(tx: Transaction, envelope: bytes, *, now: datetime) -> None:
    """Let the key that also signed this speak for the site; asked again it changes nothing.

    The older key is believed for ten minutes more, for what it signed may be under way. Raises as
    `authenticate_envelope`, and SignatureInvalid where the new key did not sign.
    """
    spoken = await authenticate_envelope(tx, envelope, now=now, registered=False)
    try:
        request = RotateRequest.model_validate_json(spoken.payload)
    except ValueError as error:
        raise RequestInvalid(f"the rotation is not readable: {error}") from error
    dsse.verify(envelope, public_key_hex=request.public_key)
    locked = await _lock(tx, spoken.site_id)
    if locked.public_key == request.public_key:
        return
    if locked.public_key != spoken.public_key:
        raise SignatureInvalid("another key speaks for this site in the meantime")
    exchanged = {
        "site_id": spoken.site_id,
        "public_key": request.public_key,
        "until": now + rules.PREVIOUS_KEY_VALIDITY,
        "now": now,
    }
    await tx.execute(QUERIES["exchange_key"], exchanged)
    LOG.info("agent_key_rotated", site_id=str(spoken.site_id), key=request.public_key)


async def ask_rotation(tx: Transaction, *, site_id: UUID) -> None:
    """Ask the site's agent for a new key with its next answer; raises as `drain`."""
    rules.check_changeable(await _lock(tx, site_id))
    await tx.execute(QUERIES["ask_rotation"], {"site_id": site_id})


async def pool_orders(tx: Transaction, *, site_id: UUID) -> list[PoolOrder]:
    """Return a site's pools as its agent is to serve them."""
    found = await site(tx, str(site_id))
    return [
        PoolOrder(
            pool_id=pool.id,
            name=pool.name,
            unit=pool.unit,
            units=pool.units,
            cpus=pool.cpus,
            memory_bytes=pool.memory_bytes,
            host_share_percent=pool.host_share_percent,
            trusted_organisation_id=found.organisation_id if pool.trusted else None,
            engine=pool.engine,
        )
        for pool in await pools(tx, site_id=site_id)
    ]


async def authenticate_envelope(
    tx: Transaction, envelope: bytes, *, now: datetime, registered: bool = True
) -> Authenticated:
    """Return an agent's message once its signature, protocol, age and epoch hold.

    A message that comes twice passes twice: what it says is a state, not a step. Raises
    SignatureInvalid, ProtocolUnsupported, RequestInvalid (clock) or StaleEpoch. Each of them is
    logged with the site that it named, for nobody else would see it.
    """
    named: dict[str, Fact] = {}
    try:
        spoken, head = await _verified(tx, envelope, now=now)
        named = {"site_id": str(spoken.site_id), "site": spoken.site}
        rules.check_protocol(head.protocol)
        rules.check_sent_at(head.sent_at, now=now)
        if registered:
            rules.check_epoch(head.epoch, current=spoken.epoch)
    except MainsError as error:
        LOG.warning(
            "agent_message_refused", code=error.code, detail=error.detail, **named | error.facts
        )
        raise
    return spoken


async def seen(
    tx: Transaction,
    *,
    site_id: UUID,
    epoch: int,
    pools: Sequence[PoolReport],
    lease_until: datetime,
    now: datetime,
) -> datetime:
    """Note that a site's agent spoke and what it found; return until when its lease now stands.

    The lease is written at most once a second; pools only where they changed. Raises StaleEpoch.
    """
    parameters = {
        "site_id": site_id,
        "epoch": epoch,
        "lease_until": lease_until,
        "interval": rules.LEASE_WRITE_INTERVAL,
        "now": now,
    }
    cursor = await tx.execute(QUERIES["renew_lease"], parameters)
    row = await cursor.fetchone()
    assert row is not None, "an authenticated site exists"
    rules.check_epoch(epoch, current=row["epoch"])
    if pools:
        await tx.execute(QUERIES["report_pools"], _columns(pools) | parameters)
    standing: datetime = row["lease_until"]
    return standing


async def _verified(
    tx: Transaction, envelope: bytes, *, now: datetime
) -> tuple[Authenticated, rules.MessageHead]:
    head = rules.read_head(dsse.unverified_payload(envelope))
    row = await (await tx.execute(QUERIES["speaker"], {"site_id": head.site_id})).fetchone()
    if row is None or row["public_key"] is None:
        raise SignatureInvalid(
            "no agent has joined for the site that this message names", site_id=str(head.site_id)
        )
    keys = rules.speaking_keys(
        row["public_key"], row["previous_key"], row["previous_key_until"], now=now
    )
    for key in keys:
        try:
            payload = dsse.verify(envelope, public_key_hex=key)
        except SignatureInvalid as error:
            if key == keys[-1]:
                named = {"site_id": str(head.site_id), "site": row["name"]}
                raise SignatureInvalid(error.detail, **named) from error
        else:
            break
    spoken = Authenticated(
        row["id"], row["name"], row["epoch"], payload, key, head.protocol, row["rotation_asked"]
    )
    return spoken, head


async def _epoch_of(
    tx: Transaction, request: RegisterRequest, *, current: int, now: datetime
) -> int:
    """Return the epoch of this instance; a known older instance is fenced for ever."""
    parameters = {
        "site_id": request.site_id,
        "instance_id": request.instance_id,
        "host": request.host[:255],
        "now": now,
    }
    known = await (await tx.execute(QUERIES["registration"], parameters)).fetchone()
    if known is not None:
        rules.check_epoch(known["epoch"], current=current)
        return current
    row = await (await tx.execute(QUERIES["next_epoch"], parameters)).fetchone()
    assert row is not None, "the site was locked"
    epoch: int = row["epoch"]
    return epoch


async def _lock(tx: Transaction, site_id: UUID) -> Site:
    row = await (await tx.execute(QUERIES["lock_site"], {"id": site_id})).fetchone()
    if row is None:
        raise NotFound(f"there is no site {site_id}")
    return Site(**row)


async def _insert_tariff(
    tx: Transaction,
    pool_id: UUID,
    *,
    price_micros: int,
    currency: str,
    actor_id: UUID | None,
    now: datetime,
) -> None:
    await tx.execute(
        QUERIES["insert_tariff"],
        {
            "id": new_id(),
            "pool_id": pool_id,
            "price": price_micros,
            "currency": currency,
            "created_by": actor_id,
            "now": now,
        },
    )


def _offer(site: Site, pool: PricedPool, *, now: datetime) -> Offer:
    reported = pool.reported_units is not None
    why_not = rules.because(site, reported=reported, now=now)
    return Offer(
        pool_id=pool.id,
        pool=pool.name,
        site_id=site.id,
        site=site.name,
        site_attributes=site.attributes,
        organisation_id=site.organisation_id,
        unit=pool.unit,
        units=_smaller(pool.units, pool.reported_units),
        cpus=_smaller(pool.cpus, pool.reported_cpus),
        memory_bytes=_smaller(pool.memory_bytes, pool.reported_memory_bytes),
        tariff_id=pool.tariff_id,
        tariff_version=pool.tariff_version,
        price_micros_per_unit_hour=pool.price_micros_per_unit_hour,
        currency=pool.currency,
        energy_watts_per_unit=pool.energy_watts_per_unit,
        isolation=pool.isolation,
        memory_limit=pool.memory_limit,
        trusted_organisation_id=rules.trusted_organisation(
            site, trusted=pool.trusted, isolation=pool.isolation
        ),
        live=not why_not,
        draining=site.state == "draining",
        because=why_not,
        last_seen=site.last_seen,
        lease_until=site.lease_until,
    )


def _smaller(declared: int, reported: int | None) -> int:
    return declared if reported is None else min(declared, reported)


def _columns(reports: Sequence[PoolReport]) -> dict[str, Any]:
    return {
        "pool_ids": [report.pool_id for report in reports],
        "units": [report.units for report in reports],
        "cpus": [report.cpus for report in reports],
        "memory_bytes": [report.memory_bytes for report in reports],
        "isolations": [report.isolation for report in reports],
        "memory_limits": [report.memory_limit for report in reports],
    }
