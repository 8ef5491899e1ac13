"""Whom or what a figure is about: every thing of a fitting kind is weighed by where it stands.

Strong are the genitive or place of the noun counted, the subject of the clause, and the name right
before brackets; weak are sources, adjectives of countries and what stands behind "than" or "by".
Where the sentence names nothing that fits, the paragraph, the title and the document are asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from mains.reports.reader.focus import PLACES, Focus
from mains.reports.reader.lexicon import Link
from mains.reports.reader.mentions import EntityMention, Known, MeasureCue
from mains.reports.reader.scene import Scene
from mains.reports.values import BlockKind

ACCEPTED_MIN: Final = 2.2
TOPIC_SCORES: Final = {"paragraph": 3.2, "heading": 2.9, "title": 2.6, "document": 2.0}
OTHER_FAMILY_SCORE: Final = 2.0
POSSESSED_GAP_MAX: Final = 4
PRODUCTS: Final = frozenset({"app", "model"})
ALIKE: Final = (
    PLACES,
    PRODUCTS,
    frozenset({"org", "platform"}),
    frozenset({"programme", "plan"}),
    frozenset({"event"}),
)
RIVAL_MARGIN: Final = 0.25
MAIN_WAY_MAX: Final = 3.2
OPENING_WORDS_MAX: Final = 3
SEAT_GAP_MAX: Final = 3
LIST_GAP_MAX: Final = 3
POSSESSIVES: Final = frozenset({"'s", "’s", "'", "-", "的"})
LIST_MARKS: Final = frozenset(",，、和与及")
WIDE_PLACES: Final = frozenset({"country", "union", "region"})


@dataclass(frozen=True, slots=True)
class SubjectChoice:
    """A subject for a figure, how well it fits, and where it was found."""

    id: str
    score: float
    slot: str
    """"possessor", "clause", "sentence", "behind", "paragraph", "title" or "document"."""
    mention: EntityMention | None = None
    is_ambiguous: bool = False

    @property
    def is_clear(self) -> bool:
        """Whether the binding is strong enough to be accepted."""
        return self.score >= ACCEPTED_MIN and not self.is_ambiguous


def choose_subject(
    scene: Scene,
    first: int,
    last: int,
    kinds: Sequence[str],
    *,
    cue: MeasureCue | None,
    focus: Focus,
    is_rank: bool = False,
) -> SubjectChoice | None:
    """Return the best subject for the figure at token indices [first, last)."""
    if (listed := _respective(scene, first, kinds)) is not None:
        return listed
    choices = [
        choice
        for mention in scene.entities
        if mention.id is not None and mention.kind in kinds
        for choice in (_weigh(scene, first, last, mention, cue, is_rank=is_rank),)
    ]
    is_first_near = any(_is_like(c.id, kinds[0]) for c in choices)
    choices = [
        SubjectChoice(_as_kind(c.id, kinds[0]), c.score - cost, c.slot, c.mention)
        for c in choices
        for cost in (_kind_cost(kinds, c.id, is_first_near=is_first_near),)
    ]
    ranked = sorted(choices, key=lambda choice: -choice.score)
    if ranked and ranked[0].score >= ACCEPTED_MIN:
        rivals = [c for c in ranked[1:] if c.id != ranked[0].id]
        if rivals and ranked[0].score - rivals[0].score < RIVAL_MARGIN:
            best = ranked[0]
            return SubjectChoice(best.id, best.score, best.slot, best.mention, is_ambiguous=True)
        return ranked[0]
    topic = focus.topic(kinds, scene)
    if topic is not None:
        score = TOPIC_SCORES[topic.source]
        if (topic.kind in PLACES) != (kinds[0] in PLACES):
            # What runs a scheme is no substitute for the scheme itself.
            score = min(score, OTHER_FAMILY_SCORE)
        return SubjectChoice(topic.id, score, topic.source, is_ambiguous=topic.is_ambiguous)
    return ranked[0] if ranked else None


def _kind_cost(kinds: Sequence[str], id_: str, *, is_first_near: bool) -> float:
    """Return what another kind than the measure's first costs, more where that one is near."""
    kind = id_.partition(":")[0]
    cost = 0.1 * kinds.index(kind)
    if not _is_like(id_, kinds[0]):
        cost += 1.8 if is_first_near else 0.8
    return cost


def _is_like(id_: str, first: str) -> bool:
    """Whether the id is of the measure's first kind, or of one that stands in for it."""
    kind = id_.partition(":")[0]
    return any(first in group and kind in group for group in ALIKE)


def _as_kind(id_: str, first: str) -> str:
    """Return the id of the product that is meant: a model is used as the app of its name."""
    kind, _, name = id_.partition(":")
    return f"{first}:{name}" if {kind, first} == PRODUCTS else id_


def _weigh(
    scene: Scene,
    first: int,
    last: int,
    mention: EntityMention,
    cue: MeasureCue | None,
    *,
    is_rank: bool,
) -> SubjectChoice:
    score, slot = _place(scene, first, last, mention, cue)
    if mention.known is Known.ADJECTIVE:
        score -= 1.6
    if mention.known is Known.LOOKS:
        score -= 1.2
    if mention.kind == "country" and _has_narrower(scene, mention):
        score -= 3.0 if mention.known is Known.STAND_IN else 0.6
    if mention.first in scene.source_tokens:
        score -= 2.5
    if mention.kind in PLACES and _is_seat(scene, mention):
        score -= 1.5
    links = scene.links(mention.first)
    if slot != "possessor" and links & {Link.BY, Link.WITH, Link.FROM} and not links & {Link.OF}:
        score -= 1.2
    if is_rank and mention.kind in WIDE_PLACES and Link.IN in links:
        score -= 2.5
    return SubjectChoice(mention.id or "", score, slot, mention)


def _respective(scene: Scene, first: int, kinds: Sequence[str]) -> SubjectChoice | None:
    """Return the partner of a figure in two lists of equal length: "A and B have 12 and 7"."""
    figures = [q for q in scene.quantities if not q.is_neutral and q.pair is None]
    at = next((k for k, q in enumerate(figures) if q.first == first), None)
    if at is None:
        return None
    low = high = at
    while low > 0 and _adjoin(scene, figures[low - 1].last, figures[low].first):
        low -= 1
    while high + 1 < len(figures) and _adjoin(scene, figures[high].last, figures[high + 1].first):
        high += 1
    size = high - low + 1
    named = [m for m in scene.entities if m.kind in kinds and m.id and m.last <= figures[low].first]
    if size < 2 or len(named) < size:
        return None
    row = named[-size:]
    if not all(_adjoin(scene, a.last, b.first) for a, b in pairwise(row)):
        return None
    if len(named) > size and _adjoin(scene, named[-size - 1].last, row[0].first):
        return None
    chosen = row[at - low]
    return SubjectChoice(chosen.id or "", 6.5, "respective", chosen)


def _adjoin(scene: Scene, last: int, first: int) -> bool:
    """Whether only a list's mark, a conjunction or a counting word stands between."""
    between = scene.sentence.tokens[last:first]
    if not 1 <= len(between) <= LIST_GAP_MAX:
        return False
    clauses = {clause.first for clause in scene.sentence.clauses}
    classifiers = scene.pack.grammar.numbers.classifiers
    return all(
        token.text in LIST_MARKS or index in clauses or token.text in classifiers
        for index, token in enumerate(between, last)
    ) and any(t.text in LIST_MARKS or i in clauses for i, t in enumerate(between, last))


def _has_narrower(scene: Scene, mention: EntityMention) -> bool:
    return any(m.kind in ("city", "region") and m.id != mention.id for m in scene.entities)


def _is_seat(scene: Scene, mention: EntityMention) -> bool:
    """Whether the place only says where the organisation right before it sits."""
    return any(
        other.kind in ("org", "platform")
        and other.known is not Known.STAND_IN
        and 0 <= mention.first - other.last <= SEAT_GAP_MAX
        for other in scene.entities
    )


def _place(
    scene: Scene, first: int, last: int, mention: EntityMention, cue: MeasureCue | None
) -> tuple[float, str]:
    """Return the weight of where the mention stands, and the name of that slot."""
    if cue is not None and _is_possessor(scene, mention, cue):
        return 7.5 - 0.3 * scene.distance(cue.last, mention.first), "possessor"
    if mention.last <= first:
        way = scene.distance(mention.last, first)
        if _opens_sentence(scene, mention):
            way = min(way, MAIN_WAY_MAX)
        same = scene.clause(mention.first) == scene.clause(first)
        score = 6.5 - way + (0.5 if same else 0.0)
        if _opens_clause(scene, mention):
            score += 0.5
        return score, "clause" if same else "sentence"
    way = scene.distance(last, mention.first)
    figures = sum(
        last <= other.first and other.last <= mention.first and not other.is_neutral
        for other in scene.quantities
    )
    return 4.0 - 1.3 * way - 0.8 * figures, "behind"


def _is_possessor(scene: Scene, mention: EntityMention, cue: MeasureCue) -> bool:
    """Whether the mention belongs to the cue's noun: "market of X", "X's market", "X 市场"."""
    if mention.last <= cue.first:
        between = scene.sentence.tokens[mention.last : cue.first]
        return all(token.norm in POSSESSIVES for token in between)
    gap = mention.first - cue.last
    if gap > POSSESSED_GAP_MAX or _divided(scene, cue.last, mention.first):
        return False
    links = scene.links(mention.first)
    return gap == 0 or bool(links & {Link.OF, Link.IN})


def _divided(scene: Scene, first: int, last: int) -> bool:
    return scene.clause(first) != scene.clause(last) or any(
        index in scene.figure_tokens for index in range(first, last)
    )


def _opens_sentence(scene: Scene, mention: EntityMention) -> bool:
    """Whether it is the sentence's main subject, which governs the clauses that name none."""
    oblique = scene.links(mention.first) & {Link.BY, Link.WITH, Link.FROM, Link.TO, Link.FOR}
    return mention.first <= OPENING_WORDS_MAX and not oblique


def _opens_clause(scene: Scene, mention: EntityMention) -> bool:
    clause = scene.sentence.clause_at(mention.first)
    return mention.first - clause.first <= 2


def is_quiet(block: BlockKind) -> bool:
    """Whether a block does not speak for the article: advertising, boilerplate."""
    return block in (BlockKind.PROMOTION, BlockKind.BOILERPLATE)
