"""Gathers the facts: each look is bounded, changes nothing, and one that fails ends no other."""

import ctypes
import json
import shutil
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from os import geteuid
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
from cryptography import x509
from psycopg.rows import dict_row

from mains.agent.host import UID_BASE
from mains.api.app import AUDITED
from mains.daemon.backup import NOTE
from mains.daemon.doctor import rules
from mains.daemon.doctor.rules import Archiving, Finding, State
from mains.daemon.rotation import rings
from mains.daemon.state import State as Running
from mains.daemon.state import running
from mains.daemon.up import answers
from mains.db import Queries, embedded, migrations
from mains.db.cluster import Layout
from mains.db.restoring import RESTORED, SET_ASIDE
from mains.engines.process.isolation import choose
from mains.errors import MainsError, SetupMissing
from mains.ledger.auditing import BOUNDED, ROWS_MAX
from mains.settings import Settings

QUERIES: Final = Queries.load(__package__, "queries.sql")
CONNECT_SECONDS_MAX: Final = 5
STATEMENT_OPTIONS: Final = "-c statement_timeout=30s"
AUDIT_OPTIONS: Final = "-c statement_timeout=30min"
CLOCK_UNSYNCHRONISED: Final = 5
"""What adjtimex(2) returns then."""

TIMEX_BYTES: Final = 256


def look(
    settings: Settings, *, audit: bool = False, public_url: str | None = None
) -> Iterator[Finding]:
    """Yield one finding for each check, in a fixed order."""
    now = datetime.now(UTC)
    if not settings.home.is_dir():
        yield Finding("home", State.FAIL, f"there is none at {settings.home}", "mains up")
        return
    facts = settings.home.stat()
    yield rules.home(stat.S_IMODE(facts.st_mode), ours=facts.st_uid == geteuid())
    yield _keys(settings, now)
    yield rules.disk(_rooms(settings))
    state = running(settings.state_file)
    yield _process(settings, state)
    yield rules.leftovers(_leftovers(settings))
    url = state.database_url if state is not None else settings.database_url
    if url is not None:
        yield from _database(settings, url, now, audit=audit)
    else:
        yield rules.archive(settings.wal_archive is not None, None)
        yield rules.clock(None, synchronised=_synchronised())
    if state is not None:
        yield rules.api(_health_seconds(state))
    yield _backup(settings, now)
    yield _isolation(settings)
    sizes = (path.stat().st_size for path in settings.logs.rglob("*") if path.is_file())
    yield rules.logs(sum(sizes))
    if public_url is not None:
        yield certificate(public_url, now)


def _keys(settings: Settings, now: datetime) -> Finding:
    try:
        found = {path.name: path.stat() for path in settings.keys.iterdir() if path.is_file()}
    except OSError as error:
        reason = f"can't be read: {error.strerror}"
        return Finding("keys", State.FAIL, reason, "`mains up` makes them; else restore them.")
    needed = [ring.path((ring.versions() or [1])[-1]).name for ring in rings(settings).values()]
    signing = found.get(needed[-1])
    made = datetime.fromtimestamp(signing.st_mtime, UTC) if signing is not None else None
    modes = {name: stat.S_IMODE(facts.st_mode) for name, facts in found.items()}
    return rules.keys(modes, needed, rules.age(made, now))


def _rooms(settings: Settings) -> dict[str, int]:
    places = {"the home": settings.home, "the database": settings.commons}
    if settings.wal_archive is not None:
        places["the archive"] = settings.wal_archive
    return {name: shutil.disk_usage(path).free for name, path in places.items() if path.exists()}


def _process(settings: Settings, state: Running | None) -> Finding:
    found = embedded.status(settings)
    return rules.process(
        running=state is not None,
        holder=state.pid if state is not None else found.holder_process,
        postgres=found.postgres_process,
        stale=settings.state_file.exists(),
    )


def _leftovers(settings: Settings) -> list[str]:
    folder = Layout(settings).folder
    patterns = (RESTORED, f"{SET_ASIDE}-*", "data.partial")
    return sorted(path.name for pattern in patterns for path in folder.glob(pattern))


def _database(settings: Settings, url: str, now: datetime, *, audit: bool) -> Iterator[Finding]:
    try:
        with psycopg.connect(
            url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=CONNECT_SECONDS_MAX,
            options=STATEMENT_OPTIONS,
        ) as connection:
            yield from _served(settings, url, connection, now)
    except psycopg.Error as error:
        said = str(error).strip().splitlines()[0]
        yield Finding("database", State.FAIL, said, "Look into the database's log.")
        return
    if audit:
        yield rules.audit(_broken(url))


def _served(
    settings: Settings, url: str, connection: psycopg.Connection[Any], now: datetime
) -> Iterator[Finding]:
    def ask(name: str, **asked: object) -> list[dict[str, Any]]:
        return connection.execute(QUERIES[name].encode(), asked or None).fetchall()

    [server] = ask("server")
    yield Finding("database", State.OK, f"Postgres {server['version']} answers")
    yield _schema(url)
    offset = (server["instant"] - datetime.now(UTC)).total_seconds()
    yield rules.clock(offset, synchronised=_synchronised())
    [dispatch] = ask("dispatchers")
    yield rules.dispatcher(dispatch["listening"], fence=dispatch["fence"])
    [waiting] = ask("waiting")
    yield rules.queue(waiting["jobs"], rules.age(waiting["oldest"], now))
    sites = ask("active_sites", now=now)
    yield rules.agents([site["name"] for site in sites if site["away"]], sites=len(sites))
    [archiver] = ask("archiver")
    found = Archiving(
        archiver["archiving"],
        rules.age(archiver["archived"], now),
        rules.age(archiver["failed"], now),
    )
    yield rules.archive(settings.wal_archive is not None and settings.database_url is None, found)


def _schema(url: str) -> Finding:
    try:
        migrations.verify(url)
    except MainsError as error:
        return Finding("schema", State.FAIL, error.detail, error.hint)
    return Finding("schema", State.OK, f"migration {migrations.migrations()[-1].number}")


def _broken(url: str) -> list[str]:
    broken = []
    with psycopg.connect(url, autocommit=True, options=AUDIT_OPTIONS) as connection:
        for slice_name in AUDITED:
            for invariant, query in Queries.load(f"mains.{slice_name}", "audit.sql").items():
                asked = BOUNDED.format(psycopg.sql.SQL(query), psycopg.sql.Literal(ROWS_MAX))
                if connection.execute(asked).fetchone() is not None:
                    broken.append(f"{slice_name}.{invariant}")
    return broken


def _synchronised() -> bool | None:
    """Return whether the kernel's clock is kept by NTP; None where it does not say."""
    with suppress(OSError, AttributeError):
        told: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
        return None if told < 0 else told != CLOCK_UNSYNCHRONISED
    return None


def _health_seconds(state: Running) -> float | None:
    begun = time.monotonic()
    return time.monotonic() - begun if answers(state) else None


def _backup(settings: Settings, now: datetime) -> Finding:
    try:
        noted = json.loads((settings.home / NOTE).read_text("utf-8"))
        finished_at = datetime.fromisoformat(noted["finished_at"])
    except (OSError, ValueError, KeyError):
        return rules.backup(None, whole=True)
    return rules.backup(now - finished_at, whole=bool(noted.get("whole")))


def _isolation(settings: Settings) -> Finding:
    folder: Path = settings.sites if settings.sites.exists() else settings.commons
    try:
        return rules.isolation(
            choose("auto", folder=folder, uids=range(UID_BASE, UID_BASE + 1)), ""
        )
    except SetupMissing as error:
        return rules.isolation("", error.detail)


def certificate(url: str, now: datetime) -> Finding:
    """Look at the certificate that a proxy shows, whoever signed it."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 443)
    try:
        with socket.create_connection(address, timeout=CONNECT_SECONDS_MAX) as connection:
            der = _shown(connection, address[0])
    except OSError as error:
        return Finding("certificate", State.FAIL, f"{url}: {error}", "Look at the proxy.")
    left: timedelta = x509.load_der_x509_certificate(der).not_valid_after_utc - now
    return rules.certificate(left)


def _shown(connection: socket.socket, host: str) -> bytes:
    """Return it though it may have ended."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(connection, server_hostname=host) as shown:
        der = shown.getpeercert(binary_form=True)
    assert der is not None, "a server always shows one"
    return der
