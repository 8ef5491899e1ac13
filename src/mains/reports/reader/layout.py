"""How the clauses of a sentence hang together: what one says may hold for another.

A sentence is cut at marks and clause words. Pieces that are no clauses are put back: what stands
behind closed brackets, or behind a relative clause between commas, goes on where it was broken
off; "and 300 million", "und 98" go on within their clause. What is left are units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher, Token, TokenKind
from mains.reports.reader.figures import PeriodMention, Quantity
from mains.reports.reader.text import Clause

OPENING: Final = frozenset("(（")
CLOSING: Final = frozenset(")）")
STRONG: Final = frozenset(";；")
COMMAS: Final = frozenset(",，،—–")
WORDS: Final = frozenset({"relative", "subordinator"})
ELLIPTIC_TOKENS_MAX: Final = 2
OPENING_LETTERS_MIN: Final = 6


@dataclass(slots=True)
class Unit:
    """A clause, or what hangs on one: a relative clause, brackets, a subordinate clause."""

    opener: str
    first: int
    before: int | None
    """The unit before it in the same part of the sentence; none behind a semicolon."""
    inside: int | None = None
    """The unit that it is a part of."""
    has_verb: bool = False
    """Whether it has a finite verb, so that it is a statement of its own."""
    tokens: list[int] = field(default_factory=list)


class Layout:
    """The units of a sentence, and for each token its unit."""

    def __init__(
        self,
        tokens: Sequence[Token],
        clauses: Sequence[Clause],
        spans: Sequence[tuple[int, int]],
        amounts: frozenset[int],
        verbs: frozenset[int],
        links: frozenset[int],
    ) -> None:
        self.units: list[Unit] = []
        self.at: list[int] = [0] * len(tokens)
        self._links = links
        self._starts = {first for first, _ in spans}
        self._amounts = amounts
        self._spans = spans
        self._tokens = tokens
        self._stack: list[int] = []
        self._resumed: dict[int, int] = {}
        current, opened = -1, 0
        for number, clause in enumerate(clauses):
            end = clauses[number + 1].first if number + 1 < len(clauses) else len(tokens)
            for index in range(opened, clause.first):
                if tokens[index].text in CLOSING and self._stack:
                    current = self._stack.pop()
            opened = clause.first
            current = self._unit(current, clause)
            unit = self.units[current]
            for index in range(clause.first, end):
                self.at[index] = current
                unit.tokens.append(index)
                unit.has_verb = unit.has_verb or index in verbs

    def unit(self, token: int) -> int:
        """Return the index of the token's unit."""
        return self.at[min(token, len(self.at) - 1)] if self.at else 0

    def chain(self, unit: int) -> list[int]:
        """Return the units before it in its part of the sentence, the nearest first."""
        found: list[int] = []
        held = self.units[unit]
        while True:
            earlier = held.inside if held.inside is not None else held.before
            if earlier is None:
                return found
            found.append(earlier)
            held = self.units[earlier]

    def _unit(self, current: int, clause: Clause) -> int:
        """Return the unit that the clause goes on with, or a new one."""
        opener = clause.opener
        if current < 0:
            return self._new(opener, clause.first, None)
        spanned = next((a for a, b in self._spans if a < clause.first < b), None)
        if spanned is not None:
            return self.at[spanned]
        # "that year" is a time, although "that" may open a clause.
        if opener in WORDS and clause.first in self._starts:
            return current
        if opener in OPENING:
            self._stack.append(current)
            return self._new(opener, clause.first, None, current)
        if opener in CLOSING:
            return current
        if opener in STRONG:
            self._stack.clear()
            return self._new(opener, clause.first, None)
        joined = opener == "conjunction" and not self._comma_before(clause.first)
        if joined and self._is_elliptic(clause):
            return current
        if opener in WORDS:
            made = self._new(opener, clause.first, None, current)
            if self._comma_before(clause.first):
                self._resumed[made] = current
            return made
        if opener in COMMAS and current in self._resumed:
            return self._resumed.pop(current)
        return self._new(opener, clause.first, current)

    def _new(self, opener: str, first: int, before: int | None, inside: int | None = None) -> int:
        self.units.append(Unit(opener, first, before, inside))
        return len(self.units) - 1

    def _is_elliptic(self, clause: Clause) -> bool:
        """Whether a figure follows the conjunction at once, so that the clause only goes on."""
        for index in range(clause.first + 1, clause.first + 2 + ELLIPTIC_TOKENS_MAX):
            if index in self._amounts:
                return True
            if index not in self._links:
                return False
        return False

    def _comma_before(self, first: int) -> bool:
        return any(self._tokens[index].text in COMMAS for index in range(max(0, first - 2), first))


def figure_spans(
    quantities: Sequence[Quantity], periods: Sequence[PeriodMention]
) -> list[tuple[int, int]]:
    """Return the token spans of figures and periods; the two ends of a range are one."""
    spans = [(p.first, p.last) for p in periods]
    for quantity in quantities:
        first, last = quantity.first, quantity.last
        if quantity.range_of is not None:
            other = quantities[quantity.range_of]
            first, last = min(first, other.first), max(last, other.last)
        spans.append((first, last))
    return spans


def verb_tokens(tokens: Sequence[Token], pack: Pack, modal: Sequence[int]) -> frozenset[int]:
    """Return the tokens of finite verbs: of statements by the pack's words, and modal ones."""
    words = pack.grammar.modality
    found = set(modal)
    for match in pack.derive(_facts).find(tokens):
        # A single capital is an initial, or a preposition without its accent.
        if not tokens[match.first].text.isupper():
            found.update(range(match.first, match.last))
    endings = words.endings.get("facts", ())
    if endings:
        barred = pack.derive(_barred)
        found.update(
            index for index, token in enumerate(tokens) if has_ending(token, endings, barred)
        )
    return frozenset(found)


def has_ending(token: Token, endings: tuple[str, ...], barred: frozenset[str]) -> bool:
    """Whether a small word has one of the endings of verb forms, and more in front of it."""
    return (
        token.kind is TokenKind.WORD
        and token.norm.endswith(endings)
        and not token.text[0].isupper()
        and token.norm not in barred
        and not token.norm.startswith(endings)
    )


def opens_with_ending(token: Token, endings: tuple[str, ...], barred: frozenset[str]) -> bool:
    """Whether the capital word that opens a sentence has such an ending, and no name's letters.

    Languages that need no pronoun begin so: Financiará el 70 %. Only an ending with a mark of its
    own tells such a verb from a name.
    """
    return (
        token.kind is TokenKind.WORD
        and len(token.norm) >= OPENING_LETTERS_MIN
        and token.norm.endswith(tuple(ending for ending in endings if not ending.isascii()))
        and token.norm not in barred
    )


def _facts(pack: Pack) -> PhraseMatcher[bool]:
    held = pack.grammar.modality.facts
    # Tenses share their stem: a form is matched as it is written.
    return PhraseMatcher(
        [
            (" ".join(w if w[-1] in "=*" else f"{w}=" for w in phrase.split()), True)
            for phrase in held
        ],
        pack.tokenizer,
    )


def _barred(pack: Pack) -> frozenset[str]:
    held = pack.grammar.modality.not_endings
    return frozenset(pack.tokenizer.normalise(word) for word in held)
