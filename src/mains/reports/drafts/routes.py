"""The HTTP door of drafts: everybody with a key reads them, officers and auditors decide."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Query

from mains.parties.door import (
    Caller,
    CallerDependency,
    IdempotencyKey,
    NowDependency,
    TransactionDependency,
)
from mains.reports import claims
from mains.reports.door import ReportsWiredDependency
from mains.reports.drafts import service
from mains.reports.drafts.service import Decision
from mains.reports.rules import REVIEWERS
from mains.wire.drafts import (
    CloseRequest,
    DraftDetail,
    DraftEvent,
    DraftKind,
    DraftPage,
    DraftState,
    FillRequest,
    OpenRequest,
)
from mains.wire.parties import Role

router: Final = APIRouter(prefix="/v1/reports", tags=["drafts"])


@router.get("/drafts")
async def list_drafts(
    caller: CallerDependency,
    tx: TransactionDependency,
    kind: DraftKind | None = None,
    state: DraftState | None = None,
    before: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=service.PAGE_MAX)] = service.PAGE,
) -> DraftPage:
    """List what claims would become, newest first."""
    return await service.drafts(tx, kind=kind, state=state, before=before, limit=limit)


@router.get("/drafts/{reference}")
async def show_draft(
    reference: str, caller: CallerDependency, tx: TransactionDependency
) -> DraftDetail:
    """Show a draft: each field with what is said of it, and what happened; ids may be short."""
    return await service.draft(tx, reference)


@router.post("/drafts", status_code=201)
async def open_draft(
    asked: OpenRequest,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
) -> DraftDetail:
    """Open the draft that an accepted claim belongs to; one that is open already is returned."""
    caller.require(*REVIEWERS)
    claim = await claims.claim(tx, asked.claim)
    opened = await service.open_from(tx, claim.id, opener=caller, now=now)
    return await service.draft(tx, opened)


@router.post("/drafts/{reference}/fill")
async def fill_draft(
    reference: str,
    asked: FillRequest,
    event_id: IdempotencyKey,
    caller: CallerDependency,
    tx: TransactionDependency,
    wired: ReportsWiredDependency,
    now: NowDependency,
) -> DraftDetail:
    """Fill fields of an open draft; the change is signed in the caller's name."""
    caller.require(*REVIEWERS)
    decision = Decision(
        id=event_id,
        event="filled",
        by=caller,
        note=asked.note,
        seen=asked.seen,
        fields={name: tuple(values) for name, values in asked.fields.items()},
        now=now,
    )
    draft_id = await service.resolve(tx, reference)
    return await service.fill(tx, draft_id, decision, signer=wired.signer)


@router.post("/drafts/{reference}/complete")
async def complete_draft(
    reference: str,
    asked: CloseRequest,
    event_id: IdempotencyKey,
    caller: CallerDependency,
    tx: TransactionDependency,
    wired: ReportsWiredDependency,
    now: NowDependency,
) -> DraftDetail:
    """Complete a draft by a signed review; a programme is published, once."""
    caller.require(*REVIEWERS)
    draft_id = await service.resolve(tx, reference)
    if (await service.draft(tx, draft_id)).kind == "programme":
        caller.require(Role.OFFICER)
    decision = _closing("completed", asked, event_id, caller, now)
    return await service.complete(tx, draft_id, decision, signer=wired.signer)


@router.post("/drafts/{reference}/withdraw")
async def withdraw_draft(
    reference: str,
    asked: CloseRequest,
    event_id: IdempotencyKey,
    caller: CallerDependency,
    tx: TransactionDependency,
    wired: ReportsWiredDependency,
    now: NowDependency,
) -> DraftDetail:
    """Withdraw an open draft, without effect."""
    caller.require(*REVIEWERS)
    draft_id = await service.resolve(tx, reference)
    decision = _closing("withdrawn", asked, event_id, caller, now)
    return await service.withdraw(tx, draft_id, decision, signer=wired.signer)


@router.get("/drafts/{reference}/envelopes")
async def draft_envelopes(
    reference: str, caller: CallerDependency, tx: TransactionDependency
) -> list[dict[str, object]]:
    """Return the signed envelopes (DSSE) of a draft's decisions, newest first."""
    found = await service.envelopes(tx, await service.resolve(tx, reference))
    return [orjson.loads(each) for each in found]


def _closing(
    event: DraftEvent, asked: CloseRequest, event_id: UUID, caller: Caller, now: datetime
) -> Decision:
    return Decision(
        id=event_id, event=event, by=caller, note=asked.note, seen=asked.seen, fields={}, now=now
    )
