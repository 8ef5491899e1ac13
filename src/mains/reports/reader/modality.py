"""Whether a figure is a fact, an estimate, a plan or an aim: the verb or noun that governs it.

The rule, as the gold has it:

- The cue of the figure's own unit (see layout.py) decides; of several, a forecast or an aim goes
  before a mere future, since "forecasts that it will reach" is a forecast. "Already" makes a fact.
- A unit without a finite verb takes over what governs the unit that it goes on from.
- A unit with a finite verb of its own is a statement of its own: no plan or aim reaches into it.
  Only what embeds it does: a cue right before "that", or a forecast that stands in a unit without
  a figure ("analysts expect: ...", "..., estimates the association").
- The first figure of a planned change ("from 220 to 800 MW") is a fact.
- Without a cue the measure decides (a budget is planned), or a period after the document's day;
  what lies behind the document's day is no plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher, TokenKind
from mains.reports.reader.layout import (
    Layout,
    figure_spans,
    has_ending,
    opens_with_ending,
    verb_tokens,
)
from mains.reports.reader.mentions import ModalityCue
from mains.reports.reader.scene import Scene
from mains.reports.values import Modality

PLANS: Final = (Modality.PLANNED, Modality.TARGET)
STRONGER: Final = (Modality.ESTIMATED, Modality.TARGET)
EMBEDDING_GAP_MAX: Final = 3
SOURCE_TOKENS_MAX: Final = 8


class Governance:
    """The modal cues of one sentence, and which of them governs a figure."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        tokens = scene.sentence.tokens
        self.cues = sorted(_cues(scene), key=lambda cue: cue.first)
        modal = [
            index
            for cue in self.cues
            if cue.modality is not Modality.OBSERVED
            for index in range(cue.first, cue.last)
        ]
        self.layout = Layout(
            tokens,
            scene.sentence.clauses,
            figure_spans(scene.quantities, scene.periods),
            frozenset(quantity.first for quantity in scene.quantities),
            verb_tokens(tokens, scene.pack, modal),
            scene.mentions.link_tokens,
        )

    def cue_at(self, first: int, last: int) -> ModalityCue | None:
        """Return the cue that governs the figure at [first, last), or None for a fact."""
        unit = self.layout.unit(first)
        own = self._own(unit, first, last)
        if own is not None and own.modality is Modality.OBSERVED:
            return None
        if own is not None and own.modality is not Modality.PLANNED:
            return own
        frame = self._frame(unit)
        bare = own is not None or not self.layout.units[unit].has_verb
        if frame is not None and own is None and 0 not in (unit, *self.layout.chain(unit)):
            bare = False
        if frame is not None and (bare or self._is_source(frame)):
            return frame
        if own is not None:
            return own
        embedding = self._embedding(unit)
        if embedding is not None:
            return embedding
        return self._taken_over(unit)

    def _own(self, unit: int, first: int, last: int) -> ModalityCue | None:
        held = [cue for cue in self.cues if self.layout.unit(cue.first) == unit]
        over = [cue for cue in held if cue.first < last and first < cue.last]
        before = [cue for cue in held if cue.last <= first]
        behind = [cue for cue in held if cue.first >= last]
        return _chosen(over) or _chosen(before[::-1]) or _chosen(behind)

    def _taken_over(self, unit: int) -> ModalityCue | None:
        """Return what governs the units that a unit without a verb goes on from."""
        while not self.layout.units[unit].has_verb:
            chain = self.layout.chain(unit)
            if not chain:
                return self._of_subject(unit)
            unit = chain[0]
            held = [cue for cue in self.cues if self.layout.unit(cue.first) == unit]
            found = _chosen(held[::-1])
            if found is not None:
                return None if found.modality is Modality.OBSERVED else found
            embedding = self._embedding(unit)
            if embedding is not None:
                return embedding
        return None

    def _of_subject(self, unit: int) -> ModalityCue | None:
        """Return what governs the verb that a subject without one stands before."""
        for number in range(unit + 1, len(self.layout.units)):
            other = self.layout.units[number]
            if not other.has_verb or other.inside is not None:
                continue
            if unit not in self.layout.chain(number):
                return None
            held = [cue for cue in self.cues if self.layout.unit(cue.first) == number]
            found = _chosen(held)
            return found if found is not None and found.modality in PLANS else None
        return None

    def _embedding(self, unit: int) -> ModalityCue | None:
        """Return the cue right before the word that opens the unit: "estimates that ..."."""
        held = self.layout.units[unit]
        if held.opener not in ("relative", "subordinator"):
            return None
        for cue in reversed(self.cues):
            gap = range(cue.last, held.first)
            near = cue.last <= held.first and len(gap) <= EMBEDDING_GAP_MAX
            if near and self.scene.figure_tokens.isdisjoint(gap):
                return None if cue.modality is Modality.OBSERVED else cue
        return None

    def _frame(self, unit: int) -> ModalityCue | None:
        """Return a forecast that stands apart from all figures and holds for the unit.

        Behind the figure an aim may stand so too: "..., so the council's aim".
        """
        before = self.layout.chain(unit)
        if unit != 0 and 0 not in before:
            # A forecast that opens the sentence holds behind a semicolon too.
            before = [*before, 0]
        behind = [
            n for n in range(unit + 1, len(self.layout.units)) if unit in self.layout.chain(n)
        ]
        for other in (*before, *behind):
            held = self.layout.units[other].tokens
            for cue in self.cues:
                if self.layout.unit(cue.first) != other:
                    continue
                # A list's number may stand before the cue, but no amount behind it.
                if any(i in self._amounts for i in held if i > cue.first or other in behind):
                    continue
                if cue.modality is Modality.ESTIMATED or (
                    cue.modality is Modality.TARGET and other in behind
                ):
                    return cue
        return None

    def _is_source(self, cue: ModalityCue) -> bool:
        """Whether the cue stands in a short aside that says whose forecast it is."""
        held = self.layout.units[self.layout.unit(cue.first)]
        return len(held.tokens) <= SOURCE_TOKENS_MAX

    @cached_property
    def _amounts(self) -> frozenset[int]:
        return frozenset(index for q in self.scene.quantities for index in range(q.first, q.last))

    def is_compared(self, first: int) -> bool:
        """Whether the figure is what another one is measured against: "up from 314"."""
        matcher = self.scene.pack.derive(comparisons)
        tokens = self.scene.sentence.tokens
        return any(matcher.ending_at(tokens, spot) is not None for spot in (first, first - 1))

    def is_start_of_change(self, first: int, last: int) -> bool:
        """Whether the figure is the first one of "from 220 to 800"."""
        pairs = self.scene.pack.derive(_change_words)
        tokens = self.scene.sentence.tokens
        opener = pairs[0].ending_at(tokens, first, reach=2) or pairs[0].match(tokens, first)
        if opener is None:
            return False
        own = next((q for q in self.scene.quantities if q.first == first), None)
        behind = [q for q in self.scene.quantities if q.first >= last]
        if own is None or not behind or own.range_of is not None:
            return False
        if behind[0].range_of is not None and behind[0].range_of < self.scene.quantities.index(
            behind[0]
        ):
            return False
        following = behind[0]
        if own.unit not in (None, following.unit):
            return False
        if self.layout.unit(following.first) != self.layout.unit(first):
            return False
        spots = range(last, following.first + 1)
        return any(pairs[1].match(tokens, index) is not None for index in spots)


def modality_at(scene: Scene, first: int, last: int) -> ModalityCue | None:
    """Return the cue that governs the figure, or None where the text reports a fact."""
    governance = governance_of(scene)
    if governance.is_start_of_change(first, last) or governance.is_compared(first):
        return None
    return governance.cue_at(first, last)


def governance_of(scene: Scene) -> Governance:
    """Return the sentence's modal cues; found once a sentence."""
    held = scene.notes.get("governance")
    if not isinstance(held, Governance):
        held = scene.notes["governance"] = Governance(scene)
    return held


def modality_of(
    cue: ModalityCue | None, usual: str | None, period: str | None, anchor: str | None
) -> Modality:
    """Return the modality: the cue's, else what measure, period and the document's day say.

    `usual` is what a figure of the measure is where no word says so: a budget is planned until its
    time is over.
    """
    if cue is not None and cue.modality is Modality.ESTIMATED:
        return cue.modality
    if period is not None and anchor is not None and period_end(period) < anchor:
        return Modality.OBSERVED
    if cue is not None:
        return cue.modality
    if usual is not None:
        return Modality(usual)
    if period is not None and anchor is not None:
        begin = period.partition("/")[0]
        is_dated = begin[:4] > anchor[:4] or len(begin) > len("2026")
        if is_dated and period_start(begin) > anchor:
            return Modality.PLANNED
    return Modality.OBSERVED


def period_end(period: str) -> str:
    """Return the last day of a period, so that periods compare with days."""
    last = period.rpartition("/")[2]
    year, _, rest = last.partition("-")
    if not rest:
        return f"{year}-12-31"
    if rest[0] in "HQ":
        months = {"H1": 6, "H2": 12, "Q1": 3, "Q2": 6, "Q3": 9, "Q4": 12}
        return f"{year}-{months.get(rest, 12):02d}-31"
    return last if len(last) > len("2026-01") else f"{last}-31"


def period_start(period: str) -> str:
    """Return the first day of a period, so that periods compare with days."""
    year, _, rest = period.partition("/")[0].partition("-")
    if rest[:1] in ("H", "Q"):
        months = {"H1": 1, "H2": 7, "Q1": 1, "Q2": 4, "Q3": 7, "Q4": 10}
        return f"{year}-{months.get(rest, 1):02d}-01"
    return f"{year}-{rest or '01-01'}" if len(rest) != len("01") else f"{year}-{rest}-01"


def _chosen(nearest_first: Sequence[ModalityCue]) -> ModalityCue | None:
    """Return the cue that counts: the nearest, unless a forecast or an aim governs a future."""
    for cue in nearest_first:
        if cue.modality is Modality.OBSERVED:
            return cue
        if cue.modality is Modality.PLANNED:
            stronger = [other for other in nearest_first if other.modality in STRONGER]
            return stronger[0] if stronger else cue
        return cue
    return None


def _cues(scene: Scene) -> Iterator[ModalityCue]:
    tokens, words = scene.sentence.tokens, scene.pack.grammar.modality
    taken: set[int] = set()
    for cue in scene.mentions.modality:
        if _is_name(scene, cue):
            continue
        taken.update(range(cue.first, cue.last))
        yield cue
    for name in ("planned", "estimated"):
        endings = words.endings.get(name, ())
        barred = scene.pack.derive(_barred)
        for index, token in enumerate(tokens):
            if not endings or index in taken:
                continue
            opens = index == 0 and opens_with_ending(token, endings, barred)
            if opens or has_ending(token, endings, barred):
                yield ModalityCue(index, index + 1, Modality(name))
    if words.auxiliaries:
        yield from _futures(scene)


def _is_name(scene: Scene, cue: ModalityCue) -> bool:
    """Whether the cue's word is capitalised inside a sentence, as names are."""
    if cue.last - cue.first > 1 or cue.first == 0 or scene.pack.grammar.numbers.capital_nouns:
        return False
    before, token = scene.sentence.tokens[cue.first - 1], scene.sentence.tokens[cue.first]
    return token.text[0].isupper() and before.kind is TokenKind.WORD and not token.text.isupper()


def _futures(scene: Scene) -> Iterator[ModalityCue]:
    """Yield auxiliaries that stand with an infinitive at the end of their clause."""
    tokens, words = scene.sentence.tokens, scene.pack.grammar.modality
    for match in scene.pack.derive(_auxiliaries).find(tokens):
        clause = scene.sentence.clause_at(match.first)
        held = [
            index
            for index in range(clause.first, clause.last)
            if tokens[index].kind is TokenKind.WORD and index != match.first
        ]
        last = [index for index in held if index > match.last - 1][-1:] or held[-1:]
        text = tokens[last[0]].text if last else ""
        infinitive = text.endswith(words.infinitives) and not text.startswith(words.participles)
        if infinitive and not text[0].isupper():
            yield ModalityCue(match.first, match.last, Modality.PLANNED)


def _auxiliaries(pack: Pack) -> PhraseMatcher[bool]:
    held = pack.grammar.modality.auxiliaries
    return PhraseMatcher([(exact(word), True) for word in held], pack.tokenizer)


def _barred(pack: Pack) -> frozenset[str]:
    held = pack.grammar.modality.not_endings
    return frozenset(pack.tokenizer.normalise(word) for word in held)


def _change_words(pack: Pack) -> tuple[PhraseMatcher[bool], PhraseMatcher[bool]]:
    """Return matchers for the words before the two ends of a change."""
    pairs = pack.grammar.ranges.change
    return (
        PhraseMatcher([(exact(opener), True) for opener, _ in pairs], pack.tokenizer),
        PhraseMatcher([(exact(closer), True) for _, closer in pairs], pack.tokenizer),
    )


def comparisons(pack: Pack) -> PhraseMatcher[bool]:
    """Return a matcher for the words before what a figure is measured against."""
    held = pack.grammar.periods.comparisons
    return PhraseMatcher([(exact(phrase), True) for phrase in held], pack.tokenizer)


def exact(phrase: str) -> str:
    """Return the phrase so that each of its words matches only as it is written."""
    return " ".join(word if word[-1] in "=*" else f"{word}=" for word in phrase.split())
