"""`mains up`, `down` and `admin` as processes: one at a time, nothing left, keys that work."""

import json
import socket
import stat
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from mains.db import embedded
from mains.errors import Unauthenticated
from mains.ids import new_id
from mains.wire.jobs import SubmitRequest
from tests.daemon.running import Mains, a_mains, eventually, kill, loopback
from tests.daemon.town import Town, build
from tests.daemon.traffic import HELD_SCRIPT, SECRET, charged, marked, patiently, settled
from tests.db.people import alive

REFUSED_SECONDS_MAX = 1.0


def test_a_mains_is_there_once_and_leaves_nothing_and_runs_go_on_without_it() -> None:
    with a_mains() as mains:
        first = mains.up()
        second_is_refused(mains)
        town = build(mains)
        keys_are_replaced(mains)
        held = marked(town).model_copy(update={"run": HELD_SCRIPT})
        job = SubmitRequest(id=new_id(), spec=held)
        with town.client() as client:
            client.submit(job)
            eventually(lambda: town.marks.stat().st_size)
        mains_ends_while_a_run_goes_on(mains, town)
        down_again_says_that_nothing_runs(mains)
        town.marks.with_name("marks.release").touch()
        assert mains.up().url == first.url
        with town.client() as client:
            done = settled(client, job.id)
        assert (done.state, done.tasks_done, len(done.attempts)) == ("succeeded", 1, 1)
        assert town.spent() == charged([done])
        a_killed_up_takes_its_children_along(mains)
        down_ends_what_a_killed_up_has_left(mains)
        keys_are_replaced_while_nothing_runs(mains)
        files_are_private(mains)
        logs_are_json_and_tell_no_secrets(mains, town)


def second_is_refused(mains: Mains) -> None:
    assert mains.process is not None
    for arguments in ((), ("--detach",)):
        second = mains.command("daemon.up", *arguments)
        assert second.returncode != 0
        assert str(mains.process.pid) in second.stderr
        assert "mains down" in second.stderr
    assert mains.answers


def keys_are_replaced(mains: Mains) -> None:
    """A key that was answered until now is refused within a second of its replacement."""
    old = mains.key()
    with mains.client(old) as before:
        before.whoami()
        done = mains.command("daemon.admin", "new-key", "--json")
        replaced_at = time.monotonic()
        assert done.returncode == 0, done.stderr
        eventually(lambda: refused(mains, old), seconds_max=REFUSED_SECONDS_MAX)
        assert time.monotonic() - replaced_at < 2 * REFUSED_SECONDS_MAX
        with pytest.raises(Unauthenticated):
            before.whoami()
    path = Path(json.loads(done.stdout)["administrator_key"])
    assert path.read_text("utf-8").strip() == mains.key() != old
    with mains.client() as client:
        client.whoami()


def refused(mains: Mains, key: str) -> bool:
    try:
        with mains.client(key) as client:
            client.whoami()
    except Unauthenticated:
        return True
    return False


def mains_ends_while_a_run_goes_on(mains: Mains, town: Town) -> None:
    done = mains.down()
    assert done.returncode == 0, done.stderr
    assert [process for process in mains.started if alive(process)] == []
    assert mains.left_over() == []
    assert embedded.status(mains.settings) == embedded.Status(None, None)
    assert not mains.settings.state_file.exists()
    size = town.marks.stat().st_size
    assert mains.processes("supervisor")
    eventually(lambda: town.marks.stat().st_size > size)


def down_again_says_that_nothing_runs(mains: Mains) -> None:
    again = mains.command("daemon.down")
    assert again.returncode == 0
    assert "Nothing of mains runs" in again.stdout


def a_killed_up_takes_its_children_along(mains: Mains) -> None:
    """Postgres alone stays; the next start takes it over."""
    mains.record()
    children = [
        process for role in ("api", "dispatcher", "agent") for process in mains.processes(role)
    ]
    assert len(children) == 3
    [postmaster] = mains.processes("postgres")
    mains.kill_up()
    eventually(lambda: not any(map(alive, children)))
    assert alive(postmaster)
    mains.up()
    assert mains.processes("postgres") == [postmaster]
    with mains.client() as client:
        assert client.audit().clean
    mains.record()


def down_ends_what_a_killed_up_has_left(mains: Mains) -> None:
    mains.kill_up()
    done = mains.command("daemon.down")
    assert done.returncode == 0, done.stderr
    assert "mains is down" in done.stdout
    eventually(lambda: not any(map(alive, mains.started)))
    assert mains.left_over() == []


def keys_are_replaced_while_nothing_runs(mains: Mains) -> None:
    old = mains.key()
    done = mains.command("daemon.admin", "new-key")
    assert done.returncode == 0, done.stderr
    assert mains.key() != old
    assert embedded.status(mains.settings) == embedded.Status(None, None)
    mains.up()
    assert refused(mains, old)
    assert not refused(mains, mains.key())
    assert mode(mains.settings.state_file) == 0o600
    mains.down()


def files_are_private(mains: Mains) -> None:
    assert mode(mains.settings.home) == 0o700
    assert {mode(path) for path in mains.settings.keys.iterdir()} == {0o600}
    assert mode(mains.settings.logs) == 0o700
    for key in mains.settings.commons.glob("sites/*/agent.key"):
        assert mode(key) == 0o600


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def logs_are_json_and_tell_no_secrets(mains: Mains, town: Town) -> None:
    """Look at all that was logged, in a life with kills, refusals and a database that went away."""
    settings = mains.settings
    passwords = [path.read_text("utf-8").strip() for path in settings.keys.glob("postgres_*")]
    assert len(passwords) == 6
    canaries = [*town.canaries, *passwords, mains.key(), SECRET]
    names = {path.name for path in settings.logs.iterdir()}
    assert {"up.log", "api.log", "dispatcher.log"} <= names
    paths = [*settings.logs.iterdir(), *settings.commons.glob("sites/*/logs/*")]
    for path in paths:
        text = path.read_text("utf-8")
        told = [canary for canary in canaries if canary in text]
        assert not told, f"{path.name} tells a secret"
        if path.name != "start.log":
            for line in text.splitlines():
                assert {"event", "level", "timestamp"} <= json.loads(line).keys()
    assert not any(canary in mains.said for canary in canaries)


def test_what_cannot_start_says_why_and_a_start_can_be_ended() -> None:
    with a_mains(MAINS_LISTEN_HOST="203.0.113.7") as mains:
        new_key = mains.command("daemon.admin", "new-key")
        assert new_key.returncode == 1
        assert "mains up" in new_key.stderr
        refused = mains.command("daemon.up", "--detach")
        assert refused.returncode == 1
        assert "203.0.113.7" in refused.stderr
        assert "MAINS_LISTEN_HOST" in refused.stderr
        assert embedded.status(mains.settings) == embedded.Status(None, None)
        with socket.create_server(("127.0.0.1", 0)) as stranger:
            port = stranger.getsockname()[1]
            mains.environment = {"MAINS_LISTEN_PORT": str(port)}
            taken = mains.command("daemon.up")
        assert taken.returncode == 1
        assert f"port {port} of 127.0.0.1 is taken" in taken.stderr
        assert "MAINS_LISTEN_PORT" in taken.stderr
        down_reaches_a_mains_that_only_just_starts(mains)


def down_reaches_a_mains_that_only_just_starts(mains: Mains) -> None:
    """There is no state file yet, and the start is ended in order."""
    mains.begin()
    eventually(lambda: embedded.status(mains.settings).holder_process)
    process = mains.process
    assert process is not None
    done = mains.down()
    assert done.returncode == 0, done.stderr
    assert str(process.pid) in done.stdout
    assert process.returncode == 0, mains.said
    assert embedded.status(mains.settings) == embedded.Status(None, None)
    assert mains.left_over() == []


def test_a_database_that_is_away_is_waited_for_and_restarts_leak_nothing() -> None:
    host = loopback()
    with a_mains(MAINS_LISTEN_HOST=host) as mains:
        state = mains.up()
        assert state.url.startswith("http://[::1]:" if ":" in host else f"http://{host}:")
        [up] = mains.processes("up")
        descriptors = up.num_fds()
        with mains.client() as client:
            up.suspend()  # So that nobody starts Postgres again.
            try:
                kill(mains.processes("backends"))
                answers_unavailable(state.url)
            finally:
                up.resume()
            assert patiently(lambda each: each.audit(), client).clean
            for _ in range(3):
                a_database_dies_under_processes_that_start(mains)
            assert patiently(lambda each: each.audit(), client).clean
        assert up.num_fds() <= descriptors + 1
        eventually(lambda: all(map(alive, up.children())))


def a_database_dies_under_processes_that_start(mains: Mains) -> None:
    killed = [*mains.processes("api"), *mains.processes("dispatcher")]
    kill(killed)
    kill(mains.processes("postgres"))
    for role in ("api", "dispatcher", "postgres"):
        eventually(partial(mains.processes, role))


def answers_unavailable(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(f"{url}/health", timeout=30)  # noqa: S310
    assert failure.value.code == 503
    problem = json.loads(failure.value.read())
    assert problem["code"] == "database_unavailable"
