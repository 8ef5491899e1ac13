"""20,000 requests at the real application: some generated from its document, some spoiled.

Whatever comes, no answer is a fault of the server, says where in the code something went wrong,
takes long, or is another than the OpenAPI document says; and the books stay in order.
"""

import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import hypothesis
import psycopg
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import requests
from faults.campaign import Broken, Share, chance
from faults.mangling import ANSWER_SECONDS_MAX, Raw, send, spoiled
from faults.served import Served, served
from faults.stores import Store, a_store
from mains.errors import MainsError
from mains.wire.problem import PROBLEM_TYPE

GENERATED: Final = 8_000
SPOILED: Final = 12_000
SECONDS_MAX: Final = 20.0
"""How long an answer may take on a machine that does other things too; reading has 15 of them."""

FETCHES: Final = "/v1/reports/addresses"
"""Left out: it would ask the network. tests/reports has it."""

CHECKS: Final = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
MODES: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
TRACES: Final = (b"Traceback", b'File "/', b"psycopg", b"asyncpg", b"site-packages")
REFUSED_BY_PARSER: Final = b"Invalid HTTP request received."
KEYLESS_IN: Final = 12
"""One generated request in so many carries the key that the generator made up, or none."""

KNOWN_PERCENT: Final = 50
DEPOSITS: Final = """
SELECT e.txn, a.unit, (e.posted / 1000000.0)::text
FROM ledger.entry AS e JOIN ledger.account AS a ON a.id = e.debit
WHERE e.kind = 'transfer' AND e.reason = 'deposit'
"""
Deposits = dict[UUID, tuple[str, Decimal]]


class Judge:
    """Counts what is answered, and keeps what no answer may be."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self.slowest_seconds = 0.0
        self.deposits: Deposits = {}
        """What was acknowledged, by idempotency key."""

    def took(self, seconds: float, what: str) -> None:
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        if seconds > SECONDS_MAX:
            self.faults.append(f"{what} took {seconds:.1f} s")

    def see(self, status: int, content_type: str, body: bytes, what: str) -> None:
        self.counts[f"{status // 100}xx"] += 1
        if status >= 500:
            self.faults.append(f"{what} was answered {status} {body[:300]!r}")
        elif status >= 400 and body:
            self._see_problem(status, content_type, body, what)
        if b"/deposits" in what.encode(errors="replace")[:80] and status == 201:
            told = json.loads(body)
            money = told["deposited"]
            id, unit = UUID(told["deposit_id"]), money["currency"]
            self.deposits[id] = unit, Decimal(money["amount"])

    def _see_problem(self, status: int, content_type: str, body: bytes, what: str) -> None:
        if status == 400 and body == REFUSED_BY_PARSER:
            self.counts["no HTTP"] += 1
            return
        if any(trace in body for trace in TRACES):
            self.faults.append(f"{what} was told of the code: {body[:300]!r}")
        if content_type != PROBLEM_TYPE or json.loads(body)["code"] not in CODES:
            self.faults.append(f"{what} was refused without a code: {status} {body[:300]!r}")

    def conclude(self) -> None:
        """Raise Broken with the first faults where there are any."""
        if self.faults:
            raise Broken(
                f"{len(self.faults)} faults, such as\n    " + "\n    ".join(self.faults[:20])
            )


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Send this share's requests, then look into the books."""
    with a_store() as store, served(store) as city:
        before = deposits(store)
        judge = Judge()
        dice = chance(seed, f"requests {share}")
        generate(city, judge, dice, number=len(share.part(GENERATED)))
        spoil(city, judge, dice, number=len(share.part(SPOILED)))
        judge.conclude()
        check_books(store, {**before, **judge.deposits})
    slowest = {"slowest answer in ms": round(judge.slowest_seconds * 1_000)}
    return {**dict(sorted(judge.counts.items())), **slowest}


def generate(city: Served, judge: Judge, dice: random.Random, *, number: int) -> None:
    """Send so many requests made from the OpenAPI document, valid and not, in all roles."""
    document = schemathesis.openapi.from_dict(city.app.openapi())
    tries = [
        (operation, mode)
        for operation in (_read(found) for found in document.get_all_operations())
        if operation.path != FETCHES
        for mode in MODES
    ]
    each = -(-number // len(tries))
    with requests.Session() as session:
        left = number
        dice.shuffle(tries)
        for operation, mode in tries:
            sender = _Sender(city, judge, dice, session)
            examples = min(each, left)
            if examples:
                _examples(operation.as_strategy(generation_mode=mode), sender, examples, dice)
            left -= sender.sent


class _Sender:
    """Sends one generated request in the name of somebody, about something that there is."""

    def __init__(
        self, city: Served, judge: Judge, dice: random.Random, session: requests.Session
    ) -> None:
        self._city = city
        self._judge = judge
        self._dice = dice
        self._session = session
        self.sent = 0

    def __call__(self, case: Case[Any]) -> None:
        self.sent += 1
        dice, city = self._dice, self._city
        for name in case.path_parameters or {}:
            if dice.randrange(100) < KNOWN_PERCENT:
                case.path_parameters[name] = dice.choice(city.known)
        case.body = _kept_home(case.body)
        if dice.randrange(KEYLESS_IN):
            key = city.keys[dice.choice(list(city.keys))]
            case.headers.update(key)
        what = f"{case.method} {case.formatted_path}"
        began = time.monotonic()
        judge = self._judge
        try:
            answer = case.call(base_url=city.url, session=self._session, timeout=ANSWER_SECONDS_MAX)
        except requests.RequestException as error:
            judge.faults.append(f"{what} has no answer: {type(error).__name__}")
            return
        judge.took(time.monotonic() - began, what)
        judge.counts["generated"] += 1
        judge.see(answer.status_code, _type(answer.headers), answer.content, what)
        try:
            case.validate_response(answer, checks=list(CHECKS))
        except FailureGroup as failures:
            told = "; ".join(str(failure) for failure in failures.exceptions)
            judge.faults.append(f"{what}: {told[:600]}")


def spoil(city: Served, judge: Judge, dice: random.Random, *, number: int) -> None:
    """Send so many spoiled requests, each made from one that was taken."""
    by_door: dict[str, list[Raw]] = {}
    for model in city.models:
        door = f"{model.method} {model.target.partition(b'?')[0].count(b'/')} {len(model.body)}"
        by_door.setdefault(door, []).append(model)
    for _ in range(number):
        model = dice.choice(by_door[dice.choice(list(by_door))])
        raw = spoiled(model, dice, key=city.agent.key)
        began = time.monotonic()
        try:
            answer = send(city.url, raw)
        except TimeoutError:
            judge.faults.append(f"{raw} has no answer")
            continue
        judge.took(time.monotonic() - began, str(raw))
        judge.counts["spoiled"] += 1
        if answer is None:
            judge.counts["no answer"] += 1
        else:
            judge.see(answer.status, answer.content_type, answer.body, str(raw))


def check_books(store: Store, acknowledged: Deposits) -> None:
    """Every invariant holds, and what came in is what was acknowledged, each deposit once."""
    store.check_invariants()
    came = deposits(store)
    if came != acknowledged:
        odd = sorted(set(came.items()) ^ set(acknowledged.items()), key=str)
        raise Broken(f"deposits and what was acknowledged differ: {odd[:5]}")


def deposits(store: Store) -> Deposits:
    """Return what came in from outside: every deposit that was ever taken."""
    with psycopg.connect(store.owner_url) as connection:
        rows = connection.execute(DEPOSITS).fetchall()
    return {id: (unit, Decimal(amount)) for id, unit, amount in rows}


def _examples(
    cases: Any, send_case: Callable[[Case[Any]], None], number: int, dice: random.Random
) -> None:
    @hypothesis.seed(dice.getrandbits(64))
    @hypothesis.settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(cases)
    def attempt(case: Case[Any]) -> None:
        send_case(case)

    # There is no wrong way to call what takes nothing.
    with contextlib.suppress(hypothesis.errors.Unsatisfiable):
        attempt()


def _read(found: Any) -> Any:
    """Return an operation of the document; raises Broken where it says nothing sensible of it."""
    if not isinstance(found, Ok):
        raise Broken(f"the OpenAPI document is wrong: {found.err()}")
    return found.ok()


def _kept_home(body: Any) -> Any:
    """Return a body that names no address beyond this machine."""
    match body:
        case dict():
            return {
                name: "http://127.0.0.1/" if name == "url" and value else _kept_home(value)
                for name, value in body.items()
            }
        case list():
            return [_kept_home(each) for each in body]
        case _:
            return body


def _type(headers: Mapping[str, Any]) -> str:
    """Return the content type, which Schemathesis has in a list."""
    told: str | Sequence[str] = headers.get("content-type") or ""
    return told if isinstance(told, str) else told[0]


def _codes(kind: type[MainsError]) -> set[str]:
    return {kind.code}.union(*(_codes(each) for each in kind.__subclasses__()))


CODES: Final = frozenset(_codes(MainsError))
