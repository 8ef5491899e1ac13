"""How much a request may carry: documents are small, only contents are streamed."""

from typing import Final

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mains.errors import RequestInvalid
from mains.wire.problem import PROBLEM_TYPE, Problem

DOCUMENT_BYTES_MAX: Final = 16 * 2**20
STREAMED: Final = ("/v1/bundles", "/v1/agent/")
"""Doors that read streams and keep bounds of their own."""

STREAMED_EXACTLY: Final = frozenset({"/v1/reports/documents"})
"""Such doors whose neighbours take documents only."""


class BodyLimit:
    """Refuses documents that are larger than any real one, before they fill the memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_streamed(scope["path"]):
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > DOCUMENT_BYTES_MAX:
            await _too_large()(scope, receive, send)
            return
        seen_bytes = 0

        async def bounded() -> Message:
            nonlocal seen_bytes
            message = await receive()
            seen_bytes += len(message.get("body", b""))
            if seen_bytes > DOCUMENT_BYTES_MAX:
                raise _too_long()
            return message

        await self._app(scope, bounded, send)


def _is_streamed(path: str) -> bool:
    return path.startswith(STREAMED) or path in STREAMED_EXACTLY


def _too_long() -> RequestInvalid:
    return RequestInvalid(
        f"a request has at most {DOCUMENT_BYTES_MAX:,} bytes", hint="Send it in parts."
    )


def _too_large() -> JSONResponse:
    problem = Problem.of(_too_long(), request_id="")
    problem = problem.model_copy(update={"status": 413})
    return JSONResponse(problem.model_dump(mode="json"), status_code=413, media_type=PROBLEM_TYPE)
