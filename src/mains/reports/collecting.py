"""How often a process that reads looks for cycles of objects."""

from __future__ import annotations

import gc
from typing import Final

ALLOCATIONS_MIN: Final = 50_000
"""Python looks after each 700."""


def collect_rarely() -> None:
    """Make this process look for cycles once an article or so, not after every sentence.

    Each look at everything goes through all packs, of which nothing ever goes away; what a reading
    makes lives until its end.
    """
    gc.set_threshold(ALLOCATIONS_MIN)
