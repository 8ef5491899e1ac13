"""Whether a claim is accepted: how likely it is right, by the signs that were seen of it.

Each way of binding has proved more or less reliable on texts with gold (`bench/weights.py`); what
is likelier right than the threshold is accepted, everything else is queued with its reasons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mains.reports.reader.drafts import Draft
from mains.reports.reader.weights import Features, probability, total, weights
from mains.reports.values import Reason, Status

CERTAINTY_LEAST: Final = 0.02
SCORE_MAX: Final = 9.0
MARGIN_MAX: Final = 6.0
MANY: Final = 6
TELLING: Final = frozenset(
    "known_looks known_rule known_scheme known_stand_in known_adjective unlike unlike_near "
    "same_clause seat wider nearer titled".split()
)
"""Signs of the subject that tell of the whole claim too."""
TIMELESS: Final = "period_timeless"
DOUBTFUL: Final = Reason("claim_doubtful", "claims bound in this way have often been wrong")


def judged(drafts: Sequence[Draft]) -> list[Draft]:
    """Return the claims to be, each accepted or queued; neutral numbers stay as they are."""
    return [draft if draft.is_neutral else _judged(draft) for draft in drafts]


def features_of(draft: Draft) -> Features:
    """Return the signs by which a claim is judged."""
    features: Features = {"bias": 1.0}
    if draft.choice is not None:
        certainty = min(max(draft.choice.certainty, CERTAINTY_LEAST), 1 - CERTAINTY_LEAST)
        features["subject_certainty"] = math.log(certainty / (1 - certainty))
        features[f"slot_{draft.choice.slot}"] = 1.0
        features["kind_order"] = draft.choice.features.get("kind_order", 0.0)
        features["subject_score"] = max(min(draft.choice.score, SCORE_MAX), 0.0)
        if len(draft.choice.rivals) > 1:
            ahead = draft.choice.score - draft.choice.rivals[1].score
            features["subject_ahead"] = min(ahead, MARGIN_MAX)
        else:
            features["subject_alone"] = 1.0
        features.update({f"of_{name}": 1.0 for name in draft.choice.features if name in TELLING})
    if draft.measured is not None:
        likely = min(max(draft.measured.likelihood, CERTAINTY_LEAST), 1 - CERTAINTY_LEAST)
        features["measure_certainty"] = math.log(likely / (1 - likely))
        features["measure_score"] = min(draft.measured.score, SCORE_MAX)
        features["measure_margin"] = draft.measured.margin
        features[f"by_{draft.measured.slot}"] = 1.0
    kind = (draft.subject or "none").partition(":")[0]
    features[f"subject_kind_{kind}"] = 1.0
    features[f"unit_{_unit_class(draft.unit)}"] = 1.0
    rule = draft.scene.pack.rules.get((draft.measure or "").removeprefix("rank_"))
    if rule is not None:
        features[f"family_{rule.family}"] = 1.0
        features["general"] = float(rule.general)
    features[f"modality_{draft.modality.value}"] = 1.0
    codes = {reason.code for reason in draft.reasons}
    features.update(dict.fromkeys(codes, 1.0))
    if draft.period is not None:
        features["dated"] = 1.0
    elif TIMELESS not in codes:
        features["undated"] = 1.0
    if draft.is_titled:
        features["titled"] = 1.0
    if (draft.measure or "").startswith("rank_"):
        features["rank"] = 1.0
    if draft.scene.is_heading:
        features["heading"] = 1.0
    features["figures"] = min(len(draft.scene.quantities), MANY) / MANY
    features["names"] = min(len(draft.scene.entities), MANY) / MANY
    features.update(_strangers(draft))
    return features


def _strangers(draft: Draft) -> Features:
    """Return how much the sentence names that nobody knows: it may be what the figure is about."""
    scene = draft.scene
    known = {i for mention in scene.entities for i in range(mention.first, mention.last)}
    capitals = sum(
        token.is_word and token.text[:1].isupper() and index not in known
        for index, token in enumerate(scene.sentence.tokens)
        if index > 0
    )
    unresolved = sum(mention.id is None for mention in scene.entities)
    return {
        "capitals": 0.0 if scene.pack.grammar.numbers.capital_nouns else min(capitals, 4) / 4,
        "unresolved": float(min(unresolved, 2)),
    }


def _judged(draft: Draft) -> Draft:
    if draft.measure is None or draft.subject is None:
        return replace(draft, status=Status.QUEUED)
    held = weights()
    if probability(total(features_of(draft), held.claim)) >= held.accepted_min:
        return replace(draft, status=Status.ACCEPTED)
    if draft.status is Status.QUEUED:
        return draft
    return replace(draft, status=Status.QUEUED, reasons=(*draft.reasons, DOUBTFUL))


def _unit_class(unit: str) -> str:
    if len(unit) == 3 and unit.isupper():
        return "money"
    return unit
