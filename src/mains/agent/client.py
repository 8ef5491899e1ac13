"""The agent's one seam to the server: signed requests out, schemas back; it never listens."""

import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self, TypeVar
from uuid import UUID, uuid4

import anyio
import httpx
from pydantic import ValidationError

from mains import __version__
from mains.agent.trusted import Trusted
from mains.clock import Clock
from mains.errors import Incompatible, MainsError, ServerUnreachable, StoreCorrupt
from mains.wire import dsse
from mains.wire.agent import (
    PROTOCOL,
    BlobTicket,
    JoinAnswer,
    JoinRequest,
    LogAnswer,
    LogChunk,
    LogShipment,
    RegisterAnswer,
    RegisterRequest,
    RotateRequest,
    SyncAnswer,
    SyncRequest,
)
from mains.wire.base import Schema
from mains.wire.dsse import SigningKey
from mains.wire.failures import error_of
from mains.wire.problem import describe_fault
from mains.wire.trust import is_distrust, is_loopback, trusting

CONNECT_SECONDS_MAX: Final = 5.0
ANSWER_SECONDS_MAX: Final = 30.0
CONNECTIONS_MAX: Final = 16
ACCESS_HEADER: Final = "Mains-Agent"

Answer = TypeVar("Answer", bound=Schema)


class Server:
    """The control plane as one agent sees it; `identify` gives it the voice of a site.

    `protocol` is what it speaks there: the newest, unless the server is older.
    """

    def __init__(
        self,
        url: str,
        *,
        key: SigningKey,
        clock: Clock,
        trusted: Trusted | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._key = key
        self._clock = clock
        self._site_id = UUID(int=0)
        self._epoch = 0
        self._url = url
        self._trusted = trusted
        self.protocol = PROTOCOL
        self._http = httpx.AsyncClient(
            base_url=f"{url}/v1/agent",
            headers={"User-Agent": f"mains-agent/{__version__}"},
            timeout=httpx.Timeout(ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX, pool=None),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            transport=transport,
            trust_env=not is_loopback(url),
            verify=trusted.verify if trusted is not None else trusting(url, None),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    def identify(self, *, site_id: UUID, epoch: int) -> None:
        """Speak for this site, as this registration, from now on."""
        self._site_id, self._epoch = site_id, epoch

    async def join(self, request: JoinRequest) -> JoinAnswer:
        """Exchange a token for a place; sent again with the same key it is answered again."""
        body = request.model_dump_json().encode()
        answer = await self._post("/join", body, content_type="application/json")
        return _read(JoinAnswer, answer)

    async def register(self, request: RegisterRequest) -> RegisterAnswer:
        answer = _read(RegisterAnswer, await self._post("/register", self._signed(request)))
        self._learn(answer.certificates)
        return answer

    async def rotate(self, fresh: SigningKey) -> None:
        """Let a new key speak for the site, and use it from now on; again it changes nothing."""
        request = RotateRequest(
            protocol=self.protocol,
            site_id=self._site_id,
            public_key=fresh.public_key_hex,
            sent_at=self._clock.now(),
        )
        signed = dsse.sign(request.model_dump_json().encode(), key=self._key, also=fresh)
        await self._post("/rotate", signed)
        self._key = fresh

    async def sync(self, request: SyncRequest) -> SyncAnswer:
        """Say what is and hear what should be; the answer may take `wait_seconds` longer."""
        seconds_max = request.wait_seconds + ANSWER_SECONDS_MAX
        answer = await self._post("/sync", self._signed(request), seconds_max=seconds_max)
        read = _read(SyncAnswer, answer)
        self._learn(read.certificates)
        return read

    async def ship(self, chunks: list[LogChunk]) -> LogAnswer:
        """Send log bytes; the answer says how much of each log the server has."""
        shipment = LogShipment(
            protocol=self.protocol,
            site_id=self._site_id,
            epoch=self._epoch,
            sent_at=self._clock.now(),
            chunks=chunks,
        )
        try:
            return _read(LogAnswer, await self._post("/logs", self._signed(shipment)))
        except Incompatible as error:
            raise _away(error) from error

    async def fetch(self, sha256: str, into: Path) -> None:
        """Write the content of this hash to a file, which appears once it is whole and verified.

        Raises StoreCorrupt when other bytes came, and as every call.
        """
        temporary = into.with_name(f".{into.name}.{uuid4().hex}")
        digest = hashlib.sha256()
        try:
            async with (
                self._translated(),
                self._http.stream(
                    "GET", f"/blobs/{sha256}", headers=self._access(sha256)
                ) as response,
            ):
                if not response.is_success:
                    raise _refusal(response.status_code, await response.aread())
                async with await anyio.open_file(temporary, "wb") as file:
                    async for part in response.aiter_bytes():
                        digest.update(part)
                        await file.write(part)
            if f"sha256:{digest.hexdigest()}" != sha256:
                raise StoreCorrupt(f"the server sent other bytes than those of {sha256}")
            temporary.replace(into)
        finally:
            temporary.unlink(missing_ok=True)

    async def upload(
        self, sha256: str, content: Callable[[], AsyncIterator[bytes]], *, size_bytes: int
    ) -> None:
        """Send the content of this hash; what the server has already is no error."""
        async with self._translated():
            response = await self._http.put(
                f"/blobs/{sha256}",
                content=content(),
                headers={**self._access(sha256), "Content-Length": str(size_bytes)},
                timeout=httpx.Timeout(ANSWER_SECONDS_MAX * 4, connect=CONNECT_SECONDS_MAX),
            )
        if not response.is_success:
            raise _refusal(response.status_code, response.content)

    async def _post(
        self,
        path: str,
        body: bytes,
        *,
        content_type: str = "application/vnd.dsse+json",
        seconds_max: float = ANSWER_SECONDS_MAX,
    ) -> bytes:
        async with self._translated():
            response = await self._http.post(
                path,
                content=body,
                headers={"Content-Type": content_type},
                timeout=httpx.Timeout(seconds_max, connect=CONNECT_SECONDS_MAX, pool=None),
            )
        if not response.is_success:
            raise error_of(response.status_code, response.content)
        return response.content

    def _learn(self, certificates: str | None) -> None:
        if self._trusted is not None:
            self._trusted.learn(certificates)

    def _signed(self, message: Schema) -> bytes:
        """Sign a message without what the server takes for said anyway."""
        spoken = message.model_dump_json(exclude_defaults=True)
        return dsse.sign(spoken.encode(), key=self._key)

    def _access(self, sha256: str) -> dict[str, str]:
        ticket = BlobTicket(
            protocol=self.protocol,
            site_id=self._site_id,
            epoch=self._epoch,
            sha256=sha256,
            sent_at=self._clock.now(),
        )
        return {ACCESS_HEADER: base64.b64encode(self._signed(ticket)).decode()}

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        """Say of each foreign error whether the effect may have happened: unknown is not no."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if is_distrust(error):
                raise ServerUnreachable(
                    f"{self._url} shows a certificate that this agent does not trust",
                    hint="Join again with a fresh token: `mains site token SITE`.",
                    effect="none",
                ) from error
            raise ServerUnreachable(
                f"nothing answers at {self._url}: {error}", effect="none"
            ) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            raise ServerUnreachable(
                f"the connection to {self._url} was lost: {error}", effect="unknown"
            ) from error


def _refusal(status: int, body: bytes) -> MainsError:
    error = error_of(status, body)
    return _away(error) if isinstance(error, Incompatible) else error


def _away(error: Incompatible) -> ServerUnreachable:
    """To logs and contents, a server of another age is one that is away: nothing of them is given
    up until the next registration finds out what both speak."""
    return ServerUnreachable(error.detail, hint=error.hint, effect="none")


def _read(kind: type[Answer], body: bytes) -> Answer:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        # An order has secrets: what pydantic says of a fault would repeat some of its input.
        _, said = describe_fault(error.errors(include_url=False, include_input=False)[0])
        raise ServerUnreachable(
            f"the server's answer is not readable: {said}", effect="unknown"
        ) from None
