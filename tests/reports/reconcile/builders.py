"""Claims for tests: everything about them is said, nothing is read from a text."""

from __future__ import annotations

from itertools import count
from typing import Any

from mains.reports.reconcile.edges import edges
from mains.reports.reconcile.facts import DocumentFacts
from mains.reports.values import BlockKind, Bound, Claim, Modality, Status

_places = count(1)


def a_claim(value: str = "120", **said: Any) -> Claim:
    """Return an accepted claim of one city's registered models, but for what is said otherwise."""
    place = next(_places)
    fields: dict[str, Any] = {
        "id": f"claim-{place:05}",
        "doc": "north.txt",
        "start": place * 100,
        "quote": value,
        "subject": "city:aldern",
        "measure": "registered_models",
        "scope": None,
        "value": value,
        "unit": "count",
        "bound": Bound.EXACT,
        "modality": Modality.OBSERVED,
        "period": None,
        "speaker": None,
        "pair": None,
        "status": Status.ACCEPTED,
        "block": BlockKind.BODY,
    }
    fields |= said
    fields.setdefault("end", fields["start"] + len(fields["quote"]))
    return Claim(**fields)


def money(value: str, **said: Any) -> Claim:
    """Return an accepted claim of one company's revenue in euros, but for what is said."""
    return a_claim(
        value,
        **{"subject": "org:brightmill", "measure": "revenue", "unit": "EUR", "period": "2025"}
        | said,
    )


def a_date(value: str, **said: Any) -> Claim:
    """Return the date of one event, but for what is said otherwise."""
    return a_claim(
        value, **{"subject": "event:expo-2026", "measure": "event_date", "unit": "date"} | said
    )


def facts(doc: str, **said: Any) -> DocumentFacts:
    """Return the facts of a document."""
    return DocumentFacts(doc=doc, **said)


NORTH = facts("north.txt", published="2025-03-01")
SOUTH = facts("south.txt", published="2026-03-01")
DOCUMENTS = {each.doc: each for each in (NORTH, SOUTH)}


def kinds(*claims: Claim, documents: dict[str, DocumentFacts] | None = None) -> list[str]:
    """Return the relations between the claims."""
    found = edges(claims, DOCUMENTS if documents is None else documents)
    return [edge.relation.value for edge in found]


def only_edge(*claims: Claim, documents: dict[str, DocumentFacts] | None = None) -> tuple[str, ...]:
    """Return relation, a and b of the one edge between the claims."""
    [edge] = edges(claims, DOCUMENTS if documents is None else documents)
    return edge.relation.value, edge.a, edge.b
