"""What a document speaks of: stand-ins ("the city") resolved, subjects carried over.

The nearest thing of the kind that the paragraph is about is meant; where two are as near, the
answer is marked as ambiguous, and nothing that hangs on it is accepted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mains.reports.packs import Pack, Token
from mains.reports.reader.lexicon import Link
from mains.reports.reader.mentions import EntityMention, Known
from mains.reports.reader.named import PLACES, as_kind, name_of
from mains.reports.reader.scene import Scene
from mains.reports.values import BlockKind

STAND_IN_KINDS: Final = {
    "org": ("org", "platform"),
    "programme": ("programme", "plan"),
    "plan": ("plan", "programme"),
    "product": ("app", "model"),
    "platform": ("platform", "org"),
    "fund": ("programme", "org"),
    "app": ("app", "model"),
    "model": ("model", "app"),
    "city": ("city", "region"),
}
TITLE_WEIGHT: Final = 3
SENTENCES_BACK_MAX: Final = 3
MAIN_COUNT_MIN: Final = 3
NAMED_MAX: Final = 4
HOMES: Final = ("country", "union")
RARELY_NAMED: Final = frozenset({"programme", "plan", "platform", "event", "model", "app"})
"""Kinds of which a text names few: one naming tells what it is about."""
LEADING_SENTENCES: Final = 3
MADE: Final = frozenset({"model", "app"})
"""Things that are used anywhere, and tell of no home."""
STANDINGS: Final = 3
NAMED_COUNT_MIN: Final = 2
ADJECTIVE_WEIGHT: Final = 0.75
HOLDER_WEIGHT: Final = 0.5
"""What a place or organisation adds to its country when the document's home is sought."""
HOME_WEIGHT_MIN: Final = 1.0
"""One place, named once, tells of no country."""
SUBJECT_GAP_MAX: Final = 2
UNSURE: Final = frozenset({Known.ADJECTIVE, Known.LOOKS})
DATELINE_TOKENS_MAX: Final = 22
DATELINE_MARKS: Final = frozenset("—–-:")
MAIN_OPENERS: Final = frozenset({"start", "conjunction", ",", "，", ";", "；"})
OBLIQUE: Final = frozenset({Link.BY, Link.WITH, Link.FROM, Link.TO, Link.FOR})


@dataclass(frozen=True, slots=True)
class Topic:
    """What is spoken of: an id, where it was found, and whether something else may be meant."""

    id: str
    kind: str
    source: str
    """"sentence", "paragraph", "heading", "title" or "document"."""
    is_ambiguous: bool = False


class Focus:
    """The things that a document has named so far, and those that it names most."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self._counts = Counter[str]()
        self._first: dict[str, EntityMention] = {}
        """Each name's first mention."""
        self._title: list[EntityMention] = []
        for scene in scenes:
            weight = TITLE_WEIGHT if scene.block is BlockKind.TITLE else 1
            for mention in _names(scene.mentions.entities):
                self._first.setdefault(name_of(mention.id or ""), mention)
                self._counts[name_of(mention.id or "")] += weight
                if scene.block is BlockKind.TITLE:
                    self._title.append(mention)
        self._homes = {kind: home for kind in HOMES if (home := _home(scenes, kind)) is not None}
        """The country and union that the document speaks of most, by name or by what lies in it."""
        self._before: list[tuple[int, tuple[EntityMention, ...]]] = []
        self._heading: tuple[EntityMention, ...] = ()
        self._leading = _leading(scenes)
        self._before_body = False
        self._told = Counter[str]()
        """How many claims have been about each thing."""
        self.last_subject: str | None = None
        """What the last claim was about."""
        self.last_main: str | None = None
        """What opened the last sentence that opens with a name."""

    def enter(self, scene: Scene) -> None:
        """Resolve the stand-ins of the next sentence, left to right."""
        held: list[EntityMention] = []
        for mention in scene.mentions.entities:
            resolved = mention
            if mention.known is Known.SCHEME:
                resolved = self._scheme(mention, held, scene)
                self._first.setdefault(name_of(resolved.id or ""), resolved)
                self._counts[name_of(resolved.id or "")] += 1
            elif mention.known is Known.STAND_IN:
                topic = self._stand_in(mention.kind, held, scene)
                if topic is not None:
                    resolved = replace(mention, id=topic.id, kind=topic.kind)
            held.append(resolved)
        dateline = dateline_end(scene) if not self._before_body else 0
        self._before_body = self._before_body or scene.block is BlockKind.BODY
        scene.entities = tuple(
            m
            for index, m in enumerate(held)
            if m.first >= dateline
            and not _is_in_figure(scene, m)
            and not _is_apposed(m, held[index + 1 :])
            and not _is_counted(scene, m)
        )

    def leave(self, scene: Scene, subjects: Iterable[str]) -> None:
        """Remember the sentence: its last main subject first, then what its claims were about."""
        mains, held = _main_subjects(scene), list(subjects)
        self._told.update(held)
        self.last_main = mains[-1] if mains else self.last_main
        self.last_subject = held[-1] if held else self.last_subject
        first = list(dict.fromkeys((*reversed(mains), *held)))
        mentions = sorted(
            (m for m in scene.entities if m.id is not None),
            key=lambda m: (first.index(m.id) if m.id in first else len(first), m.first),
        )
        self._before.append((scene.sentence.paragraph, tuple(mentions)))
        if scene.is_heading:
            self._heading = tuple(mentions)
        if scene.block is BlockKind.TITLE:
            self._title = [m for m in mentions if m.known not in UNSURE]

    def topic(self, kinds: Sequence[str], scene: Scene) -> Topic | None:
        """Return what earlier sentences, the title or the whole document are about.

        `kinds` are in the order of likelihood: a scheme that the paragraph is about goes before the
        place that runs it.
        """
        likely = [kind for kind in kinds if (kind in PLACES) == (kinds[0] in PLACES)]
        for wanted in (likely, kinds):
            paragraph = self._earlier(wanted, scene, same_paragraph=True)
            if paragraph is not None:
                return paragraph
        for held, source in ((self._heading, "heading"), (self._title, "title")):
            titled = _of_kinds(held, likely) or _of_kinds(held, kinds)
            if titled:
                ids = {m.id for m in titled}
                return Topic(titled[0].id or "", titled[0].kind, source, len(ids) > 1)
        return self._main(kinds)

    def topics(self, kinds: Sequence[str], scene: Scene) -> list[Topic]:
        """Return what the paragraph, the heading, the title and the document offer, each once."""
        held: list[Topic] = []
        seen: set[str] = set()
        for paragraph, mentions in reversed(self._before):
            if paragraph != scene.sentence.paragraph:
                break
            for m in _of_kinds(mentions, kinds):
                if m.known not in UNSURE and m.id and m.id not in seen:
                    is_first = all(topic.kind != m.kind for topic in held)
                    seen.add(m.id)
                    held.append(Topic(m.id, m.kind, "paragraph" if is_first else "paragraph2"))
        for group, source in ((self._heading, "heading"), (self._title, "title")):
            once = {m.id: m for m in reversed(_of_kinds(group, kinds)) if m.id}
            for m in once.values():
                held.append(Topic(m.id or "", m.kind, source, len(once) > 1))
        for paragraph, mentions in reversed(self._before[-2:]):
            if paragraph != scene.sentence.paragraph:
                fit = [m for m in _of_kinds(mentions, kinds) if m.known not in UNSURE]
                held += [Topic(m.id or "", m.kind, "earlier") for m in fit[:1]]
        main = self._main(kinds)
        if main is not None:
            held.append(main)
        held += self._named(kinds, {topic.id for topic in held})
        held += [Topic(id_, kind, "home") for kind, id_ in self._homes.items() if kind in kinds]
        return held

    def salience(self, id_: str) -> float:
        """Return the share of the document's namings that are of this thing."""
        whole = sum(self._counts.values())
        return self._counts[name_of(id_)] / whole if whole else 0.0

    def kinds(self) -> dict[str, float]:
        """Return the share of the document's namings that each kind of thing has."""
        shares: dict[str, float] = {}
        whole = sum(self._counts.values())
        for name, count in self._counts.items():
            kind = self._first[name].kind
            shares[kind] = shares.get(kind, 0.0) + count / whole
        return shares

    def standing(self, id_: str) -> str:
        """Return the thing's place among those of its kind by how often it is named."""
        kind, own = id_.partition(":")[0], self._counts[name_of(id_)]
        more = sum(
            count > own and self._first[name].kind == kind for name, count in self._counts.items()
        )
        return str(more) if more < STANDINGS else "low"

    def told(self, id_: str) -> float:
        """Return the share of the claims before that are about this thing."""
        whole = sum(self._told.values())
        return self._told[id_] / whole if whole else 0.0

    def is_leading(self, id_: str) -> bool:
        """Whether one of the first sentences of the body names it."""
        return name_of(id_) in self._leading

    def is_titled(self, id_: str) -> bool:
        """Whether the title names it."""
        return any(name_of(m.id or "") == name_of(id_) for m in self._title)

    def _scheme(
        self, mention: EntityMention, held: Sequence[EntityMention], scene: Scene
    ) -> EntityMention:
        """Return a scheme called after the place that the sentence or paragraph is about."""
        behind = [m for m in scene.mentions.entities if m.first >= mention.last]
        near = [m for m in (*reversed(held), *behind) if m.kind in PLACES and m.id is not None]
        place = near[0].id if near else None
        if place is None:
            topic = self.topic(sorted(PLACES), scene)
            place = topic.id if topic is not None else None
        if place is None:
            return mention
        slug = f"programme:{place.partition(':')[2]}-{mention.kind}"
        return replace(mention, id=slug, kind="programme")

    def _stand_in(self, kind: str, held: Sequence[EntityMention], scene: Scene) -> Topic | None:
        if not kind:
            return None
        kinds = STAND_IN_KINDS.get(kind, (kind,))
        for wanted in kinds:
            inside = [m for m in _of_kinds(held, (wanted,)) if m.id and m.known not in UNSURE]
            if inside:
                return Topic(inside[0].id or "", wanted, "sentence", False)
            earlier = self._earlier({wanted}, scene, same_paragraph=True)
            if earlier is not None:
                return earlier
        for wanted in kinds:
            titled = _of_kinds(self._title, (wanted,))
            if titled:
                return Topic(titled[0].id or "", wanted, "title")
            earlier = self._earlier({wanted}, scene, same_paragraph=False)
            if earlier is not None:
                return earlier
        return None

    def _earlier(
        self, kinds: Collection[str], scene: Scene, *, same_paragraph: bool
    ) -> Topic | None:
        for steps, (paragraph, mentions) in enumerate(reversed(self._before), 1):
            if same_paragraph and paragraph != scene.sentence.paragraph:
                return None
            held = [m for m in _of_kinds(mentions, tuple(kinds)) if m.known not in UNSURE]
            if held:
                return Topic(held[0].id or "", held[0].kind, "paragraph")
            if steps >= SENTENCES_BACK_MAX and not same_paragraph:
                return None
        return None

    def _named(self, kinds: Sequence[str], known: Collection[str]) -> list[Topic]:
        """Return what else the document names most, of the kinds."""
        found: list[Topic] = []
        for name, count in self._counts.most_common():
            if len(found) == NAMED_MAX:
                break
            mention = as_kind(self._first[name], kinds)
            if mention is None or mention.id in known:
                continue
            if count >= NAMED_COUNT_MIN or mention.kind in RARELY_NAMED:
                found.append(Topic(mention.id or "", mention.kind, "named"))
        return found

    def _main(self, kinds: Collection[str]) -> Topic | None:
        ranked = [
            (self._first[name].id or "", count)
            for name, count in self._counts.most_common()
            if self._first[name].kind in kinds
        ]
        if not ranked:
            return None
        id_, count = ranked[0]
        second = ranked[1][1] if len(ranked) > 1 else 0
        is_ambiguous = count < MAIN_COUNT_MIN or second * 2 > count
        return Topic(id_, id_.partition(":")[0], "document", is_ambiguous)


def _leading(scenes: Sequence[Scene]) -> frozenset[str]:
    body = [scene for scene in scenes if scene.block is BlockKind.BODY]
    return frozenset(
        name_of(mention.id)
        for scene in body[:LEADING_SENTENCES]
        for mention in scene.mentions.entities
        if mention.id is not None
    )


def _home(scenes: Sequence[Scene], kind: str) -> str | None:
    """Return the place of a kind that names, adjectives and what lies in it speak of most."""
    weights: dict[str, float] = {}
    for scene in scenes:
        holders = scene.pack.derive(holders_of)
        for mention in scene.mentions.entities:
            if mention.kind in MADE:
                continue
            weight, id_ = 1.0, mention.id
            if mention.known is Known.ADJECTIVE:
                weight = ADJECTIVE_WEIGHT
            while id_ is not None and not id_.startswith(f"{kind}:"):
                id_, weight = holders.get(id_), HOLDER_WEIGHT
            if id_ is not None:
                weights[id_] = weights.get(id_, 0.0) + weight
    home = max(weights, key=lambda id_: weights[id_], default=None)
    return home if home is not None and weights[home] >= HOME_WEIGHT_MIN else None


def holders_of(pack: Pack) -> dict[str, str]:
    """Return for each thing known by name what it lies in or belongs to."""
    return {entity.id: entity.within for entity in pack.entities if entity.within is not None}


def _of_kinds(mentions: Iterable[EntityMention], kinds: Sequence[str]) -> list[EntityMention]:
    """Return the mentions that are of the kinds, names of no kind taken as the likeliest."""
    held = (as_kind(mention, kinds) for mention in mentions)
    return [mention for mention in held if mention is not None]


def dateline_end(scene: Scene) -> int:
    """Return the token index after the dateline that opens an article, or 0."""
    tokens = scene.sentence.tokens[:DATELINE_TOKENS_MAX]
    words = {scene.pack.tokenizer.normalise(w) for w in scene.pack.grammar.speech.datelines}
    for index, token in enumerate(tokens):
        if token.text not in DATELINE_MARKS and token.norm not in words:
            continue
        if 0 < index < len(tokens) - 1 and _is_glued(tokens, index):
            continue
        dated = any(period.last <= index for period in scene.periods)
        shouted = all(t.text.isupper() or not t.is_word for t in tokens[:index])
        if index > 0 and (dated or shouted):
            return index + 1
    return 0


def _is_glued(tokens: Sequence[Token], at: int) -> bool:
    """Whether a mark stands inside a word: Rhône-Alpes."""
    before, mark, behind = tokens[at - 1 : at + 2]
    return before.end == mark.start and mark.end == behind.start


def _is_in_figure(scene: Scene, mention: EntityMention) -> bool:
    """Whether the words belong to an amount: the US of US$, the name of a currency."""
    return any(
        q.first < mention.last and mention.first < q.last and not q.is_neutral
        for q in scene.quantities
    )


def _is_counted(scene: Scene, mention: EntityMention) -> bool:
    """Whether a noun of kind is itself counted or names a measure: "2,500 companies"."""
    if mention.known is not Known.STAND_IN:
        return False
    size = mention.last - mention.first
    inside = any(
        cue.first <= mention.first and mention.last <= cue.last and cue.last - cue.first > size
        for cue in scene.mentions.measures
    )
    return inside or any(0 <= mention.first - q.last <= 1 for q in scene.quantities)


def _is_apposed(mention: EntityMention, behind: Sequence[EntityMention]) -> bool:
    """Whether a noun of kind only introduces the name right behind it: "the company X"."""
    if mention.known is not Known.STAND_IN or not behind:
        return False
    following = behind[0]
    return following.first == mention.last and following.known is not Known.STAND_IN


def _main_subjects(scene: Scene) -> list[str]:
    """Return the ids that open a main clause of the sentence, in order."""
    found: list[str] = []
    for mention in scene.entities:
        if mention.id is None or mention.known is Known.ADJECTIVE:
            continue
        clause = scene.sentence.clause_at(mention.first)
        opens = mention.first - clause.first <= SUBJECT_GAP_MAX
        # A clause that holds little beside the name is a member of a list.
        opens = opens and clause.last - mention.last >= SUBJECT_GAP_MAX
        if opens and clause.opener in MAIN_OPENERS and not scene.links(mention.first) & OBLIQUE:
            found.append(mention.id)
    return found


def _names(mentions: Iterable[EntityMention]) -> Iterator[EntityMention]:
    for mention in mentions:
        if mention.id is not None and mention.known not in UNSURE:
            yield mention
