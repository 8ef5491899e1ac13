"""Ranks and superlatives: what is ranked, and who holds the place.

The nouns behind the rank are ranked, one claim for each ("the most laboratories, centres and
experts"); where none follows, what the clause or sentence before counted is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mains.reports.reader.amounts import counts_nothing
from mains.reports.reader.binding_subjects import choose_subject
from mains.reports.reader.drafts import Draft, subject_reasons
from mains.reports.reader.figures import Quantity, QuantityKind
from mains.reports.reader.focus import Focus
from mains.reports.reader.governing import AREAS, WIDE, area_of, speaker_of
from mains.reports.reader.lexicon import Role
from mains.reports.reader.mentions import Known, MeasureCue
from mains.reports.reader.scene import ENDING_MARKS, Scene
from mains.reports.values import BlockKind, Reason, Status

RANKED_GAP_MAX: Final = 6
LIST_GAP_MAX: Final = 5
RANK: Final = "rank_"
FIRST_OF_KIND: Final = "first_of_kind"
POSSESSED_GAP_MAX: Final = 1
LIST_MARKS: Final = frozenset(",，、和及与")
LIST_ONLY: Final = frozenset("、")
UNRANKED: Final = frozenset({"time", "thresholds", "public_money"})


def bind_rank(
    scene: Scene,
    quantity: Quantity,
    drafts: Sequence[Draft],
    previous: Sequence[Draft],
    focus: Focus,
) -> list[Draft]:
    """Return one claim for each thing ranked; a superlative that ranks nothing known gives none."""
    if quantity.kind is QuantityKind.FIRST:
        if not _is_first_somewhere(scene, quantity):
            return []
        return [_made(scene, quantity, FIRST_OF_KIND, None, None, focus)]
    ranked = list(_ranked(scene, quantity, drafts, previous))
    if not ranked:
        if quantity.kind is not QuantityKind.RANK:
            return []
        ranked = [(None, None, None)]
    found = []
    for measure, cue, subject in ranked:
        found.append(_made(scene, quantity, measure, cue, subject, focus))
    return found


def _is_first_somewhere(scene: Scene, quantity: Quantity) -> bool:
    """Whether the clause says among what it is the first: in a country, the world, a sector."""
    clause = scene.clause(quantity.first)
    if any(
        scope in AREAS and quantity.last <= start and scene.is_one_clause(quantity.first, start)
        for start, _, scope in scene.mentions.scopes
    ):
        return True
    return any(
        mention.kind in WIDE
        and scene.clause(mention.first) == clause
        and (
            quantity.last <= mention.first
            or mention.known is Known.ADJECTIVE
            or 0 <= quantity.first - mention.last <= POSSESSED_GAP_MAX
        )
        for mention in scene.entities
    )


def _ranked(
    scene: Scene, quantity: Quantity, drafts: Sequence[Draft], previous: Sequence[Draft]
) -> Iterator[tuple[str | None, MeasureCue | None, str | None]]:
    """Yield measure, cue, and the subject where an earlier claim gives it."""
    if quantity.kind is QuantityKind.ORDINAL:
        return
    behind = list(_behind(scene, quantity))
    if behind:
        for cue, measure in behind:
            yield measure, cue, None
        return
    before = _before(scene, quantity)
    earlier = [d for d in drafts if _can_rank(scene, d) and d.last <= quantity.first]
    if earlier:
        yield _base(earlier[-1].measure or ""), None, None
    elif before is not None:
        yield before[1], before[0], None
    elif quantity.kind is QuantityKind.RANK or _stands_alone(scene, quantity):
        held = [d for d in previous if _can_rank(scene, d)]
        if held:
            yield _base(held[-1].measure or ""), None, None


def _stands_alone(scene: Scene, quantity: Quantity) -> bool:
    """Whether no noun follows the superlative: the biggest of them, Denmark came top with 42%."""
    return counts_nothing(scene.sentence.tokens, quantity.last, scene.pack)


def _can_rank(scene: Scene, draft: Draft) -> bool:
    if draft.measure is None or draft.is_neutral or not draft.is_measure_sure:
        return False
    rule = scene.pack.rules.get(_base(draft.measure))
    return rule is not None and not rule.general and rule.family not in UNRANKED


def _base(measure: str) -> str:
    """Return what a rank ranks, and any other measure as it is."""
    return measure.removeprefix(RANK)


def _behind(scene: Scene, quantity: Quantity) -> Iterator[tuple[MeasureCue, str]]:
    """Yield the nouns that follow the rank, as long as they form a list."""
    end, reach = quantity.last, RANKED_GAP_MAX
    for cue in scene.mentions.measures:
        if cue.first < quantity.first:
            continue
        if cue.first < end:
            gap = 0
        else:
            gap = cue.first - end if end > quantity.last else _clause_gap(scene, end, cue.first)
        if _is_divided(scene, quantity.last, cue.first):
            return
        if gap > reach or any(i in scene.figure_tokens for i in range(end, cue.first)):
            return
        if end > quantity.last and not _is_listed(scene, end, cue.first):
            return
        measure = _measure_of(scene, cue)
        if measure is not None:
            yield cue, measure
            end, reach = cue.last, LIST_GAP_MAX


def _is_divided(scene: Scene, end: int, first: int) -> bool:
    """Whether a mark ends what the rank ranks: a semicolon, with classifiers any but a list's.

    Scripts that count with classifiers name what is ranked before the place: 数量居首位，...
    """
    if scene.is_between_strong(end, first):
        return True
    marks = ENDING_MARKS - LIST_ONLY
    has_classifiers = bool(scene.pack.grammar.numbers.classifiers)
    return has_classifiers and any(t.text in marks for t in scene.sentence.tokens[end:first])


def _is_listed(scene: Scene, end: int, first: int) -> bool:
    """Whether a list's mark or a conjunction leads from one noun to the next."""
    openers = {clause.first for clause in scene.sentence.clauses}
    return any(
        index in openers or scene.sentence.tokens[index].text in LIST_MARKS
        for index in range(end, first)
    )


def _clause_gap(scene: Scene, end: int, first: int) -> int:
    """Return the gap to the first noun ranked: anywhere behind the rank in its own clause."""
    return 0 if scene.is_one_clause(end, first) else first - end


def _before(scene: Scene, quantity: Quantity) -> tuple[MeasureCue, str] | None:
    clause = scene.clause(quantity.first)
    held = [
        (cue, measure)
        for cue in scene.mentions.measures
        if cue.last <= quantity.first and abs(scene.clause(cue.first) - clause) <= 1
        for measure in (_measure_of(scene, cue),)
        if measure is not None
    ]
    return held[-1] if held else None


def _measure_of(scene: Scene, cue: MeasureCue) -> str | None:
    """Return the measure that the noun names for a rank: things counted go before all others."""
    options: list[tuple[int, str]] = []
    if any(m.first < cue.last and cue.first < m.last for m in scene.entities):
        return None
    for naming in cue.namings:
        rule = scene.pack.rules[naming.measure]
        words = scene.pack.measures.measures[naming.measure]
        if (
            naming.role is Role.VERB
            or rule.neutral
            or rule.general
            or rule.counted
            or rule.family in UNRANKED
        ):
            continue
        needed = naming.role is Role.HEAD and words.needs
        if needed and not any(naming.measure in held for _, held in scene.mentions.needs):
            continue
        order = (0 if rule.rank_only else 1) + (2 if naming.role is Role.HEAD else 0)
        if naming.role is Role.HEAD and "count" not in rule.units:
            # "Third by number of firms" counts firms, whatever else the firms are said to do.
            order += 1
        options.append((order, naming.measure))
    return min(options)[1] if options else None


def _made(
    scene: Scene,
    quantity: Quantity,
    measure: str | None,
    cue: MeasureCue | None,
    subject_id: str | None,
    focus: Focus,
) -> Draft:
    kinds = scene.pack.rules[measure].subjects if measure else ("city", "country", "org", "model")
    subject = choose_subject(
        scene,
        quantity.first,
        quantity.last,
        kinds,
        cue=None,
        focus=focus,
        family=scene.pack.rules[measure].family if measure else None,
        is_rank=True,
    )
    accepted = measure is not None and subject is not None and subject.is_clear
    name = None
    if measure is not None:
        name = measure if measure == FIRST_OF_KIND else f"{RANK}{measure}"
    why = (
        Reason("measure_ranked", f"{measure} is ranked")
        if measure
        else Reason("measure_unknown", "no word says what is ranked")
    )
    holder = subject_id or (subject.id if subject else None)
    area = area_of(scene, quantity.first, quantity.last, holder)
    return Draft.of(
        scene,
        quantity,
        measure=name,
        subject=holder,
        scope="headline" if scene.block is BlockKind.TITLE else area,
        speaker=speaker_of(scene),
        status=Status.ACCEPTED if accepted else Status.QUEUED,
        reasons=(why, *subject_reasons(subject)),
        cue=cue,
        choice=subject,
    )
