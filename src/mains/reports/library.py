"""The library: documents are filed once, read in a process of their own, and linked to the rest."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mains.blobs import Named, Store, local_faults
from mains.db import Database, Queries, Transaction, jsonb
from mains.errors import (
    AlreadyExists,
    DocumentEmpty,
    DocumentTooLarge,
    QuotaExceeded,
)
from mains.parties.rules import Caller
from mains.reports import claims
from mains.reports.drafts.service import open_drafts
from mains.reports.linking import find_original, lead, link, settle_copies
from mains.reports.reading_pool import FETCHED, OPENED, ReadingPool, ReadingRequest
from mains.reports.values import IDENTITY_DIGITS, NEUTRAL_MEASURES
from mains.wire.reports import DocumentFiled, DocumentView

QUERIES: Final = Queries.load(__package__, "queries.sql")

NAME_CHARACTERS_MAX: Final = 255
_READ_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where documents are kept and how they are read; one a process."""

    database: Database
    contents: Store
    reading: ReadingPool
    incoming: Path
    document_bytes_max: int
    organisation_bytes_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What somebody files; `public` says whether its claims are shown without a key.

    A document that is fetched may be given no name: then it has its address's.
    """

    name: str
    media_type: str | None
    url: str | None
    public: bool
    filed_by: Caller


@dataclass(frozen=True, slots=True)
class Received:
    """Content that lies in a file, counted and hashed as it came."""

    path: Path
    digits: str
    size_bytes: int

    @property
    def sha256(self) -> str:
        return f"sha256:{self.digits}"

    @property
    def document_id(self) -> str:
        return self.digits[:IDENTITY_DIGITS]


async def named(tx: Transaction, *, after: str, limit: int) -> list[Named]:
    """Return what documents consist of, each once, by hash; none is dropped by its age."""
    rows = await tx.execute(QUERIES["contents_named"], {"after": after, "limit": limit})
    return [Named(**row, used_at=None) for row in await rows.fetchall()]


async def file(
    shelf: Shelf, arrival: Arrival, stream: AsyncIterator[bytes], *, now: datetime
) -> DocumentFiled:
    """Read a document and keep it with its claims; the same bytes again are a replay.

    Nothing is kept of a document that can't be read. Raises DocumentEmpty, DocumentTooLarge,
    DocumentUnreadable, DocumentTooSlow, ReadingBusy, ReadingFailed, QuotaExceeded or
    StorageUnavailable.
    """
    with local_faults():
        async with _received(shelf, stream) as received:
            replay = await _filed_before(shelf, received, arrival)
            return replay or await _read_and_enter(shelf, arrival, received, now=now)


async def file_address(shelf: Shelf, arrival: Arrival, url: str, *, now: datetime) -> DocumentFiled:
    """Fetch a report in a reading process and file it.

    Raises AddressRefused (nothing was sent there), SourceUnreachable, and what `file` raises.
    """
    with local_faults(), _a_folder(shelf) as folder:
        fetched = await shelf.reading.fetch(url, folder=Path(folder))
        named = replace(
            arrival,
            name=arrival.name or fetched["name"],
            media_type=fetched["media_type"],
            url=fetched["url"],
        )
        return await file(shelf, named, _chunks(Path(folder) / FETCHED), now=now)


@contextmanager
def _a_folder(shelf: Shelf) -> Iterator[str]:
    shelf.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=shelf.incoming) as folder:
        yield folder


async def _read_and_enter(
    shelf: Shelf, arrival: Arrival, received: Received, *, now: datetime
) -> DocumentFiled:
    with tempfile.TemporaryDirectory(dir=shelf.incoming) as folder:
        request = ReadingRequest(
            content=received.path,
            folder=Path(folder),
            name=arrival.name,
            media_type=arrival.media_type,
            digits=received.digits,
        )
        reading = await shelf.reading.read(request)
        await _keep(shelf, received.path)
        opened_sha256 = await _keep(shelf, Path(folder) / OPENED)
    async with shelf.database.transaction() as tx:
        return await _enter(tx, arrival, received, reading, opened_sha256=opened_sha256, now=now)


async def publish(tx: Transaction, reference: str, *, now: datetime) -> DocumentView:
    """Show a document's accepted claims without a key from now on; doing so again changes nothing.

    A published copy of what is private becomes the original: public pages count what is public.
    """
    await tx.execute(QUERIES["take_turn"])
    found = await claims.document(tx, reference)
    if found.public:
        return found
    await tx.execute(QUERIES["publish_document"], {"id": found.id})
    await tx.execute(QUERIES["publish_claims"], {"id": found.id})
    if found.copy_of is not None:
        original = await claims.document(tx, found.copy_of)
        if not original.public:
            await lead(tx, found.id, instead_of=original.id, now=now)
    return await claims.document(tx, found.id)


async def opened(tx: Transaction, reference: str) -> tuple[DocumentView, str]:
    """Return a document and the hash of the blob that has its text and blocks, as JSON."""
    found = await claims.document(tx, reference)
    [row] = await claims.document_rows(tx, ids=[found.id])
    return found, row["opened_sha256"]


async def add_claims(tx: Transaction, document_id: str, rows: list[dict[str, Any]]) -> None:
    """Add claims to a document that is filed: each row has the columns of `reports.claim`.

    They have no edges before `link`.
    """
    if not rows:
        return
    ids = [row["id"] for row in rows]
    placed = [{**row, "place": place} for place, row in enumerate(rows)]
    await tx.execute(QUERIES["add_claims"], {"document_id": document_id, "rows": jsonb(placed)})
    await tx.execute(QUERIES["add_standing"], {"ids": ids, "neutral": sorted(NEUTRAL_MEASURES)})


async def _enter(
    tx: Transaction,
    arrival: Arrival,
    received: Received,
    reading: dict[str, Any],
    *,
    opened_sha256: str,
    now: datetime,
) -> DocumentFiled:
    """Write a document, its claims and their edges; who was faster with the same bytes wins."""
    await tx.execute(QUERIES["take_turn"])
    known = await _known(tx, received, arrival)
    if known is not None:
        return DocumentFiled(document=known, replayed=True)
    signed = bytes.fromhex(reading["signature"])
    original = await find_original(tx, signed, reading["bands"])
    # What is private is never the original of what is public.
    leads = original is not None and arrival.public and not original[1]
    document_id = received.document_id
    row = {
        "id": document_id,
        "sha256": received.sha256,
        "text_sha256": reading["text_sha256"],
        "opened_sha256": opened_sha256,
        "name": arrival.name,
        "title": reading["title"],
        "publisher": reading["publisher"],
        "published": reading["published"],
        "url": arrival.url,
        "media_type": arrival.media_type,
        "languages": reading["languages"],
        "size_bytes": received.size_bytes,
        "characters": reading["characters"],
        "latest_period": reading["latest_period"],
        "notes": jsonb(reading["notes"]),
        "signature": signed,
        "bands": reading["bands"],
        "copy_of": None if original is None or leads else original[0],
        "public": arrival.public,
        "organisation_id": arrival.filed_by.organisation_id,
        "filed_by": arrival.filed_by.person_id,
        "now": now,
    }
    await tx.execute(QUERIES["add_document"], row)
    await add_claims(tx, document_id, reading["claims"])
    await _add_relations(tx, document_id, reading["relations"])
    if original is None:
        await link(tx, [each["id"] for each in reading["claims"]], now=now)
    elif leads:
        await lead(tx, document_id, instead_of=original[0], now=now)
    else:
        await settle_copies(tx, [document_id], now=now)
    await open_drafts(tx, document_id, opener=arrival.filed_by, now=now)
    return DocumentFiled(document=await claims.document(tx, document_id), replayed=False)


async def _add_relations(tx: Transaction, document_id: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        placed = [{**row, "place": place} for place, row in enumerate(rows)]
        await tx.execute(
            QUERIES["add_relations"], {"document_id": document_id, "rows": jsonb(placed)}
        )


async def _filed_before(shelf: Shelf, received: Received, arrival: Arrival) -> DocumentFiled | None:
    async with shelf.database.transaction() as tx:
        known = await _known(tx, received, arrival)
        if known is None:
            await _check_quota(tx, shelf, received, arrival)
            return None
    return DocumentFiled(document=known, replayed=True)


async def _known(tx: Transaction, received: Received, arrival: Arrival) -> DocumentView | None:
    """Return the document that these bytes are, if they were filed.

    Raises AlreadyExists for other bytes with the same first digits: somebody made them so.
    """
    found = await claims.documents(tx, ids=[received.document_id])
    if not found:
        return None
    if found[0].sha256 != received.sha256:
        raise AlreadyExists(
            f"{arrival.name} has the id {received.document_id} of another document",
            hint="Change a character of it: ids are the first digits of a document's hash.",
        )
    return found[0]


async def _check_quota(tx: Transaction, shelf: Shelf, received: Received, arrival: Arrival) -> None:
    asked = {"organisation_id": arrival.filed_by.organisation_id}
    row = await (await tx.execute(QUERIES["bytes_kept"], asked)).fetchone()
    assert row is not None
    if row["bytes"] + received.size_bytes > shelf.organisation_bytes_max:
        raise QuotaExceeded(
            f"{arrival.filed_by.organisation} has filed {row['bytes']:,} of "
            f"{shelf.organisation_bytes_max:,} bytes; {received.size_bytes:,} more don't fit",
            hint="Ask the operator for more.",
        )


@asynccontextmanager
async def _received(shelf: Shelf, stream: AsyncIterator[bytes]) -> AsyncIterator[Received]:
    """Write a stream to a private file while it is counted and hashed; the file is gone after."""
    shelf.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size_bytes = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=shelf.incoming) as written:
        async for chunk in stream:
            size_bytes += len(chunk)
            if size_bytes > shelf.document_bytes_max:
                raise DocumentTooLarge(
                    f"a document has at most {shelf.document_bytes_max:,} bytes", limit="bytes"
                )
            digest.update(chunk)
            await asyncio.to_thread(written.write, chunk)
        if size_bytes == 0:
            raise DocumentEmpty("there are no bytes")
        await asyncio.to_thread(written.flush)
        yield Received(Path(written.name), digest.hexdigest(), size_bytes)


async def _keep(shelf: Shelf, path: Path) -> str:
    found = await asyncio.to_thread(path.stat)
    stored = await shelf.contents.put(_chunks(path), expected=None, bytes_max=found.st_size)
    return stored.sha256


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as read:
        while chunk := await asyncio.to_thread(read.read, _READ_BYTES):
            yield chunk
