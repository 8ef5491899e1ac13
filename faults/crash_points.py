"""Every statement of the ledger's functions as a crash point: the backend dies before it.

Dying before a statement is dying after the one ahead of it; what a lost answer to COMMIT does is
for `cuts`. The functions are instrumented by their tokens, in a database of the campaign's own.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import psycopg
from pglast.parser import scan

from faults.campaign import Broken, Share, chance
from faults.mutants import FUNCTIONS, body_of
from faults.operations import a_round
from faults.stores import Store, a_store

ROUNDS: Final = (80, 400, 1_500)
"""Operations: a statement that few calls reach needs a longer round."""
FUNDS: Final = 6_000
CALLERS: Final = 4
OPENERS: Final = frozenset({"begin", "then", "else", "loop", ";"})
"""After these a statement begins, unless the next word closes a block."""
CLOSERS: Final = frozenset({"end", "else", "elsif", "exception", "when", "raise"})
"""What ends a block; and a RAISE, for it undoes the transaction as a crash does."""
UNREACHED: Final[Mapping[str, str]] = {
    "legs_valid: RETURN false": "no caller asks for such legs; tests/ledger/test_checks.py does",
    "within: RETURN false": "no caller asks for more parts than bounds; test_checks.py does",
    "rates_valid: RETURN false": "no caller asks for such rates; tests/ledger/test_checks.py does",
    "transfer: RETURN QUERY SELECT 'overfull'": "tests/ledger/test_accounts.py fills an account",
}
"""Statements that no round reaches, and what does."""

SWITCH: Final = """
CREATE TABLE public.crash (point integer);
INSERT INTO public.crash VALUES (0);
CREATE SEQUENCE public.crash_shots;
CREATE FUNCTION public.crash_here(here integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF here = (SELECT point FROM crash) AND nextval('crash_shots') = 1 THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
        -- The signal is seen at the next chance to be interrupted.
        PERFORM pg_sleep(10);
    END IF;
    RETURN false;
END $$;
GRANT EXECUTE ON FUNCTION public.crash_here TO PUBLIC;
"""
AIM: Final = "UPDATE public.crash SET point = %s"
RELOAD: Final = "SELECT setval('public.crash_shots', 1, false)"
SHOTS: Final = "SELECT is_called FROM public.crash_shots"


@dataclass(frozen=True, slots=True)
class Point:
    """One statement before which a backend can be made to die."""

    number: int
    function: str
    line: int
    statement: str

    @property
    def may_be_unreached(self) -> bool:
        return any(f"{self.function}: {self.statement}".startswith(each) for each in UNREACHED)


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Crash at this share's statements while callers work; their history must be explained."""
    counts = {"points": 0, "crashes": 0, "unreached": 0, "operations": 0}
    with a_store() as store:
        points = instrument(store)
        for index in share.part(len(points)):
            point = points[index]
            counts["points"] += 1
            crashed, operations = crash_at(store, point, seed)
            counts["operations"] += operations
            counts["crashes"] += crashed
            if not (crashed or point.may_be_unreached):
                raise Broken(f"no round reaches {point}")
            counts["unreached"] += not crashed
        store.check_invariants(("ledger",))
    return counts


def crash_at(store: Store, point: Point, seed: int) -> tuple[bool, int]:
    """Let one backend die there while others work; returns whether it was reached."""
    done = 0
    with psycopg.connect(store.superuser_on_its_own, autocommit=True) as connection:
        connection.execute(RELOAD)
        connection.execute(AIM, [point.number])
        for operations in ROUNDS:
            dice = chance(seed, f"{point} {operations}")
            calls = asyncio.run(
                a_round(
                    store,
                    dice,
                    operations=operations,
                    funds=FUNDS,
                    callers=CALLERS,
                    through=store.app_url,
                )
            )
            done += sum(len(call.asked) for call in calls)
            row = connection.execute(SHOTS).fetchone()
            if row is not None and row[0]:
                return True, done
    return False, done


def instrument(store: Store) -> list[Point]:
    """Put a switch before every statement of the ledger's functions; returns where they are."""
    points: list[Point] = []
    with psycopg.connect(store.superuser_on_its_own, autocommit=True) as connection:
        connection.execute(SWITCH)
        for name, text in connection.execute(FUNCTIONS).fetchall():
            if "LANGUAGE plpgsql" not in text:
                continue
            first, last = body_of(text)
            body = text[first:last]
            made, end = "", 0
            for at in starts(body):
                line = body.count("\n", 0, at) + 1
                statement = " ".join(body[at:].partition(";")[0].split())
                points.append(Point(len(points) + 1, name, line, statement))
                # An IF leaves FOUND and the row count as they are, which PERFORM would not.
                switch = f"IF public.crash_here({len(points)}) THEN NULL; END IF; "
                made += f"{body[end:at]}{switch}"
                end = at
            connection.execute(f"{text[:first]}{made}{body[end:]}{text[last:]}".encode())
    return points


def starts(body: str) -> Iterator[int]:
    """Yield where each statement of a PL/pgSQL body begins; expressions by CASE are passed over."""
    tokens = scan(body)
    words = [body[token.start : token.end + 1].lower() for token in tokens]
    begun = words.index("begin")
    cases = 0
    for at in range(begun, len(tokens) - 1):
        word, following = words[at], words[at + 1]
        if word == "case":
            cases += 1
        elif word == "end" and cases:
            cases -= 1
            continue
        ends_loop = word == "loop" and words[at - 1] == "end"
        if word in OPENERS and not (cases or ends_loop) and following not in CLOSERS:
            yield tokens[at + 1].start
