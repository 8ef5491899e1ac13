"""`python -m mains.daemon.edges`: how claims relate, without a server.

    python -m mains.daemon.edges CLAIMS.jsonl

reads claims in the exchange format, as `mains read --jsonl` prints them (`-` is standard input),
and prints one JSON object an edge: id, a, b, relation, reason.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from mains.errors import MainsError, RequestInvalid
from mains.reports.reconcile.edges import edges
from mains.reports.reconcile.facts import DocumentFacts
from mains.reports.values import BlockKind, Bound, Claim, Edge, Modality, Reason, Status

STANDARD_INPUT: Final = "-"
HINT: Final = "`mains read --jsonl` prints such lines."


def main(
    given: Annotated[str, typer.Argument(metavar="CLAIMS.jsonl|-", help="Claims, one a line.")],
    relation: Annotated[str | None, typer.Option(help="Only this one, such as conflict.")] = None,
) -> None:
    """Print how claims relate, and why."""
    try:
        content = _content(given)
        found = edges(claims_of(content.splitlines()), {})
    except MainsError as error:
        typer.echo(f"{error.detail} ({error.code})\n  next: {error.hint}", err=True)
        raise typer.Exit(1) from error
    for edge in found:
        if relation in (None, edge.relation.value):
            sys.stdout.buffer.write(line(edge) + b"\n")
    sys.stdout.buffer.flush()


def claims_of(lines: Iterable[bytes | str]) -> Iterator[Claim]:
    """Yield the claims of lines in the exchange format; lines of relations are passed over.

    Raises RequestInvalid, naming the line, where one is no claim.
    """
    for number, written in enumerate(lines, start=1):
        if not written.strip():
            continue
        try:
            item = orjson.loads(written)
            if "predicate" not in item:
                yield claim_of(item)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise RequestInvalid(f"Line {number} is not a claim.", hint=HINT) from error


def claim_of(item: Mapping[str, Any]) -> Claim:
    """Return the claim of one object of the exchange format; raises KeyError or ValueError."""
    return Claim(
        id=str(item["id"]),
        doc=str(item["doc"]),
        start=int(item["start"]),
        end=int(item["end"]),
        quote=str(item["quote"]),
        value=str(item["value"]),
        unit=str(item["unit"]),
        bound=Bound(item["bound"]),
        modality=Modality(item["modality"]),
        status=Status(item.get("status") or Status.ACCEPTED),
        block=BlockKind(item.get("block") or BlockKind.BODY),
        subject=_text(item.get("subject")),
        measure=_text(item.get("measure")),
        scope=_text(item.get("scope")),
        period=_text(item.get("period")),
        speaker=_text(item.get("speaker")),
        pair=_text(item.get("pair")),
        language=_text(item.get("language")),
        reasons=tuple(
            Reason(str(each["code"]), str(each["text"])) for each in item.get("reasons") or ()
        ),
    )


def edges_between(
    items: Iterable[Mapping[str, Any]], documents: Mapping[str, DocumentFacts]
) -> list[Edge]:
    """Return the edges of objects in the exchange format; facts of documents may be left out."""
    return edges([claim_of(item) for item in items if "predicate" not in item], documents)


def line(edge: Edge) -> bytes:
    """Return an edge as one JSON object."""
    return orjson.dumps(asdict(edge))


def _content(given: str) -> bytes:
    if given == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(given).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RequestInvalid(f"{given} cannot be read: {reason}.", hint=HINT) from error


def _text(value: object) -> str | None:
    return None if value is None else str(value)


if __name__ == "__main__":
    typer.run(main)
