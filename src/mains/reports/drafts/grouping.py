"""Which claims of a document open which draft, and to which known draft they belong; pure.

Nothing is guessed: what could belong to two rounds belongs to none, and its field stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mains.reports.drafts.values import (
    DraftKind,
    DraftState,
    Fact,
    KnownDraft,
    Opening,
    Place,
    Placing,
)
from mains.reports.values import BlockKind, Bound, Claim, EdgeKind, Relation, Status

VOUCHER_MEASURES: Final = frozenset(
    {"voucher_amount", "subsidy_pool", "subsidy_cap", "subsidy_rate"}
)
GRANT_MEASURE: Final = "subsidy_amount"
"""A limit where it has an upper bound; what was paid already where it has none."""

LIMITS: Final = frozenset({Bound.UP_TO, Bound.AT_MOST})
SCENARIO_MEASURES: Final = frozenset({"scenario_lists", "scenario_applications"})
INSTRUMENTS: Final = {"funding_amount": "round", "bond_amount": "bond"}
MODEL_MEASURES: Final = frozenset({"model_parameters", "languages_covered", "event_date"})
MODEL_PREDICATES: Final = frozenset({"develops", "releases", "releases_open_source"})
MODEL_KINDS: Final = frozenset({"model", "suite"})
ROUND_PREDICATES: Final = frozenset({"leads_round", "participates_in_round"})
"""Predicates whose object is always a round, however it is called."""

INVESTOR_PREDICATES: Final = ROUND_PREDICATES | {"invests_in", "funds"}
PROGRAMME_PREDICATES: Final = frozenset({"eligible_for", "requires", "applies_in"})
COMPANY_MEASURES: Final = frozenset({"valuation", "funding_rounds"})
OPENING_MEASURES: Final = frozenset(
    {*VOUCHER_MEASURES, GRANT_MEASURE, *SCENARIO_MEASURES, *INSTRUMENTS, *MODEL_MEASURES}
)
"""Measures whose claims open drafts; others only join what these open."""

HEADLINE: Final = "headline"
JOINING: Final = frozenset(EdgeKind) - {EdgeKind.NEVER_MERGE, EdgeKind.SCOPE_DIFFERS}
"""Edges that say: the same thing, told again or told otherwise."""

_SLUG_GAP: Final = re.compile(r"[\W_]+")

Spans = Sequence[tuple[int, int]]


def openings(
    claims: Sequence[Claim], relations: Sequence[Relation], sentences: Spans = ()
) -> list[Opening]:
    """Return the groups of one document's claims that open drafts, as the text goes."""
    said = [each for each in claims if _speaks(each)]
    told = [each for each in relations if each.status is Status.ACCEPTED and each.subject]
    found = [
        *_programmes(said, told),
        *_filings(said, told),
        *_needs(said, told),
        *_fundings(said, told, sentences),
    ]
    return sorted(found, key=lambda opening: (_first(opening), opening.key))


def place(
    opening: Opening, known: Sequence[KnownDraft], edges: Mapping[str, Iterable[str]]
) -> Place:
    """Say where a group belongs among the drafts of its kind, newest first.

    `edges` gives for a claim the claims that a joining edge leads to. A draft that somebody
    withdrew takes what comes later, so that it isn't opened again by every report.
    """
    ids = opening.sources
    related = {other for each in ids for other in edges.get(each, ())}
    same_kind = [draft for draft in known if draft.kind is opening.kind]
    for draft in same_kind:
        if ids <= draft.sources:
            return Place(Placing.NOTHING, draft.id)
    for draft in same_kind:
        if draft.key != opening.key and not related & draft.sources:
            continue
        if (
            draft.state is DraftState.COMPLETED
            and not facts_of(opening.claims, opening.relations) <= draft.facts
        ):
            return Place(Placing.OPEN, draft.id)
        return Place(Placing.JOIN, draft.id)
    return Place(Placing.OPEN)


def facts_of(claims: Iterable[Claim], relations: Iterable[Relation]) -> frozenset[Fact]:
    """Return what is stated, apart from who says it: a report that repeats it says nothing new."""
    figures = {(claim.measure or "", claim.value, claim.unit) for claim in claims}
    said = {(each.predicate, each.subject or "", each.object or "") for each in relations}
    return frozenset(figures | said)


def slug(text: str) -> str:
    """Return a text as a part of a key: lower case, words joined by hyphens."""
    return _SLUG_GAP.sub("-", text.casefold()).strip("-")


def kind_of(entity: str | None) -> str:
    """Return the kind of an entity's id ("city" of "city:beijing"), or "" for a plain text."""
    kind, colon, _ = (entity or "").partition(":")
    return kind if colon else ""


def stands(status: str, measure: str | None) -> bool:
    """Whether a claim may be the source of a draft.

    What a voucher is worth opens one from the queue too: a draft has no effect before an officer
    has filled and completed it, and that is where its claim is looked at.
    """
    return status == Status.ACCEPTED or (status == Status.QUEUED and measure in VOUCHER_MEASURES)


def is_headline(claim: Claim) -> bool:
    return claim.block is BlockKind.TITLE or claim.scope == HEADLINE


def _speaks(claim: Claim) -> bool:
    return (
        stands(claim.status, claim.measure)
        and claim.subject is not None
        and not claim.is_neutral
        and claim.block in (BlockKind.TITLE, BlockKind.BODY)
    )


def _first(opening: Opening) -> int:
    starts = [each.start for each in opening.claims]
    return min(starts + [each.start for each in opening.relations])


def _programmes(claims: Sequence[Claim], relations: Sequence[Relation]) -> list[Opening]:
    """Group voucher claims by programme; a city's claims go to the one programme that it funds."""
    groups: dict[str, list[Claim]] = {}
    opening: set[str] = set()
    for claim in claims:
        if claim.measure not in VOUCHER_MEASURES and claim.measure != GRANT_MEASURE:
            continue
        subject = _programme_of(claim.subject or "", relations)
        groups.setdefault(subject, []).append(claim)
        if claim.measure in VOUCHER_MEASURES or claim.bound in LIMITS:
            opening.add(subject)
    return [
        Opening(
            kind=DraftKind.PROGRAMME,
            key=f"{DraftKind.PROGRAMME}:{subject}",
            subject=subject,
            claims=tuple(group),
            relations=tuple(each for each in relations if _of_programme(each, subject)),
        )
        for subject, group in groups.items()
        if subject in opening
    ]


def _programme_of(subject: str, relations: Sequence[Relation]) -> str:
    funded = {
        each.object
        for each in relations
        if each.subject == subject
        and each.predicate == "funds"
        and kind_of(each.object) == "programme"
    }
    only = next(iter(funded)) if len(funded) == 1 else None
    return only or subject


def _of_programme(relation: Relation, subject: str) -> bool:
    if relation.predicate == "funds":
        return relation.object == subject
    return relation.predicate in PROGRAMME_PREDICATES and subject in (
        relation.subject,
        relation.object,
    )


def _filings(claims: Sequence[Claim], relations: Sequence[Relation]) -> list[Opening]:
    """Group what is said of one model: who develops and releases it, how large it is, when."""
    made = [
        each
        for each in relations
        if each.predicate in MODEL_PREDICATES and kind_of(each.object) in MODEL_KINDS
    ]
    figures = [
        each
        for each in claims
        if each.measure in MODEL_MEASURES and kind_of(each.subject) in MODEL_KINDS
    ]
    models = dict.fromkeys(
        [each.object or "" for each in made] + [each.subject or "" for each in figures]
    )
    return [
        Opening(
            kind=DraftKind.FILING,
            key=f"{DraftKind.FILING}:{model}",
            subject=model,
            claims=tuple(each for each in figures if each.subject == model),
            relations=tuple(each for each in made if each.object == model),
        )
        for model in models
    ]


def _needs(claims: Sequence[Claim], relations: Sequence[Relation]) -> list[Opening]:
    """Group the scenario lists and applications of one owner."""
    groups: dict[str, list[Claim]] = {}
    for claim in claims:
        if claim.measure in SCENARIO_MEASURES:
            groups.setdefault(claim.subject or "", []).append(claim)
    return [
        Opening(
            kind=DraftKind.NEED,
            key=f"{DraftKind.NEED}:{owner}",
            subject=owner,
            claims=tuple(group),
            relations=tuple(_programme_relations(owner, relations)),
        )
        for owner, group in groups.items()
    ]


def _programme_relations(owner: str, relations: Sequence[Relation]) -> Iterable[Relation]:
    """Return which programme the owner runs, and where that or the owner's own lists apply."""
    operated = {
        each.object
        for each in relations
        if each.subject == owner
        and each.predicate == "operates"
        and kind_of(each.object) == "programme"
    }
    for each in relations:
        runs = each.subject == owner and each.predicate == "operates" and each.object in operated
        if runs or (each.predicate == "applies_in" and each.subject in {owner, *operated}):
            yield each


def _fundings(
    claims: Sequence[Claim], relations: Sequence[Relation], sentences: Spans
) -> list[Opening]:
    """Group the amounts of one round of one company, with the investors that are told of it."""
    groups: dict[tuple[str, str, str], list[Claim]] = {}
    amounts = [
        each for each in claims if each.measure in INSTRUMENTS and kind_of(each.subject) == "org"
    ]
    by_id = {each.id: each for each in amounts}
    body = [each for each in amounts if not is_headline(each)]
    for claim in body:
        partner = by_id.get(claim.pair or "")
        scope = claim.scope or (
            partner.scope if partner is not None and not is_headline(partner) else None
        )
        groups.setdefault(_round_key(claim, scope), []).append(claim)
    for claim in amounts:
        if is_headline(claim) and (key := _headline_key(claim, groups)) is not None:
            groups.setdefault(key, []).insert(0, claim)
    told = _investors(relations, groups, sentences)
    return [
        Opening(
            kind=DraftKind.FUNDING,
            key=":".join([DraftKind.FUNDING, *key]),
            subject=key[0],
            claims=(*group, *_company_claims(claims, key, groups)),
            relations=tuple(told.get(key, ())),
        )
        for key, group in groups.items()
    ]


RoundKey = tuple[str, str, str]


def _round_key(claim: Claim, scope: str | None) -> RoundKey:
    return (claim.subject or "", INSTRUMENTS[claim.measure or ""], slug(scope or ""))


def _headline_key(claim: Claim, groups: Mapping[RoundKey, list[Claim]]) -> RoundKey | None:
    """Return the round that a headline speaks of: that of its pair, the only one, or a new one."""
    for key, group in groups.items():
        if any(claim.pair == each.id or each.pair == claim.id for each in group):
            return key
    alone = _round_key(claim, None)
    own = [key for key in groups if key[:2] == alone[:2]]
    if not own:
        return alone
    return own[0] if len(own) == 1 else None


def _company_claims(
    claims: Sequence[Claim], key: RoundKey, groups: Mapping[RoundKey, object]
) -> Iterable[Claim]:
    """Return what is said of the company beside its amounts, if it has one round in the text."""
    if sum(1 for other in groups if other[0] == key[0]) > 1:
        return ()
    return (each for each in claims if each.subject == key[0] and each.measure in COMPANY_MEASURES)


def _investors(
    relations: Sequence[Relation], groups: Mapping[RoundKey, list[Claim]], sentences: Spans
) -> dict[RoundKey, list[Relation]]:
    told: dict[RoundKey, list[Relation]] = {}
    for each in relations:
        if each.predicate not in INVESTOR_PREDICATES:
            continue
        key = _round_of(each, groups, sentences)
        if key is not None:
            told.setdefault(key, []).append(each)
    return told


def _round_of(
    relation: Relation, groups: Mapping[RoundKey, list[Claim]], sentences: Spans
) -> RoundKey | None:
    """Return the one round that a relation can belong to; None where there are several."""
    company = relation.subject if kind_of(relation.subject) == "org" else None
    ends = (kind_of(relation.object), kind_of(relation.subject))
    if ends[0] == "org":
        fitting = [key for key in groups if key[0] == relation.object]
    elif "round" in ends or relation.predicate in ROUND_PREDICATES:
        fitting = [key for key in groups if key[0] != company]
    else:
        return None
    if len(fitting) > 1:
        near = [span for span in sentences if span[0] <= relation.start < span[1]]
        fitting = [
            key
            for key in fitting
            if any(a <= claim.start < b for a, b in near for claim in groups[key])
        ]
    return fitting[0] if len(fitting) == 1 else None
