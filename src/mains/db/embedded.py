"""The embedded Postgres as an instance: one per data folder, or a Postgres that was given."""

import asyncio
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from mains.db.account import Account
from mains.db.cluster import APPLICATION, OWNER, SHORT_FOLDER, SUPERUSER, Cluster, Layout
from mains.db.folders import PRIVATE, PUBLIC, make_folder
from mains.db.lock import InstanceLock, holder_of
from mains.db.process import end, postmaster
from mains.errors import AlreadyRunning, DatabaseUnavailable, SetupMissing
from mains.settings import Settings

EXTERNAL_VERSION_MIN: Final = 150_000
CONNECT_SECONDS_MAX: Final = 10
THROW_AWAY_PREFIX: Final = "mains-throw-away-"
ABANDONED_SECONDS_MIN: Final = 60


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the database is, with passwords: never logged. No owner means no migrations."""

    app_url: str
    owner_url: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """Who holds the instance and which postmaster serves it; None where there is none."""

    holder_process: int | None
    postgres_process: int | None


class Server:
    """A started instance: holds the instance lock until `stop` or the end of the process."""

    def __init__(
        self, *, lock: InstanceLock, endpoints: Endpoints, cluster: Cluster | None
    ) -> None:
        self._lock = lock
        self._cluster = cluster
        self._turn = threading.Lock()
        self._stopped = False
        self.endpoints = endpoints

    @property
    def superuser_url(self) -> str | None:
        """The embedded server's administrator; mains itself uses it only to make roles."""
        return None if self._cluster is None else self._cluster.url(SUPERUSER, database="postgres")

    @property
    def layout(self) -> Layout | None:
        return None if self._cluster is None else self._cluster.layout

    @property
    def postgres_process(self) -> int | None:
        process = None if self._cluster is None else postmaster(self._cluster.layout.data)
        return None if process is None else process.pid

    def ensure_running(self) -> bool:
        """Start the embedded server again if it has died; return whether that was so.

        The endpoints stay the same, and after `stop` nothing is started any more. Raises
        DatabaseUnavailable.
        """
        with self._turn:
            if self._cluster is None or self._stopped or self.postgres_process is not None:
                return False
            self._cluster.start()
            return True

    def finish_passwords(self) -> bool:
        """Take up what a killed `mains admin rotate` left behind; return whether it did.

        Until then new connections would be refused. Raises DatabaseUnavailable.
        """
        with self._turn:
            if self._cluster is None or self._stopped:
                return False
            return self._cluster.finish_passwords()

    def stop(self) -> None:
        """End the embedded server in order, if there is one, and release the instance."""
        with self._turn:
            self._stopped = True
            if self._cluster is not None:
                self._cluster.stop()
            self._lock.release()


def start(settings: Settings, *, durable: bool = True) -> Server:
    """Take the instance and return a server that answers; `durable=False` is for tests alone.

    With `settings.database_url` nothing is started. Raises AlreadyRunning, SchemaMismatch (the
    data is of another Postgres), SetupMissing or DatabaseUnavailable.
    """
    layout = Layout(settings)
    # For root it lies under a folder that system users and runs share, so it comes first.
    make_folder(layout.folder, mode=PUBLIC if os.geteuid() == 0 else PRIVATE)
    make_folder(settings.home, mode=PRIVATE)
    lock = InstanceLock.take(layout.lock)
    try:
        if settings.database_url is not None:
            return Server(lock=lock, endpoints=_external(settings), cluster=None)
        cluster = Cluster(
            layout, Account.current(), durable=durable, wal_archive=settings.wal_archive
        )
        cluster.open()
    except BaseException:
        lock.release()
        raise
    endpoints = Endpoints(cluster.url(APPLICATION), cluster.url(OWNER))
    return Server(lock=lock, endpoints=endpoints, cluster=cluster)


def status(settings: Settings) -> Status:
    """Return who runs the instance now, without changing anything."""
    layout = Layout(settings)
    process = postmaster(layout.data)
    return Status(holder_of(layout.lock), None if process is None else process.pid)


def end_left_over(settings: Settings) -> int | None:
    """End the server of a mains that was killed, if nobody has taken it over; return its process.

    Raises DatabaseUnavailable when it does not end.
    """
    layout = Layout(settings)
    if not layout.lock.exists():
        return None
    try:
        lock = InstanceLock.take(layout.lock)
    except AlreadyRunning:
        return None
    try:
        process = postmaster(layout.data)
        if process is not None:
            end(process)
        return None if process is None else process.pid
    finally:
        lock.release()


@asynccontextmanager
async def running(settings: Settings, *, durable: bool = True) -> AsyncIterator[Server]:
    """Start, give the server, and stop it at the end."""
    server = await asyncio.to_thread(start, settings, durable=durable)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


@contextmanager
def throw_away() -> Iterator[Server]:
    """Give an empty server in a new folder that goes with it; for tests, checks and benches."""
    sweep_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=THROW_AWAY_PREFIX, dir=SHORT_FOLDER))
    folder.chmod(PUBLIC)
    try:
        server = start(_throw_away_settings(folder), durable=False)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep_abandoned() -> None:
    """End throw-away servers of this user whose process was killed; nobody else would."""
    for folder in Path(SHORT_FOLDER).glob(f"{THROW_AWAY_PREFIX}*"):
        try:
            facts = folder.lstat()
        except FileNotFoundError:
            continue
        young = facts.st_mtime > time.time() - ABANDONED_SECONDS_MIN
        if facts.st_uid != os.geteuid() or not stat.S_ISDIR(facts.st_mode) or young:
            continue
        layout = Layout(_throw_away_settings(folder))
        if holder_of(layout.lock) is None:
            if (process := postmaster(layout.data)) is not None:
                end(process)
            shutil.rmtree(folder, ignore_errors=True)


def _throw_away_settings(folder: Path) -> Settings:
    return Settings(home=folder / "home", commons=folder / "commons")


def _external(settings: Settings) -> Endpoints:
    assert settings.database_url is not None
    _check_external(settings.database_url, variable="MAINS_DATABASE_URL")
    if settings.database_owner_url is not None:
        _check_external(settings.database_owner_url, variable="MAINS_DATABASE_OWNER_URL")
    return Endpoints(settings.database_url, settings.database_owner_url)


def _check_external(url: str, *, variable: str) -> None:
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS_MAX) as connection:
            version = connection.info.server_version
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"Can't reach the database of {variable}: {str(error).strip()}",
            hint=f"Check {variable}, or unset it to use the embedded Postgres.",
        ) from error
    except psycopg.ProgrammingError as error:
        raise SetupMissing(
            f"{variable} is no Postgres URL: {str(error).strip()}",
            hint="It looks like postgresql://user:password@host:5432/database.",
        ) from error
    check_server_version(version, variable=variable)


def check_server_version(version: int, *, variable: str) -> None:
    """Raise SetupMissing for a server that is too old; 150003 stands for 15.3."""
    if version < EXTERNAL_VERSION_MIN:
        raise SetupMissing(
            f"The server of {variable} is Postgres {version // 10_000}; mains needs 15 or newer.",
            hint="Upgrade it, or unset MAINS_DATABASE_URL to use the embedded Postgres.",
        )
