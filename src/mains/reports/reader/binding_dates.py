"""Dates: of an event, a start, a deadline, or only the time of other figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mains.reports.packs import TokenKind
from mains.reports.reader.binding_subjects import SubjectChoice, choose_subject
from mains.reports.reader.drafts import Draft, subject_reasons
from mains.reports.reader.figures import PeriodMention
from mains.reports.reader.focus import Focus
from mains.reports.reader.governing import AREAS, scope_at, speaker_of
from mains.reports.reader.lexicon import Link, Role
from mains.reports.reader.mentions import EntityMention, MeasureCue
from mains.reports.reader.scene import Scene
from mains.reports.values import Reason, Status

EVENT_DATE: Final = "event_date"
YEAR: Final = re.compile(r"\d{4}")
EDITION_GAP_MAX: Final = 2
CUE_WAY_MAX: Final = 2.5
VERB_WAY_MAX: Final = 0.5
FOLLOWING_TOKENS_MAX: Final = 2


def neutral_period(scene: Scene, mention: PeriodMention) -> Draft:
    """Return the period as one that only qualifies other figures."""
    named = next((m.id for m in scene.entities if m.id is not None), None)
    return Draft.of_period(
        scene, mention, measure="reference_period", subject=named, status=Status.ACCEPTED
    )


def has_number(scene: Scene, mention: PeriodMention) -> bool:
    """Whether a number stands in the period: "in January" alone only dates the clause."""
    tokens = scene.sentence.tokens[mention.first : mention.last]
    return any(character.isnumeric() for token in tokens for character in token.text)


def bind_date(
    scene: Scene,
    mention: PeriodMention,
    drafts: Sequence[Draft],
    focus: Focus,
) -> Draft | None:
    """Return the date of an event, or None where the period only qualifies."""
    edition = _edition(scene, mention)
    if edition is not None:
        return Draft.of_period(
            scene,
            mention,
            measure=EVENT_DATE,
            subject=_edition_id(edition.id or "", mention),
            status=Status.ACCEPTED,
            reasons=(Reason("date_edition", "the year stands in the event's name"),),
        )
    if not _is_date_of_something(scene, mention, drafts):
        return None
    kinds = scene.pack.rules[EVENT_DATE].subjects
    subject = choose_subject(
        scene, mention.first, mention.last, kinds, cue=None, focus=focus, family="time"
    )
    return Draft.of_period(
        scene,
        mention,
        measure=EVENT_DATE,
        subject=_edition_id(subject.id, mention) if subject else None,
        status=Status.ACCEPTED if _is_clear(subject) else Status.QUEUED,
        scope=scope_at(scene, mention.first, mention.last, None) or _part(scene, mention),
        speaker=speaker_of(scene),
        reasons=tuple(subject_reasons(subject)),
        choice=subject,
    )


def _part(scene: Scene, mention: PeriodMention) -> str | None:
    """Return the part of the event that is named shortly before its date, across a comma."""
    near = [
        (scene.distance(end, mention.first), scope)
        for _, end, scope in scene.mentions.scopes
        if end <= mention.first and scope not in AREAS
    ]
    way, scope = min(near, default=(CUE_WAY_MAX, None))
    return scope if way < CUE_WAY_MAX else None


def _is_clear(subject: SubjectChoice | None) -> bool:
    return subject is not None and subject.is_clear


def _edition_id(id_: str, mention: PeriodMention) -> str:
    """Return an event's id with the year of its date, for events are held again and again."""
    has_year = re.search(r"-\d{4}$", id_) is not None
    if not id_.startswith("event:") or has_year or mention.year is None:
        return id_
    return f"{id_}-{mention.year}"


def _edition(scene: Scene, mention: PeriodMention) -> EntityMention | None:
    """Return the event in whose name the year stands: "the X Conference 2025", 2025 X 大会."""
    if mention.period is None or mention.relative or not YEAR.fullmatch(mention.period):
        return None
    for entity in scene.entities:
        near = 0 <= mention.first - entity.last <= EDITION_GAP_MAX
        links = scene.links(mention.first)
        joined = not links or Link.OF in links
        # Before the name it stands without a word for "year", and glued to it.
        glued = entity.first == mention.last and entity.start == mention.end
        if entity.kind == "event" and entity.id is not None and ((near and joined) or glued):
            return entity
    return None


def _is_date_of_something(scene: Scene, mention: PeriodMention, drafts: Sequence[Draft]) -> bool:
    """Whether it is the date of an event: a verb of one stands beside it, or no figure is near.

    A year alone needs the verb right before it; a day or month is an event's too if a noun of one
    is near and no figure of the clause could be what it dates.
    """
    if mention.period is None:
        return False
    figures = [d for d in drafts if not d.is_neutral]
    if _has_verb_before(scene, mention, figures):
        return True
    if YEAR.fullmatch(mention.period.partition("/")[0]) or mention.point:
        return False
    clause = scene.clause(mention.first)
    if any(scene.clause(d.first) == clause for d in figures):
        return _has_verb_behind(scene, mention)
    return any(
        naming.measure == EVENT_DATE
        and min(scene.distance(cue.last, mention.first), scene.distance(mention.last, cue.first))
        <= CUE_WAY_MAX
        for cue in scene.mentions.measures
        for naming in cue.namings
    )


def _has_verb_before(scene: Scene, mention: PeriodMention, figures: Sequence[Draft]) -> bool:
    """Whether a verb of an event leads to the date, with no figure between that it could date.

    "The site goes live in March 2026 with 12,000 chips": the date is the verb's, not the figure's.
    """
    clause = scene.clause(mention.first)
    return any(
        cue.last <= mention.first
        and scene.distance(cue.last, mention.first) <= VERB_WAY_MAX
        and scene.clause(cue.first) == clause
        and not any(cue.first < figure.last <= mention.first for figure in figures)
        for cue in _event_verbs(scene)
    )


def _has_verb_behind(scene: Scene, mention: PeriodMention) -> bool:
    """Whether the verb of an event follows the date at once, in scripts without spaces.

    Elsewhere such a verb tells what happened at the time: "in May 2025 26 firms had signed it".
    """
    tokens = scene.sentence.tokens
    if mention.last >= len(tokens) or tokens[mention.last].kind is not TokenKind.HAN:
        return False
    return any(0 <= cue.first - mention.last <= FOLLOWING_TOKENS_MAX for cue in _event_verbs(scene))


def _event_verbs(scene: Scene) -> list[MeasureCue]:
    return [
        cue
        for cue in scene.mentions.measures
        if any(n.measure == EVENT_DATE and n.role is Role.VERB for n in cue.namings)
    ]
