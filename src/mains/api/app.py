"""The application: every slice's routes behind one door, with health, metrics and the audit."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from mains import __version__
from mains.api.limits import BodyLimit, RateLimit, bounds_of
from mains.api.metrics import MEDIA_TYPE, Metrics, Observed
from mains.console import routes as console
from mains.db import Queries
from mains.errors import KeyMissing
from mains.jobs import agent_routes as agents
from mains.jobs import routes as jobs
from mains.jobs import upkeep
from mains.jobs.door import JobsWired, JobsWiredDependency
from mains.ledger import auditing
from mains.ledger import routes as ledger
from mains.parties import routes as parties
from mains.parties import versions
from mains.parties.door import (
    AnybodyDependency,
    CallerDependency,
    NowDependency,
    TransactionDependency,
    install_problem_details,
)
from mains.programmes import routes as programmes
from mains.reports import live_routes as live
from mains.reports import routes as reports
from mains.reports.drafts import routes as drafts
from mains.sites import routes as sites
from mains.wire.base import Schema
from mains.wire.jobs import AuditFinding, AuditView, ServerKey
from mains.wire.parties import Role
from mains.wire.problem import PROBLEM_TYPE, Problem
from mains.wire.succession import PublishedKey, PublishedKeys
from mains.wire.trust import is_loopback_host

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "A problem: its code is stable, its hint says what to do next.",
        "content": {PROBLEM_TYPE: {"schema": Problem.model_json_schema()}},
    }
}
"""What every route answers when it does not do what was asked."""

AUDITED: Final = ("ledger", "metering", "sites", "programmes", "quotes", "jobs", "reports")

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

router: Final = APIRouter(tags=["server"])


class ServerView(ServerKey):
    """What a server says of itself to everybody."""

    version: str


class Health(Schema):
    status: str


@router.get("/v1/server")
async def server(wired: JobsWiredDependency) -> ServerView:
    """Say which version this is and which key signs its receipts."""
    public_key = wired.signer.public_key_hex
    return ServerView(public_key=public_key, key_id=public_key, version=__version__)


@router.get("/v1/server/keys")
async def server_keys(wired: JobsWiredDependency, tx: TransactionDependency) -> PublishedKeys:
    """List every key that signs or signed receipts, with what ties each to the one before it."""
    signing = wired.signer.public_key_hex
    known = [
        PublishedKey(
            key_id=key.public_key,
            public_key=key.public_key,
            version=key.version,
            made_at=key.made_at,
            in_use=key.public_key == signing,
            succession=None if key.succession is None else key.succession.decode(),
        )
        for key in await versions.versions(tx)
        if key.public_key is not None
    ]
    if not any(key.in_use for key in known):
        version, _ = wired.signers.newest
        known.append(
            PublishedKey(
                key_id=signing, public_key=signing, version=version, made_at=None, in_use=True
            )
        )
    return PublishedKeys(keys=known)


@router.get("/health")
async def health(tx: TransactionDependency) -> Health:
    """Answer once the database answers."""
    await tx.execute("select 1")
    return Health(status="ok")


@router.get("/v1/audit")
async def audit(
    caller: CallerDependency, tx: TransactionDependency, now: NowDependency
) -> AuditView:
    """Run every invariant over everything that is stored, and name the rows that break one."""
    caller.require(Role.AUDITOR)
    caller.require_everything()
    sections = {name: Queries.load(f"mains.{name}", "audit.sql") for name in AUDITED}
    findings = await auditing.audit(tx, sections)
    await upkeep.note_life(tx, "audit", findings=len(findings), now=now)
    return AuditView(
        clean=not findings,
        checked=[f"{name}.{section}" for name, queries in sections.items() for section in queries],
        findings=[
            AuditFinding(
                slice=finding.slice,
                invariant=finding.invariant,
                meaning=finding.means,
                rows=list(finding.rows),
            )
            for finding in findings
        ],
    )


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(
    request: Request,
    caller: AnybodyDependency,
    wired: JobsWiredDependency,
    tx: TransactionDependency,
    now: NowDependency,
) -> Response:
    """Return Prometheus metrics: to this machine, and elsewhere to auditors of authority."""
    if request.client is not None and not is_loopback_host(request.client.host):
        if caller is None:
            raise KeyMissing(
                "metrics are for this machine, and elsewhere for auditors of authority",
                hint="Let Prometheus send a key with the role auditor as a bearer token.",
            )
        caller.require(Role.AUDITOR)
        caller.require_everything()
    text = await request.app.state.metrics.text(
        tx, settings=wired.settings, rates=wired.rates, now=now
    )
    return Response(text, media_type=MEDIA_TYPE)


def application(wired: JobsWired, *, background: Lifespan | None = None) -> FastAPI:
    """Return the application over what the daemon has wired; background runs beside it."""
    app = FastAPI(
        title="mains",
        version=__version__,
        summary="One socket, one meter, one bill for a city's AI ecosystem.",
        responses=PROBLEMS,
        lifespan=background or _nothing,
    )
    app.state.mains = wired
    # Routes are tried one after the other: those that carry the load come first.
    for slice_router in (
        agents.router,
        jobs.router,
        sites.router,
        router,
        parties.router,
        ledger.router,
        programmes.router,
        reports.router,
        drafts.router,
        live.router,
    ):
        app.include_router(slice_router)
    console.install(app)
    app.add_middleware(BodyLimit, bounds=bounds_of(wired.settings))
    app.add_middleware(RateLimit, rates=wired.rates)
    install_problem_details(app)
    app.state.metrics = Metrics()
    app.add_middleware(Observed, metrics=app.state.metrics)
    return app


@asynccontextmanager
async def _nothing(_: FastAPI) -> AsyncIterator[None]:
    yield
