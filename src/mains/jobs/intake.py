"""The way in: submissions that come at once are taken in together, so that a crowd costs little.

One caller waits for one transaction; a hundred callers share it. A hot account is therefore
queued and batched, never fought over.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from mains.clock import Clock
from mains.db import Database
from mains.errors import DatabaseUnavailable, Unavailable
from mains.jobs.secrets import SecretBox
from mains.jobs.submission import Answer, Batch, Submission, Terms, bind, prepare
from mains.programmes import service as programmes
from mains.quotes.rules import Load

BATCH_MAX: Final = 200
WAITING_MAX: Final = 10_000
GATHER_SECONDS: Final = 0.003
"""How long a batch waits for neighbours: they cost less together than one after another."""
ROUNDS_MAX: Final = 6
"""A spec whose quote lost a race for the last room is quoted again; a quote never is.

A batch that outgrows a voucher takes two rounds more: one job has what is left, the rest go on
without. A cap, and what others take meanwhile, may ask for as many again.
"""
DEADLOCK_TRIES_MAX: Final = 3


async def take_in(
    database: Database,
    submissions: Sequence[Submission],
    *,
    box: SecretBox,
    terms: Terms,
    loads: Mapping[UUID, Load],
    now: datetime,
) -> list[Answer]:
    """Quote, hold and queue a batch; answers in the order asked.

    Raises DatabaseUnavailable; whatever was done then is found again by the same ids.
    """
    batch = Batch(submissions, box)
    for round_number in range(1, ROUNDS_MAX + 1):
        async with database.transaction() as tx:
            await prepare(tx, batch, terms=terms, loads=loads, now=now)
        if not batch.open():
            break
        for voucher_id, micros in batch.releases.items():
            async with database.transaction() as tx:
                await programmes.ensure_room(tx, voucher_id, micros, now=now)
        async with database.transaction() as tx:
            last = round_number == ROUNDS_MAX
            await bind(tx, batch, terms=terms, last=last, now=now)
        if not batch.open():
            break
    return [batch.answers[index] for index in range(len(submissions))]


@dataclass(slots=True)
class _Waiting:
    submission: Submission
    answer: asyncio.Future[Answer]


@dataclass(slots=True)
class Intake:
    """Gathers concurrent submissions into batches; start it with `run`, in a task of its own."""

    database: Database
    clock: Clock
    box: SecretBox
    terms: Terms
    loads: Mapping[UUID, Load]
    _queue: list[_Waiting] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def submit(self, submission: Submission) -> Answer:
        """Return the answer to one submission, decided together with its neighbours."""
        if len(self._queue) >= WAITING_MAX:
            raise Unavailable(
                "too many submissions wait", hint="Try again in a moment with the same id."
            )
        waiting = _Waiting(submission, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._wake.set()
        return await waiting.answer

    async def submit_many(self, submissions: Sequence[Submission]) -> list[Answer]:
        """Return the answers to a batch that its caller made."""
        return await self._take_in(submissions)

    async def run(self) -> None:
        """Take in what waits, batch after batch, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                if len(self._queue) < BATCH_MAX:
                    await asyncio.sleep(GATHER_SECONDS)
                taken = self._distinct()
                await self._answer(taken)

    def _distinct(self) -> list[_Waiting]:
        """Take the next batch; a submission that is there twice waits for the next one."""
        seen: set[UUID] = set()
        taken: list[_Waiting] = []
        rest: list[_Waiting] = []
        for waiting in self._queue:
            request = waiting.submission.request
            names = {name for name in (request.id, request.quote_id) if name is not None}
            if len(taken) < BATCH_MAX and not names & seen:
                taken.append(waiting)
                seen |= names
            else:
                rest.append(waiting)
        self._queue[:] = rest
        return taken

    async def _answer(self, taken: Sequence[_Waiting]) -> None:
        """Give everybody an answer, whatever happens: an unanswered caller would wait for ever."""
        task = asyncio.create_task(self._take_in([waiting.submission for waiting in taken]))
        await asyncio.wait({task})
        error = task.exception()
        if error is not None and len(taken) > 1 and not isinstance(error, DatabaseUnavailable):
            # Something in it breaks all of it: alone, it breaks nobody else's.
            for waiting in taken:
                await self._answer([waiting])
            return
        if error is not None:
            for waiting in taken:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        answers = task.result()
        for waiting, answer in zip(taken, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)

    async def _take_in(self, submissions: Sequence[Submission]) -> list[Answer]:
        for tries_left in reversed(range(DEADLOCK_TRIES_MAX)):
            try:
                return await take_in(
                    self.database,
                    submissions,
                    box=self.box,
                    terms=self.terms,
                    loads=self.loads,
                    now=self.clock.now(),
                )
            except DatabaseUnavailable:
                # A retry is a replay: what the lost transaction did is found by its ids.
                if not tries_left:
                    raise
        raise AssertionError("unreachable")
