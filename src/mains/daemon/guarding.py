"""Connections that are kept within bounds before any request is one: heads, and who dawdles.

The server's own parser takes a head of any length, for as long as its sender likes.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX: Final = 64 * 2**10
HEADERS_MAX: Final = 100
HEAD_SECONDS_MAX: Final = 20.0

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
    b"content-length: 0\r\n\r\n"
)
_TOO_MANY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n"
    b"content-length: 0\r\n\r\n"
)


class GuardedProtocol(HttpToolsProtocol):
    """One connection whose heads are bounded in bytes, in number of headers and in time."""

    connections_max = 4_096

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 (uvicorn's own)
        super().__init__(*arguments, **named)
        self._head_bytes = 0
        self._reading_head = True
        self._message_complete = True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            self._end(_TOO_MANY)
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_no_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._reading_head:
            self._head_bytes += len(data)
        super().data_received(data)
        too_many = self._reading_head and len(self.headers or ()) > HEADERS_MAX
        if self._reading_head and (self._head_bytes > HEAD_BYTES_MAX or too_many):
            self._end(_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._message_complete = False
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._expect_no_head()
        self._reading_head = False
        self._head_bytes = 0
        if len(self.headers) > HEADERS_MAX:
            self._end(_TOO_LARGE)
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._message_complete = True
        self._reading_head = True
        if self.cycle is not None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """End a connection whose request was answered before its body had come."""
        super().on_response_complete()
        if not self._message_complete and not self.transport.is_closing():
            self.transport.close()

    def _expect_head(self) -> None:
        self._expect_no_head()
        self._deadline = self.loop.call_later(HEAD_SECONDS_MAX, self._dawdled)

    def _expect_no_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _dawdled(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _end(self, answer: bytes) -> None:
        self._expect_no_head()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def guarded(connections_max: int) -> type[GuardedProtocol]:
    """Return the protocol with a bound on how many connections there are at once."""
    return type("Guarded", (GuardedProtocol,), {"connections_max": connections_max})
