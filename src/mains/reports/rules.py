"""What stands after a review, what a correction may say, and who may do what; pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, assert_never

from mains.errors import RequestInvalid, StateConflict
from mains.reports.values import NEUTRAL_MEASURES
from mains.wire.parties import Role
from mains.wire.reports import ClaimFields, ClaimStatus, Decision

FILERS: Final = (Role.MEMBER, Role.OFFICER, Role.AUDITOR)
REVIEWERS: Final = (Role.OFFICER, Role.AUDITOR)
"""Administrators pass everywhere, owners are members."""

DIGITS_MAX: Final = 40
_PERIOD: Final = re.compile(r"\d{4}(-H[12]|-Q[1-4]|-\d{2}(-\d{2})?)?", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stands:
    """What a claim says, and how far it may be relied on."""

    fields: ClaimFields
    status: ClaimStatus

    @property
    def neutral(self) -> bool:
        """Whether the number only qualifies others or is part of a name."""
        return self.fields.measure in NEUTRAL_MEASURES


def decided(
    now_stands: Stands,
    as_read: Stands,
    *,
    decision: Decision,
    fields: Mapping[str, str | None],
) -> Stands:
    """Return what stands after a decision.

    Raises StateConflict where something unbound would be accepted, RequestInvalid for a correction
    that no claim can say.
    """
    match decision:
        case "reopen":
            return as_read
        case "reject":
            return Stands(now_stands.fields, "rejected")
        case "accept":
            return _accepted(now_stands.fields)
        case "correct":
            corrected = ClaimFields.model_validate({**dict(now_stands.fields), **fields})
            check_fields(corrected)
            return _accepted(corrected)
        case _:
            assert_never(decision)


def check_fields(fields: ClaimFields) -> None:
    """Raise RequestInvalid unless value and period are written as in every claim."""
    if not _is_value(fields.value, unit=fields.unit):
        raise RequestInvalid(
            f"`value`: {fields.value} is not a value in {fields.unit}",
            hint="A value is a decimal number in base units, such as 2400 or 0.5; for the unit "
            "date it is an ISO date, or two of them with a slash.",
            key="value",
        )
    if fields.period is not None and not _is_period(fields.period):
        raise RequestInvalid(
            f"`period`: {fields.period} is not a period",
            hint="A period is 2025, 2025-H1, 2025-Q3, 2025-06, 2025-02-18, or two with a slash.",
            key="period",
        )


def public_by_default(roles: Sequence[Role] | frozenset[Role]) -> bool:
    """Say whether what this caller files is public: officers, auditors, administrators."""
    return bool({*REVIEWERS, Role.ADMINISTRATOR}.intersection(roles))


def _accepted(fields: ClaimFields) -> Stands:
    """A claim is accepted once it says of what its figure is."""
    made = Stands(fields, "accepted")
    missing = [name for name in ("subject", "measure") if getattr(fields, name) is None]
    if missing and not made.neutral:
        raise StateConflict(
            f"the claim has no {' and no '.join(missing)}: there is nothing to accept yet",
            hint="Correct it with what is missing, or reject it.",
            missing=missing,
        )
    return made


def _is_value(value: str, *, unit: str) -> bool:
    if unit == "date":
        return _is_period(value)
    return _DECIMAL.fullmatch(value) is not None and len(value) <= DIGITS_MAX


def _is_period(period: str) -> bool:
    return all(
        _PERIOD.fullmatch(part) is not None and _is_day(part)
        for part in period.split("/", maxsplit=1)
    )


def _is_day(part: str) -> bool:
    """Say whether a period's month and day are in the calendar, where it has them."""
    if "H" in part or "Q" in part:
        return True
    try:
        date.fromisoformat(part + "0000-01-01"[len(part) :])
    except ValueError:
        return False
    return True
