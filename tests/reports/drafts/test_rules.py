"""What a draft says, leaves open and becomes."""

from typing import Any

import pytest

from mains.errors import DocumentInvalid, RequestInvalid
from mains.reports.drafts import rules, specs
from mains.reports.drafts.values import CLAIM_PREFIX, DraftKind, Field, Origin
from mains.reports.values import BlockKind, Bound, Claim, Modality, Relation
from tests.reports.drafts.builders import (
    DONGGUAN,
    FILLS,
    SCHEME,
    a_claim,
    a_relation,
    an_up_to,
    material,
)


def programme(*sources: Claim | Relation, **more: Any) -> dict[str, Field]:
    return rules.fields(material(DraftKind.PROGRAMME, *sources, **more))


def values(found: dict[str, Field]) -> dict[str, tuple[str, ...]]:
    return {name: field.values for name, field in found.items() if field.is_known}


def test_a_voucher_claim_states_a_limit_and_leaves_the_rate_unknown() -> None:
    found = programme(an_up_to())
    assert values(found) == {
        "authority": (DONGGUAN,),
        "currency": ("CNY",),
        "limit": ("50000000.00",),
    }
    assert found["limit"].note == "stated as up to 50000000 CNY, planned"
    assert found["limit"].origin is Origin.STATED
    assert found["rate"].origin is Origin.UNKNOWN
    assert found["rate"].value is None


def test_what_is_missing_says_how_to_fill_it() -> None:
    missing = rules.missing(programme(an_up_to()))
    assert list(missing) == [
        *("name", "title", "limit_is", "pot", "cap_per_organisation", "rate", "eligible"),
        *("valid_from", "valid_until", "time_zone", "sites", "resources", "voucher_days"),
        "tranche",
    ]
    assert missing["rate"] == 'the share of a charge that a voucher pays: such as "50 %"'


def test_a_limit_is_never_needed_and_its_meaning_only_with_it() -> None:
    missing = rules.missing(programme(a_claim("subsidy_rate", "50", unit="percent")))
    assert "limit" not in missing
    assert "limit_is" not in missing
    assert "currency" in missing


def test_a_cap_needs_a_period_unless_there_is_none() -> None:
    assert "cap_period" in rules.missing(programme(a_claim("subsidy_cap", "1000000")))
    filled = programme(an_up_to(), fills={"cap_per_organisation": ("none",)})
    assert "cap_period" not in rules.missing(filled)


@pytest.mark.parametrize(
    ("meant", "name"), [("pot", "pot"), ("per_applicant", "cap_per_organisation")]
)
def test_a_review_says_what_the_limit_limits(meant: str, name: str) -> None:
    found = programme(an_up_to(), fills={"limit_is": (meant,)})
    assert found[name].values == ("50000000.00",)
    other = {"pot", "cap_per_organisation"} - {name}
    assert not any(found[each].is_known for each in other)


def test_a_meaning_without_a_limit_gives_no_pot() -> None:
    assert not programme(fills={"limit_is": ("pot",)})["pot"].is_known


@pytest.mark.parametrize("bound", [Bound.AT_LEAST, Bound.ABOUT, Bound.MORE_THAN])
def test_a_pot_is_known_only_from_an_exact_figure(bound: Bound) -> None:
    found = programme(a_claim("subsidy_pool", "75000000", bound=bound))
    assert not found["pot"].is_known
    assert found["pot"].note == f"stated only as {bound.replace('_', ' ')} 75000000 CNY"


def test_a_pot_of_up_to_so_much_is_a_limit_until_a_review_says_of_what() -> None:
    claim = a_claim("subsidy_pool", "75000000", bound=Bound.UP_TO)
    found = programme(claim)
    assert (found["limit"].value, found["pot"].value) == ("75000000.00", None)
    found = programme(claim, fills={"limit_is": ("pot",)})
    assert found["pot"].value == "75000000.00"


def test_a_figure_for_a_part_fills_nothing_until_a_review_takes_it() -> None:
    claim = a_claim("subsidy_rate", "60", unit="percent", scope="start-ups")
    found = programme(claim)
    assert found["rate"].note == f"stated for: start-ups; take it with claim:{claim.id}"
    taken = programme(claim, fills={"rate": (f"claim:{claim.id}",)})
    assert taken["rate"].values == ("60.00 %",)
    assert taken["rate"].origin is Origin.STATED


def test_two_figures_fill_nothing() -> None:
    found = programme(
        a_claim("subsidy_pool", "75000000"), a_claim("subsidy_pool", "90000000", start=200)
    )
    assert found["pot"].note == "reports state several; choose one with claim:ID"
    assert len(found["pot"].statements) == 2


def test_the_same_number_in_two_currencies_fills_nothing() -> None:
    found = programme(
        a_claim("subsidy_pool", "75000000"),
        a_claim("subsidy_pool", "75000000", unit="EUR", start=200),
    )
    assert not found["pot"].is_known
    assert not found["currency"].is_known


def test_a_conversion_does_not_compete_with_its_amount() -> None:
    original = a_claim("subsidy_pool", "75000000")
    converted = a_claim("subsidy_pool", "10000000", unit="USD", start=120, pair=original.id)
    found = programme(original, converted)
    assert (found["pot"].value, found["currency"].value) == ("75000000.00", "CNY")


def test_a_headline_counts_only_where_the_body_says_nothing() -> None:
    rounded = a_claim("subsidy_pool", "80000000", start=0, block=BlockKind.TITLE)
    assert programme(rounded)["pot"].value == "80000000.00"
    found = programme(rounded, a_claim("subsidy_pool", "75000000"))
    assert found["pot"].value == "75000000.00"
    found = programme(rounded, an_up_to("80000000"))
    assert not found["pot"].is_known, "the body says no more than a limit"
    assert len(found["pot"].statements) == 1
    scoped = a_claim("subsidy_pool", "80000000", start=0, scope="headline")
    assert programme(scoped)["pot"].value == "80000000.00"


def test_a_later_report_proposes_and_changes_nothing() -> None:
    first = a_claim("subsidy_pool", "75000000")
    later = a_claim("subsidy_pool", "90000000", doc="two.txt")
    found = programme(first, later, later=frozenset({later.id}))
    assert found["pot"].value == "75000000.00"
    assert [each.is_later for each in found["pot"].statements] == [False, True]
    taken = programme(
        first, later, later=frozenset({later.id}), fills={"pot": (f"claim:{later.id}",)}
    )
    assert taken["pot"].value == "90000000.00"


def test_a_chosen_claim_that_was_rejected_leaves_the_field_unknown() -> None:
    found = programme(an_up_to(), fills={"pot": ("claim:0123456789abcdef",)})
    assert found["pot"].note == "the claim 0123456789abcdef that was chosen stands no longer"


def test_a_claim_of_another_field_can_be_chosen_in_the_same_currency_only() -> None:
    limit = an_up_to()
    found = programme(limit, fills={"pot": (f"claim:{limit.id}",)})
    assert found["pot"].value == "50000000.00"
    foreign = programme(limit, fills={"currency": ("EUR",), "pot": (f"claim:{limit.id}",)})
    assert foreign["pot"].note == "stated in CNY, and the draft is in EUR"


def test_a_limit_that_no_ledger_holds_stays_unknown_with_its_statement() -> None:
    found = programme(an_up_to("9223372036854775808"))
    assert not found["limit"].is_known
    assert "larger than this ledger can hold" in str(found["limit"].note)
    assert found["limit"].statements[0].value == "9223372036854775808"
    assert not programme(an_up_to("9223372036854775808"), fills={"limit_is": ("pot",)})[
        "pot"
    ].is_known


@pytest.mark.parametrize("unit", ["¥", "count", "yuan renminbi"])
def test_a_currency_that_no_programme_admits_stays_unknown(unit: str) -> None:
    found = programme(an_up_to(unit=unit))
    assert not found["currency"].is_known
    assert "can't stand here" in str(found["currency"].note)


def test_a_subsidy_is_a_limit_only_with_an_upper_bound() -> None:
    found = programme(
        a_claim("subsidy_amount", "8000000", bound=Bound.AT_MOST),
        a_claim("subsidy_amount", "15000000", bound=Bound.ABOUT, start=200),
    )
    assert found["limit"].value == "8000000.00"
    assert found["other_amounts"].values == ("about 15000000 CNY",)


def test_a_programme_gets_its_name_from_its_id_and_its_authority_from_what_is_known() -> None:
    claim = an_up_to(subject=SCHEME)
    found = programme(claim, subject=SCHEME, within={SCHEME: DONGGUAN})
    assert found["name"].values == ("dongguan-compute-vouchers",)
    assert found["authority"].values == (DONGGUAN,)
    assert "authority" in rules.missing(programme(claim, subject=SCHEME))


def test_relations_say_who_funds_who_may_apply_and_on_what_conditions() -> None:
    found = programme(
        an_up_to(subject=SCHEME),
        a_relation(DONGGUAN, "funds", SCHEME),
        a_relation("universities", "eligible_for", SCHEME, start=320),
        a_relation("universities", "eligible_for", SCHEME, start=420),
        a_relation("software firms", "eligible_for", SCHEME, start=330),
        a_relation(SCHEME, "requires", "an AI compute platform", start=340),
        subject=SCHEME,
    )
    assert found["authority"].values == (DONGGUAN,)
    assert found["authority"].note is None
    assert found["eligible_groups"].values == ("universities", "software firms")
    assert found["conditions"].values == ("an AI compute platform",)
    assert not found["eligible"].is_known


def test_a_complete_draft_is_a_document_that_the_programmes_reader_takes() -> None:
    found = programme(an_up_to(), fills=FILLS)
    assert rules.missing(found) == {}
    document = rules.programme_document(found, citation="a report")
    assert document.pot == "50000000.00"
    assert document.rules.rate.basis_points == 5000
    assert document.rules.cap_per_organisation is None
    assert document.rules.voucher.tranche is None
    assert document.source == "a report"
    assert document.rules.eligibility is not None


def test_caps_tranches_and_lists_of_sites_reach_the_document() -> None:
    fills = FILLS | {
        "limit_is": ("per_applicant",),
        "pot": ("600000000.00",),
        "cap_period": ("calendar_year",),
        "tranche": ("100000.00",),
        "eligible": ("any",),
        "sites": ("north-campus", "harbour-hall"),
    }
    del fills["cap_per_organisation"]
    document = rules.programme_document(programme(an_up_to(), fills=fills), citation="x" * 900)
    assert document.rules.cap_per_organisation is not None
    assert document.rules.cap_per_organisation.amount == "50000000.00"
    assert document.rules.eligibility is None
    assert document.rules.purchases.sites == ("north-campus", "harbour-hall")
    assert document.rules.voucher.tranche == "100000.00"
    assert len(document.source) == 500


def test_a_document_that_contradicts_itself_is_refused_by_its_own_reader() -> None:
    fills = FILLS | {"valid_until": ("2025-12-31",)}
    with pytest.raises(DocumentInvalid, match="valid"):
        rules.programme_document(programme(an_up_to(), fills=fills), citation="a report")


def refill(given: dict[str, list[str]], **more: Any) -> dict[str, tuple[str, ...]]:
    return rules.refill(material(DraftKind.PROGRAMME, an_up_to(), **more), given)


def test_fills_are_kept_in_their_canonical_spelling() -> None:
    assert refill(
        {
            "rate": ["12.5"],
            "pot": ["50,000,000"],
            "eligible": ["firm", " firm ", "university"],
            "voucher_days": ["090"],
            "title": ["  Compute  "],
        }
    ) == {
        "rate": ("12.50 %",),
        "pot": ("50000000.00",),
        "eligible": ("firm", "university"),
        "voucher_days": ("90",),
        "title": ("Compute",),
    }


def test_an_empty_fill_takes_a_fill_back() -> None:
    assert refill({"rate": [], "pot": []}, fills={"rate": ("50 %",)}) == {}


def test_words_that_stand_for_nothing_are_kept() -> None:
    assert refill({"tranche": ["none"], "sites": ["any"]}) == {
        "tranche": ("none",),
        "sites": ("any",),
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rates": ["50 %"]}, "did you mean `rate`"),
        ({"xyz": ["1"]}, "has no field `xyz`"),
        ({"eligible_groups": ["firms"]}, "has no field"),
        ({"rate": ["50 %", "60 %"]}, "too many values"),
        ({"rate": ["0 %"]}, "more than 0 %"),
        ({"rate": ["100.01 %"]}, "at most 100 %"),
        ({"rate": ["half"]}, "percentage"),
        ({"rate": ["٥٠ %"]}, "percentage"),
        ({"pot": ["0"]}, "more than nothing"),
        ({"pot": ["9223372036854775808"]}, "larger than"),
        ({"pot": ["NaN"]}, "pot"),
        ({"valid_from": ["tomorrow"]}, "valid_from"),
        ({"time_zone": ["Mars/Olympus"]}, "time zone"),
        ({"time_zone": ["/etc/passwd"]}, "time zone"),
        ({"voucher_days": ["0"]}, "whole number of days"),
        ({"voucher_days": ["99999"]}, "whole number of days"),
        ({"limit_is": ["both"]}, "write one of"),
        ({"currency": ["yuan"]}, "yuan"),
        ({"name": ["Compute 2026"]}, "lower-case"),
        ({"title": ["\0"]}, "text of 1 to"),
        ({"title": ["  "]}, "text of 1 to"),
        ({"eligible": ["firm", "any thing"]}, "lower-case"),
        ({"pot": ["claim:0123456789abcdef"]}, "no claim of this draft"),
        ({"eligible": ["claim:0123456789abcdef", "firm"]}, "no claim of this draft"),
    ],
)
def test_what_a_field_cannot_hold_is_refused_by_name(
    given: dict[str, list[str]], said: str
) -> None:
    with pytest.raises(RequestInvalid, match=said) as refused:
        refill(given)
    assert refused.value.facts["key"] == next(iter(given))


def test_a_claim_of_the_draft_is_kept_as_a_reference() -> None:
    claim = an_up_to()
    assert refill({"pot": [f"{CLAIM_PREFIX}{claim.id}"]}) == {"pot": (f"claim:{claim.id}",)}


def test_a_filing_says_what_is_promised_and_what_is_done() -> None:
    found = rules.fields(
        material(
            DraftKind.FILING,
            a_relation("org:orchard", "develops", "model:pear"),
            a_relation(
                "org:orchard", "releases_open_source", "model:pear", modality=Modality.PLANNED
            ),
            a_claim("model_parameters", "7400000000", unit="count", bound=Bound.ABOUT),
            subject="model:pear",
        )
    )
    assert values(found) == {
        "model": ("model:pear",),
        "developer": ("org:orchard",),
        "release": ("planned",),
        "openness": ("open source, promised",),
        "parameters": ("about 7400000000",),
    }
    assert set(rules.missing(found)) == {
        *("kind", "modality", "release_date", "licence", "languages")
    }


def test_a_released_model_is_open_and_its_date_is_taken_only_if_it_is_its_own() -> None:
    released = a_relation("org:orchard", "releases_open_source", "model:pear")
    dated = a_claim("event_date", "2026-03-01", unit="date", scope="board approval")
    found = rules.fields(material(DraftKind.FILING, released, dated, subject="model:pear"))
    assert (found["release"].value, found["openness"].value) == ("released", "open source")
    assert not found["release_date"].is_known
    plain = a_claim("event_date", "2026-03-01", unit="date")
    found = rules.fields(material(DraftKind.FILING, released, plain, subject="model:pear"))
    assert found["release_date"].value == "2026-03-01"


def test_a_need_has_its_lists_and_leaves_the_need_itself_unknown() -> None:
    found = rules.fields(
        material(
            DraftKind.NEED,
            a_claim("scenario_lists", "4", unit="count"),
            a_claim("scenario_applications", "240", unit="count", bound=Bound.ABOUT),
            a_relation(DONGGUAN, "operates", "programme:city-plus-ai"),
            a_relation("programme:city-plus-ai", "applies_in", "health"),
        )
    )
    assert values(found) == {
        "owner": (DONGGUAN,),
        "programme": ("programme:city-plus-ai",),
        "lists": ("4",),
        "applications": ("about 240",),
        "areas": ("health",),
    }
    assert {"title", "description"} <= set(rules.missing(found))


def test_a_funding_record_keeps_amounts_and_roles_as_stated() -> None:
    company = "org:orchard"
    original = a_claim(
        "funding_amount",
        "1000000000",
        subject=company,
        bound=Bound.MORE_THAN,
        scope="series B",
        period="2026-02",
    )
    converted = a_claim(
        "funding_amount", "137220000", subject=company, unit="USD", start=130, pair=original.id
    )
    found = rules.fields(
        material(
            DraftKind.FUNDING,
            a_claim("funding_amount", "1000000000", subject=company, block=BlockKind.TITLE),
            original,
            converted,
            a_claim("valuation", "9000000000", subject=company, start=200),
            a_claim("funding_rounds", "16", subject=company, unit="count", start=210),
            a_relation("org:harbour-capital", "leads_round", "round:orchard"),
            a_relation("org:lantern-fund", "participates_in_round", "round:orchard"),
            a_relation("round:orchard", "funds", "a larger model"),
            subject=company,
        )
    )
    assert values(found) == {
        "company": (company,),
        "instrument": ("round",),
        "round": ("series B",),
        "amounts": ("more than 1000000000 CNY", "137220000 USD"),
        "date": ("2026-02",),
        "lead_investors": ("org:harbour-capital",),
        "participants": ("org:lantern-fund",),
        "valuation": ("9000000000 CNY",),
        "purpose": ("a larger model",),
        "rounds_so_far": ("16",),
    }
    assert rules.missing(found) == {}


def test_what_nobody_says_of_a_round_is_unknown_and_may_be_left_unstated() -> None:
    claim = a_claim("bond_amount", "10000000000", subject="org:orchard")
    made = material(DraftKind.FUNDING, claim, subject="org:orchard")
    found = rules.fields(made)
    assert found["instrument"].value == "bond"
    assert set(rules.missing(found)) == {
        *("round", "date", "lead_investors", "participants", "valuation", "purpose")
    }
    fills = rules.refill(made, {"lead_investors": ["unstated"], "date": ["2026-Q1"]})
    assert fills == {"lead_investors": ("unstated",), "date": ("2026-Q1",)}
    with pytest.raises(RequestInvalid, match="write a date"):
        rules.refill(made, {"date": ["soon"]})


def test_a_funding_draft_without_amounts_has_no_instrument() -> None:
    found = rules.fields(material(DraftKind.FUNDING, a_claim("valuation", "5")))
    assert not found["instrument"].is_known


def test_a_draft_stands_on_its_founding_claims() -> None:
    claim = an_up_to()
    later = an_up_to(doc="two.txt")
    told = a_relation(DONGGUAN, "funds", SCHEME)
    whole = material(DraftKind.PROGRAMME, claim, told)
    assert rules.is_grounded(whole, founding_claims=1)
    rejected = material(DraftKind.PROGRAMME, later, told, later=frozenset({later.id}))
    assert not rules.is_grounded(rejected, founding_claims=1)
    assert rules.is_grounded(material(DraftKind.FILING, told), founding_claims=0)
    assert not rules.is_grounded(material(DraftKind.FILING), founding_claims=0)


def test_a_claim_that_a_review_moved_to_another_measure_says_nothing() -> None:
    moved = a_claim("gdp", "50000000")
    found = programme(moved)
    assert values(found) == {}
    assert not rules.is_grounded(material(DraftKind.PROGRAMME, moved), founding_claims=1)


def test_every_field_can_be_read_by_name_and_no_two_share_one() -> None:
    for kind, fields in specs.SPECS.items():
        names = [each.name for each in fields]
        assert len(set(names)) == len(names), kind
        assert all(each.meaning for each in fields)
        assert all(each.fill for each in fields if each.read is not None)
