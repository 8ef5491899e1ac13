"""Text of one language as paragraphs, sentences, clauses and tokens, all with offsets.

    for sentence in sentences(text, block.start, block.end, language):
        sentence.tokens            # tuple of Token; offsets are those of the document's text
        sentence.clauses           # token ranges and what opened them

Decimal points, abbreviations, initials, ordinal dots and section numbers end no sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher, Token, TokenKind, load_pack

ENDS: Final = frozenset(".!?…。！？؟।")
WIDE_ENDS: Final = frozenset("。！？")
CLOSERS: Final = frozenset("\"'”’»)）]」』“")
CLAUSE_MARKS: Final = frozenset(",;:，；：、—–()（）؛،")
LINE_ENDS: Final = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
ORDINAL_DIGITS_MAX: Final = 2


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a sentence: token indices [first, last), and what opened it.

    `opener` is "start", "conjunction", "relative", "subordinator", or the mark before it.
    """

    first: int
    last: int
    opener: str


@dataclass(frozen=True)
class Sentence:
    """One sentence of a document's text; `paragraph` is where its paragraph begins."""

    document: str
    start: int
    end: int
    paragraph: int
    language: str | None
    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The sentence as it is written."""
        return self.document[self.start : self.end]

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """The sentence's clauses in order; marks between them belong to none."""
        return tuple(clauses(self.tokens, load_pack(self.language)))

    def clause_at(self, index: int) -> Clause:
        """Return the clause that holds the token, or the nearest before it."""
        held = [clause for clause in self.clauses if clause.first <= index]
        return held[-1] if held else Clause(0, len(self.tokens), "start")


def tokens(text: str, start: int, end: int, language: str | None) -> list[Token]:
    """Return the tokens of `text[start:end]`, cut by the rules of the language's pack."""
    return load_pack(language).tokenizer.tokens(text, start, end)


def sentences(text: str, start: int, end: int, language: str | None) -> list[Sentence]:
    """Return the sentences of `text[start:end]`; a line is a paragraph."""
    pack = load_pack(language)
    return [
        Sentence(text, held[0].start, held[-1].end, first, language, tuple(held))
        for first, last in paragraphs(text, start, end)
        for held in _sentence_tokens(pack.tokenizer.tokens(text, first, last), text, pack)
    ]


def paragraphs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each line that is not blank."""
    end = min(end, len(text))
    first = start
    for at in range(start, end + 1):
        if at == end or text[at] in LINE_ENDS:
            if text[first:at].strip():
                yield first, at
            first = at + 1


def clauses(held: Sequence[Token], pack: Pack) -> Iterator[Clause]:
    """Yield the clauses of a sentence's tokens."""
    openers = {match.first: match for match in pack.derive(_openers).find(held)}
    first, opener = 0, "start"
    for index, token in enumerate(held):
        match = openers.get(index)
        if token.text in CLAUSE_MARKS:
            if index > first:
                yield Clause(first, index, opener)
            first, opener = index + 1, token.text
        elif match is not None:
            if index > first:
                yield Clause(first, index, opener)
            first, opener = index, match.payload
    if first < len(held):
        yield Clause(first, len(held), opener)


def _openers(pack: Pack) -> PhraseMatcher[str]:
    words = pack.grammar.clauses
    return PhraseMatcher(
        [(phrase, "relative") for phrase in words.relative]
        + [(phrase, "subordinator") for phrase in words.subordinators]
        + [(phrase, "conjunction") for phrase in words.conjunctions],
        pack.tokenizer,
    )


def _abbreviations(pack: Pack) -> frozenset[str]:
    return frozenset(pack.tokenizer.normalise(word) for word in pack.grammar.abbreviations)


def _sentence_tokens(held: list[Token], text: str, pack: Pack) -> Iterator[list[Token]]:
    first, index = 0, 0
    while index < len(held):
        if held[index].text in ENDS and _ends(held, index, text, pack, first):
            index += 1
            while index < len(held) and (
                held[index].text in ENDS
                or (held[index].text in CLOSERS and held[index].start == held[index - 1].end)
            ):
                index += 1
            yield held[first:index]
            first = index
        else:
            index += 1
    if first < len(held):
        yield held[first:]


def _ends(held: Sequence[Token], index: int, text: str, pack: Pack, first: int) -> bool:
    """Whether the mark at `index` ends a sentence."""
    mark = held[index]
    if mark.text in WIDE_ENDS:
        return True
    following = index + 1
    while following < len(held) and held[following].text in CLOSERS:
        following += 1
    if following >= len(held):
        return True
    if held[following].start == held[following - 1].end and held[following].text not in ENDS:
        return False
    if text[held[following].start].islower():
        return False
    if mark.text != "." or index == first:
        return True
    return not _is_short(held, index, pack, first)


def _is_short(held: Sequence[Token], index: int, pack: Pack, first: int) -> bool:
    """Whether the full stop at `index` belongs to an abbreviation, an initial or a number."""
    before = held[index - 1]
    if before.end != held[index].start:
        return False
    if before.kind is TokenKind.NUMBER:
        section = index - 1 == first
        ordinal = pack.grammar.numbers.ordinal_dot and len(before.text) <= ORDINAL_DIGITS_MAX
        return section or ordinal
    if pack.derive(_stopped_currencies).ending_at(held, index + 1) is not None:
        return index + 1 < len(held) and held[index + 1].kind is TokenKind.NUMBER
    if before.kind is not TokenKind.WORD:
        return False
    if len(before.text) == 1 and before.text.isupper():
        return True
    if before.norm not in pack.derive(_abbreviations):
        return False
    return not (before.norm in pack.derive(_amount_ends) and _opens_sentence(held, index, pack))


def _stopped_currencies(pack: Pack) -> PhraseMatcher[bool]:
    """Return the matcher of currencies that are written with a full stop: S/. 25."""
    return PhraseMatcher(
        [(f"{name}=", True) for name in pack.grammar.currencies if name.endswith(".")],
        pack.tokenizer,
    )


def _opens_sentence(held: Sequence[Token], index: int, pack: Pack) -> bool:
    """Whether a capital behind a shortened magnitude or currency begins a sentence, not a noun."""
    after = held[index + 1] if index + 1 < len(held) else None
    return (
        after is not None
        and after.kind is TokenKind.WORD
        and after.text[0].isupper()
        and not after.text.isupper()
        and not pack.grammar.numbers.capital_nouns
        and after.norm not in pack.derive(_amount_ends)
    )


def _amount_ends(pack: Pack) -> frozenset[str]:
    """Return the words with which an amount ends: magnitudes and currencies, shortened or not."""
    held = (*pack.grammar.numbers.scales, *pack.grammar.currencies)
    return frozenset(pack.tokenizer.normalise(name.rstrip(".")) for name in held)
