"""Names of a script without spaces that no pack knows, told by their ending: 江州市, 蓝川智算.

Nothing divides such a name from the words before it. It begins where the words end that the pack
knows, and it needs syllables of its own: two that are no word, or as many in quotation marks. An
ending that ends common words too needs a noun of kind beside the name, or another naming.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mains.reports.packs import Token, TokenKind
from mains.reports.packs.phrases import Match
from mains.reports.reader.lexicon import Lexicon
from mains.reports.reader.named import PLACES, EntityMention, Known, dated, mention_at, name_of
from mains.reports.reader.romanising import slug

OWN_MIN: Final = 2
OWN_MAX: Final = 3
OPENING_OWN_MAX: Final = 4
"""Behind a mark, where a name certainly begins."""
QUOTED_TOKENS_MAX: Final = 16
QUOTES: Final = {"“": "”", "《": "》", "「": "」", "『": "』"}
SURE: Final = frozenset({Known.NAME, Known.RULE})


@dataclass(frozen=True)
class Unspaced:
    """One sentence, and what of it no word and no name covers."""

    tokens: Sequence[Token]
    words: Lexicon
    named: tuple[EntityMention, ...]
    """The names that stand already."""

    @cached_property
    def own(self) -> frozenset[int]:
        """The characters that belong to nothing that the pack knows."""
        covered = {i for m in self.named for i in range(m.first, m.last)}
        for match in self.words.vocabulary.find(self.tokens):
            covered.update(range(match.first, match.last))
        return frozenset(
            index
            for index, token in enumerate(self.tokens)
            if token.kind is TokenKind.HAN
            and index not in covered
            and token.norm not in self.words.borders
        )

    @cached_property
    def is_empty(self) -> bool:
        """Whether nothing here is written without spaces."""
        return all(token.kind is not TokenKind.HAN for token in self.tokens)

    def place_before(self, at: int) -> EntityMention | None:
        """Return the place whose name ends right before a token."""
        return next((m for m in self.named if m.last == at and m.kind in PLACES), None)

    def own_before(self, last: int) -> int:
        """Return where the characters that end before `last` and are no word begin."""
        first = last
        while first - 1 in self.own:
            first -= 1
        return first

    def parts_before(self, last: int) -> int:
        """Return where the words that firms are called with, and that end at `last`, begin."""
        while (match := self.words.parts.ending_at(self.tokens, last)) is not None:
            last = match.first
        return last

    def is_word_beyond(self, match: Match[str]) -> bool:
        """Whether the ending is the beginning of a longer word: 市区, 科技股."""
        return any(
            longer is not None and longer.last > match.last
            for longer in (
                self.words.vocabulary.match(self.tokens, at)
                for at in range(match.first, match.last)
            )
        )


def unknown_places(
    tokens: Sequence[Token], words: Lexicon, named: Iterable[EntityMention]
) -> Iterator[EntityMention]:
    """Yield places told by their ending."""
    text = Unspaced(tokens, words, tuple(named))
    if text.is_empty or not words.tails:
        return
    for match in words.tails.find(tokens, overlapping=True):
        if match.payload not in PLACES or text.is_word_beyond(match):
            continue
        ending = "".join(token.norm for token in tokens[match.first : match.last])
        first, kept = text.own_before(match.first), words.kept.get(ending)
        size = match.first - first
        if kept is not None:
            fits = size == 1 and _is_opening(tokens, first)
        else:
            fits = OWN_MIN <= size <= OWN_MAX
        if fits:
            name = "".join(token.norm for token in tokens[first : match.first]) + (kept or "")
            tail = words.spelling.endings.get(ending, "")
            id_ = f"{match.payload}:" + "-".join(filter(None, (slug(name, words.spelling), tail)))
            yield mention_at(tokens, first, match.last, id_, match.payload, Known.RULE)


def names_by_ending(
    tokens: Sequence[Token], words: Lexicon, named: Iterable[EntityMention]
) -> Iterator[EntityMention]:
    """Yield firms, sites, schemes and events told by their ending, the surest first."""
    text = Unspaced(tokens, words, tuple(named))
    if text.is_empty:
        return
    for tails, known in ((words.tails, Known.RULE), (words.weak_tails, Known.LOOKS)):
        found = _by_ending(text, tails.find(tokens, overlapping=True), known)
        yield from sorted(found, key=lambda mention: (mention.first, -mention.last))


def quoted_names(
    tokens: Sequence[Token], words: Lexicon, named: Iterable[EntityMention]
) -> Iterator[EntityMention]:
    """Yield names in quotation marks whose ending tells what they are: “数谷万人计划”."""
    text = Unspaced(tokens, words, tuple(named))
    for at, token in enumerate(tokens):
        closing = QUOTES.get(token.text)
        reach = range(at + 1, min(at + QUOTED_TOKENS_MAX, len(tokens))) if closing else ()
        close = next((i for i in reach if tokens[i].text == closing), None)
        if close is None:
            continue
        tail = words.tails.ending_at(tokens, close) or words.weak_tails.ending_at(tokens, close)
        if tail is None or tail.payload in PLACES or tail.first == at + 1:
            continue
        if any(index in text.own for index in range(at + 1, tail.first)):
            yield dated(tokens, _named(text, at + 1, tail.last, tail.payload, Known.RULE))


def _by_ending(
    text: Unspaced, found: Iterable[Match[str]], known: Known
) -> Iterator[EntityMention]:
    for match in found:
        if match.payload in PLACES or text.is_word_beyond(match):
            continue
        first = _begins(text, match)
        if first is not None:
            told = _is_told(text, first, match.payload)
            name = _named(text, first, match.last, match.payload, Known.RULE if told else known)
            yield dated(text.tokens, name)


def _begins(text: Unspaced, match: Match[str]) -> int | None:
    """Return where the name with this ending begins, or None where it has nothing of its own."""
    ending = "".join(token.norm for token in text.tokens[match.first : match.last])
    parts = text.parts_before(match.first)
    first = text.own_before(parts)
    place = text.place_before(first)
    keeps = place is not None and ending in text.words.placed and place.kind != "country"
    own_max = OPENING_OWN_MAX if _is_opening(text.tokens, first) else OWN_MAX
    if OWN_MIN <= parts - first <= own_max:
        return place.first if place is not None and keeps else first
    if first == parts and place is not None and keeps:
        return place.first
    return None


def _is_told(text: Unspaced, first: int, kind: str) -> bool:
    """Whether a noun of the kind stands right before the name, or a quotation mark."""
    if first > 0 and text.tokens[first - 1].text in QUOTES:
        return True
    before = text.words.kinds.ending_at(text.tokens, first)
    return before is not None and before.payload == kind


def _is_opening(tokens: Sequence[Token], at: int) -> bool:
    return at == 0 or tokens[at - 1].kind is TokenKind.PUNCTUATION


def _named(text: Unspaced, first: int, last: int, kind: str, known: Known) -> EntityMention:
    """Return the mention; a place inside the name is spelt as the pack knows it."""
    tokens, pieces, at = text.tokens, list[str](), first
    for place in (m for m in text.named if m.kind in PLACES and first <= m.first < m.last < last):
        pieces += [_spelt(text, at, place.first), name_of(place.id or "")]
        at = place.last
    pieces.append(_spelt(text, at, last))
    id_ = f"{kind}:" + "-".join(filter(None, pieces))
    return mention_at(tokens, first, last, id_, kind, known)


def _spelt(text: Unspaced, first: int, last: int) -> str:
    written = "".join(token.norm for token in text.tokens[first:last])
    spelling = text.words.spelling
    return spelling.endings[written] if written in spelling.endings else slug(written, spelling)
