"""The audit of reports: clean after a life, and each query finds the fault it is there for."""

import psycopg
import pytest

from mains.db import Queries
from tests.reports.builders import LONG, TEXT, Library

pytestmark = pytest.mark.anyio

AUDIT = Queries.load("mains.reports", "audit.sql")
DRAFTS = frozenset(name for name in AUDIT if "draft" in name or "programmes" in name)
"""Invariants of drafts are tested with drafts."""


async def findings(library: Library) -> set[str]:
    async with library.wired.database.transaction() as tx:
        return {name for name in AUDIT if await (await tx.execute(AUDIT[name])).fetchall()}


async def a_life(library: Library) -> None:
    """File, copy, publish, correct, reject, open again."""
    await library.filed(TEXT + LONG, by=library.member)
    await library.filed(TEXT + LONG + "Reported by a partner.\n", by=library.officer)
    await library.filed(
        "Beijing had 211 registered models at the end of 2025.\n" + LONG, by=library.officer
    )
    [waiting] = await library.queue()
    await library.reviewed(waiting.id, "correct", fields={"subject": "org:a", "measure": "floors"})
    newest = (await library.claims(measure="registered_models"))[0]
    await library.reviewed(newest.id, "reject")
    await library.reviewed(newest.id, "reopen")


async def test_a_whole_life_leaves_the_audit_clean(library: Library) -> None:
    await a_life(library)
    assert await findings(library) == set()


def test_every_invariant_is_explained() -> None:
    for name in AUDIT:
        assert AUDIT.why(name).endswith(".")


FAULTS = [
    ("claims_open_at_their_span", "UPDATE reports.claim SET quote = reverse('x' || quote)"),
    ("claims_open_at_their_span", "UPDATE reports.claim SET sentence = upper(sentence) || '!'"),
    ("spans_lie_within_their_document", "UPDATE reports.document SET characters = 3"),
    ("every_claim_stands_once", "UPDATE reports.document SET public = NOT public"),
    (
        "unreviewed_claims_stand_as_read",
        "UPDATE reports.standing SET value = '1' WHERE reviews = 0",
    ),
    ("reviewed_claims_stand_as_decided", "UPDATE reports.standing SET reviews = reviews + 1"),
    (
        "reviewed_claims_stand_as_decided",
        "UPDATE reports.standing SET scope = 'another' WHERE reviews > 0",
    ),
    (
        "reviews_are_of_the_claims_fields",
        "UPDATE reports.review SET fields = '{\"quote\": \"x\"}' WHERE decision = 'correct'",
    ),
    ("reviews_are_of_the_claims_fields", "UPDATE reports.review SET status = 'queued'"),
    (
        "accepted_claims_are_bound",
        "UPDATE reports.standing SET status = 'accepted', subject = NULL",
    ),
    ("edges_join_claims_that_count", "UPDATE reports.standing SET status = 'rejected'"),
    ("keys_are_of_claims_that_count", "UPDATE reports.standing SET status = 'rejected'"),
    (
        "copies_repeat_originals",
        "UPDATE reports.claim SET value = value || '0' WHERE id IN "
        "(SELECT claim_id FROM reports.standing WHERE duplicate_of IS NOT NULL)",
    ),
    (
        "copies_repeat_originals",
        "UPDATE reports.document SET public = NOT public",
    ),
]


@pytest.mark.parametrize(("invariant", "tampering"), FAULTS)
async def test_the_audit_names_what_was_tampered_with(
    library: Library, owner_url: str, invariant: str, tampering: str
) -> None:
    await a_life(library)
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(tampering)
    assert invariant in await findings(library)


def test_every_invariant_has_a_fault_that_breaks_it() -> None:
    assert {invariant for invariant, _ in FAULTS} == set(AUDIT) - DRAFTS
