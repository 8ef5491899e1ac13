"""Scores claims and edges against gold written by hand, in the exchange format's own fields.

A figure is found where spans of one document overlap and value and unit are equal; its tuple where
subject, measure, bound, modality and period are equal too and the claim is accepted. Neutral gold
lines are neither hit nor false alarm.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

Line = dict[str, Any]

NEUTRAL: Final = {"reference_period", "name_number", "qualifier_number", "vague_quantity"}
TUPLE: Final = ("subject", "measure", "bound", "modality", "period")
DIRECTED: Final = {"update", "refines", "conversion", "headline_drift"}


def load(path: Path) -> list[Line]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


@dataclass(slots=True)
class Score:
    """Counts over one set of texts; the ratios follow from them."""

    figures: int = 0
    found: int = 0
    spare: int = 0
    accepted: int = 0
    tuples: int = 0
    scopes: int = 0
    queued: int = 0
    misses: list[str] = field(default_factory=list)

    def __iadd__(self, other: Score) -> Score:
        for name in ("figures", "found", "spare", "accepted", "tuples", "scopes", "queued"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.misses += other.misses
        return self

    @property
    def precision(self) -> float:
        return self.found / max(1, self.found + self.spare)

    @property
    def recall(self) -> float:
        return self.found / max(1, self.figures)

    @property
    def f1(self) -> float:
        return 2 * self.found / max(1, 2 * self.found + self.spare + self.figures - self.found)

    @property
    def tuple_precision(self) -> float:
        return self.tuples / max(1, self.accepted)

    @property
    def tuple_recall(self) -> float:
        return self.tuples / max(1, self.figures)

    def document(self) -> dict[str, float | int]:
        """Return what a results file keeps."""
        return {
            "figures": self.figures,
            "found": self.found,
            "spare": self.spare,
            "value_unit_precision": round(self.precision, 4),
            "value_unit_recall": round(self.recall, 4),
            "value_unit_f1": round(self.f1, 4),
            "accepted": self.accepted,
            "tuple_precision": round(self.tuple_precision, 4),
            "tuple_recall": round(self.tuple_recall, 4),
            "tuples_with_equal_scope": self.scopes,
            "queued": self.queued,
        }


def score(gold: Sequence[Line], claims: Sequence[Line]) -> Score:
    """Score one document's claims."""
    figures = [line for line in gold if line["measure"] not in NEUTRAL]
    neutral = [line for line in gold if line["measure"] in NEUTRAL]
    result = Score(figures=len(figures))
    used: set[int] = set()
    for figure in figures:
        best = _best(figure, claims, used)
        if best is None:
            result.misses.append(f"{figure['id']} {figure['quote']!r} not found")
            continue
        used.add(best)
        result.found += 1
        _judge_tuple(figure, claims[best], result)
    spare = [
        claim
        for number, claim in enumerate(claims)
        if number not in used and not any(_overlap(line, claim) for line in neutral)
    ]
    result.spare = len(spare)
    counted = [claims[number] for number in used] + spare
    result.accepted = sum(_is_accepted(claim) for claim in counted)
    result.queued = len(counted) - result.accepted
    result.misses += [f"{claim['doc']} {claim['quote']!r} spare" for claim in spare]
    return result


def values_only(gold: Sequence[Line], numbers: Sequence[Line]) -> Score:
    """Score numbers without units: what a reader of plain numbers can be asked for."""
    plain = [{**line, "unit": ""} for line in gold]
    return score(plain, [{**number, "unit": ""} for number in numbers])


@dataclass(frozen=True, slots=True)
class EdgeScore:
    """Edges of one kind: in gold, drawn, and both."""

    gold: int
    drawn: int
    both: int


def score_edges(
    gold: Sequence[Line], claims: Sequence[Line], edges: Iterable[Line], wanted: Iterable[Line]
) -> dict[str, EdgeScore]:
    """Score edges between claims against those between the gold lines that they stand for."""
    stands_for: dict[str, str] = _stand_for(gold, claims)
    want = {_edge_key(edge["a"], edge["b"], edge["relation"]) for edge in wanted}
    drawn = {
        _edge_key(
            stands_for.get(edge["a"], str(edge["a"])),
            stands_for.get(edge["b"], str(edge["b"])),
            edge["relation"],
        )
        for edge in edges
    }
    kinds = sorted({relation for _, relation in want | drawn})
    return {
        kind: EdgeScore(
            gold=sum(relation == kind for _, relation in want),
            drawn=sum(relation == kind for _, relation in drawn),
            both=sum(relation == kind for _, relation in want & drawn),
        )
        for kind in kinds
    }


def by_document(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Group lines by the document that they are of."""
    groups: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        groups[line["doc"]].append(line)
    return dict(groups)


def _judge_tuple(figure: Line, claim: Line, result: Score) -> None:
    wrong = [name for name in TUPLE if claim.get(name) != figure.get(name)]
    if wrong:
        told = ", ".join(f"{name} {claim.get(name)} for {figure.get(name)}" for name in wrong)
        result.misses.append(f"{figure['id']} {figure['quote']!r} {claim['status']}: {told}")
    elif _is_accepted(claim):
        result.tuples += 1
        result.scopes += claim.get("scope") == figure.get("scope")


def _best(figure: Line, claims: Sequence[Line], used: set[int]) -> int | None:
    found = [
        number
        for number, claim in enumerate(claims)
        if number not in used and _overlap(figure, claim) and _same_value(figure, claim)
    ]
    if not found:
        return None
    return max(found, key=lambda number: _agreement(figure, claims[number]))


def _stand_for(gold: Sequence[Line], claims: Sequence[Line]) -> dict[str, str]:
    lines = by_document(gold)
    stands_for: dict[str, str] = {}
    for claim in claims:
        same = [
            line
            for line in lines.get(claim["doc"], [])
            if _overlap(line, claim) and _same_value(line, claim)
        ]
        if same:
            stands_for[claim["id"]] = max(same, key=lambda line: _agreement(line, claim))["id"]
    return stands_for


def _edge_key(a: str, b: str, relation: str) -> tuple[tuple[str, ...], str]:
    ends = (a, b) if relation in DIRECTED else tuple(sorted((a, b)))
    return ends, relation


def _agreement(figure: Line, claim: Line) -> int:
    return sum(claim.get(name) == figure.get(name) for name in TUPLE)


def _overlap(a: Line, b: Line) -> bool:
    return bool(a["doc"] == b["doc"] and a["start"] < b["end"] and b["start"] < a["end"])


def _same_value(a: Line, b: Line) -> bool:
    return bool(number(a["value"]) == number(b["value"]) and a["unit"] == b["unit"])


def number(text: object) -> Decimal | str:
    """Return a value as a number, or as the text that it is."""
    try:
        return Decimal(str(text))
    except InvalidOperation:
        return str(text)


def _is_accepted(claim: Line) -> bool:
    return bool(claim.get("status", "accepted") == "accepted")
