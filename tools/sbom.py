"""The bill of materials: every package of the lock as CycloneDX, the same text for the same lock.

`docs/reference/sbom.cdx.json` is written with the other reference pages. What mains itself needs
is required; what only builds, checks and measures it is excluded.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mains import __version__

LOCK: Final = Path("requirements.lock")
SPACE: Final = UUID("01920000-0000-7000-8000-736266d00000")
PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
EXTRAS: Final[Mapping[str, Sequence[str]]] = {
    "psycopg": ("binary", "pool"),
    "securesystemslib": ("crypto",),
}
"""Extras that mains asks for."""

PLATFORM: Final = {"python_version": "3.11", "sys_platform": "linux", "os_name": "posix"}
"""The bill is that of the oldest Python that is supported, wherever it is written."""

LICENCE_CHARACTERS_MAX: Final = 100
"""Some packages give the whole text where its name belongs."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """One package of the lock; a wheel for each platform has a hash of its own."""

    name: str
    version: str
    hashes: tuple[str, ...]


def page(lock: str) -> str:
    """Return the bill of a lock, as JSON."""
    needed = needed_by_mains()
    bom = Bom(
        components=[_component(each, needed) for each in packages(lock)],
        serial_number=uuid5(SPACE, lock),
    )
    root = Component(
        name="mains", version=__version__, type=ComponentType.APPLICATION, bom_ref="mains"
    )
    bom.metadata.component = root
    bom.register_dependency(root, [each for each in bom.components if _is_required(each)])
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    # The time of writing would differ each time, and says nothing of the lock.
    document["metadata"].pop("timestamp", None)
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _is_required(component: Component) -> bool:
    return component.scope is ComponentScope.REQUIRED


def packages(lock: str) -> Iterator[Pinned]:
    """Yield the packages of a lock in its order."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock)
    for entry in entries:
        if match := PINNED.match(entry):
            yield Pinned(match[1], match[2], tuple(sorted(HASH.findall(entry))))


def needed_by_mains() -> frozenset[str]:
    """Return the names of what mains needs when it runs, and what that needs, here."""
    found: set[str] = set()
    waiting = [*_requirements("mains")]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _requirements(name)
    return frozenset(found)


def _requirements(name: str) -> Iterator[str]:
    try:
        told = requires(name) or ()
    except PackageNotFoundError:
        return
    for text in told:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(
            marker.evaluate({**PLATFORM, "extra": extra}) for extra in ("", *EXTRAS.get(name, ()))
        ):
            yield canonicalize_name(requirement.name)


def _component(pinned: Pinned, needed: frozenset[str]) -> Component:
    name = canonicalize_name(pinned.name)
    return Component(
        name=name,
        version=pinned.version,
        type=ComponentType.LIBRARY,
        scope=ComponentScope.REQUIRED if name in needed else ComponentScope.EXCLUDED,
        purl=PackageURL("pypi", name=name, version=pinned.version),
        bom_ref=f"{name}=={pinned.version}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in pinned.hashes],
        licenses=[
            LicenseFactory().make_from_string(each) for each in sorted(_licences(pinned.name))
        ],
    )


def _licences(name: str) -> set[str]:
    """Return the licence that a package states; nothing for one that is not installed here."""
    try:
        metadata = distribution(name).metadata
    except PackageNotFoundError:
        return set()
    fields = [*(metadata.get_all("License-Expression") or ()), *(metadata.get_all("License") or ())]
    stated = fields[0] if fields else ""
    if stated and "\n" not in stated and len(stated) <= LICENCE_CHARACTERS_MAX:
        return {stated}
    classifiers = metadata.get_all("Classifier") or ()
    return {each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: OSI")}


if __name__ == "__main__":
    sys.stdout.write(page(LOCK.read_text("utf-8")))
