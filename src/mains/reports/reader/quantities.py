"""Quantities: the figures, ranks and ratios of a sentence, with unit and bound.

    found = figures(sentence, pack, anchor_year=2025, money="CNY")
    found.quantities, found.periods
    document_figures(sentences, pack)        # one Figures a sentence, context carried over

`anchor_year` completes dates without a year, and `money` is the currency of the paragraph's last
amount, which "15 million in the year before" takes over. Both are optional.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, TypeVar

from mains.reports.packs import Match, Pack, PhraseMatcher, Token, TokenKind
from mains.reports.reader.amounts import (
    MONEY_POWER_MIN,
    bound_inside,
    bound_within,
    is_one,
    plain,
    with_carried,
    with_half,
    with_money,
)
from mains.reports.reader.beside import glued_end, has_minus, is_clock, is_product, is_section
from mains.reports.reader.bounds import BoundMatchers, bounded, paired, ranged
from mains.reports.reader.figures import Figures, PeriodMention, Quantity, QuantityKind
from mains.reports.reader.formulas import evaluate, rounded
from mains.reports.reader.number_words import (
    approximates,
    classifiers,
    compound_words,
    factors,
    not_numbers,
)
from mains.reports.reader.numerals import Numeral, numerals
from mains.reports.reader.ordinals import Ordinal, Rank, ordinals, ranks, stands_alone
from mains.reports.reader.periods import find_periods
from mains.reports.reader.text import Sentence
from mains.reports.reader.units import Unit, Units
from mains.reports.values import Bound

Value = TypeVar("Value")
Factor = Match[tuple[str, bool]]
"""A share or a factor found: its formula, and whether it is a share."""

DIGITS: Final = re.compile(r"\d+")

QUALIFIED_BELOW: Final = 1000
HOURS_OF_DAY: Final = 24
DECADE_MIN: Final = 1900
DECADE_MAX: Final = 2100
SIGNED: Final = (QuantityKind.PERCENT, QuantityKind.POINTS)
RATIO_BELOW: Final = 1000
PHONE_PARTS_MIN: Final = 3


@dataclass(slots=True)
class _Found:
    """What was found so far, and the tokens that are spoken for."""

    tokens: Sequence[Token]
    taken: set[int]
    quantities: list[Quantity] = field(default_factory=list)

    def free(self, first: int, last: int) -> bool:
        return not any(index in self.taken for index in range(first, last))

    def take(self, first: int, last: int) -> None:
        self.taken.update(range(first, last))

    def add(
        self,
        first: int,
        last: int,
        value: Decimal,
        unit: str | None,
        kind: QuantityKind,
        *,
        number: tuple[int, int] | None = None,
        scale: Decimal = Decimal(1),
        factor: Decimal = Decimal(1),
        bound: Bound = Bound.EXACT,
    ) -> None:
        """Add a quantity over the tokens [first, last), which are then spoken for."""
        at = number or (first, last)
        self.take(first, last)
        self.quantities.append(
            Quantity(
                start=self.tokens[first].start,
                end=self.tokens[last - 1].end,
                first=first,
                last=last,
                number_first=at[0],
                number_last=at[1],
                value=plain(value),
                unit=unit,
                kind=kind,
                scale=scale,
                factor=factor,
                bound=bound,
            )
        )


def quantities(sentence: Sentence, pack: Pack) -> list[Quantity]:
    """Return the figures of the sentence, left to right."""
    return list(figures(sentence, pack).quantities)


def figures(
    sentence: Sentence, pack: Pack, anchor_year: int | None = None, money: str | None = None
) -> Figures:
    """Return the figures and the periods of the sentence, each left to right."""
    tokens = sentence.tokens
    numbers = numerals(sentence, pack)
    ranked = ordinals(sentence, pack, numbers)
    times = find_periods(sentence, pack, numbers, ranked, anchor_year)
    found = _Found(tokens, {i for time in times for i in range(time.first, time.last)})
    _add_founded(found, times)
    _add_codes(found, sentence, numbers, pack)
    shares = pack.derive(factors).find(tokens, _slots(numbers, ranked, tokens))
    ranking = ranks(sentence, pack, ranked, numbers)
    _add_names(found, pack, numbers, ranked, [*shares, *ranking])
    _add_consecutive(found, pack, numbers, ranked)
    _add_ratios(found, pack, numbers, ranked, shares)
    placed = [rank for rank in ranking if not _bounds(rank, tokens, pack, numbers)]
    _add_ranks(found, placed, ranked, pack)
    _add_numbers(found, pack, numbers)
    _add_vague(found, pack)
    found.quantities = [held for held in found.quantities if not _says_nothing(held, tokens)]
    found.quantities.sort(key=lambda held: (held.first, held.last))
    held = with_carried(ranged(found.quantities, tokens, pack), tokens, pack)
    held = with_money(held, tokens, pack, money)
    held = _rangeless_bounds(held, bounded(held, tokens, pack, found.taken))
    return Figures(tuple(paired(held, tokens)), tuple(times))


def _says_nothing(held: Quantity, tokens: Sequence[Token]) -> bool:
    """Whether it only counts phases and batches in words: the first phase, 首批."""
    text = "".join(token.text for token in tokens[held.first : held.last])
    in_words = not any(character.isdigit() for character in text)
    return held.kind is QuantityKind.QUALIFIER and held.value == 1 and in_words


def _bounds(rank: Rank, tokens: Sequence[Token], pack: Pack, numbers: Sequence[Numeral]) -> bool:
    """Whether a superlative is a bound word before a figure: 最高50%."""
    if not rank.superlative or not any(number.first == rank.last for number in numbers):
        return False
    match = pack.derive(BoundMatchers).before.match(tokens, rank.first)
    return match is not None and match.last == rank.last


def document_figures(
    held: Sequence[Sentence], pack: Pack, anchor_year: int | None = None
) -> list[Figures]:
    """Return the figures of each sentence, years and currencies carried over between them.

    A half or quarter takes the last year of its paragraph. A day or month takes `anchor_year`, else
    the year of the first day that the text names (its dateline), else its first year. A bare
    "15 million" takes the last currency named before it.
    """
    first = [figures(sentence, pack) for sentence in held]
    times = [time for each in first for time in each.periods]
    dateline = _first(time.year for time in times if _is_day(time))
    anchor = anchor_year or dateline or _first(time.year for time in times)
    result: list[Figures] = []
    money: str | None = None
    year, paragraph = anchor, -1
    for sentence, each in zip(held, first, strict=True):
        if sentence.paragraph != paragraph:
            year, paragraph = anchor, sentence.paragraph
        found = figures(sentence, pack, money=money) if money and _has_bare(each) else each
        completed = tuple(
            _with_year(time, year if _is_part(time) else anchor) for time in found.periods
        )
        result.append(Figures(found.quantities, completed))
        year = next((time.year for time in reversed(completed) if time.year is not None), year)
        money = next((q.unit for q in reversed(found.quantities) if _is_amount(q, found)), money)
    return result


def _first(values: Iterable[Value | None]) -> Value | None:
    return next((value for value in values if value is not None), None)


def _has_bare(found: Figures) -> bool:
    """Whether a number of millions stands without a unit."""
    return any(
        quantity.kind is QuantityKind.COUNT and quantity.scale >= Decimal(10) ** MONEY_POWER_MIN
        for quantity in found.quantities
    )


def _is_day(time: PeriodMention) -> bool:
    return not time.point and len((time.period or "").partition("/")[0]) == len("2025-02-18")


def _is_part(time: PeriodMention) -> bool:
    """Whether the mention is a half or a quarter, which a text counts within the year at hand."""
    return time.period is not None and time.period[2:3] in ("H", "Q")


def _with_year(time: PeriodMention, year: int | None) -> PeriodMention:
    if year is None or time.period is None or time.is_complete:
        return time
    return replace(time.completed(year), reason=None)


def _is_amount(quantity: Quantity, found: Figures) -> bool:
    return quantity.kind is QuantityKind.MONEY and (
        quantity.pair is None or found.quantities[quantity.pair].first > quantity.first
    )


def _rangeless_bounds(before: Sequence[Quantity], after: Sequence[Quantity]) -> list[Quantity]:
    """Keep the ends of ranges as they are: their words are the range's own."""
    return [
        old if old.range_of is not None else new for old, new in zip(before, after, strict=True)
    ]


def _add_founded(found: _Found, times: Sequence[PeriodMention]) -> None:
    for time in times:
        if time.founded and time.period is not None:
            year = Decimal(time.period[:4]) if time.period[:4].isdecimal() else None
            if year is not None:
                found.add(time.first, time.last, year, "year", QuantityKind.YEAR)


def _add_codes(found: _Found, sentence: Sentence, numbers: Sequence[Numeral], pack: Pack) -> None:
    """Add numbers that are parts of names by their look: R1, GPT-4, phones, section numbers."""
    tokens = sentence.tokens
    for index, token in enumerate(tokens):
        digits = DIGITS.search(token.text) if token.kind is TokenKind.WORD else None
        if digits is not None and found.free(index, index + 1):
            counts = _is_glued_count(tokens, index, pack)
            found.add(
                index,
                index + 1,
                Decimal(digits.group()),
                None if counts else "ordinal",
                QuantityKind.COUNT if counts else QuantityKind.NAME_NUMBER,
            )
            held = found.quantities[-1]
            found.quantities[-1] = replace(
                held,
                start=token.start + digits.start(),
                end=token.start + digits.end(),
                in_word=not counts,
            )
            found.take(index + 1, glued_end(tokens, index))
    _add_runs(found, tokens)
    for number in numbers:
        if not number.digits or number.scaled or not found.free(number.first, number.last):
            continue
        if is_section(tokens, number, sentence) or is_product(tokens, number):
            found.add(number.first, number.last, number.value, "ordinal", QuantityKind.NAME_NUMBER)


def _is_glued_count(tokens: Sequence[Token], index: int, pack: Pack) -> bool:
    """Whether a counting word follows digits that no space parts from a noun: GPU3000块."""
    if re.fullmatch(r"[A-Za-z]{3,}\d{2,}", tokens[index].text) is None:
        return False
    return pack.derive(classifiers).match(tokens, index + 1) is not None


def _add_runs(found: _Found, tokens: Sequence[Token]) -> None:
    """Add phone numbers and the like: runs of digits with hyphens, or a leading zero."""
    index = 0
    while index < len(tokens):
        if tokens[index].kind is not TokenKind.NUMBER:
            index += 1
            continue
        last, parts = index, 0
        while last < len(tokens) and tokens[last].kind is TokenKind.NUMBER:
            parts += 1
            last += 1
            if last + 1 < len(tokens) and tokens[last].text in "-/" and _glued(tokens, last):
                last += 1
        joined = tokens[index:last]
        hyphens = sum(token.text in "-/" for token in joined)
        opening = "".join(joined[0].text.split()) if joined else ""
        zero = opening.startswith("0") and opening[1:].isdecimal()
        phone = (parts >= PHONE_PARTS_MIN and hyphens) or (zero and len(opening) > 2)
        if phone and found.free(index, last):
            digits = re.sub(r"\D", "", "".join(token.text for token in joined))
            found.add(index, last, Decimal(digits), "ordinal", QuantityKind.NAME_NUMBER)
        index = max(last, index + 1)


def _glued(tokens: Sequence[Token], index: int) -> bool:
    return (
        tokens[index].start == tokens[index - 1].end
        and tokens[index + 1].kind is TokenKind.NUMBER
        and tokens[index + 1].start == tokens[index].end
    )


def _names(pack: Pack) -> PhraseMatcher[QuantityKind]:
    words, kinds = pack.grammar, QuantityKind
    return PhraseMatcher(
        [
            *((phrase, kinds.NAME_NUMBER) for phrase in words.names.plans),
            *((phrase, kinds.NAME_NUMBER) for phrase in words.names.products),
            *((phrase, kinds.NAME_NUMBER) for phrase in pack.root.names.products),
            *((phrase, kinds.NAME_NUMBER) for phrase in words.names.sections),
            *((phrase, kinds.QUALIFIER) for phrase in words.numbers.qualifiers),
            *((phrase, kinds.QUALIFIER) for phrase in pack.root.numbers.qualifiers),
            *((phrase, kinds.QUALIFIER) for phrase in words.periods.times),
            *((phrase, kinds.QUALIFIER) for phrase in words.periods.ages),
        ],
        pack.tokenizer,
    )


def _slots(
    numbers: Sequence[Numeral], ranked: Sequence[Ordinal], words: Sequence[Token] = ()
) -> dict[str, dict[int, int]]:
    spans = {number.first: number.last for number in numbers}
    # The "th" of 14th is no word that could stand between two numbers: 14th out of 83.
    endings = {index for held in ranked for index in range(held.first + 1, held.last)}
    return {
        "n": spans,
        "n2": spans,
        "ordinal": {ordinal.first: ordinal.last for ordinal in ranked},
        "word": {i: i + 1 for i, t in enumerate(words) if t.is_word and i not in endings},
    }


def _add_names(
    found: _Found,
    pack: Pack,
    numbers: Sequence[Numeral],
    ranked: Sequence[Ordinal],
    wider: Sequence[Factor | Rank],
) -> None:
    """Add numbers of names and qualifiers, where no share or place of `wider` reaches further."""
    values = {number.first: number.value for number in numbers}
    values |= {ordinal.first: Decimal(ordinal.value) for ordinal in ranked}
    # "To top 1.2 trillion" and "the first 200 MW" are figures, no qualifiers.
    units = pack.derive(Units)
    measured = {n.first for n in numbers if n.scaled or _is_measured(units, found.tokens, n)}
    for match in pack.derive(_names).find(found.tokens, _slots(numbers, ranked)):
        held = [(first, last) for _, first, last in match.slots if found.free(first, last)]
        if match.payload is QuantityKind.QUALIFIER and held and held[0][0] in measured:
            at, last = held[0]
            if not _is_decade(values[at]) or last == match.last:
                continue
        if any(_exceeds(other, match) for other in wider):
            continue
        for first, last in held:
            found.add(first, last, values[first], "ordinal", match.payload)
        whole = [number for number in numbers if match.first <= number.first < match.last]
        if match.slots and match.payload is QuantityKind.NAME_NUMBER:
            # The 15th five-year plan lasts no five years.
            for number in whole:
                found.take(number.first, number.last)
        if any(number.last > match.last for number in whole):
            # "The two million" is no "the two".
            continue
        if not match.slots and found.free(match.first, match.last):
            value = whole[0].value if whole else Decimal(1)
            found.add(match.first, match.last, value, None, match.payload)
    for index, (length, value) in _compounds(found, pack).items():
        if not found.free(index, index + 1):
            continue
        found.add(index, index + 1, value, "year", QuantityKind.NAME_NUMBER)
        quantity = found.quantities[-1]
        found.quantities[-1] = replace(quantity, end=quantity.start + length, in_word=True)


def _exceeds(other: Factor | Rank, match: Match[QuantityKind]) -> bool:
    """Whether a share or a place says more than the phrase: two thirds, ranks No. 3."""
    if isinstance(other, Rank):
        return other.first < match.first and match.last <= other.last
    is_qualifier = match.payload is QuantityKind.QUALIFIER
    return is_qualifier and other.first <= match.first < other.last and other.last > match.last


def _is_decade(value: Decimal) -> bool:
    """Whether the number is a year that decades are called after: the 2020s."""
    return DECADE_MIN <= value <= DECADE_MAX and value % 10 == 0


def _is_measured(units: Units, tokens: Sequence[Token], number: Numeral) -> bool:
    unit = units.after(tokens, number.last, scaled=number.scaled)
    if unit is not None and unit.kind is QuantityKind.DURATION:
        # 200 hours are no time of day.
        return unit.name == "hour" and number.value > HOURS_OF_DAY
    return unit is not None or number.value >= QUALIFIED_BELOW


def _compounds(found: _Found, pack: Pack) -> dict[int, tuple[int, Decimal]]:
    """Return the tokens that begin with a number and go on as a name (Fünf|jahresplan)."""
    stems, words = pack.derive(compound_words)
    held: dict[int, tuple[int, Decimal]] = {}
    if not stems:
        return held
    for index, token in enumerate(found.tokens):
        at = min((token.norm.find(stem) for stem in stems if token.norm.find(stem) > 0), default=0)
        value = words.get(token.norm[:at])
        if at and value is not None:
            held[index] = (at, value)
    return held


def _consecutive(pack: Pack) -> PhraseMatcher[bool]:
    return PhraseMatcher(
        [(phrase, True) for phrase in pack.grammar.periods.consecutive], pack.tokenizer
    )


def _add_consecutive(
    found: _Found, pack: Pack, numbers: Sequence[Numeral], ranked: Sequence[Ordinal]
) -> None:
    values = {number.first: number.value for number in numbers}
    values |= {ordinal.first: Decimal(ordinal.value) for ordinal in ranked}
    for match in pack.derive(_consecutive).find(found.tokens, _slots(numbers, ranked)):
        first, last = match.slots[0][1:]
        if found.free(match.first, match.last):
            found.add(
                match.first,
                match.last,
                values[first],
                "year",
                QuantityKind.DURATION,
                number=(first, last),
            )


def _add_ratios(
    found: _Found,
    pack: Pack,
    numbers: Sequence[Numeral],
    ranked: Sequence[Ordinal],
    shares: Sequence[Factor],
) -> None:
    values = {number.first: number.value for number in numbers}
    values |= {ordinal.first: Decimal(ordinal.value) for ordinal in ranked}
    idioms = pack.derive(not_numbers).find(found.tokens)
    blocked = [(held.last - held.first, set(range(held.first, held.last))) for held in idioms]
    for match in shares:
        formula, share = match.payload
        filled = {name: values[at] for name, at, _ in match.slots if name != "word"}
        value = evaluate(formula, filled)
        if value is None or not found.free(match.first, match.last):
            continue
        if any(_holds(number, match) for number in numbers):
            # Half a dozen is six.
            continue
        if any(n.scaled for n in numbers if match.first <= n.first < match.last):
            continue
        if share and _is_timed(found.tokens, pack, match):
            continue
        span = range(match.first, match.last)
        if any(held > len(span) and set(span) <= at for held, at in blocked):
            continue
        bound = bound_within(found.tokens, match, pack)
        if share and 0 < value <= 1:
            found.add(
                match.first,
                match.last,
                rounded(value * 100),
                "percent",
                QuantityKind.PERCENT,
                bound=bound,
            )
        elif not share and 0 < value < RATIO_BELOW and value != 1:
            found.add(
                match.first,
                match.last,
                rounded(value),
                "ratio",
                QuantityKind.RATIO,
                bound=bound,
            )


def _holds(number: Numeral, match: Factor) -> bool:
    """Whether the words of a share or factor are a part only of what the number says."""
    inside = number.first <= match.first and match.last <= number.last
    return inside and number.last - number.first > match.last - match.first


def _is_timed(tokens: Sequence[Token], pack: Pack, match: Match[tuple[str, bool]]) -> bool:
    """Whether the first number has a unit of its own: eleven days on 32 chips are no share."""
    if tokens[match.first].kind is TokenKind.HAN:
        # Six parts, in 六分之五, are no six points.
        return False
    units = pack.derive(Units)
    ends = [last for name, _, last in match.slots if name in ("n", "n2") and last < match.last]
    return any(units.after(tokens, last, scaled=False) is not None for last in ends)


def _add_ranks(
    found: _Found, ranked: Sequence[Rank], placed: Sequence[Ordinal], pack: Pack
) -> None:
    for rank in ranked:
        if found.free(rank.first, rank.last):
            kind = QuantityKind.SUPERLATIVE if rank.superlative else QuantityKind.RANK
            if rank.is_first:
                kind = QuantityKind.FIRST
            found.add(rank.first, rank.last, Decimal(rank.value), "ordinal", kind)
    for ordinal in placed:
        if found.free(ordinal.first, ordinal.last):
            found.add(
                ordinal.first,
                ordinal.last,
                Decimal(ordinal.value),
                "ordinal",
                QuantityKind.RANK
                if stands_alone(found.tokens, ordinal, pack)
                else QuantityKind.ORDINAL,
            )


def _add_numbers(found: _Found, pack: Pack, numbers: Sequence[Numeral]) -> None:
    units = pack.derive(Units)
    approximate = pack.derive(approximates)
    tokens = found.tokens
    for number in numbers:
        if not found.free(number.first, number.last) or is_clock(tokens, number):
            continue
        before = units.currency_before(tokens, number.first)
        if before is not None and not found.free(before.first, before.last):
            before = None
        inside = range(number.first, number.last)
        rough = any(approximate.match(tokens, index) is not None for index in inside)
        after = units.after(tokens, number.last, scaled=number.scaled or rough)
        if after is not None and not found.free(after.first, after.last):
            after = None
        if before is None and after is None and (number.article or number.weak):
            continue
        if number.article and after is not None and not is_one(tokens, number, after, pack):
            continue
        bound = Bound.ABOUT if rough else bound_inside(tokens, number, pack)
        after = with_half(tokens, after, pack)
        is_signed = after is not None and after.kind in SIGNED and has_minus(tokens, number.first)
        if is_signed and found.free(number.first - 2, number.first - 1):
            number = replace(number, value=-number.value)
        _add_number(found, number, before, after, bound=bound)


def _add_number(
    found: _Found,
    number: Numeral,
    before: Unit | None,
    after: Unit | None,
    *,
    bound: Bound,
) -> None:
    first, last = number.first, number.last
    unit = after
    if before is not None and (after is None or after.kind is not QuantityKind.MONEY):
        unit, first = before, before.first
    elif before is not None and after is not None and after.name == before.name:
        first = before.first
    if after is not None and unit is after:
        last = after.last
    factor = unit.factor if unit is not None else Decimal(1)
    half = Decimal("0.5") if unit is not None and unit.half else Decimal(0)
    found.add(
        first,
        last,
        (number.value + half) * factor,
        unit.name if unit is not None else None,
        unit.kind if unit is not None else QuantityKind.COUNT,
        number=(number.first, number.last),
        scale=Decimal(10) ** number.last_power,
        factor=factor,
        bound=bound,
    )


def _vague(pack: Pack) -> PhraseMatcher[bool]:
    return PhraseMatcher(
        [(f"{phrase}=", True) for phrase in pack.grammar.numbers.vague], pack.tokenizer
    )


def _add_vague(found: _Found, pack: Pack) -> None:
    for match in pack.derive(_vague).find(found.tokens):
        if found.free(match.first, match.last):
            found.add(match.first, match.last, Decimal(1), None, QuantityKind.VAGUE)
