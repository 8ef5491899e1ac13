"""Each relation, by the smallest pair that has it, and the pairs next to it that have not."""

from decimal import Decimal

import pytest

from mains.reports.reconcile.edges import edges
from mains.reports.reconcile.reasons import SENTENCES, Code
from mains.reports.reconcile.rules import relate
from mains.reports.reconcile.sides import as_original, sides
from mains.reports.values import BlockKind, Bound, Claim, Modality, Status
from tests.reports.reconcile.builders import (
    DOCUMENTS,
    a_claim,
    a_date,
    facts,
    kinds,
    money,
    only_edge,
)

SOUTH = "south.txt"


def code(a: Claim, b: Claim) -> Code | None:
    one, other = sides([a, b], DOCUMENTS)
    verdict = relate(one, other)
    return None if verdict is None else verdict.code


def test_every_code_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Code)


def test_equal_figures_of_two_documents_are_the_same() -> None:
    a, b = a_claim("120"), a_claim("120", doc=SOUTH)
    assert only_edge(a, b) == ("same", a.id, b.id)


def test_a_pair_relates_alike_from_either_side() -> None:
    a, b = sides([a_claim("120"), a_claim("140", doc=SOUTH)], DOCUMENTS)
    assert relate(a, b) == relate(b, a)


def test_nothing_relates_to_itself() -> None:
    [side] = sides([a_claim()], DOCUMENTS)
    assert relate(side, side) is None


@pytest.mark.parametrize(
    "unknown",
    [
        {"status": Status.QUEUED},
        {"status": Status.PROPOSED},
        {"subject": None},
        {"measure": None},
        {"measure": "name_number"},
    ],
)
def test_what_is_not_bound_relates_to_nothing(unknown: dict[str, object]) -> None:
    assert kinds(a_claim("120", **unknown), a_claim("140", doc=SOUTH)) == []
    assert kinds(a_claim("120", **unknown), a_claim("140", doc=SOUTH, **unknown)) == []


def test_words_that_restrict_nothing_leave_the_scope_alone() -> None:
    a = a_claim("120", scope="large AI models registered and put into operation")
    assert kinds(a, a_claim("120", doc=SOUTH, scope="generative models")) == ["same"]


def test_the_name_of_the_field_restricts_only_what_is_worth_or_grows() -> None:
    assert kinds(a_claim("120", scope="AI sector"), a_claim("120", doc=SOUTH)) == ["same"]
    growth = {"measure": "growth_rate", "unit": "percent"}
    sector, digital = (
        a_claim("12", scope=scope, **growth) for scope in ("AI sector", "digital economy")
    )
    assert kinds(sector, digital) == ["scope_differs"]


def test_a_rate_of_something_unsaid_is_compared_by_its_digits_alone() -> None:
    growth = {"measure": "growth_rate", "unit": "percent"}
    sector = a_claim("12.4", scope="AI sector", **growth)
    assert kinds(sector, a_claim("12.4", doc=SOUTH, **growth)) == ["same"]
    assert kinds(sector, a_claim("15.9", doc=SOUTH, **growth)) == []
    assert kinds(a_claim("12", **growth), a_claim("12", doc=SOUTH, **growth)) == []


# Times


def test_the_later_period_updates_the_earlier() -> None:
    later = a_claim("140", period="2025-12-31")
    earlier = a_claim("120", doc=SOUTH, period="2024")
    assert only_edge(later, earlier) == ("update", earlier.id, later.id)


def test_without_periods_the_later_document_updates() -> None:
    later, earlier = a_claim("140", doc=SOUTH), a_claim("120")
    assert only_edge(later, earlier) == ("update", earlier.id, later.id)


def test_what_only_grows_contradicts_when_a_later_report_is_lower() -> None:
    assert kinds(a_claim("140"), a_claim("120", doc=SOUTH)) == ["conflict"]


def test_what_rises_and_falls_is_updated_by_a_lower_figure() -> None:
    a = a_claim("140", measure="users")
    assert kinds(a, a_claim("120", doc=SOUTH, measure="users")) == ["update"]


def test_what_never_changes_contradicts_whatever_the_order() -> None:
    a = a_claim("2018", measure="founded_year", unit="year", subject="org:brightmill")
    b = a_claim("2019", measure="founded_year", unit="year", subject="org:brightmill", doc=SOUTH)
    assert kinds(a, b) == ["conflict"]


def test_a_scope_that_is_closed_never_changes() -> None:
    a = a_claim("44", scope="first wave")
    assert kinds(a, a_claim("47", doc=SOUTH, scope="first wave")) == ["conflict"]


def test_figures_that_are_far_apart_are_hardly_of_one_thing() -> None:
    same_time = {"doc": SOUTH, "period": "2025"}
    assert code(a_claim("52", period="2025"), a_claim("2630", **same_time)) is Code.TOO_FAR
    assert code(a_claim("52"), a_claim("2630", doc=SOUTH)) is Code.TOO_FAR
    place = {"measure": "rank_registered_models", "unit": "ordinal", "period": "2025"}
    assert kinds(a_claim("1", **place), a_claim("2", doc=SOUTH, **place)) == ["conflict"]
    assert code(a_claim("1", **place), a_claim("5", doc=SOUTH, **place)) is Code.TOO_FAR


def test_what_changes_does_not_contradict_where_nobody_knows_the_later_report() -> None:
    undated = a_claim("140", doc="undated.txt")
    assert code(a_claim("120"), undated) is Code.ORDER_UNKNOWN
    founded = {"measure": "founded_year", "unit": "year"}
    assert kinds(a_claim("2018", **founded), a_claim("2019", doc="undated.txt", **founded)) == [
        "conflict"
    ]


def test_documents_of_one_day_contradict() -> None:
    same_day = {doc: facts(doc, published="2026-03-01") for doc in ("north.txt", SOUTH)}
    assert kinds(a_claim("120"), a_claim("140", doc=SOUTH), documents=same_day) == ["conflict"]


def test_two_plans_without_a_date_contradict() -> None:
    a = a_claim("120", modality=Modality.PLANNED)
    assert kinds(a, a_claim("140", doc=SOUTH, modality=Modality.PLANNED)) == ["conflict"]


def test_a_looser_lower_bound_is_updated_by_a_higher_one() -> None:
    a = a_claim("2400", bound=Bound.MORE_THAN)
    b = a_claim("2500", bound=Bound.MORE_THAN, doc=SOUTH)
    assert only_edge(a, b) == ("update", a.id, b.id)


def test_an_undated_figure_follows_a_dated_one_of_the_past() -> None:
    dated, undated = a_claim("90", doc=SOUTH, period="2023"), a_claim("120")
    assert only_edge(dated, undated) == ("update", dated.id, undated.id)


def test_a_dated_figure_follows_an_undated_one_of_an_earlier_document() -> None:
    dated, undated = a_claim("150", doc=SOUTH, period="2025-12-31"), a_claim("120")
    assert only_edge(dated, undated) == ("update", undated.id, dated.id)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("110", {"period": "2023"}),  # it would have fallen
        ("150", {"period": "2025"}),  # the document speaks of the same time
        ("150", {"period": "2023", "modality": Modality.TARGET}),
    ],
)
def test_a_dated_and_an_undated_figure_need_an_order(value: str, said: dict[str, object]) -> None:
    mode = said.get("modality", Modality.OBSERVED)
    assert kinds(a_claim(value, doc=SOUTH, **said), a_claim("100", modality=mode)) == []


def test_an_undated_document_gives_no_order_to_a_dated_figure() -> None:
    assert kinds(a_claim("90", period="2023"), a_claim("120", doc="undated.txt")) == []


def test_a_dated_and_an_undated_figure_that_agree_are_the_same() -> None:
    assert code(a_claim("120", period="2023"), a_claim("120", doc=SOUTH)) is Code.SAME_UNDATED


def test_parts_of_one_year_are_two_growths_and_no_update() -> None:
    growth = {"measure": "growth_rate", "unit": "percent", "scope": "core sector"}
    half = a_claim("15", period="2025-H1", **growth)
    other = a_claim("21", period="2025-H2", **growth)
    year = a_claim("18", period="2025", doc=SOUTH, **growth)
    assert kinds(half, other) == kinds(half, year) == ["scope_differs"]


def test_forecasts_for_two_years_update_nothing() -> None:
    a = money("3", modality=Modality.ESTIMATED, period="2026")
    assert kinds(a, money("5", modality=Modality.ESTIMATED, period="2028")) == ["scope_differs"]


# Values


def test_an_exact_figure_refines_a_bound_near_it() -> None:
    exact = a_claim("437", doc=SOUTH, period="2025")
    loose = a_claim("400", bound=Bound.MORE_THAN, period="2025")
    assert only_edge(loose, exact) == ("refines", exact.id, loose.id)


def test_an_exact_figure_refines_a_round_one() -> None:
    exact, loose = a_claim("9984"), a_claim("10000", bound=Bound.ABOUT, doc=SOUTH)
    assert only_edge(loose, exact) == ("refines", exact.id, loose.id)


def test_the_finer_of_two_guesses_refines() -> None:
    fine = a_claim("186", bound=Bound.ABOUT)
    rough = a_claim("190", bound=Bound.ABOUT, doc=SOUTH)
    assert only_edge(rough, fine) == ("refines", fine.id, rough.id)


def test_an_exact_figure_refines_its_own_rounding() -> None:
    fine, round_ = money("23030"), money("23000", doc=SOUTH)
    assert only_edge(round_, fine) == ("refines", fine.id, round_.id)
    assert only_edge(fine, money("23000", doc="abc.txt"))[1] == fine.id


def test_a_single_digit_is_no_rounding() -> None:
    assert kinds(money("540"), money("500", doc=SOUTH)) == ["conflict"]


def test_guesses_that_are_near_do_not_contradict() -> None:
    a = money("260", bound=Bound.ABOUT)
    assert kinds(a, money("240", bound=Bound.ABOUT, doc=SOUTH)) == ["compatible_bounds"]
    assert kinds(a, money("180", bound=Bound.ABOUT, doc=SOUTH)) == ["conflict"]


def test_bounds_that_leave_room_are_compatible() -> None:
    a = money("400", bound=Bound.MORE_THAN)
    assert kinds(a, money("450", bound=Bound.MORE_THAN, doc=SOUTH)) == ["compatible_bounds"]
    assert kinds(a, money("900", doc=SOUTH)) == ["compatible_bounds"]


def test_a_limit_is_not_refined_by_the_figure_that_reaches_it() -> None:
    a = money("60", bound=Bound.UP_TO)
    assert kinds(a, money("60", doc=SOUTH)) == ["compatible_bounds"]


def test_at_least_is_refined_by_its_own_figure() -> None:
    assert kinds(money("60"), money("60", bound=Bound.AT_LEAST, doc=SOUTH)) == ["refines"]


def test_the_ends_of_a_range_are_one_range() -> None:
    low, high = money("350", bound=Bound.AT_LEAST), money("400", bound=Bound.AT_MOST)
    assert code(low, high) is Code.RANGE


def test_bounds_that_exclude_each_other_contradict() -> None:
    a = money("44")
    assert only_edge(a, b := money("47", bound=Bound.AT_LEAST, doc=SOUTH)) == (
        "conflict",
        a.id,
        b.id,
    )


def test_one_document_contradicts_itself_only_through_two_speakers() -> None:
    assert kinds(money("22", speaker="the office"), money("31", speaker="the mayor")) == [
        "conflict"
    ]
    assert kinds(money("22"), money("31")) == []


def test_a_place_that_was_lost_contradicts_and_one_that_was_gained_updates() -> None:
    def place(value: str, **said: object) -> Claim:
        return a_claim(value, measure="rank_registered_models", unit="ordinal", **said)

    assert kinds(place("3"), place("4", doc=SOUTH)) == ["conflict"]
    assert kinds(place("4"), place("3", doc=SOUTH)) == ["update"]


def test_a_value_that_is_no_number_is_not_compared() -> None:
    assert kinds(a_claim("many"), a_claim("120", doc=SOUTH)) == []
    assert kinds(a_claim("many", block=BlockKind.TITLE), a_claim("120")) == []


def test_a_period_that_is_none_is_compared_by_its_words() -> None:
    assert kinds(a_claim("9", period="spring"), a_claim("12", period="spring", doc=SOUTH)) == [
        "update"
    ]


# Scope, modality and units


def test_modality_sets_figures_apart() -> None:
    assert kinds(a_claim("120"), a_claim("120", modality=Modality.TARGET)) == ["scope_differs"]


def test_scopes_set_figures_apart() -> None:
    assert kinds(a_claim("120", scope="medical"), a_claim("120", doc=SOUTH, scope="legal")) == [
        "scope_differs"
    ]


def test_figures_that_agree_to_the_last_digit_are_one_though_one_says_less() -> None:
    assert code(a_claim("187", scope="medical"), a_claim("187", doc=SOUTH)) is Code.SAME_DIGITS
    assert code(a_claim("50", scope="medical"), a_claim("50", doc=SOUTH)) is Code.OTHER_SCOPE


def test_events_without_a_name_may_be_two_events() -> None:
    def round_(value: str, **said: object) -> Claim:
        return money(value, measure="funding_amount", period=None, **said)

    assert kinds(round_("10"), round_("30", doc=SOUTH)) == ["scope_differs"]
    assert kinds(round_("10"), round_("10", doc=SOUTH)) == ["same"]
    assert kinds(round_("10", bound=Bound.MORE_THAN), round_("30")) == ["scope_differs"]
    series = {"scope": "series C"}
    assert kinds(round_("20", **series), round_("30", doc=SOUTH, **series)) == ["conflict"]


def test_a_level_and_its_change_in_points_are_set_apart_within_a_document() -> None:
    level = a_claim("52", measure="adoption_rate", unit="percent")
    points = {"measure": "adoption_rate", "unit": "points"}
    assert kinds(level, a_claim("18", **points)) == ["scope_differs"]
    assert kinds(level, a_claim("18", doc=SOUTH, **points)) == []
    assert kinds(level, a_claim("18", block=BlockKind.TITLE, **points)) == []


# Conversions


def paired(
    amount: str = "560", converted: str = "610", bound: Bound = Bound.EXACT
) -> tuple[Claim, Claim]:
    first = money(amount, id="first", pair="second", bound=bound)
    return first, money(converted, id="second", pair="first", unit="USD", bound=bound)


def test_the_amount_that_stands_first_is_converted_by_the_other() -> None:
    first, second = paired()
    assert only_edge(first, second) == ("conversion", first.id, second.id)


def test_a_restated_amount_is_converted_too() -> None:
    first, second = paired()
    again = money("560", pair="first")
    found = [each for each in kinds(first, second, again) if each == "conversion"]
    assert len(found) == 2
    assert code(again, second) is None, "alone, nothing says that it is the converted amount"


def test_another_amount_of_the_document_is_not_converted() -> None:
    first, second = paired()
    other = money("580", scope="abroad")
    assert kinds(first, second, other).count("conversion") == 1


def test_currencies_without_a_pair_are_not_compared() -> None:
    assert kinds(money("560"), money("610", unit="USD", doc=SOUTH)) == []


def test_a_conversion_is_compared_through_its_original() -> None:
    first, second = paired(bound=Bound.MORE_THAN)
    older = money("400", doc=SOUTH, bound=Bound.MORE_THAN)
    assert kinds(first, second, older) == ["conversion", "compatible_bounds", "compatible_bounds"]
    exact, its_dollars = paired()
    assert kinds(exact, its_dollars, money("400", doc=SOUTH)) == ["conversion", "conflict"]
    assert kinds(exact, its_dollars, money("1", unit="CHF", doc=SOUTH)) == ["conversion"]


def test_a_conversion_founds_no_difference_and_no_update() -> None:
    first, second = paired()
    dollars = {"unit": "USD", "doc": SOUTH}
    assert kinds(first, second, money("610", **dollars)) == ["conversion", "same"]
    assert kinds(first, second, money("900", **dollars)) == ["conversion"]
    assert kinds(first, second, money("900", period="2026", **dollars)) == ["conversion"]
    assert kinds(first, second, money("900", scope="abroad", **dollars)) == ["conversion"]
    assert kinds(first, second, money("900", period=None, **dollars)) == ["conversion"]
    assert kinds(first, second, money("900", modality=Modality.TARGET, **dollars)) == ["conversion"]


def test_of_a_headline_and_the_text_the_text_is_converted() -> None:
    top = money("600", id="headline", pair="told", scope="headline")
    told = money("560", id="told", pair="headline")
    dollars = money("610", id="dollars", pair="headline", unit="USD")
    found = edges([top, told, dollars], DOCUMENTS)
    ends = [(edge.relation.value, edge.a, edge.b) for edge in found]
    assert ends == [("headline_drift", "told", "headline"), ("conversion", "told", "dollars")]


def test_two_conversions_undated_are_compared_by_value_alone() -> None:
    first, second = paired()
    undated = {"measure": "funding_amount", "period": None}
    a = money("560", id="a", pair="b", **undated)
    b = money("610", id="b", pair="a", unit="USD", **undated)
    c = money("900", unit="USD", doc=SOUTH, **undated)
    assert kinds(a, b, c) == ["conversion"]
    assert kinds(first, second) == ["conversion"]


# Headlines


def headline(value: str, **said: object) -> Claim:
    return a_claim(value, block=BlockKind.TITLE, **said)


def test_a_headline_that_repeats_the_text_is_the_same() -> None:
    assert code(headline("183"), a_claim("183")) is Code.SAME_HEADLINE


def test_a_headline_that_rounds_or_drops_a_bound_has_drifted() -> None:
    body = a_claim("2500", bound=Bound.MORE_THAN)
    top = headline("2500", scope="headline")
    assert only_edge(top, body) == ("headline_drift", body.id, top.id)
    assert kinds(headline("180"), a_claim("183")) == ["headline_drift"]
    assert kinds(headline("100", bound=Bound.MORE_THAN), a_claim("183")) == ["headline_drift"]


def test_a_headline_of_another_scope_is_another_figure() -> None:
    growth = {"measure": "growth_rate", "unit": "percent"}
    top = headline("25", scope="headline: AI industry", **growth)
    assert kinds(top, a_claim("9", scope="digital economy", **growth)) == ["scope_differs"]
    assert kinds(top, a_claim("9", scope="core industry", **growth)) == []


def test_a_headline_may_be_sharper_than_a_loose_restatement() -> None:
    top, body = headline("183"), a_claim("180", bound=Bound.MORE_THAN)
    assert only_edge(top, body) == ("refines", top.id, body.id)


def test_a_headline_of_a_target_is_set_apart_from_what_is_observed() -> None:
    assert kinds(headline("500", modality=Modality.TARGET), a_claim("120")) == ["scope_differs"]
    assert kinds(headline("500", modality=Modality.TARGET), a_claim("490")) == ["headline_drift"]


def test_a_headline_follows_the_figure_of_a_year_long_past() -> None:
    body = a_claim("82", period="2023")
    assert only_edge(top := headline("130"), body) == ("update", body.id, top.id)
    assert kinds(headline("130"), a_claim("82", period="2024-12-31")) == []


def test_a_headline_founds_no_contradiction_and_sharpens_no_bound_elsewhere() -> None:
    assert kinds(headline("120", period="2025"), a_claim("150", period="2025", doc=SOUTH)) == []
    bound = a_claim("115", period="2025", bound=Bound.MORE_THAN, doc=SOUTH)
    assert kinds(headline("120", period="2025"), bound) == ["compatible_bounds"]


def test_a_conversion_has_no_headline() -> None:
    first, second = paired()
    top = money("610", unit="USD", scope="headline")
    assert kinds(first, second, top) == ["conversion"]


def test_a_date_in_a_headline_is_compared_as_a_date() -> None:
    assert kinds(a_date("2026", scope="headline"), a_date("2026-05-04/2026-05-06")) == ["refines"]


# Dates


def test_equal_dates_are_the_same_unless_two_parts_share_a_day() -> None:
    assert kinds(a_date("2026-05-04"), a_date("2026-05-04", doc=SOUTH)) == ["same"]
    assert kinds(a_date("2026-05-04", scope="gala"), a_date("2026-05-04", doc=SOUTH)) == ["same"]
    assert kinds(a_date("2026-05-04", scope="gala"), a_date("2026-05-04", scope="prize")) == []


def test_a_day_refines_the_year_it_lies_in() -> None:
    day, year = a_date("2026-05-04"), a_date("2026", doc=SOUTH)
    assert only_edge(year, day) == ("refines", day.id, year.id)


def test_the_day_of_a_part_refines_only_what_is_said_in_one_breath() -> None:
    year = a_date("2026", start=10)
    near, far = (a_date("2026-05-04", start=at, scope="opening") for at in (20, 900))
    assert kinds(year, near) == ["refines"]
    assert kinds(year, far) == []
    assert code(a_date("2026-05-03/2026-05-06"), far) is Code.PART_OF_EVENT


def test_two_days_of_one_event_contradict() -> None:
    a = a_date("2026-05-04")
    assert kinds(a, a_date("2026-05-09", doc=SOUTH)) == ["conflict"]
    assert kinds(a, a_date("2026-05-09", doc=SOUTH, scope="gala")) == ["scope_differs"]
    company = {"subject": "org:brightmill"}
    assert kinds(a_date("2026-05-04", **company), a_date("2026-05-09", doc=SOUTH, **company)) == []
    scoped = company | {"scope": "closing of the round"}
    assert kinds(a_date("2026-05-04", **scoped), a_date("2026-05-09", doc=SOUTH, **scoped)) == [
        "conflict"
    ]


def test_a_date_that_is_none_is_not_compared() -> None:
    assert kinds(a_date("soon"), a_date("2026-05-09", doc=SOUTH)) == []


# Variants


def test_variants_of_a_measure_are_never_added() -> None:
    a = a_claim("120")
    b = a_claim("68", measure="registered_applications", doc=SOUTH)
    assert code(a, b) is Code.OTHER_MEASURE
    assert kinds(a, a_claim("68", measure="staff")) == []


def test_headlines_and_conversions_have_no_variants() -> None:
    core = {"subject": "city:aldern", "measure": "ai_core_industry_value"}
    whole = money("900", subject="city:aldern", measure="ai_industry_value")
    assert kinds(money("300", **core), whole) == ["scope_differs"]
    assert kinds(money("300", scope="headline", **core), whole) == []
    first = money("300", id="first", pair="second", **core)
    second = money("330", id="second", pair="first", unit="USD", **core)
    assert sorted(kinds(first, second, whole)) == ["conversion", "scope_differs"]


def test_a_level_is_not_chained_with_a_growth_of_a_part_or_another_time() -> None:
    level = money("900", subject="city:aldern", measure="ai_industry_value", period="2025")
    core = money("300", subject="city:aldern", measure="ai_core_industry_value", period="2025")

    def growth(**said: object) -> Claim:
        return a_claim("25", measure="growth_rate", unit="percent", **said)

    own = growth(scope="AI industry", period="2025")
    assert kinds(level, own) == []
    assert kinds(level, growth(scope="core AI sector", period="2025")) == ["scope_differs"]
    assert kinds(core, growth(scope="core AI sector", period="2025")) == []
    assert kinds(core, growth(scope="core AI sector", period="2025-H1")) == ["scope_differs"]
    assert kinds(level, growth(scope="digital economy", period="2025")) == []
    assert kinds(level, growth(scope="AI industry", modality=Modality.TARGET)) == []
    assert kinds(a_claim("120"), own) == []
    assert kinds(own, level) == []


def test_a_place_by_one_definition_is_no_count_by_another() -> None:
    place = a_claim("1", measure="rank_core_companies", unit="ordinal")
    count = a_claim("2400", measure="ai_companies", doc=SOUTH)
    assert only_edge(count, place) == ("scope_differs", place.id, count.id)
    assert kinds(place, a_claim("9", measure="ai_companies", modality=Modality.TARGET)) == []
    own = a_claim("1", measure="rank_ai_companies", unit="ordinal")
    assert kinds(own, count) == []


def test_the_first_by_a_definition_that_is_never_counted_has_peers() -> None:
    place = a_claim("1", measure="rank_core_companies", unit="ordinal")
    peer = a_claim("2800", measure="ai_companies", subject="city:westmoor", doc=SOUTH)
    assert only_edge(peer, place) == ("scope_differs", place.id, peer.id)
    second = a_claim("2", measure="rank_core_companies", unit="ordinal")
    assert kinds(second, peer) == []
    company = a_claim("2800", measure="ai_companies", subject="org:brightmill", doc=SOUTH)
    assert kinds(place, company) == []


def test_one_word_for_two_definitions_within_a_document() -> None:
    a = a_claim("200", measure="scenario_applications")
    other = {"measure": "registered_applications", "subject": "city:westmoor"}
    assert code(a, a_claim("68", **other)) is Code.OTHER_NOUN
    assert kinds(a, a_claim("68", doc=SOUTH, **other)) == []
    assert kinds(a, a_claim("68", modality=Modality.TARGET, **other)) == []
    assert kinds(a, a_claim("68", **(other | {"subject": "org:brightmill"}))) == []


def test_a_product_and_its_maker_are_two_subjects() -> None:
    maker = a_date("2025-02-18", subject="org:brightmill")
    product = a_date("2025-03", subject="model:brightmill-large")
    assert code(maker, product) is Code.PART_OF_SUBJECT
    assert kinds(maker, a_date("2025-03", subject="model:other-large")) == []
    assert kinds(maker, a_date("2025-03", subject="model:brightmill-large", doc=SOUTH)) == []


def test_a_city_and_what_it_lies_in_are_two_subjects() -> None:
    city = a_claim("120", subject="city:beijing")
    country = a_claim("900", subject="country:china")
    assert code(city, country) is code(country, city) is Code.PART_OF_SUBJECT
    assert kinds(city, a_claim("900", subject="country:china", scope="medical")) == []


def test_an_original_is_compared_with_its_own_number() -> None:
    first, second = paired()
    [converted] = [each for each in sides([first, second], {}) if each.original is not None]
    assert as_original(converted).number == Decimal(560)
