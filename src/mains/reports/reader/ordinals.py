"""Ordinals, places and superlatives: which words of a sentence rank something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mains.reports.packs import Match, Pack, PhraseMatcher, Token, TokenKind
from mains.reports.reader.amounts import counts_nothing
from mains.reports.reader.numerals import Numeral
from mains.reports.reader.text import Sentence


@dataclass(frozen=True, slots=True)
class Ordinal:
    """An ordinal: token indices [first, last) and its number."""

    first: int
    last: int
    value: int
    digits: bool


@dataclass(frozen=True, slots=True)
class Rank:
    """A place (`value`), or a superlative, which is place 1."""

    first: int
    last: int
    value: int
    superlative: bool
    is_first: bool = False
    """Whether it says "first of its kind" rather than which place."""


def ordinals(sentence: Sentence, pack: Pack, numerals: list[Numeral]) -> list[Ordinal]:
    """Return the ordinals of the sentence, left to right."""
    tokens = sentence.tokens
    blocked = _covered(pack.derive(_not_ordinals), tokens)
    slots = {"n": {numeral.first: numeral.last for numeral in numerals}}
    values = {numeral.first: numeral.value for numeral in numerals}
    found = [
        Ordinal(match.first, match.last, match.payload, digits=False)
        for match in pack.derive(_words).find(tokens)
        if match.first not in blocked
    ]
    taken = {index for ordinal in found for index in range(ordinal.first, ordinal.last)}
    for match in pack.derive(_patterns).find(tokens, slots):
        at = match.slot("n")
        assert at is not None
        value = values[at[0]]
        whole = value == int(value) and 0 < value < 1000
        if (
            whole
            and match.first not in blocked | taken
            and _is_close(tokens, match.first, match.last, pack)
        ):
            digits = tokens[at[0]].kind is TokenKind.NUMBER
            found.append(Ordinal(match.first, match.last, int(value), digits))
    return sorted(found, key=lambda ordinal: ordinal.first)


def ranks(
    sentence: Sentence, pack: Pack, found: list[Ordinal], numerals: list[Numeral]
) -> list[Rank]:
    """Return the places and superlatives of the sentence."""
    tokens = sentence.tokens
    places = {ordinal.first: ordinal for ordinal in found}
    numbers = {numeral.first: numeral for numeral in numerals}
    slots = {
        "ordinal": {ordinal.first: ordinal.last for ordinal in found},
        "n": {numeral.first: numeral.last for numeral in numerals},
        "n2": {numeral.first: numeral.last for numeral in numerals},
        "word": {i: i + 1 for i, token in enumerate(tokens) if token.is_word},
    }
    ranked: list[Rank] = []
    for match in pack.derive(_places).find(tokens, slots):
        at = match.slot("ordinal")
        number = match.slot("n")
        if at is not None:
            ranked.append(Rank(match.first, match.last, places[at[0]].value, superlative=False))
        elif number is not None:
            value = numbers[number[0]].value
            if value == int(value) and 0 < value < 1000:
                ranked.append(Rank(match.first, number[1], int(value), superlative=False))
            ranked += _second_place(match, numbers)
    taken = {index for rank in ranked for index in range(rank.first, rank.last)}
    blocked = _covered(pack.derive(_not_best), tokens)
    for match in pack.derive(_best).find(tokens, slots):
        span = set(range(match.first, match.last))
        if not span & (taken | blocked):
            ranked.append(Rank(match.first, match.last, 1, superlative=True))
    taken = {index for rank in ranked for index in range(rank.first, rank.last)}
    for match in pack.derive(_firsts).find(tokens, slots):
        if not set(range(match.first, match.last)) & (taken | blocked):
            ranked.append(Rank(match.first, match.last, 1, superlative=True, is_first=True))
    return sorted(ranked, key=lambda rank: rank.first)


def _second_place(match: Match[bool], numbers: Mapping[int, Numeral]) -> list[Rank]:
    """Return the place that a phrase of two leads to: from place 12 to 7."""
    at = match.slot("n2")
    if at is None or not 0 < numbers[at[0]].value < 1000:
        return []
    return [Rank(*at, int(numbers[at[0]].value), superlative=False)]


def _is_close(tokens: tuple[Token, ...], first: int, last: int, pack: Pack) -> bool:
    """Whether the parts stand together; a full stop after a number must be followed by a word."""
    for index in range(first + 1, last):
        if tokens[index].start != tokens[index - 1].end and tokens[first].text not in "№":
            return False
    if tokens[last - 1].text != ".":
        return True
    if not pack.grammar.numbers.ordinal_dot or last >= len(tokens) or first == 0:
        return False
    return tokens[last].kind is TokenKind.WORD and tokens[first].text.isdecimal()


def _covered(matcher: PhraseMatcher[bool], tokens: tuple[Token, ...]) -> set[int]:
    if not matcher:
        return set()
    slots = {"word": {i: i + 1 for i, token in enumerate(tokens) if token.is_word}}
    found = matcher.find(tokens, slots)
    return {index for match in found for index in range(match.first, match.last)}


def _words(pack: Pack) -> PhraseMatcher[int]:
    words = pack.grammar.numbers.ordinals
    return PhraseMatcher(
        [(name if name.endswith("*") else f"{name}=", value) for name, value in words.items()],
        pack.tokenizer,
    )


def _patterns(pack: Pack) -> PhraseMatcher[bool]:
    patterns = (
        *pack.grammar.numbers.ordinal_patterns,
        *pack.root.numbers.ordinal_patterns,
    )
    return PhraseMatcher([(pattern, True) for pattern in patterns], pack.tokenizer)


def _not_ordinals(pack: Pack) -> PhraseMatcher[bool]:
    return _flags(pack, pack.grammar.numbers.not_ordinals)


def _places(pack: Pack) -> PhraseMatcher[bool]:
    return _flags(pack, pack.grammar.superlatives.place)


def _best(pack: Pack) -> PhraseMatcher[bool]:
    return _flags(pack, pack.grammar.superlatives.best)


def _firsts(pack: Pack) -> PhraseMatcher[bool]:
    return _flags(pack, pack.grammar.superlatives.first)


def _not_best(pack: Pack) -> PhraseMatcher[bool]:
    return _flags(pack, pack.grammar.superlatives.not_best)


def _flags(pack: Pack, phrases: tuple[str, ...]) -> PhraseMatcher[bool]:
    return PhraseMatcher([(phrase, True) for phrase in phrases], pack.tokenizer)


def stands_alone(tokens: Sequence[Token], ordinal: Ordinal, pack: Pack) -> bool:
    """Whether no noun follows the ordinal, so that it is a place: France is fifth.

    One that opens a clause counts the points of a speech, and so does "the second, run by ...".
    """
    if ordinal.value < 2 or ordinal.first == 0 or not counts_nothing(tokens, ordinal.last, pack):
        return False
    before, after = tokens[ordinal.first - 1], tokens[ordinal.last : ordinal.last + 1]
    if before.is_word:
        opens = pack.derive(_openers)
        return not (after and after[0].text in ",，" and before.norm in opens)
    return before.text in ",，" and ordinal.first > 1


def _openers(pack: Pack) -> frozenset[str]:
    norm = pack.tokenizer.normalise
    return frozenset(norm(word) for word in pack.grammar.names.openers)
