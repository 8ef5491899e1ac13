"""Edges of a whole library: found by index, the same whatever the order, few and deterministic."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as some

from mains.reports.reconcile.edges import edges, edges_of, keys
from mains.reports.reconcile.facts import DocumentFacts
from mains.reports.reconcile.sides import CURRENCY, sides
from mains.reports.values import BlockKind, Bound, Claim, Edge, EdgeKind, Modality, Status
from tests.reports.reconcile.builders import DOCUMENTS, NORTH, SOUTH, a_claim, facts, kinds, money

DIRECTED = {EdgeKind.REFINES, EdgeKind.UPDATE, EdgeKind.CONVERSION, EdgeKind.HEADLINE_DRIFT}
COPY = facts("copy.txt", published="2025-03-02", copy_of="north.txt")


@some.composite
def claims(draw: some.DrawFn) -> list[Claim]:
    """Claims of few subjects and documents, so that all kinds of pairs are met."""
    made = []
    for place in range(draw(some.integers(2, 8))):
        unit, measure = draw(
            some.sampled_from(
                [
                    ("count", "registered_models"),
                    ("count", "registered_applications"),
                    ("ordinal", "rank_registered_models"),
                    ("EUR", "revenue"),
                    ("USD", "revenue"),
                    ("percent", "growth_rate"),
                    ("date", "event_date"),
                ]
            )
        )
        values = ["2025", "2025-02-22"] if unit == "date" else ["1", "2", "60", "137", "140", "600"]
        value = draw(some.sampled_from(values))
        made.append(
            Claim(
                id=f"claim-{place}",
                doc=draw(some.sampled_from(["north.txt", "south.txt", "east.txt"])),
                start=place * 50,
                end=place * 50 + 5,
                quote=value,
                subject=draw(some.sampled_from(["city:aldern", "city:westmoor", None])),
                measure=measure,
                scope=draw(some.sampled_from([None, "core AI sector", "first wave", "headline"])),
                value=value,
                unit=unit,
                bound=draw(some.sampled_from(Bound)),
                modality=draw(some.sampled_from([Modality.OBSERVED, Modality.TARGET])),
                period=draw(some.sampled_from([None, "2024", "2025", "2025-H1", "2025-12-31"])),
                speaker=draw(some.sampled_from([None, "the mayor"])),
                pair=draw(some.sampled_from([None, "claim-0", "claim-1"])),
                status=draw(some.sampled_from([Status.ACCEPTED, Status.ACCEPTED, Status.QUEUED])),
                block=draw(some.sampled_from([BlockKind.BODY, BlockKind.TITLE])),
            )
        )
    return made


def ends(found: list[Edge]) -> set[tuple[str, ...]]:
    """Return the edges without the order of ends that have none."""
    return {
        (each.relation, each.a, each.b)
        if each.relation in DIRECTED
        else (each.relation, *sorted((each.a, each.b)))
        for each in found
    }


@settings(max_examples=300, deadline=None)
@given(claims(), some.randoms(use_true_random=False))
def test_the_order_of_filing_changes_no_edge(given_: list[Claim], chance: random.Random) -> None:
    shuffled = chance.sample(given_, len(given_))
    assert edges(given_, DOCUMENTS) == edges(shuffled, DOCUMENTS)


@settings(max_examples=300, deadline=None)
@given(claims())
def test_every_edge_is_well_made(given_: list[Claim]) -> None:
    known = {side.claim.id: side for side in sides(given_, DOCUMENTS)}
    found = edges(given_, DOCUMENTS)
    assert len({edge.id for edge in found}) == len(found)
    assert len({frozenset((edge.a, edge.b)) for edge in found}) == len(found)
    for edge in found:
        a, b = known[edge.a], known[edge.b]
        assert edge.a != edge.b and edge.reason.endswith(".")
        assert a.claim.status is b.claim.status is Status.ACCEPTED
        if edge.relation is EdgeKind.CONFLICT:
            assert not (a.interval.meets(b.interval) and a.days is None)
            assert a.scope.words == b.scope.words
            assert (a.subject, a.measure) == (b.subject, b.measure)
            assert (a.claim.unit, a.claim.modality) == (b.claim.unit, b.claim.modality)
            assert not (a.scope.is_headline or b.scope.is_headline)
        if edge.relation is EdgeKind.CONVERSION:
            assert a.claim.unit != b.claim.unit and a.claim.doc == b.claim.doc
            assert CURRENCY.fullmatch(a.claim.unit) and CURRENCY.fullmatch(b.claim.unit)
        if edge.relation in (EdgeKind.SAME, EdgeKind.REFINES, EdgeKind.UPDATE):
            assert (a.subject, a.measure, a.claim.unit) == (b.subject, b.measure, b.claim.unit)
        if edge.relation is EdgeKind.NEVER_MERGE:
            assert (a.subject, a.measure) != (b.subject, b.measure)


@settings(max_examples=200, deadline=None)
@given(claims(), some.integers(0, 8))
def test_filing_one_by_one_finds_what_filing_at_once_finds(given_: list[Claim], cut: int) -> None:
    stored, new = given_[:cut], given_[cut:]
    whole = edges(given_, DOCUMENTS)
    parts = edges(stored, DOCUMENTS) + edges_of(new, stored, DOCUMENTS)
    # A pair of claims of one document is known only when both are; the reader files them together.
    split = {claim.doc for claim in stored} & {claim.doc for claim in new}
    if not split and all(claim.pair is None for claim in given_):
        assert ends(whole) == ends(parts)


@settings(max_examples=200, deadline=None)
@given(claims())
def test_two_claims_with_an_edge_share_a_key(given_: list[Claim]) -> None:
    known = {claim.id: set(keys(claim)) for claim in given_}
    for edge in edges(given_, DOCUMENTS):
        assert known[edge.a] & known[edge.b]


def test_what_is_not_bound_has_no_key() -> None:
    assert keys(a_claim(status=Status.QUEUED)) == ()
    assert keys(a_claim(subject=None)) == ()
    assert keys(a_claim(value="unknown"))


def a_library() -> list[Claim]:
    return [
        a_claim("183", period="2025", id="figure"),
        a_claim("183", period="2025", id="again", doc="south.txt"),
        a_claim("105", period="2024", id="older", doc="south.txt"),
        a_claim("2400", measure="ai_companies", id="firms"),
        a_claim("2500", measure="ai_companies", id="more firms", doc="south.txt"),
        money("450000000", id="amount"),
        money("450000000", id="its twin", subject="org:other", doc="south.txt"),
    ]


def test_changing_one_figure_changes_only_its_edges() -> None:
    before = a_library()
    after = [
        replace(each, value="184", quote="184") if each.id == "figure" else each for each in before
    ]
    old, new = edges(before, DOCUMENTS), edges(after, DOCUMENTS)
    touched = [each for each in old if "figure" in (each.a, each.b)]
    assert {each.relation.value for each in touched} == {"same", "update"}
    assert [each for each in old if each not in touched] == [
        each for each in new if "figure" not in (each.a, each.b)
    ]
    assert {each.relation.value for each in new if "figure" in (each.a, each.b)} == {
        "conflict",
        "update",
    }


def test_a_copy_adds_its_own_sameness_and_nothing_else() -> None:
    library = a_library()
    copies = [
        replace(each, id=f"copy of {each.id}", doc="copy.txt")
        for each in library
        if each.doc == "north.txt"
    ]
    documents = {**DOCUMENTS, "copy.txt": COPY}
    added = [
        each
        for each in edges([*library, *copies], documents)
        if each not in edges(library, documents)
    ]
    assert {each.relation.value for each in added} == {"same"}
    assert {(each.a, each.b) for each in added} == {
        (f"copy of {each.id}", each.id) for each in library if each.doc == "north.txt"
    }


def test_what_a_copy_says_of_its_own_relates_as_any_claim() -> None:
    documents: dict[str, DocumentFacts] = {**DOCUMENTS, "copy.txt": COPY}
    own = a_claim("200", period="2025", doc="copy.txt")
    assert kinds(a_claim("183", period="2025"), own, documents=documents) == ["conflict"]
    two = facts("second copy.txt", copy_of="north.txt")
    pair = [a_claim("183", period="2025", doc=doc) for doc in ("copy.txt", "second copy.txt")]
    original = a_claim("183", period="2025")
    assert kinds(original, *pair, documents={**documents, "second copy.txt": two}) == ["same"] * 3


def test_documents_that_are_not_described_speak_through_their_claims() -> None:
    older = [a_claim("105", id="a"), money("1", period="2024")]
    newer = [a_claim("183", id="b", doc="south.txt"), money("8", period="2025", doc="south.txt")]
    assert kinds(older[0], older[1], newer[0], newer[1], documents={}) == ["update", "update"]


def test_the_direction_follows_the_documents_times_alone() -> None:
    a, b = a_claim("105"), a_claim("183", doc="south.txt")
    [edge] = edges([b, a], DOCUMENTS)
    assert (edge.relation, edge.a, edge.b) == (EdgeKind.UPDATE, a.id, b.id)
    turned = {
        "north.txt": replace(NORTH, published=SOUTH.published),
        "south.txt": replace(SOUTH, published=NORTH.published),
    }
    assert kinds(a, b, documents=turned) == ["conflict"], "what only grows has not fallen"
