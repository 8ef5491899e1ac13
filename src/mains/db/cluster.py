"""One embedded Postgres: its folders, its passwords, how it is made, started and recovered."""

import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from mains.db.account import Account
from mains.db.archive import Archive
from mains.db.binaries import Binaries
from mains.db.configuration import AUTHENTICATION, PORT, TRUST, configuration
from mains.db.folders import PRIVATE, check_reachable, make_folder, write_file
from mains.db.passwords import Passwords
from mains.db.process import end, executes, outlast_backends, postmaster
from mains.db.recovery import Recovery
from mains.errors import DatabaseUnavailable, SchemaMismatch, SetupMissing
from mains.settings import Settings

SUPERUSER: Final = "mains_superuser"
OWNER: Final = "mains_owner"
APPLICATION: Final = "mains_app"
TENANT: Final = "mains_tenant"
"""Nobody logs in as it: the application reads as it what it shows to one organisation."""

ROLES: Final = (SUPERUSER, OWNER, APPLICATION)
DATABASE: Final = "mains"
SOCKET_NAME: Final = f".s.PGSQL.{PORT}"
SOCKET_BYTES_MAX: Final = 107
SHORT_FOLDER: Final = "/tmp"  # noqa: S108
CREATE_SECONDS_MAX: Final = 120
START_SECONDS_MAX: Final = 300
RECOVERY_SECONDS_MAX: Final = 12 * 3_600
RECOVERY_POLL_SECONDS: Final = 0.05
RECOVERY_SIGNAL: Final = "recovery.signal"
CONNECT_SECONDS_MAX: Final = 10
SAID_CHARACTERS_MAX: Final = 2_000


class Layout:
    """The paths of one instance's Postgres; the caller owns all but data, log and socket."""

    def __init__(self, settings: Settings) -> None:
        self.keys = settings.keys
        self.folder = settings.commons / "postgres"
        self.lock = self.folder / "lock"
        self.data = self.folder / "data"
        self.partial = self.folder / "data.partial"
        self.log = self.folder / "log"
        self.start_log = self.log / "start.log"
        self.access = self.folder / "pg_hba.conf"
        self.configuration = self.folder / "postgresql.conf"
        self.archive_script = self.folder / "archive.sh"
        self.fetch_script = self.folder / "fetch.sh"
        self.run = self.folder / "run"
        self.socket_note = self.folder / "socket"

        self.passwords = Passwords(self.keys, superuser=SUPERUSER, others=(OWNER, APPLICATION))

    @property
    def socket(self) -> Path:
        """Where the server was last told to listen."""
        recorded = _read(self.socket_note)
        return self.run if recorded is None else Path(recorded.removesuffix("\n"))


class Cluster:
    """A Postgres of our own, for whoever holds the instance lock."""

    def __init__(
        self, layout: Layout, account: Account, *, durable: bool, wal_archive: Path | None = None
    ) -> None:
        self.layout = layout
        self._account = account
        self._durable = durable
        self._wal_archive = wal_archive
        self._binaries = Binaries.for_account(account)
        self._passwords = layout.passwords
        self._socket = layout.run

    def open(self) -> None:
        """Make the cluster if there is none, start it, and see to roles and database.

        Raises SetupMissing, SchemaMismatch (the data is of another Postgres) or
        DatabaseUnavailable.
        """
        check_reachable(self.layout.data, self._account)
        make_folder(self.layout.log, mode=PRIVATE, owner=self._account)
        make_folder(self.layout.keys, mode=PRIVATE)
        self._passwords.begin(existing=self.layout.data.exists())
        if not self.layout.data.exists():
            self._create()
        _check_version(self.layout.data, self._binaries)
        self.start()
        self._provision()

    def start(self) -> None:
        """Have a server on the data: adopt the one that runs, or start one.

        A postmaster that outlived its mains is adopted when it was started in just this way, and
        stopped in order first when it was not.
        """
        recorded = recorded_socket(self.layout, self._account)
        self._socket = recorded or _new_socket(self.layout, self._account)
        self._prepare_archive()
        wanted = self._configuration()
        running = postmaster(self.layout.data)
        if running is not None:
            same = recorded is not None and _read(self.layout.configuration) == wanted
            ours = executes(running, self._binaries.program("postgres"))
            if same and ours and _answers(self._socket):
                return
            end(running)
        self._clear_remains()
        self._write(self.layout.configuration, wanted)
        self._write(self.layout.access, AUTHENTICATION)
        self._launch(START_SECONDS_MAX)

    def recover(self, recovery: Recovery) -> None:
        """Bring data that was copied from a running server to its end or to a moment; it serves.

        Nothing but mains can reach it meanwhile: its socket's folder is private. The roles get
        the passwords of this instance's keys. Raises RequestInvalid for a moment that can't be
        reached, SchemaMismatch or DatabaseUnavailable.
        """
        make_folder(self.layout.log, mode=PRIVATE, owner=self._account)
        make_folder(self.layout.keys, mode=PRIVATE)
        self._passwords.begin(existing=False)
        _check_version(self.layout.data, self._binaries)
        self._socket = recorded_socket(self.layout, self._account) or _new_socket(
            self.layout, self._account
        )
        self._clear_remains()
        self._write(self.layout.configuration, self._configuration(recovery))
        self._write(self.layout.access, TRUST)
        self._write(self.layout.fetch_script, recovery.script())
        signal = self.layout.data / RECOVERY_SIGNAL
        write_file(signal, "", mode=0o600, owner=self._account)
        try:
            self._launch(RECOVERY_SECONDS_MAX)
            self._outlast_recovery()
        except DatabaseUnavailable as error:
            raise recovery.translated(error) from error
        self._provision()
        self._renew_passwords()

    def stop(self) -> None:
        """End the server in order, if it runs."""
        if (running := postmaster(self.layout.data)) is not None:
            end(running)
        if self._socket != self.layout.run:
            with suppress(OSError):
                self._socket.rmdir()

    def finish_passwords(self) -> bool:
        """Take up what an interrupted change of passwords left; return whether there was any."""
        return self._passwords.finish(self._socket)

    def url(self, role: str, *, database: str = DATABASE) -> str:
        """Return how `role` reaches a database; its password is read from a file each time."""
        passfile = self._passwords.libpq_file(role)
        return address(self._socket, role, passfile, database=database)

    def _create(self) -> None:
        """Run initdb in a folder beside and rename it, so that half a cluster is never started."""
        partial = self.layout.partial
        shutil.rmtree(partial, ignore_errors=True)
        make_folder(partial, mode=PRIVATE, owner=self._account)
        password_file = self.layout.log / "initdb.password"
        password = self._passwords.of(SUPERUSER)
        write_file(password_file, password + "\n", mode=0o600, owner=self._account)
        command: list[str | Path] = [self._binaries.program("initdb"), "--pgdata", partial]
        command += ["--username", SUPERUSER, "--pwfile", password_file, "--auth=scram-sha-256"]
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", "--no-instructions"]
        command += [] if self._durable else ["--no-sync"]
        try:
            made = self._account.run(
                command, folder=self.layout.folder, seconds_max=CREATE_SECONDS_MAX
            )
        finally:
            password_file.unlink()
        if made.returncode != 0:
            raise SetupMissing(f"Can't make the database: {_tail(made.stdout)}")
        partial.rename(self.layout.data)

    def _prepare_archive(self) -> None:
        if self._wal_archive is not None:
            archive = Archive.of(self.layout.data, self._wal_archive, self._account)
            self._write(self.layout.archive_script, archive.script())

    def _configuration(self, recovery: Recovery | None = None) -> str:
        return configuration(
            data=self.layout.data,
            socket=self._socket,
            log=self.layout.log,
            access=self.layout.access,
            durable=self._durable,
            archives=self._wal_archive is not None and recovery is None,
            besides={} if recovery is None else recovery.settings(),
        )

    def _write(self, path: Path, text: str) -> None:
        """Write what Postgres reads and only its owner's mains may change."""
        write_file(path, text, mode=0o644 if self._account.switches else 0o600)

    def _clear_remains(self) -> None:
        """After a crash, remove what names a dead postmaster, once nothing serves the data.

        Postgres refuses to start while the id in its lock files is that of any process of the
        same user, and by now that id may be a stranger's.
        """
        stale = self.layout.data / "postmaster.pid"
        if stale.exists():
            outlast_backends(self.layout.data, self._account)
            stale.unlink(missing_ok=True)
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (self._socket / name).unlink(missing_ok=True)

    def _launch(self, seconds_max: int) -> None:
        """Start by relative paths: pg_ctl passes its arguments through a shell."""
        self.layout.start_log.unlink(missing_ok=True)
        command: list[str | Path] = [self._binaries.program("pg_ctl"), "start", "--silent"]
        command += [f"--pgdata={self.layout.data.name}", "--log=log/start.log", "--wait"]
        command += [f"--timeout={seconds_max}", "--options=-c config_file=postgresql.conf"]
        started = self._account.run(
            command, folder=self.layout.folder, seconds_max=seconds_max + 10
        )
        if started.returncode != 0 or postmaster(self.layout.data) is None:
            raise self._did_not_start(started.stdout)

    def _outlast_recovery(self) -> None:
        """Wait until a recovering server is one that takes writes; pg_ctl waits less long."""
        deadline = time.monotonic() + RECOVERY_SECONDS_MAX
        while postmaster(self.layout.data) is not None and time.monotonic() < deadline:
            with (
                suppress(psycopg.OperationalError),
                psycopg.connect(self.url(SUPERUSER, database="postgres")) as connection,
            ):
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
                if row == (False,):
                    return
            time.sleep(RECOVERY_POLL_SECONDS)
        raise self._did_not_start("")

    def _did_not_start(self, told: str) -> DatabaseUnavailable:
        said = _tail(_read(self.layout.start_log) or "") or _tail(told)
        return DatabaseUnavailable(
            f"The embedded Postgres did not start: {said}",
            hint=f"Its logs are in {self.layout.log}.",
        )

    def _provision(self) -> None:
        """Make the roles and the database where they are missing; safe to repeat after a crash."""
        self.finish_passwords()
        url = self.url(SUPERUSER, database="postgres")
        try:
            with psycopg.connect(
                url, autocommit=True, connect_timeout=CONNECT_SECONDS_MAX
            ) as connection:
                for role in (OWNER, APPLICATION):
                    self._ensure_role(connection, role)
                ensure_tenant(connection)
                _ensure_database(connection)
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(
                f"The embedded Postgres refuses its own administrator: {str(error).strip()}",
                hint=f"The keys in {self.layout.keys} must be those that it was made with.",
            ) from error

    def _ensure_role(self, connection: psycopg.Connection, role: str) -> None:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if known.fetchone() is None:
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(
                statement.format(sql.Identifier(role), sql.Literal(self._passwords.of(role)))
            )

    def _renew_passwords(self) -> None:
        """The keys of the backup may be lost, or of another day."""
        with psycopg.connect(
            self.url(SUPERUSER, database="postgres"), autocommit=True
        ) as connection:
            for role in ROLES:
                statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
                connection.execute(
                    statement.format(sql.Identifier(role), sql.Literal(self._passwords.of(role)))
                )


def address(socket: Path, role: str, passfile: Path, *, database: str) -> str:
    """Return how a role reaches a database through the socket in this folder."""
    host, file = quote(str(socket), safe=""), quote(str(passfile), safe="")
    return f"postgresql://{role}@/{database}?host={host}&port={PORT}&passfile={file}"


def ensure_tenant(connection: psycopg.Connection) -> None:
    """Make the role that sees one organisation's rows, and let the application act as it."""
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [TENANT])
    if known.fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(TENANT)))
    grant = sql.SQL("GRANT {} TO {}")
    connection.execute(grant.format(sql.Identifier(TENANT), sql.Identifier(APPLICATION)))


def _ensure_database(connection: psycopg.Connection) -> None:
    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
    if known.fetchone() is None:
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(statement.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))


def _check_version(data: Path, binaries: Binaries) -> None:
    try:
        found = (data / "PG_VERSION").read_text("ascii").strip()
    except OSError as error:
        raise SetupMissing(
            f"{data} is not a Postgres data folder: {error.strerror}.",
            hint="Restore it from a backup, or move it away to begin anew.",
        ) from error
    if found != str(binaries.major_version):
        raise SchemaMismatch(
            f"The data in {data} is of Postgres {found}, these binaries are of Postgres "
            f"{binaries.major_version}.",
            hint="Use the version of mains that made it, or move the data with pg_upgrade.",
        )


def recorded_socket(layout: Layout, account: Account) -> Path | None:
    """Return the socket's folder of the last start, if it is still there and still private."""
    recorded = _read(layout.socket_note)
    if recorded is None:
        return None
    folder = Path(recorded.removesuffix("\n"))
    try:
        facts = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(facts.st_mode) and stat.S_IMODE(facts.st_mode) == PRIVATE
    return folder if private and facts.st_uid == account.uid else None


def _new_socket(layout: Layout, account: Account) -> Path:
    """Make the socket's folder: beside the data, or in /tmp where the path would be too long."""
    folder = layout.run
    if len(os.fsencode(folder / SOCKET_NAME)) > SOCKET_BYTES_MAX:
        folder = Path(tempfile.mkdtemp(prefix="mains-", dir=SHORT_FOLDER))
        if account.switches:
            os.chown(folder, account.uid, account.gid)
    make_folder(folder, mode=PRIVATE, owner=account)
    write_file(layout.socket_note, f"{folder}\n", mode=0o600)
    return folder


def _answers(socket: Path) -> bool:
    """Say whether a server is there; that it refuses a stranger is an answer too."""
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
        return "authentication failed" in str(error)
    return True


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return None


def _tail(text: str) -> str:
    return text[-SAID_CHARACTERS_MAX:].strip()
