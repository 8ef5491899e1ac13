"""What a request may be: how large, how slow, in which encoding, how often; nothing else passes."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Final

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mains.errors import MainsError, RateLimited, RequestInvalid, RequestTooSlow
from mains.parties.door import problem_response
from mains.parties.rates import rules
from mains.parties.rates.buckets import Rates
from mains.parties.rates.rules import Door
from mains.settings import Settings
from mains.wire.dsse import ENVELOPE_BYTES_MAX

DOCUMENT_BYTES_MAX: Final = 16 * 2**20
FORM_BYTES_MAX: Final = 2**16
"""What a form adds to the document in it."""

_BODY_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding", b"content-encoding"})
_TOO_LARGE: Final = 413
_UNSUPPORTED: Final = 415
_UNAUTHENTICATED: Final = 401


def bounds_of(settings: Settings) -> Mapping[str, int]:
    """Return what the doors of contents take, by the beginning of their path; longest first."""
    return {
        "/v1/agent/blobs/": settings.blob_bytes_max,
        "/v1/agent/": ENVELOPE_BYTES_MAX,
        "/v1/bundles": settings.bundle_bytes_max,
        "/v1/reports/documents": settings.report_bytes_max + FORM_BYTES_MAX,
    }


class BodyLimit:
    """Refuses a body that is too large for its door, packed, or comes too slowly."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        bounds: Mapping[str, int],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._bounds = bounds
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        bytes_max = self._bytes_max(scope["path"])
        refusal = _refused_head(scope, bytes_max)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        body = _Body(receive, send, scope, bytes_max=bytes_max, seconds=self._seconds)
        await self._app(scope, body.receive, body.send)

    def _bytes_max(self, path: str) -> int:
        found = (limit for prefix, limit in self._bounds.items() if path.startswith(prefix))
        return next(found, DOCUMENT_BYTES_MAX)


class _Body:
    """One request's body on its way in, and the answer that is given where it goes too far."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        scope: Scope,
        *,
        bytes_max: int,
        seconds: Callable[[], float],
    ) -> None:
        self._receive, self._send, self._scope = receive, send, scope
        self._bytes_max = bytes_max
        self._seconds = seconds
        self._began = seconds()
        self._seen_bytes = 0
        self._complete = False
        self._refusal: JSONResponse | None = None
        self._refused = False

    async def receive(self) -> Message:
        """Return the next part; raises where the request goes too far, and the answer says so."""
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(rules.BODY_GRACE_SECONDS):
                message = await self._receive()
        except TimeoutError:
            raise self._refuse(_too_slow(), RequestTooSlow.status) from None
        self._seen_bytes += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._seen_bytes > self._bytes_max:
            raise self._refuse(_too_long(self._bytes_max), _TOO_LARGE)
        elapsed = self._seconds() - self._began
        if not self._complete and rules.is_too_slow(self._seen_bytes, seconds=elapsed):
            raise self._refuse(_too_slow(), RequestTooSlow.status)
        return message

    async def send(self, message: Message) -> None:
        """Send the application's answer, or the refusal in its place."""
        if self._refusal is None:
            await self._send(message)
        elif not self._refused:
            self._refused = True
            await self._refusal(self._scope, self._receive, self._send)

    def _refuse(self, error: MainsError, status: int) -> MainsError:
        self._refusal = problem_response(error, self._scope, status=status, closing=True)
        return error


class RateLimit:
    """Counts calls by key, or by address where there is none; keys that open nothing count more."""

    def __init__(self, app: ASGIApp, *, rates: Rates) -> None:
        self._app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        address = rules.neighbourhood(scope["client"][0] if scope["client"] else "")
        caller = _caller(scope)
        door = rules.door_of(scope["method"], scope["path"], keyed=caller is not None)
        try:
            if caller is not None or door is Door.AGENT:
                self._rates.check_failures(address, caller=caller)
            # An agent is counted by its site, once its signature says which.
            if door is not Door.AGENT:
                self._rates.take(door, address if caller is None else caller)
        except RateLimited as error:
            await problem_response(error, scope)(scope, receive, send)
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._app(scope, receive, watched)
        if status == _UNAUTHENTICATED and (caller is not None or door is Door.AGENT):
            self._rates.note_failure(address, caller=caller)
        elif caller is not None and 0 < status < _UNAUTHENTICATED:
            self._rates.note_success(caller)


def _has_body(scope: Scope) -> bool:
    """HTTP/1.1 has no other way to say that a body follows."""
    return any(name in _BODY_HEADERS for name, _ in scope["headers"])


def _caller(scope: Scope) -> bytes | None:
    """Return what stands for a key here: a digest, so that no key lies in a table."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return hashlib.blake2b(value, digest_size=16).digest()
    return None


def _refused_head(scope: Scope, bytes_max: int) -> JSONResponse | None:
    headers = dict(scope["headers"])
    encoding = headers.get(b"content-encoding", b"identity")
    if encoding.strip().lower() not in (b"identity", b""):
        refusal = RequestInvalid(
            f"a body in the encoding {encoding.decode('latin-1')[:40]} is not unpacked here",
            hint="Send it as it is, without Content-Encoding.",
        )
        return problem_response(refusal, scope, status=_UNSUPPORTED, closing=True)
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > bytes_max:
        return problem_response(_too_long(bytes_max), scope, status=_TOO_LARGE, closing=True)
    return None


def _too_long(bytes_max: int) -> RequestInvalid:
    return RequestInvalid(f"a request has at most {bytes_max:,} bytes here", hint="Send less.")


def _too_slow() -> RequestTooSlow:
    return RequestTooSlow("the body came too slowly, and nothing was done")
