"""What a simulation takes the place of: chance, signatures, log lines, and the pace of polling."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import structlog

import mains.ids
from mains.agent import logs, rules
from mains.daemon import dispatcher
from mains.daemon.rotation import Tended
from mains.jobs import agent_routes
from mains.jobs.retention import Forgotten
from mains.sites import service as sites
from tests.simulation.planted import Fault

SILENT: Final = logging.CRITICAL


@contextmanager
def replaced(seed: int, fault: Fault | None) -> Iterator[None]:
    """Make ids repeatable, messages unsigned and polling slower, for as long as it is entered."""
    configured = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(SILENT))
    with ExitStack() as stack:
        stack.enter_context(patch.object(mains.ids, "uuid_utils", _ids(seed)))
        stack.enter_context(patch.object(sites, "dsse", _unsigned()))
        stack.enter_context(patch.object(logs, "ROUND_SECONDS", 20.0))
        stack.enter_context(patch.object(agent_routes, "POLL_SECONDS", 5.0))
        stack.enter_context(patch.object(dispatcher, "IDLE_SECONDS", 3.0))
        stack.enter_context(patch.object(dispatcher, "rotation", _no_keys()))
        stack.enter_context(patch.object(dispatcher, "retention", _no_retention()))
        stack.enter_context(patch.object(rules, "LOOK_SECONDS_MAX", 1.0))
        stack.enter_context(patch.object(rules, "USAGE_SECONDS", 4.0))
        # A tenth of the reporting grace that simulations have, as it is of the real one.
        stack.enter_context(patch.object(rules, "START_SECONDS_MAX_UNLEASED", 10.0))
        if fault is not None:
            stack.enter_context(fault.planted())
        try:
            yield
        finally:
            structlog.configure(**configured)


def _ids(seed: int) -> Any:
    """Return what makes ids in ascending order, as UUIDv7 are, with random tails."""
    random, counter = Random(f"ids {seed}"), iter(range(2**40, 2**48))  # noqa: S311 (repeatable)

    def uuid7() -> Any:
        return SimpleNamespace(int=next(counter) << 80 | 0x7 << 76 | random.getrandbits(62))

    return SimpleNamespace(uuid7=uuid7)


def _no_keys() -> Any:
    """Return what tends the keys of a server that has no files."""

    async def tend(_: Any) -> Tended:
        return Tended(resealed=0, revoked=0, destroyed=())

    return SimpleNamespace(tend=tend)


def _no_retention() -> Any:
    """Return what forgets nothing: no simulation lasts for days."""

    async def forget(_: Any, **asked: Any) -> Forgotten:
        return Forgotten(dropped={}, more=False, quotes_after=asked["quotes_after"])

    async def note(_: Any, **asked: Any) -> None:
        assert asked

    return SimpleNamespace(forget=forget, note=note)


def _unsigned() -> Any:
    """Return what reads envelopes that are nothing but their payload."""
    return SimpleNamespace(
        unverified_payload=lambda envelope: envelope,
        verify=lambda envelope, public_key_hex: envelope,
    )
