"""Many seeds of one simulated city: what holds at every step, and that all of it ends."""

import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.planted import FAULTS, Fault
from tests.simulation.world import Broken, simulate

SEEDS: int = 1_000
SEEDS_PER_TEST: int = 50
SEEDS_TO_FIND: int = 300
STRUCK = ("API kill", "agent kill", "dispatcher kill", "disk losses", "drain", "partition")
ENDS = ("succeeded", "failed", "cancelled", "timed_out")


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
def test_every_promise_holds_at_every_step_and_all_comes_to_its_end(first: int) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        outcome = simulate(seed)
        assert outcome.counts["jobs"] + outcome.counts["refused submissions"] >= 3


def test_the_seeds_strike_everything_and_jobs_end_in_every_way() -> None:
    counts: Counter[str] = Counter()
    for seed in range(60):
        counts.update(simulate(seed).counts)
    assert all(counts[struck if struck.endswith("s") else f"{struck}s"] for struck in STRUCK)
    assert all(counts[f"jobs {state}"] for state in ENDS)
    assert counts["lost attempts"] > 20


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_planted_fault_is_found_within_few_seeds(fault: Fault) -> None:
    found = next((message for seed in range(SEEDS_TO_FIND) if (message := _found(seed, fault))), "")
    assert re.search(fault.found_as, found)
    assert re.search(r"repeat: simulate\(\d+", found)


def _found(seed: int, fault: Fault) -> str:
    try:
        simulate(seed, fault=fault)
    except Broken as error:
        return str(error)
    return ""


def test_one_seed_has_one_trace_whatever_the_hash_seed() -> None:
    here = [simulate(seed).digest for seed in (3, 4)]
    assert len(set(here)) == 2
    assert [simulate(seed).digest for seed in (3, 4)] == here
    for hash_seed in ("1", "2"):
        assert _digests_elsewhere(hash_seed) == here


def _digests_elsewhere(hash_seed: str) -> list[str]:
    script = (
        "from tests.simulation.world import simulate\n"
        "print(*(simulate(seed).digest for seed in (3, 4)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()
