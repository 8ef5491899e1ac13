"""What a number is by the tokens beside it: of a section, of a product, of a clock, negative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mains.reports.packs import Token, TokenKind
from mains.reports.reader.bounds import OPENERS
from mains.reports.reader.numerals import Numeral
from mains.reports.reader.text import Sentence

NAME_NUMBER_BELOW: Final = 100
MINUS: Final = ("-", "−")


def is_section(tokens: Sequence[Token], number: Numeral, sentence: Sentence) -> bool:
    if number.first != 0 or sentence.start != sentence.paragraph or number.last >= len(tokens):
        return False
    return tokens[number.last].text in (".", ")", "、") and number.value < NAME_NUMBER_BELOW


def is_product(tokens: Sequence[Token], number: Numeral) -> bool:
    """Whether the number belongs to the name before it: GPT-4, YandexGPT 5, MareNostrum 5."""
    if number.first == 0:
        return False
    before = tokens[number.first - 1]
    if before.text in "-‑" and number.first > 1 and before.end == tokens[number.first].start:
        name = tokens[number.first - 2]
        return name.kind is TokenKind.WORD and name.end == before.start and name.text[0].isupper()
    if _is_version(tokens, number):
        return True
    inner = before.kind is TokenKind.WORD and any(c.isupper() for c in before.text[1:])
    latin = inner and before.text.isascii() and len(before.text) > 1
    if not latin or number.value >= NAME_NUMBER_BELOW:
        return False
    after = tokens[number.last] if number.last < len(tokens) else None
    close = tokens[number.first].start - before.end <= 1
    named = after is None or after.text[0].isupper() or after.kind is not TokenKind.WORD
    unit = after is not None and (after.kind is TokenKind.CURRENCY or after.text in "%％")
    return close and named and not unit and "." not in before.text


def _is_version(tokens: Sequence[Token], number: Numeral) -> bool:
    """Whether the number ends a name of two capitals, and a mark follows: Claude Sonnet 3.7."""
    name, at = tokens[max(0, number.first - 2) : number.first], number.first
    capitals = all(t.kind is TokenKind.WORD and t.text[0].isupper() for t in name)
    if len(name) < 2 or not capitals or not number.digits or number.scaled:
        return False
    after = tokens[number.last] if number.last < len(tokens) else None
    ends = after is None or (after.kind is TokenKind.PUNCTUATION and after.text not in "%％‰")
    close = tokens[at].start - tokens[at - 1].end == 1
    return ends and close and number.value < NAME_NUMBER_BELOW


def is_clock(tokens: Sequence[Token], number: Numeral) -> bool:
    """Whether the number is part of a time of day or a score: 10:30."""

    def beside(mark: int, other: int) -> bool:
        return (
            0 <= mark < len(tokens)
            and 0 <= other < len(tokens)
            and tokens[mark].text == ":"
            and tokens[other].kind is TokenKind.NUMBER
            and abs(tokens[other].start - tokens[mark].start) <= 2
        )

    return beside(number.last, number.last + 1) or beside(number.first - 1, number.first - 2)


def is_negative(tokens: Sequence[Token], index: int) -> bool:
    """Whether a minus stands at the number and at nothing else: fell -4.3%."""
    if index == 0 or tokens[index - 1].text not in MINUS:
        return False
    mark, before = tokens[index - 1], tokens[index - 2] if index > 1 else None
    if mark.end != tokens[index].start:
        return False
    if before is None:
        return True
    ranged = before.kind is TokenKind.NUMBER or before.text in "%％"
    return not ranged and (before.end < mark.start or before.text in OPENERS)
