"""What a backup lists, and what a restore refuses before it has touched anything."""

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mains.blobs import Store
from mains.blobs.store import key_of
from mains.clock import ManualClock
from mains.daemon import backup, stores
from mains.daemon.backup_manifest import MANIFEST, Manifest
from mains.daemon.restore import FENCE_GAP, Asked, read_moment, restore
from mains.daemon.up import prepare
from mains.db import embedded
from mains.db.account import Account
from mains.db.binaries import Binaries
from mains.db.embedded import Endpoints
from mains.errors import (
    AlreadyExists,
    MainsError,
    NotFound,
    RequestInvalid,
    SchemaMismatch,
    SetupMissing,
    StoreCorrupt,
)
from mains.settings import Settings
from tests.conftest import Cluster

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=91)
CONTENT = """
INSERT INTO jobs.content (organisation_id, sha256, size_bytes, kind, created_at, last_used_at)
SELECT id, %(sha256)s, %(size)s, 'bundle', %(at)s, %(at)s FROM parties.organisation
"""


async def _bytes(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def keep(settings: Settings, url: str, content: bytes, *, at: datetime = NOW) -> str:
    """Store a content that a record names; returns its hash."""
    stored = await stores.jobs(settings).put(_bytes(content), expected=None, bytes_max=1_000)
    with psycopg.connect(url) as connection:
        facts = {"sha256": stored.sha256, "size": stored.size_bytes, "at": at}
        connection.execute(CONTENT, facts)
    return stored.sha256


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup of an instance with four contents: one that is lost, one that expired."""

    settings: Settings
    folder: Path
    keys: Path
    manifest: Manifest
    kept: str
    lost: str
    damaged: str
    expired: str


async def _take(folder: Path) -> Taken:
    settings = Settings(home=folder / "home", commons=folder / "commons")
    async with embedded.running(settings, durable=False) as server:
        await prepare(settings, server.endpoints)
        url = str(server.endpoints.owner_url)
        kept = await keep(settings, url, b"kept")
        lost = await keep(settings, url, b"lost")
        damaged = await keep(settings, url, b"damaged")
        expired = await keep(settings, url, b"expired", at=LONG_AGO)
    blobs = settings.home / "blobs"
    (blobs / key_of(lost)).unlink()
    (blobs / key_of(expired)).unlink()
    (blobs / key_of(damaged)).write_bytes(b"DAMAGED")
    manifest = await backup.take(
        settings, folder / "backup", keys=folder / "keys", clock=ManualClock(NOW)
    )
    return Taken(
        settings, folder / "backup", folder / "keys", manifest, kept, lost, damaged, expired
    )


@pytest.fixture(scope="module")
def taken() -> Iterator[Taken]:
    folder = Path(tempfile.mkdtemp(prefix="mains-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield asyncio.run(_take(folder))
    shutil.rmtree(folder, ignore_errors=True)


def put_back(settings: Settings, asked: Asked) -> Any:
    return asyncio.run(restore(settings, asked, clock=ManualClock(NOW)))


def test_a_backup_tells_what_was_lost_before_it_from_what_expired(taken: Taken) -> None:
    blobs = taken.manifest.contents["blobs"]
    assert blobs.count == 1
    assert sorted(blobs.missing) == sorted([taken.lost, taken.damaged])
    assert blobs.expired == 1
    assert not taken.manifest.whole
    note = json.loads((taken.settings.home / backup.NOTE).read_text())
    assert note["folder"] == str(taken.folder)
    assert note["whole"] is False


def test_what_an_earlier_backup_has_is_linked_and_read_again(
    taken: Taken, settings: Settings
) -> None:
    """A copy that was damaged meanwhile is copied anew from the store."""
    root = taken.folder.parent
    shutil.copytree(taken.folder, root / "damaged")
    (root / "damaged" / "blobs" / key_of(taken.kept)).write_bytes(b"KEPT")
    inodes = set()
    for since, name in ((taken.folder, "linked"), (root / "damaged", "copied")):
        later = asyncio.run(backup.take(taken.settings, root / name, keys=None, since=since))
        assert later.contents["blobs"] == taken.manifest.contents["blobs"]
        copied = root / name / "blobs" / key_of(taken.kept)
        assert copied.read_bytes() == b"kept"
        inodes.add(copied.stat().st_ino)
    assert len(inodes) == 2
    assert (taken.folder / "blobs" / key_of(taken.kept)).stat().st_ino in inodes
    with pytest.raises(NotFound, match="no backup"):
        asyncio.run(backup.take(taken.settings, root / "fresh", keys=None, since=root))
    shutil.rmtree(taken.folder.with_name("copied"))
    assert put_back(settings, Asked(folder=root / "linked", keys=taken.keys)).broken == []


def test_what_was_lost_is_named_and_searched_for_elsewhere(
    taken: Taken, settings: Settings, tmp_path: Path
) -> None:
    elsewhere = Store.open(tmp_path / "blobs")
    asyncio.run(elsewhere.put(_bytes(b"lost"), expected=taken.lost, bytes_max=10))
    asked = Asked(folder=taken.folder, keys=taken.keys, sources=[tmp_path])
    restored = put_back(settings, asked)
    assert restored.lost == {"blobs": [taken.damaged], "reports": []}
    assert restored.broken == []
    assert not restored.sound
    blobs = settings.home / "blobs"
    assert (blobs / key_of(taken.kept)).read_bytes() == b"kept"
    assert (blobs / key_of(taken.lost)).read_bytes() == b"lost"
    for name in ("pepper", "administrator"):
        assert (settings.keys / name).read_bytes() == (taken.keys / name).read_bytes()
    with pytest.raises(AlreadyExists, match="a database in"):
        put_back(settings, replace(asked, keys=None))


def test_keys_that_are_lost_too_are_made_anew_when_told(taken: Taken, settings: Settings) -> None:
    restored = put_back(settings, Asked(folder=taken.folder, without_keys=True))
    assert restored.broken == []
    server = embedded.start(settings, durable=False)
    try:
        with psycopg.connect(server.endpoints.app_url) as connection:
            assert connection.execute("SELECT count(*) FROM parties.person").fetchone() == (1,)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("wrong", "error", "why"),
    [
        ({"keys": None}, SetupMissing, "keys that belong to the backup"),
        ({"keys": "home"}, SetupMissing, "no keys of mains"),
        ({"folder": "home"}, NotFound, "no backup in"),
        ({"until": "latest"}, RequestInvalid, "its own end alone"),
        ({"until": NOW}, RequestInvalid, "its own end alone"),
    ],
)
def test_a_wrong_question_changes_nothing(
    taken: Taken, settings: Settings, wrong: dict[str, Any], error: type[MainsError], why: str
) -> None:
    wrong = {
        name: taken.settings.home if value == "home" else value for name, value in wrong.items()
    }
    with pytest.raises(error, match=why):
        put_back(settings, replace(Asked(folder=taken.folder, keys=taken.keys), **wrong))
    assert not settings.home.exists()
    assert not settings.commons.exists()


def test_other_keys_are_not_written_over(taken: Taken, settings: Settings) -> None:
    settings.keys.mkdir(parents=True)
    (settings.keys / "pepper").write_bytes(b"another" * 5)
    with pytest.raises(AlreadyExists, match="other keys"):
        put_back(settings, Asked(folder=taken.folder, keys=taken.keys))


def change(path: Path, **facts: object) -> None:
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, **facts}))


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda folder: (folder / MANIFEST).unlink(), NotFound),
        (lambda folder: (folder / MANIFEST).write_text("{"), StoreCorrupt),
        (lambda folder: change(folder / MANIFEST, unknown=1), StoreCorrupt),
        (lambda folder: change(folder / MANIFEST, schema_number=9_999), SchemaMismatch),
        (lambda folder: change(folder / MANIFEST, format=2), SchemaMismatch),
        (lambda folder: (folder / "blobs.sha256").write_text(""), StoreCorrupt),
        (lambda folder: next(folder.glob("blobs/??/*")).write_bytes(b"x"), StoreCorrupt),
        (lambda folder: next(folder.glob("blobs/??/*")).unlink(), StoreCorrupt),
        (lambda folder: (folder / "database" / "PG_VERSION").write_text("18"), StoreCorrupt),
        (lambda folder: change(folder / "database" / "backup_manifest"), StoreCorrupt),
    ],
)
def test_half_a_backup_or_a_changed_one_changes_nothing(
    taken: Taken,
    settings: Settings,
    tmp_path: Path,
    damage: Callable[[Path], object],
    error: type[MainsError],
) -> None:
    folder = tmp_path / "backup"
    shutil.copytree(taken.folder, folder)
    damage(folder)
    with pytest.raises(error):
        put_back(settings, Asked(folder=folder, keys=taken.keys))
    assert not settings.home.exists()
    assert not settings.commons.exists()


@pytest.mark.parametrize(
    ("folder", "keys", "error"),
    [
        ("backup", None, AlreadyExists),
        ("home/backup", None, RequestInvalid),
        ("fresh", "fresh/keys", RequestInvalid),
        ("fresh/backup", "fresh", RequestInvalid),
        ("fresh", "home/keys", AlreadyExists),
    ],
)
def test_a_place_that_is_taken_or_would_be_lost_too_is_refused(
    taken: Taken, folder: str, keys: str | None, error: type[MainsError]
) -> None:
    root = taken.folder.parent
    with pytest.raises(error):
        asyncio.run(
            backup.take(taken.settings, root / folder, keys=None if keys is None else root / keys)
        )
    assert not (root / "fresh").exists()


def test_there_is_nothing_to_back_up_before_the_first_start(
    settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(SetupMissing, match="no database of mains"):
        asyncio.run(backup.take(settings, tmp_path / "backup", keys=None))
    assert not (tmp_path / "backup").exists()


def test_a_given_database_is_dumped_and_made_safe_once_it_is_back(
    cluster: Cluster, app_url: str, owner_url: str, settings: Settings, tmp_path: Path
) -> None:
    given = replace(settings, database_url=app_url, database_owner_url=owner_url)
    asyncio.run(prepare(given, Endpoints(app_url, owner_url)))
    wire_keys(given)
    kept = asyncio.run(keep(given, owner_url, b"kept"))
    folder, keys = tmp_path / "backup", tmp_path / "keys"
    manifest = asyncio.run(backup.take(given, folder, keys=keys))
    assert (manifest.database.kind, manifest.whole) == ("dump", True)
    with pytest.raises(SetupMissing, match="as its owner"):
        asyncio.run(backup.take(replace(given, database_owner_url=None), tmp_path / "b", keys=None))

    name = "restored_elsewhere"
    cluster.create(name, template="template1")
    home = settings.home.parent / "again"
    again = Settings(
        home=home,
        commons=home,
        database_url=cluster.app_url(name),
        database_owner_url=cluster.owner_url(name),
    )
    asked = Asked(folder=folder, keys=keys)
    with pytest.raises(SetupMissing, match="still empty"):
        put_back(again, asked)
    restore_dump(cluster.owner_url(name), folder / "database.dump")
    assert put_back(again, asked).sound
    assert (again.home / "blobs" / key_of(kept)).read_bytes() == b"kept"
    with psycopg.connect(cluster.owner_url(name)) as connection:
        assert connection.execute("SELECT fence FROM jobs.dispatcher").fetchone() == (FENCE_GAP,)
    with pytest.raises(RequestInvalid, match="a Postgres of your own"):
        put_back(replace(again, database_url=None), asked)


def wire_keys(settings: Settings) -> None:
    """Make the keys that a first start makes."""
    for name in ("secrets", "signing.pem"):
        (settings.keys / name).write_bytes(b"a key")


def restore_dump(owner_url: str, dump: Path) -> None:
    """Do what the operator of a given Postgres does."""
    binaries = Binaries.for_account(Account.current())
    command: list[str | Path] = [binaries.program("pg_restore"), "--no-owner", "--exit-on-error"]
    subprocess.run([*command, f"--dbname={owner_url}", dump], check=True)


def test_a_time_has_an_offset_or_is_no_time() -> None:
    assert read_moment(None) is None
    assert read_moment("latest") == "latest"
    assert read_moment("2026-12-01T18:00:00+08:00") == NOW
    for text in ("2026-12-01T10:00:00", "yesterday", ""):
        with pytest.raises(RequestInvalid, match="is no time"):
            read_moment(text)
