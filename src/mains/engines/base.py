"""The engine's port: what an agent asks of whatever runs the work at a site."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from mains.wire.agent import (
    AttemptReport,
    PoolOrder,
    PoolReport,
    StartOrder,
    StopOrder,
    UsageLine,
)


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file that a task left in MAINS_OUTPUT; relative path, size in bytes."""

    task: int
    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Observation:
    """An attempt as the engine sees it now; artefacts are left for the agent to fill in."""

    report: AttemptReport
    usage: UsageLine


class Engine(Protocol):
    """Small and idempotent; the engine, not the agent, remembers what runs.

    Every method may be called again with the same arguments and then changes nothing. After a
    restart of the agent, `observe` still lists every attempt that was started and not forgotten.
    """

    async def configure(self, pools: Sequence[PoolOrder]) -> None:
        """Serve these pools from now on; what already runs goes on under its old terms."""

    async def pools(self) -> Sequence[PoolReport]:
        """Return what each pool of this engine can hold on this machine."""

    async def start(self, order: StartOrder, *, bundle: Path | None) -> None:
        """Start once per attempt and fence; bundle is the verified archive of the code.

        Raises EngineRefused (nothing was started) or EngineUnreachable (outcome unknown). An order
        with an older fence than a known one is refused; a newer fence stops the older run first.
        """

    async def stop(self, order: StopOrder) -> None:
        """Ask for the end: SIGTERM, the order's grace, then SIGKILL. An unknown attempt is fine."""

    async def observe(self) -> Sequence[Observation]:
        """Return every attempt that was started and not forgotten, the ended ones included."""

    async def renew(self, attempt_id: UUID, *, seconds: int) -> None:
        """Let a leased run live `seconds` longer from now; it stops itself when that runs out."""

    async def log(self, attempt_id: UUID, *, task: int, offset: int, bytes_max: int) -> bytes:
        """Return what the task has written from offset on; empty when there is nothing new."""

    async def outputs(self, attempt_id: UUID) -> Sequence[OutputFile]:
        """Return the regular files that ended tasks left, within the order's patterns and bound."""

    def open_output(self, attempt_id: UUID, output: OutputFile) -> AsyncIterator[bytes]:
        """Yield the file's bytes; follows no link and leaves the run's folder nowhere."""

    async def forget(self, attempt_id: UUID) -> None:
        """Drop all that is kept of an ended attempt; a running one is not dropped."""
