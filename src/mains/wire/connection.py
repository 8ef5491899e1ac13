"""The one seam to a server over HTTP: `call` for one answer, `stream` for many bytes.

A request that names its effect by an id is sent again when the connection is lost: the repetition
is a replay there. Any other is sent again only if it surely never arrived.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Final, Self

import httpx

from mains import __version__
from mains.errors import (
    CertificateUnknown,
    MainsError,
    RateLimited,
    RequestInvalid,
    ServerUnreachable,
    Unavailable,
)
from mains.wire.failures import error_of
from mains.wire.trust import is_distrust, is_loopback, trusting

PAUSES_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 4.0)
"""How long a repeated request waits each time; after the last one it gives up."""

RETRY_AFTER_SECONDS_MAX: Final = 30.0
"""A server that says when to come again is believed, up to here."""

CONNECT_SECONDS_MAX: Final = 5.0
ANSWER_SECONDS_MAX: Final = 60.0
QUIET_SECONDS_MAX: Final = 30.0
"""How long a stream may say nothing before it is opened again from where it was."""

_CHUNK_BYTES: Final = 2**18
_PASSING_STATUSES: Final = frozenset({502, 503, 504})

Parameters = Mapping[str, str | int | bool | None]


class Connection:
    """A server's address and the caller's key; closes its sockets on exit.

    certificates, in PEM, are those that this server may show; without them the system's
    authorities vouch for it.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        certificates: str | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = checked_url(url)
        self.sleep = sleep
        self._answered = False
        local = is_loopback(self.url)
        self._http = httpx.Client(
            base_url=f"{self.url}/v1",
            headers={"User-Agent": f"mains/{__version__}", **_authorization(key)},
            timeout=httpx.Timeout(ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
            transport=transport,
            # A proxy of the environment can't reach this machine's loopback.
            trust_env=not local,
            verify=trusting(self.url, certificates),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | IO[bytes] | None = None,
        parameters: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool,
        seconds_max: float = ANSWER_SECONDS_MAX,
    ) -> bytes:
        """Send one request and return the body of its answer.

        A body that is a file is sent from its beginning. repeat says that sending it twice has
        the effect of sending it once; seconds_max is how long the answer may take. Raises the
        error that the server tells, or ServerUnreachable; its fact `effect` is "none" or "unknown".
        """
        for pause in (*PAUSES_SECONDS, None):
            try:
                return self._call_once(method, path, body, parameters, headers, seconds_max)
            except Unavailable as failure:
                if pause is None or not self._worth_repeating(method, failure, repeat=repeat):
                    raise
                told = failure.facts.get("retry_after_seconds")
                if isinstance(told, int):
                    pause = min(max(pause, told), RETRY_AFTER_SECONDS_MAX)
            self.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def stream(
        self, path: str, *, parameters: Parameters | None = None
    ) -> Iterator[Iterator[bytes]]:
        """Open one streamed answer; yields its bytes as they come, with no repetition.

        Raises ServerUnreachable when the connection is lost, also in the midst of the bytes; its
        fact `quiet` is true when nothing came for QUIET_SECONDS_MAX.
        """
        with (
            _translated(self.url),
            self._http.stream(
                "GET",
                path,
                params=_present(parameters),
                headers={"Accept-Encoding": "identity"},
                timeout=httpx.Timeout(QUIET_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
            ) as response,
        ):
            self._answered = True
            if response.status_code >= 400:
                raise error_of(response.status_code, response.read())
            yield response.iter_bytes()

    def _call_once(
        self,
        method: str,
        path: str,
        body: bytes | IO[bytes] | None,
        parameters: Parameters | None,
        headers: Mapping[str, str] | None,
        seconds_max: float,
    ) -> bytes:
        sent = dict(headers or {})
        if isinstance(body, bytes):
            sent.setdefault("Content-Type", "application/json")
        elif body is not None:
            sent["Content-Length"] = str(body.seek(0, os.SEEK_END))
        with _translated(self.url):
            response = self._http.request(
                method,
                path,
                content=body if body is None or isinstance(body, bytes) else _chunks(body),
                params=_present(parameters),
                headers=sent,
                timeout=httpx.Timeout(seconds_max, connect=CONNECT_SECONDS_MAX),
            )
        self._answered = True
        if response.status_code in _PASSING_STATUSES:
            raise _as_unavailable(error_of(response.status_code, response.content))
        if not response.is_success:
            raise error_of(response.status_code, response.content)
        return response.content

    def _worth_repeating(self, method: str, failure: Unavailable, *, repeat: bool) -> bool:
        """A question to a server that never answered fails at once: nobody waits for nothing."""
        if isinstance(failure, RateLimited):
            return True
        if failure.facts.get("effect") == "none":
            return self._answered or (method != "GET" and repeat)
        return repeat


def checked_url(url: str) -> str:
    """Return an address without its trailing slash and /v1; raises RequestInvalid."""
    plain = url.strip().rstrip("/").removesuffix("/v1")
    try:
        parsed = httpx.URL(plain)
    except httpx.InvalidURL as error:
        raise RequestInvalid(f"{url!r} is not an address such as https://mains.example") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise RequestInvalid(f"{url!r} is not an address such as https://mains.example")
    return plain


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Say of each foreign error whether the effect may have happened: unknown is not no."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if is_distrust(error):
            raise CertificateUnknown(
                f"{url} shows a certificate that is not known here."
            ) from error
        raise ServerUnreachable(f"Nothing answers at {url}: {error}.", effect="none") from error
    except httpx.ReadTimeout as error:
        raise ServerUnreachable(
            f"{url} took the request and did not answer in time.", effect="unknown", quiet=True
        ) from error
    except (httpx.TransportError, httpx.StreamError) as error:
        raise ServerUnreachable(
            f"The connection to {url} was lost: {error}.", effect="unknown"
        ) from error


def _as_unavailable(error: MainsError) -> Unavailable:
    return error if isinstance(error, Unavailable) else Unavailable(error.detail, hint=error.hint)


def _authorization(key: str | None) -> dict[str, str]:
    if key is None:
        return {}
    if not key.isascii() or not key.isprintable():
        raise RequestInvalid("The key has characters that no key of mains has.")
    return {"Authorization": f"Bearer {key}"}


def _present(parameters: Parameters | None) -> dict[str, str]:
    """Drop what is None and write booleans as the server reads them."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in (parameters or {}).items()
        if value is not None
    }


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield a file from its beginning, whatever was read of it before."""
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk
