"""Faults to plant into mains: each must be found, or the checks check nothing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

from mains.agent import rules as agent_rules
from mains.agent.site import SiteAgent
from mains.engines.fake import FakeEngine
from mains.jobs import rules, settling, sync, upkeep
from mains.ledger import service as ledger
from mains.sites import rules as site_rules
from mains.wire.agent import StartOrder


@dataclass(frozen=True, slots=True)
class Fault:
    """`planted` changes mains for as long as it is entered; `engine` makes a site's engine.

    `found_as` is what the checks say of it, `strikes` the kinds of faults that bring it to light
    soonest, `stalled` whether engines that stall do.
    """

    what: str
    found_as: str
    planted: Callable[[], AbstractContextManager[Any]] = nullcontext
    engine: Callable[..., FakeEngine] = FakeEngine
    strikes: tuple[str, ...] = ()
    stalled: bool = False


class ForgetfulEngine(FakeEngine):
    """Starts whatever it is told to, as often as it is told."""

    async def start(self, order: StartOrder, *, bundle: Path | None = None) -> None:
        self._runs.pop(order.attempt_id, None)
        self._forgotten.pop(order.attempt_id, None)
        await super().start(order, bundle=bundle)


class LeaselessEngine(FakeEngine):
    """Lets leased runs go on when nobody renews them."""

    async def start(self, order: StartOrder, *, bundle: Path | None = None) -> None:
        await super().start(order.model_copy(update={"leased": False}), bundle=bundle)


def _instead(owner: Any, name: str, value: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(owner, name, value)


@contextmanager
def _any_fence() -> Iterator[None]:
    """Believe reports and readings under whatever fence they come."""
    reading = sync._reading

    def believed(line: Any, attempt: Any, *, final: bool) -> Any:
        if attempt is not None:
            line = line.model_copy(update={"fence": attempt.fence})
        return reading(line, attempt, final=final)

    with (
        patch.object(sync, "_live", lambda attempt, _report: attempt.ended_at is None),
        patch.object(sync, "_reading", believed),
    ):
        yield


async def _closes_nothing(_tx: Any, _ids: Sequence[UUID], **_: Any) -> None:
    """Leave holds open."""


async def _keeps_draws(_tx: Any, _closings: Sequence[Any], **_: Any) -> dict[UUID, Any]:
    """Leave draws as they are when their attempt ends."""
    return {}


@contextmanager
def _charged_losses() -> Iterator[None]:
    close = ledger.close_draws

    async def charged(tx: Any, closings: Sequence[tuple[UUID, bool]], *, now: datetime) -> Any:
        return await close(tx, [(key, False) for key, _ in closings], now=now)

    with patch.object(ledger, "close_draws", charged):
        yield


@contextmanager
def _forgotten_tasks() -> Iterator[None]:
    """Let what a lost attempt had not done go to nobody."""
    spans = settling._count_rows

    def without(ended: Any, cancelled: Any) -> list[dict[str, Any]]:
        return [{**row, "again": "{}"} for row in spans(ended, cancelled)]

    with patch.object(settling, "_count_rows", without):
        yield


@contextmanager
def _hasty() -> Iterator[None]:
    """Give leased runs up as soon as a site has been silent for a moment."""
    found = upkeep._found

    async def sooner(tx: Any, query: str, **asked: Any) -> Any:
        if query == "attempts_given_up":
            asked["now"] += timedelta(seconds=24)
        return await found(tx, query, **asked)

    with patch.object(upkeep, "_found", sooner):
        yield


def _as_if_ready(_site: Any, *, now: datetime) -> str:
    return "ready"


FAULTS: Final = (
    Fault("a stale fence is believed", "a report under a stale fence|was charged", _any_fence),
    Fault(
        "a lease is not honoured",
        "runs twice at one time",
        engine=LeaselessEngine,
        strikes=("partition",),
    ),
    Fault(
        "a start is accepted twice",
        "started twice",
        _instead(SiteAgent, "_is_new", lambda _self, _order: True),
        engine=ForgetfulEngine,
    ),
    Fault(
        "a hold is never closed",
        "a hold is closed exactly when",
        _instead(ledger, "close_holds", _closes_nothing),
    ),
    Fault(
        "a draw outlives its attempt",
        "its draw is open|still has an open draw",
        _instead(ledger, "close_draws", _keeps_draws),
    ),
    Fault("a loss is charged", "a lost attempt is charged", _charged_losses),
    Fault("lost tasks are forgotten", "a task is lost", _forgotten_tasks),
    Fault("a silent site is given up too soon", "runs twice at one time", _hasty),
    Fault(
        "a drained site is placed at",
        "a drained site was given work",
        _instead(site_rules, "condition", _as_if_ready),
    ),
    Fault(
        "a site is told of its work too late",
        "runs twice at one time",
        _instead(rules, "told_since", lambda now, reporting_grace: now - timedelta(days=1)),
        strikes=("partition", "agent kill"),
    ),
    Fault(
        "an order is begun however old",
        "runs twice at one time",
        _instead(agent_rules, "START_SECONDS_MAX", 1e9),
        strikes=("API kill", "partition"),
        stalled=True,
    ),
)
