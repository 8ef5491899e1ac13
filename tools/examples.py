"""Examples in the documents that run: fenced blocks whose info string says `run`.

    ```console run          commands after `$ `, in one shell and one scratch folder per page
    ```console run network  the same, against a demonstration network started for the check
    ```python run           a whole script

Lines under a command are what it must print; `...` stands for any text within a line and, alone,
for any lines. A command without such lines must only succeed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from mains.settings import Settings

FENCE: Final = re.compile(r"^```(console|python) run( network)?\n(.*?)^```\s*$", re.M | re.S)
SECONDS_MAX: Final = 180
ANY: Final = "..."


class NetworkFailed(Exception):
    """Carries what `mains up` said when it failed."""


@dataclass(frozen=True, slots=True)
class Example:
    """One runnable block: where it stands, in which language, what it needs."""

    page: Path
    line: int
    language: str
    network: bool
    body: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Step:
    """One command and the output that the document shows for it."""

    command: str
    expected: tuple[str, ...]


def find(page: Path, text: str) -> Iterator[Example]:
    """Yield the runnable blocks of a page in its order."""
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Example(page, line, match[1], bool(match[2]), match[3])


def steps(body: str) -> list[Step]:
    """Return the commands of a console block, each with the lines that follow it."""
    found: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and line.startswith("> ") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
        elif found:
            found[-1][1].append(line)
    return [Step(command, tuple(expected)) for command, expected in found]


def matches(expected: Sequence[str], printed: str) -> bool:
    """Say whether the printed text is what the document shows; nothing shown matches all."""
    if not expected:
        return True
    parts = [
        r"(?:.*\n)*?" if line.strip() == ANY else _line_pattern(line)
        for line in _without_blank_end(expected)
    ]
    text = "".join(f"{line.rstrip()}\n" for line in _without_blank_end(printed.splitlines()))
    return re.fullmatch("".join(parts), text) is not None


def failures(found: Sequence[Example]) -> Iterator[str]:
    """Run the examples page by page and yield one paragraph for each that fails."""
    plain = [example for example in found if not example.network]
    yield from _run_pages(plain, {})
    on_network = [example for example in found if example.network]
    if on_network:
        try:
            with _network() as environment:
                yield from _run_pages(on_network, environment)
        except NetworkFailed as failed:
            yield f"the demonstration network for the examples did not start:\n{failed}"


def _run_pages(found: Sequence[Example], environment: Mapping[str, str]) -> Iterator[str]:
    for _, group in groupby(found, key=lambda example: example.page):
        with tempfile.TemporaryDirectory(prefix="mains-docs-") as folder:
            for example in group:
                yield from _run(example, Path(folder), environment)


def _run(example: Example, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    if example.language == "python":
        script = [Step(example.body, ())]
        shell = [sys.executable, "-c"]
    else:
        script = steps(example.body)
        shell = ["bash", "-euc"]
    for step in script:
        done = _execute([*shell, step.command], folder, environment)
        if done.returncode != 0:
            yield f"{example.place}: `{step.command}` ended with {done.returncode}\n{done.stdout}"
        elif not matches(step.expected, done.stdout):
            shown = "\n".join(step.expected)
            yield (f"{example.place}: `{step.command}` printed\n{done.stdout}\nand not\n{shown}")


def _execute(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "100", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


@contextmanager
def _network() -> Iterator[Mapping[str, str]]:
    """Yield the environment of a demonstration network of its own, ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="mains-docs-home-") as folder:
        here = Path(folder)
        environment = {"MAINS_HOME": f"{here}/home", "MAINS_CONFIG": f"{here}/config"}
        begun = _execute(["mains", "up", "--demo", "--detach"], here, environment)
        if begun.returncode != 0:
            _end_network(here, environment)
            raise NetworkFailed(begun.stdout)
        try:
            yield environment
        finally:
            _end_network(here, environment)


def _end_network(folder: Path, environment: Mapping[str, str]) -> None:
    """End it and drop its data; as root, what other users must reach lies outside the home."""
    _execute(["mains", "down"], folder, environment)
    shutil.rmtree(Settings.from_environment(environment).commons, ignore_errors=True)


def _line_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.rstrip().split(ANY)) + "\n"


def _without_blank_end(lines: Sequence[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept
