"""Which claims open which draft, and what becomes of the claims that come later."""

import pytest

from mains.reports.drafts.grouping import facts_of, openings, place, slug
from mains.reports.drafts.values import (
    DraftKind,
    DraftState,
    KnownDraft,
    Opening,
    Place,
    Placing,
)
from mains.reports.values import BlockKind, Bound, Claim, Modality, Status
from tests.reports.drafts.builders import DONGGUAN, SCHEME, a_claim, a_relation, an_up_to

ORCHARD = "org:orchard"


def keys(found: list[Opening]) -> list[str]:
    return [each.key for each in found]


def an_amount(value: str, **more: object) -> Claim:
    return a_claim("funding_amount", value, **({"subject": ORCHARD} | more))


def test_claims_about_one_programme_open_one_draft() -> None:
    [found] = openings(
        [
            a_claim("subsidy_pool", "75000000", subject=SCHEME),
            a_claim("subsidy_rate", "50", unit="percent", subject=SCHEME),
            an_up_to(),
        ],
        [
            a_relation(DONGGUAN, "funds", SCHEME),
            a_relation("firms", "eligible_for", SCHEME),
            a_relation(SCHEME, "applies_in", "inside and outside the city"),
            a_relation("firms", "eligible_for", "programme:another"),
            a_relation(DONGGUAN, "holds_event", "event:fair"),
        ],
    )
    assert (found.kind, found.key) == (DraftKind.PROGRAMME, f"programme:{SCHEME}")
    assert len(found.claims) == 3
    assert [each.predicate for each in found.relations] == ["funds", "eligible_for", "applies_in"]


def test_a_city_that_funds_two_programmes_keeps_its_own_claims() -> None:
    found = openings(
        [an_up_to()],
        [a_relation(DONGGUAN, "funds", SCHEME), a_relation(DONGGUAN, "funds", "programme:b")],
    )
    assert keys(found) == [f"programme:{DONGGUAN}"]


@pytest.mark.parametrize(
    "changed",
    [
        {"status": Status.PROPOSED},
        {"status": Status.QUEUED, "measure": "funding_amount"},
        {"status": Status.QUEUED, "measure": "scenario_applications"},
        {"status": Status.QUEUED, "subject": None},
        {"subject": None},
        {"block": BlockKind.RELATED},
        {"block": BlockKind.PROMOTION},
        {"measure": "name_number"},
        {"measure": "registered_models"},
    ],
)
def test_only_accepted_claims_of_the_article_itself_open_drafts(changed: dict[str, object]) -> None:
    measure = str(changed.get("measure", "voucher_amount"))
    rest = {name: value for name, value in changed.items() if name != "measure"}
    assert openings([a_claim(measure, "5", **rest)], []) == []


def test_a_voucher_claim_opens_a_draft_from_the_queue_too() -> None:
    assert keys(openings([a_claim("voucher_amount", "5", status=Status.QUEUED)], [])) == [
        f"programme:{DONGGUAN}"
    ]


def test_what_was_paid_opens_no_programme_but_a_limit_does() -> None:
    paid = a_claim("subsidy_amount", "15000000", bound=Bound.ABOUT)
    assert openings([paid], []) == []
    limit = a_claim("subsidy_amount", "15000000", bound=Bound.UP_TO)
    assert keys(openings([limit], [])) == [f"programme:{DONGGUAN}"]


def test_a_model_opens_a_filing_and_an_unnamed_one_none() -> None:
    found = openings(
        [
            a_claim("model_parameters", "7", unit="count", subject="model:pear", start=20),
            a_claim("model_parameters", "7", unit="count", subject="model:apple", start=10),
        ],
        [
            a_relation(ORCHARD, "develops", "model:pear"),
            a_relation(ORCHARD, "releases_open_source", "two models"),
            a_relation(None, "develops", "model:fig"),
            a_relation(ORCHARD, "develops", "model:quince", status=Status.QUEUED),
        ],
    )
    assert keys(found) == ["filing:model:apple", "filing:model:pear"]
    assert [len(each.relations) for each in found] == [0, 1]


def test_a_relation_alone_opens_a_filing() -> None:
    planned = a_relation(
        ORCHARD, "releases_open_source", "suite:orchard-open", modality=Modality.PLANNED
    )
    assert keys(openings([], [planned])) == ["filing:suite:orchard-open"]


def test_scenario_lists_of_one_owner_open_one_need() -> None:
    [found] = openings(
        [
            a_claim("scenario_lists", "4", unit="count"),
            a_claim("scenario_applications", "200", unit="count", start=110),
        ],
        [
            a_relation(DONGGUAN, "operates", "programme:city-plus-ai"),
            a_relation("programme:city-plus-ai", "applies_in", "public services"),
            a_relation("programme:other", "applies_in", "health"),
            a_relation(DONGGUAN, "operates", "a search engine"),
        ],
    )
    assert found.key == f"need:{DONGGUAN}"
    assert [each.object for each in found.relations] == [
        "programme:city-plus-ai",
        "public services",
    ]


def test_a_round_has_its_amount_its_conversion_and_its_headline() -> None:
    body = an_amount("1000000000", scope="series B", start=100)
    converted = an_amount("137000000", unit="USD", start=120, pair=body.id)
    headline = an_amount("1000000000", block=BlockKind.TITLE, start=0, pair=body.id)
    [found] = openings(
        [headline, body, converted, a_claim("valuation", "9", subject=ORCHARD, start=150)],
        [
            a_relation("org:harbour-capital", "leads_round", "round:orchard-new"),
            a_relation("org:lantern-fund", "participates_in_round", "the round"),
        ],
    )
    assert found.key == "funding:org:orchard:round:series-b"
    assert [each.start for each in found.claims] == [0, 100, 120, 150]
    assert len(found.relations) == 2


def test_two_rounds_of_one_company_are_two_drafts_and_nothing_is_guessed() -> None:
    early = an_amount("5000000", scope="seed", start=100)
    late = an_amount("90000000", scope="series B", start=500)
    headline = an_amount("100000000", block=BlockKind.TITLE, start=0)
    lead = a_relation("org:harbour-capital", "leads_round", ORCHARD, start=520)
    elsewhere = a_relation("org:lantern-fund", "leads_round", ORCHARD, start=900)
    found = openings(
        [headline, early, late, a_claim("valuation", "9", subject=ORCHARD, start=800)],
        [lead, elsewhere],
        [(90, 200), (490, 600), (890, 950)],
    )
    assert keys(found) == ["funding:org:orchard:round:seed", "funding:org:orchard:round:series-b"]
    assert [len(each.claims) for each in found] == [1, 1]
    assert [each.relations for each in found] == [(), (lead,)]


def test_a_headline_alone_opens_a_round_and_joins_the_only_one() -> None:
    headline = an_amount("100000000", scope="headline", start=0)
    assert keys(openings([headline], [])) == ["funding:org:orchard:round:"]
    body = an_amount("99000000", scope="series B", start=100)
    assert keys(openings([headline, body], [])) == ["funding:org:orchard:round:series-b"]
    paired = an_amount("99000000", scope="series B", start=100, pair=headline.id)
    [found] = openings([headline, paired, an_amount("7", scope="seed", start=300)], [])[:1]
    assert found.claims == (headline, paired)


def test_a_conversion_of_a_headline_takes_no_scope_from_it() -> None:
    headline = an_amount("100", scope="headline", start=0)
    body = an_amount("100", start=100, pair=headline.id)
    assert keys(openings([headline, body], [])) == ["funding:org:orchard:round:"]


def test_a_city_s_funding_is_no_round_and_a_fund_s_purpose_no_investor() -> None:
    assert openings([an_amount("5", subject=DONGGUAN)], []) == []
    [found] = openings(
        [an_amount("5")], [a_relation("org:harbour-capital", "funds", "open research")]
    )
    assert found.relations == ()


def test_an_investor_is_never_its_own_round() -> None:
    [found] = openings(
        [an_amount("5")], [a_relation(ORCHARD, "leads_round", "round:another-company")]
    )
    assert found.relations == ()


def a_known(opening: Opening, **more: object) -> KnownDraft:
    return KnownDraft(
        **{
            "id": "draft-1",
            "kind": opening.kind,
            "key": opening.key,
            "state": DraftState.OPEN,
            "sources": opening.sources,
            "facts": facts_of(opening.claims, opening.relations),
        }
        | more  # type: ignore[arg-type]
    )


def an_opening(value: str = "50000000", **more: object) -> Opening:
    [found] = openings([an_up_to(value, **more)], [])
    return found


def test_a_new_group_opens_a_draft() -> None:
    need = openings([a_claim("scenario_lists", "4", unit="count")], [])[0]
    assert place(an_opening(), [a_known(need)], {}) == Place(Placing.OPEN)


def test_the_same_group_again_changes_nothing_whatever_became_of_its_draft() -> None:
    opening = an_opening()
    for state in DraftState:
        known = a_known(opening, state=state)
        assert place(opening, [known], {}) == Place(Placing.NOTHING, "draft-1")


@pytest.mark.parametrize("state", [DraftState.OPEN, DraftState.WITHDRAWN])
def test_a_later_report_joins_the_draft_of_its_group(state: DraftState) -> None:
    known = a_known(an_opening(), state=state)
    later = an_opening("60000000", doc="two.txt")
    assert place(later, [known], {}) == Place(Placing.JOIN, "draft-1")


def test_a_claim_that_an_edge_leads_to_joins_under_another_name() -> None:
    first = an_opening()
    [later] = openings([an_up_to(subject=SCHEME, doc="two.txt")], [])
    assert place(later, [a_known(first)], {}) == Place(Placing.OPEN)
    edges = {later.claims[0].id: [first.claims[0].id]}
    assert place(later, [a_known(first)], edges) == Place(Placing.JOIN, "draft-1")


def test_what_follows_a_completed_draft_opens_another_only_with_something_new() -> None:
    known = a_known(an_opening(), state=DraftState.COMPLETED)
    repeated = an_opening(doc="two.txt")
    assert place(repeated, [known], {}) == Place(Placing.JOIN, "draft-1")
    changed = an_opening("60000000", doc="two.txt")
    assert place(changed, [known], {}) == Place(Placing.OPEN, "draft-1")


def test_keys_are_made_of_words_alone() -> None:
    assert slug("  Series B (extension)! ") == "series-b-extension"
    assert slug("第二轮") == "第二轮"
