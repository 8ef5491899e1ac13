"""The lock: every package pinned and hashed, no download address, agreeing with pyproject.toml.

`python -m tools.lock` prints each breach on a line of its own and exits 1 when there is one.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

LOCK: Final = Path("requirements.lock")
PROJECT: Final = Path("pyproject.toml")
HASH: Final = re.compile(r"--hash=sha256:[0-9a-f]{64}")
ADDRESS: Final = re.compile(r"://|\bwww\.|--(extra-)?index-url|--find-links|--trusted-host| @ ")


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of the lock: its requirement and how many hashes it carries."""

    requirement: Requirement
    hashes: int

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str | None:
        """The one version that is pinned, or None when the entry allows several."""
        match list(self.requirement.specifier):
            case [single] if single.operator == "==" and "*" not in single.version:
                return single.version
            case _:
                return None


def main() -> int:
    breaches = judge(LOCK.read_text(encoding="utf-8"), PROJECT.read_text(encoding="utf-8"))
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


def judge(lock: str, project: str) -> list[str]:
    """Return one sentence for each breach of the lock, or of its agreement with the project."""
    return [*_judge_text(lock), *_judge_pins(lock), *_judge_agreement(lock, project)]


def entries(lock: str) -> Iterator[str]:
    """Yield each entry of the lock as one line, its continuation lines joined."""
    for line in lock.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def pins(lock: str) -> list[Pin]:
    """Return the entries that can be read; the others are breaches of `judge`."""
    found = []
    for entry in entries(lock):
        try:
            requirement = Requirement(entry.split(" --hash", 1)[0])
        except InvalidRequirement:
            continue
        found.append(Pin(requirement, len(HASH.findall(entry))))
    return found


def wanted(project: str) -> list[Requirement]:
    """Return what pyproject.toml asks for: dependencies, build tools and the dev group."""
    table = tomllib.loads(project)
    return [
        Requirement(text)
        for text in (
            *table["project"]["dependencies"],
            *table["build-system"]["requires"],
            *table["dependency-groups"]["dev"],
        )
    ]


def _judge_text(lock: str) -> Iterator[str]:
    for number, line in enumerate(lock.splitlines(), 1):
        if ADDRESS.search(line):
            yield f"{LOCK}:{number}: names a download address"
    unreadable = len(list(entries(lock))) - len(pins(lock))
    if unreadable:
        yield f"{LOCK}: {unreadable} entries can't be read"


def _judge_pins(lock: str) -> Iterator[str]:
    for pin in pins(lock):
        if pin.version is None:
            yield f"{LOCK}: {pin.name} is not pinned to one version"
        if pin.hashes == 0:
            yield f"{LOCK}: {pin.name} has no sha256 hash"


def _judge_agreement(lock: str, project: str) -> Iterator[str]:
    locked = {pin.name: pin for pin in pins(lock)}
    for requirement in wanted(project):
        pin = locked.get(canonicalize_name(requirement.name))
        if pin is None:
            yield f"{LOCK}: {requirement.name} is missing; run `make lock`"
        elif pin.version and not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{LOCK}: {requirement.name} {pin.version} is not {requirement.specifier}"


if __name__ == "__main__":
    sys.exit(main())
