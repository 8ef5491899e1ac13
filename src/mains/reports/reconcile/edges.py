"""Edges between claims, over candidates found by index; never all pairs of a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mains.reports.reconcile.facts import DocumentFacts
from mains.reports.values import Claim, Edge


def keys(claim: Claim) -> tuple[str, ...]:
    """Return the index keys of a claim: two claims have an edge only if they share one."""
    raise NotImplementedError


def edges(claims: Iterable[Claim], documents: Mapping[str, DocumentFacts]) -> list[Edge]:
    """Return every edge between the claims, in the order of their ids.

    `documents` is keyed by `Claim.doc`; the facts of a document that it lacks are taken from the
    claims given. Neutral, unbound (no subject or measure) and not accepted claims have no edges.
    """
    raise NotImplementedError


def edges_of(
    new_claims: Iterable[Claim],
    candidates: Iterable[Claim],
    documents: Mapping[str, DocumentFacts],
) -> list[Edge]:
    """Return the edges between new claims, and between each new claim and the candidates.

    `candidates` are stored claims that share one of `keys(claim)` with a new claim; more do no
    harm. The result is what `edges` would return for all claims, less the edges between stored
    ones, as long as `documents` has the facts of every document.
    """
    raise NotImplementedError
