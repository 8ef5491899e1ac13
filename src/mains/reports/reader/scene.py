"""A sentence with everything found in it, and how far apart its parts stand.

Distance counts words, and more for each boundary between clauses: what stands in another clause is
farther away than its words alone say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from mains.reports.packs import Pack, TokenKind
from mains.reports.reader.figures import Figures, PeriodMention, Quantity
from mains.reports.reader.lexicon import Link
from mains.reports.reader.mentions import EntityMention, Mentions, Spot
from mains.reports.reader.text import Clause, Sentence
from mains.reports.values import BlockKind

WORD_STEP: Final = 0.12
HAN_STEP: Final = 0.05
BOUNDARY_COST: Final = {
    "conjunction": 0.7,
    "relative": 0.9,
    "subordinator": 1.3,
    ",": 0.9,
    "，": 0.9,
    "、": 0.4,
    ":": 0.9,
    "：": 0.9,
    "(": 0.5,
    "（": 0.5,
    ")": 0.5,
    "）": 0.5,
    ";": 2.5,
    "；": 2.5,
}
BOUNDARY_COST_OTHER: Final = 1.0
STRONG_MARKS: Final = frozenset(";；")
BRACKETS: Final = frozenset("()（）")
ENDING_MARKS: Final = frozenset(",;:.!?，；：。！？、)）…—–(（")


@dataclass
class Scene:
    """One sentence of a block, its figures and mentions, and its place in the document."""

    sentence: Sentence
    pack: Pack
    block: BlockKind
    figures: Figures
    mentions: Mentions
    is_heading: bool = False
    confirmed_before: frozenset[str] = frozenset()
    """The measures whose confirming words stand earlier in the paragraph."""
    entities: tuple[EntityMention, ...] = field(default=())
    """The mentions with stand-ins resolved; filled when the document's focus is known."""

    notes: dict[str, object] = field(default_factory=dict)
    """What a step of the reader found once and asks for again, by its name."""

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The sentence's quantities."""
        return self.figures.quantities

    @property
    def periods(self) -> tuple[PeriodMention, ...]:
        """The sentence's periods."""
        return self.figures.periods

    @cached_property
    def _costs(self) -> Sequence[float]:
        """For each token and the end: the way from the sentence's beginning."""
        opened = {clause.first: clause.opener for clause in self.sentence.clauses[1:]}
        costs, way = [], 0.0
        for index, token in enumerate(self.sentence.tokens):
            if index in opened:
                way += BOUNDARY_COST.get(opened[index], BOUNDARY_COST_OTHER)
            costs.append(way)
            way += HAN_STEP if token.kind is TokenKind.HAN else WORD_STEP
        costs.append(way)
        return costs

    def distance(self, one: int, other: int) -> float:
        """Return the way between two token indices, in either direction."""
        last = len(self._costs) - 1
        return abs(self._costs[min(other, last)] - self._costs[min(one, last)])

    @cached_property
    def clause_indices(self) -> Sequence[int]:
        """For each token the index of its clause."""
        indices, clauses = [0] * len(self.sentence.tokens), self.sentence.clauses
        for number, clause in enumerate(clauses):
            end = clauses[number + 1].first if number + 1 < len(clauses) else len(indices)
            for index in range(clause.first, end):
                indices[index] = number
        return indices

    def words(self, spot: Spot) -> str:
        """Return a cue as it is written."""
        held = self.sentence.tokens
        return self.sentence.document[held[spot.first].start : held[spot.last - 1].end]

    def clause(self, token: int) -> int:
        """Return the index of the token's clause."""
        held = self.clause_indices
        return held[min(token, len(held) - 1)] if held else 0

    def is_one_clause(self, one: int, other: int, *, brackets: bool = False) -> bool:
        """Whether nothing but a conjunction without a comma divides two tokens.

        With `brackets`, what brackets hold between them does not divide either.
        """
        low, high = sorted((self.clause(one), self.clause(other)))
        for number in range(low + 1, high + 1):
            opener, first = self.opener(number), self.sentence.clauses[number].first
            if brackets and opener in BRACKETS:
                continue
            before = self.sentence.tokens[first - 1].text if first > 0 else ""
            if opener != "conjunction" or before in ENDING_MARKS:
                return False
        return True

    def opener(self, clause: int) -> str:
        """Return what opened the clause."""
        held: tuple[Clause, ...] = self.sentence.clauses
        return held[clause].opener if clause < len(held) else "start"

    def links(self, token: int) -> frozenset[Link]:
        """Return what the preposition right before the token says."""
        return self.mentions.links.get(token, frozenset())

    @cached_property
    def figure_tokens(self) -> frozenset[int]:
        """The token indices inside quantities and periods."""
        spans = [(quantity.first, quantity.last) for quantity in self.quantities]
        spans += [(period.first, period.last) for period in self.periods]
        return frozenset(index for first, last in spans for index in range(first, last))

    @cached_property
    def source_tokens(self) -> frozenset[int]:
        """The tokens that name a source: from "according to" to the next mark or figure."""
        tokens, held = self.sentence.tokens, set[int]()
        for spot in self.mentions.sources:
            for index in range(spot.last, min(spot.last + 16, len(tokens))):
                if tokens[index].text in ENDING_MARKS or index in self.figure_tokens:
                    break
                held.add(index)
        return frozenset(held)

    def is_between_strong(self, one: int, other: int) -> bool:
        """Whether a semicolon divides two tokens."""
        low, high = sorted((one, other))
        return any(t.text in STRONG_MARKS for t in self.sentence.tokens[low:high])
