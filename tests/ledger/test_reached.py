"""Every RETURN and RAISE of the ledger's SQL is reached by a named test, and this proves it.

The functions are replaced by copies that draw from a sequence before each such statement, for
sequences outlive a rollback; then the other modules' tests run against them.
"""

import inspect
import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import psycopg
import pytest

from mains.db import Database, migrations
from mains.ledger.values import (
    CaptureOutcome,
    CloseOutcome,
    DrawOutcome,
    HoldOutcome,
    TransferOutcome,
)
from tests.ledger import test_accounts, test_captures, test_draws, test_holds
from tests.ledger.builders import City

pytestmark = pytest.mark.anyio

MODULES: Final = (test_holds, test_accounts, test_draws, test_captures)
FILES: Final = ("ledger", "draws")
SITES_MIN: Final = 40
RETURNED_BY_FUNCTION: Final = {
    "transfer": {*TransferOutcome, "overfull"},
    "place": {*HoldOutcome},
    "open_draws": {*DrawOutcome} - {"no_room", "hold_closed"},
    "open_in_order": {"no_room", "hold_closed"},
    "decide": {*CaptureOutcome},
    "close_draws": {*CloseOutcome},
    "close_holds": {"closed", "replayed", "draws_open", "unknown"},
}

_FUNCTION = re.compile(
    r"CREATE FUNCTION ledger\.(\w+)\([^$]*LANGUAGE plpgsql[^$]*AS \$\$\n([^$]*)END \$\$;"
)
_SITE = re.compile(r"^ +(RETURN|RAISE EXCEPTION)\b", re.MULTILINE)
_OUTCOME = re.compile(r"(?:THEN|ELSE|SELECT|SELECT r\.id,)\s+'([a-z_]+)'(?!::)")


@dataclass(frozen=True)
class Site:
    """A RETURN or RAISE: the function, which one of it, and its text."""

    function: str
    number: int
    text: str

    @property
    def sequence(self) -> str:
        return f"reached.{self.function}_{self.number}"


@dataclass(frozen=True)
class Scenario:
    """A test of another module, ready to be run on a given city."""

    test: Callable[..., Coroutine[Any, Any, None]]
    city_parameter: str
    case: dict[str, object]

    async def run(self, city: City) -> None:
        await self.test(**{self.city_parameter: city}, **self.case)


def functions() -> Iterator[re.Match[str]]:
    for migration in migrations.migrations():
        if migration.name in FILES:
            yield from _FUNCTION.finditer(migration.text.decode())


def sites() -> list[Site]:
    return [
        Site(function[1], number, function[2][site.start() :].strip().split("\n")[0])
        for function in functions()
        for number, site in enumerate(_SITE.finditer(function[2]))
    ]


def with_tracing(function: re.Match[str]) -> str:
    numbers = iter(range(1_000))

    def draw_first(site: re.Match[str]) -> str:
        sequence = Site(function[1], next(numbers), "").sequence
        return f"    PERFORM nextval('{sequence}');\n{site[0]}"

    body = _SITE.sub(draw_first, function[2])
    return (
        function[0]
        .replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        .replace(function[2], body)
    )


@pytest.fixture
async def traced(owner_url: str, database: Database) -> Database:
    with psycopg.connect(owner_url) as owner:
        owner.execute("CREATE SCHEMA reached; GRANT USAGE ON SCHEMA reached TO PUBLIC")
        for site in sites():
            owner.execute(
                f"CREATE SEQUENCE {site.sequence}; GRANT ALL ON {site.sequence} TO PUBLIC".encode()
            )
        for function in functions():
            owner.execute(with_tracing(function).encode())
    return database


def scenarios() -> list[tuple[str, Scenario]]:
    """Return all scenarios, those first that want a ledger to themselves."""
    found = [each for module in MODULES for each in scenarios_of(module)]
    return sorted(found, key=lambda each: each[1].city_parameter != "lone_city")


def scenarios_of(module: ModuleType) -> Iterator[tuple[str, Scenario]]:
    """Yield the module's tests that need nothing but a city, once per set of parameters."""
    for name, test in inspect.getmembers(module, inspect.iscoroutinefunction):
        parameters = set(inspect.signature(test).parameters)
        if not name.startswith("test_"):
            continue
        cases: list[dict[str, object]] = [{}]
        for mark in getattr(test, "pytestmark", []):
            if mark.name == "parametrize":
                cases = [{**case, **more} for case in cases for more in parameters_of(mark)]
        (city,) = parameters - set(cases[0])
        for case in cases:
            yield f"{module.__name__}::{name}", Scenario(test, city, case)


def parameters_of(mark: pytest.Mark) -> list[dict[str, object]]:
    names, rows = mark.args[0], mark.args[1]
    if isinstance(names, str):
        return [{names: row} for row in rows]
    return [dict(zip(names, row, strict=True)) for row in rows]


async def test_every_return_and_raise_is_reached_by_a_named_test(
    traced: Database, owner_url: str
) -> None:
    reached: dict[str, str] = {}
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for name, scenario in scenarios():
            await scenario.run(await City.with_room(traced, owner_url))
            for row in owner.execute(
                """SELECT schemaname || '.' || sequencename FROM pg_sequences
                   WHERE schemaname = 'reached' AND last_value IS NOT NULL"""
            ):
                reached.setdefault(row[0], name)
    assert [site for site in sites() if site.sequence not in reached] == []
    assert len(sites()) > SITES_MIN


def test_every_outcome_in_the_sql_is_one_that_callers_know_and_tests_assert() -> None:
    sources = "".join(inspect.getsource(module) for module in MODULES)
    bodies = {function[1]: function[2] for function in functions()}
    for name, known in RETURNED_BY_FUNCTION.items():
        assert set(_OUTCOME.findall(bodies[name])) - {"overrun", "absorb"} == known, name
        for outcome in known:
            if isinstance(outcome, str) and hasattr(outcome, "name"):
                assert f"{type(outcome).__name__}.{outcome.name}" in sources
