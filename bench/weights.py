"""Fits the reader's weights: of measures, of whom a figure is about, of a claim that is right.

    REPORTS=folder python -m bench.weights

reads `tests/reports/texts/tuned` and `fitted`, the examples and the folder given as REPORTS, if one
is, with their gold; fits each set of weights, writes `packs/data/weights.yaml` and
`packs/data/wording`, and prints how well each does on documents that were left out (figures of one
text resemble each other).
Whether a claim is right is learnt from claims that the other weights did not learn from: those of
the tuning texts as weights bind them that were fitted by the rest, and those of `fitted`, on which
nothing else was built and which count most. Held texts are never read: what they judge must not
have been learnt from them.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

import mains.reports.packs
from bench import scoring
from bench.softmax import (
    Answering,
    Choice,
    Question,
    Weighing,
    fit_answers,
    fit_choices,
)
from mains.reports.documents import open_document
from mains.reports.reader import weights as weighing
from mains.reports.reader.drafts import Draft
from mains.reports.reader.judging import features_of
from mains.reports.reader.measuring import MEASURE, NOTHING
from mains.reports.reader.reader import drafts_of
from mains.reports.reader.weights import ANY_LANGUAGE, WORDING, Features, total

TEXTS: Final = Path("tests/reports/texts")
TUNED: Final = TEXTS / "tuned"
FITTED: Final = TEXTS / "fitted"
EXAMPLES: Final = Path("examples/reports")
DATA: Final = Path(mains.reports.packs.__file__).parent / "data"
FILE: Final = DATA / weighing.FILE
HEAD: Final = (
    "# How much each sign weighs; written by `python -m bench.weights` from the tuning texts.\n"
)
FOLDS: Final = 3
STRENGTH: Final = 1.0
CLAIM_STRENGTH: Final = 2.0
TUNED_WORTH: Final = 0.5
"""What a figure of a text counts that words and rules were built on."""
GIVEN_WORTH: Final = 3.0
"""What one of an example, or of a text that REPORTS gives, counts: there are few."""
LEAST: Final = 0.01
WORDS_LEAST: Final = 0.15
"""Weights below it say nothing; of words there are very many."""
ACCEPTED_MIN: Final = 0.35
"""The least probability of an accepted claim. The table printed here is flat, for most errors are
in names that nothing tells of: a higher one bars two right claims for three wrong."""
SEED: Final = 1
RIGHT: Final = "right"
WRONG: Final = "wrong"
OF_LANGUAGE: Final = "\t"
"""Divides a language from the sign of its words while weights are fitted."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A claim to be that is no neutral number by gold alone, with the gold lines that it meets."""

    doc: str
    draft: Draft
    lines: tuple[scoring.Line, ...]
    is_neutral: bool
    worth: float


def main() -> None:
    held = yaml.safe_load(FILE.read_text("utf-8"))
    docs = sorted(path.name for path in TUNED.glob("*.txt"))
    random.Random(SEED).shuffle(docs)
    judged: list[Figure] = []
    for fold in range(FOLDS):
        # What is judged here must not have taught the weights by which it was bound.
        out = frozenset(docs[fold::FOLDS])
        teach(held, frozenset(docs) - out)
        judged += figures(TUNED, out)
    teach(held, frozenset(docs), told=True)
    judged += figures(FITTED)
    judged += given()
    held["claim"] = claims(judged)
    write(held)


def teach(held: dict[str, Any], docs: frozenset[str], *, told: bool = False) -> None:
    """Fit measures, then subjects, by these documents, and write both; `told` prints how well."""
    found = [*figures(TUNED, docs), *given()]
    questions = [q for figure in found if (q := _measure_question(figure)) is not None]
    if told:
        show_measures(questions)
    answering = fit_answers(questions, strength=STRENGTH)
    write_wording(MEASURE, answering)
    held["measure"] = answering.own
    write(held)
    found = [*figures(TUNED, docs), *figures(TUNED, docs, alone=True), *given()]
    choices = [c for figure in found if (c := _subject_choice(figure)) is not None]
    if told:
        show_subjects(choices)
    held["subject"] = fit_choices(choices, strength=STRENGTH)
    write(held)


def given() -> Iterator[Figure]:
    """Yield the figures of the examples, and of the folder in REPORTS, if one is given."""
    yield from figures(EXAMPLES)
    if folder := os.environ.get("REPORTS"):
        yield from figures(Path(folder))


def show_measures(questions: Sequence[Question]) -> None:
    """Print how often the right measure wins in documents that were left out."""
    right = 0
    for taught, asked in _folds(questions):
        answering = fit_answers(taught, strength=STRENGTH)
        for question in asked:
            likely = answering.shares(question)
            right += max(likely, key=lambda name: likely[name]) in question.right
    print(f"measures right on documents left out: {right / len(questions):.3f} of {len(questions)}")


def show_subjects(choices: Sequence[Choice]) -> None:
    """Print how often the right subject wins in documents that were left out."""
    able = [choice for choice in choices if any(choice.right)]
    right = 0
    for taught, asked in _folds(choices):
        fitted = fit_choices(taught, strength=STRENGTH)
        for choice in asked:
            totals = [total(rival, fitted) for rival in choice.rivals]
            right += choice.right[totals.index(max(totals))]
    print(
        f"subjects right on documents left out: {right / len(choices):.3f} of {len(choices)}; "
        f"among the rivals: {len(able) / len(choices):.3f}"
    )


def claims(found: Sequence[Figure]) -> Weighing:
    """Return the weights of a claim that is right, and print what each threshold would accept."""
    verdicts = [_verdict(figure) for figure in found if not figure.draft.is_neutral]
    judged: list[tuple[float, bool]] = []
    for taught, asked in _folds(verdicts):
        fitted = _claim_weights(taught)
        for verdict in asked:
            if verdict.worth != 1.0:
                continue
            features = verdict.answers[RIGHT]
            likely = weighing.probability(total(features, fitted))
            judged.append((likely, RIGHT in verdict.right))
    for least in (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        over = [right for likely, right in judged if likely >= least]
        rate = sum(over) / max(1, len(over))
        print(f"  accepted at {least}: precision {rate:.3f}, {sum(over)} right of {len(judged)}")
    return _claim_weights(verdicts)


def _claim_weights(verdicts: Sequence[Question]) -> Weighing:
    return fit_answers(verdicts, strength=0.0, own_strength=CLAIM_STRENGTH).own


def write(held: dict[str, Any]) -> None:
    """Write the weights, rounded, and let the next reading use them."""
    tidy: dict[str, Any] = {"accepted_min": ACCEPTED_MIN}
    for name in ("measure", "subject", "claim"):
        tidy[name] = _rounded(held[name])
    FILE.write_text(HEAD + yaml.safe_dump(tidy, sort_keys=False), "utf-8")
    weighing.weights.cache_clear()


def write_wording(question: str, answering: Answering) -> None:
    """Write what words lean to, a file for each language and one for signs of any."""
    folder = DATA / WORDING
    folder.mkdir(exist_ok=True)
    by_language: dict[str, dict[str, Weighing]] = {}
    for name, weights in answering.by_answer.items():
        code, divided, sign = name.partition(OF_LANGUAGE)
        kept = _rounded(weights, WORDS_LEAST)
        if kept:
            language = code if divided else ANY_LANGUAGE
            by_language.setdefault(language, {})[sign if divided else name] = kept
    for language, signs in sorted(by_language.items()):
        path = folder / f"{language}.json"
        held = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        held[question] = dict(sorted(signs.items()))
        path.write_text(_lines(held), "utf-8")
    weighing.wording.cache_clear()


def _lines(held: dict[str, dict[str, Weighing]]) -> str:
    """Return the file of a language: a line for each sign, so that changes can be read."""
    questions = []
    for question, signs in sorted(held.items()):
        lines = [
            f"{json.dumps(sign, ensure_ascii=False)}:{json.dumps(weights, separators=(',', ':'))}"
            for sign, weights in sorted(signs.items())
        ]
        questions.append(f'"{question}":{{\n' + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(questions) + "\n}\n"


def _rounded(weights: Mapping[str, float], least: float = LEAST) -> Weighing:
    return {name: round(value, 2) for name, value in sorted(weights.items()) if abs(value) >= least}


def figures(
    folder: Path, docs: frozenset[str] | None = None, *, alone: bool = False
) -> Iterator[Figure]:
    """Yield each claim to be, neutral or not, that gold has a word on; of these documents alone.

    `alone` reads each paragraph by itself, as users quote them: what stands in the sentence then
    has to tell whom a figure is about, for there is no article around it.
    """
    gold = scoring.by_document(
        line for path in sorted(folder.glob("gold*.jsonl")) for line in scoring.load(path)
    )
    worth = {TUNED: TUNED_WORTH, FITTED: 1.0}.get(folder, GIVEN_WORTH)
    for path in sorted([*folder.glob("*.txt"), *folder.glob("texts/*.txt")]):
        if docs is not None and path.name not in docs:
            continue
        text, lines = path.read_text("utf-8"), gold.get(path.name, [])
        for part, start in _paragraphs(text) if alone else ((text, 0),):
            within = [
                _moved(line, -start)
                for line in lines
                if start <= line["start"] and line["end"] <= start + len(part)
            ]
            if not within:
                continue
            for draft in drafts_of(open_document(part.encode(), name=path.name)):
                met = [line for line in within if _meets(line, draft)]
                stated = tuple(line for line in met if line["measure"] not in scoring.NEUTRAL)
                if not draft.is_neutral or draft.weighed is not None:
                    yield Figure(path.name, draft, stated, bool(met) and not stated, worth)


def _paragraphs(text: str) -> Iterator[tuple[str, int]]:
    """Yield each paragraph with where it starts."""
    start = 0
    for part in text.splitlines(keepends=True):
        if part.strip():
            yield part, start
        start += len(part)


def _moved(line: scoring.Line, by: int) -> scoring.Line:
    return {**line, "start": line["start"] + by, "end": line["end"] + by}


def _measure_question(figure: Figure) -> Question | None:
    weighed = figure.draft.weighed
    if weighed is None or not (figure.lines or figure.is_neutral):
        return None
    code = figure.draft.scene.pack.code
    words = {f"{code}{OF_LANGUAGE}{name}": value for name, value in weighed.words.items()}
    right = {line["measure"] for line in figure.lines} or {NOTHING}
    return Question(
        figure.doc,
        {**weighed.signs, **words},
        {name: weighed.named.get(name, {}) for name in weighed.names},
        frozenset(right),
        max(figure.worth, 1.0),
    )


def _subject_choice(figure: Figure) -> Choice | None:
    choice = figure.draft.choice
    subjects = {line["subject"] for line in figure.lines}
    if choice is None or not choice.rivals or not subjects:
        return None
    right = tuple(rival.id in subjects for rival in choice.rivals)
    rivals = tuple(rival.features for rival in choice.rivals)
    return Choice(figure.doc, rivals, right, max(figure.worth, 1.0))


def _verdict(figure: Figure) -> Question:
    fields = {name: getattr(figure.draft, name) for name in scoring.TUPLE}
    right = any(all(line[n] == fields[n] for n in scoring.TUPLE) for line in figure.lines)
    seen: Features = features_of(figure.draft)
    answer = RIGHT if right else WRONG
    return Question(figure.doc, {}, {RIGHT: seen, WRONG: {}}, frozenset({answer}), figure.worth)


def _meets(line: scoring.Line, draft: Draft) -> bool:
    overlap = bool(line["start"] < draft.end and draft.start < line["end"])
    if line["measure"] in scoring.NEUTRAL:
        return overlap
    same = scoring.number(line["value"]) == scoring.number(draft.value)
    return overlap and same and line["unit"] == draft.unit


def _folds(items: Sequence[Any]) -> Iterator[tuple[list[Any], list[Any]]]:
    docs = sorted({item.doc for item in items})
    random.Random(SEED).shuffle(docs)
    for fold in range(FOLDS):
        out = set(docs[fold::FOLDS])
        yield [i for i in items if i.doc not in out], [i for i in items if i.doc in out]


if __name__ == "__main__":
    main()
