"""What a model proposes stands only where the text and the reader bear it out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mains.reports.proposing.judging import Tally, judge
from mains.reports.proposing.proposals import Proposals, ProposedClaim, parse
from mains.reports.reader import reader
from mains.reports.values import Claim, Reading, Status
from tests.reports.proposing.builders import a_claim, a_document

TEXT = (
    "Shanghai counted 120 registered models at the end of 2025.\n\n"
    "Altogether 9,300 were counted there. People in Turin and in Lyon say much about it."
)


def judged(*claims: Mapping[str, Any], relations: Any = (), text: str = TEXT) -> Any:
    document = a_document(text)
    proposals = Proposals(
        tuple(ProposedClaim.model_validate(claim) for claim in claims),
        parse(json.dumps({"relations": list(relations)})).relations,
    )
    return judge(document, reader.read(document), [proposals])


def figure(reading: Reading, value: str) -> Claim:
    return next(claim for claim in reading.claims if claim.value == value)


@pytest.fixture(scope="module")
def plain() -> Reading:
    return reader.read(a_document(TEXT))


def test_what_the_model_alone_supplies_is_proposed_with_its_reason_and_never_accepted(
    plain: Reading,
) -> None:
    bare = figure(plain, "9300")
    assert bare.status is Status.QUEUED
    reading, tally = judged(a_claim(bare, 1, subject="Turin", measure="ai_companies"))
    claim = figure(reading, "9300")
    assert (claim.subject, claim.measure) == ("city:turin", "ai_companies")
    assert claim.status is Status.PROPOSED
    assert claim.reasons[-1].code == "model_supplied"
    assert "measure, subject" in claim.reasons[-1].text
    assert (claim.id, claim.start, claim.quote) == (bare.id, bare.start, bare.quote)
    assert tally.completing == 1


def test_agreement_changes_nothing(plain: Reading) -> None:
    stated = figure(plain, "120")
    reading, tally = judged(a_claim(stated, 0, subject="Shanghai", measure="registered_models"))
    assert reading == plain
    assert (tally.agreeing, tally.dropped.total()) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"value": "93000"}, "no_such_figure"),
        ({"value": "9300.5"}, "no_such_figure"),
        ({"value": "NaN"}, "no_such_figure"),
        ({"value": "1e999999999"}, "no_such_figure"),
        ({"unit": "USD"}, "no_such_figure"),
        ({"bound": "more_than"}, "no_such_figure"),
        ({"quote": "9.300"}, "quote_not_found"),
        ({"quote": "9,300 firms"}, "quote_not_found"),
        ({"quote": "there"}, "no_such_figure"),
        ({"quote": "in"}, "quote_not_unique"),
        ({"block": 7}, "no_such_block"),
        ({"block": -1}, "no_such_block"),
        ({"subject": "Atlantis"}, "subject_not_found"),
        ({"subject": "Paris"}, "subject_not_found"),
        ({"subject": "city:turin"}, "subject_not_found"),
        ({"measure": "happiness"}, "unknown_word"),
        ({"measure": "reference_period"}, "unknown_word"),
        ({"measure": "growth_rate"}, "does_not_fit"),
        ({"subject": "Turin", "measure": "model_parameters"}, "does_not_fit"),
        ({"measure": "ai_companies", "period": "2031"}, "words_not_found"),
        ({"measure": "ai_companies", "period": "recently"}, "words_not_found"),
        ({}, "adds_nothing"),
    ],
)
def test_what_is_not_borne_out_is_dropped_and_counted(
    plain: Reading, changes: dict[str, Any], reason: str
) -> None:
    reading, tally = judged({**a_claim(figure(plain, "9300"), 1), **changes})
    assert reading == plain
    assert tally.dropped == {reason: 1}


def test_a_moved_quote_is_set_where_it_stands_if_it_stands_once(plain: Reading) -> None:
    proposed = a_claim(figure(plain, "9300"), 1, start=40, measure="ai_companies")
    reading, _ = judged(proposed)
    claim = figure(reading, "9300")
    assert TEXT[claim.start : claim.end] == claim.quote == "9,300"
    assert claim.measure == "ai_companies"


def test_the_sentence_goes_before_the_model(plain: Reading) -> None:
    stated = figure(plain, "120")
    reading, tally = judged(a_claim(stated, 0, subject="Shanghai", measure="ai_companies"))
    assert reading == plain
    assert tally.dropped == {"contradicts": 1}


def test_a_relation_is_proposed_by_words_that_stand_there(plain: Reading) -> None:
    relation = {
        "block": 1,
        "quote": "People in Turin and in Lyon say much",
        "subject": "People",
        "predicate": "says",
        "object": "much",
    }
    reading, tally = judged(relations=[relation])
    (made,) = [held for held in reading.relations if held not in plain.relations]
    assert made.status is Status.PROPOSED
    assert TEXT[made.start : made.end] == made.quote
    assert tally.relating == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"predicate": "destroys"}, "unknown_word"),
        ({"object": "Atlantis"}, "words_not_found"),
        ({"subject": "Peo"}, "words_not_found"),
        ({"object": "People"}, "adds_nothing"),
        ({"quote": "People in Turin"}, None),
        ({"quote": "People of Turin"}, "quote_not_found"),
        (
            {"quote": "there. People in Turin and in Lyon say much about it. Altogether"},
            "quote_not_found",
        ),
        (
            {
                "quote": "Altogether 9,300 were counted there. People in Turin and in Lyon say "
                "much about it."
            },
            "quote_too_long",
        ),
    ],
)
def test_relations_are_checked_as_figures_are(
    plain: Reading, changes: dict[str, Any], reason: str | None
) -> None:
    relation = {
        "block": 1,
        "quote": "People in Turin and in Lyon say much",
        "subject": "People",
        "predicate": "says",
        "object": "much",
        **changes,
    }
    reading, tally = judged(relations=[relation])
    assert tally.dropped == ({} if reason is None else {reason: 1})
    assert all(
        held.status is not Status.ACCEPTED for held in set(reading.relations) - set(plain.relations)
    )


def test_an_answer_of_another_form_is_no_proposal() -> None:
    proposals = parse('{"claims": [1, null, {"block": "0"}, []], "relations": {"a": 1}}')
    assert (proposals.claims, proposals.relations, proposals.malformed) == ((), (), 5)


def test_a_tally_speaks_of_numbers_alone() -> None:
    tally = Tally(agreeing=1)
    tally.dropped["no_such_figure"] += 2
    assert tally.words() == (
        "3 proposals: 1 agree with the reader, 0 complete a claim, 0 add a relation; 2 were "
        "dropped (2 give a figure that the reader does not find there)."
    )


WORDS = st.sampled_from(
    [
        "120",
        "9,300",
        "Shanghai",
        "Turin",
        "People",
        "there",
        "in",
        "2025",
        "1",
        "",
        "count",
        "exact",
    ]
)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "block": st.integers(-1, 3),
                "quote": WORDS.filter(bool),
                "start": st.none() | st.integers(-5, 200),
                "value": WORDS | st.just("9300"),
                "unit": WORDS,
                "bound": WORDS,
                "subject": st.none() | WORDS,
                "measure": st.none() | st.sampled_from(["ai_companies", "users", "nothing"]),
                "period": st.none() | WORDS,
            }
        ),
        max_size=8,
    )
)
def test_no_proposals_change_a_figure_or_accept_one(claims: list[dict[str, Any]]) -> None:
    document = a_document(TEXT)
    before = reader.read(document)
    after, _ = judged(*claims)
    assert [claim.id for claim in after.claims] == [claim.id for claim in before.claims]
    for one, other in zip(before.claims, after.claims, strict=True):
        same = ("start", "end", "quote", "value", "unit", "bound", "modality")
        assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
        assert one == other or other.status is Status.PROPOSED
        assert one == other or one.status is not Status.ACCEPTED
