"""`make check`: runs every check, two at a time, and shows the output of those that fail.

`python -m tools.check lint types` runs only the named ones.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BIN: Final = Path(sys.executable).parent
PYTHON: Final = sys.executable
MIGRATIONS: Final = Path("src/mains/db/migrations")
AT_ONCE: Final = 2
ALWAYS_SHOWN: Final = frozenset({"audit"})
"""That nothing could be audited is no failure, and no secret either."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check ended."""

    name: str
    passed: bool
    seconds: float
    output: str


def checks() -> Mapping[str, Sequence[str]]:
    """Return the checks by name, slowest first, each as the command that it runs."""
    migrations = [str(path) for path in sorted(MIGRATIONS.glob("*.sql"))]
    return {
        "types": [str(BIN / "mypy")],
        "docs": [PYTHON, "-m", "tools.docs", "check"],
        "schema": [PYTHON, "-m", "mains.db.dump", "--check"],
        "imports": [str(BIN / "lint-imports"), "--no-cache"],
        "lint": [str(BIN / "ruff"), "check", "."],
        "format": [str(BIN / "ruff"), "format", "--check", "."],
        "migrations": [str(BIN / "squawk"), "--reporter", "gcc", *migrations],
        "tidy": [PYTHON, "-m", "tools.tidy"],
        "lock": [PYTHON, "-m", "tools.lock"],
        "audit": [PYTHON, "-m", "tools.audit"],
    }


def main(names: Sequence[str]) -> int:
    known = checks()
    if unknown := sorted(set(names) - set(known)):
        print(f"no such check: {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    chosen = {name: known[name] for name in known if not names or name in names}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda item: run(*item), chosen.items()))
    for outcome in outcomes:
        if not outcome.passed or outcome.name in ALWAYS_SHOWN:
            print(f"--- {outcome.name}\n{outcome.output.rstrip()}\n")
    for outcome in outcomes:
        verdict = "ok" if outcome.passed else "FAILED"
        print(f"  {outcome.name:<11} {verdict:<7} {outcome.seconds:5.1f} s")
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def run(name: str, command: Sequence[str]) -> Outcome:
    """Run one check to its end and return what it said."""
    begun = time.monotonic()
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(name, done.returncode == 0, time.monotonic() - begun, done.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
