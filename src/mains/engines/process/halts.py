"""What ends a run from outside: a stop, its time limit, a lease that ran out, the site's end."""

import time
from typing import Any, NamedTuple

from mains.engines.process.folder import RunFolder, read_json
from mains.engines.rules import STATE_BY_STOP_REASON


class Halt(NamedTuple):
    """A state and its reason; since is the monotonic time from which the grace counts."""

    state: str
    reason: str
    since: float


class Halts:
    """The first thing that ends the whole attempt is kept; single tasks end beside it."""

    def __init__(self, folder: RunFolder, order: dict[str, Any]) -> None:
        self._folder = folder
        self._leased = bool(order["leased"])
        self._wall_limit: float = time.monotonic() + order["wall_seconds_max"]
        self._tasks: frozenset[int] = frozenset()
        self._whole: Halt | None = None

    def set(self, halt: Halt) -> None:
        if self._whole is None:
            self._whole = halt

    def look(self) -> None:
        """Read the engine's wishes and the clocks."""
        now = time.monotonic()
        wish = read_json(self._folder.stop)
        if wish is not None:
            self._tasks = frozenset(wish["tasks"])
            if wish["whole"]:
                state = STATE_BY_STOP_REASON[wish["reason"]]
                self.set(Halt(state, f"stopped: {wish['reason']}", now))
        if now >= self._wall_limit:
            reason = "the attempt's time limit was reached"
            self.set(Halt("timed_out", reason, self._wall_limit))
        if self._leased and (overdue := boottime() - self._lease_until()) >= 0:
            self.set(Halt("lost", "the lease was not renewed", now - overdue))

    def whole(self) -> Halt | None:
        self.look()
        return self._whole

    def for_task(self, task: int | None) -> Halt | None:
        """Return what ends this task now: the whole attempt's end or the task's own stop."""
        self.look()
        if self._whole is None and task in self._tasks:
            return Halt("cancelled", "stopped: cancelled", time.monotonic())
        return self._whole

    def seconds_to_next(self) -> float:
        """Return how long until a clock ends the attempt, if nothing else happens."""
        seconds = self._wall_limit - time.monotonic()
        if self._leased:
            seconds = min(seconds, self._lease_until() - boottime())
        return max(0.0, seconds)

    def _lease_until(self) -> float:
        lease = read_json(self._folder.lease)
        return 0.0 if lease is None else float(lease["boottime_seconds"])


def boottime() -> float:
    """Seconds since the boot, sleep included: the clock of leases, the same for every process."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
