"""The door of every slice: who calls, in which transaction, at what time; and how errors leave.

A route takes what it needs as parameters:

    async def create(caller: CallerDependency, tx: TransactionDependency, now: NowDependency)

The transaction commits before the answer is sent, so an answer is never ahead of its effect.
"""

import re
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import structlog
from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mains.clock import Clock
from mains.db import Database, Transaction
from mains.errors import Internal, KeyMissing, MainsError, NotFound, RequestInvalid
from mains.ids import new_id
from mains.parties import service
from mains.parties.keyfiles import Peppers
from mains.parties.rates.buckets import Rates
from mains.parties.rules import Caller
from mains.settings import Settings
from mains.wire.problem import PROBLEM_TYPE, Problem, describe_fault

__all__ = [
    "AnybodyDependency",
    "Caller",
    "CallerDependency",
    "IdempotencyKey",
    "NowDependency",
    "OwnRowsDependency",
    "TransactionDependency",
    "Wired",
    "WiredDependency",
    "install_problem_details",
    "own_rows",
    "problem_response",
]

CALLERS_MAX: Final = 10_000
CALLER_TRUST: Final = timedelta(milliseconds=500)
"""How long a caller is believed without asking the database: the bound on a revocation."""

_NARROW: Final = """
SELECT set_config('mains.organisation', %(organisation)s, true),
    set_config('role', 'mains_tenant', true)
"""
REQUEST_ID: Final = b"x-request-id"
_REQUEST_ID_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_HTTP_CLIENT_ERROR: Final = 400
_HTTP_NOT_FOUND: Final = 404


class CallerCache:
    """Callers known a moment ago, by digest; bounded, and never trusted beyond CALLER_TRUST."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[datetime, Caller]] = OrderedDict()

    def get(self, digest: bytes, *, now: datetime) -> Caller | None:
        since, caller = self._known.get(digest, (None, None))
        if since is None or not since <= now < since + CALLER_TRUST:
            return None
        return caller

    def put(self, digest: bytes, caller: Caller, *, now: datetime) -> None:
        self._known[digest] = (now, caller)
        self._known.move_to_end(digest)
        while len(self._known) > CALLERS_MAX:
            self._known.popitem(last=False)

    def forget(self, prefix: str) -> None:
        """Drop a key that was just revoked here; elsewhere its trust runs out by itself."""
        stale = [digest for digest, (_, caller) in self._known.items() if caller.key_id == prefix]
        for digest in stale:
            del self._known[digest]


@dataclass(slots=True, kw_only=True)
class Wired:
    """What the routes of parties need; the daemon's own subclass carries more."""

    database: Database
    clock: Clock
    settings: Settings
    pepper: Peppers
    certificates: str | None = None
    """Those of its own, in PEM, that this server shows now or will show next; kept up to date."""

    rates: Rates = field(default_factory=lambda: Rates({}))
    callers: CallerCache = field(default_factory=CallerCache)


# Dependencies are coroutines even where they await nothing: FastAPI sends plain functions to a
# thread, and that costs more than all of them do.
async def _wired(request: Request) -> Wired:
    wired = request.app.state.mains
    assert isinstance(wired, Wired)
    return wired


WiredDependency = Annotated[Wired, Depends(_wired)]


async def _now(wired: WiredDependency) -> datetime:
    return wired.clock.now()


NowDependency = Annotated[datetime, Depends(_now)]


async def _transaction(wired: WiredDependency) -> AsyncIterator[Transaction]:
    async with wired.database.transaction() as tx:
        yield tx


TransactionDependency = Annotated[Transaction, Depends(_transaction, scope="function")]
"""One transaction per request; it ends before the answer is sent."""


_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="A key: `mains_...`")


async def _caller(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """Return the caller, from the cache or in a short transaction of its own.

    A request that streams for hours therefore holds no connection for having been let in. Nearly
    every request comes by here: it depends on little, for each dependency costs as much as it does.
    """
    wired = await _wired(request)
    now = wired.clock.now()
    if credentials is None:
        raise KeyMissing("this request carries no key")
    text, digest = service.parse_key(credentials.credentials, pepper=wired.pepper)
    known = wired.callers.get(digest, now=now)
    if known is not None:
        return known
    async with wired.database.transaction() as tx:
        caller = await service.authenticate(tx, text, pepper=wired.pepper, now=now)
    wired.callers.put(digest, caller, now=now)
    return caller


CallerDependency = Annotated[Caller, Depends(_caller)]


async def _anybody(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller | None:
    return None if credentials is None else await _caller(request, credentials)


AnybodyDependency = Annotated[Caller | None, Depends(_anybody)]
"""A caller, or None for a request without a key: the route says what that may do."""


@asynccontextmanager
async def own_rows(database: Database, caller: Caller) -> AsyncIterator[Transaction]:
    """Give a transaction that sees what is the caller's organisation's, whatever a query asks.

    The second line behind the checks of roles: rows of others are not there. Whoever sees every
    organisation sees all of them here too.
    """
    async with database.transaction() as tx:
        if not caller.sees_all:
            await tx.execute(_NARROW, {"organisation": str(caller.organisation_id)})
        yield tx


async def _own_rows(wired: WiredDependency, caller: CallerDependency) -> AsyncIterator[Transaction]:
    async with own_rows(wired.database, caller) as tx:
        yield tx


OwnRowsDependency = Annotated[Transaction, Depends(_own_rows, scope="function")]
"""For what is shown to a caller: a transaction as `own_rows` gives."""


async def _idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(description="A UUID made by the caller; sent again, it changes nothing."),
    ] = None,
) -> UUID:
    hint = "Send the header `Idempotency-Key` with a fresh UUID, and the same one when you retry."
    if idempotency_key is None:
        raise RequestInvalid("this request moves money and has no idempotency key", hint=hint)
    try:
        return UUID(idempotency_key)
    except ValueError:
        raise RequestInvalid("the idempotency key is not a UUID", hint=hint) from None


IdempotencyKey = Annotated[UUID, Depends(_idempotency_key)]


def install_problem_details(app: FastAPI) -> None:
    """Give every request an id, and every error the shape of problem details."""
    app.add_middleware(_RequestTop)
    app.add_exception_handler(MainsError, _on_mains_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)


class _RequestTop:
    """The top of a request: its id, and the last stop of what nobody expected."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            refusal = RequestInvalid(
                "the address holds the character of code 0", hint="Leave it out of the address."
            )
            await _problem(refusal, request_id)(scope, receive, send)
            return
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (REQUEST_ID, request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except ClientDisconnect:
                structlog.get_logger().info("the caller went away", path=scope["path"])
            except Exception:
                structlog.get_logger().exception("request failed", path=scope["path"])
                if started:
                    raise
                answer = _problem(Internal("something went wrong inside mains"), request_id)
                await answer(scope, receive, send_with_id)


def _request_id(scope: Scope) -> str:
    offered = dict(scope["headers"]).get(REQUEST_ID, b"").decode("latin-1")
    return offered if _REQUEST_ID_ACCEPTED.fullmatch(offered) else str(new_id())


async def _on_mains_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MainsError)
    return _problem(error, request.state.request_id)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    """Name the first offending key; the others follow once that one is mended."""
    assert isinstance(error, RequestValidationError)
    key, said = describe_fault(error.errors()[0], below=1)
    return _problem(
        RequestInvalid(
            said, hint="Mend this key of the request and send it again.", key=key or None
        ),
        request.state.request_id,
    )


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Translate what the framework itself raises: an unknown path, a method that is not there."""
    assert isinstance(error, HTTPException)
    request_id = request.state.request_id
    if error.status_code == _HTTP_NOT_FOUND:
        return _problem(NotFound(f"there is nothing at {request.url.path}"), request_id)
    if error.status_code >= _HTTP_CLIENT_ERROR:
        return _problem(RequestInvalid(str(error.detail)), request_id, status=error.status_code)
    return Response(status_code=error.status_code, headers=error.headers)


def problem_response(
    error: MainsError, scope: Scope, *, status: int | None = None, closing: bool = False
) -> JSONResponse:
    """Return an error as its answer; closing ends the connection, whose body nobody reads."""
    answer = _problem(error, scope.get("state", {}).get("request_id", ""), status=status)
    if closing:
        answer.headers["Connection"] = "close"
    return answer


def _problem(error: MainsError, request_id: str, *, status: int | None = None) -> JSONResponse:
    problem = Problem.of(error, request_id=request_id)
    if status is not None:
        problem = problem.model_copy(update={"status": status})
    answer = JSONResponse(
        problem.model_dump(mode="json"), status_code=problem.status, media_type=PROBLEM_TYPE
    )
    if "retry_after_seconds" in error.facts:
        answer.headers["Retry-After"] = str(error.facts["retry_after_seconds"])
    return answer
