"""The embedded Postgres on good and bad days, as root and as an ordinary user.

Both work from a clone and with data under a private home, as a newcomer would.
"""

import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.db.people import Instance, Person, a_person, alive

IS_ROOT = os.geteuid() == 0
ORDINARY = "nobody" if IS_ROOT else "me"

Facts = tuple[int, int, int]


def facts_of(path: Path) -> Facts:
    """Return a path's mode and owner."""
    found = path.lstat()
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid


def snapshot(*roots: Path) -> dict[Path, Facts]:
    """Return mode and owner of each root, the folders above it and all that is below."""
    paths = {path for root in roots for path in (*root.parents, root, *root.rglob("*"))}
    return {path: facts_of(path) for path in paths if path.exists()}


class People:
    """Root and an ordinary user; each has one database for all tests of this file."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._known: dict[str, Person] = {}
        self.before: dict[str, dict[Path, Facts]] = {}

    def named(self, name: str) -> Person:
        if name not in self._known:
            person = self._stack.enter_context(a_person(name))
            self._known[name] = person
            self.before[name] = snapshot(person.home, Path("/var/lib/mains/postgres"))
        return self._known[name]


@pytest.fixture(scope="module")
def people() -> Iterator[People]:
    with ExitStack() as stack:
        yield People(stack)


@pytest.fixture(params=["root", ORDINARY])
def person(request: pytest.FixtureRequest, people: People) -> Person:
    return people.named(request.param)


def socket_of(instance: Instance) -> Path:
    return Path(str(instance.ask("SHOW unix_socket_directories")).strip('"'))


def data_of(instance: Instance) -> Path:
    return Path(instance.ask("SHOW data_directory"))


def test_a_start_from_a_private_home_changes_no_mode_of_what_was_there(
    people: People, person: Person
) -> None:
    instance = person.instance()
    assert instance.ask("SHOW server_version") == "18.4"
    before = people.before[person.name]
    assert person.home.parent in before
    assert person.home / "clone" / "mains" / "db" in before
    after = {path: facts_of(path) for path in before if path.exists()}
    assert after == {path: before[path] for path in after}
    assert facts_of(person.home)[0] == 0o700


def test_it_listens_on_a_private_socket_alone_and_asks_for_a_password(person: Person) -> None:
    instance = person.instance()
    assert instance.ask("SHOW listen_addresses") == ""
    assert instance.postgres.net_connections("tcp") == []
    socket = socket_of(instance)
    assert facts_of(socket)[0] == 0o700
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host=str(socket), user="mains_superuser", dbname="postgres", passfile="-")
    keys = person.home / "mains" / "keys"
    assert facts_of(keys)[0] == 0o700
    assert {facts_of(path)[0] for path in keys.iterdir()} == {0o600}


def test_it_is_checksummed_small_and_of_one_locale(person: Person) -> None:
    instance = person.instance()
    assert instance.ask("SHOW data_checksums") == "on"
    locale = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'mains'"
    assert instance.ask(locale) == "bC.UTF-8"
    pss_bytes = 0
    for process in (instance.postgres, *instance.postgres.children()):
        with suppress(psutil.NoSuchProcess):
            pss_bytes += process.memory_full_info().pss
    assert pss_bytes < 60 * 2**20


def test_the_server_never_runs_as_root(person: Person) -> None:
    instance = person.instance()
    owner = instance.postgres.uids().real
    assert owner != 0
    data = data_of(instance)
    assert {facts_of(path)[1] for path in (data, *data.iterdir())} == {owner}


def test_roots_binaries_and_data_lie_outside_of_any_home(people: People) -> None:
    instance = people.named("root").instance()
    assert instance.postgres.exe().startswith("/var/lib/mains/postgres/")
    assert str(data_of(instance)).startswith("/var/lib/mains/instances/")
    assert instance.postgres.username() in ("mains", "_mains")
    assert facts_of(Path(instance.postgres.exe()))[1] == 0


def test_another_user_of_the_system_cannot_connect(person: Person) -> None:
    if not IS_ROOT:
        pytest.skip("needs root, to act as another user")
    instance = person.instance()
    socket, data = str(socket_of(instance) / ".s.PGSQL.5432"), str(data_of(instance))
    intruder = pwd.getpwnam("daemon")
    for attempt in (
        f"import socket; socket.socket(socket.AF_UNIX).connect({socket!r})",
        f"import os; os.listdir({data!r})",
    ):
        tried = subprocess.run(
            ["/usr/bin/python3", "-c", attempt],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=intruder.pw_uid,
            group=intruder.pw_gid,
            extra_groups=[],
        )
        assert "PermissionError" in tried.stderr


def test_instances_of_root_and_of_an_ordinary_user_coexist(people: People) -> None:
    root, ordinary = people.named("root").instance(), people.named(ORDINARY).instance()
    assert root.postgres.pid != ordinary.postgres.pid
    assert data_of(root) != data_of(ordinary)
    root.stop()
    assert ordinary.ask("SELECT 1") == 1


def test_a_second_start_on_the_same_data_says_so(person: Person) -> None:
    instance = person.instance()
    refusal = person.refusal()
    assert refusal["code"] == "already_running"
    assert f"as process {instance.process.pid}." in refusal["detail"]
    assert "mains down" in refusal["hint"]
    assert instance.ask("SELECT 1") == 1


def test_after_killing_everything_the_next_start_recovers(person: Person) -> None:
    instance = person.instance()
    instance.ask("DROP TABLE IF EXISTS kept")
    instance.ask("CREATE TABLE kept AS SELECT 42 AS number")
    instance.kill_everything()
    assert person.start().ask("SELECT number FROM kept") == 42


def test_a_reused_process_id_does_not_stop_the_start(person: Person) -> None:
    """The stranger has the very user that Postgres runs as, where Postgres alone would give up."""
    instance = person.instance()
    pidfile = data_of(instance) / "postmaster.pid"
    owner = instance.postgres.uids().real if IS_ROOT else None
    instance.kill_everything()
    stranger = subprocess.Popen(["/bin/sleep", "60"], cwd="/", user=owner)
    try:
        lines = pidfile.read_text().split("\n")
        pidfile.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        assert person.start().ask("SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_postgres_that_outlived_its_mains_is_adopted(person: Person) -> None:
    instance = person.instance()
    instance.kill_mains()
    again = person.start()
    assert again.postgres.pid == instance.postgres.pid
    assert again.ask("SELECT 1") == 1
    postgres = again.postgres
    again.stop()
    assert not alive(postgres)


def test_a_postgres_that_was_started_differently_is_replaced(person: Person) -> None:
    instance = person.instance()
    old = instance.postgres
    instance.kill_mains()
    again = person.start("--durable")
    assert not alive(old)
    assert again.ask("SHOW fsync") == "on"
    assert again.ask("SHOW synchronous_commit") == "on"
    assert again.ask("SHOW full_page_writes") == "on"
    again.stop()


def test_a_copy_is_taken_and_restored_by_whoever_runs_it(person: Person) -> None:
    """Root's Postgres is another user's: the copy is root's, and what is restored is not."""
    told = person.restored()
    assert told["numbers"] == [1, 2]
    [owner] = told["owners"]
    if IS_ROOT:
        assert (owner == person.uid) if person.uid is not None else owner != 0


def test_data_of_another_postgres_and_lost_passwords_are_named(person: Person) -> None:
    instance = person.instance()
    version = data_of(instance) / "PG_VERSION"
    password = person.home / "mains" / "keys" / "postgres_app"
    instance.stop()
    version.write_text("16\n")
    try:
        refusal = person.refusal()
    finally:
        version.write_text("18\n")
    assert refusal["code"] == "schema_mismatch"
    assert "of Postgres 16, these binaries are of Postgres 18" in refusal["detail"]
    aside = password.rename(password.with_suffix(".aside"))
    try:
        refusal = person.refusal()
    finally:
        aside.rename(password)
    assert refusal["code"] == "setup_missing"
    assert str(password) in refusal["detail"]


def test_a_home_of_any_name_and_length_works_even_after_half_a_start(people: People) -> None:
    """A socket's path may have 107 bytes, and pg_ctl hands paths to a shell."""
    person = people.named(ORDINARY)
    home = person.home / 'it\'s "my" $HOME, 城市' / ("deep" * 30)
    partial = home / "postgres" / "data.partial"
    assert person.spawn("/bin/mkdir", "-p", str(partial / "base")).wait() == 0
    instance = person.start(home=home)
    assert not partial.exists()
    assert data_of(instance) == home / "postgres" / "data"
    socket = socket_of(instance)
    assert len(str(socket)) < 60
    assert facts_of(socket)[0] == 0o700
    instance.kill_everything()
    again = person.start(home=home)
    assert socket_of(again) == socket
    again.stop()
    assert not socket.exists()
    third = person.start(home=home)
    assert third.ask("SELECT 1") == 1
    third.stop()
