"""The dependency audit and the bill of materials, on locks and answers made here."""

import json
import re
from typing import Any, Final

from tools.audit import ACCEPTED, findings, summary
from tools.sbom import LOCK, packages, page

AUDITED: Final[list[dict[str, Any]]] = [
    {"name": "sound", "version": "1", "vulns": []},
    {
        "name": "broken",
        "version": "2",
        "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.1"]}],
    },
    {"name": "unknown", "skip_reason": "not found"},
]


def test_a_finding_names_the_package_and_what_mends_it() -> None:
    assert findings(AUDITED) == ["broken 2: PYSEC-1, mended in 2.1"]


def test_what_was_not_audited_is_said() -> None:
    assert summary(AUDITED) == "audited: 2 of 3 packages; not audited: 1, unknown there"
    assert summary(AUDITED[:2]) == "audited: 2 of 2 packages"


def test_nothing_is_accepted_without_a_reason() -> None:
    assert all(len(reason) > 20 for reason in ACCEPTED.values())


def test_the_bill_has_every_package_of_the_lock_with_its_hashes() -> None:
    lock = LOCK.read_text("utf-8")
    bill = json.loads(page(lock))
    listed = {
        (each["name"], each["version"]): {found["content"] for found in each["hashes"]}
        for each in bill["components"]
    }
    for pinned in packages(lock):
        assert listed[pinned.name.replace("_", "-").lower(), pinned.version] == set(pinned.hashes)
    assert len(listed) == len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE))
    scopes = {each["name"]: each["scope"] for each in bill["components"]}
    assert (scopes["fastapi"], scopes["psycopg-binary"]) == ("required", "required")
    assert (scopes["pytest"], scopes["ruff"]) == ("excluded", "excluded")


def test_the_same_lock_makes_the_same_bill() -> None:
    lock = 'sound==1.0 ; python_version < "4" \\\n    --hash=sha256:' + "0" * 64 + "\n"
    assert page(lock) == page(lock)
    assert json.loads(page(lock))["components"][0]["purl"] == "pkg:pypi/sound@1.0"
