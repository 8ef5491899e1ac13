"""The pages of docs/reference, written from the code: errors, the command line, the HTTP API."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from mains.errors import MainsError

FOLDER: Final = Path("docs/reference")
NOTE: Final = "<!-- Written by `make docs` from the code; changes here are lost. -->"


def pages() -> Mapping[Path, str]:
    """Return the text of every generated page by its path."""
    return {FOLDER / "errors.md": errors()}


def errors() -> str:
    """Return the table of all error codes, with status, meaning and hint."""
    rows = [
        f"| `{kind.code}` | {kind.status} | {'&nbsp;&nbsp;' * depth}{kind.__name__} "
        f"| {_meaning(kind)} | {_cell(kind.hint_default)} |"
        for depth, kind in _tree(MainsError, 0)
    ]
    return "\n".join(
        [
            "# Errors",
            "",
            NOTE,
            "",
            "Every refusal of the API is a problem document (RFC 9457): `code` is stable and meant",
            "for programs, `detail` says what happened, `hint` says what to do next. The command",
            "line shows the same words, and `--json` the same document.",
            "",
            "| code | status | class | meaning | usual hint |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _tree(kind: type[MainsError], depth: int) -> Iterator[tuple[int, type[MainsError]]]:
    for child in kind.__subclasses__():
        if child.__module__ == MainsError.__module__:
            yield depth, child
            yield from _tree(child, depth + 1)


def _meaning(kind: type[MainsError]) -> str:
    own = kind.__dict__.get("__doc__") or ""
    return _cell(own.strip().split("\n", 1)[0])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
