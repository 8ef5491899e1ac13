"""Fits `packs/data/weights.yaml`: signs of whom a figure is about, and of a claim that is right.

    python -m bench.weights [FOLDER...]

reads each folder's texts and gold (`tests/reports/texts/tuned` when none is named), fits both sets
of weights by gradient descent towards a weak prior, and prints how well they do on documents that
were left out (cross-validated by document, since figures of one text resemble each other). Held
texts are refused: what they judge must not have been learnt from them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

import mains.reports.packs
from bench import scoring
from mains.reports.documents import open_document
from mains.reports.reader import weights as weighing
from mains.reports.reader.drafts import Draft
from mains.reports.reader.judging import features_of
from mains.reports.reader.reader import drafts_of
from mains.reports.reader.weights import Features, probability, shares, total

TUNED: Final = Path("tests/reports/texts/tuned")
FILE: Final = Path(mains.reports.packs.__file__).parent / "data" / weighing.FILE
HEAD: Final = (
    "# How much each sign weighs; written by `python -m bench.weights` from the tuning texts.\n"
)
FOLDS: Final = 6
STEPS: Final = 120
RATE: Final = 0.08
SUBJECT_PULL: Final = 1.0
CLAIM_PULL: Final = 2.0
PRECISION_WANTED: Final = 0.92
SEED: Final = 1

Weighing = dict[str, float]


@dataclass(frozen=True, slots=True)
class Choice:
    """One figure's rivals: their features, and which of them gold names."""

    doc: str
    rivals: tuple[Features, ...]
    right: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One claim's features, and whether its tuple equals gold."""

    doc: str
    features: Features
    right: bool


def main() -> None:
    folders = [Path(name) for name in sys.argv[1:]] or [TUNED]
    assert not any("held" in folder.parts for folder in folders), (
        "held texts judge; they never teach"
    )
    held = yaml.safe_load(FILE.read_text("utf-8"))
    choices = list(_choices(folders))
    print(f"{len(choices)} figures whose subject is among its rivals")
    pull = dict(held["subject"])
    show_subjects(choices, pull)
    held["subject"] = fit_subjects(choices, pull)
    write(held)
    verdicts = list(_verdicts(folders))
    print(f"{len(verdicts)} claims, {sum(v.right for v in verdicts)} right")
    held["accepted_min"] = show_claims(verdicts)
    held["claim"] = fit_claims(verdicts)
    write(held)


def write(held: dict[str, Any]) -> None:
    """Write the weights, rounded, and let the next reading use them."""
    tidy = {
        "accepted_min": round(float(held["accepted_min"]), 3),
        "subject": {name: round(value, 3) for name, value in sorted(held["subject"].items())},
        "claim": {name: round(value, 3) for name, value in sorted(held["claim"].items())},
    }
    FILE.write_text(HEAD + yaml.safe_dump(tidy, sort_keys=False), "utf-8")
    weighing.weights.cache_clear()


def fit_subjects(choices: Sequence[Choice], pull: Weighing) -> Weighing:
    """Return weights under which gold's subjects win, pulled towards those of before."""

    def slopes(weights: Weighing) -> Weighing:
        found: Weighing = {}
        for choice in choices:
            parts = shares([total(rival, weights) for rival in choice.rivals])
            whole = sum(p for p, right in zip(parts, choice.right, strict=True) if right)
            for rival, part, right in zip(choice.rivals, parts, choice.right, strict=True):
                push = part - (part / whole if right and whole else 0.0)
                for name, value in rival.items():
                    found[name] = found.get(name, 0.0) + push * value
        return found

    return _descend(slopes, start=pull, pull=pull, strength=SUBJECT_PULL)


def fit_claims(verdicts: Sequence[Verdict]) -> Weighing:
    """Return weights that say how likely a claim is right, pulled towards nought."""

    def slopes(weights: Weighing) -> Weighing:
        found: Weighing = {}
        for verdict in verdicts:
            push = probability(total(verdict.features, weights)) - verdict.right
            for name, value in verdict.features.items():
                found[name] = found.get(name, 0.0) + push * value
        return found

    return _descend(slopes, start={}, pull={}, strength=CLAIM_PULL)


def show_subjects(choices: Sequence[Choice], pull: Weighing) -> None:
    """Print how often the right subject wins in documents that were left out."""
    right = 0
    for taught, asked in _folds(choices):
        weights = fit_subjects(taught, pull)
        for choice in asked:
            totals = [total(rival, weights) for rival in choice.rivals]
            right += choice.right[totals.index(max(totals))]
    print(f"subjects right on documents left out: {right / len(choices):.3f}")


def show_claims(verdicts: Sequence[Verdict]) -> float:
    """Print precision and recall on documents left out; return the threshold to accept with."""
    judged: list[tuple[float, bool]] = []
    for taught, asked in _folds(verdicts):
        weights = fit_claims(taught)
        judged += [(probability(total(v.features, weights)), v.right) for v in asked]
    judged.sort(key=lambda one: -one[0])
    best = 1.0
    for count in range(1, len(judged) + 1):
        precision = sum(right for _, right in judged[:count]) / count
        if count >= 40 and precision >= PRECISION_WANTED:
            best = judged[count - 1][0]
    for threshold in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, best):
        over = [right for chance, right in judged if chance >= threshold]
        rate = sum(over) / max(1, len(over))
        print(f"  accepted at {threshold:.3f}: precision {rate:.3f}, {sum(over)} right")
    return best


def _choices(folders: Sequence[Path]) -> Iterator[Choice]:
    for doc, draft, lines in _figures(folders):
        subjects = {line["subject"] for line in lines}
        if len(subjects) != 1 or draft.choice is None:
            continue
        rivals = draft.choice.rivals
        right = tuple(rival.id in subjects for rival in rivals)
        if any(right) and len(rivals) > 1:
            yield Choice(doc, tuple(rival.features for rival in rivals), right)


def _verdicts(folders: Sequence[Path]) -> Iterator[Verdict]:
    for doc, draft, lines in _figures(folders):
        fields = {name: getattr(draft, name) for name in scoring.TUPLE}
        right = any(all(line[name] == fields[name] for name in scoring.TUPLE) for line in lines)
        yield Verdict(doc, features_of(draft), right)


def _figures(folders: Sequence[Path]) -> Iterator[tuple[str, Draft, list[scoring.Line]]]:
    """Yield each claim to be that is no neutral number, with the gold lines that it meets."""
    for folder in folders:
        gold = scoring.by_document(
            line for path in sorted(folder.glob("gold*.jsonl")) for line in scoring.load(path)
        )
        for path in sorted(folder.glob("*.txt")):
            for draft in drafts_of(open_document(path.read_bytes(), name=path.name)):
                lines = [line for line in gold.get(path.name, []) if _meets(line, draft)]
                neutral = [line for line in lines if line["measure"] in scoring.NEUTRAL]
                if not draft.is_neutral and not (neutral and len(neutral) == len(lines)):
                    yield path.name, draft, [line for line in lines if line not in neutral]


def _meets(line: scoring.Line, draft: Draft) -> bool:
    if line["measure"] in scoring.NEUTRAL:
        return bool(line["start"] < draft.end and draft.start < line["end"])
    return (
        bool(line["start"] < draft.end and draft.start < line["end"])
        and scoring.number(line["value"]) == scoring.number(draft.value)
        and line["unit"] == draft.unit
    )


def _folds(items: Sequence[Any]) -> Iterator[tuple[list[Any], list[Any]]]:
    docs = sorted({item.doc for item in items})
    random.Random(SEED).shuffle(docs)
    for fold in range(FOLDS):
        out = set(docs[fold::FOLDS])
        yield [i for i in items if i.doc not in out], [i for i in items if i.doc in out]


def _descend(
    slopes: Callable[[Weighing], Weighing], *, start: Weighing, pull: Weighing, strength: float
) -> Weighing:
    """Return the weights after some steps of Adam's method; `strength` holds them near `pull`."""
    weights = dict(start)
    mean: Weighing = {}
    spread: Weighing = {}
    for step in range(1, STEPS + 1):
        found = slopes(weights)
        for name in sorted(set(found) | set(weights)):
            slope = found.get(name, 0.0) + strength * (weights.get(name, 0.0) - pull.get(name, 0.0))
            mean[name] = 0.9 * mean.get(name, 0.0) + 0.1 * slope
            spread[name] = 0.999 * spread.get(name, 0.0) + 0.001 * slope * slope
            pace = (spread[name] / (1 - 0.999**step)) ** 0.5 + 1e-9
            weights[name] = weights.get(name, 0.0) - RATE * mean[name] / (1 - 0.9**step) / pace
    return weights


if __name__ == "__main__":
    main()
