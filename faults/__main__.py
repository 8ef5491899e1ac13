"""`make test-faults SHARE=k/8`: one share of every campaign, or of those named.

    python -m faults [--share 1/8] [--seed N] [CAMPAIGN ...]

A failure prints the line that repeats it.
"""

import argparse
import importlib
import secrets
import sys
from typing import Final, cast

from faults.campaign import SEED_BITS, SHARES, Campaign, Result, Share, keep, measured

CAMPAIGNS: Final[tuple[str, ...]] = (
    "operations",
    "crash_points",
    "cuts",
    "meters",
    "restore",
    "kills",
    "mutants",
    "simulation",
    "requests",
    "disks",
    "clocks",
)
"""In the order in which a share runs them."""


def main() -> None:
    asked = _asked()
    results = [_attacked(name, asked.share, asked.seed) for name in asked.campaigns or CAMPAIGNS]
    if any(result.broken for result in results):
        sys.exit(1)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--share", type=Share.parse, default=Share(1, SHARES))
    parser.add_argument("--seed", type=int, default=secrets.randbits(SEED_BITS))
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN")
    return parser.parse_args()


def _attacked(name: str, share: Share, seed: int) -> Result:
    again = f"python -m faults --share {share} --seed {seed} {name}"
    print(f"{name} {share}: {again}", flush=True)
    campaign = cast(Campaign, importlib.import_module(f"faults.{name}"))
    result = measured(name, campaign, share, seed)
    keep(result)
    counts = ", ".join(f"{count:,} {what}" for what, count in result.counts.items())
    print(f"  {result.seconds:.0f} s: {counts}")
    if result.broken:
        print(f"  BROKEN {result.broken}\n  repeat: {again}", file=sys.stderr)
    return result


if __name__ == "__main__":
    main()
