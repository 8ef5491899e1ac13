"""Starting what was ordered: bundle first, then the engine, once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from mains.agent import rules
from mains.agent.client import Server
from mains.agent.patience import Patience
from mains.agent.runs import Phase, Run
from mains.agent.staging import BundleCache
from mains.clock import Clock
from mains.engines.base import Engine
from mains.errors import MainsError, Unavailable
from mains.wire.agent import RunState, StartOrder

STARTING_MAX: Final = 8
FETCH_TRIES_MAX: Final = 6
START_TRIES_MAX: Final = 6
LOG: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class Looks:
    """How often the engine was looked at: the last look that began, and the last that succeeded."""

    begun: int = 0
    seen: int = 0


class Starter:
    """Starts at most STARTING_MAX runs at a time; `news` is set when one has begun or failed."""

    def __init__(
        self,
        engine: Engine,
        server: Server,
        bundles: BundleCache,
        *,
        clock: Clock,
        news: asyncio.Event,
        looks: Looks,
        patience: Callable[[], Patience] = Patience,
    ) -> None:
        self._engine = engine
        self._server = server
        self._bundles = bundles
        self._clock = clock
        self._news = news
        self._looks = looks
        self._patience = patience
        self._starting = asyncio.Semaphore(STARTING_MAX)

    async def start(self, run: Run, order: StartOrder) -> bool:
        """Bring the run to the engine, or end it with the reason why that cannot be.

        Returns False where the order has become too old to be begun: forget it, for the server
        repeats it if it still wants it, and may have given it to another site.
        """
        patience = self._patience()
        for _ in range(START_TRIES_MAX):
            async with self._starting:
                bundle, trouble = await self._bundle(run, order, patience)
                if run.stopping.is_set():
                    self._end(run, RunState.CANCELLED, "stopped before it began: cancelled")
                    return True
                if trouble:
                    self._end(run, RunState.FAILED, trouble)
                    return True
                if _is_late(run):
                    LOG.warning("order_too_old", attempt_id=str(run.attempt_id))
                    return False
                if await self._try(run, order, bundle):
                    return True
            if await self._found(run, patience):
                return True
        self._end(run, RunState.FAILED, "the engine did not answer when asked to start it")
        return True

    async def _bundle(
        self, run: Run, order: StartOrder, patience: Patience
    ) -> tuple[Path | None, str]:
        """Return the code, or a sentence why it cannot be had; an absent server is waited for."""
        if order.bundle is None:
            return None, ""
        failures = 0
        while not run.stopping.is_set():
            try:
                return await self._bundles.fetch(self._server, order.bundle), ""
            except Unavailable as error:
                LOG.info("bundle_waits", bundle=order.bundle, because=error.detail)
            except (MainsError, OSError) as error:
                failures += 1
                LOG.warning("bundle_failed", bundle=order.bundle, because=str(error))
                if failures == FETCH_TRIES_MAX:
                    return None, f"its code could not be fetched: {error}"
            await patience.wait(run.stopping)
        return None, ""

    async def _try(self, run: Run, order: StartOrder, bundle: Path | None) -> bool:
        """Ask the engine once; False when it is unknown whether the run began."""
        try:
            await self._engine.start(order, bundle=bundle)
        except Unavailable as error:
            LOG.warning("start_unknown", attempt_id=str(run.attempt_id), because=error.detail)
            run.phase, run.looked_at = Phase.UNKNOWN, self._looks.begun
            return False
        except (MainsError, OSError) as error:
            self._end(run, RunState.FAILED, f"it could not be started: {error}")
            return True
        run.phase, run.looked_at = Phase.STARTED, self._looks.begun
        self._news.set()
        return True

    async def _found(self, run: Run, patience: Patience) -> bool:
        """Say whether the engine has a run whose start it did not answer.

        Only a look that begins after the start and succeeds tells.
        """
        asked_at = self._looks.begun
        while run.phase is Phase.UNKNOWN and self._looks.seen <= asked_at:
            await patience.wait()
        return run.phase is not Phase.UNKNOWN

    def _end(self, run: Run, state: RunState, reason: str) -> None:
        run.last_word = rules.never_started(
            run.attempt_id,
            fence=run.fence,
            tasks=run.tasks,
            state=state,
            reason=reason,
            now=self._clock.now(),
        )
        run.phase = Phase.ENDED
        LOG.warning("attempt_not_started", attempt_id=str(run.attempt_id), because=reason)
        self._news.set()


def _is_late(run: Run) -> bool:
    return run.start_until is not None and asyncio.get_running_loop().time() > run.start_until
