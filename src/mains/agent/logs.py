"""Logs go to the server as they are written; the server says how much of each it has.

One shipper for all runs: each round takes new bytes of every run in turn, within a bound, and
sends them in one request. Nothing new means no request.
"""

import asyncio
import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from mains.agent import rules
from mains.agent.client import Server
from mains.agent.patience import Patience, pause
from mains.agent.runs import Run
from mains.engines.base import Engine
from mains.errors import MainsError, StaleEpoch, Unavailable
from mains.wire.agent import LogChunk

ROUND_SECONDS: Final = 0.25
SHIPMENT_BYTES_MAX: Final = 2**20
CHUNK_BYTES_MAX: Final = 2**18
CHUNKS_MAX: Final = 1_000
REFUSALS_MAX: Final = 3
LOG: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """New bytes of one task's log."""

    run: Run
    task: int
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.data)

    @property
    def chunk(self) -> LogChunk:
        return LogChunk(
            attempt_id=self.run.attempt_id,
            fence=self.run.fence,
            task=self.task,
            offset=self.offset,
            data_base64=base64.b64encode(self.data).decode(),
        )


class LogShipper:
    """`runs` gives the runs whose logs may have grown."""

    def __init__(
        self,
        engine: Engine,
        server: Server,
        *,
        runs: Callable[[], Iterable[Run]],
        patience: Callable[[], Patience],
    ) -> None:
        self._engine = engine
        self._server = server
        self._runs = runs
        self._patience = patience()
        self._wake = asyncio.Event()
        self._turn = 0

    async def drain(self, run: Run) -> str:
        """Return once all logs of an ended run are at the server; what could not be, if any."""
        try:
            if not await self._new_pieces(run, bytes_max=1):
                return run.logs.trouble
        except Unavailable as error:
            LOG.info("logs_wait", because=error.detail)
        run.logs.drained = asyncio.Event()
        self._wake.set()
        await run.logs.drained.wait()
        return run.logs.trouble

    async def work(self) -> None:
        """Ship rounds for ever; a server or an engine that is away is waited for."""
        while True:
            self._wake.clear()
            try:
                more = await self._round()
                self._patience.calm()
            except Unavailable as error:
                LOG.info("logs_wait", because=error.detail)
                await self._patience.wait()
                continue
            if not more:
                await pause(ROUND_SECONDS, until=self._wake)

    async def _round(self) -> bool:
        """Ship what is new, at most one request's worth; say whether the next should follow now."""
        pieces: list[Piece] = []
        room_bytes, draining = SHIPMENT_BYTES_MAX, False
        for run in self._in_turn():
            taken = await self._new_pieces(run, bytes_max=room_bytes)
            if not taken and run.logs.drained is not None:
                run.logs.drained.set()
            pieces += taken
            draining = draining or bool(taken and run.logs.drained)
            room_bytes -= sum(len(piece.data) for piece in taken)
            if room_bytes == 0 or len(pieces) >= CHUNKS_MAX:
                break
        if pieces:
            await self._ship(pieces)
        return draining or room_bytes == 0

    def _in_turn(self) -> list[Run]:
        """Return the runs from another one on each time, so that a chatty one starves nobody."""
        runs = list(self._runs())
        self._turn += 1
        start = self._turn % len(runs) if runs else 0
        return runs[start:] + runs[:start]

    async def _new_pieces(self, run: Run, *, bytes_max: int) -> list[Piece]:
        """Return new bytes of a run's tasks, in order, from where the server is."""
        if run.observation is None or run.logs.trouble:
            return []
        report, logs = run.observation.report, run.logs
        running = None
        if not report.state.final:
            running = rules.running_task(report, first_task=run.first_task, last_task=run.last_task)
        pieces: list[Piece] = []
        task, offset = logs.task, logs.offset
        while task <= run.last_task and bytes_max > 0 and len(pieces) < CHUNKS_MAX:
            data = await self._read(run, task, offset, min(bytes_max, CHUNK_BYTES_MAX))
            if data:
                pieces.append(Piece(run, task, offset, data))
                offset, bytes_max = offset + len(data), bytes_max - len(data)
                continue
            if running is not None and task >= running:
                break
            task, offset = task + 1, 0
            if not pieces:
                logs.move_to(task, 0)
        return pieces

    async def _read(self, run: Run, task: int, offset: int, bytes_max: int) -> bytes:
        try:
            return await self._engine.log(
                run.attempt_id, task=task, offset=offset, bytes_max=bytes_max
            )
        except Unavailable:
            raise
        except MainsError as error:
            run.logs.trouble = f"its log could not be read: {error.detail}"
            return b""

    async def _ship(self, pieces: list[Piece]) -> None:
        """Send pieces together; where the server refuses them, run by run to find which."""
        try:
            answer = await self._server.ship([piece.chunk for piece in pieces])
        except (Unavailable, StaleEpoch):
            raise
        except MainsError as error:
            await self._find_refused(pieces, error)
            return
        cursors = {(each.attempt_id, each.task): each.offset for each in answer.cursors}
        astray: set[Run] = set()
        for piece in pieces:
            if piece.run not in astray:
                cursor = cursors.get((piece.run.attempt_id, piece.task), piece.end)
                if not _follow(piece, cursor):
                    astray.add(piece.run)

    async def _find_refused(self, pieces: list[Piece], error: MainsError) -> None:
        by_run: dict[UUID, list[Piece]] = {}
        for piece in pieces:
            by_run.setdefault(piece.run.attempt_id, []).append(piece)
        if len(by_run) > 1:
            for group in by_run.values():
                await self._ship(group)
            return
        run = pieces[0].run
        LOG.warning("log_refused", attempt_id=str(run.attempt_id), because=error.detail)
        run.logs.trouble = f"its log was not accepted: {error.detail}"


def _follow(piece: Piece, cursor: int) -> bool:
    """Go on from where the server says it is; say whether it has all of this piece."""
    logs = piece.run.logs
    logs.move_to(piece.task, cursor)
    if cursor > piece.offset:
        logs.refusals = 0
        return cursor >= piece.end
    logs.refusals += 1
    if logs.refusals == REFUSALS_MAX:
        # The server keeps a log up to a bound, and the run may have written on: leave the rest.
        logs.move_to(piece.task + 1, 0)
        logs.refusals = 0
    return False
