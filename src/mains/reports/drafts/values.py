"""Drafts as values: what is stated, by which claim, and what nobody knows yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mains.reports.values import Claim, Relation

UNSTATED: Final = "unstated"
"""What a review enters where it looked and nobody says: known to be open, not forgotten."""

CLAIM_PREFIX: Final = "claim:"
"""`pot=claim:ID` takes a value as that claim states it."""


Fact = tuple[str, str, str]
"""A measure with value and unit, or a predicate with subject and object."""


class DraftKind(StrEnum):
    """What a draft becomes once it is completed."""

    PROGRAMME = "programme"
    FILING = "filing"
    NEED = "need"
    FUNDING = "funding"


class DraftState(StrEnum):
    OPEN = "open"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"


class Origin(StrEnum):
    """Where a field's value comes from."""

    STATED = "stated"
    """A report says it."""
    REVIEWED = "reviewed"
    """A person entered it."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a kind of draft: what it means, how to fill it, what it accepts.

    `read` returns the canonical text of one value or raises ValueError. A field without `read` only
    shows what reports say. `instead` is a word that stands for "none of it": `none`, `any`.
    """

    name: str
    meaning: str
    fill: str
    read: Callable[[str], str] | None
    many: bool = False
    instead: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one claim or relation says for one field."""

    field: str
    value: str
    unit: str | None
    source: Claim | Relation
    is_later: bool = False
    """Whether a report that came after the draft was opened says it: it proposes, no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field as it stands: values, where they come from, and everything that was said of it."""

    spec: FieldSpec
    values: tuple[str, ...]
    origin: Origin
    statements: tuple[Statement, ...] = ()
    note: str | None = None

    @property
    def is_known(self) -> bool:
        return bool(self.values)

    @property
    def value(self) -> str | None:
        """Return the only value, or None where it is unknown."""
        return self.values[0] if self.values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a draft is made of: claims and relations as they stand, and what reviews filled.

    The founding sources fill fields; `later` holds the ids of those that only propose.
    """

    kind: DraftKind
    subject: str
    claims: tuple[Claim, ...]
    relations: tuple[Relation, ...]
    later: frozenset[str] = frozenset()
    fills: Mapping[str, tuple[str, ...]]
    within: Mapping[str, str]
    """What an entity lies in or belongs to, where it is known by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A group of one document's claims that together open one draft."""

    kind: DraftKind
    key: str
    subject: str
    claims: tuple[Claim, ...]
    relations: tuple[Relation, ...]

    @property
    def sources(self) -> frozenset[str]:
        """The ids of its claims and relations."""
        claims = frozenset(each.id for each in self.claims)
        return claims | {each.id for each in self.relations}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDraft:
    """A stored draft, as far as it decides where a new group belongs; newest first in lists."""

    id: str
    kind: DraftKind
    key: str
    state: DraftState
    sources: frozenset[str]
    facts: frozenset[Fact]


class Placing(StrEnum):
    """What becomes of a group of claims."""

    OPEN = "open"
    JOIN = "join"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Place:
    """Open a draft (after `draft`, if it follows one), join `draft` as later, or do nothing."""

    placing: Placing
    draft: str | None = None
