"""The doctor at a mains that is well, that is hurt in known ways, and that rests."""

import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer

import psycopg
import pytest

from mains.daemon.doctor.__main__ import table
from mains.daemon.doctor.looking import certificate
from mains.daemon.doctor.rules import Finding, State
from mains.db.base_backup import administrator_url
from tests.daemon.running import Mains, a_mains, eventually, kill
from tests.daemon.town import build

ALIVE = {
    "settings",
    "home",
    "keys",
    "disk",
    "process",
    "leftovers",
    "database",
    "schema",
    "clock",
    "dispatcher",
    "queue",
    "agents",
    "archive",
    "audit",
    "api",
    "backup",
    "isolation",
    "logs",
}
RESTING = ALIVE - {"database", "schema", "dispatcher", "queue", "agents", "audit", "api"}


def look(mains: Mains, *words: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = mains.command("daemon.doctor", "--json", *words)
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    return done.returncode, found


def states(found: dict[str, dict[str, str]], *names: str) -> list[str]:
    return [found[name]["state"] for name in names]


def test_a_mains_is_well_or_the_doctor_says_what_hurts() -> None:
    with a_mains() as mains:
        mains.environment = {"MAINS_WAL_ARCHIVE": str(mains.folder / "archive")}
        code, found = look(mains)
        assert (code, found["home"]["next"]) == (1, "mains up")
        mains.up()
        build(mains)
        code, found = look(mains, "--audit")
        assert found.keys() == ALIVE
        assert code == 0, found
        well = ("home", "keys", "process", "database", "schema", "dispatcher", "agents", "api")
        assert states(found, *well, "audit", "archive") == ["ok"] * 10
        assert found["backup"]["said"] == "none was taken"
        what_hurts_is_named(mains)
        mains.down()
        code, found = look(mains)
        assert found.keys() == RESTING
        assert (code, found["process"]["said"]) == (0, "nothing runs")


def what_hurts_is_named(mains: Mains) -> None:
    """A broken archive, a dead dispatcher, a readable key and a row that breaks an invariant."""
    state = mains.state
    assert state is not None
    [archive] = (mains.folder / "archive").iterdir()
    shutil.rmtree(archive)
    (mains.settings.keys / "pepper").chmod(0o644)
    (mains.settings.commons / "postgres" / "data.before-20260101T000000Z").mkdir()
    [up] = mains.processes("up")
    up.suspend()  # So that nobody starts a dispatcher again.
    try:
        kill(mains.processes("dispatcher"))
        with psycopg.connect(state.database_url, autocommit=True) as connection:
            connection.execute("UPDATE sites.site SET epoch = epoch + 1")
        switch_segment(mains)
        eventually(lambda: look(mains)[1]["archive"]["state"] == "fail")
        code, found = look(mains, "--audit")
    finally:
        up.resume()
    assert code == 1
    assert states(found, "keys", "dispatcher", "archive", "audit") == ["fail"] * 4
    assert "sites.epoch_counts_registrations" in found["audit"]["said"]
    assert found["leftovers"]["state"] == "warn"
    (mains.settings.keys / "pepper").chmod(0o600)
    archive.mkdir(mode=0o777)
    archive.chmod(0o777)


def switch_segment(mains: Mains) -> None:
    """Finish a segment of the log, so that it is to be archived now."""
    url = administrator_url(mains.settings, database="postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_switch_wal()")


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    """A server with a certificate of its own, good for ten days."""
    key, signed = tmp_path / "key.pem", tmp_path / "certificate.pem"
    asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10"]
    asked += ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(signed)]
    subprocess.run(asked, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed, key)
    with TCPServer(("127.0.0.1", 0), BaseRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_certificate_that_ends_soon_is_told(proxy: str) -> None:
    assert certificate(proxy, datetime.now(UTC)).state is State.WARN
    nobody = certificate("https://127.0.0.1:1", datetime.now(UTC))
    assert nobody.state is State.FAIL
    assert "refused" in nobody.said


def test_the_table_says_what_to_do_under_what_is_wrong() -> None:
    lines = table([Finding("a", State.OK, "well"), Finding("long", State.FAIL, "bad", "Mend it.")])
    assert lines == ["ok    a     well", "fail  long  bad", "            next: Mend it."]
