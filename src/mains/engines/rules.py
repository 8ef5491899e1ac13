"""What every engine decides alike; pure, and free of third-party imports.

States are plain words here (the values of wire's RunState), because the supervisor of the process
engine imports this module and must start fast.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

FINAL_WORDS: Final = frozenset({"succeeded", "failed", "cancelled", "timed_out", "lost"})

STATE_BY_STOP_REASON: Final = {"cancelled": "cancelled", "stale": "lost", "lost": "lost"}


def attempt_state(task_states: Sequence[str]) -> str:
    """Return the state of an attempt whose tasks have all ended, none of them by its own limit.

    One failed task fails the attempt; cancelled tasks beside succeeded ones do not.
    """
    for word in ("lost", "failed", "timed_out"):
        if word in task_states:
            return word
    return "succeeded" if "succeeded" in task_states or not task_states else "cancelled"


def output_is_wanted(path: str, *, patterns: Iterable[str]) -> bool:
    """Tell whether a relative path matches a pattern: `*` stays in a folder, `**` crosses them."""
    return any(_pattern(pattern).fullmatch(path) for pattern in patterns)


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    text = pattern.removeprefix("./")
    if text.endswith("/"):
        text += "**"
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", text)
    pieces = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(pieces.get(part, re.escape(part)) for part in parts), re.DOTALL)
