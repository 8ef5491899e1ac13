"""A simulated city under faults, seed after seed: 20,000 cities in all."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from tests.simulation.world import Broken as CityBroken
from tests.simulation.world import simulate

from faults.campaign import Broken, Share, chance

CITIES: Final = 20_000
SEED_BITS: Final = 48


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Simulate this share's cities; raises Broken with the city's own seed and its last events."""
    random = chance(seed, f"simulation {share}")
    counts: Counter[str] = Counter()
    for _ in share.part(CITIES):
        try:
            counts.update(simulate(random.getrandbits(SEED_BITS)).counts)
        except CityBroken as error:
            raise Broken(str(error)) from error
        counts["cities"] += 1
    return counts
