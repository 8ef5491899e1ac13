"""The wall clocks of real processes jump, in a mount namespace of their own (faults/clocks.py).

A library loaded before libc (shim.c) puts the clock of chosen processes off. Steady clocks go on
as they are: meters, limits and leases of runs are measured by them.
"""

import base64
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

from tests.daemon.killing import check_marks, witness
from tests.daemon.running import Mains, a_mains, eventually
from tests.daemon.town import Town, build
from tests.daemon.traffic import Traffic, charged, patiently, settled

from faults.campaign import Broken, chance
from faults.disks import NAMESPACE, failing_calls
from mains.wire.client import Client
from mains.wire.jobs import Receipt

SECONDS_MAX: Final = 900.0
JUMP_SECONDS: Final = (1.0, 4.0)
RUN_SECONDS_MAX: Final = 120
"""No run of this town takes so long; one that is metered so much was metered by a wrong clock."""

SERVER: Final = ("mains.daemon.api", "mains.daemon.dispatcher")
SITE: Final = ("mains.daemon.agent", "engines/process/supervise.py")
MINUTE, HOUR, YEAR = 60, 3_600, 366 * 86_400
JUMPS: Final[Mapping[str, tuple[tuple[str, ...], int]]] = {
    "sites 14 minutes ahead": (SITE, 14 * MINUTE),
    "sites 14 minutes behind": (SITE, -14 * MINUTE),
    "sites 16 minutes ahead": (SITE, 16 * MINUTE),
    "sites 16 minutes behind": (SITE, -16 * MINUTE),
    "the whole host an hour ahead": (SERVER + SITE, HOUR),
    "the whole host an hour behind": (SERVER + SITE, -HOUR),
    "the server 5 seconds behind": (SERVER, -5),
    "the server a year behind": (SERVER, -YEAR),
    "runs a year ahead": (SITE[1:], YEAR),
    "runs a year behind": (SITE[1:], -YEAR),
}
BY_THE_CLOCK: Final = ("queue deadline", "gone silent", "lease")
"""Why a job may end without its work: the clock said that its time was over."""


def apart(*, jumps: int, seed: int) -> Mapping[str, int]:
    """Jump in a namespace of its own; raises Broken with what was said there."""
    command = [*NAMESPACE, sys.executable, "-m", "faults.real_clocks"]
    command += [str(jumps), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
    if done.returncode != 0:
        raise Broken(f"{done.stdout[-2_000:]}{done.stderr[-4_000:]}")
    counts: Mapping[str, int] = json.loads(done.stdout.splitlines()[-1])
    return counts


def jump(*, jumps: int, seed: int) -> Mapping[str, int]:
    """Let a town work while clocks jump and come right again, and check all in the end."""
    dice, counts = chance(seed, "real clocks"), Counter[str]()
    with failing_calls() as control, a_mains() as mains:
        mains.up()
        town = build(mains, process_sites=2, fake_sites=1)
        traffic = Traffic(town, seed)
        traffic.start()
        for _ in range(jumps):
            name = dice.choice(list(JUMPS))
            counts[name] += 1
            _off(control, *JUMPS[name], dice)
            eventually(lambda: mains.answers)
            traffic.check()
            witness(town, traffic.book.last())
            time.sleep(dice.uniform(*JUMP_SECONDS))
        traffic.stop()
        counts += _check(mains, town, traffic)
    return counts


def _off(control: Path, commands: tuple[str, ...], seconds: int, dice: random.Random) -> None:
    fresh = control.with_suffix(".new")
    fresh.write_text("".join(f"clock {seconds} {command}\n" for command in commands))
    fresh.replace(control)
    time.sleep(dice.uniform(*JUMP_SECONDS))
    control.unlink()


def _check(mains: Mains, town: Town, traffic: Traffic) -> Counter[str]:
    """All that was acknowledged has ended and was charged by steady clocks."""
    jobs, by_the_clock = [], 0
    with town.client() as client:
        for request, _ in traffic.book.answers.values():
            job = settled(client, request.id)
            jobs.append(job)
            used = [attempt.unit_milliseconds for attempt in job.attempts]
            used += [task.unit_milliseconds for task in job.task_list]
            if any(each > RUN_SECONDS_MAX * 1_000 for each in used):
                raise Broken(f"{job.name} {job.id} was metered by a wall clock: {used}")
            if job.state != "succeeded":
                by_the_clock += 1
                said = f"{job.reason} {[attempt.reason for attempt in job.attempts]}"
                if not any(words in said for words in BY_THE_CLOCK):
                    raise Broken(f"{job.name} {job.id} is {job.state}: {said}")
            receipt = patiently(partial(_receipt, job.id), client)
            if receipt.settled_at < receipt.submitted_at:
                raise Broken(f"{job.id} was settled before it was submitted")
    check_marks(town.marks, jobs)
    if town.spent() != charged(jobs):
        raise Broken(f"{town.spent()} left the accounts for {charged(jobs)} of charges")
    codes = Counter(refusal.partition(":")[0] for refusal in traffic.book.refusals)
    return Counter({"real jobs": len(jobs), "ended by the clock": by_the_clock, **codes})


def _receipt(job_id: UUID, client: Client) -> Receipt:
    envelope = json.loads(client.receipt(str(job_id)))
    return Receipt.model_validate_json(base64.b64decode(envelope["payload"]))


if __name__ == "__main__":
    print(json.dumps(jump(jumps=int(sys.argv[1]), seed=int(sys.argv[2]))))
