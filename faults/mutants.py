"""Mutants of the ledger's SQL: each is one small mistake, and the campaigns or tests must see it.

Mutants are made from the functions and checks of the newest schema by their tokens. One that a
short, judged run of operations does not find goes to the ledger's own tests.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import psycopg
from pglast.parser import Token, scan
from psycopg import errors

from faults.campaign import FAULTS, Broken, Share, chance
from faults.instruments import FUNCTIONS, PAUSES, body_of, instrument
from faults.operations import a_round
from faults.stores import Store, a_store

MUTANTS: Final = 80
KILLED_PERCENT_MIN: Final = 95
"""Of all shares together, as recorded."""

ALIVE_MAX: Final = 1
"""In one share, which has too few for a percentage."""

ROUNDS: Final[tuple[Mapping[str, Any], ...]] = (
    {"operations": 700, "funds": 2_000},
    {"operations": 700, "funds": 12_000},
    {"operations": 1_000, "funds": 12_000, "callers": 12, "recent": 12},
)
"""Scarce money, then ample, then a crowd in slow motion, whose calls meet at every statement."""
ROUND_SECONDS_MAX: Final = 60
TESTS_SECONDS_MAX: Final = 400
CHECKS: Final = """
SELECT c.conrelid::regclass::text, c.conname
FROM pg_constraint AS c JOIN pg_namespace AS n ON n.oid = c.connamespace
WHERE n.nspname = 'ledger' AND c.contype = 'c' AND c.conrelid <> 0 ORDER BY 1, 2
"""
SWAPS: Final[Mapping[str, str]] = {
    "<=": "<",
    "<": "<=",
    ">=": ">",
    ">": ">=",
    "=": "<>",
    "<>": "=",
    "+": "-",
    "-": "+",
    "and": "OR",
    "or": "AND",
    "not": "",
    "least": "greatest",
    "greatest": "least",
    "sum": "max",
    "skip": "NOWAIT --",
    "true": "false",
}
DEEPER: Final = ("(", "[", "case")
SHALLOWER: Final = (")", "]", "end")
WHERE_ENDS: Final = (";", "order", "group", "limit", "for", "returning", "union", "loop", "on")
SHOCKS: Final = (TimeoutError, LookupError, ValueError, TypeError)
"""What a caller trips over when answers have the wrong number or form."""
EQUIVALENT: Final[Mapping[str, str]] = {
    "place_in_order 11.417: 1 -> 2": "what is selected into variables is the first row alone",
    "place 37.1468: >= -> >": "a batch that fits exactly is decided one by one, with equal answers",
    "transfer 36.1644: > -> >=": "what equals the room was placed before",
    "capture 45.1870: > -> >=": "posting nothing posts nothing",
    "capture 58.2463: > -> >=": "closing nothing closes nothing",
    "capture_moves 14.679: AND -> OR": "what is not captured raises no charge",
    "place 42.1666: l.hold_id = ANY (fresh) -> true": "more is decided one by one, equally",
    "post 26.1027: side.account_id IS NOT NULL -> true": "no account has the id that is none",
    "decide 24.1063: < -> <=": "a sequence that is equal was decided before",
    **dict.fromkeys(
        (
            "transfer 8.195: AND -> OR",
            "transfer 8.165: a.id IN (debit_id, credit_id) -> true",
            "transfer 8.199: a.limited -> true",
            "capture 11.220: h.id IN ( SELECT d.hold_id FROM unnest(draw_ids, finals) AS r "
            "(id, final) JOIN draw AS d ON d.id = r.id WHERE r.final ) -> true",
            "capture 13.354: r.final -> true",
            "capture 27.1058: a.limited -> true",
            "capture 27.1072: a.id IN ( SELECT l.account_id FROM draw AS d JOIN leg AS l ON "
            "l.hold_id = d.hold_id WHERE d.id = ANY (draw_ids) ) -> true",
            "close_draws 7.105: h.id IN (SELECT d.hold_id FROM draw AS d WHERE d.id = ANY "
            "(draw_ids)) -> true",
            "close_draws 7.152: d.id = ANY (draw_ids) -> true",
            "close_draws 9.247: d.id = ANY (draw_ids) -> true",
            "close_holds 6.100: h.id = ANY (hold_ids) -> true",
            "open_draws 9.157: h.id = ANY (hold_ids) -> true",
        ),
        "it locks more than it needs, and answers the same",
    ),
}
"""Mutants that no caller can tell from the original, with the reason."""


class Fate(StrEnum):
    """What became of a mutant; all but the last three are kills."""

    SEEN = "killed by operations"
    FAILED = "killed by tests"
    STUCK = "killed by time"
    ALIVE = "alive"
    EQUIVALENT = "equivalent"
    STILLBORN = "no valid SQL"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: its name says where and what, its SQL makes it."""

    name: str
    sql: str


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Try this share of the mutants; raises Broken where too many are not seen.

    The ledger as it is goes first, through the same runs and limits: what they find there is no
    mutant's mistake. A mutant that is no valid SQL is counted apart, for anything would see it.
    """
    with a_store() as store:
        _check_control(store, seed)
        counts = dict.fromkeys(("mutants", *Fate), 0)
        survivors = []
        for mutant in chosen(list(mutants_of(store.owner_url)), seed, share):
            fate = Fate.EQUIVALENT if mutant.name in EQUIVALENT else fate_of(mutant, store, seed)
            counts["mutants"] += 1
            counts[fate] += 1
            if fate is Fate.ALIVE:
                survivors.append(mutant.name)
    judged = counts["mutants"] - counts[Fate.STILLBORN] - counts[Fate.EQUIVALENT]
    killed = judged - len(survivors)
    if len(survivors) > ALIVE_MAX:
        raise Broken(f"{killed} of {judged} killed; alive: {'; '.join(survivors)}")
    if survivors:
        print(f"  alive: {'; '.join(survivors)}")
    return counts


def _check_control(store: Store, seed: int) -> None:
    """Raise Broken where the ledger without a mistake does not pass what mutants have to."""
    control = Mutant("control", "SELECT 1")
    fate = fate_of(control, store, seed)
    if fate is not Fate.ALIVE:
        raise Broken(f"the ledger as it is was {fate}, so that this proves nothing of mutants")


def chosen(mutants: Sequence[Mutant], seed: int, share: Share) -> list[Mutant]:
    """Return this share's part of the sample that the seed draws from all."""
    sample = chance(seed, "mutants").sample(mutants, min(MUTANTS, len(mutants)))
    return [sample[index] for index in share.part(len(sample))]


def mutants_of(owner_url: str) -> Iterator[Mutant]:
    """Yield every mutant of the schema's functions and checks."""
    with psycopg.connect(owner_url) as connection:
        functions = connection.execute(FUNCTIONS).fetchall()
        checks = connection.execute(CHECKS).fetchall()
    for name, text in functions:
        yield from _of_function(name, text)
    for table, check in checks:
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {check}"
        yield Mutant(f"{table}: no check {check}", drop)


def fate_of(mutant: Mutant, store: Store, seed: int) -> Fate:
    """Return what became of a mutant in short runs of operations, then in the ledger's tests."""
    for number, about in enumerate(ROUNDS):
        with store.copy(f"mutant_{number}") as copied:
            try:
                _install(mutant, copied)
            except psycopg.Error:
                return Fate.STILLBORN
            if "callers" in about:
                instrument(copied, PAUSES)
            making = a_round(copied, chance(seed, f"{mutant.name} {number}"), **about)
            try:
                asyncio.run(asyncio.wait_for(making, ROUND_SECONDS_MAX))
                copied.check_invariants(("ledger",))
            except TimeoutError:
                return Fate.STUCK
            except psycopg.Error as error:
                return Fate.STILLBORN if _is_no_sql(error) else Fate.SEEN
            except (*FAULTS, *SHOCKS):
                return Fate.SEEN
    return _fate_in_tests(mutant)


def _fate_in_tests(mutant: Mutant) -> Fate:
    """Return whether a test of the ledger fails on a schema with the mistake."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as patch:
        patch.write(mutant.sql)
        patch.flush()
        command = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not deep"]
        try:
            done = subprocess.run(
                [sys.executable, *command, "tests/ledger", "tests/metering"],
                env={**os.environ, "SCHEMA_PATCH": patch.name},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=TESTS_SECONDS_MAX,
                cwd=Path(__file__).parent.parent,
            )
        except subprocess.TimeoutExpired:
            return Fate.STUCK
    match done.returncode:
        case 0:
            return Fate.ALIVE
        case 1:
            return Fate.FAILED
        case other:
            raise Broken(f"the tests could not be run, pytest ended with {other}: {done.stdout}")


def _is_no_sql(error: psycopg.Error) -> bool:
    """Say whether a statement has no meaning: wrong syntax, types or names, but not rights."""
    state = error.sqlstate or ""
    return state.startswith("42") and state != errors.InsufficientPrivilege.sqlstate


def _install(mutant: Mutant, store: Store) -> None:
    with psycopg.connect(store.owner_url, autocommit=True) as connection:
        connection.execute(mutant.sql.encode())


def _of_function(name: str, text: str) -> Iterator[Mutant]:
    """Yield the function with one token changed, for each token that can be."""
    first, last = body_of(text)
    body = text[first:last]
    tokens = scan(body)
    for at, token in enumerate(tokens):
        for start, end, instead in _changes(body, tokens, at, token):
            changed = f"{body[:start]}{instead}{body[end:]}"
            line = body.count("\n", 0, start) + 1
            was = " ".join(body[start:end].split())
            label = f"{name} {line}.{start}: {was} -> {instead.strip() or 'nothing'}"
            yield Mutant(label, f"{text[:first]}{changed}{text[last:]}")


def _changes(
    body: str, tokens: Sequence[Token], at: int, token: Token
) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and replacement of what can be changed at a token."""
    word = body[token.start : token.end + 1].lower()
    if word in SWAPS:
        yield token.start, token.end + 1, SWAPS[word]
    if token.name == "ICONST" and body[tokens[at - 1].start : token.start].strip() != "PERFORM":
        yield token.start, token.end + 1, str(int(word) + 1)
    if word == "for" and _words(body, tokens, at, 4) == ["for", "no", "key", "update"]:
        yield token.start, tokens[at + 3].end + 1, " "
    if word == "order" and _words(body, tokens, at, 2) == ["order", "by"]:
        close = at + 4 if body[tokens[at + 3].start] == "." else at + 2
        yield tokens[close].end + 1, tokens[close].end + 1, " DESC"
    if word == "on" and _words(body, tokens, at, 2) == ["on", "conflict"]:
        end = next(i for i in range(at, len(tokens)) if _words(body, tokens, i, 1) == ["nothing"])
        yield token.start, tokens[end].end + 1, " "
    if word == "where":
        for first, last in _conjuncts(body, tokens, at + 1):
            yield tokens[first].start, tokens[last].end + 1, "true"
    if word == "perform":
        end = next(i for i in range(at, len(tokens)) if body[tokens[i].start] == ";")
        yield token.start, tokens[end].start, "NULL"


def _conjuncts(body: str, tokens: Sequence[Token], at: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last token of each condition of a WHERE, those that AND puts together."""
    depth, first = 0, at
    for here in range(at, len(tokens)):
        [word] = _words(body, tokens, here, 1)
        if depth == 0 and word in (*WHERE_ENDS, "and", ")", "end"):
            yield first, here - 1
            if word != "and":
                return
            first = here + 1
        depth += (word in DEEPER) - (word in SHALLOWER)


def _words(body: str, tokens: Sequence[Token], at: int, count: int) -> list[str]:
    return [body[token.start : token.end + 1].lower() for token in tokens[at : at + count]]
