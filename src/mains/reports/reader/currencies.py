"""Currencies that the document tells, not the sentence: bare millions, and pesos of which country.

    settled = with_currencies(parts)      # (sentence, pack, figures) of the whole document

Bare millions take the currency of the amount before them, those of a title that of the first amount
of the text; from another block only where a word of their sentence names an amount. A peso is that
of the country named nearest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from mains.reports.packs import Pack, TokenKind
from mains.reports.packs.models import RegionalCurrency
from mains.reports.reader.figures import Figures, Quantity, QuantityKind
from mains.reports.reader.mentions import Mentions
from mains.reports.reader.quantities import figures
from mains.reports.reader.text import Sentence


@dataclass(frozen=True, slots=True)
class Part:
    """A sentence with its pack, mentions and figures."""

    sentence: Sentence
    pack: Pack
    mentions: Mentions
    figures: Figures
    block: int
    """Which of the document's blocks the sentence stands in."""


def with_currencies(parts: Sequence[Part]) -> list[Figures]:
    """Return the figures of each part with the currencies that other sentences tell."""
    said: dict[str, str] = {}
    return [
        _settled(part, found, parts, index, said)
        for index, (part, found) in enumerate(_carried(parts))
    ]


def _carried(parts: Sequence[Part]) -> Iterator[tuple[Part, Figures]]:
    money = next((unit for part in parts for unit in _amounts(part.figures)), None)
    near: str | None = None
    block = -1
    for part in parts:
        found = part.figures
        near, block = near if block == part.block else None, part.block
        carried = near or (money if _names_money(part) else None)
        if carried is not None and _has_bare(found):
            found = figures(part.sentence, part.pack, money=carried)
        yield part, found
        named = list(_amounts(found))
        if named:
            money = near = named[-1]


def _names_money(part: Part) -> bool:
    """Whether a word of the sentence names a measure that is an amount."""
    return any(
        "money" in part.pack.rules[naming.measure].units
        for cue in part.mentions.measures
        for naming in cue.namings
    )


def _amounts(found: Figures) -> Iterator[str]:
    for quantity in found.quantities:
        restates = quantity.pair is not None and quantity.pair < found.quantities.index(quantity)
        if quantity.kind is QuantityKind.MONEY and quantity.unit is not None and not restates:
            yield quantity.unit


def _has_bare(found: Figures) -> bool:
    """Whether a number of millions stands without a unit."""
    return any(
        quantity.kind is QuantityKind.COUNT and quantity.scale >= Decimal(10) ** 6
        for quantity in found.quantities
    )


def _settled(
    part: Part, found: Figures, parts: Sequence[Part], index: int, said: dict[str, str]
) -> Figures:
    """Return the figures with their own currencies; `said` keeps what each name meant last."""
    if not part.pack.grammar.regional_currencies:
        return found
    held = []
    for quantity in found.quantities:
        unit = quantity.unit
        if quantity.kind is QuantityKind.MONEY and unit is not None:
            bare = said.get(unit) if _is_bare(part, quantity) else None
            said[unit] = bare or _code(part, quantity, parts, index) or unit
            quantity = replace(quantity, unit=said[unit])
        held.append(quantity)
    return replace(found, quantities=tuple(held))


def _is_bare(part: Part, quantity: Quantity) -> bool:
    """Whether neither a word nor a sign names the currency, which is that of the amount before."""
    tokens, at = part.sentence.tokens, quantity.number_first - 1
    before = at >= 0 and tokens[at].kind is TokenKind.CURRENCY
    return quantity.number_last >= quantity.last and not before


def _code(part: Part, quantity: Quantity, parts: Sequence[Part], index: int) -> str | None:
    for name, regional in part.pack.grammar.regional_currencies.items():
        signed = _has_sign(part, quantity, regional) and _tells(part, parts, regional)
        if quantity.unit != name and not signed:
            continue
        if regional.most:
            return _of_most(parts, regional)
        for country in _countries(parts, index, quantity.first):
            if country in regional.places:
                return regional.places[country]
        if quantity.unit == name:
            return next(iter(regional.places.values()))
    return None


def _of_most(parts: Sequence[Part], regional: RegionalCurrency) -> str:
    """Return the code of the place that the document names most; of equal ones the first."""
    named = Counter(place for part in parts for _, place in _named(part))
    return regional.places[max(regional.places, key=lambda place: named[place])]


def _has_sign(part: Part, quantity: Quantity, regional: RegionalCurrency) -> bool:
    """Whether a sign alone names the currency, before the number or behind it."""
    tokens = part.sentence.tokens
    behind = tokens[quantity.number_last : quantity.last]
    if behind and behind[-1].norm in regional.signs:
        of = part.pack.grammar.prepositions.of
        return all(token.norm in of for token in behind[:-1])
    at = quantity.number_first - 1
    if at < 0 or tokens[at].text not in regional.signs:
        return False
    return not (at > 0 and tokens[at - 1].end == tokens[at].start and tokens[at - 1].is_word)


def _tells(part: Part, parts: Sequence[Part], regional: RegionalCurrency) -> bool:
    """Whether the document means the regional currency by the sign alone."""
    text = part.sentence.document
    if any(spelling in text for spelling in regional.own):
        return False
    if any(spelling in text for spelling in regional.apart):
        return True
    return regional.home and _is_home(parts, regional)


def _is_home(parts: Sequence[Part], regional: RegionalCurrency) -> bool:
    named = Counter(country for part in parts for _, country in _named(part))
    return sum(named[country] for country in regional.places) * 2 > named.total()


def _countries(parts: Sequence[Part], index: int, token: int) -> Iterator[str]:
    """Yield the countries named, the nearest first: in the sentence, before it, behind it."""
    here = _named(parts[index])
    yield from (country for at, country in reversed(here) if at < token)
    yield from (country for at, country in here if at >= token)
    for other in range(index - 1, -1, -1):
        yield from (country for _, country in reversed(_named(parts[other])))
    for other in range(index + 1, len(parts)):
        yield from (country for _, country in _named(parts[other]))


def _named(part: Part) -> list[tuple[int, str]]:
    within = part.pack.derive(_within)
    regional = part.pack.grammar.regional_currencies.values()
    own = {place for currency in regional for place in currency.places}
    held = []
    for mention in part.mentions.entities:
        place = mention.id
        while place is not None and place not in own and not place.startswith("country:"):
            place = within.get(place)
        if place is not None:
            held.append((mention.first, place))
    return sorted(held)


def _within(pack: Pack) -> dict[str, str | None]:
    return {entity.id: entity.within for entity in pack.entities}
