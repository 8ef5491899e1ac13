"""Vendored scripts are the files that the registry has, with their licences beside them."""

import hashlib
import json
from pathlib import Path

VENDORED = Path("src/mains/console/static/vendor")
MANIFEST = json.loads((VENDORED / "manifest.json").read_text("utf-8"))


def test_every_vendored_script_is_the_one_that_the_manifest_pins() -> None:
    scripts = {path.name for path in VENDORED.glob("*.js")}
    assert scripts == set(MANIFEST)
    for name, pinned in MANIFEST.items():
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == pinned["sha256"]
        assert pinned["integrity"].startswith("sha512-")
        assert pinned["version"]


def test_every_vendored_script_has_its_licence_beside_it() -> None:
    kept = {file for pinned in MANIFEST.values() for file in pinned["licence_files"]}
    assert all((VENDORED / file).read_text("utf-8").strip() for file in kept)
    assert {path.name for path in VENDORED.iterdir()} == {*MANIFEST, *kept, "manifest.json"}
