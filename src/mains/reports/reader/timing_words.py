"""Words that say how a figure lies in time, and where a dateline ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher, Token
from mains.reports.reader.layout import CLOSING, OPENING
from mains.reports.reader.modality import exact

BRACKETS_MAX: Final = 6


def per_year(pack: Pack) -> PhraseMatcher[bool]:
    """Return a matcher for each word that makes a rate with each noun for a year."""
    years = [noun for noun, unit in pack.grammar.periods.durations.items() if unit == "year"]
    # Written apart, and together for scripts without spaces.
    pairs = [(per, noun) for per in pack.grammar.per for noun in years]
    phrases = [f"{per} {noun}" for per, noun in pairs]
    phrases += [f"{per.rstrip('=')}{noun}" for per, noun in pairs]
    return PhraseMatcher([(exact(phrase), True) for phrase in phrases], pack.tokenizer)


def since(pack: Pack) -> PhraseMatcher[bool]:
    """Return a matcher for the words from which on something has been counted."""
    held = pack.grammar.periods.since
    return PhraseMatcher([(exact(phrase), True) for phrase in held], pack.tokenizer)


def behind_brackets(tokens: Sequence[Token], index: int) -> int:
    """Return the token behind brackets that open at once: "3 May 2026 (AFP) —"."""
    if index < len(tokens) and tokens[index].text in OPENING:
        for other in range(index, min(index + BRACKETS_MAX, len(tokens))):
            if tokens[other].text in CLOSING:
                return other + 1
    return index
