"""`make bench`: every benchmark, or those named: `python -m bench jobs quotes`."""

import importlib
import sys
from typing import Final

ALL: Final = (
    "start",
    "quotes",
    "ledger",
    "jobs",
    "array",
    "placement",
    "process",
    "peers",
    "reports",
)


def main() -> None:
    for name in sys.argv[1:] or ALL:
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
