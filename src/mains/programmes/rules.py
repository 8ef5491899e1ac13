"""What a programme's document says about one purchase; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, assert_never

from mains.parties.service import PartyFacts
from mains.programmes.document import (
    AllOf,
    AnyOf,
    CapPeriod,
    Comparison,
    Document,
    Operator,
)
from mains.units import Money
from mains.wire.parties import AttributeValue

_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is bought: units of one kind at one site."""

    site: str
    unit: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The programme pays rate_bps of the charge, by the rule named."""

    rate_bps: int
    rule_id: str
    because: str


@dataclass(frozen=True, slots=True)
class NotGranted:
    rule_id: str
    because: str


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a cap; end is not part of it."""

    label: str
    start: datetime
    end: datetime

    def has(self, now: datetime) -> bool:
        return self.start <= now < self.end


def assess(
    document: Document, *, party: PartyFacts, purchase: Purchase, now: datetime
) -> Granted | NotGranted:
    """Say what share of this purchase the programme pays, or by which rule it pays none."""
    refusal = (
        check_validity(document, now=now)
        or check_eligibility(document, party=party)
        or _check_purchase(document, purchase=purchase)
    )
    if refusal is not None:
        return refusal
    rate = document.rules.rate
    return Granted(rate.basis_points, rate.id, f"{percent(rate.basis_points)} of the charge")


def validity_of(document: Document) -> Period:
    """Return the whole time in which a programme grants and pays."""
    valid = document.valid
    return Period(
        CapPeriod.WHOLE,
        _midnight(document, valid.first_day),
        _midnight(document, valid.last_day + timedelta(days=1)),
    )


def period_of(document: Document, now: datetime) -> Period | None:
    """Return the cap's period that `now` lies in; None for a programme without a cap.

    Periods follow the calendar of the programme's time zone and leave no gap.
    """
    cap = document.rules.cap_per_organisation
    if cap is None:
        return None
    today = now.astimezone(document.zone).date()
    match cap.period:
        case CapPeriod.WHOLE:
            return validity_of(document)
        case CapPeriod.CALENDAR_YEAR:
            starts = [date(today.year + shift, 1, 1) for shift in range(3)]
            labels = [f"{first:%Y}" for first in starts]
        case CapPeriod.CALENDAR_MONTH:
            starts = [_month(today, shift) for shift in range(3)]
            labels = [f"{first:%Y-%m}" for first in starts]
        case _:
            assert_never(cap.period)
    return _first_open(document, starts, labels, now=now)


def check_validity(document: Document, *, now: datetime) -> NotGranted | None:
    """Return why the programme pays nothing at this time, or None when it does."""
    whole = validity_of(document)
    if now < whole.start:
        return NotGranted(document.valid.id, f"the programme begins on {document.valid.first_day}")
    if now >= whole.end:
        return NotGranted(document.valid.id, f"the programme ended on {document.valid.last_day}")
    return None


def check_eligibility(document: Document, *, party: PartyFacts) -> NotGranted | None:
    """Return why the programme is not for this organisation, or None when it is."""
    eligibility = document.rules.eligibility
    if eligibility is None:
        return None
    because = _unmet(eligibility.where, party)
    return None if because is None else NotGranted(eligibility.id, because)


def explain(granted: Granted, *, programme: str, version: int, cap_left: Money | None) -> str:
    """Return the sentence that quotes and receipts print for a voucher's share."""
    left = "" if cap_left is None else f"; cap left {grouped(cap_left)}"
    return (
        f"{percent(granted.rate_bps)} by voucher under rule {granted.rule_id} "
        f"of {programme} v{version}{left}"
    )


def percent(basis_points: int) -> str:
    """Return basis points as people write them: "50 %", "12.5 %"."""
    return f"{percent_number(basis_points)} %"


def percent_number(basis_points: int) -> str:
    """Return basis points as a plain decimal number of percent: "50", "12.5"."""
    whole, hundredths = divmod(basis_points, 100)
    fraction = f".{hundredths:02d}".rstrip("0") if hundredths else ""
    return f"{whole}{fraction}"


def grouped(money: Money) -> str:
    """Return an amount with its thousands apart: "412,300.00 CNY"."""
    whole, _, fraction = money.decimal.partition(".")
    return f"{int(whole):,}.{fraction} {money.unit}"


def _check_purchase(document: Document, *, purchase: Purchase) -> NotGranted | None:
    rule = document.rules.purchases
    if not _named(rule.sites, purchase.site):
        return NotGranted(rule.id, f"the programme does not buy at the site {purchase.site}")
    if not _named(rule.resources, purchase.unit):
        return NotGranted(rule.id, f"the programme does not buy {purchase.unit}")
    return None


def _named(names: str | Sequence[str], name: str) -> bool:
    return isinstance(names, str) or name in names


def _unmet(condition: Comparison | AllOf | AnyOf, party: PartyFacts) -> str | None:
    """Return why a condition is not met, or None when it is.

    A fact that nobody entered meets no condition, not even a negative one: unknown is not no.
    """
    if isinstance(condition, AllOf):
        return next(filter(None, (_unmet(part, party) for part in condition.all_of)), None)
    if isinstance(condition, AnyOf):
        reasons = [_unmet(part, party) for part in condition.any_of]
        return None if None in reasons else "; and ".join(filter(None, reasons))
    known, fact = _fact(condition.field, party)
    if not known:
        return f"`{condition.field}` of {party.name} is not known"
    if _met(condition, fact):
        return None
    return (
        f"`{condition.field}` of {party.name} is {_said(fact)}; "
        f"the rule asks for {condition.op.replace('_', ' ')} {_said(condition.value)}"
    )


def _fact(field: str, party: PartyFacts) -> tuple[bool, AttributeValue]:
    """Return whether a fact is known, and it."""
    if field == "type":
        return True, party.type
    if field == "name":
        return True, party.name
    key = field.removeprefix("attributes.")
    return key in party.attributes, party.attributes.get(key, False)


def _met(comparison: Comparison, fact: AttributeValue) -> bool:
    """Compare like with like: true is not 1, and a text is never more than a number."""
    value: Any = comparison.value
    match comparison.op:
        case Operator.IS:
            return _same(fact, value)
        case Operator.IS_NOT:
            return not _same(fact, value)
        case Operator.IN:
            return any(_same(fact, each) for each in value)
        case Operator.NOT_IN:
            return not any(_same(fact, each) for each in value)
        case Operator.AT_LEAST:
            return type(fact) is int and fact >= value
        case Operator.AT_MOST:
            return type(fact) is int and fact <= value
        case Operator.CONTAINS:
            return isinstance(fact, list) and value in fact
        case _:
            assert_never(comparison.op)


def _same(fact: AttributeValue, value: object) -> bool:
    return type(fact) is type(value) and fact == value


def _said(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(str(each) for each in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _month(today: date, shift: int) -> date:
    years, month = divmod(today.month - 1 + shift, _MONTHS)
    return date(today.year + years, month + 1, 1)


def _first_open(
    document: Document, starts: Sequence[date], labels: Sequence[str], *, now: datetime
) -> Period:
    """Return the first of consecutive periods that has not ended.

    It is the second where clocks are put back over midnight: an hour of the old month then comes
    twice, and the period that has begun goes on.
    """
    this, following, end = (_midnight(document, first) for first in starts)
    if now < following:
        return Period(labels[0], this, following)
    return Period(labels[1], following, end)


def _midnight(document: Document, day: date) -> datetime:
    """Return the instant at which a day begins in the programme's time zone, in UTC."""
    local = datetime(day.year, day.month, day.day, tzinfo=document.zone)
    return local.astimezone(UTC)
