"""The tidy ratchet: sizes, catch-all handlers, globals and unfinished work, held where they are.

`python -m tools.tidy` prints each breach on a line of its own and exits 1 when there is one.
"""

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FUNCTION_LINES_MAX: Final = 70
FILE_LINES_MAX: Final = 600
LINES_PER_CATCH_ALL: Final = 1_000
FOLDERS: Final = ("src", "tests", "tools", "bench", "faults", "examples")
GENERATED: Final = frozenset({"src/mains/db/schema.sql"})
SUFFIXES: Final = (".py", ".sql", ".sh")
LISTED: Final = Path("tools/tidy.toml")
UNFINISHED: Final = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME")) + r")\b")
CATCH_ALL: Final = frozenset({"Exception", "BaseException"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class Tally:
    """What was counted in one source tree; the keys are those of tidy.toml."""

    functions: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    catch_all: Counter[str] = field(default_factory=Counter)
    globals: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    source_lines: int = 0


def main() -> int:
    with LISTED.open("rb") as listed:
        exceptions = tomllib.load(listed)
    breaches = judge(count(Path()), exceptions)
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


def count(root: Path) -> Tally:
    """Return the tally of every source file below root's folders."""
    tally = Tally()
    for path in _sources(root):
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        tally.files[name] = len(lines)
        tally.unfinished += [
            f"{name}:{number}" for number, line in enumerate(lines, 1) if UNFINISHED.search(line)
        ]
        if name.startswith("src/"):
            tally.source_lines += len(lines)
        if path.suffix == ".py":
            _count_python(name, ast.parse(text, name), tally)
    return tally


def judge(tally: Tally, exceptions: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return one sentence for each breach, those of the list itself included."""
    allowed = exceptions.get("catch_all", {})
    breaches = [
        *_judge_sizes("function", tally.functions, FUNCTION_LINES_MAX, exceptions.get("functions")),
        *_judge_sizes("file", tally.files, FILE_LINES_MAX, exceptions.get("files")),
        *_judge_sizes("catch-all place", tally.catch_all, 0, allowed),
        *(f"{place}: a `global` statement; pass the value instead" for place in tally.globals),
        *(f"{place}: marked as unfinished" for place in tally.unfinished),
    ]
    caught = sum(number for name, number in tally.catch_all.items() if name.startswith("src/"))
    permitted = 1 + tally.source_lines // LINES_PER_CATCH_ALL
    if caught > permitted:
        breaches.append(f"src: {caught} catch-all handlers, and its size permits {permitted}")
    return breaches


def _judge_sizes(
    kind: str, found: Mapping[str, int], most: int, exceptions: Mapping[str, int] | None
) -> Iterator[str]:
    listed = exceptions or {}
    for name, number in sorted(found.items()):
        if number > (bound := listed.get(name, most)):
            yield f"{name}: {number}, and this {kind} may have {bound}"
    for name, number in sorted(listed.items()):
        actual = found.get(name, 0)
        if actual <= most:
            yield f"{LISTED}: {name} is no longer needed; remove it"
        elif actual < number:
            yield f"{LISTED}: {name} is now {actual}; lower it from {number}"


def _sources(root: Path) -> Sequence[Path]:
    return sorted(
        path
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.suffix in SUFFIXES
        and "__pycache__" not in path.parts
        and path.relative_to(root).as_posix() not in GENERATED
    )


def _count_python(name: str, tree: ast.Module, tally: Tally) -> None:
    for qualified, node in _functions(tree, ()):
        assert node.end_lineno is not None
        tally.functions[f"{name}:{qualified}"] = node.end_lineno - node.lineno + 1
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Global):
            tally.globals.append(f"{name}:{inner.lineno}")
        if isinstance(inner, ast.ExceptHandler) and _swallows_all(inner):
            tally.catch_all[name] += 1


def _functions(node: ast.AST, above: tuple[str, ...]) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield ".".join((*above, child.name)), child
        if isinstance(child, (Function, ast.ClassDef)):
            yield from _functions(child, (*above, child.name))
        else:
            yield from _functions(child, above)


def _swallows_all(handler: ast.ExceptHandler) -> bool:
    """Say whether it catches everything; one that cleans up and ends in a bare raise does not."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    caught = handler.type
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(name, ast.Name) and name.id in CATCH_ALL for name in names)


if __name__ == "__main__":
    sys.exit(main())
