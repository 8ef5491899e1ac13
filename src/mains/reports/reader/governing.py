"""What governs a figure without being its measure or subject: speaker and scope."""

from __future__ import annotations

from typing import Final

from mains.reports.packs import Pack
from mains.reports.reader.mentions import Known, MeasureCue
from mains.reports.reader.scene import ENDING_MARKS, Scene

SPEAKER_TOKENS_MAX: Final = 14
WORLD: Final = "world"
NATIONWIDE: Final = "nationwide"
SECTOR: Final = "sector"
AREAS: Final = frozenset({WORLD, NATIONWIDE, SECTOR})
"""Scopes that say among what something holds its place; they qualify no figure."""
WIDE: Final = frozenset({"country", "union", "region"})


def scope_at(scene: Scene, first: int, last: int, cue: MeasureCue | None) -> str | None:
    """Return the canonical scope that a qualifier beside the figure or its cue gives."""
    best: tuple[float, str] | None = None
    for start, end, scope in scene.mentions.scopes:
        if scope in AREAS:
            continue
        inside = cue is not None and cue.first <= start and end <= cue.last + 3
        way = 0.0 if inside else scene.distance(start, first if start < first else last)
        if not inside and not scene.is_one_clause(start, first, brackets=True):
            continue
        if best is None or way < best[0]:
            best = (way, scope)
    return best[1] if best is not None else None


def area_of(scene: Scene, first: int, last: int, subject: str | None) -> str | None:
    """Return among what a place is held, in English: a country, a union, the world.

    What is named behind the place goes before what is named before it; "in the country" is the one
    that the subject lies in.
    """
    found: list[tuple[float, str]] = []
    for mention in scene.entities:
        wide = mention.kind in WIDE and mention.known is not Known.ADJECTIVE
        if wide and mention.id is not None and mention.id != subject:
            way = _way(scene, first, last, mention.first)
            if way is not None:
                found.append((way, _english(scene.pack, mention.id)))
    for start, _, scope in scene.mentions.scopes:
        way = _way(scene, first, last, start)
        if way is not None and scope == WORLD:
            found.append((way, WORLD))
        elif way is not None and scope == NATIONWIDE and subject is not None:
            country = _country(scene.pack, subject)
            if country is not None:
                found.append((way, _english(scene.pack, country)))
    return min(found)[1] if found else None


def _way(scene: Scene, first: int, last: int, index: int) -> float | None:
    """Return how far a word of the same clause stands; what stands before the place is farther."""
    if not scene.is_one_clause(first, index):
        return None
    behind = index >= first
    return scene.distance(last, index) if behind else 1.0 + scene.distance(index, first)


def _country(pack: Pack, id_: str) -> str | None:
    """Return the country that a place lies in, or a company sits in."""
    within = pack.derive(_within)
    while id_ in within and not id_.startswith("country:"):
        id_ = within[id_]
    return id_ if id_.startswith("country:") else None


def _english(pack: Pack, id_: str) -> str:
    return pack.derive(_english_names).get(id_) or id_.partition(":")[2].replace("-", " ").title()


def _within(pack: Pack) -> dict[str, str]:
    return {entity.id: entity.within for entity in pack.entities if entity.within is not None}


def _english_names(pack: Pack) -> dict[str, str]:
    """Return the full names of unions, which their slugs abbreviate."""
    return {
        entity.id: max((*entity.names.get("en", ()), *entity.names.get("*", ())), key=len)
        for entity in pack.entities
        if entity.kind == "union"
    }


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
