"""The embedded Postgres: made once, started, recovered and stopped by mains itself."""

import asyncio
import os
import secrets
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from mains.db.account import Account
from mains.db.binaries import Binaries
from mains.db.configuration import AUTHENTICATION, PORT, configuration
from mains.db.folders import PRIVATE, PUBLIC, check_reachable, make_folder, write_file
from mains.db.lock import InstanceLock, holder_of
from mains.errors import DatabaseUnavailable, SchemaMismatch, SetupMissing
from mains.settings import Settings

SUPERUSER: Final = "mains_superuser"
OWNER: Final = "mains_owner"
APPLICATION: Final = "mains_app"
DATABASE: Final = "mains"
EXTERNAL_VERSION_MIN: Final = 150_000
SOCKET_BYTES_MAX: Final = 107
START_SECONDS_MAX: Final = 300
CREATE_SECONDS_MAX: Final = 120
CONNECT_SECONDS_MAX: Final = 10
FAST_STOP_SECONDS_MAX: Final = 30.0
HARD_STOP_SECONDS_MAX: Final = 10.0
PASSWORD_BYTES: Final = 32
LOG_TAIL_BYTES: Final = 2_000


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


class Layout:
    """The paths of one instance's Postgres."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.commons / "postgres"
        self.lock = self.folder / "lock"
        self.data = self.folder / "data"
        self.partial = self.folder / "data.partial"
        self.log = self.folder / "log"
        self.start_log = self.log / "start.log"
        self.access = self.folder / "pg_hba.conf"
        self.configuration = self.folder / "postgresql.conf"
        self.socket_note = self.folder / "socket"
        self.keys = settings.keys

    def password_file(self, role: str) -> Path:
        return self.keys / f"postgres_{role}"


class Server:
    """A started instance: holds the instance lock until `stop` or the end of the process."""

    def __init__(
        self,
        *,
        lock: InstanceLock,
        endpoints: Endpoints,
        superuser_url: str | None,
        pid: int | None,
    ) -> None:
        self._lock = lock
        self._pid = pid
        self.endpoints = endpoints
        self.superuser_url = superuser_url
        self.data: Path | None = None
        self.socket: Path | None = None

    @property
    def postgres_process(self) -> int | None:
        return self._pid

    def stop(self) -> None:
        """End the embedded server in order, if there is one, and release the instance."""
        if self.data is not None:
            if (process := _postmaster(self.data)) is not None:
                _end(process)
            self.data = None
        if self.socket is not None:
            with suppress(OSError):
                self.socket.rmdir()
        self._lock.release()


def start(settings: Settings, *, durable: bool = True) -> Server:
    """Take the instance and return a server that answers; `durable=False` is for tests alone.

    With `settings.database_url` nothing is started. Raises AlreadyRunning, SchemaMismatch (the
    data is of another Postgres), SetupMissing or DatabaseUnavailable.
    """
    layout = Layout(settings)
    account = Account.current()
    make_folder(settings.home, mode=PRIVATE)
    make_folder(layout.folder, mode=PUBLIC if account.switches else PRIVATE)
    lock = InstanceLock.take(layout.lock)
    try:
        if settings.database_url is not None:
            return _external(settings, lock)
        return _embedded(layout, account, lock, durable=durable)
    except BaseException:
        lock.release()
        raise


def status(settings: Settings) -> Status:
    """Return who runs the instance now, without changing anything."""
    layout = Layout(settings)
    process = _postmaster(layout.data)
    return Status(holder_of(layout.lock), None if process is None else process.pid)


@asynccontextmanager
async def running(settings: Settings, *, durable: bool = True) -> AsyncIterator[Endpoints]:
    """Start, give the endpoints, and stop at the end."""
    server = await asyncio.to_thread(start, settings, durable=durable)
    try:
        yield server.endpoints
    finally:
        await asyncio.to_thread(server.stop)


def _external(settings: Settings, lock: InstanceLock) -> Server:
    assert settings.database_url is not None
    for url in filter(None, (settings.database_url, settings.database_owner_url)):
        _check_external(url)
    endpoints = Endpoints(settings.database_url, settings.database_owner_url)
    return Server(lock=lock, endpoints=endpoints, superuser_url=None, pid=None)


def _check_external(url: str) -> None:
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS_MAX) as connection:
            version = connection.info.server_version
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"Can't reach the given database: {str(error).strip()}",
            hint="Check MAINS_DATABASE_URL, or unset it to use the embedded Postgres.",
        ) from error
    except psycopg.ProgrammingError as error:
        raise SetupMissing(
            f"MAINS_DATABASE_URL is no Postgres URL: {str(error).strip()}",
            hint="It looks like postgresql://user:password@host:5432/database.",
        ) from error
    if version < EXTERNAL_VERSION_MIN:
        raise SetupMissing(
            f"The given database server is Postgres {version // 10_000}; mains needs 15 or newer.",
            hint="Upgrade it, or unset MAINS_DATABASE_URL to use the embedded Postgres.",
        )


def _embedded(layout: Layout, account: Account, lock: InstanceLock, *, durable: bool) -> Server:
    binaries = Binaries.for_account(account)
    check_reachable(layout.data, account)
    make_folder(layout.log, mode=PRIVATE, owner=account)
    passwords = _passwords(layout)
    if not layout.data.exists():
        _create(layout, account, binaries, superuser_password=passwords[SUPERUSER], durable=durable)
    _check_version(layout, binaries)
    process, socket = _adopt_or_start(layout, account, binaries, durable=durable)
    superuser_url = _url(SUPERUSER, passwords, socket, database="postgres")
    _provision(superuser_url, passwords)
    endpoints = Endpoints(
        app_url=_url(APPLICATION, passwords, socket), owner_url=_url(OWNER, passwords, socket)
    )
    server = Server(lock=lock, endpoints=endpoints, superuser_url=superuser_url, pid=process.pid)
    server.data = layout.data
    server.socket = socket
    return server


def _passwords(layout: Layout) -> dict[str, str]:
    """Return the roles' passwords, made on first use; only their owner can read the files."""
    make_folder(layout.keys, mode=PRIVATE)
    passwords = {}
    for role in (SUPERUSER, OWNER, APPLICATION):
        path = layout.password_file(role)
        if not path.exists():
            if layout.data.exists():
                raise SetupMissing(
                    f"The password file {path} of an existing database is missing.",
                    hint="Restore the folder of keys from a backup.",
                )
            write_file(path, secrets.token_urlsafe(PASSWORD_BYTES) + "\n", mode=0o600)
        try:
            passwords[role] = path.read_text("utf-8").strip()
        except OSError as error:
            raise SetupMissing(f"Can't read {path}: {error.strerror}.") from error
    return passwords


def _create(
    layout: Layout,
    account: Account,
    binaries: Binaries,
    *,
    superuser_password: str,
    durable: bool,
) -> None:
    """Run initdb in a folder beside and rename it, so that half a cluster is never started."""
    shutil.rmtree(layout.partial, ignore_errors=True)
    make_folder(layout.partial, mode=PRIVATE, owner=account)
    password_file = layout.log / "initdb.password"
    write_file(password_file, superuser_password + "\n", mode=0o600, owner=account)
    command: list[str | Path] = [binaries.program("initdb"), "--pgdata", layout.partial]
    command += ["--username", SUPERUSER, "--pwfile", password_file, "--auth=scram-sha-256"]
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    command += ["--builtin-locale=C.UTF-8", "--no-instructions"]
    command += [] if durable else ["--no-sync"]
    try:
        made = account.run(command, folder=layout.folder, seconds_max=CREATE_SECONDS_MAX)
    finally:
        password_file.unlink()
    if made.returncode != 0:
        raise SetupMissing(f"Can't make the database: {_tail(made.stdout)}")
    layout.partial.rename(layout.data)


def _check_version(layout: Layout, binaries: Binaries) -> None:
    try:
        found = (layout.data / "PG_VERSION").read_text("ascii").strip()
    except OSError as error:
        raise SetupMissing(
            f"{layout.data} is not a Postgres data folder: {error.strerror}.",
            hint="Restore it from a backup, or move it away to begin anew.",
        ) from error
    if found != str(binaries.major_version):
        raise SchemaMismatch(
            f"The data in {layout.data} is of Postgres {found}, these binaries are of Postgres "
            f"{binaries.major_version}.",
            hint="Use the version of mains that made it, or move the data with pg_upgrade.",
        )


def _adopt_or_start(
    layout: Layout, account: Account, binaries: Binaries, *, durable: bool
) -> tuple[psutil.Process, Path]:
    """Return the running postmaster and its socket's folder.

    A postmaster that outlived its mains is adopted when it was started in just this way, else
    it is stopped in order first.
    """
    recorded = _recorded_socket(layout, account)
    socket = recorded or _new_socket(layout, account)
    text = configuration(
        data=layout.data, socket=socket, log=layout.log, access=layout.access, durable=durable
    )
    process = _postmaster(layout.data)
    if process is not None:
        same = recorded is not None and _read(layout.configuration) == text
        if same and _executes(process, binaries) and _answers(socket):
            return process, socket
        _end(process)
    _clear_remains(layout, account, socket)
    mode = 0o644 if account.switches else 0o600
    write_file(layout.configuration, text, mode=mode)
    write_file(layout.access, AUTHENTICATION, mode=mode)
    _launch(layout, account, binaries)
    process = _postmaster(layout.data)
    if process is None:
        raise DatabaseUnavailable("The embedded Postgres ended right after its start.")
    return process, socket


def _launch(layout: Layout, account: Account, binaries: Binaries) -> None:
    """Start by relative paths: pg_ctl passes its arguments through a shell."""
    with suppress(FileNotFoundError):
        layout.start_log.unlink()
    command: list[str | Path] = [binaries.program("pg_ctl"), "start", "--pgdata=data", "--silent"]
    command += ["--wait", f"--timeout={START_SECONDS_MAX}", "--log=log/start.log"]
    command += ["--options=-c config_file=postgresql.conf"]
    started = account.run(command, folder=layout.folder, seconds_max=START_SECONDS_MAX + 10)
    if started.returncode != 0:
        said = _tail(_read(layout.start_log) or "") or _tail(started.stdout)
        raise DatabaseUnavailable(
            f"The embedded Postgres did not start: {said}", hint=f"Its logs are in {layout.log}."
        )


def _recorded_socket(layout: Layout, account: Account) -> Path | None:
    """Return the socket's folder of the last start, if it is still there and still private."""
    recorded = _read(layout.socket_note)
    if recorded is None:
        return None
    folder = Path(recorded.rstrip("\n"))
    try:
        facts = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(facts.st_mode) and stat.S_IMODE(facts.st_mode) == PRIVATE
    return folder if private and facts.st_uid == account.uid else None


def _new_socket(layout: Layout, account: Account) -> Path:
    """Make the socket's folder: beside the data, or in /tmp where the path would be too long."""
    folder = layout.folder / "run"
    if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > SOCKET_BYTES_MAX:
        folder = Path(tempfile.mkdtemp(prefix="mains-", dir="/tmp"))
        if account.switches:
            os.chown(folder, account.uid, account.gid)
    make_folder(folder, mode=PRIVATE, owner=account)
    write_file(layout.socket_note, f"{folder}\n", mode=0o600)
    return folder


def _postmaster(data: Path) -> psutil.Process | None:
    """Return the process that serves this data, or None.

    The recorded process id alone proves nothing, since ids are reused; a postmaster's working
    directory is its data folder, and that of a stranger is not.
    """
    try:
        pid = int((data / "postmaster.pid").read_text("ascii").split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    try:
        process = psutil.Process(pid)
    except (psutil.Error, ValueError):
        return None
    return process if _serves(process, data) else None


def _serves(process: psutil.Process, data: Path) -> bool:
    try:
        return process.name() == "postgres" and Path(process.cwd()) == data.resolve()
    except (psutil.Error, OSError):
        return False


def _executes(process: psutil.Process, binaries: Binaries) -> bool:
    try:
        return Path(process.exe()) == binaries.program("postgres").resolve()
    except (psutil.Error, OSError):
        return False


def _answers(socket: Path) -> bool:
    """Say whether a server is there; a refused password is an answer too."""
    try:
        psycopg.connect(
            host=str(socket),
            port=PORT,
            user="nobody",
            password="-",  # noqa: S106
            dbname="postgres",
            connect_timeout=CONNECT_SECONDS_MAX,
        ).close()
    except psycopg.OperationalError as error:
        return "password authentication failed" in str(error)
    return True


def _end(process: psutil.Process) -> None:
    """Stop a postmaster by its id: fast shutdown, then at once, then by force."""
    for number, seconds in (
        (signal.SIGINT, FAST_STOP_SECONDS_MAX),
        (signal.SIGQUIT, HARD_STOP_SECONDS_MAX),
        (signal.SIGKILL, HARD_STOP_SECONDS_MAX),
    ):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        try:
            process.wait(seconds)
        except psutil.TimeoutExpired:
            continue
        return
    raise DatabaseUnavailable(f"Postgres' process {process.pid} does not end.")


def _clear_remains(layout: Layout, account: Account, socket: Path) -> None:
    """After a crash: wait for orphaned backends, then remove what names a dead postmaster.

    Postgres refuses to start while the id in its lock file is that of any process of the same
    user; that id may be a stranger's by now. The files go only when nothing serves the data.
    """
    stale = layout.data / "postmaster.pid"
    if not stale.exists():
        _remove_socket_files(socket)
        return
    deadline = time.monotonic() + HARD_STOP_SECONDS_MAX
    while orphans := _backends(layout.data, account):
        if time.monotonic() > deadline:
            for orphan in orphans:
                with suppress(psutil.NoSuchProcess):
                    orphan.kill()
            deadline = time.monotonic() + HARD_STOP_SECONDS_MAX
        time.sleep(0.02)
    with suppress(FileNotFoundError):
        stale.unlink()
    _remove_socket_files(socket)


def _backends(data: Path, account: Account) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real == account.uid and _serves(process, data):
                found.append(process)
    return found


def _remove_socket_files(socket: Path) -> None:
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        with suppress(FileNotFoundError):
            (socket / name).unlink()


def _provision(superuser_url: str, passwords: dict[str, str]) -> None:
    """Make the roles and the database where they are missing; safe to repeat after a crash."""
    try:
        with psycopg.connect(
            superuser_url, autocommit=True, connect_timeout=CONNECT_SECONDS_MAX
        ) as connection:
            for role in (OWNER, APPLICATION):
                query = "SELECT 1 FROM pg_roles WHERE rolname = %s"
                if connection.execute(query, [role]).fetchone() is None:
                    connection.execute(
                        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                            sql.Identifier(role), sql.Literal(passwords[role])
                        )
                    )
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [DATABASE]).fetchone() is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER)
                    )
                )
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"The embedded Postgres refuses its own administrator: {str(error).strip()}",
            hint="The folder of keys must be the one that this database was made with.",
        ) from error


def _url(role: str, passwords: dict[str, str], socket: Path, *, database: str = DATABASE) -> str:
    host = quote(str(socket), safe="")
    return f"postgresql://{role}:{passwords[role]}@/{database}?host={host}&port={PORT}"


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None


def _tail(text: str) -> str:
    return text[-LOG_TAIL_BYTES:].strip()
