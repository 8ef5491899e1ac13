"""`mains read`: reports become claims; filed where a mains runs, only read where none does."""

from __future__ import annotations

import io
import json
import mimetypes
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final

import typer

from mains.cli.claims_shown import claim_rows, exchange
from mains.cli.output import clean, exit_code, problem_of
from mains.cli.session import Session, command
from mains.cli.up import become
from mains.errors import (
    DocumentUnreadable,
    Forbidden,
    MainsError,
    NotFound,
    RequestInvalid,
    ServerUnreachable,
    Unauthenticated,
)

if TYPE_CHECKING:
    from mains.wire.client import Client
    from mains.wire.reports import ClaimView, DocumentFiled

OFFLINE: Final = "mains.daemon.reading"
STANDARD_INPUT: Final = "-"
AT_ONCE: Final = 4
AHEAD: Final = 16
"""So many documents are on their way at most: a folder of any size takes the same memory."""

_ENDING: Final = (Unauthenticated, Forbidden, ServerUnreachable)
"""What concerns every document: the batch ends with it."""


@dataclass(frozen=True, slots=True)
class Source:
    """One document as it was named: a file, an address, or standard input."""

    text: str

    @property
    def is_address(self) -> bool:
        return self.text.startswith(("http://", "https://"))

    @property
    def name(self) -> str:
        return "stdin" if self.text == STANDARD_INPUT else Path(self.text).name


@dataclass(frozen=True, slots=True)
class Read:
    """What became of one source: its document and claims, or an error."""

    source: Source
    filed: DocumentFiled | None = None
    claims: tuple[ClaimView, ...] = ()
    error: MainsError | None = None


@command
def read(
    session: Session,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH|URL|-...", help="Files, folders, addresses; - is standard input."
        ),
    ],
    as_lines: Annotated[
        bool, typer.Option("--jsonl", help="One JSON object a claim, in the exchange format.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only read here; nothing is filed.")
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Read offline on this Ray cluster (`auto` finds one)."
        ),
    ] = None,
    public: Annotated[
        bool | None,
        typer.Option(
            "--public/--private", help="Show accepted claims without a key; officers may."
        ),
    ] = None,
) -> None:
    """Read reports (text, HTML, PDF) into claims, and file them where a mains runs."""
    if as_lines and session.out.as_json:
        raise RequestInvalid("Answer with --json or with --jsonl, not with both.")
    if offline or ray is not None or not is_reachable(session):
        _note_offline(asked=offline or ray is not None)
        _read_offline(session, sources, as_lines=as_lines, ray=ray)
    failures: list[MainsError] = []
    answers: list[dict[str, object]] = []
    with _progress(sources) as advance:
        for each in _all_read(session.client, list(_expanded(sources)), public=public):
            advance(each.source.name)
            if each.error is not None:
                failures.append(each.error)
                _tell_failure(each.source, each.error)
            _show(session, each, as_lines=as_lines)
            if session.out.as_json:
                answers.append(_answer(each))
    session.out.document(answers)
    if failures:
        raise typer.Exit(exit_code(failures[0]))


def is_reachable(session: Session) -> bool:
    """Say whether a mains answers where this user's context points; no context is none."""
    try:
        session.client.server()
    except ServerUnreachable:
        return False
    return True


def _note_offline(*, asked: bool) -> None:
    why = "" if asked else "No mains answers here. "
    sys.stderr.write(f"{why}Read on this machine only; nothing was filed.\n")


def _read_offline(
    session: Session, sources: Sequence[str], *, as_lines: bool, ray: str | None
) -> None:
    options = ["--jsonl"] if as_lines else ["--json"] if session.out.as_json else []
    if ray is not None:
        options += ["--ray", ray]
    become(OFFLINE, [*options, "--", *sources])


def _expanded(sources: Sequence[str]) -> Iterator[Source]:
    """Yield documents in order: a folder's files by name, at any depth, hidden ones left out."""
    for text in sources:
        if text == STANDARD_INPUT or Source(text).is_address or not Path(text).is_dir():
            yield Source(text)
            continue
        for folder, folders, files in os.walk(text):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if not name.startswith("."):
                    yield Source(str(Path(folder) / name))


def _all_read(client: Client, sources: Sequence[Source], *, public: bool | None) -> Iterator[Read]:
    """File documents several at a time, and yield what became of each in their order."""
    on_the_way: deque[Future[Read]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for source in sources:
                if len(on_the_way) >= AHEAD:
                    yield on_the_way.popleft().result()
                on_the_way.append(pool.submit(_read_one, client, source, public=public))
            while on_the_way:
                yield on_the_way.popleft().result()
        finally:
            for future in on_the_way:
                future.cancel()


def _read_one(client: Client, source: Source, *, public: bool | None) -> Read:
    """File one document; its own error is its answer, any other ends the batch."""
    try:
        filed = _file(client, source, public=public)
        found = client.reports.claims(document=filed.document.id, neutral=True)
        return Read(source, filed, tuple(sorted(found, key=lambda each: (each.start, each.id))))
    except _ENDING:
        raise
    except MainsError as error:
        return Read(source, error=error)


def _file(client: Client, source: Source, *, public: bool | None) -> DocumentFiled:
    if source.is_address:
        from mains.wire.reports import UrlRequest

        return client.reports.file_address(UrlRequest(url=source.text), public=public)
    with _content(source) as content:
        return client.reports.file(
            content,
            name=source.name,
            media_type=mimetypes.guess_type(source.name)[0],
            public=public,
        )


@contextmanager
def _content(source: Source) -> Iterator[IO[bytes]]:
    if source.text == STANDARD_INPUT:
        yield io.BytesIO(sys.stdin.buffer.read())
        return
    try:
        opened = Path(source.text).open("rb")  # noqa: SIM115 (closed below)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {source.text}.") from error
    except OSError as error:
        raise DocumentUnreadable(f"{source.text} can't be read: {error.strerror}.") from error
    with opened:
        yield opened


def _tell_failure(source: Source, error: MainsError) -> None:
    lines = [f"error [{error.code}]: {clean(source.text)}: {clean(error.detail)}"]
    if error.hint:
        lines.append(f"  next: {clean(error.hint)}")
    sys.stderr.write("\n".join(lines) + "\n")


def _show(session: Session, each: Read, *, as_lines: bool) -> None:
    if each.filed is None:
        return
    out, document = session.out, each.filed.document
    if as_lines:
        for claim in each.claims:
            line = exchange(claim, doc=_name_shown(each))
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        return
    replayed = ", filed before" if each.filed.replayed else ""
    copied = f", a copy of {document.copy_of}" if document.copy_of else ""
    shown = "public" if document.public else "not public"
    out.heading(f"{_name_shown(each)}  {document.id}  ({shown}{copied}{replayed})")
    columns, rows = claim_rows([claim for claim in each.claims if claim.status != "rejected"])
    if rows:
        out.table(columns, rows, right=("value",))
    else:
        out.line("No figure was found.")
    if document.queued:
        out.line(f"{document.queued} wait for a review. next: mains claims queue")
    out.line()


def _name_shown(each: Read) -> str:
    """Return the name that the user gave, also where the bytes were filed under another."""
    assert each.filed is not None
    return each.filed.document.name if each.source.is_address else each.source.name


def _answer(each: Read) -> dict[str, object]:
    if each.filed is None:
        assert each.error is not None
        return {"source": each.source.text, "error": problem_of(each.error)}
    return {
        "source": each.source.text,
        "document": each.filed.document,
        "replayed": each.filed.replayed,
        "claims": list(each.claims),
    }


@contextmanager
def _progress(sources: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Show how many documents were read where a person looks; yields what counts one."""
    several = len(sources) > 1 or any(Path(text).is_dir() for text in sources)
    if not several or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    total = sum(1 for _ in _expanded(sources))
    console = Console(stderr=True)
    columns = (SpinnerColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda name: progress.update(task, advance=1, description=clean(name)[:60])
