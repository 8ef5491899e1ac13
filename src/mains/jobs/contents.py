"""Bundles in, artefacts out: who may read which content, and whose quota it counts against."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import anyio

from mains.blobs import Named, bundle
from mains.db import Queries, Transaction, jsonb
from mains.errors import BundleTooLarge, NotFound, QuotaExceeded
from mains.settings import Settings

QUERIES = Queries.load(__package__, "queries.sql")

BUNDLE_FILES_MAX = 50_000


async def check_bundle(path: Path, *, settings: Settings) -> None:
    """Refuse a bundle that could harm whoever unpacks it; raises BundleUnsafe or BundleTooLarge."""
    await anyio.to_thread.run_sync(
        lambda: bundle.check(
            path, bytes_max=settings.bundle_bytes_max * 4, files_max=BUNDLE_FILES_MAX
        )
    )


@dataclass(frozen=True, slots=True)
class Content:
    """A content and the organisation whose quota it counts against."""

    organisation_id: UUID
    sha256: str
    size_bytes: int


async def check_quota(tx: Transaction, content: Content, *, settings: Settings) -> None:
    """Raise QuotaExceeded where a content is new to its organisation and doesn't fit."""
    ids = [content.organisation_id]
    known = await tx.execute(
        QUERIES["contents_known"], {"organisations": ids, "hashes": [content.sha256]}
    )
    if await known.fetchone() is not None:
        return
    row = await (await tx.execute(QUERIES["bytes_held"], {"ids": ids})).fetchone()
    held = row["bytes"] if row is not None else 0
    if held + content.size_bytes > settings.organisation_bytes_max:
        raise QuotaExceeded(
            f"the organisation keeps {held:,} of {settings.organisation_bytes_max:,} bytes; "
            f"{content.size_bytes:,} more don't fit",
            hint="Old contents are dropped after their retention; ask the operator for more.",
        )


async def keep_bundle(
    tx: Transaction, content: Content, *, settings: Settings, now: datetime
) -> None:
    """Record an uploaded bundle for its organisation; raises QuotaExceeded."""
    await tx.execute(QUERIES["lock_quota"], {"id": content.organisation_id})
    await check_quota(tx, content, settings=settings)
    row = {
        "organisation_id": content.organisation_id,
        "sha256": content.sha256,
        "size_bytes": content.size_bytes,
        "kind": "bundle",
    }
    await tx.execute(QUERIES["put_contents"], {"rows": jsonb([row]), "now": now})


async def check_readable(
    tx: Transaction, sha256: str, *, organisation_id: UUID, everything: bool
) -> int:
    """Return the size of a content that this organisation may read; raises NotFound."""
    row = await (
        await tx.execute(
            QUERIES["content_readable"],
            {"sha256": sha256, "organisation_id": organisation_id, "everything": everything},
        )
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no content {sha256} that you may read")
    return int(row["size_bytes"])


async def named(tx: Transaction, *, after: str, limit: int) -> list[Named]:
    """Return contents that somebody may still ask for, each once, in the order of their hashes."""
    rows = await tx.execute(QUERIES["contents_named"], {"after": after, "limit": limit})
    return [Named(**row) for row in await rows.fetchall()]


def too_large(bytes_max: int) -> BundleTooLarge:
    return BundleTooLarge(
        f"the code is larger than {bytes_max:,} bytes",
        hint="Leave data out: name it in `.mainsignore`.",
    )
