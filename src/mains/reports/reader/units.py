"""Currencies and units beside a number: which they are, and which tokens they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher, Token, TokenKind, UnitName
from mains.reports.reader.figures import QuantityKind

PLURALS: Final = ("zero", "one", "two", "few", "many", "other")
CODE_LETTERS: Final = 3
BASE_DURATIONS: Final = {
    "week": ("day", Decimal(7)),
    "fortnight": ("day", Decimal(14)),
    "decade": ("year", Decimal(10)),
    "lustrum": ("year", Decimal(5)),
}
"""Durations that are given in another unit."""
STEMMED_LETTERS: Final = 5
"""Shorter names are matched as they stand: their stems meet other words."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit found: token indices [first, last), its name, kind and factor to the base unit."""

    first: int
    last: int
    name: str
    kind: QuantityKind
    factor: Decimal = Decimal(1)
    half: bool = False
    """Half a unit more is said behind it: a year and a half."""


@dataclass(frozen=True, slots=True)
class _Spelling:
    """Units by spelling; one phrase may stand for several where the letters' case matters."""

    exact: tuple[tuple[str, UnitName], ...]
    any_case: UnitName | None


class Units:
    """Finds units and currencies; made once per pack."""

    def __init__(self, pack: Pack) -> None:
        self._currencies = PhraseMatcher(_currency_names(pack), pack.tokenizer)
        self._units = PhraseMatcher(_unit_names(pack), pack.tokenizer)
        self._durations = PhraseMatcher(
            [(f"{name}=", unit) for name, unit in pack.grammar.periods.durations.items()],
            pack.tokenizer,
        )
        norm = pack.tokenizer.normalise
        self._of = frozenset(norm(word) for word in pack.grammar.prepositions.of)

    def after(self, tokens: Sequence[Token], index: int, *, scaled: bool) -> Unit | None:
        """Return the unit that follows the number ending at `index`."""
        for at in self._starts(tokens, index, scaled=scaled):
            unit = self._currency_at(tokens, at) or self._unit_at(tokens, at)
            duration = self._durations.match(tokens, at)
            if unit is not None and (duration is None or duration.last <= unit.last):
                return unit
            if duration is not None and (at == index or not scaled):
                name, factor = BASE_DURATIONS.get(duration.payload, (duration.payload, Decimal(1)))
                return Unit(
                    duration.first, duration.last, name, QuantityKind.DURATION, factor=factor
                )
        return None

    def currency_before(self, tokens: Sequence[Token], index: int) -> Unit | None:
        """Return the currency that stands before the number at `index`."""
        ways = (self._currencies.ending_at(tokens, index, reach) for reach in (3, 2, 1))
        named = (way for way in ways if way and _is_code(tokens[way.first : way.last]))
        match = next(named, None)
        if match is None or index == 0:
            return None
        letter = tokens[match.first].text.isalpha() and match.last == match.first + 1
        apart = tokens[index].start - tokens[index - 1].end
        if apart > 1 or (apart and letter and len(tokens[match.first].text) == 1):
            return None
        return Unit(match.first, match.last, match.payload, QuantityKind.MONEY)

    def _starts(self, tokens: Sequence[Token], index: int, *, scaled: bool) -> list[int]:
        starts = [index]
        if index + 1 < len(tokens):
            token = tokens[index]
            if (scaled and token.norm in self._of) or (
                token.text in "-‑"
                and token.start == tokens[index - 1].end
                and tokens[index + 1].kind is not TokenKind.CURRENCY
            ):
                starts.append(index + 1)
        return starts

    def _currency_at(self, tokens: Sequence[Token], index: int) -> Unit | None:
        match = self._currencies.match(tokens, index)
        if match is None:
            return None
        held = tokens[match.first : match.last]
        word = held[0]
        short = len(held) == 1 and word.kind is TokenKind.WORD and len(word.text) <= CODE_LETTERS
        if short and word.text.upper() == match.payload and not word.text.isupper():
            return None
        return Unit(match.first, match.last, match.payload, QuantityKind.MONEY)

    def _unit_at(self, tokens: Sequence[Token], index: int) -> Unit | None:
        match = self._units.match(tokens, index)
        if match is None:
            return None
        text = "".join(token.text for token in tokens[match.first : match.last])
        named = next(
            (unit for spelling, unit in match.payload.exact if spelling == text),
            match.payload.any_case,
        )
        if named is None:
            return None
        factor = Decimal(10) ** named.power * (named.factor or 1)
        return Unit(match.first, match.last, named.unit, _kind(named.unit), factor)


def _kind(unit: str) -> QuantityKind:
    if unit == "percent":
        return QuantityKind.PERCENT
    if unit == "points":
        return QuantityKind.POINTS
    is_code = len(unit) == CODE_LETTERS and unit.isupper()
    return QuantityKind.MONEY if is_code else QuantityKind.MEASURE


def _is_code(held: Sequence[Token]) -> bool:
    """Whether tokens can stand before an amount: a symbol, or a code in its own letters."""
    word = held[0].text
    if any(token.kind is TokenKind.CURRENCY for token in held):
        # "A $27 billion deal" holds no Australian dollars: letters of a sign stand at it.
        glued = all(left.end == right.start for left, right in pairwise(held))
        return glued or (len(word) > 1 and word.isupper())
    return len(word) <= CODE_LETTERS and word[0].isupper()


def _currency_names(pack: Pack) -> list[tuple[str, str]]:
    names: dict[str, str] = {}
    for grammar in (pack.root, pack.grammar):
        for name, code in grammar.currencies.items():
            short = len(name) <= STEMMED_LETTERS or not name.replace(" ", "").isalpha()
            names[f"{name}=" if short else name] = code
    for code in dict.fromkeys(pack.root.currencies.values()):
        plain = pack.locale.currencies.get(code)
        plurals = pack.locale._data["currency_names_plural"].get(code, {})
        for name in (plain, *(plurals.get(plural) for plural in PLURALS)):
            if name and "(" not in name:
                exact = len(name) <= STEMMED_LETTERS
                if name not in names and f"{name}=" not in names:
                    names[f"{name}=" if exact else name] = code
    return list(names.items())


def _unit_names(pack: Pack) -> list[tuple[str, _Spelling]]:
    exact: dict[str, list[tuple[str, UnitName]]] = {}
    any_case: dict[str, UnitName] = {}
    names: dict[str, str] = {}
    for name, unit in pack.units.items():
        key = pack.tokenizer.normalise(name)
        names.setdefault(key, name)
        if unit.case:
            text = "".join(token.text for token in pack.tokenizer.tokens(name))
            exact.setdefault(key, []).append((text, unit))
        else:
            any_case[key] = unit
    return [
        (
            f"{name}=" if len(name) <= CODE_LETTERS else name,
            _Spelling(tuple(exact.get(key, ())), any_case.get(key)),
        )
        for key, name in names.items()
    ]
