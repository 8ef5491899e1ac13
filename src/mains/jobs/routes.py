"""The HTTP door of quotes, jobs, logs, receipts and contents."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path as FilePath
from typing import Annotated, Final
from uuid import UUID

import anyio
from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from mains.blobs import local_faults
from mains.errors import MainsError, NotFound, RequestInvalid
from mains.ids import new_id
from mains.jobs import cancelling, contents, logs, receipts, submission, views
from mains.jobs.door import JobsWiredDependency
from mains.jobs.submission import Submission
from mains.parties.door import (
    Caller,
    CallerDependency,
    NowDependency,
    OwnRowsDependency,
    TransactionDependency,
    own_rows,
)
from mains.quotes import service as quotes
from mains.quotes.rules import NoQuote
from mains.quotes.service import Wanted
from mains.wire.base import Schema, Sha256
from mains.wire.jobs import (
    ArtefactView,
    CancelRequest,
    JobDetail,
    JobPage,
    JobState,
    JobView,
    QuoteRequest,
    QuoteView,
    SubmitBatch,
    SubmitBatchAnswer,
    SubmitRequest,
    Submitted,
    WhyView,
)
from mains.wire.parties import Role
from mains.wire.spec import TASKS_MAX

router: Final = APIRouter(prefix="/v1", tags=["jobs"])

Ref = Annotated[str, Path(description="A job's id, its last 12 digits, or `last`.")]


@router.post("/quotes", status_code=201)
async def make_quote(
    request: QuoteRequest,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
    wired: JobsWiredDependency,
) -> QuoteView:
    """Say what a job may cost at most, who pays, and when it may start; nothing is held yet."""
    caller.require(Role.MEMBER)
    if request.bundle is not None:
        wanted = (caller.organisation_id, request.bundle)
        if await submission.missing_contents(tx, [wanted]):
            raise submission.bundle_missing(request.bundle)
    seen = await quotes.market(tx, [caller.organisation_id], loads=wired.loads, now=now)
    made = quotes.decide(
        Wanted(
            quote_id=new_id(),
            organisation_id=caller.organisation_id,
            person_id=caller.person_id,
            spec=request.spec.without_secrets(),
            bundle=request.bundle,
        ),
        seen,
        valid=timedelta(seconds=wired.settings.quote_validity_seconds),
        now=now,
    )
    if isinstance(made, NoQuote):
        raise quotes.refusal(made, caller.organisation)
    await quotes.store(tx, [made])
    return quotes.view(made)


@router.get("/quotes/{quote_id}")
async def show_quote(quote_id: UUID, caller: CallerDependency, tx: OwnRowsDependency) -> QuoteView:
    found = (await quotes.load(tx, [quote_id])).get(quote_id)
    if found is None or not caller.may_see(found.organisation_id):
        raise NotFound(f"there is no quote {quote_id}", hint="`mains quote job.yaml` makes one.")
    return quotes.view(found)


@router.post("/jobs", status_code=201)
async def submit(
    request: SubmitRequest, caller: CallerDependency, wired: JobsWiredDependency
) -> Submitted:
    """Submit a quote, or a spec to be quoted and submitted at once; funds are held by then."""
    caller.require(Role.MEMBER)
    answer = await wired.intake.submit(_submission(request, caller))
    wired.queue_news.set()
    if isinstance(answer, MainsError):
        raise answer
    return answer


@router.post("/jobs/batch", status_code=200)
async def submit_batch(
    request: SubmitBatch, caller: CallerDependency, wired: JobsWiredDependency
) -> SubmitBatchAnswer:
    """Submit many jobs; each has its own answer, refused or not."""
    caller.require(Role.MEMBER)
    answers = await wired.intake.submit_many([_submission(job, caller) for job in request.jobs])
    wired.queue_news.set()
    return SubmitBatchAnswer(
        jobs=[
            _refused(job, answer) if isinstance(answer, MainsError) else answer
            for job, answer in zip(request.jobs, answers, strict=True)
        ]
    )


@router.get("/jobs")
async def list_jobs(
    caller: CallerDependency,
    tx: OwnRowsDependency,
    state: JobState | None = None,
    limit: Annotated[int, Query(ge=1, le=views.PAGE_MAX)] = 50,
    before: UUID | None = None,
    everyone: bool = False,
) -> JobPage:
    """List jobs, newest first; everyone: of all organisations, for whoever may see them."""
    organisation_id = None if everyone and caller.sees_all else caller.organisation_id
    return await views.page(
        tx, organisation_id=organisation_id, state=state, before=before, limit=limit
    )


@router.get("/jobs/{ref}")
async def show_job(ref: Ref, caller: CallerDependency, tx: OwnRowsDependency) -> JobDetail:
    return await views.detail(tx, await views.resolve(tx, ref, caller=caller))


@router.get("/jobs/{ref}/why")
async def why(
    ref: Ref, caller: CallerDependency, now: NowDependency, wired: JobsWiredDependency
) -> WhyView:
    """Say why a job is where it is, pool by pool."""
    async with own_rows(wired.database, caller) as tx:
        job_id = await views.resolve(tx, ref, caller=caller)
    # What others have waiting and running counts here, as a number.
    async with wired.database.transaction() as tx:
        return await views.why(tx, job_id, now=now)


@router.post("/jobs/{ref}/cancel")
async def cancel(
    ref: Ref,
    request: CancelRequest,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
    wired: JobsWiredDependency,
) -> JobView:
    """Cancel a job, or some tasks of it; what was used is charged, the rest is released."""
    caller.require(Role.MEMBER)
    job_id = await views.resolve(tx, ref, caller=caller, acting=True)
    await cancelling.cancel(
        tx,
        job_id,
        tasks=request.tasks,
        actor_id=caller.person_id,
        settings=wired.settings,
        now=now,
    )
    wired.news.tell()
    return await views.job(tx, job_id)


@router.get("/jobs/{ref}/logs", response_class=StreamingResponse)
async def show_log(
    ref: Ref,
    caller: CallerDependency,
    wired: JobsWiredDependency,
    task: Annotated[int, Query(ge=0, lt=TASKS_MAX)] = 0,
    offset: Annotated[int, Query(ge=0, le=2**62)] = 0,
    follow: bool = False,
) -> StreamingResponse:
    """Stream a task's log as it is written; with follow until the task has ended."""
    async with own_rows(wired.database, caller) as tx:
        job_id = await views.resolve(tx, ref, caller=caller)
        await views.check_task(tx, job_id, task)
    parts = logs.stream(
        partial(own_rows, wired.database, caller),
        job_id,
        task=task,
        offset=offset,
        follow=follow,
    )
    return StreamingResponse(parts, media_type="text/plain; charset=utf-8")


@router.get("/jobs/{ref}/receipt", response_class=Response)
async def show_receipt(
    ref: Ref,
    caller: CallerDependency,
    tx: OwnRowsDependency,
    now: NowDependency,
    wired: JobsWiredDependency,
) -> Response:
    """Return the signed receipt of a settled job: a DSSE envelope."""
    job_id = await views.resolve(tx, ref, caller=caller)
    envelope = await receipts.receipt(tx, job_id, key=wired.signer, now=now)
    return Response(envelope, media_type="application/json")


@router.get("/jobs/{ref}/artefacts")
async def list_artefacts(
    ref: Ref, caller: CallerDependency, tx: OwnRowsDependency
) -> list[ArtefactView]:
    return await views.artefact_views(tx, await views.resolve(tx, ref, caller=caller))


class StoredView(Schema):
    sha256: Sha256
    size_bytes: int


@router.put("/bundles", status_code=201)
async def put_bundle(
    request: Request,
    caller: CallerDependency,
    now: NowDependency,
    wired: JobsWiredDependency,
    mains_sha256: Annotated[str | None, Header(description="sha256:... of the body.")] = None,
) -> StoredView:
    """Store a job's code, a tar.gz; refused when it could harm whoever unpacks it."""
    caller.require(Role.MEMBER)
    if mains_sha256 is None:
        raise RequestInvalid("the header Mains-Sha256 is missing", hint="Send the body's hash.")
    settings = wired.settings
    incoming = settings.home / "incoming"
    with local_faults(), _a_folder(incoming) as folder:
        path = FilePath(folder) / "bundle.tar.gz"
        await _spool(request.stream(), path, bytes_max=settings.bundle_bytes_max)
        await contents.check_bundle(path, settings=settings)
        wanted = contents.Content(caller.organisation_id, mains_sha256, path.stat().st_size)
        async with wired.database.transaction() as tx:
            await contents.check_quota(tx, wanted, settings=settings)
        stored = await wired.blobs.put(
            _parts(path), expected=mains_sha256, bytes_max=settings.bundle_bytes_max
        )
    async with wired.database.transaction() as tx:
        await contents.keep_bundle(tx, wanted, settings=settings, now=now)
    return StoredView(sha256=stored.sha256, size_bytes=stored.size_bytes)


@router.get("/blobs/{sha256}", response_class=StreamingResponse)
async def get_blob(
    sha256: Sha256, caller: CallerDependency, wired: JobsWiredDependency
) -> StreamingResponse:
    """Return a bundle or an artefact of the caller's organisation, by its hash."""
    async with own_rows(wired.database, caller) as tx:
        size_bytes = await contents.check_readable(
            tx, sha256, organisation_id=caller.organisation_id, everything=caller.sees_all
        )
    parts = await wired.blobs.get(sha256)
    headers = {"content-length": str(size_bytes)}
    return StreamingResponse(parts, media_type="application/octet-stream", headers=headers)


def _submission(request: SubmitRequest, caller: Caller) -> Submission:
    return Submission(request, caller.organisation_id, caller.organisation, caller.person_id)


def _refused(job: SubmitRequest, error: MainsError) -> Submitted:
    return Submitted(id=job.id, state="refused", error=error.code, detail=error.detail)


@contextmanager
def _a_folder(incoming: FilePath) -> Iterator[str]:
    incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=incoming) as folder:
        yield folder


async def _spool(stream: AsyncIterator[bytes], path: FilePath, *, bytes_max: int) -> None:
    """Write a body to disk, read no further than its bound."""
    size_bytes = 0
    async with await anyio.open_file(path, "wb") as file:
        async for part in stream:
            size_bytes += len(part)
            if size_bytes > bytes_max:
                raise contents.too_large(bytes_max)
            await file.write(part)


async def _parts(path: FilePath) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while part := await file.read(2**20):
            yield part
