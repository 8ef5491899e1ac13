"""The door: who gets in, how errors leave, and when a transaction ends."""

import base64
import json
from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, Body, FastAPI, Request
from starlette.types import Message
from structlog.testing import capture_logs

from mains.clock import ManualClock
from mains.db import Database
from mains.errors import StateConflict
from mains.parties import service
from mains.parties.door import (
    CALLERS_MAX,
    Caller,
    CallerCache,
    CallerDependency,
    IdempotencyKey,
    NowDependency,
    TransactionDependency,
    Wired,
    install_problem_details,
)
from mains.parties.routes import router as parties_router
from mains.parties.rules import write_key
from mains.settings import Settings
from mains.wire.base import Schema
from mains.wire.parties import Role
from tests.parties.builders import PEPPER, Town, a_town, idempotency

pytestmark = pytest.mark.anyio
router = APIRouter(prefix="/v1")


class Secret(Schema):
    password: int


@router.post("/tried/add-then-fail")
async def add_then_fail(tx: TransactionDependency, now: NowDependency) -> None:
    await service.create_organisation(tx, name="ghost", type="firm", attributes={}, now=now)
    raise StateConflict("changed its mind")


@router.post("/tried/commit-fails")
async def commit_fails(tx: TransactionDependency) -> str:
    await tx.execute("CREATE TEMP TABLE twice (x int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    await tx.execute("INSERT INTO twice VALUES (1), (1)")
    return "done"


@router.post("/tried/fault")
async def fault(caller: CallerDependency) -> None:
    raise ZeroDivisionError(f"for {caller.person}")


@router.post("/tried/money")
async def money(key: IdempotencyKey) -> UUID:
    return key


@router.post("/tried/secret")
async def secret(body: Annotated[Secret, Body()]) -> None:
    assert body


@pytest.fixture
async def town(database: Database, clock: ManualClock, settings: Settings) -> Town:
    return await a_town(database, clock, settings, router)


async def test_a_key_says_whom_it_speaks_for(town: Town) -> None:
    answer = await town.call("GET", "/whoami")
    assert answer.status_code == 200
    me = answer.json()
    assert (me["person"], me["organisation"]) == ("administrator", "authority")
    assert me["roles"] == ["administrator", "owner"]
    assert me["key"] == town.administrator.split("_")[1]


async def test_without_a_key_one_is_told_how_to_get_in(town: Town) -> None:
    answer = await town.call("GET", "/whoami", key="")
    assert answer.status_code == 401
    assert answer.json()["code"] == "key_missing"
    assert "mains login" in answer.json()["hint"]


@pytest.mark.parametrize("path", ["/organisations/%00", "/organisations?after=a%00b"])
async def test_an_address_that_no_database_can_hold_is_refused(town: Town, path: str) -> None:
    answer = await town.call("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert answer.json()["hint"]


async def test_a_typing_error_is_told_apart_from_an_unknown_key(town: Town) -> None:
    last = town.administrator[-1]
    typed = town.administrator[:-1] + ("0" if last != "0" else "1")
    wrong = await town.call("GET", "/whoami", key=typed)
    assert wrong.status_code == 401
    assert "typing error" in wrong.json()["detail"]
    unknown = write_key(prefix_bytes=bytes(5), secret=bytes(32)).text
    answer = await town.call("GET", "/whoami", key=unknown)
    assert answer.status_code == 401
    assert "not known" in answer.json()["detail"]
    assert unknown.split("_", 2)[2] not in answer.text


async def test_a_known_prefix_with_another_secret_opens_nothing(town: Town) -> None:
    real = town.administrator.split("_")[1]
    forged = write_key(prefix_bytes=base64.b32decode(real.upper()), secret=bytes(32))
    assert forged.prefix == real
    answer = await town.call("GET", "/whoami", key=forged.text)
    assert answer.status_code == 401
    assert answer.json()["code"] == "key_invalid"


async def test_a_revoked_key_opens_nothing_in_another_process_within_a_second(
    town: Town, clock: ManualClock
) -> None:
    await town.organisation("harbour-robotics")
    key = await town.person("harbour-robotics", "li-wei", Role.MEMBER)
    elsewhere = _another_process(town)
    assert (await elsewhere.call("GET", "/whoami", key=key)).status_code == 200
    assert (await town.call("DELETE", f"/keys/{key.split('_')[1]}")).status_code == 200
    assert (await town.call("GET", "/whoami", key=key)).status_code == 401
    clock.advance(timedelta(milliseconds=500))
    answer = await elsewhere.call("GET", "/whoami", key=key)
    assert answer.status_code == 401
    assert "revoked" in answer.json()["detail"]


async def test_a_caller_is_not_looked_up_twice_in_half_a_second(town: Town) -> None:
    await town.call("GET", "/whoami")
    await town.database.close()
    assert (await town.call("GET", "/whoami")).status_code == 200


async def test_a_key_ends_by_itself_after_its_days(town: Town, clock: ManualClock) -> None:
    issued = await town.call("POST", "/keys", json={"valid_days": 2, "label": "visit"})
    key = issued.json()["key"]
    assert (await town.call("GET", "/whoami", key=key)).status_code == 200
    clock.advance(timedelta(days=2))
    answer = await town.call("GET", "/whoami", key=key)
    assert answer.status_code == 401
    assert "ended" in answer.json()["detail"]


async def test_the_database_holds_no_secret(town: Town) -> None:
    async with town.tx() as tx:
        rows = await (
            await tx.execute("SELECT k::text AS row FROM parties.api_key AS k")
        ).fetchall()
    assert rows
    assert all(town.administrator.split("_", 2)[2] not in row["row"] for row in rows)


def test_the_cache_of_callers_is_bounded(clock: ManualClock) -> None:
    cache = CallerCache()
    caller = Caller(uuid4(), "li-wei", uuid4(), "harbour", frozenset(), "abcdefgh")
    for number in range(CALLERS_MAX + 1):
        cache.put(number.to_bytes(4, "big"), caller, now=clock.now())
    assert cache.get((0).to_bytes(4, "big"), now=clock.now()) is None
    assert cache.get((1).to_bytes(4, "big"), now=clock.now()) is caller
    assert cache.get((1).to_bytes(4, "big"), now=clock.now() - timedelta(seconds=1)) is None


async def test_an_error_after_an_effect_undoes_the_effect(town: Town) -> None:
    answer = await town.call("POST", "/tried/add-then-fail")
    assert answer.status_code == 409
    assert (await town.call("GET", "/organisations/ghost")).status_code == 404


async def test_an_answer_is_never_ahead_of_its_commit(town: Town) -> None:
    with capture_logs():
        answer = await town.call("POST", "/tried/commit-fails")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"


async def test_what_nobody_expected_is_logged_under_the_requests_id(town: Town) -> None:
    with capture_logs() as logs:
        answer = await town.call("POST", "/tried/fault", headers={"X-Request-Id": "seen-by-me-1"})
    assert answer.status_code == 500
    problem = answer.json()
    assert problem["request_id"] == answer.headers["x-request-id"] == "seen-by-me-1"
    assert "ZeroDivision" not in answer.text
    assert [entry["event"] for entry in logs] == ["request failed"]
    assert town.administrator not in repr(logs)


async def test_a_caller_that_goes_away_is_no_fault_of_mains(town: Town) -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def unheard(message: Message) -> None:
        raise AssertionError(f"nobody is there for {message}")

    async def take(request: Request) -> None:
        [_ async for _ in request.stream()]

    town.app.add_api_route("/v1/taken", take, methods=["PUT"])
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/v1/taken",
        "query_string": b"",
        "headers": [],
    }
    with capture_logs() as logs:
        await town.app(scope, gone, unheard)
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("the caller went away", "info")
    ]


async def test_a_malformed_request_id_is_replaced(town: Town) -> None:
    answer = await town.call("GET", "/whoami", headers={"X-Request-Id": "a b\tc"})
    assert UUID(answer.headers["x-request-id"])


async def test_errors_are_problem_details(town: Town) -> None:
    answer = await town.call("GET", "/organisations/nobody")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:mains:error:not_found"
    assert problem["title"] == "Not found"
    assert problem["status"] == 404
    assert "nobody" in problem["detail"]
    assert problem["hint"]


async def test_an_unknown_path_and_method_are_problem_details_too(town: Town) -> None:
    path = await town.call("GET", "/nothing-here")
    assert (path.status_code, path.json()["code"]) == (404, "not_found")
    method = await town.call("PUT", "/whoami")
    assert (method.status_code, method.json()["status"]) == (405, 405)


@pytest.mark.parametrize(
    ("body", "key", "said"),
    [
        ({"name": "a", "type": "firm", "colour": 1}, "colour", "unknown key `colour`"),
        ({"name": "a"}, "type", "`type` is missing"),
        ({"name": "A B", "type": "firm"}, "name", "`name` is not a short name"),
        ({"name": "a", "type": "firm", "attributes": {"X": 1}}, "attributes.X", "`attributes.X"),
    ],
)
async def test_a_bad_body_names_its_offending_key(
    town: Town, body: dict[str, object], key: str, said: str
) -> None:
    answer = await town.call("POST", "/organisations", json=body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "request_invalid"
    assert problem["facts"]["key"].startswith(key)
    assert problem["detail"].startswith(said)


async def test_a_body_that_is_no_json_is_bad_input(town: Town) -> None:
    answer = await town.call("POST", "/organisations", content=b"{", headers=_JSON)
    assert answer.status_code == 422
    assert answer.json()["code"] == "request_invalid"


async def test_a_refused_value_is_not_repeated(town: Town) -> None:
    answer = await town.call("POST", "/tried/secret", json={"password": "hunter2"})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


async def test_moving_money_needs_an_idempotency_key(town: Town) -> None:
    without = await town.call("POST", "/tried/money")
    assert without.status_code == 422
    assert "Idempotency-Key" in without.json()["hint"]
    malformed = await town.call("POST", "/tried/money", headers={"Idempotency-Key": "7"})
    assert malformed.status_code == 422
    sent = idempotency()
    answer = await town.call("POST", "/tried/money", headers=sent)
    assert answer.json() == sent["Idempotency-Key"]


async def test_the_api_describes_itself(town: Town) -> None:
    described = json.dumps(town.app.openapi())
    for path in ("/v1/whoami", "/v1/organisations", "/v1/keys/{prefix}"):
        assert path in described


_JSON = {"Content-Type": "application/json"}


def _another_process(town: Town) -> Town:
    """A second application on the same database, with a cache of its own."""
    wired = Wired(
        database=town.database, clock=town.clock, settings=town.wired.settings, pepper=PEPPER
    )
    app = FastAPI()
    app.state.mains = wired
    install_problem_details(app)
    app.include_router(parties_router)
    return Town(wired, town.clock, town.administrator, app)
