"""What a site may sell and at which price, when it counts as there, and which messages count."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, PositiveInt, ValidationError

from mains.errors import (
    PriceInvalid,
    ProtocolUnsupported,
    RequestInvalid,
    StaleEpoch,
    StateConflict,
)
from mains.units import Money, parse_bytes
from mains.wire.agent import PROTOCOLS
from mains.wire.sites import NewPool

CLOCK_SKEW_MAX: Final = timedelta(minutes=15)
TOKEN_VALIDITY: Final = timedelta(hours=24)
PREVIOUS_KEY_VALIDITY: Final = timedelta(minutes=10)
"""How long an agent's older key still speaks: longer than any message is under way."""
LEASE_WRITE_INTERVAL: Final = timedelta(seconds=1)
PRICE_MICROS_MAX: Final = 1_000_000 * 1_000_000
"""A million a unit-hour: above it a price is a mistake, and products with it stay in 64 bits."""
MEMORY_BYTES_MAX: Final = 2**50
ATTRIBUTE_LENGTH_MAX: Final = 200

State = Literal["active", "draining", "closed"]
Condition = Literal["ready", "draining", "closed", "never joined", "never seen", "away"]


@dataclass(frozen=True, slots=True)
class Site:
    """A site as stored; lease_until is how long its agent's last word counts."""

    id: UUID
    name: str
    title: str
    organisation_id: UUID
    state: State
    attributes: Mapping[str, str | int | bool]
    public_key: str | None
    host: str | None
    epoch: int
    last_seen: datetime | None
    lease_until: datetime | None


@dataclass(frozen=True, slots=True)
class Offer:
    """A pool with the price of now, as quotes and placement see it.

    units, cpus and memory_bytes are the smaller of what was declared and what the agent found.
    `live` says that work may be placed there now, `because` in a sentence why it may not.
    """

    pool_id: UUID
    pool: str
    site_id: UUID
    site: str
    site_attributes: Mapping[str, str | int | bool]
    organisation_id: UUID
    unit: str
    units: int
    cpus: int
    memory_bytes: int
    tariff_id: UUID
    tariff_version: int
    price_micros_per_unit_hour: int
    currency: str
    energy_watts_per_unit: int | None
    isolation: str | None
    memory_limit: str | None
    trusted_organisation_id: UUID | None
    live: bool
    draining: bool
    because: str
    last_seen: datetime | None
    lease_until: datetime | None


class MessageHead(BaseModel):
    """The part of an agent's message that says who speaks, from when, in which protocol.

    It leaves the rest of the message alone, so that a message of another protocol version can
    still be answered with what is accepted.
    """

    site_id: UUID
    protocol: int
    sent_at: AwareDatetime
    epoch: PositiveInt | None = None


def read_head(payload: bytes) -> MessageHead:
    """Return the head of an agent's message; raises RequestInvalid."""
    try:
        return MessageHead.model_validate_json(payload)
    except ValidationError as error:
        fields = ", ".join(str(part["loc"][0]) for part in error.errors() if part["loc"])
        raise RequestInvalid(
            f"the agent's message has no readable head ({fields or 'it is not JSON'})"
        ) from error


def check_protocol(protocol: int) -> None:
    """Raises ProtocolUnsupported, which names the version spoken and those accepted."""
    if protocol in PROTOCOLS:
        return
    accepted = [str(version) for version in PROTOCOLS]
    older = "agent" if protocol < PROTOCOLS[0] else "server"
    raise ProtocolUnsupported(
        f"the agent speaks protocol {protocol}; this server accepts {' and '.join(accepted)}",
        hint=f"The {older} is the older one: update mains there. Runs go on meanwhile.",
        spoken=protocol,
        accepted=accepted,
        update=older,
    )


def check_sent_at(sent_at: datetime, *, now: datetime) -> None:
    """Raises RequestInvalid when a message is too old or its sender's clock too far off."""
    skew = sent_at - now
    if abs(skew) <= CLOCK_SKEW_MAX:
        return
    minutes = round(abs(skew).total_seconds() / 60)
    direction = "ahead of" if skew > timedelta(0) else "behind"
    raise RequestInvalid(
        f"the message was sent {minutes} minutes {direction} this server's clock, "
        f"and at most {CLOCK_SKEW_MAX.seconds // 60} are accepted",
        hint="Set the clock of the agent's host, for example with `timedatectl set-ntp true`.",
        sent_at=sent_at.isoformat(),
        server_time=now.isoformat(),
    )


def check_epoch(epoch: int | None, *, current: int) -> None:
    """Raises StaleEpoch for every registration but the newest."""
    if epoch == current:
        return
    raise StaleEpoch(
        f"the message is from registration {epoch}, the site is at {current}",
        epoch=epoch,
        current=current,
    )


def check_changeable(site: Site) -> None:
    """Raises StateConflict for a site that was closed for good."""
    if site.state == "closed":
        raise StateConflict(f"the site {site.name} is closed")


def read_price(text: str, *, currency: str) -> Money:
    """Return the price of one unit for one hour; raises PriceInvalid."""
    try:
        price = Money.parse(text, currency)
    except ValueError as error:
        raise PriceInvalid(
            f"the price is not accepted: {error}",
            hint='Write it as a decimal string with its currency, for example "2.50" and "CNY".',
        ) from error
    if price.micros < 0:
        raise PriceInvalid(f"a price of {price} per unit-hour is negative")
    if price.micros > PRICE_MICROS_MAX:
        raise PriceInvalid(
            f"a price of {price} per unit-hour is absurd; at most 1,000,000 is taken"
        )
    return price


def read_memory(pool: NewPool) -> int:
    """Return the pool's memory in bytes, once it and the CPUs make sense together.

    Raises RequestInvalid.
    """
    try:
        memory_bytes = parse_bytes(pool.memory)
    except ValueError as error:
        raise RequestInvalid(f"the memory of pool {pool.name}: {error}") from error
    if not 1 <= memory_bytes <= MEMORY_BYTES_MAX:
        raise RequestInvalid(f"the memory of pool {pool.name} is absurd: {pool.memory}")
    if pool.unit == "cpu" and pool.units > pool.cpus:
        raise RequestInvalid(
            f"pool {pool.name} sells {pool.units} units of cpu but has {pool.cpus} CPUs"
        )
    return memory_bytes


def check_attributes(attributes: Mapping[str, str | int | bool]) -> None:
    """Raises RequestInvalid when a key or a value is longer than a rule would compare."""
    for key, value in attributes.items():
        if not key or len(key) > ATTRIBUTE_LENGTH_MAX or len(str(value)) > ATTRIBUTE_LENGTH_MAX:
            raise RequestInvalid(
                f"attribute {key[:40]!r}: at most {ATTRIBUTE_LENGTH_MAX} characters are kept"
            )


def speaking_keys(
    current: str, previous: str | None, previous_until: datetime | None, *, now: datetime
) -> tuple[str, ...]:
    """Return the keys that speak for a site now, the one in use first."""
    if previous is None or previous_until is None or previous_until <= now:
        return (current,)
    return current, previous


def token_digest(secret: str) -> bytes:
    """Return what is stored of a join token: its secret has 256 bits, so a plain hash does."""
    return hashlib.sha256(secret.encode()).digest()


def condition(site: Site, *, now: datetime) -> Condition:
    """Return in a word whether a site takes work now, and if not why."""
    if site.state != "active":
        return site.state
    if site.public_key is None:
        return "never joined"
    if site.lease_until is None:
        return "never seen"
    return "ready" if site.lease_until > now else "away"


def because(site: Site, *, reported: bool, now: datetime) -> str:
    """Return in a sentence why nothing is placed at a pool of this site; empty when it may be."""
    found = condition(site, now=now)
    sentences: dict[Condition, str] = {
        "draining": f"{site.name} is draining: it finishes what it has and takes nothing new",
        "closed": f"{site.name} is closed",
        "never joined": f"no agent has joined {site.name} yet",
        "never seen": f"the agent of {site.name} has joined but never reported",
        "away": f"{site.name} has not been heard of since {site.last_seen:%Y-%m-%d %H:%M:%S} UTC"
        if site.last_seen
        else "",
    }
    if found in sentences:
        return sentences[found]
    return "" if reported else f"the agent of {site.name} has not reported this pool yet"


def trusted_organisation(site: Site, *, trusted: bool, isolation: str | None) -> UUID | None:
    """Return who alone may run where runs are not kept apart; None where they are."""
    return site.organisation_id if trusted or isolation == "trusted" else None
