"""Commands about this machine's mains become the programs that they name, with what was asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["backup", "{home}-1", "--keys", "{home}-2"], "setup_missing", "no database"),
        (["backup", "{home}/backup"], "request_invalid", "would be lost together"),
        (["restore", "{home}", "--to-time", "latest", "--without-keys"], "not_found", "no backup"),
        (["restore", "x", "--to-time", "soon", "--blobs", "a"], "request_invalid", "no time"),
    ],
)
def test_what_cannot_be_done_is_said_by_the_program(
    tmp_path: Path, words: list[str], code: str, why: str
) -> None:
    done = call(tmp_path, *(word.format(home=tmp_path / "home") for word in words))
    assert done.returncode == 1
    assert f"error [{code}]" in done.stderr
    assert why in done.stderr
    assert "next: " in done.stderr


def test_the_doctor_ends_with_1_where_something_is_wrong(tmp_path: Path) -> None:
    done = call(tmp_path, "doctor", "--audit", "--json")
    assert done.returncode == 1
    assert [(each["check"], each["state"]) for each in json.loads(done.stdout)] == [
        ("settings", "ok"),
        ("home", "fail"),
    ]
    done = call(tmp_path, "doctor", MAINS_LISTEN_PORT="many")
    assert done.returncode == 1
    assert done.stdout.startswith("fail  settings  MAINS_LISTEN_PORT is not a whole number")


def call(folder: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MAINS_")}
    return subprocess.run(
        [sys.executable, "-m", "mains.cli.main", *words],
        env={**kept, "MAINS_HOME": str(folder / "home"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
