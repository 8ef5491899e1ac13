"""The words that numbers are made of, and those beside them, as matchers of a pack.

All of them are for `pack.derive`, which makes each once per pack.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher

STEMMED_LETTERS_MIN: Final = 5


@dataclass(frozen=True, slots=True)
class Item:
    """What a word can be inside a number."""

    value: Decimal | None = None
    multiplier: Decimal | None = None
    power: int | None = None
    fraction: Decimal | None = None
    joins: bool = False
    half: bool = False
    short: bool = False
    point: bool = False
    alone: bool = False
    """A scale that stands for one of itself."""


def items(pack: Pack) -> PhraseMatcher[Item]:
    """Return the matcher of everything that a number can be made of; use with `pack.derive`."""
    found: dict[str, dict[str, object]] = {}
    words = pack.grammar.numbers
    for name, value in words.words.items():
        found.setdefault(f"{name}=", {})["value"] = value
    for name, value in words.multipliers.items():
        found.setdefault(f"{name}=", {})["multiplier"] = value
    for name, value in words.fractions.items():
        found.setdefault(f"{name}=", {})["fraction"] = value
    for name, power in words.scales.items():
        exact = len(name) < STEMMED_LETTERS_MIN or " " in name or f"{name}=" in found
        alone = name in words.lone_scales
        found.setdefault(f"{name}=" if exact else name, {}).update(power=power, alone=alone)
    for name, power in words.short_scales.items():
        found.setdefault(f"{name}=", {}).update(power=power, short=True)
    for name in words.joiners:
        found.setdefault(f"{name}=", {})["joins"] = True
    for name in words.halves:
        found.setdefault(name, {})["half"] = True
    for name in words.points:
        found.setdefault(f"{name}=", {})["point"] = True
    return PhraseMatcher(
        [(name, Item(**fields)) for name, fields in found.items()],  # type: ignore[arg-type]
        pack.tokenizer,
    )


def not_numbers(pack: Pack) -> PhraseMatcher[bool]:
    """Return the matcher of phrases whose number words are none."""
    return PhraseMatcher(
        [(name, True) for name in pack.grammar.numbers.not_numbers], pack.tokenizer
    )


def excesses(pack: Pack) -> PhraseMatcher[bool]:
    """Return the matcher of words that may part a number from its scale: 400多万."""
    words = pack.grammar.bounds.after
    return PhraseMatcher(
        [(name, True) for name in (*words.more_than, *words.about)], pack.tokenizer
    )


def approximates(pack: Pack) -> PhraseMatcher[bool]:
    """Return the matcher of number words that say "about"; use with `pack.derive`."""
    return PhraseMatcher(
        [(phrase, True) for phrase in pack.grammar.numbers.approximate], pack.tokenizer
    )


def words_of(pack: Pack) -> PhraseMatcher[bool]:
    """Return the matcher of the prepositions that say of what; use with `pack.derive`."""
    return PhraseMatcher(
        [(f"{word.rstrip('=')}=", True) for word in pack.grammar.prepositions.of], pack.tokenizer
    )


def classifiers(pack: Pack) -> PhraseMatcher[bool]:
    """Return the matcher of counting words; use with `pack.derive`."""
    return PhraseMatcher(
        [(name, True) for name in pack.grammar.numbers.classifiers], pack.tokenizer
    )


def scaled_units(pack: Pack) -> PhraseMatcher[bool]:
    """Return the matcher of units whose name begins with a magnitude: 千瓦 is one kilowatt."""
    words = pack.grammar.numbers
    magnitudes = {name for name in (*words.scales, *words.multipliers) if not name.isascii()}
    return PhraseMatcher(
        [(name, True) for name in pack.units if name[0] in magnitudes and len(name) > 1],
        pack.tokenizer,
    )


def articles(pack: Pack) -> frozenset[str]:
    return frozenset(pack.tokenizer.normalise(word) for word in pack.grammar.numbers.articles)


def factors(pack: Pack) -> PhraseMatcher[tuple[str, bool]]:
    """Return the matcher of factors and shares: the formula, and whether it is a share."""
    words = pack.grammar.numbers
    return PhraseMatcher(
        [
            *((phrase, (factor, False)) for phrase, factor in words.ratios.items()),
            *((phrase, (factor, True)) for phrase, factor in words.shares.items()),
        ],
        pack.tokenizer,
    )


def compound_words(pack: Pack) -> tuple[tuple[str, ...], dict[str, Decimal]]:
    """Return the nouns that end words such as Fünfjahresplan, and the numbers that begin them."""
    normalise, numbers = pack.tokenizer.normalise, pack.grammar.numbers
    stems = tuple(normalise(stem.rstrip("*")) for stem in pack.grammar.names.compounds)
    return stems, {**numbers.words, **numbers.combining}
