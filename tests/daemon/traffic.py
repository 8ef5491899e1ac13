"""Users at work: threads that submit with fixed ids, try again until answered, and wait."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal, TypeVar
from uuid import UUID

from mains.errors import MainsError, Unavailable
from mains.ids import new_id
from mains.wire.client import Client
from mains.wire.jobs import JobDetail, SubmitRequest, Submitted
from mains.wire.spec import JobSpec, Resources
from tests.daemon.town import Town

ANSWER_SECONDS_MAX = 60.0
END_SECONDS_MAX = 60.0
PAUSE_SECONDS = 0.1
SECRET = "canary-of-a-job-27d5"
MARK_SCRIPT = """
mark() { echo "$1 $MAINS_JOB_ID $MAINS_ATTEMPT_ID $MAINS_TASK_INDEX $EPOCHREALTIME" >> "$MARKS"; }
mark begin
for _ in 1 2 3; do sleep 0.1; mark alive; done
echo "$MAINS_TASK_INDEX" > "$MAINS_OUTPUT/result"
mark end
"""

HELD_SCRIPT = """
mark() { echo "$1 $MAINS_JOB_ID $MAINS_ATTEMPT_ID $MAINS_TASK_INDEX $EPOCHREALTIME" >> "$MARKS"; }
mark begin
until [ -e "$MARKS.release" ]; do sleep 0.1; mark alive; done
mark end
"""

Answer = TypeVar("Answer")
Retry = Literal["wait", "elsewhere"]
RETRIES: Final[tuple[Retry, ...]] = ("wait", "elsewhere")


def patiently(ask: Callable[[Client], Answer], client: Client) -> Answer:
    """Ask until there is an answer, as a user with a stable id may."""
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while True:
        try:
            return ask(client)
        except Unavailable as error:
            assert time.monotonic() < deadline, f"no answer: {error.detail}"
            time.sleep(PAUSE_SECONDS)


def marked(town: Town, *, tasks: int = 1, retry: Retry = "wait") -> JobSpec:
    """Return a job of the process engine whose tasks write down when they live."""
    return JobSpec(
        name="marked",
        resources=Resources(cpus=1, memory_bytes=2**26),
        run=MARK_SCRIPT,
        envs={"MARKS": str(town.marks)},
        secrets={"PASSPHRASE": SECRET},
        tasks=tasks,
        time_seconds=60,
        grace_seconds=1,
        retry=retry,
        attempts_max=10,
        sites=["workshop-0", "workshop-1"],
    )


def light(seconds: float, *, tasks: int = 1) -> JobSpec:
    """Return a job of the fake engine, which forgets it when its agent dies."""
    return JobSpec(
        name="light",
        run="true",
        envs={"FAKE_SECONDS": str(seconds)},
        tasks=tasks,
        time_seconds=60,
        grace_seconds=1,
        attempts_max=20,
        sites=["office-0"],
    )


@dataclass
class Book:
    """What was acknowledged, for ever, and what was refused."""

    answers: dict[UUID, tuple[SubmitRequest, Submitted]] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)

    def last(self) -> UUID | None:
        return next(reversed(self.answers), None)


def greedy() -> JobSpec:
    """Return a job of no time at all that holds a fifth of the firm's money for its limit."""
    return light(0).model_copy(update={"name": "greedy", "time_seconds": 20_000})


@dataclass
class Traffic:
    """Threads that go on until `stop`, each with one closed loop: submit, wait for the end.

    `contenders` more of them race for the room of one account, which has it for a few at a time.
    """

    town: Town
    seed: int
    contenders: int = 0
    book: Book = field(default_factory=Book)
    _stop: threading.Event = field(default_factory=threading.Event)
    _users: list[Future[None]] = field(default_factory=list)

    def start(self) -> None:
        loops = [self._marked, self._marked, self._light, self._light_batch]
        loops += [self._greedy] * self.contenders
        pool = ThreadPoolExecutor(len(loops))
        for number, loop in enumerate(loops):
            chance = random.Random(self.seed * 100 + number)  # noqa: S311
            self._users.append(pool.submit(self._live, loop, chance))
        pool.shutdown(wait=False)

    def stop(self) -> None:
        """Let everybody see the end of their last jobs."""
        self._stop.set()
        for user in self._users:
            user.result(END_SECONDS_MAX + ANSWER_SECONDS_MAX)

    def check(self) -> None:
        """Raise what went wrong with a user."""
        for user in self._users:
            if user.done():
                user.result()

    def _live(self, loop: Callable[[Client, random.Random], None], chance: random.Random) -> None:
        with self.town.client() as client:
            while not self._stop.is_set():
                loop(client, chance)

    def _marked(self, client: Client, chance: random.Random) -> None:
        tasks = chance.choice([1, 1, 3])
        retry = chance.choice(RETRIES)
        self._submit(client, [marked(self.town, tasks=tasks, retry=retry)])

    def _light(self, client: Client, chance: random.Random) -> None:
        tasks = chance.choice([1, 4, 12])
        self._submit(client, [light(chance.uniform(0, 0.3), tasks=tasks)])

    def _light_batch(self, client: Client, chance: random.Random) -> None:
        self._submit(client, [light(chance.uniform(0, 0.3)) for _ in range(chance.randint(2, 6))])

    def _greedy(self, client: Client, chance: random.Random) -> None:
        self._submit(client, [greedy()])

    def _submit(self, client: Client, specs: Sequence[JobSpec]) -> None:
        requests = [SubmitRequest(id=new_id(), spec=spec) for spec in specs]
        try:
            answers = patiently(lambda each: submitted(each, requests), client)
        except MainsError as refusal:
            self.book.refusals.append(f"{refusal.code}: {refusal.detail}")
            time.sleep(PAUSE_SECONDS)
            return
        for request, answer in zip(requests, answers, strict=True):
            if answer.error is None:
                self.book.answers[request.id] = request, answer
            else:
                self.book.refusals.append(f"{answer.error}: {answer.detail}")
        for request, answer in zip(requests, answers, strict=True):
            if answer.error is None:
                settled(client, request.id)


def submitted(client: Client, requests: Sequence[SubmitRequest]) -> list[Submitted]:
    if len(requests) == 1:
        return [client.submit(requests[0])]
    return client.submit_batch(requests)


def settled(client: Client, job_id: UUID, *, seconds_max: float = END_SECONDS_MAX) -> JobDetail:
    """Wait for the job's end and return it; fails past the bound, with the server's reasons."""
    deadline = time.monotonic() + seconds_max
    while True:
        job = patiently(lambda each: each.job(str(job_id)), client)
        if job.settled:
            return job
        if time.monotonic() > deadline:
            why = patiently(lambda each: each.why(str(job_id)), client)
            raise AssertionError(f"not settled within {seconds_max:.0f} s: {job!r}, {why!r}")
        time.sleep(PAUSE_SECONDS)


def charged(jobs: Sequence[JobDetail]) -> Decimal:
    return sum((Decimal(job.charged.amount) for job in jobs), Decimal(0))
