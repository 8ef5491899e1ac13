"""`mains artefact`: what jobs left, fetched by hash and checked before it gets its name."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mains.cli.jobs import JobArgument
from mains.cli.output import size
from mains.cli.session import Session, command
from mains.errors import AlreadyExists, BundleUnsafe, NotFound, RequestInvalid, StoreCorrupt

if TYPE_CHECKING:
    from mains.wire.jobs import ArtefactView

HASH_PREFIX: Final = "sha256:"
_READ_BYTES: Final = 2**20

app = typer.Typer(help="List and fetch what jobs left.", no_args_is_help=True)


@app.command("list")
@command
def list_artefacts(session: Session, reference: JobArgument) -> None:
    """List a job's artefacts with their hashes."""
    found = session.client.artefacts(reference)
    session.out.document(found)
    if not found:
        session.out.line("This job left no artefacts.")
        return
    session.out.table(
        ("task", "path", "size", "hash"),
        [(str(each.task), each.path, size(each.size_bytes), each.sha256) for each in found],
        right=("task", "size"),
    )


@app.command("get")
@command
def get(
    session: Session,
    reference: JobArgument,
    what: Annotated[
        str | None,
        typer.Argument(metavar="PATH|SHA256", help="One artefact; all where it is left out."),
    ] = None,
    task: Annotated[int | None, typer.Option(min=0, help="The task that left it.")] = None,
    to: Annotated[Path, typer.Option(help="The folder to write into.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over other content.")] = False,
) -> None:
    """Fetch artefacts into a folder; nothing is kept whose content has not its hash."""
    chosen = choose(session.client.artefacts(reference), what=what, task=task)
    with_task = what is None and len({artefact.task for artefact in chosen}) > 1
    written: list[dict[str, str | int]] = []
    for artefact in chosen:
        relative = f"task-{artefact.task}/{artefact.path}" if with_task else artefact.path
        path = inside(to, relative)
        fetch(session, artefact, path, force=force)
        written.append(
            {"path": str(path), "sha256": artefact.sha256, "size_bytes": artefact.size_bytes}
        )
        session.out.line(f"{path}  {size(artefact.size_bytes)}  {artefact.sha256}")
    session.out.document(written)


def choose(
    artefacts: Sequence[ArtefactView], *, what: str | None, task: int | None
) -> list[ArtefactView]:
    """Return the artefacts that are meant.

    Raises NotFound for none, RequestInvalid where several tasks left the path with other content.
    """
    found = [
        each
        for each in artefacts
        if what in (None, each.path, each.sha256) and task in (None, each.task)
    ]
    if not found:
        raise NotFound(
            f"The job has no artefact {what}." if what else "The job has no such artefacts.",
            hint="`mains artefact list JOB` shows those it has.",
        )
    if what is None:
        return found
    if len({each.sha256 for each in found}) > 1:
        tasks = ", ".join(str(each.task) for each in found[:10])
        raise RequestInvalid(
            f"Several tasks left {what}: {tasks}.", hint="Say which one with --task."
        )
    return found[:1]


def inside(folder: Path, relative: str) -> Path:
    """Return the path of an artefact below a folder; raises BundleUnsafe where it leads out.

    Links on the way count as where they lead to, so that none can lead out either.
    """
    parts = PurePosixPath(relative).parts
    if not parts or relative.startswith("/") or ".." in parts or "\0" in relative:
        raise BundleUnsafe(f"The artefact's path {relative!r} leads out of the folder.")
    path = folder.joinpath(*parts)
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise BundleUnsafe(f"{path.parent} is a link that leads out of {folder}.")
    return path


def fetch(session: Session, artefact: ArtefactView, path: Path, *, force: bool) -> None:
    """Bring one artefact to its path, whole and checked, or leave the path as it was."""
    if path.exists() or path.is_symlink():
        if path.is_file() and not path.is_symlink() and hash_of(path) == artefact.sha256:
            return
        if not force or path.is_dir():
            raise AlreadyExists(
                f"{path} is there with other content.", hint="Add --force, or another --to."
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    with session.out.status(f"fetching {artefact.path}"):
        write_checked(session.client.blob(artefact.sha256), artefact, path)


def write_checked(chunks: Iterable[bytes], artefact: ArtefactView, path: Path) -> None:
    """Write content beside its path and give it the name once its hash is right.

    Raises StoreCorrupt when the content is another than its hash says.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".mains-")
    digest, count = hashlib.sha256(), 0
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                count += len(chunk)
                if count > artefact.size_bytes:
                    break
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if HASH_PREFIX + digest.hexdigest() != artefact.sha256 or count != artefact.size_bytes:
            raise StoreCorrupt(
                f"What the server sent for {artefact.path} has not the hash {artefact.sha256}.",
                hint="Nothing was written. Try again; tell the operator if it stays so.",
            )
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def hash_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
    return HASH_PREFIX + digest.hexdigest()
