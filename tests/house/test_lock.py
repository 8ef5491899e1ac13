"""The lock pins and hashes everything, names no address, and agrees with the project."""

from pathlib import Path

from tools import lock

HASH = f"--hash=sha256:{'0' * 64}"
PROJECT = """
[build-system]
requires = ["hatchling"]
[project]
dependencies = ["psycopg[binary]>=3.2"]
[dependency-groups]
dev = ["Types_PyYAML"]
"""
LOCK = f"""
hatchling==1.27 \\
    {HASH}
psycopg==3.3 ; sys_platform != 'win32' \\
    {HASH} \\
    {HASH}
types-pyyaml==6.0 \\
    {HASH}
"""


def test_a_whole_lock_passes() -> None:
    assert lock.judge(LOCK, PROJECT) == []


def test_the_projects_own_lock_passes() -> None:
    own = lock.judge(
        Path("requirements.lock").read_text(encoding="utf-8"),
        Path("pyproject.toml").read_text(encoding="utf-8"),
    )
    assert own == []


def test_a_package_without_a_hash_or_one_version_is_named() -> None:
    assert lock.judge(LOCK + "rich==15\n", PROJECT) == [
        "requirements.lock: rich has no sha256 hash"
    ]
    assert lock.judge(f"{LOCK}rich>=15 {HASH}\n", PROJECT) == [
        "requirements.lock: rich is not pinned to one version"
    ]


def test_a_download_address_is_named_by_line_in_comments_too() -> None:
    (breach,) = lock.judge("# from https://example.org\n" + LOCK, PROJECT)
    assert breach == "requirements.lock:1: names a download address"


def test_a_dependency_that_is_missing_or_too_old_is_named() -> None:
    missing = lock.judge(LOCK.replace("types-pyyaml", "types-toml"), PROJECT)
    assert missing == ["requirements.lock: Types_PyYAML is missing; run `make lock`"]
    old = lock.judge(LOCK.replace("psycopg==3.3", "psycopg==3.1"), PROJECT)
    assert old == ["requirements.lock: psycopg 3.1 is not >=3.2"]
