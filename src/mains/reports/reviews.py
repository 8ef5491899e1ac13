"""Reviews decide about claims: signed by the platform, kept for ever, undone by a later one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from mains.db import Queries, Transaction, jsonb
from mains.errors import KeyReused, MainsError, NotFound, StateConflict
from mains.parties.rules import Caller
from mains.reports.drafts.service import open_drafts_for
from mains.reports.linking import link
from mains.reports.rows import Row, review_view, stands_as_read, stands_now
from mains.reports.rules import Stands, decided
from mains.wire import dsse
from mains.wire.dsse import SigningKey
from mains.wire.reports import (
    REVIEW_TYPE,
    ReviewRequest,
    ReviewView,
    SignedReview,
)

QUERIES: Final = Queries.load(__package__, "queries.sql")
REVIEWS_SHOWN_MAX: Final = 200

Answer = ReviewView | MainsError


async def review(
    tx: Transaction,
    requests: Sequence[ReviewRequest],
    *,
    reviewer: Caller,
    signer: SigningKey,
    now: datetime,
) -> list[Answer]:
    """Decide about claims, in order; each request is answered by its review or its refusal.

    A request that was decided before is answered again. What stands and its edges change in the
    same transaction. Refusals: NotFound, KeyReused (the id decided something else), StateConflict
    (somebody reviewed in between; nothing to accept), RequestInvalid (no such value).
    """
    await tx.execute(QUERIES["take_turn"])
    answers: list[Answer] = []
    changed: list[str] = []
    for request in requests:
        try:
            made = await _decide(tx, request, reviewer=reviewer, signer=signer, now=now)
        except MainsError as refusal:
            answers.append(refusal)
            continue
        answers.append(review_view(made))
        changed.append(request.claim)
    if changed:
        await link(tx, list(dict.fromkeys(changed)), now=now)
        await open_drafts_for(tx, changed, opener=reviewer, now=now)
    return answers


async def reviews_of(tx: Transaction, claim_id: str) -> list[ReviewView]:
    """Return a claim's reviews, newest first, REVIEWS_SHOWN_MAX at most."""
    rows = await tx.execute(
        QUERIES["reviews_of_claim"], {"id": claim_id, "limit": REVIEWS_SHOWN_MAX}
    )
    return [review_view(row) for row in await rows.fetchall()]


async def envelopes(tx: Transaction, claim_id: str) -> list[bytes]:
    """Return the signed envelopes of a claim's reviews, newest first."""
    rows = await tx.execute(
        QUERIES["reviews_of_claim"], {"id": claim_id, "limit": REVIEWS_SHOWN_MAX}
    )
    return [bytes(row["envelope"]) for row in await rows.fetchall()]


async def _decide(
    tx: Transaction,
    request: ReviewRequest,
    *,
    reviewer: Caller,
    signer: SigningKey,
    now: datetime,
) -> Row:
    """Check all, then write: a refusal leaves nothing behind."""
    known = await _review(tx, request)
    if known is not None:
        return known
    claim = await _locked(tx, request.claim)
    if request.seen is not None and request.seen != claim["reviews"]:
        raise StateConflict(
            f"the claim has {claim['reviews']} reviews, and {request.seen} were seen",
            hint="Look at it again: `mains claims why CLAIM`.",
        )
    given = {} if request.fields is None else request.fields.given()
    stands = decided(
        stands_now(claim), stands_as_read(claim), decision=request.decision, fields=given
    )
    said = _said(request, claim, stands, given=given, reviewer=reviewer, now=now)
    envelope = dsse.sign(said.model_dump_json().encode(), key=signer, payload_type=REVIEW_TYPE)
    await _write(tx, said, stands, envelope=envelope, now=now)
    made = await _review(tx, request)
    assert made is not None, "it was written a moment ago"
    return made


def _said(
    request: ReviewRequest,
    claim: Row,
    stands: Stands,
    *,
    given: dict[str, str | None],
    reviewer: Caller,
    now: datetime,
) -> SignedReview:
    return SignedReview(
        id=request.id,
        claim=claim["id"],
        document_sha256=claim["sha256"],
        start=claim["span_start"],
        end=claim["span_end"],
        quote=claim["quote"],
        sequence=claim["reviews"] + 1,
        decision=request.decision,
        fields=given,
        stands=stands.fields,
        status=stands.status,
        note=request.note,
        person=reviewer.person,
        person_id=reviewer.person_id,
        organisation=reviewer.organisation,
        organisation_id=reviewer.organisation_id,
        reviewed_at=now,
    )


async def _write(
    tx: Transaction, said: SignedReview, stands: Stands, *, envelope: bytes, now: datetime
) -> None:
    review_row: dict[str, Any] = {
        "id": said.id,
        "claim_id": said.claim,
        "sequence": said.sequence,
        "decision": said.decision,
        "fields": jsonb(said.fields),
        "stands": jsonb(said.stands.model_dump(mode="json")),
        "status": said.status,
        "note": said.note,
        "person_id": said.person_id,
        "organisation_id": said.organisation_id,
        "envelope": envelope,
        "now": now,
    }
    await tx.execute(QUERIES["add_review"], review_row)
    standing_row = {
        **stands.fields.model_dump(mode="json"),
        "claim_id": said.claim,
        "status": stands.status,
        "neutral": stands.neutral,
        "reviews": said.sequence,
    }
    await tx.execute(QUERIES["set_standing"], standing_row)


async def _review(tx: Transaction, request: ReviewRequest) -> Row | None:
    """Return what this request's id decided before; raises KeyReused if that was something else."""
    row = await (await tx.execute(QUERIES["review"], {"id": request.id})).fetchone()
    if row is None:
        return None
    given = {} if request.fields is None else request.fields.given()
    asked = (request.claim, request.decision, given, request.note)
    if asked != (row["claim_id"], row["decision"], row["fields"], row["note"]):
        raise KeyReused("this id decided about something else before")
    return row


async def _locked(tx: Transaction, claim_id: str) -> Row:
    locked = await tx.execute(QUERIES["lock_claim"], {"id": claim_id})
    if await locked.fetchone() is None:
        raise NotFound(f"there is no claim {claim_id}", hint="`mains claims list` shows them.")
    rows = await tx.execute(QUERIES["claims"], {"ids": [claim_id]})
    found = await rows.fetchone()
    assert found is not None, "a claim is never deleted"
    return found
