"""A hostile run: what it must not read, reach, keep or leave."""

import os
import pwd
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from mains.engines.process import isolation
from mains.errors import EngineRefused, SetupMissing
from mains.ids import new_id
from mains.wire.agent import RunState
from tests.engines.builders import (
    ProcessSite,
    a_folder,
    a_pool,
    a_stop,
    an_order,
    as_nobody,
    content_of,
    log_of,
    run,
    until_ended,
    until_logged,
)
from tests.engines.probes import PROBES, script

pytestmark = pytest.mark.anyio

SYSTEM_PYTHON = "/usr/bin/python3"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives runs their own users")
needs_bubblewrap = pytest.mark.skipif(
    isolation.bwrap() is None, reason="the Debian package bubblewrap is not installed"
)

TRY_EVERYTHING = """
for path in "$KEYS" "$VICTIM/order.json" "$VICTIM/state.json" "$VICTIM/logs/0.log" \\
            "$VICTIM/slot/work/private" "$OWN/order.json" "$OWN/supervisor.json" /etc/shadow; do
  cat "$path" 2>/dev/null && echo "READ $path"
done
for folder in "$SOCKETS" "$VICTIM/slot/work" "$VICTIM/slot/home" "$SITE" "$SITE/runs"; do
  ls "$folder" 2>/dev/null | grep . && echo "LISTED $folder"
done
for pid in $(ls /proc | grep '^[0-9]*$'); do
  tr '\\0' '\\n' 2>/dev/null < /proc/$pid/environ | grep '^TOKEN=' && echo "ENVIRON $pid"
done
python3 - <<'PYTHON'
import os, socket
try:
    socket.socket(socket.AF_UNIX).connect(os.environ["SOCKETS"] + "/.s.PGSQL.5432")
    print("CONNECTED")
except OSError:
    pass
for pid in (int(name) for name in os.listdir("/proc") if name.isdecimal()):
    try:
        if os.stat(f"/proc/{pid}").st_uid != os.getuid():
            os.kill(pid, 0)
            print("SIGNALLED", pid)
    except OSError:
        pass
for path in (os.environ["OWN"], os.environ["SITE"], os.environ["OWN"] + "/slot/output"):
    try:
        open(path + "/planted", "w")
        print("WROTE", path)
    except OSError:
        pass
for change in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0])):
    try:
        if os.getuid() != 0:
            change()
            print("BECAME")
    except OSError:
        pass
PYTHON
echo tried
"""


@pytest.fixture
def estate(folder: Path) -> Iterator[Path]:
    """What a run must not reach: a home with keys, and a listening database socket."""
    home = folder / "home"
    (home / "keys").mkdir(parents=True)
    home.chmod(0o700)
    (home / "keys" / "pepper").write_text("pepper-and-salt")
    (home / "keys" / "pepper").chmod(0o600)
    (home / "sockets").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home / "sockets" / ".s.PGSQL.5432"))
        listening.listen()
        yield home


async def _try_everything(site: ProcessSite, estate: Path) -> tuple[str, UUID]:
    """Run a victim with a secret beside a hostile run of another organisation.

    Returns the hostile run's log and its attempt.
    """
    victim = an_order(
        "echo mine > private; echo ready; sleep 30", secrets={"TOKEN": "a-secret-of-others"}
    )
    await site.engine.start(victim, bundle=None)
    await until_logged(site, victim, "ready")
    attempt = new_id()
    hostile = an_order(
        TRY_EVERYTHING,
        attempt_id=attempt,
        organisation_id=new_id(),
        envs={
            "KEYS": str(estate / "keys" / "pepper"),
            "SOCKETS": str(estate / "sockets"),
            "VICTIM": str(site.run_folder(victim)),
            "SITE": str(site.folder),
            "OWN": str(site.folder / "runs" / str(attempt)),
        },
    )
    await run(site, hostile)
    log = await log_of(site, hostile)
    await site.engine.stop(a_stop(victim))
    await until_ended(site, victim)
    return log, attempt


@needs_root
async def test_with_a_uid_of_its_own_a_run_reaches_no_key_no_socket_and_no_other_run(
    process_site: ProcessSite, estate: Path
) -> None:
    assert [report.isolation for report in await process_site.engine.pools()] == ["uid"]
    log, _ = await _try_everything(process_site, estate)
    assert log == "tried\n"


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path(SYSTEM_PYTHON).exists(),
    reason="becoming an ordinary user needs root, and Debian's python3 for them",
)
@needs_bubblewrap
def test_in_a_sandbox_an_ordinary_users_run_reaches_no_key_no_socket_and_no_other_run() -> None:
    as_nobody(_in_a_sandbox)


@needs_bubblewrap
async def test_a_sandboxed_run_has_its_contract_its_grace_and_its_own_tmp(folder: Path) -> None:
    site = ProcessSite(folder / "site", isolation_wanted="bubblewrap")
    await site.engine.configure([a_pool()])
    assert [report.isolation for report in await site.engine.pools()] == ["bubblewrap"]
    secret = new_id().hex
    order = an_order(
        "ls /tmp | wc -l; echo ok > $MAINS_OUTPUT/a; echo ${#TOKEN}\n"
        "trap 'echo saved; exit 0' TERM\n"
        "(setsid sleep 300 &); echo ready; while true; do sleep 0.05; done",
        secrets={"TOKEN": secret},
        grace_seconds=10,
        envs={"LD_PRELOAD": "/nonexistent.so"},
    )
    await site.engine.start(order, bundle=None)
    await until_logged(site, order, "ready")
    assert not any(secret in line for line in _command_lines())
    await site.engine.stop(a_stop(order))
    seen = await until_ended(site, order)
    log = await log_of(site, order)
    assert seen.report.state is RunState.CANCELLED
    assert f"{len(secret)}\n" in log
    assert "saved\n" in log
    assert await content_of(site, order) == {"0/a": b"ok\n"}
    assert (await run(site, an_order("exit 7"))).report.tasks[0].exit_code == 7
    await site.close()


@needs_root
async def test_a_uid_passes_nothing_on_to_the_next_run_that_gets_it(folder: Path) -> None:
    site = ProcessSite(folder / "site", slots=1)
    await site.engine.configure([a_pool()])
    name = f"mains-test-{new_id().hex}"
    leave = "\n".join(
        f"mkdir -p {place}/{name}/deep && echo mine > {place}/{name}/deep/x"
        for place in ("/tmp", "/var/tmp", "/dev/shm")
    )
    await run(site, an_order(f"{leave}\nipcmk -Q; ln -s /etc/passwd /tmp/{name}-link"))
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        assert not (Path(place) / name).exists()
    assert not list(Path("/tmp").glob(f"{name}*"))  # noqa: ASYNC240
    order = an_order("id -u; ipcs -q | grep -c 0x")
    await run(site, order)
    assert await log_of(site, order) == f"{site.engine._uids.start}\n0\n"
    [keys] = [n for n, probe in enumerate(PROBES) if "last run left" in probe.must_not]
    for _ in range(2):
        order = an_order(script(), first_task=keys, last_task=keys)
        await run(site, order)
        assert await log_of(site, order, keys) == ""


@needs_root
async def test_links_among_outputs_lead_nowhere(process_site: ProcessSite, estate: Path) -> None:
    keys = estate / "keys"
    order = an_order(
        f"cd $MAINS_OUTPUT; ln -s {keys}/pepper a; ln -s {keys} folder; echo x > own;"
        "ln own hard; mkfifo pipe; ln -s own inside; mkdir d; echo y > d/e;"
        "ln /etc/hostname foreign"
    )
    await run(process_site, order)
    assert await content_of(process_site, order) == {
        "0/d/e": b"y\n",
        "0/hard": b"x\n",
        "0/own": b"x\n",
    }


async def test_a_trusted_run_that_exchanges_its_folders_for_links_gains_nothing(
    folder: Path, estate: Path
) -> None:
    site = ProcessSite(folder / "site", isolation_wanted="trusted")
    await site.engine.configure([a_pool()])
    order = an_order(
        f"cd $MAINS_OUTPUT/../..; rm -r output; mkdir -p x; ln -s {estate} output; mkdir -p"
        f" {estate}/0; echo stolen > {estate}/0/a"
    )
    await run(site, order)
    assert await content_of(site, order) == {}


async def test_a_trusted_pool_runs_only_the_jobs_of_its_owner(folder: Path) -> None:
    site = ProcessSite(folder / "site", isolation_wanted="trusted")
    await site.engine.configure([a_pool()])
    assert [report.isolation for report in await site.engine.pools()] == ["trusted"]
    with pytest.raises(EngineRefused, match="owner"):
        await site.engine.start(an_order(organisation_id=new_id()), bundle=None)
    order = an_order("id -u; (setsid sleep 300 &)")
    assert (await run(site, order)).report.state is RunState.SUCCEEDED
    assert await log_of(site, order) == f"{os.geteuid()}\n"


@needs_root
async def test_root_never_takes_a_uid_that_belongs_to_somebody(folder: Path) -> None:
    owner = pwd.getpwuid(1)
    with pytest.raises(SetupMissing, match=owner.pw_name):
        ProcessSite(folder / "site", isolation_wanted="uid", uid_base=1)
    with pytest.raises(SetupMissing, match="root"):
        ProcessSite(folder / "other", isolation_wanted="auto", uid_base=0)


@needs_root
async def test_a_folder_that_runs_can_not_reach_is_refused_and_not_opened(folder: Path) -> None:
    (folder / "private").mkdir(mode=0o700)
    with pytest.raises(SetupMissing, match="pass through"):
        ProcessSite(folder / "private" / "site")
    assert (folder / "private").stat().st_mode & 0o777 == 0o700


async def test_a_sandbox_that_does_not_work_is_not_promised(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "bwrap", lambda: None)
    with pytest.raises(SetupMissing, match="not installed"):
        ProcessSite(folder / "site", isolation_wanted="bubblewrap")
    monkeypatch.setattr(isolation, "bwrap", lambda: "/bin/false")
    with pytest.raises(SetupMissing, match="may not make"):
        ProcessSite(folder / "site", isolation_wanted="bubblewrap")


async def _in_a_sandbox() -> None:
    with a_folder("/var/tmp") as folder:
        home = folder / "home"
        (home / "keys").mkdir(parents=True)
        (home / "keys" / "pepper").write_text("pepper-and-salt")
        (home / "sockets").mkdir()
        site = ProcessSite(home / "site", supervisor_python=SYSTEM_PYTHON, covered=[home])
        # One organisation owns the pool; in a sandbox that does not matter.
        await site.engine.configure([a_pool()])
        (report,) = await site.engine.pools()
        assert report.isolation == "bubblewrap", report
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(home / "sockets" / ".s.PGSQL.5432"))
            listening.listen()
            log, attempt = await _try_everything(site, home)
        runs = site.folder / "runs"
        its_own_way = f"runs\nLISTED {site.folder}\n{attempt}\nLISTED {runs}\n"
        assert log == f"{its_own_way}tried\n", log


def _command_lines() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text().replace("\0", " "))
        except OSError:
            continue
    return found
