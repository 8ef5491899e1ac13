"""`python -m mains.daemon.claims`: list, show, why and edges of what was read without a server.

    python -m mains.daemon.claims edges --jsonl [FILE.jsonl]

answers from the user's last reading, or from a file that `mains read --jsonl` has written.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from mains.daemon.edges import claim_of
from mains.daemon.last_reading import CLAIMS, DOCUMENTS, kept_lines, last_reading_folder
from mains.errors import MainsError, NotFound, RequestInvalid
from mains.reports.reconcile.edges import edges
from mains.reports.reconcile.facts import DocumentFacts, document_facts
from mains.reports.resemblance import ALIKE_MIN, bands, likeness
from mains.reports.values import Claim, Edge

STANDARD_INPUT: Final = "-"
PREFIX_MIN: Final = 6
FAILED: Final = 1
REJECTED: Final = "rejected"
"""What a review rejected says nothing any more; only a library's lines have it."""

app = typer.Typer(add_completion=False)

LinesOption = Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]
ClaimArgument = Annotated[str, typer.Argument(metavar="CLAIM")]


@dataclass(frozen=True, slots=True)
class Library:
    """What was read: claims as they were printed, and what is known of their documents."""

    lines: Sequence[Mapping[str, Any]]
    documents: Sequence[Mapping[str, Any]] = field(default=())

    @property
    def claims(self) -> list[Claim]:
        return [claim_of(line) for line in self.lines]


@app.command("list")
def list_claims(jsonl: LinesOption = False, as_json: JsonOption = False) -> None:
    """List the claims of the last reading."""
    _answer(lambda: [_exchange(line) for line in _kept().lines], _words, jsonl, as_json)


@app.command()
def show(reference: ClaimArgument, jsonl: LinesOption = False, as_json: JsonOption = False) -> None:
    """Show a claim with what stands around it."""
    _answer(lambda: [dict(_named(_kept(), reference))], _whole_words, jsonl, as_json)


@app.command()
def why(reference: ClaimArgument, jsonl: LinesOption = False, as_json: JsonOption = False) -> None:
    """Say how a claim was bound, and how it relates to others."""

    def told() -> list[dict[str, Any]]:
        library = _kept()
        line = _named(library, reference)
        own = [asdict(e) for e in _edges(library) if line["id"] in (e.a, e.b)]
        return [{"claim": dict(line), "reasons": line["reasons"], "edges": own}]

    _answer(told, _why_words, jsonl, as_json)


@app.command("edges")
def list_edges(
    what: Annotated[str | None, typer.Argument(metavar="CLAIM|FILE.jsonl")] = None,
    jsonl: LinesOption = False,
    as_json: JsonOption = False,
) -> None:
    """List how claims relate: of the last reading, of one claim, or of a file of claims."""

    def found() -> list[dict[str, Any]]:
        is_file = what is not None and (what == STANDARD_INPUT or Path(what).is_file())
        library = _from_lines(what) if what is not None and is_file else _kept()
        chosen = _edges(library)
        if what is not None and not is_file:
            claim_id = _named(library, what)["id"]
            chosen = [each for each in chosen if claim_id in (each.a, each.b)]
        return [asdict(each) for each in chosen]

    _answer(found, _edge_words, jsonl, as_json)


def facts(library: Library) -> dict[str, DocumentFacts]:
    """Return the facts of every document by the name that its claims give; copies are marked."""
    copies = _copies(library.documents)
    known = {each["doc"]: each for each in library.documents}
    by_document: dict[str, list[Claim]] = {}
    for claim in library.claims:
        by_document.setdefault(claim.doc, []).append(claim)
    return {
        doc: document_facts(
            doc,
            claims,
            published=known.get(doc, {}).get("published"),
            copy_of=copies.get(doc),
        )
        for doc, claims in by_document.items()
    }


def _copies(documents: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return which documents repeat an earlier one, found by the bands of their signatures."""
    by_band: dict[int, list[str]] = {}
    signatures: dict[str, bytes] = {}
    found: dict[str, str] = {}
    for each in documents:
        signed = bytes.fromhex(each["signature"])
        near = Counter(doc for band in bands(signed) for doc in by_band.get(band, ()))
        best = max(
            ((likeness(signatures[doc], signed), doc) for doc in near), default=(0.0, each["doc"])
        )
        if best[0] >= ALIKE_MIN and best[1] != each["doc"]:
            found[each["doc"]] = best[1]
            continue
        signatures[each["doc"]] = signed
        for band in bands(signed):
            by_band.setdefault(band, []).append(each["doc"])
    return found


def _kept() -> Library:
    folder = last_reading_folder()
    library = Library(list(kept_lines(folder, CLAIMS)), list(kept_lines(folder, DOCUMENTS)))
    if not library.documents:
        raise NotFound(
            "nothing was read here yet, and no mains runs",
            hint="`mains read FILE` reads; `mains up` starts a mains.",
        )
    return library


def _from_lines(path: str) -> Library:
    """Return the claims of a file; its last reading tells of the documents, where it has them."""
    try:
        text = sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
        lines = [orjson.loads(line) for line in text.splitlines() if line.strip()]
        library = Library([line for line in lines if _is_claim(line)])
        names = {claim.doc for claim in library.claims}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestInvalid(
            f"{path} has lines that are no claims", hint="`mains read --jsonl` writes such lines."
        ) from error
    kept = kept_lines(last_reading_folder(), DOCUMENTS)
    return Library(library.lines, [each for each in kept if each["doc"] in names])


def _is_claim(line: Mapping[str, Any]) -> bool:
    """Say whether a line is a claim that may count; lines of relations are passed over."""
    return "predicate" not in line and line.get("status") != REJECTED


def _edges(library: Library) -> list[Edge]:
    return edges(library.claims, facts(library))


def _named(library: Library, reference: str) -> Mapping[str, Any]:
    """Return the one claim whose id begins so; raises NotFound or RequestInvalid."""
    digits = reference.strip().lower()
    found = [line for line in library.lines if str(line["id"]).startswith(digits)]
    if len(digits) < PREFIX_MIN or not found:
        raise NotFound(f"the last reading has no claim {reference!r}")
    if len(found) > 1:
        raise RequestInvalid(f"several ids begin with {reference}", hint="Give more digits.")
    return found[0]


def _answer(
    told: Callable[[], Sequence[Mapping[str, Any]]],
    words: Callable[[Mapping[str, Any]], str],
    jsonl: bool,
    as_json: bool,
) -> None:
    """Print what is told in the form asked for; an error is told on standard error."""
    try:
        found = told()
    except MainsError as error:
        sys.stderr.write(f"error [{error.code}]: {error.detail}\n")
        if error.hint:
            sys.stderr.write(f"  next: {error.hint}\n")
        raise typer.Exit(FAILED) from None
    if as_json:
        _write([orjson.dumps(list(found), option=orjson.OPT_INDENT_2)])
    elif jsonl:
        _write(orjson.dumps(each) for each in found)
    else:
        _write(words(each).encode() for each in found)


def _write(lines: Iterable[bytes]) -> None:
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _exchange(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if not name.startswith("around")}


def _words(line: Mapping[str, Any]) -> str:
    what = f"{line['subject'] or '-'} {line['measure'] or '-'} {line['bound']} {line['value']}"
    return _printable(
        f"{line['id']}  {line['status']}  {what} {line['unit']} ({line['period'] or '-'})  "
        f"{line['doc']}:{line['start']}"
    )


def _whole_words(line: Mapping[str, Any]) -> str:
    around = " ".join(str(line.get("around", line["quote"])).split())
    return f"{_words(line)}\n  {_printable(around)}"


def _why_words(told: Mapping[str, Any]) -> str:
    bound = [f"  {each['text']} [{each['code']}]" for each in told["reasons"]]
    related = [f"  {_edge_words(each)}" for each in told["edges"]]
    return "\n".join([_whole_words(told["claim"]), *map(_printable, bound), *related])


def _edge_words(edge: Mapping[str, Any]) -> str:
    return _printable(f"{edge['a']} {edge['relation']} {edge['b']}: {edge['reason']}")


def _printable(text: str) -> str:
    """Return a text without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


if __name__ == "__main__":
    app()
