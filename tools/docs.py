"""The documents: reference pages written from the code, links that resolve, examples that run.

`python -m tools.docs write` writes docs/reference; `check` compares it with the code, follows every
relative link, looks for every file and command that is named, runs every example marked `run`, and
exits 1 when something is wrong.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Final

from tools import examples, reference

ROOT: Final = Path()
LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING: Final = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
FENCED: Final = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE: Final = re.compile(r"`[^`\n]*`")
REMOTE: Final = ("http:", "https:", "mailto:")
FILE_NAME: Final = re.compile(r"`((?:[a-z_]+/)+[a-z0-9_.-]+\.(?:py|sql|sh|toml|yaml|md))`")
SOURCE: Final = Path("src/mains")
COMMAND: Final = re.compile(r"`mains ([a-z-]+)(?: ([a-z-]+))?(?![a-z./-])")
COMMAND_HEADING: Final = re.compile(r"^#+ `mains ([a-z-]+)(?: ([a-z-]+))?`$", re.MULTILINE)
DEFAULTING: Final = frozenset({"receipt"})
"""Groups whose sub-command may be left out."""


def main(arguments: Sequence[str]) -> int:
    match list(arguments):
        case ["write"]:
            for path, text in reference.pages().items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                print(path)
            return 0
        case ["check"]:
            return _report([*_stale_pages(), *_dead_ends(), *_failed_examples()])
        case ["links"]:
            return _report([*_dead_ends()])
        case ["examples"]:
            return _report([*_failed_examples()])
        case _:
            print("usage: python -m tools.docs write | check | links | examples")
            return 2


def documents(root: Path) -> list[Path]:
    """Return every document of the project, in a fixed order."""
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings make, spelt as code hosts spell them."""
    return {_anchor(title) for title in HEADING.findall(FENCED.sub("", text))}


def links(text: str) -> list[str]:
    """Return the link targets of a page; what stands in code is no link."""
    return LINK.findall(CODE.sub("", FENCED.sub("", text)))


def _anchor(title: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", title.replace("`", "").lower())
    return kept.strip().replace(" ", "-")


def unknown_commands(text: str, known: Mapping[str, Set[str]]) -> list[str]:
    """Return the commands that a text names in backticks and that the command line has not.

    known has the sub-commands of each command; what is marked as not there yet is left out.
    """
    said = "\n".join(line for line in text.splitlines() if "*not yet:*" not in line)
    return [
        " ".join(filter(None, ("mains", first, second)))
        for first, second in COMMAND.findall(said)
        if first not in known
        or (second and known[first] and second not in known[first] and first not in DEFAULTING)
    ]


def _dead_ends() -> Iterator[str]:
    yield from _broken_links()
    yield from _missing_files()
    yield from _missing_commands()


def _missing_commands() -> Iterator[str]:
    """Hints in the code and sentences in the documents send people only to what is there."""
    known: dict[str, set[str]] = {"-h": set(), "--help": set()}
    for first, second in COMMAND_HEADING.findall(reference.command_line()):
        known.setdefault(first, set()).update({second} - {""})
    for path in [*documents(ROOT), *sorted((ROOT / SOURCE).rglob("*.py"))]:
        for name in unknown_commands(path.read_text(encoding="utf-8"), known):
            yield f"{path}: there is no command `{name}`"


def _broken_links() -> Iterator[str]:
    for page in documents(ROOT):
        text = page.read_text(encoding="utf-8")
        for target in links(text):
            if target.startswith(REMOTE):
                continue
            name, _, anchor = target.partition("#")
            aimed = page.parent / name if name else page
            if not aimed.exists():
                yield f"{page}: the link {target} leads nowhere"
            elif anchor and anchor not in anchors(aimed.read_text(encoding="utf-8")):
                yield f"{page}: {aimed} has no heading #{anchor}"


def _missing_files() -> Iterator[str]:
    """A file that a page names is there: from the project's top, or from the package's."""
    for page in documents(ROOT):
        for name in sorted(set(FILE_NAME.findall(page.read_text(encoding="utf-8")))):
            if not (ROOT / name).exists() and not (SOURCE / name).exists():
                yield f"{page}: there is no file {name}"


def _stale_pages() -> Iterator[str]:
    for path, text in reference.pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield f"{path}: differs from the code; run `make docs`"


def _failed_examples() -> Iterator[str]:
    found = [
        example
        for page in documents(ROOT)
        for example in examples.find(page, page.read_text(encoding="utf-8"))
    ]
    yield from examples.failures(found)


def _report(breaches: Sequence[str]) -> int:
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
