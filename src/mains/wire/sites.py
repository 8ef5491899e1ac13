"""Sites, pools and prices as operators write and everybody reads them; and the join token."""

import base64
import binascii
from typing import Final, Literal, Self
from uuid import UUID

from pydantic import Field, PositiveInt, ValidationError

from mains.errors import TokenInvalid
from mains.wire.agent import UnitKind
from mains.wire.base import Amount, Instant, Name, Schema, Text

TOKEN_PREFIX: Final = "mains-join-"  # noqa: S105
_TOKEN_LENGTH_MAX: Final = 2_048


class NewPool(Schema):
    """A pool to sell: equal units, each with its part of the CPUs and of the memory.

    `price_per_unit_hour` is a decimal string. `trusted` pools run without isolation, so they admit
    only jobs of the organisation that owns the site.
    """

    name: Name
    unit: UnitKind
    units: PositiveInt = Field(le=1_000_000)
    cpus: PositiveInt = Field(le=10_000_000)
    memory: str | int
    price_per_unit_hour: str = Field(max_length=32)
    currency: str = Field(max_length=16)
    host_share_percent: int = Field(default=100, ge=1, le=100)
    trusted: bool = False
    energy_watts_per_unit: int | None = Field(default=None, ge=0, le=1_000_000)
    engine: Literal["process", "fake"] = "process"


class NewSite(Schema):
    """A site and its pools; `organisation` is the caller's own unless an administrator says."""

    name: Name
    title: Text = Field(default="", max_length=200)
    organisation: Text | None = None
    attributes: dict[Text, Text | int | bool] = Field(default={}, max_length=50)
    pools: list[NewPool] = Field(default=[], max_length=100)


class NewPrice(Schema):
    price_per_unit_hour: str = Field(max_length=32)
    currency: str = Field(max_length=16)


class PoolView(Schema):
    """A pool with its price of now; isolation and memory_limit are as its agent last reported."""

    id: UUID
    name: Name
    unit: UnitKind
    units: int
    cpus: int
    memory_bytes: int
    host_share_percent: int
    trusted: bool
    energy_watts_per_unit: int | None
    price_per_unit_hour: Amount
    tariff_id: UUID
    tariff_version: int
    price_from: Instant
    isolation: str | None
    memory_limit: str | None
    reported_units: int | None


class SiteView(Schema):
    """A site as every caller may see it; condition says in a word whether it takes work now."""

    id: UUID
    name: Name
    title: str
    organisation_id: UUID
    state: Literal["active", "draining", "closed"]
    condition: Literal["ready", "draining", "closed", "never joined", "never seen", "away"]
    attributes: dict[str, str | int | bool]
    last_seen: Instant | None
    lease_until: Instant | None
    host: str | None
    pools: list[PoolView]


class SiteList(Schema):
    sites: list[SiteView]


class TokenView(Schema):
    """A join token, shown this once; a new one ends the unused ones before it."""

    site_id: UUID
    site: Name
    token: str
    expires_at: Instant


class NewSiteView(Schema):
    """What adding a site answers: the site, and the token that lets its agent join."""

    site: SiteView
    token: TokenView


class JoinToken(Schema):
    """What a join token carries: where to dial, whom to trust there, and the one-use secret."""

    url: str
    site: Name
    secret: str = Field(min_length=32, max_length=128)
    tls_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    def encode(self) -> str:
        """Return the token as people copy it: mains-join-<base64url of its JSON>."""
        encoded = base64.urlsafe_b64encode(self.model_dump_json().encode())
        return TOKEN_PREFIX + encoded.decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a token; raises TokenInvalid when it was cut, altered or is something else."""
        plain = text.strip()
        if not plain.startswith(TOKEN_PREFIX) or len(plain) > _TOKEN_LENGTH_MAX:
            raise TokenInvalid(f"a join token starts with {TOKEN_PREFIX}")
        body = plain.removeprefix(TOKEN_PREFIX)
        try:
            decoded = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            return cls.model_validate_json(decoded)
        except (binascii.Error, ValidationError, ValueError) as error:
            raise TokenInvalid("the join token is damaged; was all of it copied?") from error
