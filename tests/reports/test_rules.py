"""What stands after each decision, and what a correction may say."""

import pytest

from mains.errors import RequestInvalid, StateConflict
from mains.reports.rules import Stands, check_fields, decided, public_by_default
from mains.wire.parties import Role
from mains.wire.reports import ClaimFields, Decision


def some_fields(**changed: str | None) -> ClaimFields:
    fields = {
        "subject": "city:beijing",
        "measure": "registered_models",
        "scope": None,
        "value": "183",
        "unit": "count",
        "bound": "exact",
        "modality": "observed",
        "period": "2024",
        "speaker": None,
    }
    return ClaimFields.model_validate(fields | changed)


READ = Stands(some_fields(), "accepted")
UNBOUND = Stands(some_fields(subject=None, measure=None), "queued")


def after(stands: Stands, decision: Decision, **fields: str | None) -> Stands:
    return decided(stands, UNBOUND, decision=decision, fields=fields)


def test_a_rejected_claim_keeps_what_it_said() -> None:
    assert after(READ, "reject") == Stands(READ.fields, "rejected")


def test_an_accepted_claim_stands_as_it_is() -> None:
    assert after(Stands(READ.fields, "proposed"), "accept") == READ


def test_a_correction_changes_only_what_it_names_and_accepts() -> None:
    corrected = after(UNBOUND, "correct", subject="city:dongguan", measure="ai_companies")
    assert corrected == Stands(
        some_fields(subject="city:dongguan", measure="ai_companies"), "accepted"
    )


def test_opening_again_returns_to_what_the_reader_said() -> None:
    assert after(Stands(some_fields(value="5"), "rejected"), "reopen") == UNBOUND


@pytest.mark.parametrize("fields", [{"subject": None}, {"measure": None}])
def test_what_says_nothing_of_anything_can_not_be_accepted(fields: dict[str, None]) -> None:
    unbound = Stands(some_fields(**fields), "queued")
    with pytest.raises(StateConflict) as refusal:
        after(unbound, "accept")
    assert refusal.value.facts["missing"] == list(fields)


def test_a_number_that_only_qualifies_needs_no_subject() -> None:
    year = Stands(some_fields(subject=None, measure="reference_period"), "queued")
    assert year.neutral
    assert after(year, "accept").status == "accepted"


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("183", "count"),
        ("-0.5", "percent"),
        ("2025-02-18", "date"),
        ("2025-02-18/2025-02-20", "date"),
        ("2025-02", "date"),
    ],
)
def test_a_value_is_a_decimal_or_a_date(value: str, unit: str) -> None:
    check_fields(some_fields(value=value, unit=unit))


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("1,000", "count"),
        ("1e9", "count"),
        ("NaN", "count"),
        ("٣", "count"),
        ("9" * 41, "count"),
        ("yesterday", "date"),
        ("2025-02-30", "date"),
        ("2025-02-18/", "date"),
    ],
)
def test_any_other_value_is_refused(value: str, unit: str) -> None:
    with pytest.raises(RequestInvalid) as refusal:
        check_fields(some_fields(value=value, unit=unit))
    assert refusal.value.facts["key"] == "value"


@pytest.mark.parametrize("period", [None, "2025", "2025-H1", "2025-Q3", "2025-06", "2024/2025-06"])
def test_periods_are_written_as_everywhere(period: str | None) -> None:
    check_fields(some_fields(period=period))


@pytest.mark.parametrize("period", ["last year", "2025-13", "2025-H3", "25", "0000"])
def test_any_other_period_is_refused(period: str) -> None:
    with pytest.raises(RequestInvalid) as refusal:
        check_fields(some_fields(period=period))
    assert refusal.value.facts["key"] == "period"


@pytest.mark.parametrize("role", [Role.OFFICER, Role.AUDITOR, Role.ADMINISTRATOR])
def test_what_the_authority_files_is_public(role: Role) -> None:
    assert public_by_default([role, Role.MEMBER])


def test_what_members_file_is_not_public() -> None:
    assert not public_by_default([Role.MEMBER, Role.OWNER])
