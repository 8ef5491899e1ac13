"""What a backup says of itself. It is written last: a folder without it is no backup."""

import hashlib
import os
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from mains.db import migrations
from mains.db.binaries import MAJOR_VERSION
from mains.db.folders import sync_folder, write_file
from mains.errors import NotFound, SchemaMismatch, StoreCorrupt
from mains.wire.base import Count, Instant, Schema, Sha256

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "database"
DUMP: Final = "database.dump"


class BaseCopy(Schema):
    """The embedded database's files. Any time from `consistent_at` on may be restored."""

    kind: Literal["base"] = "base"
    postgres: int
    system_identifier: str
    timeline: int
    end_lsn: str
    consistent_at: Instant
    size_bytes: Count
    proof_sha256: str
    archive: str | None
    """The folder of the log's archive where later segments are found."""


class Dump(Schema):
    """A given database as pg_dump writes it; restoring it is for whoever runs that Postgres."""

    kind: Literal["dump"] = "dump"
    size_bytes: Count
    sha256: str


class Contents(Schema):
    """One store. `expired` counts contents that retention dropped while the backup was taken."""

    copied: bool
    """False where they are in an object store: then they were only looked for."""

    count: Count
    size_bytes: Count
    names_sha256: str
    """Of the list of hashes and paths beside this file."""

    expired: Count
    missing: list[Sha256]


class Manifest(Schema):
    """All that a restore has to know before it touches anything."""

    format: int
    mains: str
    schema_number: Count
    began_at: Instant
    finished_at: Instant
    database: BaseCopy | Dump
    contents: dict[str, Contents]
    keys: bool

    @property
    def whole(self) -> bool:
        return not any(kept.missing for kept in self.contents.values())

    def write(self, folder: Path) -> None:
        """Have everything on the disk, and then say that this is a backup."""
        os.sync()
        write_file(folder / MANIFEST, self.model_dump_json(indent=2) + "\n", mode=0o600)
        sync_folder(folder)


def read(folder: Path) -> Manifest:
    """Return a backup's manifest; raises NotFound, StoreCorrupt or SchemaMismatch."""
    try:
        text = (folder / MANIFEST).read_text("utf-8")
    except OSError as error:
        raise NotFound(
            f"There is no backup in {folder}: {MANIFEST} is missing.",
            hint="A backup that was not finished has none; take the one before.",
        ) from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise StoreCorrupt(
            f"{folder / MANIFEST} is not readable: {error.errors()[0]['msg']}.",
            hint="A newer mains may have written it; else take another backup.",
        ) from error
    _check_known(manifest)
    return manifest


def _check_known(manifest: Manifest) -> None:
    """Refuse what this program is too old for."""
    newest = migrations.migrations()[-1].number
    if manifest.schema_number > newest or manifest.format > FORMAT:
        raise SchemaMismatch(
            f"The backup was taken by mains {manifest.mains} with migration "
            f"{manifest.schema_number}; this program knows up to {newest}.",
            hint="Restore it with that version of mains, or a newer one.",
        )
    database = manifest.database
    if isinstance(database, BaseCopy) and database.postgres != MAJOR_VERSION:
        raise SchemaMismatch(
            f"The backup is of Postgres {database.postgres}, and this program has {MAJOR_VERSION}.",
            hint="Restore it with the version of mains that took it.",
        )


def sha256_of(path: Path) -> str:
    """Return a file's hash as 64 digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
