"""Named queries: SQL stays in `.sql` files, one section per `-- name: some_name` line."""

import importlib.resources
import re
from collections.abc import Iterator, Mapping
from typing import Self

_NAME = re.compile(r"^--\s*name:\s*(.*?)\s*$")
_NAME_ALLOWED = re.compile(r"[a-z][a-z0-9_]*")


class Queries(Mapping[str, str]):
    """The sections of one SQL file by name.

    A section is what follows its name line, up to the next one. Comment lines directly above a
    name line describe that section: `why(name)` returns them without their dashes.
    """

    def __init__(self, sections: Mapping[str, tuple[str, str]]) -> None:
        self._sections = dict(sections)

    @classmethod
    def load(cls, package: str | None, filename: str) -> Self:
        """Read a file that lies beside the code of `package`; raises ValueError when malformed."""
        if not package:
            raise ValueError("queries are loaded from inside a package")
        text = importlib.resources.files(package).joinpath(filename).read_text("utf-8")
        return cls.parse(text, source=f"{package}/{filename}")

    @classmethod
    def parse(cls, text: str, *, source: str) -> Self:
        """Read sections from text; `source` is named in errors."""
        sections: dict[str, tuple[str, str]] = {}
        for name, why, body in _split(text, source=source):
            if not _NAME_ALLOWED.fullmatch(name):
                raise ValueError(f"{source}: {name!r} is not a query name such as open_holds")
            if name in sections:
                raise ValueError(f"{source}: the query {name} is there twice")
            if not body:
                raise ValueError(f"{source}: the query {name} is empty")
            sections[name] = (body, why)
        return cls(sections)

    def __getitem__(self, name: str) -> str:
        return self._sections[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)

    def why(self, name: str) -> str:
        """Return the comment that stands above a section, as one line of prose."""
        return self._sections[name][1]


def _split(text: str, *, source: str) -> Iterator[tuple[str, str, str]]:
    """Yield (name, comment above, body) in the order of the file."""
    name: str | None = None
    why = ""
    lines: list[str] = []
    for line in text.splitlines():
        match = _NAME.match(line)
        if match is None:
            lines.append(line)
            continue
        comment = _pop_comment(lines)
        if name is not None:
            yield name, why, _body(lines)
        elif _body(lines):
            raise ValueError(f"{source}: there is SQL above the first `-- name:` line")
        name, why, lines = match[1], comment, []
    if name is not None:
        yield name, why, _body(lines)


def _pop_comment(lines: list[str]) -> str:
    """Take the comment lines off the end of a section: they belong to the next name line."""
    comment: list[str] = []
    while lines and lines[-1].startswith("--"):
        comment.insert(0, lines.pop().lstrip("- ").rstrip())
    return " ".join(comment)


def _body(lines: list[str]) -> str:
    """Return the SQL without leading comment lines, blank edges and the last semicolon."""
    code = [line for line in lines if line.strip()]
    while code and code[0].startswith("--"):
        code.pop(0)
    return "\n".join(code).rstrip().removesuffix(";").rstrip()
