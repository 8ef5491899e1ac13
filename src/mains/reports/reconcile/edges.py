"""Edges between claims, over candidates found by index; never all pairs of a corpus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Final

from mains.reports.reconcile.facts import DATE, DocumentFacts, document_facts
from mains.reports.reconcile.intervals import number_of, significant_digits
from mains.reports.reconcile.never import ORDINAL, SMALL_MAX, shows_digits
from mains.reports.reconcile.reasons import Code, Verdict, sentence
from mains.reports.reconcile.rules import is_bound, relate
from mains.reports.reconcile.sides import Side, sides
from mains.reports.reconcile.vocabulary import is_only_ranked, nouns_of, variants_of, words
from mains.reports.values import Claim, Edge, EdgeKind, Status, identify

YEAR_DIGITS: Final = len("2025")
REFERENCE: Final = "reference_period"
PEERS: Final = "peers "
ACCEPTED: Final = Status.ACCEPTED


def keys(claim: Claim) -> tuple[str, ...]:
    """Return the index keys of a claim: two claims have an edge only if they share one.

    Edges of neutral numbers alone, between claims of documents that share an amount, need none.
    """
    [side] = sides([claim], {})
    return _keys(side) if is_bound(side) else ()


def edges(claims: Iterable[Claim], documents: Mapping[str, DocumentFacts]) -> list[Edge]:
    """Return every edge between the claims, in the order of documents and their texts.

    `documents` is keyed by `Claim.doc`; the facts of a document that it lacks are taken from the
    claims given. Claims that are unbound (no subject or measure) or not accepted have no edges.
    """
    return edges_of(claims, (), documents)


def edges_of(
    new_claims: Iterable[Claim],
    candidates: Iterable[Claim],
    documents: Mapping[str, DocumentFacts],
) -> list[Edge]:
    """Return the edges between new claims, and between each new claim and the candidates.

    `candidates` are stored claims that share one of `keys(claim)` with a new claim; more do no
    harm. The result is what `edges` would return for all claims, less the edges between stored
    ones, as long as `documents` has the facts of every document.
    """
    new = {claim.id: claim for claim in new_claims}
    known = {claim.id: claim for claim in candidates} | new
    ready = sides(known.values(), _with_facts(known.values(), documents))
    repeated = _repeated(ready)
    found: dict[tuple[int, int], Verdict] = {}
    for first, second in _pairs(ready):
        if not (ready[first].claim.id in new or ready[second].claim.id in new):
            continue
        if _is_counted_already(ready[first], ready[second], repeated):
            continue
        verdict = relate(ready[first], ready[second])
        if verdict is not None:
            found[first, second] = verdict
    verdicts = [found[pair] for pair in sorted(found)]
    verdicts += [
        each for each in _years(ready, verdicts) if each.a.claim.id in new or each.b.claim.id in new
    ]
    return [_edge(verdict) for verdict in verdicts]


def _with_facts(
    claims: Iterable[Claim], documents: Mapping[str, DocumentFacts]
) -> dict[str, DocumentFacts]:
    unknown: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.doc not in documents:
            unknown[claim.doc].append(claim)
    return {**documents, **{doc: document_facts(doc, found) for doc, found in unknown.items()}}


def _pairs(ready: Sequence[Side]) -> Iterator[tuple[int, int]]:
    """Yield each pair that shares a key, once, as places in the sequence."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, side in enumerate(ready):
        for key in _keys(side) if is_bound(side) else ():
            groups[key].append(place)
    seen: set[tuple[int, int]] = set()
    for key, members in groups.items():
        for pair in _within(key, members, ready):
            if pair not in seen:
                seen.add(pair)
                yield pair


def _within(key: str, members: Sequence[int], ready: Sequence[Side]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of one key; counts of one thing are peers of its ranks, not of each other."""
    if not key.startswith(PEERS):
        yield from combinations(members, 2)
        return
    ranks = [place for place in members if ready[place].is_rank]
    counts = [place for place in members if not ready[place].is_rank]
    for rank, count in product(ranks, counts):
        yield min(rank, count), max(rank, count)


def _keys(side: Side) -> tuple[str, ...]:
    subject, measure = side.subject, side.measure
    found = [f"doc {side.claim.doc}", f"{subject} {measure}"]
    found += [f"{subject} variants {name}" for name in variants_of(side.base)]
    if measure == words().growth.measure or measure in words().growth.of:
        found.append(f"{subject} growth")
    number = None if side.claim.unit == DATE else number_of(side.claim.value)
    if number is None:
        return tuple(sorted(found))
    if side.claim.unit == ORDINAL:
        found += [f"place {number.normalize():f}"] if number != 1 else []
    elif len(significant_digits(number)) > 1:
        found.append(f"amount {side.claim.unit} {number.normalize():f}")
    if 1 < number <= SMALL_MAX:
        found += [f"small {name} {number.normalize():f}" for name in nouns_of(side.base)]
    if not side.is_rank or (number == 1 and is_only_ranked(side.base)):
        found += [f"{PEERS}{name}" for name in nouns_of(side.base)]
    if shows_digits(side):
        found.append(f"digits {side.written}")
    return tuple(sorted(found))


def _repeated(ready: Sequence[Side]) -> set[str]:
    """Return the claims of copies that only repeat what the original says, where it is known."""
    said = {(side.claim.doc, *_said(side)) for side in ready if side.facts.copy_of is None}
    return {
        side.claim.id
        for side in ready
        if side.facts.copy_of is not None and (side.facts.copy_of, *_said(side)) in said
    }


def _said(side: Side) -> tuple[object, ...]:
    claim = side.claim
    return (
        claim.subject,
        claim.measure,
        claim.scope,
        claim.value,
        claim.unit,
        claim.bound,
        claim.modality,
        claim.period,
    )


def _is_counted_already(a: Side, b: Side, repeated: set[str]) -> bool:
    """Whether the pair is the original's pair said again by a copy."""
    if not (a.claim.id in repeated or b.claim.id in repeated):
        return False
    is_own = a.facts.origin == b.facts.origin and a.claim.doc != b.claim.doc
    return not (is_own and _said(a) == _said(b))


def _years(ready: Sequence[Side], verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """Yield edition years of events that look like the year of a figure.

    Only the first mention counts, set beside the year that the same document gives a figure, or
    else beside the year of a figure in another document whose amount is confusable anyway.
    """
    dated = [side for side in ready if side.days is not None and side.claim.status is ACCEPTED]
    editions: dict[tuple[str, str, str], Side] = {}
    references: dict[tuple[str, str], Side] = {}
    for side in dated:
        doc, year = side.claim.doc, side.claim.value
        if side.measure == REFERENCE:
            references.setdefault((doc, year), side)
        elif (side.subject or "").startswith("event:") and len(year) == YEAR_DIGITS:
            editions.setdefault((doc, side.subject or "", year), side)
    for (doc, _, year), edition in editions.items():
        own = references.get((doc, year))
        others = [] if own else [(other, year) for other in _confused(doc, year, verdicts)]
        near = [own] if own else [references[place] for place in others if place in references]
        for reference in near:
            yield Verdict(EdgeKind.NEVER_MERGE, edition, reference, Code.YEAR)


def _confused(doc: str, year: str, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the documents with an amount of that year which the given one has of another thing."""
    found: set[str] = set()
    for verdict in verdicts:
        if verdict.code is not Code.SAME_AMOUNT or not verdict.a.is_money:
            continue
        for own, other in ((verdict.a, verdict.b), (verdict.b, verdict.a)):
            if own.claim.doc == doc and (other.claim.period or "").startswith(year):
                found.add(other.claim.doc)
    return sorted(found - {doc})


def _edge(verdict: Verdict) -> Edge:
    first, second = verdict.a.claim.id, verdict.b.claim.id
    return Edge(
        id=identify("edge", first, second, verdict.kind.value),
        a=first,
        b=second,
        relation=verdict.kind,
        reason=sentence(verdict.code, verdict.a, verdict.b),
    )
