"""Amounts that lack a unit and take that of the figure before them: money, points, percent.

And what articles, halves and bound words say inside an amount that has one: within a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from mains.reports.packs import Match, Pack, PhraseMatcher, Token, TokenKind
from mains.reports.reader.bounds import OPENERS, BoundMatchers
from mains.reports.reader.figures import Quantity, QuantityKind
from mains.reports.reader.numerals import HYPHENS, Numeral
from mains.reports.reader.units import Unit
from mains.reports.values import Bound

MONEY_POWER_MIN: Final = 6
PERCENT_MAX: Final = 100
BRACKET_REACH: Final = 3
ARTICLE_UNITS: Final = (QuantityKind.DURATION, QuantityKind.POINTS)
"""Units before which "a" is no number: a year, a point."""
OPENING_QUOTES: Final = frozenset("«“„「『《")
"""Behind them goes on what they are beside: 19 « usines »."""
CARRIED: Final = (
    QuantityKind.PERCENT,
    QuantityKind.POINTS,
    QuantityKind.MEASURE,
    QuantityKind.MONEY,
    QuantityKind.DURATION,
)


def plain(value: Decimal) -> Decimal:
    """Return the value without exponent and without zeros after the fraction."""
    whole = value.to_integral_value()
    return whole.quantize(Decimal(1)) if value == whole else value.normalize()


def _closed_words(pack: Pack) -> PhraseMatcher[bool]:
    words = pack.grammar
    held = words.prepositions
    of = set(held.of)
    phrases = (*held.in_, *held.by, *held.from_, *held.to, *held.for_, *held.with_)
    clauses = words.clauses
    phrases += (*clauses.conjunctions, *clauses.relative, *clauses.subordinators, *words.per)
    return PhraseMatcher(
        [
            (phrase if phrase.endswith(("=", "*")) else f"{phrase}=", True)
            for phrase in phrases
            if phrase.rstrip("=") not in of
        ],
        pack.tokenizer,
    )


def counts_nothing(tokens: Sequence[Token], index: int, pack: Pack) -> bool:
    """Whether what stands after a number is no noun that it counts."""
    if index >= len(tokens) or tokens[index].kind is TokenKind.PUNCTUATION:
        return _ends(tokens, index)
    bound = pack.derive(BoundMatchers).after.match(tokens, index)
    if bound is not None:
        # 50余款 and "10 or more employees" count things, "10 at most" nothing.
        return bound.last >= len(tokens) or not tokens[bound.last].is_word
    if pack.derive(_closed_words).match(tokens, index) is not None:
        return True
    return pack.grammar.numbers.capital_nouns and tokens[index].text[0].islower()


def with_money(
    found: Sequence[Quantity], tokens: Sequence[Token], pack: Pack, money: str | None
) -> list[Quantity]:
    """Give bare millions, which count no noun, the currency of the amount before them."""
    result: list[Quantity] = []
    if pack.grammar.currency_repeats:
        return list(found)
    for index, held in enumerate(found):
        # A bound word may stand between: 600 million yuan (about 82 million dollars).
        near = tokens[max(0, held.first - BRACKET_REACH) : held.first]
        bracketed = any(token.text in OPENERS for token in near)
        if held.kind is QuantityKind.MONEY and (money is None or not bracketed):
            money = held.unit
        alone = _ends(tokens, held.last)
        large = held.scale >= Decimal(10) ** MONEY_POWER_MIN
        if (
            money is not None
            and held.kind is QuantityKind.COUNT
            and large
            and _names_nothing(found, index, tokens, pack)
        ):
            held = replace(held, unit=money, kind=QuantityKind.MONEY)
        elif held.kind is QuantityKind.COUNT and held.scale > 1 and not alone:
            # What is counted in millions goes on being counted: 12 million users, up from 8.
            money = None
        result.append(held)
    return result


def _names_nothing(
    found: Sequence[Quantity], index: int, tokens: Sequence[Token], pack: Pack
) -> bool:
    """Whether no noun follows the millions, or the millions that a list goes on with."""
    held = found[index]
    behind = found[index + 1] if index + 1 < len(found) else None
    if behind is not None and behind.first == held.last + 1 and behind.scale == held.scale:
        return behind.kind is QuantityKind.COUNT and _names_nothing(found, index + 1, tokens, pack)
    return (
        _ends(tokens, held.last)
        or _lacks_of(held, tokens, pack)
        or counts_nothing(tokens, held.last, pack)
    )


def _ends(tokens: Sequence[Token], index: int) -> bool:
    """Whether the sentence or its clause ends at `index`: there stands nothing, or a mark.

    A hyphen leads on to the noun: 24-billion-parameter.
    """
    if index >= len(tokens):
        return True
    mark = tokens[index]
    if mark.kind is not TokenKind.PUNCTUATION or mark.text in OPENING_QUOTES:
        return False
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    before = tokens[index - 1].end if index else mark.start
    glued = following is not None and mark.start == before and following.start == mark.end
    return not (glued and mark.text in HYPHENS and following is not None and following.is_word)


def with_carried(found: Sequence[Quantity], tokens: Sequence[Token], pack: Pack) -> list[Quantity]:
    """Give a number that counts no noun the unit of the figure before: 70.6 points, then 67.4."""
    result: list[Quantity] = []
    model: Quantity | None = None
    for index, held in enumerate(found):
        behind = found[index + 1] if held.range_of == index + 1 else None
        if held.kind in CARRIED and (held.kind is not QuantityKind.MONEY or held.scale > 1):
            model = held
        elif held.kind is not QuantityKind.COUNT:
            pass
        elif model is not None and _goes_on(held, behind, model, tokens, pack):
            held = replace(
                held,
                unit=model.unit,
                kind=model.kind,
                scale=model.scale,
                factor=model.factor,
                value=plain(held.value * model.scale * model.factor),
            )
        elif held.value == int(held.value):
            # A count of things between them: the number behind may be of anything.
            model = None
        result.append(held)
    return result


def _goes_on(
    held: Quantity,
    behind: Quantity | None,
    model: Quantity,
    tokens: Sequence[Token],
    pack: Pack,
) -> bool:
    """Whether a number without a noun is of what the figure before is: 95 MW and a further 150.

    `behind` is the upper end of the range that it opens.
    """
    last = behind or held
    compared = _is_compared(held, tokens, pack)
    if held.scale != 1 or held.in_word:
        return False
    if held.value != int(held.value):
        # Things are counted whole, whatever word follows: 21.4 million, of which 12.8 come from it.
        return model.kind is not QuantityKind.DURATION
    if not (compared or counts_nothing(tokens, last.last, pack)):
        return False
    if model.kind is QuantityKind.PERCENT and (held.value > PERCENT_MAX or held.range_of):
        return False
    matchers = pack.derive(BoundMatchers)
    if last is held and _opens_range(tokens, held.last, matchers):
        return False
    if matchers.before.ending_at(tokens, held.first) and compared:
        # "No more than 400 posts" compares nothing.
        return counts_nothing(tokens, last.last, pack)
    return any(token.kind is TokenKind.NUMBER for token in tokens[held.first : held.last])


def _opens_range(tokens: Sequence[Token], index: int, matchers: BoundMatchers) -> bool:
    """Whether "to" and another number follow: from 1,100 to about 2,500 chips."""
    if matchers.joins.match(tokens, index) is not None:
        return False
    middles = (matchers.range_to, *(middle for _, middle, _ in matchers.range_pairs))
    ends = [found.last for middle in middles if (found := middle.match(tokens, index)) is not None]
    return any(
        end < len(tokens)
        and (tokens[end].kind is TokenKind.NUMBER or matchers.before.match(tokens, end) is not None)
        for end in ends
    )


def _is_compared(held: Quantity, tokens: Sequence[Token], pack: Pack) -> bool:
    """Whether a comparison leads to the number: 125 petaflops, against 36.8 before."""
    return pack.derive(_comparisons).ending_at(tokens, held.first) is not None


def _comparisons(pack: Pack) -> PhraseMatcher[bool]:
    return PhraseMatcher(
        [
            (" ".join(f"{word.rstrip('=')}=" for word in phrase.split()), True)
            for phrase in pack.grammar.periods.comparisons
            if not set(phrase) & set("*|?{}()")
        ],
        pack.tokenizer,
    )


def _lacks_of(held: Quantity, tokens: Sequence[Token], pack: Pack) -> bool:
    """Whether no "of" follows a scale that needs it before what it counts."""
    words = pack.grammar
    if not words.numbers.noun_scales:
        return False
    if tokens[held.last].norm not in words.prepositions.of:
        return True
    # Of a year, not of things: frente a los 3.700 millones de 2024.
    following = tokens[held.last + 1] if held.last + 1 < len(tokens) else None
    return following is not None and following.kind is TokenKind.NUMBER


def is_one(tokens: Sequence[Token], number: Numeral, unit: Unit, pack: Pack) -> bool:
    """Whether an article before a unit is the number one: within a year, a decade."""
    if unit.kind not in ARTICLE_UNITS or with_half(tokens, unit, pack) is not unit:
        return True
    if pack.derive(_spans).ending_at(tokens, number.first) is not None:
        return True
    return pack.derive(BoundMatchers).before.ending_at(tokens, number.first) is not None


def _spans(pack: Pack) -> PhraseMatcher[bool]:
    return PhraseMatcher([(phrase, True) for phrase in pack.grammar.periods.spans], pack.tokenizer)


def bound_inside(tokens: Sequence[Token], number: Numeral, pack: Pack) -> Bound:
    """Return the bound of a word between a number and its scale: 400多万."""
    matcher = pack.derive(BoundMatchers).after
    held = (matcher.match(tokens, index) for index in range(number.first + 1, number.last - 1))
    return next((match.payload for match in held if match is not None), Bound.EXACT)


def bound_within(tokens: Sequence[Token], match: Match[tuple[str, bool]], pack: Pack) -> Bound:
    """Return the bound that the words of a share or factor say: 增长逾一倍, más del doble, 过半."""
    before = pack.derive(BoundMatchers).before
    for index in range(match.first, match.last):
        held = before.match(tokens, index)
        is_whole = held is not None and (index, held.last) == (match.first, match.last)
        if held is not None and (is_whole or held.last < match.last):
            return held.payload
    return Bound.EXACT


def _unit_halves(pack: Pack) -> PhraseMatcher[bool]:
    return PhraseMatcher(
        [(phrase, True) for phrase in pack.grammar.numbers.unit_halves], pack.tokenizer
    )


def with_half(tokens: Sequence[Token], unit: Unit | None, pack: Pack) -> Unit | None:
    """Return the unit with the half that follows it: a year and a half."""
    if unit is None or unit.kind is not QuantityKind.DURATION:
        return unit
    match = pack.derive(_unit_halves).match(tokens, unit.last)
    return unit if match is None else replace(unit, last=match.last, half=True)
