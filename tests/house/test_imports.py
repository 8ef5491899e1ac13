"""The second import contract names every folder, so that a new one can't slip past it."""

import tomllib
from pathlib import Path

OUTSIDE = {"agent", "engines", "cli"}
SHARED = {"wire", "blobs"}


def test_every_folder_is_either_shared_with_the_outside_or_forbidden_to_it() -> None:
    table = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    contracts = {each["id"]: each for each in table["tool"]["importlinter"]["contracts"]}
    forbidden = {name.removeprefix("mains.") for name in contracts["outside"]["forbidden_modules"]}
    folders = {path.parent.name for path in Path("src/mains").glob("*/__init__.py")}
    assert folders <= OUTSIDE | SHARED | forbidden
