"""The current view of a measure, computed with its reasons; nothing is stored as the latest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from mains.reports.reconcile.facts import DocumentFacts
from mains.reports.reconcile.intervals import LOWER, UPPER
from mains.reports.reconcile.sides import Side, sides
from mains.reports.reconcile.vocabulary import scope_of
from mains.reports.values import Bound, Claim, Edge, EdgeKind, Modality, Reason, Status

JOINING: Final = frozenset(
    {
        EdgeKind.SAME,
        EdgeKind.REFINES,
        EdgeKind.COMPATIBLE_BOUNDS,
        EdgeKind.CONVERSION,
        EdgeKind.HEADLINE_DRIFT,
    }
)


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


STATES: Final = {
    ViewState.EMPTY: "No accepted claim observes it.",
    ViewState.AGREED: "One figure stands; everything that is said of it fits together.",
    ViewState.OPEN: "{count} figures stand: nothing decides between them, and none excludes "
    "another.",
    ViewState.CONTESTED: "Documents contradict each other; each figure stands until a review.",
}


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
    asked = [
        claim
        for claim in claims
        if claim.subject == subject
        and claim.measure == measure
        and (scope is None or _is_of(claim, scope))
    ]
    ready = {side.claim.id: side for side in sides(asked, documents)}
    accepted = {key: side for key, side in ready.items() if side.claim.status is Status.ACCEPTED}
    between = [edge for edge in edges if edge.a in accepted and edge.b in accepted]
    superseded = _superseded(accepted, between)
    gone = {each.claim for each in superseded}
    standing = {key: side for key, side in accepted.items() if key not in gone}
    groups = _groups(standing, between)
    observed = [group for group in groups if _is_observed(group)]
    conflicts = tuple(
        edge
        for edge in between
        if edge.relation is EdgeKind.CONFLICT and edge.a in standing and edge.b in standing
    )
    waiting = tuple(key for key in ready if key not in accepted)
    state = _state(observed, conflicts)
    return View(
        subject=subject,
        measure=measure,
        scope=scope,
        state=state,
        current=tuple(_standing(group) for group in observed),
        apart=tuple(_standing(group) for group in groups if not _is_observed(group)),
        superseded=superseded,
        conflicts=conflicts,
        waiting=waiting,
        reasons=_reasons(state, observed, conflicts, superseded, waiting),
    )


def _is_of(claim: Claim, scope: str) -> bool:
    own = scope_of(claim.scope, claim.subject, claim.measure)
    return own.words == scope_of(scope, claim.subject, claim.measure).words


def _superseded(accepted: Mapping[str, Side], between: Iterable[Edge]) -> tuple[Superseded, ...]:
    """Return the older end of each update, by the last claim that followed it."""
    later: dict[str, list[Edge]] = {}
    for edge in between:
        if edge.relation is EdgeKind.UPDATE:
            later.setdefault(edge.a, []).append(edge)
    found = []
    for key in accepted:
        if key in later:
            best = min(
                later[key],
                key=lambda edge: (edge.b in later, accepted[edge.b].scope.is_headline, edge.b),
            )
            found.append(Superseded(claim=key, by=best.b, reason=best.reason))
    return tuple(found)


def _groups(standing: Mapping[str, Side], between: Iterable[Edge]) -> list[list[Side]]:
    """Put together what says one thing: each claim joins the first group whose lead it fits.

    It must fit the lead by an edge, or repeat it as a copy does, and contradict no member.
    """
    joined: set[frozenset[str]] = set()
    parted: set[frozenset[str]] = set()
    for edge in between:
        kinds = joined if edge.relation in JOINING else parted
        kinds.add(frozenset((edge.a, edge.b)))
    groups: list[list[Side]] = []
    for side in sorted(standing.values(), key=_rank):
        for group in groups:
            fits = frozenset((side.claim.id, group[0].claim.id)) in joined
            breaks = any(frozenset((side.claim.id, each.claim.id)) in parted for each in group)
            if (fits or _repeats(side, group[0])) and not breaks:
                group.append(side)
                break
        else:
            groups.append([side])
    return sorted(groups, key=_place)


def _rank(side: Side) -> tuple[object, ...]:
    """Order claims so that the one that says most comes first."""
    bound = side.claim.bound
    number = side.number or Decimal(0)
    now = side.time or side.now
    return (
        side.original is not None,
        side.scope.is_headline,
        bound is not Bound.EXACT,
        bound is Bound.ABOUT,
        side.days.days if side.days is not None else 0,
        -number if bound in LOWER else number if bound in UPPER else 0,
        -(now.last.toordinal() if now is not None else 0),
        side.facts.copy_of is not None,
        side.claim.doc,
        side.claim.start,
        side.claim.id,
    )


def _place(group: Sequence[Side]) -> tuple[object, ...]:
    lead = group[0]
    now = lead.time or lead.now
    return (-(now.last.toordinal() if now is not None else 0), lead.claim.doc, lead.claim.start)


def _repeats(side: Side, lead: Side) -> bool:
    """Whether one is the other's statement in a copy of its document."""
    one, other = side.claim, lead.claim
    return side.facts.origin == lead.facts.origin and (
        one.value,
        one.unit,
        one.bound,
        one.modality,
        one.period,
        one.scope,
    ) == (other.value, other.unit, other.bound, other.modality, other.period, other.scope)


def _is_observed(group: Sequence[Side]) -> bool:
    return group[0].claim.modality is Modality.OBSERVED


def _state(observed: Sequence[Sequence[Side]], conflicts: Sequence[Edge]) -> ViewState:
    if not observed:
        return ViewState.EMPTY
    if conflicts:
        return ViewState.CONTESTED
    return ViewState.AGREED if len(observed) == 1 else ViewState.OPEN


def _standing(group: Sequence[Side]) -> Standing:
    lead = group[0].claim
    low, high = _ends(group)
    origins = sorted({side.facts.origin for side in group})
    return Standing(
        claim=lead.id,
        value=lead.value,
        unit=lead.unit,
        bound=lead.bound,
        modality=lead.modality,
        scope=lead.scope,
        period=lead.period
        or next((each.claim.period for each in group if each.claim.period), None),
        low=low,
        high=high,
        claims=tuple(side.claim.id for side in group),
        documents=tuple(sorted({side.claim.doc for side in group})),
        supports=len(origins),
        restated=tuple(
            dict.fromkeys(
                f"{side.claim.value} {side.claim.unit}"
                for side in group
                if side.claim.unit != lead.unit
            )
        ),
        reasons=tuple(_standing_reasons(group, origins)),
    )


def _ends(group: Sequence[Side]) -> tuple[str | None, str | None]:
    """Return the ends of what all members allow; one that rounds past the others is left out."""
    lead = group[0]
    if lead.days is not None:
        return lead.days.first.isoformat(), lead.days.last.isoformat()
    if lead.number is None:
        return None, None
    common = lead.interval
    for side in group[1:]:
        counts = side.claim.unit == lead.claim.unit and not side.scope.is_headline
        if counts and common.meets(side.interval):
            common = common.common(side.interval)
    return _plain(common.low), _plain(common.high)


def _plain(end: Decimal | None) -> str | None:
    return None if end is None else f"{end.normalize():f}"


def _standing_reasons(group: Sequence[Side], origins: Sequence[str]) -> Iterator[Reason]:
    documents = {side.claim.doc for side in group}
    told = _count(len(origins), "independent document")
    yield Reason("supports", f"Said by {told}: {', '.join(origins)}.")
    copies = sorted(documents - set(origins))
    if copies:
        yield Reason("copies", f"Copies count with their original: {', '.join(copies)}.")
    lead = group[0].claim
    others = [side for side in group[1:] if side.claim.unit == lead.unit]
    if any((side.claim.value, side.claim.bound) != (lead.value, lead.bound) for side in others):
        yield Reason("most_exact", f"“{lead.quote}” says most; the others allow it.")
    if lead.period is None:
        dated = [side for side in group if side.claim.period is not None]
        text = "No document dates it."
        if dated:
            text = f"The date is from “{dated[0].claim.quote}” in {dated[0].claim.doc} alone."
        yield Reason("undated", text)


def _reasons(
    state: ViewState,
    observed: Sequence[Sequence[Side]],
    conflicts: Sequence[Edge],
    superseded: Sequence[Superseded],
    waiting: Sequence[str],
) -> tuple[Reason, ...]:
    found = [Reason(state.value, STATES[state].format(count=len(observed)))]
    found += [Reason("conflict", edge.reason) for edge in conflicts]
    if superseded:
        text = f"Left behind by a later one: {_count(len(superseded), 'claim')}; each says why."
        found.append(Reason("superseded", text))
    if waiting:
        text = f"Waiting for a review, and counting for nothing: {_count(len(waiting), 'claim')}."
        found.append(Reason("waiting", text))
    return tuple(found)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
