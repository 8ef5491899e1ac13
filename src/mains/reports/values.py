"""What a report says, as values: claims, relations and the edges between claims.

The fields, units and words are those of the exchange format, one JSON object a line; offsets count
code points of the document's text, and `text[start:end] == quote` always holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

NEUTRAL_MEASURES: Final = frozenset(
    {"reference_period", "name_number", "qualifier_number", "vague_quantity"}
)
"""Numbers that are no figures: they qualify others, or are parts of names."""

IDENTITY_DIGITS: Final = 16


class BlockKind(StrEnum):
    """What part of a document a block is; only titles and bodies speak for the article."""

    TITLE = "title"
    BODY = "body"
    PROMOTION = "promotion"
    RELATED = "related"
    BOILERPLATE = "boilerplate"


class Bound(StrEnum):
    """How a figure limits the value that it stands for."""

    EXACT = "exact"
    ABOUT = "about"
    AT_LEAST = "at_least"
    MORE_THAN = "more_than"
    AT_MOST = "at_most"
    UP_TO = "up_to"


class Modality(StrEnum):
    """Whether the text reports a fact, an estimate, a plan or an aim."""

    OBSERVED = "observed"
    ESTIMATED = "estimated"
    PLANNED = "planned"
    TARGET = "target"


class Status(StrEnum):
    """How far a claim may be relied on before somebody reviews it."""

    ACCEPTED = "accepted"
    """Bound by the sentence's structure."""
    PROPOSED = "proposed"
    """Bound by a model alone, or by a weaker rule; never counted."""
    QUEUED = "queued"
    """Not bound: the number stands, what it means waits for a review."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of how a claim was bound, or why it was not: a stable code, and words for people."""

    code: str
    text: str


REVIEWED: Final = Reason("reviewed", "a review accepted it as it stands")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One figure, rank or date that a document states.

    `value` is a decimal string in base units, an ISO date, or `start/end`. `subject` and `measure`
    are None where they could not be bound; `period` is None where the text gives none. `pair` names
    the claim of the same document that restates the amount.
    """

    id: str
    doc: str
    start: int
    end: int
    quote: str
    subject: str | None
    measure: str | None
    scope: str | None
    value: str
    unit: str
    bound: Bound
    modality: Modality
    period: str | None
    speaker: str | None
    pair: str | None
    status: Status
    language: str | None = None
    block: BlockKind = BlockKind.BODY
    reasons: tuple[Reason, ...] = ()

    @property
    def is_neutral(self) -> bool:
        """Whether the number only qualifies others or is part of a name."""
        return self.measure in NEUTRAL_MEASURES


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Something a document says of a subject without a figure: who operates, funds, plans what."""

    id: str
    doc: str
    start: int
    end: int
    quote: str
    subject: str | None
    predicate: str
    object: str | None
    modality: Modality
    note: str | None = None
    status: Status = Status.ACCEPTED
    language: str | None = None


class EdgeKind(StrEnum):
    """How two claims relate; none of them is ever overwritten by the other."""

    SAME = "same"
    REFINES = "refines"
    """a is more exact than b."""
    UPDATE = "update"
    """a is older, b newer."""
    SCOPE_DIFFERS = "scope_differs"
    COMPATIBLE_BOUNDS = "compatible_bounds"
    CONFLICT = "conflict"
    CONVERSION = "conversion"
    """a is the original amount, b its conversion."""
    HEADLINE_DRIFT = "headline_drift"
    """a stands in the body, b in a headline."""
    NEVER_MERGE = "never_merge"
    """The same number, of different things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """How claim `a` relates to claim `b`, and why."""

    id: str
    a: str
    b: str
    relation: EdgeKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that was read from one document, in the order of the text."""

    doc: str
    sha256: str
    languages: tuple[str, ...]
    published: str | None
    claims: tuple[Claim, ...]
    relations: tuple[Relation, ...]
    notes: tuple[Reason, ...] = ()


def identify(document_sha256: str, *parts: object) -> str:
    """Return the id of something read from a document: equal parts always give the equal id."""
    text = "\x1f".join([document_sha256, *(str(part) for part in parts)])
    return hashlib.sha256(text.encode()).hexdigest()[:IDENTITY_DIGITS]


def with_pairs(claims: Sequence[Claim], pairs: dict[str, str]) -> tuple[Claim, ...]:
    """Return the claims, each naming the claim that `pairs` gives for its id."""
    return tuple(
        replace(claim, pair=pairs[claim.id]) if claim.id in pairs else claim for claim in claims
    )
