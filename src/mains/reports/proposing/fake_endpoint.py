"""A small model server for tests and demonstrations: the protocol is real, the model is a function.

    with FakeEndpoint(lambda asked: json.dumps({"claims": [], "relations": []})) as endpoint:
        ModelSettings(url=endpoint.url, model="fake")

`asked` is the request's body. The function may return the text of an answer, or a Raw with the
status, headers and body to send, so that a hostile server can be played too.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

REQUEST_BYTES_MAX: Final = 2**22


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer below the protocol: pieces of a body are sent as they come, without a length."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes] = ()


Answering = Callable[[dict[str, Any]], "str | Raw"]


class FakeEndpoint:
    """Serves `/v1/chat/completions` on this machine; keeps what it was asked."""

    def __init__(self, answering: Answering, *, key: str | None = None) -> None:
        self.answering = answering
        self.key = key
        self.asked: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The endpoint's base address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def completion(text: str, *, finish_reason: str = "stop") -> bytes:
    """Return the body of a chat completion."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


def blocks_of(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the blocks that a request holds."""
    blocks: list[dict[str, Any]] = json.loads(asked["messages"][-1]["content"])["blocks"]
    return blocks


def _handler(endpoint: FakeEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length", "0")), REQUEST_BYTES_MAX)
            asked = json.loads(self.rfile.read(length))
            if self.path != "/v1/chat/completions":
                return self._send(Raw(404))
            if endpoint.key is not None and (
                self.headers.get("Authorization") != f"Bearer {endpoint.key}"
            ):
                return self._send(Raw(401))
            endpoint.asked.append(asked)
            answer = endpoint.answering(asked)
            if isinstance(answer, str):
                answer = Raw(200, {"Content-Type": "application/json"}, [completion(answer)])
            return self._send(answer)

        def _send(self, raw: Raw) -> None:
            try:
                self.send_response(raw.status)
                for name, value in raw.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in raw.pieces:
                    self.wfile.write(piece)
                    self.wfile.flush()
            except OSError:
                # The reader has gone: it had enough.
                return

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: prompts are nobody's business."""

    return Handler
