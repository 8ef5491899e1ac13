"""Whom or what a figure is about: every thing of a fitting kind is weighed by where it stands.

Strong are the genitive or place of the noun counted, the subject of the clause, and the name right
before brackets; weak are sources, adjectives of countries and what stands behind "than" or "by".
Where the sentence names nothing that fits, the paragraph, the title and the document are asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from mains.reports.reader.focus import Focus, Topic, holders_of
from mains.reports.reader.lexicon import Link
from mains.reports.reader.mentions import EntityMention, Known, MeasureCue
from mains.reports.reader.named import PLACES, as_kind
from mains.reports.reader.scene import Scene
from mains.reports.reader.weights import Features, shares, total, weights
from mains.reports.values import BlockKind

CERTAIN_MIN: Final = 0.6
POSSESSED_GAP_MAX: Final = 4
PRODUCTS: Final = frozenset({"app", "model"})
ALIKE: Final = (
    PLACES,
    PRODUCTS,
    frozenset({"org", "platform"}),
    frozenset({"programme", "plan"}),
    frozenset({"event"}),
)
OPENING_WORDS_MAX: Final = 3
SEAT_GAP_MAX: Final = 3
ABOUT: Final = ("standing_0", "titled", "lead")
"""Signs that the document is about a thing."""
LIST_GAP_MAX: Final = 3
MARKED_POSSESSIVES: Final = frozenset({"'s", "’s", "的"})
POSSESSIVES: Final = MARKED_POSSESSIVES | {"'", "-"}
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
    features: Features = field(default_factory=dict)
    """What was seen of it, each sign with its strength."""
    certainty: float = 1.0
    """Its share among all that were weighed."""
    rivals: tuple[SubjectChoice, ...] = ()
    """Everything that was weighed, the heaviest first; itself too."""

    @property
    def is_clear(self) -> bool:
        """Whether the binding is strong enough to be accepted."""
        return self.certainty >= CERTAIN_MIN


def choose_subject(
    scene: Scene,
    first: int,
    last: int,
    kinds: Sequence[str],
    *,
    cue: MeasureCue | None,
    focus: Focus,
    family: str | None = None,
    measure: str | None = None,
    is_rank: bool = False,
) -> SubjectChoice | None:
    """Return the likeliest subject for the figure at token indices [first, last).

    `kinds` are those that the measure may have as subject, the likeliest first; `family` is the
    measure's.
    """
    if (listed := _respective(scene, first, kinds)) is not None:
        return listed
    held = []
    for named in scene.entities:
        mention = as_kind(named, kinds)
        if mention is not None and mention.id is not None:
            held.append(_weigh(scene, first, last, mention, cue, is_rank=is_rank))
            if mention.kind != named.kind:
                held[-1].features["taken_as_kind"] = 1.0
    is_first_near = any(_is_like(choice.id, kinds[0]) for choice in held)
    around = _around(scene)
    held += _holders(scene, first, last, cue, kinds, focus, is_rank=is_rank)
    topics = focus.topics(kinds, scene)
    for choice in held:
        sources = {topic.source for topic in topics if topic.id == choice.id}
        choice.features.update({f"also_{source}": 1.0 for source in sources})
    held += [_of_topic(topic) for topic in topics]
    if not held:
        return None
    for choice in held:
        _compare(choice, kinds, focus, is_first_near=is_first_near)
        if choice.id in around:
            choice.features["around_named"] = 1.0
        _note_kind(choice, family, measure)
    return _best(held, kinds[0])


def _note_kind(choice: SubjectChoice, family: str | None, measure: str | None) -> None:
    """Note what kind of thing it is beside what is measured, and whether the text is about it."""
    features, kind = choice.features, choice.id.partition(":")[0]
    for name in (family, measure):
        if name is not None:
            features[f"{name}_of_{kind}"] = 1.0
    for sign in ABOUT:
        if sign in features and family is not None:
            features[f"{family}_of_{kind}_{sign}"] = 1.0


def _best(held: Sequence[SubjectChoice], first_kind: str) -> SubjectChoice:
    """Return the heaviest choice, with the share of its thing among all that were weighed."""
    weighing = weights().subject
    best: dict[str, SubjectChoice] = {}
    for choice in held:
        id_, score = _as_kind(choice.id, first_kind), total(choice.features, weighing)
        if id_ not in best or score > best[id_].score:
            best[id_] = SubjectChoice(id_, score, choice.slot, choice.mention, choice.features)
    ranked = sorted(best.values(), key=lambda choice: -choice.score)
    certainty = shares([choice.score for choice in ranked])[0]
    return replace(ranked[0], certainty=certainty, rivals=tuple(ranked))


def _holders(
    scene: Scene,
    first: int,
    last: int,
    cue: MeasureCue | None,
    kinds: Sequence[str],
    focus: Focus,
    *,
    is_rank: bool,
) -> list[SubjectChoice]:
    """Return what the things named lie in or belong to: a capital may stand for its country."""
    holders = scene.pack.derive(holders_of)
    named = {mention.id for mention in scene.entities}
    found = []
    for mention in scene.entities:
        holder = holders.get(mention.id or "")
        if holder is None or holder in named or holder.partition(":")[0] not in kinds:
            continue
        if mention.kind in PLACES and not focus.salience(holder):
            continue  # A place stands for a country that the text speaks of, not for any.
        if mention.kind == "model" and "model" not in kinds:
            continue  # Whose chips a site has says nothing of whose site it is.
        choice = _weigh(scene, first, last, mention, cue, is_rank=is_rank)
        choice.features[f"holder_of_{mention.kind}"] = 1.0
        found.append(replace(choice, id=holder, slot="holder"))
    return found


def _around(scene: Scene) -> frozenset[str]:
    """Return what the named things of the sentence lie in, itself not named there."""
    holders = scene.pack.derive(holders_of)
    named = {mention.id for mention in scene.entities if mention.id is not None}
    found: set[str] = set()
    for id_ in named:
        holder = holders.get(id_)
        while holder is not None and holder not in found:
            found.add(holder)
            holder = holders.get(holder)
    return frozenset(found - named)


def _of_topic(topic: Topic) -> SubjectChoice:
    features = {f"topic_{topic.source}": 1.0}
    if topic.is_ambiguous:
        features["topic_ambiguous"] = 1.0
    return SubjectChoice(topic.id, 0.0, topic.source, features=features)


def _compare(
    choice: SubjectChoice, kinds: Sequence[str], focus: Focus, *, is_first_near: bool
) -> None:
    """Note how likely the thing is by its kind, and by how the document speaks of it."""
    features = choice.features
    features["kind_order"] = float(kinds.index(choice.id.partition(":")[0]))
    if not _is_like(choice.id, kinds[0]):
        features["unlike_near" if is_first_near else "unlike"] = 1.0
    features["salience"] = focus.salience(choice.id)
    if not features["salience"]:
        features["never_named"] = 1.0
    if focus.is_titled(choice.id):
        features["titled"] = 1.0
    if focus.is_leading(choice.id):
        features["lead"] = 1.0
    standing = focus.standing(choice.id)
    features[f"standing_{standing}"] = 1.0
    features["subject_before"] = focus.told(choice.id)
    if choice.id == focus.last_subject:
        features["last_subject"] = 1.0
    if choice.id == focus.last_main:
        features["last_main"] = 1.0


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
    features: Features = {}
    slot = _place(scene, first, last, mention, cue, features)
    if mention.last <= first and _abuts(scene, mention, first):
        features["abuts"] = 1.0
    links = scene.links(mention.first)
    features[f"known_{mention.known.value}"] = 1.0
    if cue is not None and slot != "possessor":
        if last <= mention.first and mention.last <= cue.first:
            features["within_noun"] = 1.0
        elif mention.last == cue.first:
            features["adjoins_noun"] = 1.0
    if mention.kind == "country" and _has_narrower(scene, mention):
        features["wider"] = 1.0
    if mention.first in scene.source_tokens:
        features["source"] = 1.0
    if mention.kind in PLACES and _is_seat(scene, mention):
        features["seat"] = 1.0
    if slot != "possessor":
        for link in links:
            features[f"link_{link.value}"] = 1.0
        if links & {Link.BY, Link.WITH, Link.FROM} and not links & {Link.OF}:
            features["oblique"] = 1.0
    if is_rank and mention.kind in WIDE_PLACES and Link.IN in links:
        features["rank_within"] = 1.0
    return SubjectChoice(mention.id or "", 0.0, slot, mention, features=features)


def _abuts(scene: Scene, mention: EntityMention, first: int) -> bool:
    """Whether the figure follows the name, a mark at most between: "... and Turin, 45"."""
    between = scene.sentence.tokens[mention.last : first]
    return len(between) <= 1 and not any(token.is_word for token in between)


def _respective(scene: Scene, first: int, kinds: Sequence[str]) -> SubjectChoice | None:
    """Return the partner of a figure in two lists of equal length: "A and B have 12 and 7"."""
    figures = [q for q in scene.quantities if not q.is_neutral and q.pair is None]
    own = next((q for q in figures if q.first == first), None)
    if own is None:
        return None
    # A list holds figures of one unit; places behind it make a list of their own.
    figures = [q for q in figures if q.unit == own.unit]
    at = figures.index(own)
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
    scene: Scene,
    first: int,
    last: int,
    mention: EntityMention,
    cue: MeasureCue | None,
    features: Features,
) -> str:
    """Note where the mention stands, and return the name of that slot."""
    if cue is not None and _is_possessor(scene, mention, cue):
        features["possessor"] = 1.0
        features["possessor_way"] = scene.distance(cue.last, mention.first)
        return "possessor"
    if _has_figure(scene, mention, first):
        features["possessor"] = 1.0
        return "possessor"
    if mention.last <= first:
        same = scene.clause(mention.first) == scene.clause(first)
        features["before"] = 1.0
        features["before_way"] = scene.distance(mention.last, first)
        features["same_clause"] = float(same)
        features["opens_clause"] = float(_opens_clause(scene, mention))
        features["opens_same_clause"] = float(same and _opens_clause(scene, mention))
        features["opens_sentence"] = float(mention.first <= 2)
        nearer = sum(
            other.id is not None
            and other.id != mention.id
            and mention.last <= other.first
            and other.last <= first
            for other in scene.entities
        )
        features["nearer"] = float(min(nearer, 3))
        figures = sum(
            mention.last <= other.first and other.last <= first and not other.is_neutral
            for other in scene.quantities
        )
        features["before_figures"] = float(min(figures, 3))
        return "clause" if same else "sentence"
    features["behind"] = 1.0
    features["behind_way"] = scene.distance(last, mention.first)
    figures = sum(
        last <= other.first and other.last <= mention.first and not other.is_neutral
        for other in scene.quantities
    )
    features["behind_figures"] = float(min(figures, 3))
    features["behind_same_clause"] = float(scene.clause(mention.first) == scene.clause(first))
    return "behind"


def _has_figure(scene: Scene, mention: EntityMention, first: int) -> bool:
    """Whether nothing but the mark of a possessor stands before the figure: "Japan's 55%"."""
    between = scene.sentence.tokens[mention.last : first] if mention.last < first else ()
    return bool(between) and all(token.norm in MARKED_POSSESSIVES for token in between)


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
