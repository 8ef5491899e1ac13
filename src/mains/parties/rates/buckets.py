"""The buckets of all callers that were heard of lately: one number each, and not too many."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, Self

from mains.errors import RateLimited
from mains.parties.rates import rules
from mains.parties.rates.rules import Door, Rate
from mains.settings import Settings

CALLERS_MAX: Final = 20_000
"""Beyond them the one who was silent for longest is forgotten, and begins with a full bucket."""

_WHAT: Final = {
    Door.READING: "this key reads",
    Door.SUBMITTING: "this key changes things",
    Door.PUBLIC: "calls without a key come from this address",
    Door.AGENT: "this site's agent calls",
    Door.FAILED: "keys that open nothing come from this address",
}


class Rates:
    """Admits callers or says how long they have to wait; `refused` counts the latter by door."""

    def __init__(
        self, rates: Mapping[Door, Rate], *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._rates = {door: rate for door, rate in rates.items() if not rate.unbounded}
        self._seconds = seconds
        self._full_at: dict[Door, OrderedDict[bytes | str, float]] = {
            door: OrderedDict() for door in self._rates
        }
        self._proved: OrderedDict[bytes | str, None] = OrderedDict()
        self.refused: dict[Door, int] = dict.fromkeys(Door, 0)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            {
                Door.READING: rules.per_second(settings.rate_reading_per_second),
                Door.SUBMITTING: rules.per_second(settings.rate_submitting_per_second),
                Door.PUBLIC: rules.per_second(settings.rate_public_per_second),
                Door.AGENT: rules.per_second(settings.rate_agent_per_second),
                Door.FAILED: rules.per_minute(settings.rate_failed_per_minute),
            }
        )

    def take(self, door: Door, caller: bytes | str) -> None:
        """Count one call; raises RateLimited, and counts nothing, where there are too many."""
        wait = self._wait(door, caller, taking=True)
        if wait > 0:
            raise self._limited(door, wait)

    def check_failures(self, address: str, *, caller: bytes | None) -> None:
        """Raise RateLimited where too many keys from this address opened nothing.

        A key that was good a while ago passes: those who share an address with a guesser go on.
        """
        if caller in self._proved:
            return
        wait = self._wait(Door.FAILED, address, taking=False)
        if wait > 0:
            raise self._limited(Door.FAILED, wait)

    def note_failure(self, address: str, *, caller: bytes | None) -> None:
        """Count a key that opened nothing, and trust it no more."""
        if caller is not None:
            self._proved.pop(caller, None)
        self._wait(Door.FAILED, address, taking=True)

    def note_success(self, caller: bytes) -> None:
        """Remember a key that opened something."""
        self._proved[caller] = None
        self._proved.move_to_end(caller)
        if len(self._proved) > CALLERS_MAX:
            self._proved.popitem(last=False)

    def _wait(self, door: Door, caller: bytes | str, *, taking: bool) -> float:
        rate = self._rates.get(door)
        if rate is None:
            return 0.0
        known, now = self._full_at[door], self._seconds()
        after, wait = rules.admit(known.get(caller, now), rate=rate, now=now)
        if taking:
            known[caller] = after
            known.move_to_end(caller)
            if len(known) > CALLERS_MAX:
                known.popitem(last=False)
        return wait

    def _limited(self, door: Door, wait: float) -> RateLimited:
        self.refused[door] += 1
        rate, seconds = self._rates[door], max(1, math.ceil(wait))
        period = "second" if rate.seconds == 1 else "minute"
        return RateLimited(
            f"{_WHAT[door]} more than {rate.calls:,} times a {period}",
            hint=f"Wait {seconds} s and try again; nothing was done.",
            door=door.value,
            effect="none",
            retry_after_seconds=seconds,
        )
