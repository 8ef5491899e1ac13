"""What reconciling knows of scopes and measures: words.yaml, read once per process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, Protocol

import snowballstemmer  # type: ignore[import-untyped]
import yaml
from pydantic import BaseModel, ConfigDict

from mains.reports.packs.loader import entities, measure_rules

DATA: Final = Path(__file__).parent / "words.yaml"
RANK: Final = "rank_"
SCOPES_KEPT_MAX: Final = 16_384
"""Scopes are free text, so that only so many are remembered at a time."""


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - Snowball's own name


class Variant(BaseModel):
    """Measures whose words a reader takes for each other."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    measures: tuple[str, ...]
    noun: bool = False


class Growth(BaseModel):
    """The measure of change, the sizes that it may be of, and words that tell a part."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    measure: str
    of: tuple[str, ...]
    parts: tuple[str, ...]


class Words(BaseModel):
    """The file as it stands; its comments explain each key."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    headlines: tuple[str, ...]
    idle_phrases: tuple[str, ...]
    idle_words: frozenset[str]
    field_words: tuple[str, ...]
    synonyms: Mapping[str, str]
    kinds: Mapping[str, tuple[str, ...]]
    variants: Mapping[str, Variant]
    growth: Growth
    events: frozenset[str]
    fixed: frozenset[str]
    closed: tuple[str, ...]
    moving: frozenset[str]
    flows: frozenset[str]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a claim is of, beside its measure: the words that restrict, as stems."""

    words: frozenset[str]
    is_headline: bool


@cache
def words() -> Words:
    """Return the vocabulary; a key that it does not know is an error."""
    return Words.model_validate(yaml.safe_load(DATA.read_text("utf-8")))


@cache
def within() -> Mapping[str, str]:
    """Return, for each known thing, the thing that it lies in or belongs to."""
    return {entity.id: entity.within for entity in entities() if entity.within is not None}


@lru_cache(maxsize=SCOPES_KEPT_MAX)
def scope_of(scope: str | None, subject: str | None, measure: str | None) -> Scope:
    """Return the scope's words less those that repeat the measure, the subject or nothing."""
    text = (scope or "").casefold().replace("-", " ")
    is_headline = False
    for opening in words().headlines:
        if text.startswith(opening):
            is_headline, text = True, text[len(opening) :]
    for phrase in words().idle_phrases:
        text = re.sub(rf"\b{re.escape(phrase)}\b", " ", text)
    kind = (subject or "").partition(":")[0]
    idle = words().kinds.get(kind, ()) + (words().field_words if not _has_sectors(measure) else ())
    dropped = {_stem(word) for word in idle} | measure_words(measure)
    kept = {_stem(word) for word in re.findall(r"\w+", text) if word not in words().idle_words}
    return Scope(frozenset(kept - dropped), is_headline)


def _has_sectors(measure: str | None) -> bool:
    growth = words().growth
    return measure == growth.measure or measure in growth.of


@lru_cache(maxsize=SCOPES_KEPT_MAX)
def measure_words(measure: str | None) -> frozenset[str]:
    """Return the stems of the words of a measure's name; of a rank, those of what is ranked."""
    return frozenset(_stem(word) for word in base_of(measure or "").split("_") if word)


def base_of(measure: str) -> str:
    """Return what a rank ranks; any other measure is its own base."""
    return measure.removeprefix(RANK)


@lru_cache(maxsize=SCOPES_KEPT_MAX)
def variants_of(measure: str) -> frozenset[str]:
    """Return the names of the groups in which the measure has variants."""
    return frozenset(name for name, group in words().variants.items() if measure in group.measures)


@lru_cache(maxsize=SCOPES_KEPT_MAX)
def nouns_of(measure: str) -> frozenset[str]:
    """Return the groups in which the same thing is counted by another definition."""
    return frozenset(name for name in variants_of(measure) if words().variants[name].noun)


@lru_cache(maxsize=SCOPES_KEPT_MAX)
def sector_of(measure: str) -> frozenset[str]:
    """Return the words of a size that name the sector, less those that name only a part of it."""
    return frozenset(measure_words(measure) - {_stem("value"), _stem("ai")}) - parts()


def is_only_ranked(measure: str) -> bool:
    """Whether reports rank the thing and never count it, so that no count of it can be compared."""
    rule = measure_rules().get(measure)
    return rule is not None and rule.rank_only


def is_general(measure: str) -> bool:
    """Whether the measure means nothing without a scope: a growth or a share, of anything."""
    rule = measure_rules().get(measure)
    return rule is not None and rule.general


def is_fixed(measure: str, scope: Scope) -> bool:
    """Whether a figure of it does not change with time, so that two reports must agree."""
    return measure in words().fixed or bool(scope.words & _closed())


@cache
def _closed() -> frozenset[str]:
    return frozenset(_stem(word) for word in words().closed)


@cache
def parts() -> frozenset[str]:
    """Return the stems of words that tell a part of a sector from the whole."""
    return frozenset(_stem(word) for word in words().growth.parts)


@lru_cache(maxsize=SCOPES_KEPT_MAX)
def _stem(word: str) -> str:
    plain = words().synonyms.get(word, word)
    stemmed = _snowball().stemWord(plain)
    return words().synonyms.get(stemmed, stemmed) if stemmed == plain else stemmed


@cache
def _snowball() -> _Stemmer:
    made: _Stemmer = snowballstemmer.stemmer("english")
    return made
