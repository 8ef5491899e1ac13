"""Every statement of the ledger's functions as a crash point: the backend dies before it.

Dying before a statement is dying after the one ahead of it; what a lost answer to COMMIT does is
for `cuts`. The functions are instrumented by their tokens, in a database of the campaign's own.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import psycopg

from faults.campaign import Broken, Share, chance
from faults.instruments import CRASHES, Point, instrument
from faults.operations import a_round
from faults.stores import Store, a_store

ROUNDS: Final = (80, 400, 1_500, 6_000)
"""Operations: a statement that few calls reach needs a longer round."""
FUNDS: Final = 6_000
CALLERS: Final = 4
UNREACHED: Final[Mapping[str, str]] = {
    "legs_valid: RETURN false": "no caller asks for such legs; tests/ledger/test_checks.py does",
    "within: RETURN false": "no caller asks for more parts than bounds; test_checks.py does",
    "rates_valid: RETURN false": "no caller asks for such rates; tests/ledger/test_checks.py does",
    "transfer: RETURN QUERY SELECT 'overfull'": "tests/ledger/test_accounts.py fills an account",
}
"""Statements that no round reaches, and what does."""

AIM: Final = "UPDATE public.crash SET point = %s"
RELOAD: Final = "SELECT setval('public.crash_shots', 1, false)"
SHOTS: Final = "SELECT is_called FROM public.crash_shots"


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Crash at this share's statements while callers work; their history must be explained."""
    counts = {"points": 0, "crashes": 0, "unreached": 0, "operations": 0}
    with a_store() as store:
        points = instrument(store, CRASHES)
        for index in share.part(len(points)):
            point = points[index]
            counts["points"] += 1
            crashed, operations = crash_at(store, point, seed)
            counts["operations"] += operations
            counts["crashes"] += crashed
            if not (crashed or _may_be_unreached(point)):
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


def _may_be_unreached(point: Point) -> bool:
    return any(f"{point.function}: {point.statement}".startswith(each) for each in UNREACHED)
