"""The current view of a measure, computed with its reasons; nothing is stored as the latest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mains.reports.reconcile.facts import DocumentFacts
from mains.reports.values import Bound, Claim, Edge, Modality, Reason


class ViewState(StrEnum):
    """How far the documents agree on what holds now."""

    EMPTY = "empty"
    """No accepted claim observes it."""
    AGREED = "agreed"
    """One figure stands, or figures that fit together."""
    OPEN = "open"
    """Several figures stand that do not exclude each other: different scopes or loose bounds."""
    CONTESTED = "contested"
    """Documents contradict each other; both figures stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One figure that stands, with everything that says it.

    `value`, `bound` and `unit` are those of the most exact claim. `low` and `high` are the ends of
    the interval that all its claims allow, as decimal strings, or None where it is open (dates:
    ISO dates). `supports` counts independent documents; a syndicated copy counts with its original.
    `restated` has the same amount in other currencies, as the documents state it.
    """

    claim: str
    value: str
    unit: str
    bound: Bound
    modality: Modality
    scope: str | None
    period: str | None
    low: str | None
    high: str | None
    claims: tuple[str, ...]
    documents: tuple[str, ...]
    supports: int
    restated: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """A claim that no longer stands for now, which claim came after it, and why."""

    claim: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the documents say now of one measure of one subject."""

    subject: str
    measure: str
    scope: str | None
    state: ViewState
    current: tuple[Standing, ...]
    """Observed figures that stand; more than one where nothing decides between them."""
    apart: tuple[Standing, ...]
    """Estimates, plans and targets: never mixed with what was observed."""
    superseded: tuple[Superseded, ...]
    conflicts: tuple[Edge, ...]
    """Contradictions between claims that stand, all open."""
    waiting: tuple[str, ...]
    """Claims that wait for a review; they count for nothing."""
    reasons: tuple[Reason, ...]


def view(
    subject: str,
    measure: str,
    scope: str | None,
    claims: Iterable[Claim],
    edges: Iterable[Edge],
    documents: Mapping[str, DocumentFacts],
) -> View:
    """Return the current view; `scope` None takes claims of every scope, each standing apart.

    `claims` may hold more than the claims of the measure; `edges` are those between them.
    """
    raise NotImplementedError
