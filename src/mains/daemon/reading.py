"""`python -m mains.daemon.reading`: reads documents without a server.

    python -m mains.daemon.reading --jsonl FILE...

prints one JSON object a claim, with the fields of the exchange format; `doc` is the file's name.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import typer

from mains.errors import MainsError
from mains.reports.documents import open_document
from mains.reports.reader.reader import read
from mains.reports.values import Claim, Relation

OUTER = ("block", "language", "reasons")
"""Fields that the exchange format does not have come last."""


def main(
    files: list[Path],
    *,
    jsonl: bool = typer.Option(default=False, help="One JSON object a claim."),
    relations: bool = typer.Option(default=False, help="Relations too."),
) -> None:
    """Read files and print their claims."""
    failed = False
    for path in files:
        try:
            reading = read(open_document(path.read_bytes(), name=path.name))
        except (MainsError, OSError) as error:
            failed = True
            typer.echo(f"{path}: {error}", err=True)
            continue
        held: Sequence[Claim | Relation] = reading.claims
        if relations:
            held = (*reading.claims, *reading.relations)
        for item in held:
            typer.echo(orjson.dumps(line(item)).decode() if jsonl else words(item))
    if failed:
        raise typer.Exit(1)


def line(item: Claim | Relation) -> dict[str, Any]:
    """Return the claim or relation with the fields of the exchange format first."""
    made = asdict(item)
    tail = {key: made.pop(key) for key in OUTER if key in made}
    return {**made, **tail}


def words(item: Claim | Relation) -> str:
    """Return one line for people."""
    if isinstance(item, Relation):
        return f"{item.doc}:{item.start} {item.subject} {item.predicate} {item.object}"
    what = f"{item.subject} {item.measure} {item.bound} {item.value} {item.unit}"
    return f"{item.doc}:{item.start} [{item.status}] {what} ({item.modality}, {item.period})"


if __name__ == "__main__":
    sys.exit(typer.run(main))
