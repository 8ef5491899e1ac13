"""What part of the document each line is: title, body, promotion, related links, boilerplate.

Structure decides: where lines stand, how long they are, how they end. The words that open a list
of links or ask for a subscription come from the language packs (`headings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from mains.reports.documents.lines import Hint, Line, width
from mains.reports.packs import Match, Pack, PhraseMatcher, Token, load_pack
from mains.reports.values import BlockKind

HEADLINE_WIDTH_MAX: Final = 160
"""A first line wider than this opens the body."""
HEADING_WIDTH_MAX: Final = 90
PARAGRAPH_WIDTH_MIN: Final = 100
"""A line this wide that ends as a sentence does belongs to the article."""
MARKER_WIDTH_MAX: Final = 90
PROMOTION_WIDTH_MAX: Final = 500
WORDS_BESIDE_MARKER_MAX: Final = 3
QUOTED_WIDTH_MAX: Final = 250
QUOTED_SHARE_MIN: Final = 0.5

FULL_STOPS: Final = frozenset(".。．｡;；,，:：")
SENTENCE_ENDS: Final = frozenset(".。．｡!！?？…؟।")
ASKING: Final = frozenset("!！?？…؟")
SPEECH_ENDS: Final = frozenset(".。!！,，")
SPEECH_MARKS: Final = frozenset(",，–—-")
OPENERS: Final = frozenset("\"'“„«‹「『（([{【¿¡")
CLOSERS: Final = frozenset("\"'”’»›」』）)]}】")
QUOTATION: Final = (("“", "”"), ("«", "»"), ("„", "“"), ("「", "」"), ("『", "』"), ('"', '"'))


@dataclass(frozen=True, slots=True)
class Part:
    """What one line is."""

    kind: BlockKind
    is_heading: bool = False


def parts(text: str, lines: Sequence[Line], languages: Sequence[str | None]) -> list[Part]:
    """Return what part of the document each line is."""
    shapes = [_shape(text, line) for line in lines]
    marks = [
        _mark(text, line, shape, language)
        for line, shape, language in zip(lines, shapes, languages, strict=True)
    ]
    tail = _tail(shapes, marks)
    quoting = tail if tail < len(shapes) and shapes[tail].quotes_headline else None
    kinds = [
        mark.kind if mark.counts(in_tail=index >= tail) else BlockKind.BODY
        for index, mark in enumerate(marks)
    ]
    title = _title(text, lines, shapes, kinds)
    if title is not None:
        kinds[title] = BlockKind.TITLE
    if quoting is not None:
        kinds[quoting] = BlockKind.TITLE
    _spread_lists(lines, shapes, kinds, tail)
    _spread_tail(lines, shapes, kinds, tail)
    return [
        Part(kind, is_heading=kind is BlockKind.BODY and _is_heading(lines, shapes, kinds, index))
        for index, kind in enumerate(kinds)
    ]


class _Strength(IntEnum):
    """How surely a line's words say that it does not belong to the article."""

    NONE = 0
    INSIDE = 1
    """A marker somewhere: it counts after the article's end, where the line is no statement."""
    OPENING = 2
    """A marker opens a sentence: it counts after the article's end."""
    WHOLE = 3
    """The line is nothing else: it counts anywhere."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a line's own words say that it is."""

    kind: BlockKind = BlockKind.BODY
    strength: _Strength = _Strength.NONE

    def counts(self, *, in_tail: bool) -> bool:
        return self.strength is _Strength.WHOLE or (in_tail and self.strength > _Strength.NONE)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a line looks, before any word of it is read."""

    width: int
    ends_sentence: bool
    asks: bool
    has_words: bool
    is_quoted: bool
    quotes_headline: bool
    """Most of the line is a headline in quotation marks, in the middle of a sentence."""

    @property
    def is_paragraph(self) -> bool:
        return self.ends_sentence and self.width >= PARAGRAPH_WIDTH_MIN

    @property
    def is_headline(self) -> bool:
        """Short, and no statement that is closed by a stop."""
        return (
            self.has_words
            and self.width <= HEADLINE_WIDTH_MAX
            and (self.asks or not self.ends_sentence)
        )


def _shape(text: str, line: Line) -> _Shape:
    held = text[line.start : line.end]
    last = len(held)
    while last and held[last - 1] in CLOSERS:
        last -= 1
    final = held[last - 1] if last else ""
    return _Shape(
        width=width(held) if len(held) <= PROMOTION_WIDTH_MAX else len(held),
        ends_sentence=final in SENTENCE_ENDS or final in FULL_STOPS,
        asks=final in ASKING,
        has_words=any(letter.isalnum() for letter in held),
        is_quoted=_is_mostly_quoted(held),
        quotes_headline=quoted_headline(held) is not None,
    )


def _is_mostly_quoted(held: str) -> bool:
    return _quoted(held) is not None


def quoted_headline(held: str) -> str | None:
    """Return the headline that a line about the article itself quotes, or None.

    Words go before and behind the quotation, and no mark of speech stands at it.
    """
    found = _quoted(held)
    if found is None:
        return None
    before, inside, behind = held[: found[0]], held[found[0] + 1 : found[1]], held[found[1] + 1 :]
    spoken = inside.rstrip()[-1:] in SPEECH_ENDS or behind.lstrip()[:1] in SPEECH_MARKS
    goes_on = behind.lstrip()[:1].islower() and before.rstrip()[-1:].isalnum()
    return inside.strip() if goes_on and not spoken else None


def _quoted(held: str) -> tuple[int, int] | None:
    """Return where the quotation that is most of a short line opens and closes."""
    if len(held) > QUOTED_WIDTH_MAX:
        return None
    for opening, closing in QUOTATION:
        first = held.find(opening)
        last = held.rfind(closing)
        if first >= 0 and last > first and last - first >= QUOTED_SHARE_MIN * len(held):
            return first, last
    return None


def _title(
    text: str, lines: Sequence[Line], shapes: Sequence[_Shape], kinds: Sequence[BlockKind]
) -> int | None:
    for index, line in enumerate(lines):
        if line.hint is Hint.TITLE:
            return index
    if len(lines) < 2 or kinds[0] is not BlockKind.BODY or lines[0].hint is not None:
        return None
    if shapes[0].is_headline:
        return 0
    # A headline that ends in a stop stands alone: a blank line follows it and no other paragraph.
    blanks = sum(line.follows_blank for line in lines[2:])
    is_apart = lines[1].follows_blank and 2 * blanks < len(lines) - 2
    is_closed = text[lines[0].end - 1] not in ":：;；,，"
    return 0 if is_apart and is_closed and shapes[0].width < PARAGRAPH_WIDTH_MIN else None


def _mark(text: str, line: Line, shape: _Shape, language: str | None) -> _Mark:
    if line.hint is Hint.RELATED:
        return _Mark(BlockKind.RELATED, _Strength.WHOLE)
    if not shape.has_words:
        return _Mark(BlockKind.BOILERPLATE, _Strength.WHOLE)
    if shape.width > PROMOTION_WIDTH_MAX:
        return _Mark()
    pack = load_pack(language)
    matcher = pack.derive(_markers)
    if not matcher:
        return _Mark()
    tokens = pack.tokenizer.tokens(text, line.start, line.end)
    matches = matcher.find(tokens)
    for match in matches:
        if match.payload is BlockKind.RELATED and _opens_links(tokens, match, shape):
            return _Mark(BlockKind.RELATED, _Strength.WHOLE)
    found = [match for match in matches if match.payload is not BlockKind.RELATED]
    if not found:
        return _Mark()
    return _Mark(found[0].payload, _strength(tokens, found, shape))


def _strength(
    tokens: Sequence[Token], found: Sequence[Match[BlockKind]], shape: _Shape
) -> _Strength:
    """Return how far markers of promotion or boilerplate are to be believed."""
    opens_line = not any(token.is_word for token in tokens[: found[0].first])
    if opens_line and (shape.asks or len({match.order for match in found}) > 1):
        return _Strength.WHOLE
    if any(_opens_sentence(tokens, match.first) for match in found):
        return _Strength.OPENING
    is_statement = shape.ends_sentence and not shape.asks
    return _Strength.NONE if is_statement else _Strength.INSIDE


def _markers(pack: Pack) -> PhraseMatcher[BlockKind]:
    headings = pack.grammar.headings
    return PhraseMatcher(
        [(_exact(phrase), BlockKind.RELATED) for phrase in headings.related]
        + [(_exact(phrase), BlockKind.PROMOTION) for phrase in headings.promotion]
        + [(_exact(phrase), BlockKind.BOILERPLATE) for phrase in headings.boilerplate],
        pack.tokenizer,
    )


def _exact(phrase: str) -> str:
    """Return the phrase with plain words as they stand: a stem's other words say other things."""
    return " ".join(word + "=" if word.isalpha() else word for word in phrase.split())


def _opens_links(tokens: Sequence[Token], match: Match[BlockKind], shape: _Shape) -> bool:
    """Whether a marker of related links is a heading of its own, or is set off by a colon."""
    if any(token.is_word for token in tokens[: match.first]):
        return False
    following = tokens[match.last].text if match.last < len(tokens) else ""
    words = sum(token.is_word for token in tokens[match.last :])
    if following in {":", "："}:
        return words == 0 or shape.is_headline
    return shape.width <= MARKER_WIDTH_MAX and words <= WORDS_BESIDE_MARKER_MAX


def _opens_sentence(tokens: Sequence[Token], first: int) -> bool:
    before = first - 1
    while before >= 0 and tokens[before].text in OPENERS:
        before -= 1
    return before < 0 or tokens[before].text in SENTENCE_ENDS


def _tail(shapes: Sequence[_Shape], marks: Sequence[_Mark]) -> int:
    """Return the first line of what follows the article, or the number of lines."""
    last = len(shapes)
    while last > 1 and (
        marks[last - 1].strength >= _Strength.OPENING or not shapes[last - 1].is_paragraph
    ):
        last -= 1
    # A line that quotes a headline is no paragraph, though it ends as one.
    if last > 2 and last < len(shapes) and shapes[last - 1].quotes_headline:
        last -= 1
    for index in range(last, len(shapes)):
        if marks[index].strength > _Strength.NONE:
            # What is quoted right before is the source's own headline.
            return index - 1 if index - 1 >= last and shapes[index - 1].is_quoted else index
    return len(shapes)


def _spread_lists(
    lines: Sequence[Line], shapes: Sequence[_Shape], kinds: list[BlockKind], tail: int
) -> None:
    """Give the lines of a list of links, inside the article, to the line that opens it."""
    for index in range(1, tail):
        if kinds[index] is not BlockKind.BODY or kinds[index - 1] is not BlockKind.RELATED:
            continue
        if lines[index].hint is Hint.ITEM:
            kinds[index] = BlockKind.RELATED
        elif shapes[index].is_headline and lines[index].hint is not Hint.HEADING:
            after_items = lines[index - 1].hint is Hint.ITEM
            if not after_items and not _opens_section(lines, shapes, index):
                kinds[index] = BlockKind.RELATED


def _opens_section(lines: Sequence[Line], shapes: Sequence[_Shape], index: int) -> bool:
    """Whether a headline stands after a blank line and right before a paragraph."""
    following = index + 1
    return lines[index].follows_blank and following < len(lines) and shapes[following].is_paragraph


def _spread_tail(
    lines: Sequence[Line], shapes: Sequence[_Shape], kinds: list[BlockKind], tail: int
) -> None:
    """Headlines after the article's end are links; anything else belongs to what is before it."""
    for index in range(tail, len(lines)):
        if kinds[index] is not BlockKind.BODY:
            continue
        is_link = (
            lines[index].hint is Hint.ITEM or shapes[index].is_headline or shapes[index].is_quoted
        )
        kinds[index] = BlockKind.RELATED if is_link or index == tail else kinds[index - 1]


def _is_heading(
    lines: Sequence[Line], shapes: Sequence[_Shape], kinds: Sequence[BlockKind], index: int
) -> bool:
    if lines[index].hint is not None:
        return lines[index].hint is Hint.HEADING
    following = index + 1
    return (
        shapes[index].is_headline
        and shapes[index].width <= HEADING_WIDTH_MAX
        and following < len(lines)
        and kinds[following] is BlockKind.BODY
        and shapes[following].is_paragraph
    )
