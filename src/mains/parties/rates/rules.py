"""How often one may call, and how much and how slowly one may send; pure."""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

BURST_SECONDS: Final = 10
"""How many seconds' worth of calls may come at once."""

ROUNDING_SECONDS: Final = 1e-7
BODY_GRACE_SECONDS: Final = 30.0
BODY_BYTES_PER_SECOND_MIN: Final = 1_024
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Door(StrEnum):
    """A class of doors whose calls are counted together."""

    READING = "reading"
    SUBMITTING = "submitting"
    PUBLIC = "public"
    AGENT = "agent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Rate:
    """calls in each period of seconds, and burst of them at once; none at all means no bound."""

    calls: int
    seconds: int
    burst: int

    @property
    def unbounded(self) -> bool:
        return self.calls == 0

    @property
    def gap_seconds(self) -> float:
        return self.seconds / self.calls


def per_second(calls: int) -> Rate:
    return Rate(calls, 1, calls * BURST_SECONDS)


def per_minute(calls: int) -> Rate:
    return Rate(calls, 60, calls)


def admit(full_at: float, *, rate: Rate, now: float) -> tuple[float, float]:
    """Return when the bucket is full again after this call, and how long the caller has to wait.

    full_at is when it would be full without this call; both are seconds of one monotonic clock. A
    caller that has to wait takes nothing.
    """
    if rate.unbounded:
        return full_at, 0.0
    after = max(full_at, now) + rate.gap_seconds
    wait = after - now - rate.burst * rate.gap_seconds
    return (full_at, wait) if wait > ROUNDING_SECONDS else (after, 0.0)


def door_of(method: str, path: str, *, keyed: bool) -> Door:
    """Return the class of a call: agents have their own, the rest is by key and by effect."""
    if path.startswith("/v1/agent/"):
        return Door.AGENT
    if not keyed:
        return Door.PUBLIC
    return Door.READING if method in _SAFE else Door.SUBMITTING


@lru_cache(maxsize=4_096)
def neighbourhood(address: str) -> str:
    """Return what one caller without a key can't easily change: an address, a /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def is_too_slow(received_bytes: int, *, seconds: float) -> bool:
    """Say whether a body comes more slowly than any network of today needs."""
    return seconds > BODY_GRACE_SECONDS + received_bytes / BODY_BYTES_PER_SECOND_MIN
