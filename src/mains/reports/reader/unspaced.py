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
from mains.reports.reader.lexicon import Lexicon, Link
from mains.reports.reader.named import (
    PLACES,
    EntityMention,
    Known,
    dated,
    mention_at,
    name_of,
    written,
)
from mains.reports.reader.romanising import slug

OWN_MIN: Final = 2
OWN_MAX: Final = 3
OPENING_OWN_MAX: Final = 4
"""Behind a mark, where a name certainly begins."""
QUOTED_TOKENS_MAX: Final = 16
QUOTES: Final = {"“": "”", "《": "》", "「": "」", "『": "』"}
TITLE_MARK: Final = "《"
TITLED: Final = frozenset({"programme"})
BESIDE_TOKENS_MAX: Final = 4
BRACKETS: Final = frozenset("(（")
CLOSING: Final = frozenset(")）")
LATIN_LETTERS_MIN: Final = 4
"""Shorter ones abbreviate something else."""


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


def placed_names(
    tokens: Sequence[Token], words: Lexicon, named: Iterable[EntityMention]
) -> Iterator[EntityMention]:
    """Yield names that begin with a place that a pack knows: 吉林外国语大学, 无锡绿色智算中心."""
    text = Unspaced(tokens, words, tuple(named))
    if text.is_empty:
        return
    places = {m.first for m in text.named if m.kind in PLACES}
    for name in _by_ending(text, words.tails.find(tokens, overlapping=True), Known.RULE):
        if name.first in places:
            yield name


def quoted_names(
    tokens: Sequence[Token], words: Lexicon, named: Iterable[EntityMention]
) -> Iterator[EntityMention]:
    """Yield names in quotation marks whose ending tells what they are: “数谷万人计划”."""
    text = Unspaced(tokens, words, tuple(named))
    for at, close in _quoted(tokens):
        tail = words.tails.ending_at(tokens, close) or words.weak_tails.ending_at(tokens, close)
        if tail is None or tail.payload in PLACES or tail.first == at + 1:
            continue
        is_title = tokens[at].text == TITLE_MARK and tail.payload in TITLED
        if is_title or any(index in text.own for index in range(at + 1, tail.first)):
            yield dated(tokens, _named(text, at + 1, tail.last, tail.payload, Known.RULE))


def names_beside(
    tokens: Sequence[Token], words: Lexicon, named: Iterable[EntityMention]
) -> Iterator[EntityMention]:
    """Yield names in quotation marks with a noun of kind a few words behind: “旗智”座舱大模型."""
    text = Unspaced(tokens, words, tuple(named))
    for at, close in _quoted(tokens):
        is_own = any(index in text.own for index in range(at + 1, close))
        kind = _kind_behind(text, close + 1) if is_own else None
        if kind is not None:
            yield _named(text, at + 1, close, kind, Known.RULE)


def _quoted(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Yield the token indices of each pair of quotation marks that hold a few words."""
    for at, token in enumerate(tokens):
        closing = QUOTES.get(token.text)
        reach = range(at + 2, min(at + QUOTED_TOKENS_MAX, len(tokens))) if closing else ()
        close = next((index for index in reach if tokens[index].text == closing), None)
        if close is not None:
            yield at, close


def _kind_behind(text: Unspaced, at: int) -> str | None:
    """Return the kind that the noun tells which nothing but words of Han leads to, or 的."""
    link = text.words.links.match(text.tokens, at)
    first = link.last if link is not None and Link.OF in link.payload else at
    for index in range(first, min(first + BESIDE_TOKENS_MAX + 1, len(text.tokens))):
        match = text.words.kinds.match(text.tokens, index)
        if match is not None:
            return match.payload
        token = text.tokens[index]
        is_border = token.norm in text.words.borders
        if token.kind is not TokenKind.HAN:
            return None
        if is_border and text.words.vocabulary.match(text.tokens, index) is None:
            return None
    return None


def own_schemes(
    tokens: Sequence[Token], words: Lexicon, named: Iterable[EntityMention]
) -> Iterator[EntityMention]:
    """Yield schemes that are called after what no pack knows: 秦创原人工智能母基金.

    The name begins behind a place or a mark, since before a scheme any verb may stand.
    """
    text = Unspaced(tokens, words, tuple(named))
    if text.is_empty:
        return
    for match in words.schemes.find(tokens):
        first = text.own_before(match.first)
        begins = _is_opening(tokens, first) or text.place_before(first) is not None
        kind, _, tail = match.payload.rpartition(":")
        if begins and OWN_MIN <= match.first - first <= OWN_MAX and "{" not in tail:
            kind = kind or "programme"
            id_ = f"{kind}:{_spelt(text, first, match.first)}-{tail}"
            yield mention_at(tokens, first, match.last, id_, kind, Known.RULE)


def _by_ending(
    text: Unspaced, found: Iterable[Match[str]], known: Known
) -> Iterator[EntityMention]:
    for match in found:
        if match.payload in PLACES or text.is_word_beyond(match):
            continue
        first = _begins(text, match)
        if first is not None:
            told = _is_told(text, first, match)
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
    is_site = match.payload == "platform" and parts < match.first
    if first == parts and place is not None and place.kind != "country" and (keeps or is_site):
        return place.first
    return None


def _is_told(text: Unspaced, first: int, match: Match[str]) -> bool:
    """Whether a noun of the kind stands right before the name, or marks around it."""
    closing = QUOTES.get(text.tokens[first - 1].text) if first > 0 else None
    if closing is not None:
        return match.last < len(text.tokens) and text.tokens[match.last].text == closing
    before = text.words.kinds.ending_at(text.tokens, first)
    return before is not None and before.payload == match.payload


def _is_opening(tokens: Sequence[Token], at: int) -> bool:
    return at == 0 or tokens[at - 1].kind is TokenKind.PUNCTUATION


def _named(text: Unspaced, first: int, last: int, kind: str, known: Known) -> EntityMention:
    """Return the mention; a place inside the name is spelt as the pack knows it."""
    tokens, pieces, at = text.tokens, list[str](), first
    if (latin := latin_behind(tokens, last, text.words)) is not None:
        return mention_at(tokens, first, last, f"{kind}:{latin}", kind, known)
    for place in (m for m in text.named if m.kind in PLACES and first <= m.first < m.last < last):
        pieces += [_spelt(text, at, place.first), name_of(place.id or "")]
        at = place.last
    pieces.append(_spelt(text, at, last))
    id_ = f"{kind}:" + "-".join(filter(None, pieces))
    return mention_at(tokens, first, last, id_, kind, known)


def latin_behind(tokens: Sequence[Token], last: int, words: Lexicon) -> str | None:
    """Return the slug of the Latin name in brackets behind a name of Han: “雪冷”公司（Yukirei）."""
    at = last
    if at < len(tokens) and tokens[at].text in QUOTES.values():
        at += 1
    if (kind := words.kinds.match(tokens, at)) is not None:
        at = kind.last
    if at >= len(tokens) or tokens[at].text not in BRACKETS:
        return None
    close = next((i for i in range(at + 1, len(tokens)) if tokens[i].text in CLOSING), at)
    inside = tokens[at + 1 : close]
    if not inside or any(t.kind is TokenKind.HAN or t.text in ",，;；" for t in inside):
        return None
    told = inside[0].text[0].isupper() and len(inside[0].text) >= LATIN_LETTERS_MIN
    return slug(written(tokens, at + 1, close)) if told else None


def _spelt(text: Unspaced, first: int, last: int) -> str:
    written = "".join(token.norm for token in text.tokens[first:last])
    spelling = text.words.spelling
    return spelling.endings[written] if written in spelling.endings else slug(written, spelling)
