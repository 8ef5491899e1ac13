"""What stands beside a number and makes it part of a name, of a time of day, or negative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mains.reports.packs import Token, TokenKind
from mains.reports.reader.bounds import OPENERS
from mains.reports.reader.numerals import Numeral
from mains.reports.reader.text import Sentence

NAME_NUMBER_BELOW: Final = 100
MINUS: Final = "-−–－"
GLUE: Final = (".", "-")


def is_section(tokens: Sequence[Token], number: Numeral, sentence: Sentence) -> bool:
    """Whether the number opens its paragraph and a mark follows, as of a heading or an item."""
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


def glued_end(tokens: Sequence[Token], index: int) -> int:
    """Return where the name ends that goes on behind a word with digits: Qwen2.5-72B."""
    end = index + 1
    while end + 1 < len(tokens) and tokens[end].text in GLUE:
        mark, part = tokens[end], tokens[end + 1]
        if mark.start != tokens[end - 1].end or part.start != mark.end:
            break
        if part.kind not in (TokenKind.NUMBER, TokenKind.WORD):
            break
        end += 2
        if end < len(tokens) and tokens[end].start == part.end and _is_letters(tokens[end]):
            end += 1
    return end


def _is_letters(token: Token) -> bool:
    """Whether it is a word of Latin letters, as behind the digits of a size: 72 B."""
    return token.kind is TokenKind.WORD and token.text.isascii()


def has_minus(tokens: Sequence[Token], index: int) -> bool:
    """Whether a sign stands at the number, behind a word apart, a bracket or Han: 利润-3亿元."""
    if index < 2 or tokens[index - 1].text not in MINUS:
        return False
    before, sign = tokens[index - 2], tokens[index - 1]
    if sign.end != tokens[index].start:
        return False
    apart = before.is_word and before.end < sign.start
    return apart or before.kind is TokenKind.HAN or before.text in (*OPENERS, ":")


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
