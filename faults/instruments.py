"""The ledger's functions with a switch before every statement: to die there, or to dawdle."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
from pglast.parser import scan

from faults.stores import Store

FUNCTIONS: Final = """
SELECT p.proname, pg_get_functiondef(p.oid)
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = 'ledger' AND p.prokind = 'f' ORDER BY p.proname, p.oid
"""
OPENERS: Final = frozenset({"begin", "then", "else", "loop", ";"})
"""After these a statement begins, unless the next word closes a block."""
CLOSERS: Final = frozenset({"end", "else", "elsif", "exception", "when", "raise"})
"""What ends a block; and a RAISE, for it undoes the transaction as a crash does."""
CRASHES: Final = """
CREATE TABLE public.crash (point integer);
INSERT INTO public.crash VALUES (0);
CREATE SEQUENCE public.crash_shots;
CREATE FUNCTION public.switch_here(here integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF here = (SELECT point FROM crash) AND nextval('crash_shots') = 1 THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
        -- The signal is seen at the next chance to be interrupted.
        PERFORM pg_sleep(10);
    END IF;
    RETURN false;
END $$;
GRANT EXECUTE ON FUNCTION public.switch_here TO PUBLIC;
"""
PAUSES: Final = """
CREATE FUNCTION public.switch_here(here integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.08 THEN
        PERFORM pg_sleep(random() * 0.003);
    END IF;
    RETURN false;
END $$;
GRANT EXECUTE ON FUNCTION public.switch_here TO PUBLIC;
"""
"""In slow motion two calls meet between any two statements of theirs."""


@dataclass(frozen=True, slots=True)
class Point:
    """One statement before which a backend can be made to die."""

    number: int
    function: str
    line: int
    statement: str


def instrument(store: Store, switches: str) -> list[Point]:
    """Put a switch before every statement of the ledger's functions; returns where they are."""
    points: list[Point] = []
    with psycopg.connect(store.superuser_on_its_own, autocommit=True) as connection:
        connection.execute(switches.encode())
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
                switch = f"IF public.switch_here({len(points)}) THEN NULL; END IF; "
                made += f"{body[end:at]}{switch}"
                end = at
            connection.execute(f"{text[:first]}{made}{body[end:]}{text[last:]}".encode())
    return points


def body_of(text: str) -> tuple[int, int]:
    """Return where the body of a function's definition begins and ends."""
    marker = "$function$"
    return text.index(marker) + len(marker), text.rindex(marker)


def starts(body: str) -> Iterator[int]:
    """Yield where each statement of a PL/pgSQL body begins, and the end of one that reaches it.

    Expressions by CASE are passed over.
    """
    tokens = scan(body)
    words = [body[token.start : token.end + 1].lower() for token in tokens]
    begun = words.index("begin")
    cases = 0
    last = ""
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
            last = " ".join(words[at + 1 : at + 3])
    if not last.startswith("return ") or last in ("return query", "return next"):
        yield tokens[len(words) - 1 - words[::-1].index("end")].start
