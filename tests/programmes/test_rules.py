"""What a document says about a purchase, and which period it falls into."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mains.parties.service import PartyFacts
from mains.programmes.document import read_document
from mains.programmes.rules import (
    Granted,
    NotGranted,
    Period,
    Purchase,
    assess,
    check_eligibility,
    explain,
    grouped,
    percent,
    period_of,
    validity_of,
)
from mains.units import Money
from mains.wire.parties import AttributeValue
from tests.programmes.builders import DONGGUAN, a_document, yuan

NOW = datetime(2026, 3, 1, tzinfo=UTC)
H100 = Purchase(site="songshan-lake", unit="h100")


def a_party(type: str = "firm", **attributes: AttributeValue) -> PartyFacts:
    return PartyFacts(UUID(int=1), "harbour-robotics", type, attributes)


def refused(answer: Granted | NotGranted | None) -> NotGranted:
    assert isinstance(answer, NotGranted)
    return answer


def eligible(where: str, party: PartyFacts) -> NotGranted | None:
    return check_eligibility(a_document(where=where), party=party)


def test_a_firm_is_granted_half_of_the_charge() -> None:
    answer = assess(a_document(), party=a_party(), purchase=H100, now=NOW)
    assert answer == Granted(5_000, "rate.default", "50 % of the charge")


def test_a_programme_pays_nothing_before_its_first_day() -> None:
    before = datetime(2024, 12, 31, 15, 59, 59, tzinfo=UTC)
    answer = refused(assess(a_document(), party=a_party(), purchase=H100, now=before))
    assert answer == NotGranted("valid", "the programme begins on 2025-01-01")
    begun = before + timedelta(seconds=1)
    assert isinstance(assess(a_document(), party=a_party(), purchase=H100, now=begun), Granted)


def test_a_programme_pays_through_its_last_day_in_its_own_time_zone() -> None:
    last = datetime(2027, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert isinstance(assess(a_document(), party=a_party(), purchase=H100, now=last), Granted)
    over = last + timedelta(seconds=1)
    answer = refused(assess(a_document(), party=a_party(), purchase=H100, now=over))
    assert answer.because == "the programme ended on 2027-12-31"


def test_a_department_is_told_which_types_the_rule_asks_for() -> None:
    answer = refused(assess(a_document(), party=a_party("department"), purchase=H100, now=NOW))
    assert answer.rule_id == "eligibility.applicant"
    assert answer.because == (
        "`type` of harbour-robotics is department; "
        "the rule asks for in [firm, university, institute]"
    )


def test_only_named_sites_and_units_are_bought() -> None:
    document = a_document(sites="[songshan-lake]", resources="[h100, cpu]")
    bought = assess(document, party=a_party(), purchase=H100, now=NOW)
    assert isinstance(bought, Granted)
    elsewhere = assess(document, party=a_party(), purchase=Purchase("binhai", "h100"), now=NOW)
    assert refused(elsewhere).because == "the programme does not buy at the site binhai"
    other = assess(document, party=a_party(), purchase=Purchase("songshan-lake", "a100"), now=NOW)
    assert refused(other) == NotGranted("purchases.anywhere", "the programme does not buy a100")


def test_without_a_rule_everybody_is_eligible() -> None:
    text = DONGGUAN.replace("  eligibility:\n    id: eligibility.applicant\n", "").replace(
        "    where: {field: type, op: in, value: [firm, university, institute]}\n", ""
    )
    document = read_document(text)
    assert check_eligibility(document, party=a_party("department")) is None


@pytest.mark.parametrize(
    ("condition", "party", "met"),
    [
        ("field: type, op: is, value: firm", a_party(), True),
        ("field: type, op: is, value: university", a_party(), False),
        ("field: name, op: is_not, value: other", a_party(), True),
        ("field: name, op: is_not, value: harbour-robotics", a_party(), False),
        ("field: type, op: not_in, value: [department]", a_party(), True),
        ("field: type, op: not_in, value: [firm]", a_party(), False),
        ("field: attributes.size, op: at_most, value: 500", a_party(size=500), True),
        ("field: attributes.size, op: at_most, value: 500", a_party(size=501), False),
        ("field: attributes.size, op: at_least, value: 500", a_party(size=500), True),
        ("field: attributes.size, op: at_least, value: 500", a_party(size=499), False),
        ("field: attributes.size, op: at_least, value: 5", a_party(size="many"), False),
        ("field: attributes.size, op: at_most, value: 5", a_party(size=True), False),
        ("field: attributes.young, op: is, value: true", a_party(young=True), True),
        ("field: attributes.young, op: is, value: true", a_party(young=1), False),
        ("field: attributes.young, op: is, value: 1", a_party(young=True), False),
        (
            "field: attributes.districts, op: contains, value: east",
            a_party(districts=["east"]),
            True,
        ),
        (
            "field: attributes.districts, op: contains, value: west",
            a_party(districts=["east"]),
            False,
        ),
        (
            "field: attributes.districts, op: contains, value: east",
            a_party(districts="east"),
            False,
        ),
    ],
)
def test_a_condition_compares_like_with_like(condition: str, party: PartyFacts, met: bool) -> None:
    assert (eligible("{" + condition + "}", party) is None) is met


@pytest.mark.parametrize("op", ["is", "is_not"])
def test_a_fact_that_nobody_entered_meets_no_condition(op: str) -> None:
    answer = refused(eligible(f"{{field: attributes.debts, op: {op}, value: true}}", a_party()))
    assert answer.because == "`attributes.debts` of harbour-robotics is not known"


def test_a_refusal_says_the_values_in_the_words_of_the_document() -> None:
    where = "{field: attributes.young, op: is, value: true}"
    answer = refused(eligible(where, a_party(young=["no"])))
    assert answer.because.endswith("is [no]; the rule asks for is true")


def test_all_conditions_must_be_met_and_the_first_that_is_not_is_named() -> None:
    where = (
        "{all: [{field: type, op: is, value: firm},"
        " {field: attributes.size, op: at_most, value: 9}]}"
    )
    assert eligible(where, a_party(size=9)) is None
    assert "attributes.size" in refused(eligible(where, a_party(size=10))).because
    assert "`type`" in refused(eligible(where, a_party("university", size=10))).because


def test_any_condition_is_enough_and_all_that_are_not_met_are_named() -> None:
    where = (
        "{any: [{field: type, op: is, value: firm},"
        " {field: attributes.size, op: at_most, value: 9}]}"
    )
    assert eligible(where, a_party(size=10)) is None
    assert eligible(where, a_party("university", size=9)) is None
    because = refused(eligible(where, a_party("university", size=10))).because
    assert "`type`" in because
    assert "; and `attributes.size`" in because


def test_a_programme_without_a_cap_has_no_periods() -> None:
    cap = """  cap_per_organisation:
    id: cap.organisation
    amount: 1000000
    period: calendar_year
"""
    assert cap in DONGGUAN
    assert period_of(read_document(DONGGUAN.replace(cap, "")), NOW) is None


def test_the_year_of_a_cap_turns_at_midnight_in_the_programmes_time_zone() -> None:
    document = a_document()
    eve = datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC)
    old, new = period_of(document, eve), period_of(document, eve + timedelta(seconds=1))
    assert old is not None
    assert new is not None
    assert (old.label, new.label) == ("2025", "2026")
    assert old.end == new.start == eve + timedelta(seconds=1)


def test_the_month_of_a_cap_has_its_own_label() -> None:
    period = period_of(a_document(period="calendar_month"), datetime(2026, 12, 5, tzinfo=UTC))
    assert period == Period(
        "2026-12",
        datetime(2026, 11, 30, 16, tzinfo=UTC),
        datetime(2026, 12, 31, 16, tzinfo=UTC),
    )


def test_a_cap_over_the_whole_time_has_one_period() -> None:
    document = a_document(period="whole")
    assert period_of(document, NOW) == validity_of(document)
    assert validity_of(document).label == "whole"


def test_where_clocks_go_back_over_midnight_the_begun_month_goes_on() -> None:
    """In St. John's, 2009-11-01 00:01 was followed by 2009-10-31 23:01."""
    document = a_document(period="calendar_month", time_zone="America/St_Johns")
    again_october = datetime(2009, 11, 1, 2, 45, tzinfo=UTC)
    assert again_october.astimezone(document.zone).date() == date(2009, 10, 31)
    period = period_of(document, again_october)
    assert period is not None
    assert period.label == "2009-11"
    assert period.has(again_october)


ZONES = st.sampled_from(sorted(zoneinfo.available_timezones()))
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))


@given(ZONES, INSTANTS, st.sampled_from(["calendar_year", "calendar_month"]))
def test_every_instant_lies_in_its_period_and_periods_leave_no_gap(
    zone: str, now: datetime, kind: str
) -> None:
    document = a_document(time_zone=zone, period=kind)
    period = period_of(document, now)
    assert period is not None
    assert period.has(now)
    assert not period.has(period.end)
    following = period_of(document, period.end)
    assert following is not None
    assert following.start == period.end
    assert following.label > period.label
    last = period_of(document, period.end - timedelta(microseconds=1))
    assert last == period


def test_an_explanation_names_rule_version_and_what_is_left() -> None:
    granted = Granted(5_000, "rate.default", "")
    said = explain(
        granted, programme="dongguan-2025", version=1, cap_left=Money.parse("412300", "CNY")
    )
    assert said == (
        "50 % by voucher under rule rate.default of dongguan-2025 v1; cap left 412,300.00 CNY"
    )
    assert explain(granted, programme="p", version=2, cap_left=None).endswith("of p v2")


@given(st.integers(1, 10_000))
def test_percent_is_exact_and_short(basis_points: int) -> None:
    said = percent(basis_points)
    number = said.removesuffix(" %")
    assert round(float(number) * 100) == basis_points
    assume("." in number)
    assert not number.endswith("0")


def test_amounts_are_grouped_by_thousands() -> None:
    assert grouped(yuan(1_234_567)) == "1,234,567.00 CNY"
    assert grouped(Money(5, "CNY")) == "0.000005 CNY"
