"""Numbers as they are written: digits with separators, number words, scales, and both together.

`numerals(sentence, pack)` returns every number of a sentence with its value. What a number means (a
year, a count, an ordinal) is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from mains.reports.packs import Pack, Token, TokenKind
from mains.reports.reader.bounds import BoundMatchers
from mains.reports.reader.digits import GROUP_DIGITS, parse_digits, style_of
from mains.reports.reader.number_words import (
    Item,
    approximates,
    articles,
    classifiers,
    excesses,
    items,
    not_numbers,
    scaled_units,
    words_of,
)
from mains.reports.reader.text import Sentence

WORD_FORMS_MAX: Final = 16_384
MAGNITUDE_POWER_MIN: Final = 3
BASE: Final = Decimal(10)
POWER_MAX: Final = 40
TIMES: Final = "×x·"
HYPHENS: Final = frozenset("-\u2010\u2011")


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number: token indices [first, last) and value.

    `digits` tells whether digits stand in it, `scaled` whether a scale word does, `article` whether
    it is one word that is often no number (one, um), `weak` whether it counts only beside a unit.
    """

    first: int
    last: int
    value: Decimal
    digits: bool
    scaled: bool
    article: bool = False
    weak: bool = False
    last_power: int = 0
    """The power of ten of the last scale: 1.2 billion has 9."""


def numerals(sentence: Sentence, pack: Pack) -> list[Numeral]:
    """Return the numbers of the sentence, left to right; ordinal words are not among them."""
    return _Reader(sentence, pack).read()


class Compounds:
    """Number words written as one: fünfundzwanzig, duecento."""

    def __init__(self, pack: Pack) -> None:
        words = pack.grammar.numbers
        norm = pack.tokenizer.normalise
        self._parts: dict[str, Item] = {}
        for part, value in {**words.words, **words.compound_parts}.items():
            self._parts[norm(part)] = Item(value=value)
        for part, value in words.multipliers.items():
            self._parts[norm(part)] = Item(multiplier=value)
        for part, power in words.scales.items():
            if part.isalpha() and power == MAGNITUDE_POWER_MIN:
                self._parts[norm(part)] = Item(power=power)
        for part in words.compound_joiners:
            self._parts[norm(part)] = Item(joins=True)
        self._lengths = sorted({len(part) for part in self._parts}, reverse=True)
        self._starts = frozenset(part[:2] for part in self._parts)
        self._active = bool(words.compound_parts or words.compound_joiners)
        self.value = lru_cache(maxsize=WORD_FORMS_MAX)(self._value)

    def _value(self, norm: str) -> Decimal | None:
        if not self._active or norm[:2] not in self._starts:
            return None
        for parts in self._splits(norm):
            value = _sum(parts)
            if value is not None:
                return value
        return None

    def _splits(self, rest: str) -> list[list[Item]]:
        if not rest:
            return [[]]
        return [
            [self._parts[rest[:length]], *tail]
            for length in self._lengths
            if length <= len(rest) and rest[:length] in self._parts
            for tail in self._splits(rest[length:])
        ]


def _sum(parts: Sequence[Item]) -> Decimal | None:
    """Return the value of a compound; units before tens need a joiner (fünf-und-zwanzig)."""
    total, group, joined = Decimal(0), Decimal(0), False
    for part in parts:
        if part.joins:
            joined = group > 0
            if not joined:
                return None
        elif part.power is not None:
            total += (group or 1) * Decimal(10) ** part.power
            group, joined = Decimal(0), False
        elif part.multiplier is not None:
            pending = group % part.multiplier
            group += (pending or 1) * part.multiplier - pending
            joined = False
        elif part.value is not None:
            tens = group % 100
            if (
                (joined and 0 < tens < 10 <= part.value < 100)
                or tens == 0
                or (tens >= 20 and tens % 10 == 0 and part.value < 10)
            ):
                group += part.value
            else:
                return None
            joined = False
    return None if joined or len(parts) < 2 else total + group


class _Reader:
    """Reads the numbers of one sentence."""

    def __init__(self, sentence: Sentence, pack: Pack) -> None:
        self._tokens = sentence.tokens
        self._pack = pack
        self._items = pack.derive(items)
        self._compounds = pack.derive(Compounds)
        self._style = style_of(pack, sentence.document)
        self._articles = pack.derive(articles)
        self._classifiers = pack.derive(classifiers)
        self._units = pack.derive(scaled_units)
        self._excesses = pack.derive(excesses)
        self._bounds = pack.derive(BoundMatchers).before
        self._approximate = pack.derive(approximates)
        self._of = pack.derive(words_of)

    def read(self) -> list[Numeral]:
        found: list[Numeral] = []
        blocked = self._blocked()
        index = 0
        while index < len(self._tokens):
            if index not in blocked and (low := self._lower_end(index)) is not None:
                found.append(low)
                index = low.last
            numeral = None if index in blocked else self._at(index)
            if numeral is not None:
                found.append(numeral)
            index = numeral.last if numeral is not None else index + 1
        return found

    def _blocked(self) -> set[int]:
        matcher = self._pack.derive(not_numbers)
        if not matcher:
            return set()
        return {
            index
            for match in matcher.find(self._tokens)
            for index in range(match.first, match.last)
        }

    def _at(self, index: int) -> Numeral | None:
        token = self._tokens[index]
        if token.kind is TokenKind.PUNCTUATION or token.kind is TokenKind.CURRENCY:
            return None
        if token.kind is not TokenKind.NUMBER and self.item(index) is None:
            return None
        positional = self._positional(index)
        if positional is not None:
            return positional
        return _Composer(self, index).compose()

    def item(self, index: int) -> tuple[Item, int] | None:
        """Return what the tokens at `index` can be in a number, and where they end."""
        if index >= len(self._tokens):
            return None
        token = self._tokens[index]
        if self._units.match(self._tokens, index) is not None:
            return None
        match = self._items.match(self._tokens, index)
        if match is not None:
            return match.payload, match.last
        if token.kind is TokenKind.WORD:
            value = self._compounds.value(token.norm)
            if value is not None:
                return Item(value=value), index + 1
        return None

    def excess(self, index: int) -> int | None:
        """Return where the word ends that parts a number from the scale behind it."""
        match = self._excesses.match(self._tokens, index)
        following = self.item(match.last) if match is not None else None
        if match is None or following is None:
            return None
        scale = following[0].power is not None and not following[0].short
        return match.last if scale else None

    def scale_of(self, index: int) -> int | None:
        """Return where "of" ends between an approximate number and its scale: una trentina di."""
        if index == 0 or self._approximate.ending_at(self._tokens, index) is None:
            return None
        match = self._of.match(self._tokens, index)
        following = self.item(match.last) if match is not None else None
        if match is None or following is None or following[0].power is None:
            return None
        return match.last

    def digits(self, index: int) -> Decimal | None:
        """Return the value of a number token."""
        if index >= len(self._tokens) or self._tokens[index].kind is not TokenKind.NUMBER:
            return None
        return parse_digits(self._tokens[index].text, self._style)

    def text(self, index: int) -> str:
        """Return the token as it is written; nothing behind the last."""
        return self._tokens[index].text if index < len(self._tokens) else ""

    def is_whole(self, index: int) -> bool:
        """Whether the number token is three plain digits, as the rest of thousands is written."""
        text = self._tokens[index].text
        return len(text) == GROUP_DIGITS and text.isdecimal()

    def adjacent(self, index: int) -> bool:
        """Whether the token stands directly after the one before it."""
        return (
            0 < index < len(self._tokens)
            and self._tokens[index].start == self._tokens[index - 1].end
        )

    def is_hyphen(self, index: int) -> bool:
        """Whether the token is a hyphen directly after the one before it."""
        return self.adjacent(index) and self._tokens[index].text in HYPHENS

    def takes_short(self, index: int, end: int) -> bool:
        """Whether a letter can be a scale: glued to the digits (7B), or to a currency (75 M€)."""
        following = self._tokens[end] if end < len(self._tokens) else None
        currency = following is not None and following.kind is TokenKind.CURRENCY
        return self.adjacent(index) or (currency and self.adjacent(end))

    def is_article(self, first: int, last: int) -> bool:
        """Whether the tokens are one word that is often no number."""
        return last == first + 1 and self._tokens[first].norm in self._articles

    def is_bounded(self, index: int) -> bool:
        """Whether a bound word makes a bare magnitude a number, before a counting word: 近百家.

        Behind it stands what says that there are more: 百余家.
        """
        if not self._classifiers:
            return False
        if self._bounds.ending_at(self._tokens, index) is not None:
            return True
        match = self._excesses.match(self._tokens, index + 1)
        return match is not None and self._classifiers.match(self._tokens, match.last) is not None

    def is_weak(self, first: int, last: int) -> bool:
        """Whether a one-token number word lacks the counting word that the language puts after."""
        if not self._classifiers or last != first + 1:
            return False
        return self._classifiers.match(self._tokens, last) is None

    def _lower_end(self, index: int) -> Numeral | None:
        """Return the digit that opens a range with the next one, as written: 三四十家, 七八成."""
        if not self._pack.grammar.numbers.positional:
            return None
        digits = [self._digit_word(at) for at in range(index - 1, index + 3)]
        low, high = digits[1], digits[2]
        if low is None or high is None or high != low + 1 or digits[0] or digits[3]:
            return None
        following = self.item(index + 2)
        scaled = following is not None and not following[0].joins and not following[0].point
        if not scaled and self._classifiers.match(self._tokens, index + 2) is None:
            return None
        return Numeral(index, index + 1, low, digits=False, scaled=False)

    def _digit_word(self, index: int) -> Decimal | None:
        """Return the value of a word for one digit that stands at `index`."""
        held = self.item(index) if index >= 0 else None
        value = held[0].value if held is not None else None
        return value if value is not None and 0 < value < 10 else None

    def _positional(self, index: int) -> Numeral | None:
        """Read digits written as words in a row: 二〇二五."""
        if not self._pack.grammar.numbers.positional:
            return None
        digits, last = "", index
        while (held := self.item(last)) is not None and held[0].value is not None:
            value, end = held[0].value, held[1]
            if value >= 10 or value != int(value) or end != last + 1:
                break
            digits, last = digits + str(int(value)), end
        following = self.item(last)
        if len(digits) < 2 or (following is not None and following[0].multiplier is not None):
            return None
        return Numeral(
            index, last, Decimal(digits), digits=False, scaled=False, weak=len(digits) < 4
        )


class _Composer:
    """Adds up one number from its parts, and stops before what does not compose."""

    def __init__(self, reader: _Reader, first: int) -> None:
        self._reader = reader
        self._first = first
        self._at = first
        self._total = Decimal(0)
        self._group: Decimal | None = None
        self._digits = False
        self._scaled = False
        self._power: int | None = None
        self._bare = False
        self._short = False

    def compose(self) -> Numeral | None:
        while self._step():
            pass
        if self._at == self._first:
            return None
        value = self._total + (self._group or 0)
        reader = self._reader
        words = not self._digits and not self._scaled
        return Numeral(
            self._first,
            self._at,
            value,
            digits=self._digits,
            scaled=self._scaled,
            article=words and reader.is_article(self._first, self._at),
            weak=self._bare or (words and reader.is_weak(self._first, self._at)),
            last_power=self._power or 0,
        )

    def _step(self) -> bool:
        digits = self._reader.digits(self._at)
        if digits is not None:
            return self._add_digits(digits)
        if self._group is not None:
            reader, at = self._reader, self._at
            self._at = reader.excess(at) or reader.scale_of(at) or at
        held = self._hyphenated() or self._reader.item(self._at)
        if held is None:
            return False
        item, end = held
        if item.point:
            return self._add_decimals(end)
        if item.half and self._at > self._first:
            return self._add_half(end)
        if item.power is not None and (self._group is not None or self._scaled):
            return self._scale(item, end)
        if item.multiplier is not None:
            return self._multiply(item.multiplier, end)
        if item.value is not None:
            return self._add(item.value, end)
        if item.fraction is not None and self._group is None and not self._total:
            return self._add_fraction(item.fraction, end)
        if item.power is not None:
            return self._scale(item, end)
        return item.joins and self._join(end)

    def _hyphenated(self) -> tuple[Item, int] | None:
        """Return the magnitude behind a hyphen: a C$300-million fund, Rs 1,000-crore."""
        reader, at = self._reader, self._at
        if not (self._digits and reader.is_hyphen(at) and reader.adjacent(at + 1)):
            return None
        held = reader.item(at + 1)
        if held is None or held[0].power is None or held[0].short:
            return None
        return held

    def _add_digits(self, digits: Decimal) -> bool:
        if self._digits and self._group is not None and 0 < digits < 1:
            # 2½: the fraction stands at the digits.
            glued = self._reader.adjacent(self._at) and self._group == int(self._group)
            self._group += digits if glued else 0
            self._at += glued
            return glued
        if self._group is not None or (self._total and not self._continues(digits)):
            return False
        if self._total and self._power is None:
            return False
        self._group, self._digits, self._at = digits, True, self._at + 1
        self._bare = False
        self._raise()
        return True

    def _raise(self) -> None:
        """Read a power of ten that is written out: 10^25, 3.8×10^25."""
        reader, at = self._reader, self._at
        times = reader.text(at) in TIMES and reader.digits(at + 1) == BASE
        at += 2 if times else 0
        power = reader.digits(at + 1)
        if reader.text(at) != "^" or power is None or not (times or self._group == BASE):
            return
        if power != int(power) or power > POWER_MAX or self._group is None:
            return
        self._group = (self._group if times else Decimal(1)) * BASE ** int(power)
        self._scaled, self._at = True, at + 2

    def _continues(self, digits: Decimal) -> bool:
        """Whether digits after a scale go on with its number: 1亿2000万, 2 millones 300 mil."""
        following = self._reader.item(self._at + 1)
        if self._power == MAGNITUDE_POWER_MIN and digits < Decimal(10) ** self._power:
            # The rest of the thousands: 27 mil 800 millones.
            return self._reader.is_whole(self._at)
        if self._power is None or following is None or following[0].power is None:
            return False
        whole = digits * Decimal(10) ** following[0].power
        return not following[0].short and whole < Decimal(10) ** self._power

    def _add(self, value: Decimal, end: int) -> bool:
        group = self._group
        if group is None:
            if self._total and (self._power is None or value >= Decimal(10) ** self._power):
                return False
            if self._scaled and self._digits:
                return False
            self._group = value
        elif self._digits or group == 0 or value >= _place(group):
            return False
        else:
            self._group = group + value
        self._at, self._bare = end, False
        return True

    def _multiply(self, factor: Decimal, end: int) -> bool:
        group = self._group
        if group is None:
            self._group = factor
            alone = self._at == self._first and factor > 10
            self._bare = self._bare or (alone and not self._reader.is_bounded(self._first))
        else:
            pending = group % factor
            if pending == 0:
                return False
            self._group = group - pending + pending * factor
        self._at = end
        return True

    def _add_fraction(self, fraction: Decimal, end: int) -> bool:
        following = self._reader.item(end)
        if following is None or following[0].power is None or following[0].short:
            return False
        self._group, self._at = fraction, end
        return True

    def _add_half(self, end: int) -> bool:
        if self._group is not None:
            self._group += Decimal("0.5")
        elif self._power is not None:
            self._total += Decimal("0.5") * Decimal(10) ** self._power
        self._at = end
        return True

    def _add_decimals(self, end: int) -> bool:
        """Read the digits behind the word for the decimal point, one word each."""
        if self._group is None or self._digits:
            return False
        place, at = Decimal("0.1"), end
        while (held := self._reader.item(at)) is not None and held[0].value is not None:
            if held[0].value >= 10 or self._reader.digits(at) is not None:
                break
            self._group += held[0].value * place
            place, at = place / 10, held[1]
        if at == end:
            return False
        self._at = at
        return True

    def _scale(self, item: Item, end: int) -> bool:
        power = item.power
        assert power is not None
        if self._group is None and not self._scaled:
            following = self._reader.item(end)
            scaled = following is not None and following[0].power is not None
            if item.short or not (scaled or item.alone or self._reader.is_bounded(self._first)):
                return False
            self._group, self._bare = Decimal(1), False
        if item.short and not (self._digits and self._reader.takes_short(self._at, end)):
            return False
        if self._group is None:
            # A scale right after a scale multiplies the last one: 1.2万亿, 5 lakh crore.
            if self._power is None:
                return False
            self._total *= Decimal(10) ** power
            self._power += power
        else:
            if self._power is not None and power >= self._power:
                self._total = (self._total + self._group) * Decimal(10) ** power
            else:
                self._total += self._group * Decimal(10) ** power
            self._power = power
        self._group, self._scaled, self._at = None, True, end
        self._bare = False
        return True

    def _join(self, end: int) -> bool:
        """Step over a joiner only if a number word that composes follows it."""
        if self._digits or (self._group is None and not self._total):
            return False
        held = self._reader.item(end)
        if held is None or held[0].value is None or self._reader.digits(end) is not None:
            return False
        place = _place(self._group) if self._group else Decimal(10) ** (self._power or 0)
        if held[0].value >= place:
            return False
        self._at = end
        return self._add(held[0].value, held[1])


def _place(value: Decimal) -> Decimal:
    """Return the place of the last digit that is not zero: 20 has 10, 300 has 100."""
    place = Decimal(1)
    while value and value % (place * 10) == 0:
        place *= 10
    return place


def spoken(tokens: Sequence[Token], numeral: Numeral) -> str:
    """Return the number as it is written, for messages."""
    return " ".join(token.text for token in tokens[numeral.first : numeral.last])
