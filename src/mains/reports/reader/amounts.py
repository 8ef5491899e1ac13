"""Amounts that lack a unit and take that of the figure before them: money, points, percent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher, Token, TokenKind
from mains.reports.reader.bounds import OPENERS, BoundMatchers
from mains.reports.reader.figures import Quantity, QuantityKind
from mains.reports.reader.numerals import HYPHENS

MONEY_POWER_MIN: Final = 6
CARRIED: Final = (
    QuantityKind.PERCENT,
    QuantityKind.POINTS,
    QuantityKind.MEASURE,
    QuantityKind.MONEY,
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


def _counts_nothing(tokens: Sequence[Token], index: int, pack: Pack) -> bool:
    """Whether the word after a number is no noun that it counts."""
    if pack.derive(_closed_words).match(tokens, index) is not None:
        return True
    if pack.derive(BoundMatchers).after.match(tokens, index) is not None:
        return True
    return pack.grammar.numbers.capital_nouns and tokens[index].text[0].islower()


def with_money(
    found: Sequence[Quantity], tokens: Sequence[Token], pack: Pack, money: str | None
) -> list[Quantity]:
    """Give bare millions, which count no noun, the currency of the amount before them."""
    result: list[Quantity] = []
    if pack.grammar.currency_repeats:
        return list(found)
    for held in found:
        bracketed = held.first > 0 and tokens[held.first - 1].text in OPENERS
        if held.kind is QuantityKind.MONEY and (money is None or not bracketed):
            money = held.unit
        alone = _is_alone(held, tokens)
        large = held.scale >= Decimal(10) ** MONEY_POWER_MIN
        if (
            money is not None
            and held.kind is QuantityKind.COUNT
            and large
            and (alone or _lacks_of(held, tokens, pack) or _counts_nothing(tokens, held.last, pack))
        ):
            held = replace(held, unit=money, kind=QuantityKind.MONEY)
        elif held.kind is QuantityKind.COUNT and held.scale > 1 and not alone:
            # What is counted in millions goes on being counted: 12 million users, up from 8.
            money = None
        result.append(held)
    return result


def _is_alone(held: Quantity, tokens: Sequence[Token]) -> bool:
    """Whether a mark or nothing follows; a hyphen leads on to the noun: 24-billion-parameter."""
    if held.last >= len(tokens):
        return True
    mark = tokens[held.last]
    if mark.kind is not TokenKind.PUNCTUATION:
        return False
    following = tokens[held.last + 1] if held.last + 1 < len(tokens) else None
    glued = following is not None and mark.start == held.end and following.start == mark.end
    return not (glued and mark.text in HYPHENS and following is not None and following.is_word)


def with_carried(found: Sequence[Quantity], tokens: Sequence[Token], pack: Pack) -> list[Quantity]:
    """Give a fraction that counts no noun the unit of the figure before: 70.6 points, then 67.4."""
    result: list[Quantity] = []
    model: Quantity | None = None
    for held in found:
        if held.kind in CARRIED and (held.kind is not QuantityKind.MONEY or held.scale > 1):
            model = held
        elif held.kind is QuantityKind.COUNT and held.value == int(held.value):
            # A count of things between them: the fraction may be of anything.
            model = model if _stands_alone(held, tokens, pack) else None
        elif (
            model is not None
            and held.kind is QuantityKind.COUNT
            and held.scale == 1
            and (_stands_alone(held, tokens, pack) or _is_compared(held, tokens, pack))
        ):
            held = replace(
                held,
                unit=model.unit,
                kind=model.kind,
                scale=model.scale,
                factor=model.factor,
                value=plain(held.value * model.scale * model.factor),
            )
        result.append(held)
    return result


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


def _stands_alone(held: Quantity, tokens: Sequence[Token], pack: Pack) -> bool:
    if held.last >= len(tokens) or tokens[held.last].kind is TokenKind.PUNCTUATION:
        return True
    return _counts_nothing(tokens, held.last, pack)
