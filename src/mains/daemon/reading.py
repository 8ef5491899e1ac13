"""`python -m mains.daemon.reading`: reads documents without a server.

    python -m mains.daemon.reading --jsonl FILE FOLDER URL -

prints what was read as it comes, in the order of what was named; progress and errors go to stderr.
A document that fails costs itself alone: the exit code is 1 when one did, and 0 otherwise.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from mains.daemon import reading_crew, reading_ray
from mains.daemon.last_reading import Keeper, last_reading_folder
from mains.daemon.reading_documents import Outcome
from mains.daemon.reading_sources import count, sources
from mains.errors import MainsError
from mains.reports.proposing.reading import model_for_worker
from mains.settings import Settings

PROGRESS_SECONDS: Final = 0.2
PROGRESS_SECONDS_UNSEEN: Final = 10.0
"""How often progress is told where nobody watches a terminal."""
INTERRUPTED: Final = 130


def main(
    given: Annotated[list[str], typer.Argument(metavar="PATH|URL|-...", help="What to read.")],
    *,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a claim.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    relations: Annotated[bool, typer.Option("--relations", help="Relations too.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=1_024, help="Processes that read, if not one a processor."),
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Read on this existing Ray cluster.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long one document may take.")] = 300.0,
    keep: Annotated[
        Path | None, typer.Option(help="Where the last reading is kept, if not in the usual place.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An OpenAI-compatible endpoint that proposes more."),
    ] = None,
    model_name: Annotated[
        str | None, typer.Option(help="The endpoint's model; its key: MAINS_MODEL_KEY_FILE.")
    ] = None,
    no_keep: Annotated[bool, typer.Option("--no-keep", help="Do not keep this reading.")] = False,
) -> None:
    """Read documents and print their claims."""
    _name_model(model, model_name)
    total = count(given)
    found = sources(given)
    if ray is not None:
        outcomes = reading_ray.read_all(found, address=ray, seconds_max=seconds)
    else:
        size = min(workers or reading_crew.processors(), max(1, total))
        outcomes = reading_crew.read_all(found, workers=size, seconds_max=seconds)
    printing = Printer(jsonl=jsonl, as_json=as_json, relations=relations)
    keeper = None if no_keep else Keeper(keep or last_reading_folder())
    raise typer.Exit(_run(outcomes, printing, keeper, total))


def _name_model(url: str | None, name: str | None) -> None:
    """Tell the reading processes whom to ask: they inherit this environment."""
    named = {"MAINS_MODEL_URL": url, "MAINS_MODEL_NAME": name}
    os.environ.update({variable: value for variable, value in named.items() if value})
    try:
        model_for_worker(Settings.from_environment())
    except MainsError as error:
        raise typer.BadParameter(error.detail) from error


def _run(outcomes: Iterator[Outcome], printing: Printer, keeper: Keeper | None, total: int) -> int:
    """Print and keep what comes; return the exit code."""
    progress = Progress(total)
    try:
        with keeper or nullcontext():
            for outcome in outcomes:
                progress.count(outcome)
                printing.add(outcome)
                if keeper is not None:
                    keeper.add(outcome)
        printing.end()
    except KeyboardInterrupt:
        progress.say("interrupted; this reading is not kept")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; Python must not complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MainsError as error:
        progress.say(f"{error.detail} ({error.code})\n  next: {error.hint}")
        return 1
    progress.end()
    if keeper is not None and not keeper.is_kept:
        progress.say("this reading is too large to be kept: ask the lines that were printed")
    return 1 if progress.failed else 0


class Progress:
    """Tells on stderr how far reading is: in place on a terminal, now and then elsewhere."""

    def __init__(self, total: int) -> None:
        self.done = 0
        self.failed = 0
        self._total = total
        self._started = self._told = time.monotonic()
        self._in_place = sys.stderr.isatty()

    def count(self, outcome: Outcome) -> None:
        self.done += 1
        if outcome.error is not None:
            self.failed += 1
            error = outcome.error
            self.say(f"{outcome.source}: {error['detail']} ({error['code']})")
            if error["hint"]:
                self.say(f"  next: {error['hint']}")
        now = time.monotonic()
        if now - self._told >= (PROGRESS_SECONDS if self._in_place else PROGRESS_SECONDS_UNSEEN):
            self._told = now
            self._tell(now)

    def say(self, text: str) -> None:
        """Print a line of its own, over what stood in place."""
        sys.stderr.write(f"{self._cleared()}{_printable(text)}\n")
        sys.stderr.flush()

    def end(self) -> None:
        if self.failed:
            self.say(f"{self.done - self.failed:,} of {self.done:,} documents were read")
        else:
            sys.stderr.write(self._cleared())

    def _tell(self, now: float) -> None:
        rate = self.done / max(now - self._started, 0.001)
        text = f"{self.done:,} of {self._total:,} documents, {rate:,.1f} a second"
        sys.stderr.write(f"{self._cleared()}{text}" if self._in_place else f"{text}\n")
        sys.stderr.flush()

    def _cleared(self) -> str:
        return "\r\x1b[K" if self._in_place else ""


class Printer:
    """Prints outcomes as they come, in one of three forms."""

    def __init__(self, *, jsonl: bool, as_json: bool, relations: bool) -> None:
        self._as_json = as_json
        self._show = _exchange_line if jsonl else words
        self._relations = relations
        self._printed = 0

    def add(self, outcome: Outcome) -> None:
        if self._as_json:
            self._write((b",\n" if self._printed else b"[\n") + _object(outcome))
        else:
            lines = [*outcome.claims, *(outcome.relations if self._relations else ())]
            self._write(b"".join(self._show(line) + b"\n" for line in lines))
        self._printed += 1

    def end(self) -> None:
        if self._as_json:
            self._write(b"\n]\n" if self._printed else b"[]\n")

    def _write(self, text: bytes) -> None:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()


def _exchange_line(line: bytes) -> bytes:
    return line


def _object(outcome: Outcome) -> bytes:
    """Return one document as a JSON object: what it is, its claims and relations, or its error."""
    if outcome.error is not None:
        return orjson.dumps({"source": outcome.source, "error": outcome.error})
    claims, relations = b",".join(outcome.claims), b",".join(outcome.relations)
    return b'{"document":%b,"claims":[%b],"relations":[%b]}' % (outcome.document, claims, relations)


def words(line: bytes) -> bytes:
    """Return a claim or relation as one line for people."""
    item: dict[str, Any] = orjson.loads(line)
    place = f"{item['doc']}:{item['start']}"
    if "predicate" in item:
        text = f"{place} {item['subject']} {item['predicate']} {item['object']}"
    else:
        what = f"{item['subject']} {item['measure']} {item['bound']} {item['value']} {item['unit']}"
        text = f"{place} [{item['status']}] {what} ({item['modality']}, {item['period']})"
    return _printable(text).encode()


def _printable(text: str) -> str:
    """Return a text without what would steer a terminal: names of files are anybody's words."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)


if __name__ == "__main__":
    typer.run(main)
