"""Fits weights of signs so that right answers win: regularised softmax regression, by L-BFGS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize, sparse

from mains.reports.reader.weights import Features

STEPS_MAX: Final = 150
FLOOR: Final = 1e-12
NEVER: Final = -1e9

Weighing = dict[str, float]


@dataclass(frozen=True, slots=True)
class Choice:
    """Rivals with their signs, of which some are right; `worth` is the sample's weight."""

    doc: str
    rivals: tuple[Features, ...]
    right: tuple[bool, ...]
    worth: float = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """Signs of one thing asked, the answers that it allows with signs of their own, the right."""

    doc: str
    signs: Features
    answers: Mapping[str, Features]
    right: frozenset[str]
    worth: float = 1.0


def fit_choices(choices: Sequence[Choice], *, strength: float, seen_min: int = 3) -> Weighing:
    """Return the weights under which right rivals win; `strength` pulls them towards nought."""
    held = [c for c in choices if any(c.right) and len(c.rivals) > 1]
    rows = [rival for choice in held for rival in choice.rivals]
    names, matrix = _matrix(rows, seen_min)
    group = np.repeat(np.arange(len(held)), [len(c.rivals) for c in held])
    starts = np.searchsorted(group, np.arange(len(held)))
    right = np.array([r for c in held for r in c.right], float)
    worth = np.array([c.worth for c in held])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        totals = matrix @ weights
        odds = np.exp(totals - np.maximum.reduceat(totals, starts)[group])
        parts = odds / np.add.reduceat(odds, starts)[group]
        won = np.add.reduceat(parts * right, starts)
        push = (parts - parts * right / (won[group] + FLOOR)) * worth[group]
        slope = matrix.T @ push + strength * weights
        return float(-(worth * np.log(won + FLOOR)).sum() + strength * weights @ weights / 2), slope

    found = _least(loss, len(names))
    return dict(zip(names, map(float, found), strict=True))


@dataclass(frozen=True, slots=True)
class Answering:
    """Weights of signs by answer, and of the answers' own signs."""

    by_answer: Mapping[str, Mapping[str, float]]
    own: Weighing

    def shares(self, question: Question) -> dict[str, float]:
        """Return how likely each answer is."""
        totals = {
            answer: sum(self.own.get(name, 0.0) * value for name, value in seen.items())
            for answer, seen in question.answers.items()
        }
        for name, value in question.signs.items():
            for answer, weight in self.by_answer.get(name, {}).items():
                if answer in totals:
                    totals[answer] += weight * value
        top = max(totals.values())
        odds = {answer: float(np.exp(total - top)) for answer, total in totals.items()}
        whole = sum(odds.values())
        return {answer: odd / whole for answer, odd in odds.items()}


def fit_answers(
    questions: Sequence[Question], *, strength: float, own_strength: float = 0.1, seen_min: int = 4
) -> Answering:
    """Return the weights under which right answers win among those that each question allows."""
    held = [q for q in questions if q.right & set(q.answers)]
    names, matrix = _matrix([q.signs for q in held], seen_min)
    own_names = sorted({name for q in held for seen in q.answers.values() for name in seen})
    own_index = {name: number for number, name in enumerate(own_names)}
    answers = sorted({answer for q in held for answer in q.answers})
    index = {answer: number for number, answer in enumerate(answers)}
    barred = np.full((len(held), len(answers)), NEVER)
    wanted = np.zeros((len(held), len(answers)))
    own = np.zeros((len(held), len(answers), len(own_names)))
    for row, question in enumerate(held):
        right = question.right & set(question.answers)
        for answer, seen in question.answers.items():
            barred[row, index[answer]] = 0.0
            wanted[row, index[answer]] = (answer in right) / len(right)
            for name, value in seen.items():
                own[row, index[answer], own_index[name]] = value
    worth = np.array([q.worth for q in held])[:, None]
    shape = (len(names), len(answers))
    size = shape[0] * shape[1]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, own_weights = flat[:size].reshape(shape), flat[size:]
        totals = matrix @ weights + own @ own_weights + barred
        odds = np.exp(totals - totals.max(1, keepdims=True))
        parts = odds / odds.sum(1, keepdims=True)
        push = (parts - wanted) * worth
        slope = matrix.T @ push + strength * weights
        own_slope = np.einsum("ra,rao->o", push, own) + own_strength * own_weights
        lost = -(worth * wanted * np.log(parts + FLOOR)).sum()
        lost += (strength * (weights**2).sum() + own_strength * own_weights @ own_weights) / 2
        return float(lost), np.concatenate([slope.ravel(), own_slope])

    found = _least(loss, size + len(own_names))
    weights = found[:size].reshape(shape)
    return Answering(
        {
            name: {answer: float(weights[row, column]) for answer, column in index.items()}
            for row, name in enumerate(names)
        },
        dict(zip(own_names, map(float, found[size:]), strict=True)),
    )


def _matrix(rows: Sequence[Features], seen_min: int) -> tuple[list[str], sparse.csr_matrix]:
    seen = Counter(name for row in rows for name in row)
    names = sorted(name for name, count in seen.items() if count >= seen_min)
    index = {name: number for number, name in enumerate(names)}
    spots = [
        (number, index[name], value)
        for number, row in enumerate(rows)
        for name, value in row.items()
        if name in index
    ]
    lines = [line for line, _, _ in spots]
    columns = [column for _, column, _ in spots]
    values = [value for _, _, value in spots]
    return names, sparse.csr_matrix((values, (lines, columns)), shape=(len(rows), len(names)))


def _least(loss: object, size: int) -> np.ndarray:
    found = optimize.minimize(
        loss,
        np.zeros(size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": STEPS_MAX},
    )
    return np.asarray(found.x)
