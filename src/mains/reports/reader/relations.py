"""Relations without a figure: who operates, develops, plans, funds or says what.

    found = relations(scenes, claims, sha256=document.sha256, doc=document.name)

Accepted where both ends are named or are clear noun phrases by the sentence's structure; queued
where an end had to be taken from further away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final

from mains.reports.packs.predicates import predicate_rules
from mains.reports.reader.ends import LOOKS, Memory, named_ends
from mains.reports.reader.frames import Marked, Trigger, triggers
from mains.reports.reader.scene import Scene
from mains.reports.reader.speaking import offices, said, speaker_of, spoken
from mains.reports.reader.stating import PLANNING, Found, main_subject, stated
from mains.reports.values import BlockKind, Claim, Relation, Status, identify

READ_KINDS: Final = (BlockKind.TITLE, BlockKind.BODY, BlockKind.RELATED)


def relations(
    scenes: Iterable[Scene], claims: Sequence[Claim] = (), *, sha256: str, doc: str
) -> tuple[Relation, ...]:
    """Return the relations of a document's sentences, in the order of the text.

    `claims` are the document's figures: what is said of them is no relation, and a round that is
    led or a voucher names its figure.
    """
    memory = Memory()
    found: dict[str, Relation] = {}
    for scene in scenes:
        if scene.block not in READ_KINDS:
            continue
        memory.enter(scene.sentence)
        ends = tuple(named_ends(scene, memory))
        marked = Marked(scene.sentence, scene.pack, ends, triggers(scene.sentence, scene.pack))
        for held in in_sentence(marked, memory):
            if held.predicate == "says" and _states_figure(held, marked, claims):
                continue
            made = _relation(held, marked, scene.block, claims, sha256=sha256, doc=doc)
            found.setdefault(made.id, made)
    return tuple(sorted(found.values(), key=lambda relation: (relation.start, relation.end)))


def in_sentence(marked: Marked, memory: Memory) -> list[Found]:
    """Return the relations of one sentence: stated by triggers, by offices, by what is said."""
    found: list[Found] = []
    topic = memory.topic
    stated_at = -1
    for trigger, following in zip_longest(marked.triggers, marked.triggers[1:]):
        if _only_leads(trigger, following) or _is_inside(trigger, found):
            continue
        if trigger.first == stated_at:
            # Another sense of the same words has fitted already.
            continue
        made, topic = stated(marked, trigger, topic)
        found.extend(made)
        stated_at = trigger.first if made else stated_at
    found.extend(offices(marked))
    found.extend(said(marked, topic, found))
    memory.topic = main_subject(marked) or topic
    speaker = speaker_of(marked, memory.topic) if found else None
    if speaker is not None:
        found = [spoken(held, speaker) for held in found]
    return found


def _only_leads(trigger: Trigger, following: Trigger | None) -> bool:
    """A verb of planning right before another verb says only that the other is planned."""
    return (
        trigger.predicate in PLANNING
        and following is not None
        and trigger.first < following.first <= trigger.last + 1
    )


def _is_inside(trigger: Trigger, found: Sequence[Found]) -> bool:
    """A noun that states something inside another relation's object is a part of that object."""
    return trigger.form == "nouns" and any(
        held.object.first <= trigger.first < held.object.last
        or held.first <= trigger.first < held.last
        for held in found
    )


def _relation(
    found: Found,
    marked: Marked,
    block: BlockKind,
    claims: Sequence[Claim],
    *,
    sha256: str,
    doc: str,
) -> Relation:
    tokens = marked.tokens
    start, end = tokens[found.first].start, tokens[found.last - 1].end
    subject = found.subject.id or found.subject.text
    target = found.object.id or found.object.text
    notes = [found.note] if found.note else []
    if block is BlockKind.RELATED:
        notes.append("link title")
    figure = _figure(found, marked, claims)
    if figure is not None:
        notes.append(f"figure {figure.id}")
    weak = block is BlockKind.RELATED or (
        (found.subject.by == "dropped" and found.subject.id is None)
        or LOOKS in (found.subject.by, found.object.by)
    )
    return Relation(
        id=identify(sha256, "relation", start, end, subject, found.predicate, target),
        doc=doc,
        start=start,
        end=end,
        quote=marked.sentence.document[start:end],
        subject=subject,
        predicate=found.predicate,
        object=target,
        modality=found.modality,
        note="; ".join(notes) or None,
        status=Status.QUEUED if weak else Status.ACCEPTED,
        language=marked.sentence.language,
    )


def _states_figure(found: Found, marked: Marked, claims: Sequence[Claim]) -> bool:
    """Whether what is said is a figure or a rank: that is a claim with its speaker already."""
    start = marked.tokens[found.object.first].start
    end = marked.tokens[found.object.last - 1].end
    return any(start <= claim.start < end for claim in claims if not claim.is_neutral)


def _figure(found: Found, marked: Marked, claims: Sequence[Claim]) -> Claim | None:
    """Return the figure that a relation goes with: the nearest of its measures before its end."""
    measures = predicate_rules()[found.predicate].figures
    stop = marked.sentence.end
    held = [
        claim
        for claim in claims
        if claim.measure in measures and marked.sentence.paragraph <= claim.start < stop
    ]
    return held[-1] if held else None
