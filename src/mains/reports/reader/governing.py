"""What governs a figure without being its measure or subject: speaker and scope."""

from __future__ import annotations

from typing import Final

from mains.reports.reader.mentions import MeasureCue
from mains.reports.reader.scene import ENDING_MARKS, Scene

SPEAKER_TOKENS_MAX: Final = 14
ADJOINING_MAX: Final = 2
BEHIND_WAY_MAX: Final = 2.4
NEAR_WAY_MAX: Final = 1.3


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
