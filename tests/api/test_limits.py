"""No door takes more, longer or oftener than it may; a well-behaved caller notices nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request

from mains.api.app import application
from mains.api.limits import DOCUMENT_BYTES_MAX, BodyLimit, RateLimit, bounds_of
from mains.clock import SystemClock
from mains.daemon import guarding
from mains.daemon.guarding import guarded
from mains.daemon.wiring import wire
from mains.db import Database
from mains.errors import KeyInvalid
from mains.parties.door import install_problem_details
from mains.parties.rates import rules
from mains.parties.rates.buckets import Rates
from mains.parties.rates.rules import Door, Rate
from mains.settings import Settings

pytestmark = pytest.mark.anyio

Parts = Callable[[], AsyncIterator[bytes]]


def an_app(*, bytes_max: int = 1_000, rates: Rates | None = None) -> FastAPI:
    """Return an application with one door for bodies and one that only the known key opens."""
    app = FastAPI()

    @app.post("/v1/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @app.post("/v1/document")
    async def document(said: dict[str, Any]) -> int:
        return len(said)

    @app.get("/v1/whoami")
    async def whoami(request: Request) -> str:
        if request.headers["authorization"] != "Bearer good":
            raise KeyInvalid("this key is not known")
        return "me"

    app.add_middleware(BodyLimit, bounds={"/v1/": bytes_max})
    app.add_middleware(RateLimit, rates=rates or Rates({}))
    install_problem_details(app)
    return app


def calling(app: FastAPI, *, address: str = "192.0.2.7") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://mains")


async def parts(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b"x" * size


async def test_a_body_is_refused_when_its_length_is_told_and_when_it_is_not() -> None:
    async with calling(an_app()) as http:
        assert (await http.post("/v1/body", content=b"x" * 1_000)).json() == 1_000
        assert (await http.post("/v1/body", content=parts(400, 600))).json() == 1_000
        for content in (b"x" * 1_001, parts(600, 600)):
            refused = await http.post("/v1/body", content=content)
            assert (refused.status_code, refused.json()["code"]) == (413, "request_invalid")
            assert refused.headers["connection"] == "close"
            assert refused.json()["request_id"] == refused.headers["x-request-id"]
        refused = await http.post("/v1/document", content=parts(600, 600))
        assert (refused.status_code, refused.json()["code"]) == (413, "request_invalid")


async def test_a_packed_body_is_not_unpacked() -> None:
    async with calling(an_app()) as http:
        headers = {"Content-Encoding": "gzip"}
        refused = await http.post("/v1/body", content=b"x", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (415, "request_invalid")
        plain = {"Content-Encoding": "identity"}
        assert (await http.post("/v1/body", content=b"x", headers=plain)).status_code == 200


async def test_a_body_that_stops_or_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"POST /v1/body HTTP/1.1\r\nHost: mains\r\nContent-Length: 900\r\n\r\n"

    async def stops(writer: asyncio.StreamWriter) -> None:
        writer.write(head + b"x")
        await writer.drain()

    async def trickles(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for _ in range(30):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    monkeypatch.setattr(rules, "BODY_GRACE_SECONDS", 0.2)
    async with serving(an_app()) as (_, address):
        for write in (stops, trickles):
            said = await answered(address, write, body=True)
            assert said.startswith(b"HTTP/1.1 408 ")
            assert b'"code":"request_too_slow"' in said


async def test_every_door_of_mains_has_a_bound(database: Database, settings: Settings) -> None:
    small = replace(settings, bundle_bytes_max=1_000, blob_bytes_max=2_000, report_bytes_max=3_000)
    wired = wire(database=database, settings=small, clock=SystemClock())
    app = application(wired)
    bounds = bounds_of(small)
    asked = 0
    async with calling(app) as http:
        for route, methods in app.openapi()["paths"].items():
            path = route.format_map(Anything())
            found = next((most for door, most in bounds.items() if path.startswith(door)), None)
            most = found or DOCUMENT_BYTES_MAX
            for method in sorted(set(methods) - {"get"}):
                headers = {"Content-Length": str(most + 1)}
                refused = await http.request(method, path, content=parts(1), headers=headers)
                assert refused.status_code == 413, (method, path, refused.text)
                asked += 1
    assert asked > 30


class Anything(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "x"


async def test_one_key_is_slowed_down_and_told_for_how_long() -> None:
    app = an_app(rates=Rates({Door.READING: Rate(1, 1, 2)}, seconds=lambda: 0.0))
    async with calling(app) as http:
        good, other = ({"Authorization": f"Bearer {key}"} for key in ("good", "other"))
        answers = [await http.get("/v1/whoami", headers=good) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].headers["retry-after"] == "1"
        problem = answers[2].json()
        assert (problem["code"], problem["facts"]["retry_after_seconds"]) == ("rate_limited", 1)
        assert problem["hint"] and problem["request_id"]
        assert (await http.get("/v1/whoami", headers=other)).status_code == 401
        assert (await http.post("/v1/body", content=b"x", headers=good)).status_code == 200


async def test_guessing_keys_is_held_up_by_address_and_good_keys_pass() -> None:
    app = an_app(rates=Rates({Door.FAILED: Rate(60, 60, 2)}, seconds=lambda: 0.0))
    good = {"Authorization": "Bearer good"}
    async with calling(app) as http, calling(app, address="192.0.2.8") as elsewhere:
        assert (await http.get("/v1/whoami", headers=good)).status_code == 200
        guesses = [{"Authorization": f"Bearer {guess}"} for guess in range(3)]
        answers = [await http.get("/v1/whoami", headers=guess) for guess in guesses]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert (await http.get("/v1/whoami", headers=good)).status_code == 200
        assert (await elsewhere.get("/v1/whoami", headers=guesses[2])).status_code == 401


async def test_calls_without_a_key_are_counted_by_address() -> None:
    app = an_app(rates=Rates({Door.PUBLIC: Rate(1, 1, 1)}, seconds=lambda: 0.0))
    async with calling(app) as http, calling(app, address="192.0.2.8") as elsewhere:
        assert (await http.post("/v1/body", content=b"x")).status_code == 200
        assert (await http.post("/v1/body", content=b"x")).status_code == 429
        assert (await elsewhere.post("/v1/body", content=b"x")).status_code == 200


@asynccontextmanager
async def serving(
    app: FastAPI, *, connections_max: int = 100
) -> AsyncIterator[tuple[str, tuple[str, int]]]:
    """Serve over a real socket, as the API's process does."""
    protocol = guarded(connections_max)
    config = uvicorn.Config(app, port=0, http=protocol, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (it has no event)
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    try:
        yield f"http://{host}:{port}", (host, port)
    finally:
        server.should_exit = True
        await task


async def answered(
    address: tuple[str, int],
    write: Callable[[asyncio.StreamWriter], Awaitable[None]],
    *,
    body: bool = False,
) -> bytes:
    """Return all that the server says until it ends the connection, or until a small document."""
    reader, writer = await asyncio.open_connection(*address)
    said = asyncio.create_task(reader.readuntil(b"}") if body else reader.read())
    try:
        with suppress(ConnectionError):
            await write(writer)
        return await asyncio.wait_for(said, 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_head_is_bounded_in_bytes_in_headers_and_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def one_long_header(writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * (guarding.HEAD_BYTES_MAX + 1))
        await writer.drain()

    async def many_headers(writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * (guarding.HEADERS_MAX + 1) + b"\r\n")
        await writer.drain()

    async def half_a_head(writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        await writer.drain()

    async def nothing(writer: asyncio.StreamWriter) -> None:
        await writer.drain()

    monkeypatch.setattr(guarding, "HEAD_SECONDS_MAX", 0.2)
    async with serving(an_app()) as (url, address):
        for write in (one_long_header, many_headers):
            assert (await answered(address, write)).startswith(b"HTTP/1.1 431 ")
        for write in (half_a_head, nothing):
            assert await answered(address, write) == b""
        async with httpx.AsyncClient(base_url=url) as http:
            for _ in range(3):
                assert (await http.post("/v1/body", content=b"x" * 900)).json() == 900


async def test_an_answered_request_whose_body_never_ends_holds_no_connection() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /nowhere HTTP/1.1\r\nHost: m\r\nContent-Length: 900\r\n\r\nx")
        await writer.drain()

    async with serving(an_app()) as (_, address):
        said = await answered(address, endless)
    assert said.startswith(b"HTTP/1.1 404 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "not_found"


async def test_connections_beyond_the_bound_are_told_so_and_those_within_go_on() -> None:
    async def nothing(writer: asyncio.StreamWriter) -> None:
        await writer.drain()

    async with (
        serving(an_app(), connections_max=2) as (url, address),
        httpx.AsyncClient(base_url=url) as http,
    ):
        assert (await http.post("/v1/body", content=b"x")).json() == 1
        _, second = await asyncio.open_connection(*address)
        await asyncio.sleep(0.1)
        assert (await answered(address, nothing)).startswith(b"HTTP/1.1 503 ")
        assert (await http.post("/v1/body", content=b"x")).json() == 1
        second.close()
