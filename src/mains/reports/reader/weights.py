"""How much each sign weighs: features of a choice times weights that texts with gold taught.

The weights are data, fitted by `python -m bench.weights` on the tuning texts alone: those that hold
in any language in `packs/data/weights.yaml`, those of words in `packs/data/wording/<code>.json`.
Names of features say what was seen. A feature without a weight counts nothing, and a language
without a file of words is read by what holds in any.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import yaml

Features = dict[str, float]

FILE: Final = "weights.yaml"
WORDING: Final = "wording"
ANY_LANGUAGE: Final = "any"
LOGIT_MAX: Final = 30.0


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a subject among its rivals, of a measure's cues, and of a whole claim."""

    subject: Mapping[str, float]
    measure: Mapping[str, float]
    claim: Mapping[str, float]
    accepted_min: float
    """The least probability, by the weights of claims, with which a claim is accepted."""


@cache
def weights() -> Weights:
    """Return the weights that the package carries."""
    folder = resources.files("mains.reports.packs") / "data"
    held = yaml.load((folder / FILE).read_text("utf-8"), Loader=yaml.CSafeLoader)
    least = float(held["accepted_min"])
    return Weights(held["subject"], held["measure"], held["claim"], least)


Lean = Mapping[str, Sequence[tuple[str, float]]]
"""By sign: the answers to which it leans, and how much."""


@cache
def wording(code: str) -> Mapping[str, Lean]:
    """Return by question what the words of a language lean to; nothing where it has no file."""
    path = resources.files("mains.reports.packs") / "data" / WORDING / f"{code}.json"
    held = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return {
        question: {sign: tuple(answers.items()) for sign, answers in signs.items()}
        for question, signs in held.items()
    }


def leanings(question: str, code: str, seen: Features) -> dict[str, float]:
    """Return how much each answer gains by the signs."""
    gained: dict[str, float] = defaultdict(float)
    held = wording(code).get(question, {})
    for name, value in seen.items():
        for answer, weight in held.get(name, ()):
            gained[answer] += weight * value
    return gained


def lean(gained: dict[str, float], question: str, code: str, seen: Features) -> None:
    """Add to each answer of `gained` what it gains by the signs; others are left out."""
    held = wording(code).get(question, {})
    for name, value in seen.items():
        for answer, weight in held.get(name, ()):
            if answer in gained:
                gained[answer] += weight * value


def total(features: Mapping[str, float], weighing: Mapping[str, float]) -> float:
    """Return the sum of features times their weights."""
    # This runs for every rival of every figure: a loop is a third faster than a sum.
    found, known = 0.0, weighing.get
    for name, value in features.items():
        weight = known(name)
        if weight is not None:
            found += weight * value
    return found


def shares(totals: Sequence[float]) -> list[float]:
    """Return how likely each of several rivals is, given their totals; they sum to 1."""
    top = max(totals)
    odds = [math.exp(one - top) for one in totals]
    whole = sum(odds)
    return [one / whole for one in odds]


def probability(logit: float) -> float:
    """Return the probability that a sum of weights stands for."""
    return 1 / (1 + math.exp(-max(-LOGIT_MAX, min(LOGIT_MAX, logit))))
