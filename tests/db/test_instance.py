"""The instance as a daemon uses it: one server in this process, given or embedded."""

import asyncio
import os
import subprocess
import sys
import threading
from dataclasses import replace
from importlib.metadata import FileHash, PackagePath
from pathlib import Path

import psutil
import psycopg
import pytest

from mains.db import Database, embedded
from mains.db.account import Account
from mains.db.binaries import copy_file
from mains.db.folders import check_reachable, make_folder
from mains.db.lock import InstanceLock, holder_of
from mains.errors import AlreadyRunning, DatabaseUnavailable, SetupMissing
from mains.settings import Settings
from tests.db.people import alive, eventually

pytestmark = pytest.mark.anyio


async def test_a_killed_postgres_is_started_again_behind_the_same_endpoints(
    settings: Settings,
) -> None:
    async with embedded.running(settings, durable=False) as server:
        database = await Database.open(server.endpoints.app_url)
        assert not server.ensure_running()
        assert server.postgres_process is not None
        before = psutil.Process(server.postgres_process)
        before.kill()
        with pytest.raises(DatabaseUnavailable):
            while True:
                async with database.transaction() as transaction:
                    await transaction.execute("SELECT 1")
        await asyncio.to_thread(eventually, lambda: not alive(before))
        assert server.ensure_running()
        assert server.postgres_process != before.pid
        async with database.transaction() as transaction:
            cursor = await transaction.execute("SELECT 1 AS one")
            assert await cursor.fetchone() == {"one": 1}
        status = embedded.status(settings)
        assert status == embedded.Status(os.getpid(), server.postgres_process)
        await database.close()
    assert not server.ensure_running(), "what was stopped stays so"
    assert embedded.status(settings) == embedded.Status(None, None)


async def test_a_given_database_is_used_and_nothing_is_started(
    settings: Settings, app_url: str, owner_url: str
) -> None:
    given = replace(settings, database_url=app_url, database_owner_url=owner_url)
    async with embedded.running(given) as server:
        assert server.endpoints == embedded.Endpoints(app_url, owner_url)
        assert server.superuser_url is None
        assert server.postgres_process is None
        assert not server.ensure_running()
        assert embedded.status(given).holder_process == os.getpid()
        with pytest.raises(AlreadyRunning):
            embedded.start(given)
    assert not (settings.commons / "postgres" / "data").exists()


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("postgresql://nobody:x@/none?host=/nonexistent", DatabaseUnavailable),
        ("postgresql://localhost:1/none?connect_timeout=2", DatabaseUnavailable),
        ("mysql://localhost/none", SetupMissing),
    ],
)
def test_a_given_database_that_is_wrong_is_named(
    settings: Settings, url: str, fault: type[Exception]
) -> None:
    with pytest.raises(fault, match="MAINS_DATABASE_URL"):
        embedded.start(replace(settings, database_url=url))
    assert embedded.status(settings).holder_process is None


def test_a_server_that_is_too_old_is_refused() -> None:
    embedded.check_server_version(150_000, variable="MAINS_DATABASE_URL")
    with pytest.raises(SetupMissing, match="Postgres 14; mains needs 15"):
        embedded.check_server_version(140_018, variable="MAINS_DATABASE_URL")


def test_a_thrown_away_server_leaves_nothing() -> None:
    with embedded.throw_away() as server:
        assert server.superuser_url is not None
        with psycopg.connect(server.superuser_url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        data = Path(row[0])
        assert data.is_dir()
    assert not data.parents[2].exists()


def test_a_thrown_away_server_whose_process_was_killed_is_swept() -> None:
    program = (
        "import os, signal; from mains.db import embedded\n"
        "with embedded.throw_away() as server:\n"
        "    print(server.postgres_process, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    postgres = psutil.Process(int(killed.stdout))
    folder = Path(postgres.cwd()).parents[2]
    embedded.sweep_abandoned()
    assert alive(postgres), "too young to be abandoned for sure"
    os.utime(folder, (1, 1))
    embedded.sweep_abandoned()
    assert not alive(postgres)
    assert not folder.exists()


def test_a_lock_is_held_by_one_and_free_after_release(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder_of(path) is None
    lock = InstanceLock.take(path)
    assert holder_of(path) == os.getpid()
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        InstanceLock.take(path)
    lock.release()
    lock.release()
    assert holder_of(path) is None
    InstanceLock.take(path).release()


def test_of_many_takers_one_wins(tmp_path: Path) -> None:
    won: list[InstanceLock] = []

    def take() -> None:
        try:
            won.append(InstanceLock.take(tmp_path / "lock"))
        except AlreadyRunning:
            return

    threads = [threading.Thread(target=take) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    won[0].release()


def test_new_folders_get_their_mode_and_old_ones_keep_theirs(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    old.chmod(0o750)
    umask = os.umask(0o077)
    try:
        make_folder(old / "new" / "deep", mode=0o755)
        make_folder(old, mode=0o755)
    finally:
        os.umask(umask)
    found = [path.stat().st_mode & 0o777 for path in (old, old / "new", old / "new" / "deep")]
    assert found == [0o750, 0o755, 0o755]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SetupMissing, match="Can't make the folder"):
        make_folder(tmp_path / "file" / "folder", mode=0o700)


def test_a_folder_that_the_system_user_cannot_reach_is_named(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    target = tmp_path / "private" / "data"
    stranger = Account("stranger", 54_321, 54_321, switches=True)
    with pytest.raises(SetupMissing, match="The system user stranger can't reach"):
        check_reachable(target, stranger)
    check_reachable(target, replace(stranger, switches=False))
    check_reachable(Path("/usr/bin/env"), stranger)


def test_a_command_that_is_missing_or_hangs_is_named(tmp_path: Path) -> None:
    account = Account.current()
    with pytest.raises(SetupMissing, match="Can't run nothing"):
        account.run([tmp_path / "nothing"], folder=Path("/"), seconds_max=5)
    with pytest.raises(SetupMissing, match="Can't run sleep"):
        account.run(["/bin/sleep", "30"], folder=Path("/"), seconds_max=0.05)


def test_a_damaged_file_of_the_wheel_is_not_copied(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("not what was installed")
    recorded = PackagePath("bin/source")
    recorded.hash = FileHash("sha256=AAAA")
    with pytest.raises(SetupMissing, match="is not the file that was installed"):
        copy_file(source, tmp_path / "target", recorded)
    with pytest.raises(SetupMissing, match="lacks missing"):
        copy_file(tmp_path / "missing", tmp_path / "target", recorded)
    assert not (tmp_path / "target").exists()
