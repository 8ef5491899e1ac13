"""What every campaign shares: its part of the work, its chance, and where results are kept."""

import json
import platform
import random
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import psutil
import psycopg

from mains.errors import MainsError

RESULTS: Final = Path(__file__).parent.parent / "bench" / "results" / "faults.json"
SHARES: Final = 8
SEED_BITS: Final = 32
FAULTS: Final = (AssertionError, MainsError, psycopg.Error, OSError, subprocess.SubprocessError)
"""After these the campaigns behind go on; anything else is a mistake in the campaign itself."""


class Broken(AssertionError):
    """What a campaign found: a broken promise, in one sentence."""


@dataclass(frozen=True, slots=True)
class Share:
    """The k-th of n equal parts of every campaign, counted from one."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the share that `k/n` names; raises ValueError for anything else."""
        number, of = (int(part) for part in text.split("/"))
        if not 1 <= number <= of:
            raise ValueError(f"{text} is no share: the first of eight is 1/8, the last 8/8")
        return cls(number, of)

    def part(self, whole: int) -> range:
        """Return which of `whole` numbered pieces are this share's; all shares cover each once."""
        return range(whole * (self.number - 1) // self.of, whole * self.number // self.of)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


class Campaign(Protocol):
    """A module of this folder; its docstring's first line says what it attacks."""

    def run(self, share: Share, seed: int) -> Mapping[str, int]:
        """Attack, check every promise, and return how often what was done.

        Raises Broken, or any AssertionError, where a promise does not hold.
        """


def chance(seed: int, name: str) -> random.Random:
    """Return the random choices that a seed and a name decide, the same everywhere."""
    return random.Random(f"{seed} {name}")


@dataclass(frozen=True, slots=True)
class Result:
    """What one share of a campaign did, and what it broke; `broken` is None where nothing did."""

    campaign: str
    share: Share
    seed: int
    counts: Mapping[str, int]
    seconds: float
    broken: str | None


def measured(name: str, campaign: Campaign, share: Share, seed: int) -> Result:
    """Run one share of a campaign; what it finds broken becomes its result."""
    began = time.monotonic()
    counts: Mapping[str, int] = {}
    broken = None
    try:
        counts = campaign.run(share, seed)
    except FAULTS as error:
        broken = f"{type(error).__name__}: {error}"
    return Result(name, share, seed, counts, time.monotonic() - began, broken)


def keep(result: Result) -> None:
    """Write a result into the file of all shares, in the place of its last one."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    shares = kept.setdefault("campaigns", {}).setdefault(result.campaign, {})
    shares[str(result.share)] = {
        "seed": result.seed,
        "counts": dict(result.counts),
        "seconds": round(result.seconds, 1),
        "broken": result.broken,
        "commit": _commit(),
        "setup": {
            "cpus": psutil.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "python": platform.python_version(),
            "kernel": platform.release(),
        },
    }
    kept["campaigns"] = {
        name: dict(sorted(found.items())) for name, found in sorted(kept["campaigns"].items())
    }
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")


def _commit() -> str:
    """Return the commit that was attacked, with a plus where the tree had changes of its code."""
    head = _git("rev-parse", "--short=12", "HEAD")
    return f"{head}+" if _git("status", "--porcelain", "--", "src", "faults") else head


def _git(*words: str) -> str:
    told = subprocess.run(["git", *words], check=True, capture_output=True, text=True)
    return told.stdout.strip()
