"""Claims made ready to be compared: numbers, times and scopes read once for each claim."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from mains.reports.reconcile.facts import DATE, DocumentFacts
from mains.reports.reconcile.intervals import Interval, interval_of, number_of
from mains.reports.reconcile.periods import Span, span_of
from mains.reports.reconcile.vocabulary import RANK, Scope, base_of, scope_of
from mains.reports.values import REVIEWED, BlockKind, Claim

CURRENCY: Final = re.compile(r"[A-Z]{3}")
INFERRED: Final = frozenset(
    f"subject_{way}"
    for way in (
        *("paragraph", "paragraph2", "earlier", "heading", "title", "document", "named", "home"),
        *("holder", "ambiguous"),
    )
)
"""How a subject was found that the figure's own sentence does not name."""
NOW: Final = "period_now"
_WRITTEN: Final = re.compile(r"\d(?:[\d.,'’\s]*\d)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One claim of a pair.

    `original` is the claim of the same document whose amount this one converts into another
    currency; `is_restated` says that an earlier claim of the document has the amount already.
    """

    claim: Claim
    facts: DocumentFacts
    scope: Scope
    time: Span | None
    days: Span | None
    number: Decimal | None
    written: str
    original: Claim | None
    is_restated: bool

    @property
    def subject(self) -> str | None:
        """The claim's subject."""
        return self.claim.subject

    @property
    def measure(self) -> str:
        """The claim's measure; empty where it has none."""
        return self.claim.measure or ""

    @property
    def is_rank(self) -> bool:
        """Whether it ranks what another measure counts."""
        return self.measure.startswith(RANK)

    @property
    def base(self) -> str:
        """What is counted or ranked."""
        return base_of(self.measure)

    @property
    def is_money(self) -> bool:
        """Whether the unit is a currency."""
        return CURRENCY.fullmatch(self.claim.unit) is not None

    @property
    def interval(self) -> Interval:
        """What the figure allows; everything, where it is no number."""
        if self.number is None:
            return Interval(None, None)
        return interval_of(self.number, self.claim.bound)

    @property
    def is_named(self) -> bool:
        """Whether its own sentence, or a review, says whose figure it is."""
        codes = {reason.code for reason in self.claim.reasons}
        return REVIEWED.code in codes or codes.isdisjoint(INFERRED)

    @property
    def is_of_now(self) -> bool:
        """Whether it is said to hold now: the text says "today" and gives no date."""
        return self.claim.period is None and any(
            reason.code == NOW for reason in self.claim.reasons
        )

    @property
    def now(self) -> Span | None:
        """The time at which its document speaks."""
        return self.facts.now


def sides(claims: Iterable[Claim], documents: Mapping[str, DocumentFacts]) -> list[Side]:
    """Return the claims ready to be compared, in the order of documents and their texts."""
    ordered = sorted(claims, key=lambda claim: (claim.doc, claim.start, claim.end, claim.id))
    known = {claim.id: claim for claim in ordered}
    return [_side(claim, known, documents) for claim in ordered]


def as_original(converted: Side) -> Side:
    """Return the claim whose amount this one converts, ready to be compared in its place."""
    assert converted.original is not None
    alone = {converted.original.id: converted.original}
    return _side(converted.original, alone, {converted.claim.doc: converted.facts})


def _side(claim: Claim, known: Mapping[str, Claim], documents: Mapping[str, DocumentFacts]) -> Side:
    partner = known.get(claim.pair) if claim.pair is not None else None
    scope = scope_of(claim.scope, claim.subject, claim.measure)
    return Side(
        claim=claim,
        facts=documents.get(claim.doc) or DocumentFacts(doc=claim.doc),
        scope=Scope(scope.words, _is_headline(claim)),
        time=span_of(claim.period),
        days=span_of(claim.value) if claim.unit == DATE else None,
        number=None if claim.unit == DATE else number_of(claim.value),
        written=_written(claim.quote),
        original=_original(claim, partner, known),
        is_restated=partner is not None and _restates(claim, partner),
    )


def _original(claim: Claim, partner: Claim | None, known: Mapping[str, Claim]) -> Claim | None:
    """Return the amount that this one converts: of a headline's group, the text's own figure."""
    if partner is None or not _converts(claim, partner):
        return None
    told = known.get(partner.pair) if partner.pair is not None else None
    if told is None or told.unit != partner.unit or not _converts(claim, told):
        return partner
    return told if _is_headline(partner) else partner


def _is_headline(claim: Claim) -> bool:
    scope = scope_of(claim.scope, claim.subject, claim.measure)
    return scope.is_headline or claim.block is BlockKind.TITLE


def _converts(claim: Claim, partner: Claim) -> bool:
    """Whether the claim is the partner's amount in another currency: what stands first is meant."""
    return (
        _is_twin(claim, partner)
        and claim.unit != partner.unit
        and all(CURRENCY.fullmatch(unit) for unit in (claim.unit, partner.unit))
        and partner.start < claim.start
    )


def _restates(claim: Claim, partner: Claim) -> bool:
    return (
        _is_twin(claim, partner)
        and (claim.unit, claim.value) == (partner.unit, partner.value)
        and partner.start < claim.start
    )


def _is_twin(claim: Claim, partner: Claim) -> bool:
    return (claim.doc, claim.subject, claim.measure) == (
        partner.doc,
        partner.subject,
        partner.measure,
    )


def _written(quote: str) -> str:
    """Return the digits of the first number as it is written, separators left out."""
    found = _WRITTEN.search(quote)
    if found is None:
        return ""
    return "".join(str(int(sign)) for sign in found.group() if sign.isdecimal())
