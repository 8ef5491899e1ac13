"""The dependency audit: known advisories against every package of the lock.

A finding fails, unless `ACCEPTED` says why it does no harm here. Where the advisories can't be
reached, or know nothing of a package, nothing was audited, and that is what is said: it is no
failure of the change, and no proof of anything either.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

LOCK: Final = Path("requirements.lock")
SECONDS_MAX: Final = 300
ACCEPTED: Final[Mapping[str, str]] = {}
"""Advisories by id, with the reason why they do no harm here."""


def main() -> int:
    command = [str(Path(sys.executable).parent / "pip-audit"), "--requirement", str(LOCK)]
    command += ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS_MAX
        )
        told: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        print("not audited: no advisories could be reached")
        return 0
    packages = told["dependencies"]
    print(summary(packages))
    open_findings = findings(packages)
    print("\n".join(open_findings))
    return 1 if open_findings else 0


def summary(packages: Iterable[Mapping[str, Any]]) -> str:
    """Return in a line how many packages were audited, and how many not."""
    known = list(packages)
    audited = sum("vulns" in package for package in known)
    left = "" if audited == len(known) else f"; not audited: {len(known) - audited}, unknown there"
    return f"audited: {audited} of {len(known)} packages{left}"


def findings(packages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the advisories that nobody has accepted, one line each, with what mends them."""
    return [
        f"{package['name']} {package['version']}: {found['id']}, mended in "
        f"{' or '.join(found['fix_versions']) or 'no version yet'}"
        for package in packages
        for found in package.get("vulns", ())
        if not {found["id"], *found.get("aliases", ())} & ACCEPTED.keys()
    ]


if __name__ == "__main__":
    sys.exit(main())
