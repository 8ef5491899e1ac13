"""In CI a skip is a failure, however it is written; elsewhere it stays a skip."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = """
import pytest
def test_skips_itself():
    pytest.skip("no such package")
@pytest.mark.xfail
def test_is_expected_to_fail():
    assert False
"""
MODULE_SKIPS = "import pytest\npytest.skip('no such package', allow_module_level=True)\n"


def outcome(folder: Path, text: str, *, ci: str) -> str:
    (folder / "test_some.py").write_text(text, encoding="utf-8")
    pytest_bare = f"pytest -p tests.no_skips -p no:cacheprovider -c {os.devnull} -q"
    done = subprocess.run(
        [sys.executable, "-m", *pytest_bare.split(), "--rootdir", str(folder), str(folder)],
        env={**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("text", [SKIPS, MODULE_SKIPS])
def test_a_skip_fails_in_ci_and_says_why(tmp_path: Path, text: str) -> None:
    printed = outcome(tmp_path, text, ci="true")
    assert "CI allows no skip" in printed
    assert "no such package" in printed
    assert "1 failed" in printed or "1 error" in printed


def test_a_skip_stays_a_skip_outside_ci(tmp_path: Path) -> None:
    printed = outcome(tmp_path, SKIPS, ci="")
    assert "1 skipped, 1 xfailed" in printed
