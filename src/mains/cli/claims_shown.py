"""How claims are written for people and for programs, wherever they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mains.cli.output import parted

if TYPE_CHECKING:
    from mains.wire.reports import ClaimView

BOUNDS: Final = {
    "exact": "",
    "about": "~",
    "at_least": "≥",
    "more_than": ">",
    "at_most": "≤",
    "up_to": "≤",
}
QUOTE_CHARACTERS_MAX: Final = 40
COLUMNS: Final = ("claim", "subject", "measure", "value", "unit", "period", "status", "quote")


def claim_rows(claims: Sequence[ClaimView]) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    """Return the columns and rows of a table of claims."""
    return COLUMNS, [
        (
            each.id,
            each.subject or "-",
            with_scope(each),
            value(each),
            each.unit,
            each.period or "-",
            status(each),
            _short(each.quote),
        )
        for each in claims
    ]


def value(claim: ClaimView) -> str:
    """Return a value to read, with its bound before it; modality is told beside the status."""
    return f"{BOUNDS[claim.bound]}{amount(claim.value, claim.unit)}"


def amount(text: str, unit: str) -> str:
    """Return a decimal with its thousands parted; dates and years stay as they are."""
    if unit in ("date", "year") or not text.lstrip("-").replace(".", "", 1).isdigit():
        return text
    return parted(text)


def status(claim: ClaimView) -> str:
    told = claim.status if claim.modality == "observed" else f"{claim.status}, {claim.modality}"
    return f"{told}, copy" if claim.duplicate_of else told


def with_scope(claim: ClaimView) -> str:
    measure = claim.measure or "-"
    return f"{measure} ({claim.scope})" if claim.scope else measure


def exchange(claim: ClaimView, *, doc: str | None = None) -> dict[str, object]:
    """Return a claim in the exchange format, its document called by a name of the caller's."""
    from mains.wire.reports import exchange_line

    line = exchange_line(claim)
    return line if doc is None else line | {"doc": doc}


def _short(quote: str) -> str:
    plain = " ".join(quote.split())
    return plain if len(plain) <= QUOTE_CHARACTERS_MAX else plain[: QUOTE_CHARACTERS_MAX - 1] + "…"
