"""One document is read: bytes in, lines out. This runs in a worker, here or on a cluster."""

from __future__ import annotations

import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from mains.daemon.reading_sources import Source
from mains.errors import DocumentTooLarge, DocumentUnreadable, MainsError, ReadingFailed
from mains.reports import limits

if TYPE_CHECKING:
    from mains.reports.documents import Document
    from mains.reports.values import Claim, Relation

AROUND_CHARACTERS: Final = 300
OUTER: Final = ("block", "language", "reasons")
"""Fields that the exchange format does not have come last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one document: its lines, each a JSON object, or its error.

    `contexts` go with `claims`: what stands around each in its paragraph.
    """

    source: str
    document: bytes = b""
    claims: tuple[bytes, ...] = ()
    contexts: tuple[bytes, ...] = ()
    relations: tuple[bytes, ...] = ()
    error: dict[str, Any] | None = None


def read_source(source: Source) -> Outcome:
    """Return what a source says; whatever goes wrong is this document's error alone."""
    try:
        return _read(source)
    except MainsError as error:
        return failed(source, error)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return failed(source, DocumentUnreadable(f"it cannot be read: {reason}", hint="Check it."))
    except MemoryError:
        return failed(source, DocumentTooLarge("it takes more memory than one document may"))
    except Exception as error:  # noqa: BLE001 (one document's fault ends no batch)
        return failed(source, ReadingFailed(f"reading it failed: {type(error).__name__}"))


def failed(source: Source, error: MainsError) -> Outcome:
    """Return a source's error as it is shown."""
    said = {"code": error.code, "detail": error.detail, "hint": error.hint}
    return Outcome(source=source.shown, error=said)


def _read(source: Source) -> Outcome:
    # Imported with the first document: the process that hands out the work needs none of it.
    from mains.reports.documents import open_document
    from mains.reports.proposing.reading import own_proposer, read

    content, name, media_type = _content(source)
    document = open_document(content, name=name, media_type=media_type)
    reading = read(document, own_proposer())
    return Outcome(
        source=source.shown,
        document=orjson.dumps(_described(document, source, len(reading.claims))),
        claims=tuple(orjson.dumps(line(claim)) for claim in reading.claims),
        contexts=tuple(orjson.dumps(_around(document, claim)) for claim in reading.claims),
        relations=tuple(orjson.dumps(line(relation)) for relation in reading.relations),
    )


def line(item: Claim | Relation) -> dict[str, Any]:
    """Return a claim or relation with the fields of the exchange format first."""
    made: dict[str, Any] = asdict(item)
    tail: dict[str, Any] = {key: made.pop(key) for key in OUTER if key in made}
    return {**made, **tail}


def _content(source: Source) -> tuple[bytes, str, str | None]:
    if source.content is not None:
        return source.content, source.name, None
    if source.url is not None:
        from mains.reports.documents.fetching import fetch

        fetched = fetch(source.url)
        return fetched.content, fetched.name, fetched.media_type
    assert source.path is not None, "a source is bytes, an address or a path"
    return _file(source.path), source.name, None


def _file(path: Path) -> bytes:
    """Return a file's bytes; one that is too large is not read at all."""
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise DocumentUnreadable("it is a folder", hint="Name its documents, or the folder itself.")
    if found.st_size > limits.FILE_BYTES_MAX:
        raise DocumentTooLarge(
            f"it has {found.st_size:,} bytes, and a document may have {limits.FILE_BYTES_MAX:,}",
            limit="bytes",
        )
    with path.open("rb") as file:
        return file.read(limits.FILE_BYTES_MAX + 1)


def _described(document: Document, source: Source, claims: int) -> dict[str, Any]:
    from mains.reports.resemblance import signature
    from mains.reports.values import BlockKind

    told = (BlockKind.TITLE, BlockKind.BODY)
    texts = [document.text[b.start : b.end] for b in document.blocks if b.kind in told]
    return {
        "doc": document.name,
        "source": source.url or (str(source.path.absolute()) if source.path else source.shown),
        "sha256": document.sha256,
        "title": document.title,
        "publisher": document.publisher,
        "published": document.published,
        "languages": list(document.languages),
        "signature": signature(texts).hex(),
        "claims": claims,
        "notes": [asdict(note) for note in document.notes],
    }


def _around(document: Document, claim: Claim) -> dict[str, Any]:
    """Return the claim's id and its paragraph, as far as it stands near the claim."""
    block = next((b for b in document.blocks if b.start <= claim.start < b.end), None)
    first, last = (block.start, block.end) if block else (claim.start, claim.end)
    start = max(first, claim.start - AROUND_CHARACTERS)
    end = max(claim.end, min(last, claim.end + AROUND_CHARACTERS))
    return {"id": claim.id, "around": document.text[start:end], "around_start": start}
