"""Claims of one document that state the same amount again: conversions and restatements.

In a group the first claim points at one of the others, and they point at it. A headline may round:
it pairs with the claim of the body whose value it rounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Final

from mains.reports.reader.drafts import Draft
from mains.reports.values import Claim

ROUNDING_MAX: Final = Decimal("0.08")


def pairs_of(claims: Sequence[Claim], drafts: Sequence[Draft]) -> dict[str, str]:
    """Return by claim's id the id of the claim that restates it; both lists are in one order."""
    pairs: dict[str, str] = {}
    ids = {id(draft): claim.id for claim, draft in zip(claims, drafts, strict=True)}
    for claim, draft in zip(claims, drafts, strict=True):
        if draft.partner is not None:
            partner = ids.get(id(draft.partner)) or _same_place(claims, draft.partner)
            if partner is not None and partner != claim.id:
                pairs[claim.id] = partner
                pairs.setdefault(partner, claim.id)
    for first, other in _restated(claims, drafts):
        pairs.setdefault(other.id, first.id)
        pairs.setdefault(first.id, other.id)
    return pairs


def with_restated_periods(claims: Sequence[Claim], pairs: dict[str, str]) -> tuple[Claim, ...]:
    """Return the claims, a relative time resolved by the claim that restates the amount."""
    by_id = {claim.id: claim for claim in claims}
    resolved = []
    for claim in claims:
        partner = by_id.get(pairs.get(claim.id, ""))
        relative = any(reason.code == "period_relative" for reason in claim.reasons)
        if relative and claim.period is None and partner is not None and partner.period:
            claim = replace(claim, period=partner.period)
        resolved.append(claim)
    return tuple(resolved)


def _same_place(claims: Sequence[Claim], draft: Draft) -> str | None:
    return next((c.id for c in claims if (c.start, c.end) == (draft.start, draft.end)), None)


def _restated(claims: Sequence[Claim], drafts: Sequence[Draft]) -> Iterator[tuple[Claim, Claim]]:
    held: dict[tuple[str | None, str | None, str], list[tuple[Claim, Draft]]] = {}
    for claim, draft in zip(claims, drafts, strict=True):
        if claim.measure is None or claim.subject is None or draft.is_neutral:
            continue
        if claim.unit in ("date", "ordinal"):
            continue
        group = held.setdefault((claim.subject, claim.measure, claim.unit), [])
        for earlier, earlier_draft in group:
            titled = draft.is_titled or earlier_draft.is_titled
            if earlier.value == claim.value or (titled and _rounds(earlier.value, claim.value)):
                yield earlier, claim
                break
        group.append((claim, draft))


def _rounds(one: str, other: str) -> bool:
    try:
        first, second = Decimal(one), Decimal(other)
    except InvalidOperation:
        return False
    high = max(abs(first), abs(second))
    return high > 0 and abs(first - second) <= high * ROUNDING_MAX
