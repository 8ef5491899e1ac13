"""The HTTP door of agents at work: sync, logs, and contents by hash."""

import asyncio
import base64
from datetime import datetime
from typing import Annotated, Final, TypeVar
from uuid import UUID

import structlog
from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from mains.db import Queries, Transaction
from mains.errors import DatabaseUnavailable, ForeignOrganisation, RequestInvalid, SignatureInvalid
from mains.jobs import logs
from mains.jobs.door import JobsWired, JobsWiredDependency
from mains.jobs.sync import orders_for, sync
from mains.parties.door import NowDependency
from mains.parties.rates.rules import Door
from mains.sites import service as sites
from mains.sites.door import EnvelopeDependency
from mains.wire.agent import BlobTicket, LogAnswer, LogShipment, SyncAnswer, SyncRequest, answer_for
from mains.wire.base import Schema, Sha256
from mains.wire.problem import describe_fault

router: Final = APIRouter(prefix="/v1/agent", tags=["agents"])

QUERIES = Queries.load(__package__, "queries.sql")

LOG = structlog.get_logger(__name__)
POLL_SECONDS: Final = 0.5
DEADLOCK: Final = "40P01"
DEADLOCK_TRIES_MAX: Final = 3

Message = TypeVar("Message", bound=Schema)


@router.post("/sync", response_model=SyncAnswer)
async def sync_agent(
    envelope: EnvelopeDependency,
    now: NowDependency,
    wired: JobsWiredDependency,
    asked: Request,
) -> Response:
    """Take in what an agent observed; answer at once with orders, or wait for some to come."""
    spoken, request, answer = await _take_in(wired, envelope, now=now)
    asked.state.agent_skew = (spoken.site, (request.sent_at - now).total_seconds())
    if answer.forget:
        wired.queue_news.set()
    if spoken.rotation_asked:
        answer = answer.model_copy(update={"rotate_key": True})
    if not (answer.starts or answer.stops or answer.forget) and request.wait_seconds:
        answer = await _wait(wired, answer, request, envelope, sent_to=spoken.site_id, since=now)
    # Agents at work are told each time: of the next one in time, and of the end of the last one.
    answer = answer.model_copy(update={"certificates": wired.certificates})
    return Response(answer_for(request.protocol, answer), media_type="application/json")


async def _take_in(
    wired: JobsWired, envelope: bytes, *, now: datetime
) -> tuple[sites.Authenticated, SyncRequest, SyncAnswer]:
    """Take in a message in one transaction.

    Two sites whose runs are paid from the same accounts may wait for each other in a circle; the
    one that the database sends away tries again.
    """
    for tries_left in reversed(range(DEADLOCK_TRIES_MAX)):
        try:
            async with wired.database.transaction() as tx:
                spoken = await sites.authenticate_envelope(tx, envelope, now=now)
                wired.rates.take(Door.AGENT, str(spoken.site_id))
                request = _read(SyncRequest, spoken)
                answer = await sync(
                    tx,
                    request,
                    site_id=spoken.site_id,
                    envelope=envelope,
                    box=wired.box,
                    settings=wired.settings,
                    now=now,
                )
        except DatabaseUnavailable as error:
            if error.facts.get("sqlstate") != DEADLOCK or not tries_left:
                raise
        else:
            return spoken, request, answer
    raise AssertionError("unreachable")


async def _wait(
    wired: JobsWired,
    answer: SyncAnswer,
    request: SyncRequest,
    envelope: bytes,
    *,
    sent_to: UUID,
    since: datetime,
) -> SyncAnswer:
    """Hold the answer back until there are orders or the agent's patience ends.

    Where too many wait already it is given at once. Raises StaleEpoch when a newer agent has
    registered meanwhile: the orders are for that one.
    """
    if wired.news.waiting >= wired.settings.waiting_agents_max:
        return answer
    known = [report.attempt_id for report in request.attempts]
    loop = asyncio.get_running_loop()
    end = loop.time() + min(request.wait_seconds, wired.settings.sync_wait_seconds)
    while (left := end - loop.time()) > 0:
        await wired.news.wait(seconds=min(left, POLL_SECONDS))
        async with wired.database.transaction() as tx:
            orders = await orders_for(
                tx,
                sent_to,
                known,
                box=wired.box,
                settings=wired.settings,
                now=wired.clock.now(),
            )
            if orders:
                await sites.authenticate_envelope(tx, envelope, now=since)
        if orders:
            return answer.model_copy(update={"starts": orders.starts, "stops": orders.stops})
    return answer


@router.post("/logs")
async def take_logs(
    envelope: EnvelopeDependency, now: NowDependency, wired: JobsWiredDependency
) -> LogAnswer:
    """Append shipped log bytes; answer where each log stands."""
    async with wired.database.transaction() as tx:
        spoken = await sites.authenticate_envelope(tx, envelope, now=now)
        wired.rates.take(Door.AGENT, str(spoken.site_id))
        shipment = _read(LogShipment, spoken)
        bytes_max = wired.settings.log_bytes_per_task_max
        cursors = await logs.take(tx, spoken.site_id, shipment.chunks, bytes_max=bytes_max)
    return LogAnswer(cursors=cursors)


Ticket = Annotated[str | None, Header(alias="Mains-Agent")]


@router.get("/blobs/{sha256}", response_class=StreamingResponse)
async def get_blob(
    sha256: Sha256, now: NowDependency, wired: JobsWiredDependency, ticket: Ticket = None
) -> StreamingResponse:
    """Return the code of a job that this site is to run."""
    async with wired.database.transaction() as tx:
        site_id = await _admit(tx, wired, ticket, sha256, now=now)
        wanted = {"site_id": site_id, "sha256": sha256}
        if await (await tx.execute(QUERIES["site_may_read"], wanted)).fetchone() is None:
            raise ForeignOrganisation("no run of this site needs this content")
    size_bytes = await wired.blobs.size(sha256)
    parts = await wired.blobs.get(sha256)
    headers = {"content-length": str(size_bytes)}
    return StreamingResponse(parts, media_type="application/octet-stream", headers=headers)


@router.put("/blobs/{sha256}", status_code=204)
async def put_blob(
    sha256: Sha256,
    request: Request,
    now: NowDependency,
    wired: JobsWiredDependency,
    ticket: Ticket = None,
) -> Response:
    """Store an output; it belongs to nobody until an attempt's last report names it."""
    async with wired.database.transaction() as tx:
        site_id = await _admit(tx, wired, ticket, sha256, now=now)
        busy = await (await tx.execute(QUERIES["site_is_busy"], {"site_id": site_id})).fetchone()
        if busy is None:
            raise ForeignOrganisation("this site runs nothing that could have outputs")
    # Sent in full even where it is known here: to know a hash is not to have the content.
    stored = await wired.blobs.put(
        request.stream(), expected=sha256, bytes_max=wired.settings.blob_bytes_max
    )
    upload = {"site_id": site_id, "sha256": sha256, "size_bytes": stored.size_bytes, "now": now}
    async with wired.database.transaction() as tx:
        await tx.execute(QUERIES["put_upload"], upload)
    return Response(status_code=204)


async def _admit(
    tx: Transaction, wired: JobsWired, ticket: str | None, sha256: str, *, now: datetime
) -> UUID:
    """Return the site that a ticket speaks for, if it was made for this content."""
    if ticket is None:
        raise SignatureInvalid("the header Mains-Agent is missing")
    try:
        envelope = base64.b64decode(ticket, validate=True)
    except ValueError as error:
        raise RequestInvalid("the header Mains-Agent is not base64") from error
    spoken = await sites.authenticate_envelope(tx, envelope, now=now)
    wired.rates.take(Door.AGENT, str(spoken.site_id))
    if _read(BlobTicket, spoken).sha256 != sha256:
        raise SignatureInvalid("the ticket is for another content")
    return spoken.site_id


def _read(kind: type[Message], spoken: sites.Authenticated) -> Message:
    """Read what an agent signed; raises RequestInvalid, logged, and names the key that is wrong."""
    try:
        return kind.model_validate_json(spoken.payload)
    except ValidationError as error:
        key, said = describe_fault(error.errors(include_url=False)[0])
        code = RequestInvalid.code
        LOG.warning("agent_message_refused", code=code, detail=said, site=spoken.site)
        raise RequestInvalid(said, hint="Update the agent.", key=key or None) from error
