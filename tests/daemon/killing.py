"""Kill -9 of everything, at random moments of a live flow, and what must be true afterwards."""

import itertools
import random
import shutil
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from mains.errors import KeyReused
from mains.wire.jobs import JobDetail
from tests.daemon.running import Mains, a_mains, eventually, kill
from tests.daemon.town import Town, build
from tests.daemon.traffic import Book, Traffic, charged, patiently, settled, submitted

PAUSE_SECONDS_MAX = 0.6


@dataclass
class Villain:
    """Kills one role after another in an order that its seed decides, and counts."""

    mains: Mains
    chance: random.Random
    kills: Mapping[str, int]
    killed: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def plan(self) -> list[str]:
        roles = [role for role, number in self.kills.items() for _ in range(number)]
        self.chance.shuffle(roles)
        return roles

    def strike(self, role: str) -> None:
        """Wait for the moment, then for somebody in the role, and kill them."""
        time.sleep(self.chance.uniform(0, PAUSE_SECONDS_MAX))
        if role == "up":
            self.mains.kill_up()
            self.mains.up()
        else:
            self._one_of(role)
        self.killed[role] += 1

    def _one_of(self, role: str) -> None:
        eventually(lambda: self.mains.processes(role))
        found = self.mains.processes(role)
        kill(found if role == "backends" else [self.chance.choice(found)])


def rampage(
    kills: Mapping[str, int], *, seed: int, contenders: int = 0
) -> tuple[Mapping[str, int], Book]:
    """Kill under load so often of each role; returns who was killed and what was answered.

    Raises AssertionError where anything acknowledged is lost, done twice or charged wrongly.
    """
    begun = time.monotonic()
    with a_mains() as mains:
        port = mains.up().url
        town = build(mains, process_sites=2, fake_sites=1)
        traffic = Traffic(town, seed, contenders=contenders)
        villain = Villain(mains, random.Random(seed), kills)  # noqa: S311
        traffic.start()
        for role in villain.plan():
            print(f"{time.monotonic() - begun:.1f} {role}")
            villain.strike(role)
            traffic.check()
            witness(town, traffic.book.last())
        traffic.stop()
        print(f"{time.monotonic() - begun:.1f} calm, {len(traffic.book.answers)} jobs")

        state = mains.state
        assert state is not None and state.url == port
        jobs = check_answers(town, traffic)
        check_marks(town.marks, jobs)
        assert town.spent() == charged(jobs)
        witness(town, None)
        shutil.rmtree(mains.settings.commons / "sites" / "office-0")
        eventually(lambda: len(mains.processes("agent")) == 2)
        print(f"{time.monotonic() - begun:.1f} done; refusals: {traffic.book.refusals}")
    return villain.killed, traffic.book


def witness(town: Town, job_id: UUID | None) -> None:
    """See that the books are clean, and that what was acknowledged last is there."""
    with town.mains.client() as administrator:
        audit = patiently(lambda client: client.audit(), administrator)
        assert audit.clean, audit.findings
        if job_id is not None:
            patiently(lambda client: client.job(str(job_id)), administrator)


def check_answers(town: Town, traffic: Traffic) -> list[JobDetail]:
    """Every acknowledged job has ended, and the same request still has the same answer."""
    requests = [request for request, _ in traffic.book.answers.values()]
    jobs = []
    with town.client() as client:
        again = client.submit_batch(requests)
        assert again == [answer for _, answer in traffic.book.answers.values()]
        for request in requests:
            job = settled(client, request.id, seconds_max=5)
            assert job.tasks_done == job.tasks
            jobs.append(job)
        other = requests[0].model_copy(update={"spec": requests[-1].spec, "secrets": {"A": "b"}})
        with pytest.raises(KeyReused):
            submitted(client, [other])
    assert {job.id for job in jobs} == set(traffic.book.answers)
    return jobs


@dataclass
class Life:
    """What one task of one attempt wrote down: how often it began, and when it was seen."""

    begins: int = 0
    ends: int = 0
    first: float = float("inf")
    last: float = 0.0

    def add(self, word: str, at: float) -> None:
        self.begins += word == "begin"
        self.ends += word == "end"
        self.first, self.last = min(self.first, at), max(self.last, at)


def check_marks(marks: Path, jobs: list[JobDetail]) -> None:
    """No attempt's task began twice, and of one task no two attempts lived at the same time."""
    lives = read_marks(marks)
    attempts = {attempt.id: attempt for job in jobs for attempt in job.attempts}
    for (attempt_id, number), life in lives.items():
        assert life.begins == 1, f"task {number} of attempt {attempt_id} began {life.begins} times"
        assert attempts[attempt_id].first_task <= number <= attempts[attempt_id].last_task
    for job in jobs:
        if job.name != "marked":
            continue
        fences = sorted(job.attempts, key=lambda attempt: attempt.fence)
        for task in job.task_list:
            lived = [lives[a.id, task.task] for a in fences if (a.id, task.task) in lives]
            for before, after in itertools.pairwise(lived):
                assert before.last < after.first, f"two of task {task.task} of {job.id} at once"
            if task.state == "succeeded":
                assert any(life.ends for life in lived), f"no end of task {task.task} of {job.id}"


def read_marks(marks: Path) -> dict[tuple[UUID, int], Life]:
    lives: dict[tuple[UUID, int], Life] = defaultdict(Life)
    for line in marks.read_text("ascii").splitlines():
        word, _, attempt, task, at = line.split()
        lives[UUID(attempt), int(task)].add(word, float(at))
    return lives
