"""Which measure a figure is of, when all signs are weighed.

The cues of measures (binding_measures.py) propose; the words around the figure and what the
document speaks of lean to one measure or another (packs/data/wording). All measures that may have
the figure's unit are weighed together, and so is that the number only qualifies something.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mains.reports.packs import Pack
from mains.reports.reader.binding_measures import MARGIN_MAX, MeasureChoice, unit_classes
from mains.reports.reader.figures import Quantity
from mains.reports.reader.scene import Scene
from mains.reports.reader.weights import (
    ANY_LANGUAGE,
    Features,
    lean,
    leanings,
    shares,
    total,
    weights,
)
from mains.reports.reader.wording import figure_signs, words_around
from mains.reports.values import Bound

NOTHING: Final = "qualifier_number"
"""The number states nothing by itself."""
MEASURE: Final = "measure"
SCORE_STEP: Final = 5.0
BEHIND_STEP: Final = 3.0
ALONE: Final = "alone"
NOTHING_MIN: Final = 0.75
STATING: Final = frozenset({"counted", "own", "carried"})
"""Slots of cues that leave no doubt that a figure states something."""
CLEAR_MIN: Final = 0.5
GUESS_MIN: Final = 0.4
LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Weighed:
    """The measures that a figure may be of, with what was seen of each."""

    signs: Features
    """What holds in any language."""
    words: Features
    """What holds in the figure's language."""
    names: tuple[str, ...]
    """Every measure that the unit allows."""
    named: Mapping[str, Features]
    """By measure: how the sentence's cues name it."""
    choice: MeasureChoice | None
    """The likeliest."""


class Context:
    """What the document speaks of: signs that are the same for all of its figures."""

    def __init__(
        self, scenes: Sequence[Scene] = (), about: Mapping[str, float] | None = None
    ) -> None:
        families = Counter(
            scene.pack.rules[naming.measure].family
            for scene in scenes
            for cue in scene.mentions.measures
            for naming in cue.namings
        )
        whole = families.total() or 1
        self.signs: Features = {f"family={name}": n / whole for name, n in families.items()}
        self.signs.update({f"about={kind}": share for kind, share in (about or {}).items()})
        self.lean = leanings(MEASURE, ANY_LANGUAGE, self.signs)
        """What the document's own signs lean to."""
        self._last: dict[str, str] = {}
        """By unit class: the measure of the last figure."""

    def of(self, unit: str, before: str | None) -> Features:
        """Return the signs for a figure; `before` is the measure of the figure before it."""
        last = self._last.get(unit, ALONE)
        return {f"last={last}": 1.0, f"before={before or ALONE}": 1.0}

    def remember(self, unit: str, measure: str) -> None:
        """Remember what the last figure of a unit is of."""
        self._last[unit] = measure


def weigh(
    scene: Scene,
    quantity: Quantity,
    choices: Sequence[MeasureChoice],
    context: Context,
    *,
    before: str | None,
) -> Weighed:
    """Return all measures that the unit allows; `choices` are those that cues name, best first.

    `before` is the measure of the figure before it.
    """
    unit = unit_of(quantity)
    own = {**figure_signs(scene, quantity, unit), **context.of(unit, before)}
    words = words_around(scene, quantity.first, quantity.last)
    names = allowed(scene.pack, unit_classes(quantity))
    named = _named(choices)
    for name in names:
        if (fit := _fit(scene.pack, name, quantity)) is not None:
            named.setdefault(name, {})[fit] = 1.0
    gained, held = {name: context.lean.get(name, 0.0) for name in names}, weights().measure
    lean(gained, MEASURE, ANY_LANGUAGE, own)
    lean(gained, MEASURE, scene.pack.code, words)
    totals = [gained[name] + (total(named[name], held) if name in named else 0.0) for name in names]
    signs = {**context.signs, **own}
    chosen = _chosen(names, totals, choices, pack_knows=bool(scene.pack.measures.measures))
    return Weighed(signs, words, names, named, chosen)


def _fit(pack: Pack, name: str, quantity: Quantity) -> str | None:
    """Return the sign that a figure has a bound, or not, that those of the measure usually have.

    "Up to 20 million" is what a voucher is worth, and no pool.
    """
    rule = pack.rules.get(name)
    if rule is None or not rule.bounds:
        return None
    if quantity.bound.value not in rule.bounds:
        return "bound_unusual"
    return None if quantity.bound is Bound.EXACT else "bound_usual"


def _chosen(
    names: Sequence[str],
    totals: Sequence[float],
    choices: Sequence[MeasureChoice],
    *,
    pack_knows: bool,
) -> MeasureChoice | None:
    """Return the likeliest measure as its cue named it, with how likely it is.

    One that no cue names has to be likely by itself; without words of a language none is guessed.
    """
    if len(names) < 2 or not pack_knows:
        return None
    likely = dict(zip(names, shares(totals), strict=True))
    ranked = sorted(zip(likely.values(), names, strict=True), reverse=True)
    (likelihood, name), (second, rival) = ranked[:2]
    is_named = any(choice.slot in STATING for choice in choices)
    if name == NOTHING and (is_named or likelihood < NOTHING_MIN):
        likelihood, name, rival = second, rival, NOTHING
    choice = next((choice for choice in choices if choice.measure == name), None)
    if choice is None and likelihood < GUESS_MIN and name != NOTHING:
        if not choices:
            return None
        choice = max(choices, key=lambda one: likely.get(one.measure, 0.0))
        rival, likelihood = name, likely.get(choice.measure, 0.0)
    held = choice or MeasureChoice(name, 0.0, "words", None)
    return replace(
        held,
        likelihood=likelihood,
        margin=min(math.log(likelihood / max(second, LEAST)), MARGIN_MAX),
        rival=rival if likelihood < CLEAR_MIN else None,
    )


def unit_of(quantity: Quantity) -> str:
    """Return the unit class of a quantity by one name."""
    return "/".join(sorted(unit_classes(quantity)))


def allowed(pack: Pack, classes: frozenset[str]) -> tuple[str, ...]:
    """Return the measures that may have a figure of the unit classes, and `NOTHING`."""
    held = pack.derive(_by_units)
    if classes not in held:
        held[classes] = _of_classes(pack, classes)
    return held[classes]


def _by_units(_: Pack) -> dict[frozenset[str], tuple[str, ...]]:
    """Return what `allowed` has found; there are few sets of classes."""
    return {}


def _of_classes(pack: Pack, classes: frozenset[str]) -> tuple[str, ...]:
    held = [
        name
        for name, rule in pack.rules.items()
        if classes & set(rule.units) and not rule.neutral and not rule.rank_only
    ]
    return (*held, NOTHING)


def _named(choices: Sequence[MeasureChoice]) -> dict[str, Features]:
    if not choices:
        return {}
    best = max(choice.score for choice in choices)
    return {
        choice.measure: {
            "named": 1.0,
            "score": choice.score / SCORE_STEP,
            "behind_best": (choice.score - best) / BEHIND_STEP,
            "best": float(choice is choices[0]),
            f"slot_{choice.slot}": 1.0,
        }
        for choice in reversed(choices)
    }
