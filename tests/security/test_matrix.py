"""Every route, asked by every role of the own and of another organisation.

Things of the first organisation carry a mark in every text that a person could have written; it
is in no answer to anybody of the second, and what one organisation's rows are is told to nobody.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx
import pytest

from mains.wire.parties import Role
from tests.api.builders import Hall, Headers
from tests.security.builders import MARK, a_report, furnish, keys_of
from tests.security.doors import ANY, DOORS, OPEN, SIGNED, Door

pytestmark = pytest.mark.anyio

REFUSED: Final = frozenset({401, 403, 404})
PLACEHOLDER: Final = re.compile(r"\{([a-z_0-9]+)(?::path)?\}")


@dataclass(frozen=True)
class Asker:
    """Somebody with a key, or without; `home` is own, stranger or authority."""

    name: str
    home: str
    roles: frozenset[Role]
    headers: Headers


async def test_every_route_answers_each_role_as_the_table_says(hall: Hall) -> None:
    things, askers = await _furnished(hall)
    faults: list[str] = []
    for door in DOORS:
        for asker in askers:
            answer = await _ask(hall.client, door, things, asker)
            faults += _judged(door, asker, answer)
    assert not faults, "\n".join(faults)


async def test_every_route_is_in_the_table(hall: Hall) -> None:
    routes = set(_routes(hall.app.routes))
    known = {PLACEHOLDER.sub("{}", door.route.partition("?")[0]) for door in DOORS}
    known |= {PLACEHOLDER.sub("{}", route) for route in OPEN | SIGNED}
    assert {PLACEHOLDER.sub("{}", route) for route in routes} == known


async def test_doors_of_agents_and_of_everybody_show_nothing_of_anybody(hall: Hall) -> None:
    things, askers = await _furnished(hall)
    for route in sorted(SIGNED):
        method, path = route.split(" ")
        for asker in askers:
            answer = await hall.client.request(
                method,
                path.format(sha256=things["content"]),
                content=b"{}",
                headers=dict(asker.headers),
            )
            assert answer.status_code in (401, 422), f"{asker.name} {route}: {answer.text}"
            assert MARK not in _everything(answer)
    named = {"subject_id": "city:beijing", "claim_id": "0" * 16, "name": "x.csv", "digest": "0"}
    for route in sorted(OPEN):
        path = PLACEHOLDER.sub(lambda match: named[match[1]], route.split(" ")[1])
        answer = await hall.client.get(path)
        assert answer.status_code in (200, 404, 422), f"{route}: {answer.text}"
        assert MARK not in _everything(answer), route


def _judged(door: Door, asker: Asker, answer: httpx.Response) -> Iterator[str]:
    """Yield what is wrong with an answer."""
    where = f"{asker.name} {door.route}: {answer.status_code} {answer.text[:200]}"
    status = answer.status_code
    if status >= 500:
        yield f"{where}: a fault of the server"
    if asker.home != "own" and not _sees_all(asker) and MARK in _everything(answer):
        yield f"{where}: shows what is another organisation's"
    expected = _expected(door, asker)
    if expected is None and status in REFUSED:
        yield f"{where}: should pass"
    if expected is not None and status not in expected:
        yield f"{where}: should be {sorted(expected)}"


def _expected(door: Door, asker: Asker) -> frozenset[int] | None:
    """Return which refusals are right; None where the door is open."""
    if asker.home == "nobody":
        return frozenset({401})
    if Role.ADMINISTRATOR in asker.roles:
        return None
    if asker.home == "authority":
        passes = door.auditor and (door.own & asker.roles or door.route == "GET /v1/audit")
        return None if passes else REFUSED - {401}
    if not door.own & asker.roles:
        return frozenset({403, door.stranger or 403})
    if asker.home == "stranger" and door.stranger is not None:
        return frozenset({door.stranger})
    return None


def _sees_all(asker: Asker) -> bool:
    return asker.home == "authority"


def _everything(answer: httpx.Response) -> str:
    return f"{answer.text} {answer.headers}"


async def _ask(
    client: httpx.AsyncClient, door: Door, things: Mapping[str, str], asker: Asker
) -> httpx.Response:
    method, path = door.route.split(" ")
    asked = door.asked(things)
    return await client.request(
        method,
        path.format_map(things),
        json=asked.json,
        content=asked.content,
        headers={**asker.headers, **asked.headers},
    )


def _routes(routes: Iterable[Any]) -> Iterator[str]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _routes(inner.routes)
        for method in sorted(getattr(route, "methods", None) or ()):
            if method != "HEAD":
                yield f"{method} {route.path}"


async def _furnished(hall: Hall) -> tuple[dict[str, str], list[Asker]]:
    """Return things of the first organisation by name, and who asks for them."""
    town = hall.town
    voice = await hall.site()
    own, other = await furnish(hall, voice, "own"), await keys_of(hall, "stranger")
    named = {"format": "csv", "subject": "city:dongguan", "organisation": "own"}
    named |= await a_report(hall, own.keys[Role.OFFICER])
    askers = [
        Asker("nobody", "nobody", frozenset(), {}),
        Asker("garbage", "nobody", frozenset(), {"Authorization": "Bearer mains_x"}),
        Asker("basic", "nobody", frozenset(), {"Authorization": "Basic bTpu"}),
        Asker("revoked", "nobody", frozenset(), await _revoked(hall, own.keys[Role.OWNER])),
        Asker("expired", "nobody", frozenset(), await _expired(hall)),
    ]
    for home, keys in (("own", own.keys), ("stranger", other)):
        askers += [
            Asker(f"{home} {role}", home, frozenset({role}), keys[role]) for role in sorted(ANY)
        ]
    both = await town.key("own", Role.OWNER, Role.AUDITOR)
    narrowed = await hall.client.post("/v1/keys", json={"roles": ["auditor"]}, headers=both)
    auditor = await town.key("authority", Role.AUDITOR)
    administrator = await town.key("authority", Role.ADMINISTRATOR)
    askers += [
        Asker("own owner narrowed", "own", frozenset({Role.AUDITOR}), _bearer(narrowed)),
        Asker("authority auditor", "authority", frozenset({Role.AUDITOR}), auditor),
        Asker("administrator", "authority", frozenset({Role.ADMINISTRATOR}), administrator),
    ]
    return {**named, **own.things}, askers


def _bearer(issued: httpx.Response) -> Headers:
    assert issued.status_code == 201, issued.text
    return {"Authorization": f"Bearer {issued.json()['key']}"}


async def _revoked(hall: Hall, owner: Headers) -> Headers:
    issued = await hall.client.post("/v1/keys", json={}, headers=owner)
    prefix = issued.json()["view"]["prefix"]
    gone = await hall.client.delete(f"/v1/keys/{prefix}", headers=owner)
    assert gone.status_code == 200, gone.text
    return _bearer(issued)


async def _expired(hall: Hall) -> Headers:
    """Return a key whose day is over; the others here have no end."""
    owner = await hall.town.key("own", Role.OWNER)
    issued = await hall.client.post("/v1/keys", json={"valid_days": 1}, headers=owner)
    hall.town.clock.advance(timedelta(days=2))
    return _bearer(issued)
