"""Requests as bytes, and the ways in which they are spoiled: each is seen in the wild somewhere."""

import base64
import json
import random
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid5

from mains.wire import dsse

ANSWER_SECONDS_MAX: Final = 30.0
LONG: Final = 10_000
DEEP: Final = 3_000
MANY: Final = 60
SPACE: Final = UUID("01920000-0000-7000-8000-6d616e676c65")

# One text for each thing that some layer below refuses, or reads as something else.
TEXTS: Final[Sequence[str]] = (
    "\0",
    "before\0behind",
    "\ud800",
    "\udfff\ud800",
    "\ufeff\u202e\u0000",
    "\U0010ffff\ufffe",
    "a" * LONG,
    "字" * LONG,
    "",
    " ",
    "../../../../etc/passwd",
    "'; DROP TABLE jobs; --",
    "{{7*7}}${7*7}<script>alert(1)</script>",
    "%s%n%x\\",
    "١٢٣",
    "NaN",
    "-0",
    "1e400",
    "9" * 400,
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999999-14:00",
    "0001-01-01T00:00:00+14:00",
    "2023-02-29",
    "00000000-0000-0000-0000-000000000000",
    "sha256:" + "0" * 64,
)
NUMBERS: Final[Sequence[str]] = (
    "1e400",
    "-1e400",
    "1E-400",
    "9" * 400,
    "9" * 5_000,
    "-9223372036854775809",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "2147483648",
    "-2147483649",
    "NaN",
    "Infinity",
    "-Infinity",
    "-0",
    "0.1",
    "1.0",
    "00",
    "true",
    "null",
    '"1"',
    "[]",
    "{}",
)
PARTS: Final[Sequence[bytes]] = (
    b"%zz",
    b"%",
    b"%ff%fe",
    b"%c0%af",
    b"%00",
    b"%0d%0aX-Injected:%201",
    b"%ed%a0%80",
    b"..%2f..%2fetc",
    b"a" * LONG,
    b"%25%32%35",
    b"%F0%9F%98%80",
    b"..",
    b".",
    b";",
    b"*",
)
HEADERS: Final[Sequence[tuple[str, bytes]]] = (
    ("Authorization", b"Bearer \xff\xfe"),
    ("Authorization", b"Bearer " + b"a" * LONG),
    ("Authorization", b"Basic OjpA"),
    ("Authorization", b"Bearer"),
    ("Authorization", b"Bearer mains_\xe5\xad\x97"),
    ("Content-Type", b"text/plain"),
    ("Content-Type", b"application/xml"),
    ("Content-Type", b"multipart/form-data; boundary=x"),
    ("Content-Type", b"application/json; charset=utf-7"),
    ("Content-Type", b"\xff/\xfe"),
    ("Content-Encoding", b"gzip"),
    ("Accept", b"application/xml"),
    ("Accept-Language", b"\xff" * 40 + b",*;q=x;q=nan"),
    ("Accept-Language", b"a;q=" + b"9" * 400),
    ("Idempotency-Key", b"\xff" * 36),
    ("Idempotency-Key", b"{" + b"0" * 32 + b"}"),
    ("Idempotency-Key", b"a" * LONG),
    ("X-Request-Id", b"\xff" * 20),
    ("Host", b"\xff..\xfe:99999"),
    ("Range", b"bytes=9-1,-0"),
    ("If-None-Match", b"\xff"),
    ("Cookie", b"\xff=;;;=" * 100),
    ("Mains-Agent", b"\xff\xff"),
    ("Mains-Agent", b"AAAA"),
    ("Mains-Sha256", b"sha256:" + b"0" * 64),
    ("Mains-Sha256", b"\xff"),
    ("Transfer-Encoding", b"chunked"),
    ("Content-Length", b"99999999999999999999"),
    ("Expect", b"100-continue"),
    ("Forwarded", b'for="\xff'),
)
QUERIES: Final[Sequence[bytes]] = (
    b"limit=-1",
    b"limit=9e9",
    b"limit=" + b"9" * 400,
    b"limit=1&limit=2",
    b"before=9223372036854775808",
    b"before=-1",
    b"before=%00",
    b"after=%00",
    b"after=%ff%fe",
    b"after=" + b"a" * LONG,
    b"version=9223372036854775808",
    b"version=2147483648",
    b"task=-1",
    b"task=2147483648",
    b"offset=9223372036854775808",
    b"follow=maybe",
    b"everyone=true",
    b"organisation=%00",
    b"organisation=" + b"a" * LONG,
    b"document=%ed%a0%80",
    b"status=accepted&status=nothing",
    b"period=9999999999-99",
    b"at=9999-12-31T23:59:59-14:00",
    b"=&=&&&=",
    b"%zz=%zz",
    b"&" * 2_000,
)


@dataclass(frozen=True, slots=True)
class Raw:
    """A request as it goes over the wire, but for its length, which is added where it is true."""

    method: str
    target: bytes
    headers: Mapping[str, bytes]
    body: bytes = b""
    how: str = "as it is"
    """Which way it was spoiled."""

    @property
    def names(self) -> set[str]:
        return {name.lower() for name in self.headers}

    def written(self) -> bytes:
        lines = [self.method.encode() + b" " + self.target + b" HTTP/1.1"]
        given = {"Host": b"127.0.0.1", **self.headers, "Connection": b"close"}
        if "content-length" not in self.names and "transfer-encoding" not in self.names:
            given["Content-Length"] = str(len(self.body)).encode()
        lines += [name.encode() + b": " + value for name, value in given.items()]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body

    def __str__(self) -> str:
        return f"{self.method} {self.target[:200]!r} {self.how}: {self.body[:300]!r}"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


def send(url: str, raw: Raw) -> Answer | None:
    """Return the answer, or None where the server closed the connection without one."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    with socket.create_connection((host, port), ANSWER_SECONDS_MAX) as connection:
        # A refusal may come, and the connection end, before all was sent.
        with suppress(OSError):
            connection.sendall(raw.written())
            if raw.names & {"content-length", "transfer-encoding"}:
                # More is announced than comes: the end has to be seen.
                connection.shutdown(socket.SHUT_WR)
        answer = HTTPResponse(connection, method=raw.method)
        try:
            answer.begin()
            body = answer.read()
        except (HTTPException, ConnectionError):
            return None
        return Answer(answer.status, answer.getheader("content-type") or "", body)


def spoiled(model: Raw, dice: random.Random, *, key: dsse.SigningKey) -> Raw:
    """Return the request spoiled in one way; what an agent signed is signed again."""
    fresh = _fresh(model, dice)
    ways: list[Callable[[Raw, random.Random], Raw]] = [_part, _header, _query, _method]
    payload = _payload(fresh.body)
    if payload is not None:
        spoil = _in_json if dice.random() < 0.9 else _bytes
        changed = spoil(replace(fresh, body=payload), dice)
        return replace(changed, body=dsse.sign(changed.body, key=key), how=f"signed, {changed.how}")
    if fresh.body:
        ways += [_bytes, _bytes]
        if fresh.body[:1] in b"{[":
            ways += [_in_json] * 8
    return dice.choice(ways)(fresh, dice)


def _payload(body: bytes) -> bytes | None:
    """Return what an envelope carries, or None where this is none."""
    try:
        return base64.b64decode(json.loads(body)["payload"])
    except (ValueError, KeyError, TypeError):
        return None


def _fresh(model: Raw, dice: random.Random) -> Raw:
    """Give half of the requests new ids: under a known one it is a replay, or refused for that."""
    if dice.random() < 0.5:
        return model
    id = str(uuid5(SPACE, str(dice.getrandbits(64))))
    headers = dict(model.headers)
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = id.encode()
    body = model.body
    if body[:1] == b"{":
        told = json.loads(body)
        if "id" in told:
            body = json.dumps({**told, "id": id}).encode()
    return replace(model, headers=headers, body=body)


def _part(model: Raw, dice: random.Random) -> Raw:
    """Put something else into a part of the path."""
    path, mark, query = model.target.partition(b"?")
    parts = path.split(b"/")
    at = dice.randrange(min(2, len(parts) - 1), len(parts))
    odd = dice.choice((*PARTS, *(quote(text, errors="surrogatepass").encode() for text in TEXTS)))
    parts[at] = odd if dice.random() < 0.7 else parts[at] + odd
    return replace(model, target=b"/".join(parts) + mark + query, how=f"path part {at}")


def _header(model: Raw, dice: random.Random) -> Raw:
    name, value = dice.choice(HEADERS)
    return replace(model, headers={**model.headers, name: value}, how=f"header {name}")


def _query(model: Raw, dice: random.Random) -> Raw:
    mark = b"&" if b"?" in model.target else b"?"
    odd = b"&".join(dice.sample(QUERIES, dice.choice((1, 1, 2))))
    return replace(model, target=model.target + mark + odd, how="query")


def _method(model: Raw, dice: random.Random) -> Raw:
    method = dice.choice(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"))
    return replace(model, method=method, how="method")


def _bytes(model: Raw, dice: random.Random) -> Raw:
    """Spoil the body without knowing what it says."""
    body = model.body
    at = dice.randrange(len(body) + 1)
    match dice.randrange(8):
        case 0:
            body, how = body[:at], "cut off"
        case 1:
            body, how = body[:at] + b"\xff\xfe\x80" + body[at:], "no UTF-8"
        case 2:
            body, how = body[:at] + b"\0" + body[at:], "a zero byte"
        case 3:
            body, how = body[:at] + bytes([dice.randrange(256)]) + body[at + 1 :], "another byte"
        case 4:
            body, how = b"[" * DEEP + body, "deep lists"
        case 5:
            body, how = b'{"a":' * DEEP + b"1" + b"}" * DEEP, "deep objects"
        case 6:
            body, how = b"\xef\xbb\xbf" + body, "a byte order mark"
        case _:
            body, how = body + body, "twice"
    return replace(model, body=body, how=how)


def _in_json(model: Raw, dice: random.Random) -> Raw:
    """Spoil one place of a JSON document."""
    told = json.loads(model.body)
    places = list(_places(told))
    if not places:
        return _bytes(model, dice)
    owner, name = dice.choice(places)
    was = owner[name]
    marker = f"here-{dice.getrandbits(64):x}"
    match dice.randrange(6):
        case 0 | 1:
            text = dice.choice(TEXTS)
            odd = json.dumps(text if dice.random() < 0.7 else f"{was}{text}")
            how = "text"
        case 2 | 3:
            odd, how = dice.choice(NUMBERS), "number"
        case 4:
            odd, how = _nested(dice), "nesting"
        case _ if isinstance(owner, dict):
            del owner[name]
            owner[dice.choice(TEXTS)] = was
            if dice.random() < 0.5:
                odd, how = json.dumps(was), "name"
                return replace(model, body=json.dumps(told).encode(), how=f"{how} {name}")
            twice = json.dumps({marker: was, name: was}).replace(marker, str(name))
            return replace(model, body=twice.encode(), how=f"{name} twice")
        case _:
            odd, how = json.dumps([was] * MANY), "many"
    owner[name] = marker
    body = json.dumps(told).replace(json.dumps(marker), odd)
    return replace(model, body=body.encode(), how=f"{how} at {name}")


def _nested(dice: random.Random) -> str:
    depth = dice.choice((2, 200, DEEP))
    opening, closing = dice.choice((("[", "]"), ('{"a":', "}")))
    return f"{opening * depth}1{closing * depth}"


def _places(told: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a document as its owner and its key there."""
    if not isinstance(told, (dict, list)):
        return
    items = told.items() if isinstance(told, dict) else enumerate(told)
    for name, value in items:
        yield told, name
        yield from _places(value)
