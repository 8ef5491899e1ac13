"""A small real server with the control plane's own schemas, for the client's side of things.

It loses answers, cuts streams and lies about content when a test tells it to.
"""

import hashlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from mains import __version__
from mains.errors import InsufficientFunds, MainsError, NotFound, StateConflict
from mains.ids import new_id, short
from mains.wire import dsse
from mains.wire.jobs import (
    RECEIPT_TYPE,
    ArtefactView,
    AuditFinding,
    AuditView,
    CancelRequest,
    JobDetail,
    JobPage,
    JobView,
    OfferView,
    PayerView,
    PoolReason,
    QuoteRequest,
    QuoteView,
    Receipt,
    ReceiptAttempt,
    ReceiptPayer,
    RefusalView,
    SubmitRequest,
    Submitted,
    TaskView,
    WhyView,
)
from mains.wire.problem import PROBLEM_TYPE, Problem
from mains.wire.spec import JobSpec
from mains.wire.succession import PublishedKey, PublishedKeys, succession
from tests.cli import doors
from tests.cli.doors import NOON, yuan

QUIET = "quiet"
LOSE = "lose"
UNAVAILABLE = "unavailable"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class City:
    """What the server knows and what it was asked; tests read and change it freely."""

    signing_key: dsse.SigningKey = field(default_factory=dsse.generate)
    successions: list[PublishedKey] = field(default_factory=list)
    quotes: dict[UUID, QuoteView] = field(default_factory=dict)
    specs: dict[UUID, JobSpec] = field(default_factory=dict)
    jobs: dict[UUID, JobDetail] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    submissions: list[SubmitRequest] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    answers_to_lose: deque[str] = field(default_factory=deque)
    """For each coming request: "" answers, LOSE takes effect and loses the answer, UNAVAILABLE
    answers 503."""
    log: bytes = b""
    cuts: deque[int | str] = field(default_factory=deque)
    """For each coming log stream: after how many bytes it breaks, or QUIET for a good-order end."""
    offers: bool = True
    refuse_submission: bool = False
    audit_clean: bool = True

    def quote_of(self, spec: JobSpec) -> QuoteView:
        offer = OfferView(
            site="songshan",
            pool="cpu",
            unit="cpu",
            units=2,
            price_per_unit_hour=yuan("0.40"),
            cost_most=yuan("12300.00"),
            own_most=yuan("6150.00"),
            start_in_seconds=0,
            because="cheapest",
        )
        refusal = RefusalView(what="binhai/gpu", code="unit", because="sells h100, not cpu")
        payer = PayerView(
            payer="voucher",
            label="voucher of dongguan",
            programme="dongguan",
            version=1,
            rule="rate.default",
            rate_percent="50",
            most=yuan("6150.00"),
            left=yuan("406150.00"),
            because="50 % of the fee",
        )
        quote = QuoteView(
            id=new_id(),
            valid_until=NOON + timedelta(minutes=15),
            tasks=spec.tasks,
            ceiling=yuan("12300.00"),
            own_most=yuan("6150.00"),
            payers=[payer],
            offers=[offer] if self.offers else [],
            refusals=[refusal],
            start_in_seconds=0,
        )
        self.quotes[quote.id], self.specs[quote.id] = quote, spec
        return quote

    def submit(self, request: SubmitRequest) -> Submitted:
        self.submissions.append(request)
        assert request.quote_id is not None
        if self.refuse_submission:
            raise InsufficientFunds("12,300.00 CNY are needed and 100.00 CNY are there.")
        if request.id not in self.jobs:
            self.add_job(request.id, quote_id=request.quote_id)
        return Submitted(id=request.id, state="queued", ceiling=yuan("12300.00"))

    def add_job(self, job_id: UUID, *, quote_id: UUID, **changes: Any) -> JobDetail:
        spec = self.specs.get(quote_id) or JobSpec(run="true", tasks=changes.get("tasks", 1))
        values: dict[str, Any] = {
            "id": job_id,
            "name": spec.name,
            "organisation": "vision",
            "state": "succeeded",
            "settled": True,
            "tasks": spec.tasks,
            "tasks_done": spec.tasks,
            "ceiling": yuan("12300.00"),
            "charged": yuan("3.00"),
            "sites": ["songshan"],
            "submitted_at": NOON,
            "started_at": NOON,
            "ended_at": NOON,
            "reason": "",
            "spec": spec,
            "quote_id": quote_id,
            "attempts": [],
            "task_list": [a_task()],
            "artefacts": [],
        }
        self.jobs[job_id] = JobDetail(**values | changes)
        return self.jobs[job_id]

    def find(self, reference: str) -> JobDetail:
        for job in reversed(self.jobs.values()):
            if reference in (str(job.id), short(job.id), "last"):
                return job
        raise NotFound(f"no job {reference}", hint="`mains jobs` lists them.")

    def receipt(self, job: JobDetail, **changes: Any) -> bytes:
        """Return a signed receipt; changes are made before it is signed."""
        receipt = a_receipt(job).model_copy(update=changes)
        payload = receipt.model_dump_json().encode()
        return dsse.sign(payload, key=self.signing_key, payload_type=RECEIPT_TYPE)

    def rotate_signing_key(self) -> None:
        """Sign with a new key from now on, which the one before it vouches for."""
        before, after = self.signing_key, dsse.generate()
        self.successions += [] if self.successions else [a_published_key(before)]
        self.successions.append(a_published_key(after, succession(before, after, made_at=NOON)))
        self.signing_key = after

    def published_keys(self) -> list[PublishedKey]:
        known = {key.public_key for key in self.successions}
        mine = self.signing_key.public_key_hex
        return [*self.successions, *([] if mine in known else [a_published_key(self.signing_key)])]


def a_published_key(key: dsse.SigningKey, envelope: bytes | None = None) -> PublishedKey:
    return PublishedKey(
        key_id=key.public_key_hex,
        public_key=key.public_key_hex,
        version=1,
        made_at=NOON,
        in_use=True,
        succession=None if envelope is None else envelope.decode(),
    )


def a_task(number: int = 0, *, state: Any = "succeeded") -> TaskView:
    return TaskView(
        task=number, state=state, exit_code=0, site="songshan", unit_milliseconds=1, reason=""
    )


def an_artefact(path: str, content: bytes, *, task: int = 0) -> ArtefactView:
    return ArtefactView(task=task, path=path, sha256=sha256(content), size_bytes=len(content))


def a_receipt(job: JobDetail) -> Receipt:
    def payer(label: str, kind: str) -> ReceiptPayer:
        return ReceiptPayer(
            payer=kind,
            label=label,
            account=1,
            voucher_id=None,
            programme="dongguan" if kind == "voucher" else None,
            version=1 if kind == "voucher" else None,
            document_sha256=None,
            rule="rate.default" if kind == "voucher" else None,
            held="6150.00",
            paid="1.50",
            released="6148.50",
        )

    attempt = ReceiptAttempt(
        id=new_id(),
        site="songshan",
        pool="cpu",
        tariff_id=new_id(),
        price_per_unit_hour="0.40",
        unit="cpu",
        unit_milliseconds=27_000_000,
        cpu_milliseconds=1,
        energy_joules=None,
        metered="3.00",
        charged="3.00",
        absorbed="0.00",
        rates_percent=["50"],
        state="succeeded",
        statement_sha256=None,
    )
    return Receipt(
        id=new_id(),
        job_id=job.id,
        quote_id=job.quote_id,
        organisation="vision",
        organisation_id=new_id(),
        name=job.name,
        state=job.state,
        currency="CNY",
        ceiling="12300.00",
        held="12300.00",
        metered="3.00",
        charged="3.00",
        absorbed="0.00",
        paid_by={"own": "1.50", "voucher": "1.50"},
        payers=[payer("own money", "own"), payer("voucher of dongguan", "voucher")],
        attempts=[attempt],
        tasks=job.tasks,
        tasks_succeeded=job.tasks,
        artefacts=job.artefacts,
        actor=new_id(),
        submitted_at=NOON,
        settled_at=NOON,
    )


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]


class Faults:
    """Stands before the application and loses its answers when the city says so."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        city: City = scope["app"].state.city
        city.asked.append(f"{scope['method']} {scope['path']}")
        fault = city.answers_to_lose.popleft() if city.answers_to_lose else ""
        if fault == UNAVAILABLE:
            answer = Response(b"restarting", status_code=503)
            await answer(scope, receive, send)
        elif fault == LOSE:

            async def nowhere(message: Scope) -> None:
                """The effect happens and nobody hears of it."""

            await self._app(scope, receive, nowhere)
            head = [(b"content-length", b"100")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
        else:
            await self._app(scope, receive, send)


def make_app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(Faults)
    app.state.city = City()

    @app.exception_handler(MainsError)
    async def problem(_: Request, error: MainsError) -> JSONResponse:
        document = Problem.of(error, request_id="r1").model_dump(mode="json")
        return JSONResponse(document, status_code=error.status, media_type=PROBLEM_TYPE)

    _add_job_routes(app)
    _add_content_routes(app)
    doors.add_party_routes(app)
    doors.add_site_routes(app)
    doors.add_programme_routes(app)
    doors.add_money_routes(app)
    return app


def _add_job_routes(app: FastAPI) -> None:
    def city() -> City:
        found: City = app.state.city
        return found

    @app.post("/v1/quotes")
    async def request_quote(request: QuoteRequest) -> QuoteView:
        if request.bundle is not None and request.bundle not in city().blobs:
            raise NotFound(f"the code {request.bundle} is not here")
        city().bodies.append(request)
        return city().quote_of(request.spec)

    @app.post("/v1/jobs")
    async def submit(request: SubmitRequest) -> Submitted:
        return city().submit(request)

    @app.get("/v1/jobs")
    async def jobs(limit: int, state: str | None = None, before: UUID | None = None) -> JobPage:
        found = [job for job in reversed(city().jobs.values()) if state in (None, job.state)]
        start = 0 if before is None else [job.id for job in found].index(before) + 1
        page = found[start : start + min(limit, 2)]
        more = start + len(page) < len(found)
        views = [
            JobView(**{key: getattr(job, key) for key in JobView.model_fields}) for job in page
        ]
        return JobPage(jobs=views, next=page[-1].id if more else None)

    @app.get("/v1/jobs/{reference}")
    async def job(reference: str) -> JobDetail:
        return city().find(reference)

    @app.get("/v1/jobs/{reference}/why")
    async def why(reference: str) -> WhyView:
        found = city().find(reference)
        pools = [PoolReason(site="binhai", pool="gpu", code="unit", because="sells h100, not cpu")]
        return WhyView(id=found.id, state=found.state, because="no pool fits", pools=pools)

    @app.post("/v1/jobs/{reference}/cancel")
    async def cancel(reference: str, request: CancelRequest) -> JobDetail:
        city().bodies.append(request)
        return city().find(reference)

    @app.get("/v1/jobs/{reference}/receipt")
    async def receipt(reference: str) -> Response:
        found = city().find(reference)
        if not found.settled:
            raise StateConflict("the job is not settled yet")
        return Response(city().receipt(found), media_type="application/json")

    @app.get("/v1/jobs/{reference}/artefacts")
    async def artefacts(reference: str) -> list[ArtefactView]:
        return city().find(reference).artefacts

    @app.get("/v1/jobs/{reference}/logs")
    async def logs(
        reference: str, offset: int, task: int, follow: bool = False
    ) -> StreamingResponse:
        city().find(reference)
        cut = city().cuts.popleft() if city().cuts and follow else len(city().log)

        async def content() -> AsyncIterator[bytes]:
            end = offset + 1 if isinstance(cut, str) else max(cut, offset)
            yield city().log[offset:end]
            if end < len(city().log) and cut != QUIET:
                raise ConnectionResetError("the server was killed")

        return StreamingResponse(content(), media_type="text/plain")


def _add_content_routes(app: FastAPI) -> None:
    @app.get("/v1/server")
    async def server() -> dict[str, str]:
        public_key = app.state.city.signing_key.public_key_hex
        return {
            "public_key": public_key,
            "key_id": public_key,
            "version": __version__,
            "added_later": "a newer server says more",
        }

    @app.get("/v1/server/keys")
    async def server_keys() -> PublishedKeys:
        return PublishedKeys(keys=app.state.city.published_keys())

    @app.get("/v1/audit")
    async def audit() -> AuditView:
        finding = AuditFinding(
            slice="ledger", invariant="sums", meaning="Money sums to zero.", rows=[{"unit": "CNY"}]
        )
        clean = app.state.city.audit_clean
        return AuditView(clean=clean, checked=["sums"], findings=[] if clean else [finding])

    @app.put("/v1/bundles")
    async def put_bundle(request: Request, mains_sha256: str = Header()) -> dict[str, Any]:
        content = await request.body()
        assert sha256(content) == mains_sha256
        app.state.city.blobs[mains_sha256] = content
        return {"sha256": mains_sha256, "size_bytes": len(content)}

    @app.get("/v1/blobs/{digest}")
    async def blob(digest: str) -> Response:
        if digest not in app.state.city.blobs:
            raise NotFound(f"no content {digest}")
        return Response(app.state.city.blobs[digest])
