"""500 connections cut during COMMIT by a proxy, and every caller asks again with the same ids."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Final

from faults.campaign import Broken, Share, chance
from faults.history import Told
from faults.operations import a_round
from faults.proxy import CUTS, proxied
from faults.stores import Store, a_store

CUTS_MIN: Final = 500
CUT_PERCENT: Final = 8
OPERATIONS: Final = 1_000
ROUNDS_MAX: Final = 20


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Cut this share's part of the connections; the history and the database must agree."""
    wanted = len(share.part(CUTS_MIN))
    counts: Counter[str] = Counter()
    with a_store() as store:
        for number in range(ROUNDS_MAX):
            counts += asyncio.run(_round(store, f"cuts {share} {number}", seed))
            if sum(counts[cut] for cut in CUTS) >= wanted:
                store.check_invariants(("ledger",))
                return counts
    raise Broken(f"only {counts} in {ROUNDS_MAX} rounds")


async def _round(store: Store, name: str, seed: int) -> Counter[str]:
    dice = chance(seed, name)
    async with proxied(store.app_url, dice=dice, percent=CUT_PERCENT) as (url, proxy):
        calls = await a_round(store, dice, operations=OPERATIONS, through=url)
    counts = Counter(proxy.cuts)
    counts["told unknown"] = sum(call.told is Told.UNKNOWN for call in calls)
    counts["told undone"] = sum(call.told is Told.NOTHING for call in calls)
    counts["operations"] = sum(len(call.asked) for call in calls)
    return counts
