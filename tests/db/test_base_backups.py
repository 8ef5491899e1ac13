"""Copies of a running database, the archive of its log, and what they are brought back to."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from mains.db import archive, base_backup, embedded
from mains.db.archive import Archive, fetching, incarnation
from mains.db.base_backup import BaseBackup
from mains.db.cluster import Layout
from mains.db.process import postmaster
from mains.db.recovery import Recovery
from mains.db.restoring import RESTORED, restoring
from mains.errors import (
    AlreadyExists,
    AlreadyRunning,
    DatabaseUnavailable,
    RequestInvalid,
    SetupMissing,
    StoreCorrupt,
)
from mains.settings import Settings
from tests.db.people import alive

NOW = datetime(2026, 12, 1, tzinfo=UTC)
NUMBERS = "SELECT coalesce(array_agg(number ORDER BY number), '{}') FROM public.numbers"


@dataclass(frozen=True, slots=True)
class Past:
    """A database with 1 in its backup, and 2 and 3 in its archive, with `between` between them."""

    settings: Settings
    base: Path
    backup: BaseBackup
    between: datetime

    @property
    def archive(self) -> Path:
        assert self.settings.wal_archive is not None
        assert self.backup.archive is not None
        return self.settings.wal_archive / self.backup.archive


@pytest.fixture(scope="module")
def past() -> Iterator[Past]:
    folder = Path(tempfile.mkdtemp(prefix="mains-test-", dir="/tmp"))
    folder.chmod(0o755)
    settings = Settings(
        home=folder / "home", commons=folder / "commons", wal_archive=folder / "archive"
    )
    server = embedded.start(settings, durable=False)
    try:
        assert server.endpoints.owner_url is not None
        with psycopg.connect(server.endpoints.owner_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE public.numbers (number integer)")
            connection.execute("INSERT INTO public.numbers VALUES (1)")
            backup = base_backup.take(settings, folder / "base")
            connection.execute("INSERT INTO public.numbers VALUES (2)")
            time.sleep(0.01)
            between = datetime.now(UTC)
            connection.execute("INSERT INTO public.numbers VALUES (3)")
    finally:
        server.stop()
    yield Past(settings, folder / "base", backup, between)
    shutil.rmtree(folder, ignore_errors=True)


def restored(settings: Settings, base: Path, recovery: Recovery, *, over: bool = False) -> object:
    """Restore and return which numbers are there."""
    with (
        restoring(settings, base, recovery, replace=over, now=NOW, durable=False) as endpoints,
        psycopg.connect(str(endpoints.owner_url)) as connection,
    ):
        row = connection.execute(NUMBERS).fetchone()
    return row and row[0]


def numbers_of(settings: Settings) -> object:
    server = embedded.start(settings, durable=False)
    try:
        with psycopg.connect(str(server.endpoints.owner_url)) as connection:
            row = connection.execute(NUMBERS).fetchone()
    finally:
        server.stop()
    return row and row[0]


@pytest.mark.parametrize(
    ("recovery", "numbers"),
    [
        (lambda past: Recovery(), [1]),
        (lambda past: Recovery(past.archive), [1]),
        (lambda past: Recovery(past.archive, until=past.between), [1, 2]),
        (lambda past: Recovery(past.archive, to_end=True), [1, 2, 3]),
    ],
    ids=["without an archive", "to its end", "to a moment", "to the archive's end"],
)
def test_a_copy_is_brought_to(
    past: Past, settings: Settings, recovery: Callable[[Past], Recovery], numbers: list[int]
) -> None:
    assert restored(settings, past.base, recovery(past)) == numbers
    assert numbers_of(settings) == numbers
    assert {path.name for path in Layout(settings).folder.glob("data*")} == {"data"}


def test_a_time_that_the_archive_does_not_reach_is_refused_and_nothing_is_left(
    past: Past, settings: Settings
) -> None:
    late = Recovery(past.archive, until=datetime(2100, 1, 1, tzinfo=UTC))
    with pytest.raises(RequestInvalid, match=r"not reach 2100.*the last commit in it is of 20"):
        restored(settings, past.base, late)
    assert not [*Layout(settings).folder.glob("data*")]


def test_a_restored_database_archives_into_a_folder_of_its_own(
    past: Past, settings: Settings
) -> None:
    """A trial on the machine of the original must not write into what that is restored from."""
    settings = replace(settings, wal_archive=past.settings.wal_archive)
    before = {path.name for path in past.archive.iterdir()}
    assert restored(settings, past.base, Recovery(past.archive, to_end=True)) == [1, 2, 3]
    assert incarnation(Layout(settings).data) is None
    assert numbers_of(settings) == [1, 2, 3]
    own = incarnation(Layout(settings).data)
    assert own is not None and own != past.backup.archive
    assert [*(past.archive.parent / own).glob("*.gz")]
    assert {path.name for path in past.archive.iterdir()} == before


def test_a_database_that_is_there_is_kept(past: Past, settings: Settings) -> None:
    assert restored(settings, past.base, Recovery()) == [1]
    with pytest.raises(AlreadyExists, match="a database in"):
        restored(settings, past.base, Recovery())
    late = Recovery(past.archive, until=datetime(2100, 1, 1, tzinfo=UTC))
    with pytest.raises(RequestInvalid):
        restored(settings, past.base, late, over=True)
    assert numbers_of(settings) == [1]
    assert restored(settings, past.base, Recovery(past.archive, to_end=True), over=True) == [
        1,
        2,
        3,
    ]
    aside = Layout(settings).folder / "data.before-20261201T000000Z"
    assert (aside / "PG_VERSION").exists()


def test_what_runs_is_not_restored_over(past: Past, settings: Settings) -> None:
    server = embedded.start(settings, durable=False)
    try:
        with pytest.raises(AlreadyRunning):
            restored(settings, past.base, Recovery(), over=True)
    finally:
        server.stop()


def test_a_server_that_a_killed_mains_has_left_is_ended_first(
    past: Past, settings: Settings
) -> None:
    assert restored(settings, past.base, Recovery()) == [1]
    script = "; ".join(
        [
            "import os, sys",
            "from pathlib import Path",
            "from tests.db.test_base_backups import Settings, embedded",
            "settings = Settings(home=Path(sys.argv[1]), commons=Path(sys.argv[2]))",
            "embedded.start(settings, durable=False)",
            "os.kill(os.getpid(), 9)",
        ]
    )
    command: list[str | Path] = [sys.executable, "-c", script, settings.home, settings.commons]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    left = postmaster(Layout(settings).data)
    assert left is not None
    archive = Recovery(past.archive, to_end=True)
    assert restored(settings, past.base, archive, over=True) == [1, 2, 3]
    assert not alive(left)
    assert numbers_of(settings) == [1, 2, 3]


def test_a_restore_that_was_killed_is_done_again(past: Past, settings: Settings) -> None:
    script = "; ".join(
        [
            "import os, sys",
            "from pathlib import Path",
            "from tests.db.test_base_backups import NOW, Recovery, Settings, restoring",
            "settings = Settings(home=Path(sys.argv[1]), commons=Path(sys.argv[2]))",
            "made = restoring(settings, Path(sys.argv[3]), Recovery(), replace=False, now=NOW)",
            "made.__enter__()",
            "os.kill(os.getpid(), 9)",
        ]
    )
    command: list[str | Path] = [sys.executable, "-c", script]
    command += [settings.home, settings.commons, past.base]
    killed = subprocess.run(command, check=False)
    assert killed.returncode == -signal.SIGKILL
    beside = postmaster(Layout(settings).folder / RESTORED)
    assert beside is not None
    assert restored(settings, past.base, Recovery()) == [1]
    assert not alive(beside)
    assert {path.name for path in Layout(settings).folder.glob("data*")} == {"data"}


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda base: flip(base / "global" / "pg_control"),
        lambda base: flip(base / "backup_manifest"),
        lambda base: (base / "PG_VERSION").unlink(),
        lambda base: (base / "backup_manifest").unlink(),
        lambda base: [segment.unlink() for segment in (base / "pg_wal").glob("0*")],
    ],
    ids=["a changed bit", "a changed proof", "a lost file", "no proof", "no log"],
)
def test_a_damaged_copy_is_found(
    past: Past, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    base_backup.verify(past.base)
    copy = tmp_path / "base"
    shutil.copytree(past.base, copy)
    damage(copy)
    with pytest.raises(StoreCorrupt, match="is not what was copied"):
        base_backup.verify(copy)


def test_a_damaged_segment_ends_the_recovery(past: Past, settings: Settings) -> None:
    damaged = settings.home.parent / "archive"
    shutil.copytree(past.archive, damaged)
    for path in (damaged, *damaged.iterdir()):
        facts = past.archive.stat()
        os.chown(path, facts.st_uid, facts.st_gid)
    newest = max(path for path in damaged.glob("*.gz") if ".backup" not in path.name)
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.raises(StoreCorrupt, match="is damaged"):
        restored(settings, past.base, Recovery(damaged, to_end=True))
    assert not [*Layout(settings).folder.glob("data*")]


def test_nothing_is_copied_of_what_does_not_run(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="No embedded Postgres runs"):
        base_backup.take(settings, tmp_path / "base")


# The programs that Postgres calls.


def call(script: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "script.sh"
    path.write_text(script)
    command = ["/bin/sh", str(path), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_segment_is_archived_once_and_never_written_over(tmp_path: Path) -> None:
    into = tmp_path / 'it\'s my "archive" $HOME'
    into.mkdir()
    script = Archive(into).script()
    segment = tmp_path / "segment"
    segment.write_bytes(b"log" * 1_000)
    (into / ".000A.partial").write_bytes(b"half of it")
    assert call(script, "segment", "000A", folder=tmp_path).returncode == 0
    assert call(script, "segment", "000A", folder=tmp_path).returncode == 0
    kept = (into / "000A.gz").read_bytes()
    segment.write_bytes(b"another")
    refused = call(script, "segment", "000A", folder=tmp_path)
    assert refused.returncode == 1
    assert "has another 000A" in refused.stderr
    assert [(path.name, path.read_bytes()) for path in into.iterdir()] == [("000A.gz", kept)]
    back = call(fetching(into), "000A", "fetched", folder=tmp_path)
    assert back.returncode == 0
    assert (tmp_path / "fetched").read_bytes() == b"log" * 1_000


def test_what_the_archive_lacks_is_its_end_and_what_is_damaged_is_not(tmp_path: Path) -> None:
    assert call(fetching(tmp_path), "000A", "fetched", folder=tmp_path).returncode == 1
    (tmp_path / "000A.gz").write_bytes(b"no gzip")
    assert call(fetching(tmp_path), "000A", "fetched", folder=tmp_path).returncode > 125


def test_an_archive_that_postgres_cannot_write_is_named(settings: Settings) -> None:
    root = settings.home.parent / "archive"
    root.write_text("a file")
    with pytest.raises(SetupMissing, match="archive"):
        embedded.start(replace(settings, wal_archive=root / "in"), durable=False)
    assert archive.incarnation(Layout(settings).data) is None
