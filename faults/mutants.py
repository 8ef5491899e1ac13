"""Mutants of the ledger's SQL: each is one small mistake, and the campaigns or tests must see it.

Mutants are made from the functions and checks of the newest schema by their tokens. One that a
short, judged run of operations does not find goes to the ledger's own tests.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from pglast.parser import Token, scan

from faults.campaign import FAULTS, Broken, Share, chance
from faults.instruments import FUNCTIONS, PAUSES, body_of, instrument
from faults.operations import a_round
from faults.stores import Store, a_store

MUTANTS: Final = 80
KILLED_PERCENT_MIN: Final = 95
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
SHOCKS: Final = (TimeoutError, LookupError, ValueError, TypeError)
"""What a caller trips over when answers have the wrong number or form."""
EQUIVALENT: Final[Mapping[str, str]] = {
    "place_in_order 11: 1 -> 2": "what is selected into variables is the first row alone",
    "place 37: >= -> >": "a batch that fits exactly is decided one by one, with the same answers",
    "transfer 36: > -> >=": "what equals the room was placed before",
    "transfer 8: AND -> OR": "it locks more than it needs, and answers the same",
    "capture 58: > -> >=": "posting nothing posts nothing",
    "decide 24: < -> <=": "a sequence that is equal was decided before",
}
"""Mutants that no caller can tell from the original, with the reason; names without the column."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: its name says where and what, its SQL makes it."""

    name: str
    sql: str


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Try this share of the mutants; raises Broken where too many are not seen."""
    with a_store() as store:
        mutants = chosen(list(mutants_of(store.owner_url)), seed, share)
        survivors = []
        counts = {"mutants": 0, "killed by operations": 0, "killed by tests": 0, "equivalent": 0}
        for mutant in mutants:
            if re.sub(r"\.\d+:", ":", mutant.name) in EQUIVALENT:
                counts["equivalent"] += 1
                continue
            counts["mutants"] += 1
            if is_seen_by_operations(mutant, store, seed):
                counts["killed by operations"] += 1
            elif is_seen_by_tests(mutant):
                counts["killed by tests"] += 1
            else:
                survivors.append(mutant.name)
    killed = counts["mutants"] - len(survivors)
    if killed * 100 < KILLED_PERCENT_MIN * counts["mutants"]:
        raise Broken(f"{killed} of {counts['mutants']} killed; alive: {'; '.join(survivors)}")
    return {**counts, "alive": len(survivors)}


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


def is_seen_by_operations(mutant: Mutant, store: Store, seed: int) -> bool:
    """Return whether short runs of operations find the mistake; each has a database of its own."""
    for number, about in enumerate(ROUNDS):
        with store.copy(f"mutant_{number}") as copied:
            try:
                _apply(mutant, copied)
                if "callers" in about:
                    instrument(copied, PAUSES)
                making = a_round(copied, chance(seed, f"{mutant.name} {number}"), **about)
                asyncio.run(asyncio.wait_for(making, ROUND_SECONDS_MAX))
                copied.check_invariants(("ledger",))
            except (*FAULTS, *SHOCKS):
                return True
    return False


def is_seen_by_tests(mutant: Mutant) -> bool:
    """Return whether a test of the ledger fails on a schema with the mistake."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as patch:
        patch.write(mutant.sql)
        patch.flush()
        command = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not deep"]
        try:
            done = subprocess.run(
                [sys.executable, *command, "tests/ledger", "tests/metering"],
                env={**os.environ, "SCHEMA_PATCH": patch.name},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                timeout=TESTS_SECONDS_MAX,
                cwd=Path(__file__).parent.parent,
            )
        except subprocess.TimeoutExpired:
            return True
    return done.returncode != 0


def _apply(mutant: Mutant, store: Store) -> None:
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
    if word == "perform":
        end = next(i for i in range(at, len(tokens)) if body[tokens[i].start] == ";")
        yield token.start, tokens[end].start, "NULL"


def _words(body: str, tokens: Sequence[Token], at: int, count: int) -> list[str]:
    return [body[token.start : token.end + 1].lower() for token in tokens[at : at + count]]
