"""How much each sign weighs: features of a choice times weights that texts with gold taught.

The weights are data (`packs/data/weights.yaml`), fitted by `python -m bench.weights` on the tuning
texts alone; names of features say what was seen. A feature without a weight counts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import yaml

Features = dict[str, float]

FILE: Final = "weights.yaml"
LOGIT_MAX: Final = 30.0


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a subject among its rivals, and of a whole claim."""

    subject: Mapping[str, float]
    claim: Mapping[str, float]
    accepted_min: float
    """The least probability, by the weights of claims, with which a claim is accepted."""


@cache
def weights() -> Weights:
    """Return the weights that the package carries."""
    folder = resources.files("mains.reports.packs") / "data"
    held = yaml.load((folder / FILE).read_text("utf-8"), Loader=yaml.CSafeLoader)
    return Weights(held["subject"], held["claim"], float(held["accepted_min"]))


def total(features: Mapping[str, float], weighing: Mapping[str, float]) -> float:
    """Return the sum of features times their weights."""
    return sum(weighing.get(name, 0.0) * value for name, value in features.items())


def shares(totals: Sequence[float]) -> list[float]:
    """Return how likely each of several rivals is, given their totals; they sum to 1."""
    top = max(totals)
    odds = [math.exp(one - top) for one in totals]
    whole = sum(odds)
    return [one / whole for one in odds]


def probability(logit: float) -> float:
    """Return the probability that a sum of weights stands for."""
    return 1 / (1 + math.exp(-max(-LOGIT_MAX, min(LOGIT_MAX, logit))))
