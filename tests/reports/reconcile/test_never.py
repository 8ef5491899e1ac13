"""Numbers that look alike: the confusions that a reader would make, and no others."""

from mains.reports.values import BlockKind, Claim
from tests.reports.reconcile.builders import a_claim, a_date, kinds, money, only_edge

SOUTH = "south.txt"


def elsewhere(value: str, **said: object) -> Claim:
    """Return a figure of another document and another city."""
    return money(value, **{"doc": SOUTH, "subject": "city:westmoor", "measure": "gdp"} | said)


def a_place(value: str, **said: object) -> Claim:
    return a_claim(value, **{"measure": "rank_registered_models", "unit": "ordinal"} | said)


def test_one_amount_of_two_things_is_never_merged() -> None:
    a, b = money("450000000"), elsewhere("450000000")
    assert only_edge(a, b) == ("never_merge", a.id, b.id)


def test_each_mention_of_the_amount_is_kept_apart() -> None:
    first = money("450000000", id="first")
    again = money("450000000", pair="first")
    assert kinds(first, again, elsewhere("450000000")) == ["same", "never_merge", "never_merge"]


def test_amounts_of_one_digit_are_like_any_other() -> None:
    assert kinds(money("400000000"), elsewhere("400000000")) == []


def test_percentages_and_counts_elsewhere_need_more_digits() -> None:
    percent = {"unit": "percent", "measure": "market_share"}
    assert kinds(money("25", **percent), elsewhere("25", unit="percent")) == []
    assert kinds(money("25.3", **percent), elsewhere("25.3", unit="percent")) == ["never_merge"]
    assert kinds(a_claim("19"), elsewhere("19", unit="count", doc="north.txt")) == ["never_merge"]
    assert kinds(a_claim("19"), elsewhere("19", unit="count")) == []


def test_small_counts_are_confused_only_side_by_side() -> None:
    lists = a_claim("4", measure="scenario_lists")
    areas = {"measure": "investment_areas", "subject": "city:westmoor"}
    assert kinds(lists, a_claim("4", **areas)) == ["never_merge"]
    assert kinds(lists, a_claim("4", doc=SOUTH, **areas)) == []
    assert kinds(lists, a_claim("4", measure="investment_areas")) == []
    assert kinds(lists, a_claim("4", measure="investment_areas", subject="org:brightmill")) == []
    assert kinds(a_claim("1", measure="scenario_lists"), a_claim("1", **areas)) == []


def test_a_restated_small_count_says_nothing_new() -> None:
    lists = a_claim("4", id="lists", measure="scenario_lists")
    again = a_claim("4", pair="lists", measure="scenario_lists")
    areas = a_claim("4", measure="investment_areas", subject="city:westmoor")
    assert kinds(lists, again, areas) == ["same", "never_merge"]


def test_one_place_in_two_rankings_is_never_merged() -> None:
    members = {"measure": "rank_members", "subject": "country:china", "doc": SOUTH}
    assert kinds(a_place("2"), a_place("2", **members)) == ["never_merge"]
    assert kinds(a_place("2"), a_place("2", subject="city:westmoor")) == []


def test_first_places_are_confused_only_side_by_side_where_the_rankings_sound_alike() -> None:
    other = {"measure": "rank_registered_applications", "subject": "city:westmoor"}
    assert kinds(a_place("1"), a_place("1", **other)) == ["never_merge"]
    assert kinds(a_place("1"), a_place("1", doc=SOUTH, **other)) == []
    assert kinds(a_place("1"), a_place("1", measure="rank_staff", subject="city:westmoor")) == []


def test_a_first_that_is_no_rank_is_no_place() -> None:
    first = {"measure": "first_of_kind", "subject": "model:some"}
    assert kinds(a_place("2"), a_place("2", doc=SOUTH, **first)) == []


def test_a_small_count_is_no_place_by_the_same_things() -> None:
    released = {"measure": "open_source_models_released", "subject": "org:brightmill"}
    assert kinds(a_place("2"), a_claim("2", doc=SOUTH, **released)) == ["never_merge"]
    assert kinds(a_place("2"), a_claim("2", doc=SOUTH, measure="staff")) == []


def test_digits_in_a_headline_are_recognised_in_another_unit() -> None:
    top = a_claim("25", quote="25%", unit="percent", measure="growth_rate", block=BlockKind.TITLE)
    users = {"measure": "users", "subject": "app:some", "doc": SOUTH}
    assert kinds(top, a_claim("25000000", quote="25 million", **users)) == ["never_merge"]
    assert kinds(top, a_claim("2500", quote="2,500", **users)) == []
    assert kinds(top, a_claim("25000000", quote="twenty-five million", **users)) == []
    body = a_claim("25", quote="25%", unit="percent", measure="growth_rate")
    assert kinds(body, a_claim("25000000", quote="25 million", **users)) == []


def test_telling_digits_of_two_like_amounts_are_kept_apart_within_a_document() -> None:
    raised = money("137220000", quote="137.22 million", measure="funding_amount")
    earned = {"subject": "app:some", "quote": "1.37 million"}
    assert kinds(raised, money("1370000", **earned)) == ["never_merge"]
    assert kinds(raised, money("1370000", doc=SOUTH, **earned)) == []
    assert kinds(raised, money("1370000", unit="USD", **earned)) == []


def test_the_edition_year_of_an_event_is_no_year_of_a_figure() -> None:
    edition = a_date("2025", subject="event:expo-2025")
    again = a_date("2025", subject="event:expo-2025")
    year = a_date("2025", subject="city:aldern", measure="reference_period")
    assert kinds(edition, again, year) == ["same", "never_merge"]
    assert kinds(a_date("2025-05-04"), year) == []
    assert kinds(a_date("2025", subject="org:brightmill"), year) == []


def test_an_edition_year_looks_like_the_year_of_a_confusable_amount_elsewhere() -> None:
    edition = a_date("2025", subject="event:expo-2025")
    year = a_date("2025", doc=SOUTH, subject="city:westmoor", measure="reference_period")
    here, there = money("450000000", period="2024"), elsewhere("450000000", period="2025")
    assert kinds(edition, year) == []
    assert kinds(edition, here, there, year) == ["never_merge", "never_merge"]
    other_year = elsewhere("450000000", period="2023")
    assert kinds(edition, here, other_year, year) == ["never_merge"]
    lengths = a_claim("4500"), elsewhere("4500", unit="count", period="2025")
    assert kinds(edition, *lengths, year) == []


def test_dates_are_never_confused_by_value() -> None:
    assert kinds(a_date("2025-05-04"), a_date("2025-05-04", subject="event:other")) == []
