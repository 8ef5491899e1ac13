"""What governs a figure without being its measure or subject: modality, speaker, scope, period."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mains.reports.reader.figures import PeriodMention
from mains.reports.reader.mentions import MeasureCue, ModalityCue
from mains.reports.reader.scene import ENDING_MARKS, Scene
from mains.reports.values import Modality

SPEAKER_TOKENS_MAX: Final = 14
ADJOINING_MAX: Final = 2
BEHIND_WAY_MAX: Final = 2.4
NEAR_WAY_MAX: Final = 1.3
LEAKS_FROM: Final = ("start", "conjunction", ",", "，", ":", "：", "—", "–")


def modality_at(scene: Scene, first: int, last: int) -> ModalityCue | None:
    """Return the cue whose clause governs the figure, or None where the text reports a fact.

    A cue governs the rest of its clause and the clauses after it, up to a semicolon or a cue that
    says otherwise; from a relative clause it does not reach out. Behind the figure it counts only
    inside the clause.
    """
    clause = scene.clause(first)
    governing: ModalityCue | None = None
    for cue in scene.mentions.modality:
        if cue.first >= last:
            if scene.clause(cue.first) == clause and governing is None:
                return cue
            continue
        if cue.last > first and cue.first < last:
            governing = cue
        elif _reaches(scene, cue, clause, first):
            governing = cue
    return governing


def _reaches(scene: Scene, cue: ModalityCue, clause: int, first: int) -> bool:
    own = scene.clause(cue.first)
    if own == clause:
        return True
    if scene.is_between_strong(cue.last, first):
        return False
    if scene.opener(own) in ("relative", "subordinator"):
        return False
    # A new clause with a subject of its own and a conjunction is its own statement.
    return all(
        scene.opener(k) not in ("relative", "subordinator") for k in range(own + 1, clause + 1)
    )


def default_modality(
    cue: ModalityCue | None, period: str | None, anchor: str | None, usual: str | None = None
) -> Modality:
    """Return the modality: the cue's, or planned where the period lies after the report.

    `usual` is what a figure of the measure is where no word says so.
    """
    if cue is not None:
        return cue.modality
    if usual is not None:
        return Modality(usual)
    if period is not None and anchor is not None and period.rpartition("/")[2] > anchor:
        if period.partition("/")[0][:4] > anchor[:4] or len(period) > len("2026"):
            return Modality.PLANNED
    return Modality.OBSERVED


def scope_at(scene: Scene, first: int, last: int, cue: MeasureCue | None) -> str | None:
    """Return the canonical scope that a qualifier beside the figure or its cue gives."""
    best: tuple[float, str] | None = None
    for start, end, scope in scene.mentions.scopes:
        inside = cue is not None and cue.first <= start and end <= cue.last + 3
        way = 0.0 if inside else scene.distance(start, first if start < first else last)
        if scene.clause(start) != scene.clause(first) and not inside:
            continue
        if best is None or way < best[0]:
            best = (way, scope)
    return best[1] if best is not None else None


def speaker_of(scene: Scene) -> str | None:
    """Return who says it, as written, where the sentence itself attributes."""
    tokens = scene.sentence.tokens
    for spot in scene.mentions.sources:
        end = spot.last
        while end < len(tokens) and end - spot.last < SPEAKER_TOKENS_MAX:
            if tokens[end].text in ENDING_MARKS or end in scene.figure_tokens:
                break
            end += 1
        if end > spot.last:
            return scene.sentence.document[tokens[spot.last].start : tokens[end - 1].end]
    for spot in scene.mentions.says:
        for speaker in scene.mentions.speakers:
            near = scene.clause(speaker.first) == scene.clause(spot.first)
            if near and abs(speaker.first - spot.first) <= SPEAKER_TOKENS_MAX:
                return _noun_phrase(scene, speaker.first, spot.first)
    return None


def _noun_phrase(scene: Scene, first: int, verb: int) -> str:
    tokens = scene.sentence.tokens
    end = first + 1
    limit = verb if verb > first else len(tokens)
    while end < limit and tokens[end].text not in ENDING_MARKS and end - first < SPEAKER_TOKENS_MAX:
        end += 1
    return scene.sentence.document[tokens[first].start : tokens[end - 1].end]


def governing_period(
    scene: Scene,
    first: int,
    last: int,
    periods: Iterable[PeriodMention],
    *,
    is_change: bool = False,
) -> PeriodMention | None:
    """Return the period that governs the figure: its clause's, else the one set before it.

    In the clause the nearest wins, one right behind the figure before one in front. A period at the
    head of the sentence holds for all clauses after it until another one stands there. A change
    is measured against "the year before", which does not govern it.
    """
    clause = scene.clause(first)
    held = [period for period in periods if not period.founded]
    compared = [p for p in held if (p.relative or "").startswith("same-")]
    if not is_change:
        for period in compared:
            adjoins = 0 <= period.first - last <= ADJOINING_MAX
            if adjoins and not _figures_between(scene, last, period.first):
                return period
    held = [period for period in held if period not in compared]
    inside = [period for period in held if scene.clause(period.first) == clause]
    if inside:
        return min(inside, key=lambda period: _way(scene, first, last, period))
    # A day dates its own clause alone: when it was said, not how things stood.
    held = [period for period in held if not _is_day(period) or period.point]
    behind = [
        period
        for period in held
        if period.first >= last
        and not _figures_between(scene, last, period.first)
        and not scene.is_between_strong(last, period.first)
        and scene.distance(last, period.first) < BEHIND_WAY_MAX
    ]
    before = [p for p in held if p.last <= first and not _is_spent(scene, p, clause)]
    if before:
        if behind and scene.distance(last, behind[0].first) < NEAR_WAY_MAX:
            return behind[0]
        return before[-1]
    return behind[0] if behind else None


def _is_spent(scene: Scene, period: PeriodMention, clause: int) -> bool:
    """Whether the period already dates a figure in front of it: it then dates nothing after it."""
    own = scene.clause(period.first)
    return own < clause and any(
        other.last <= period.first and scene.clause(other.first) == own
        for other in scene.quantities
    )


def _is_day(period: PeriodMention) -> bool:
    return period.period is not None and len(period.period.partition("/")[0]) == len("2026-01-31")


def _figures_between(scene: Scene, first: int, last: int) -> bool:
    return any(
        first <= other.first and other.last <= last and other.pair is None
        for other in scene.quantities
    )


def _way(scene: Scene, first: int, last: int, period: PeriodMention) -> float:
    if period.first >= last:
        blocked = 3.0 if _figures_between(scene, last, period.first) else 0.0
        return scene.distance(last, period.first) * 0.8 + blocked
    return scene.distance(period.last, first)
