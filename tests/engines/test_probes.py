"""What hostile runs try, under every kind of isolation that this machine has."""

import asyncio
import ctypes
import hashlib
import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mains.engines.base import Observation
from mains.engines.process import isolation, processes
from mains.ids import new_id
from mains.wire.agent import RunState, StartOrder
from tests.engines.builders import (
    ORGANISATION,
    ProcessSite,
    a_folder,
    a_pool,
    a_stop,
    an_order,
    as_nobody,
    content_of,
    log_of,
    see,
    until_ended,
    until_logged,
)
from tests.engines.probes import (
    HARMFUL_AT_A_TRUSTED_SITE,
    NOT_OF_THE_RUN,
    PROBES,
    REACHED_AT_A_TRUSTED_SITE,
    REACHED_EVERYWHERE,
    script,
)

CANARY = "canary-of-the-estate"
SECRET = "secret-of-others"
SECONDS_MAX = 150
SYSTEM_PYTHON = "/usr/bin/python3"
SHARED = ("/tmp", "/var/tmp", "/dev/shm")
VICTIM = """
echo secret-of-others > private; echo x > spare; echo secret-of-others > $MAINS_OUTPUT/result
for place in /tmp /var/tmp /dev/shm; do
  echo secret-of-others > $place/of-the-victim-$MAINS_ATTEMPT_ID
done
python3 -I -c "import os, socket, time
s = socket.socket(socket.AF_UNIX); s.bind('\\0' + os.environ['MAINS_RUN'].removesuffix('/slot'))
s.listen(); print('ready', flush=True); time.sleep(90)"
"""
BROKE = re.compile(rf"^BROKE .*|{CANARY}|{SECRET}", re.MULTILINE)
HOSTILE_ENVIRONMENT = {
    "LD_PRELOAD": "/nonexistent/preloaded.so",
    "PYTHONPATH": "/nonexistent",
    "PYTHONSTARTUP": "/nonexistent",
    "BASH_ENV": "/nonexistent",
    "GIT_SSH_COMMAND": "touch /tmp/planted",
    "MAINS_ATTEMPT_ID": "forged",
    "MAINS_OUTPUT": "/etc",
    "HOME": "/root",
}


@contextmanager
def an_estate(folder: Path) -> Iterator[Path]:
    """What no run may reach: a home with keys and up.json, an agent's key, a database's socket."""
    home = folder / "home"
    (home / "keys").mkdir(parents=True)
    (home / "sockets").mkdir(mode=0o700)
    for name in ("keys/pepper", "keys/signing.pem", "keys/administrator", "up.json", "agent.key"):
        (home / name).write_text(f"{CANARY} {name}\n")
        (home / name).chmod(0o600)
    (home / "keys").chmod(0o700)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home / "sockets" / ".s.PGSQL.5432"))
        listening.listen()
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        yield home


def digest(folder: Path) -> dict[str, str]:
    """Return what lies in a home, with modes and contents; its site's runs come and go."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_relative_to(folder / "site"):
            continue
        facts = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
        found[str(path)] = f"{facts.st_mode:o} {facts.st_uid} {hashlib.sha256(content).hexdigest()}"
    return found


async def reached(site: ProcessSite, estate: Path, *, organisation: Any) -> set[str]:
    """Run every probe beside a victim; returns those that broke through, by what they reach.

    Checks from outside, on the way, what holds under every kind.
    """
    victim = an_order(
        VICTIM, secrets={"TOKEN": SECRET}, setup='touch "$VIRTUAL_ENV/private"', outputs=["none"]
    )
    libc = ctypes.CDLL(None)
    libc.syscall(250, 1, None)
    assert libc.syscall(248, b"user", b"mains-canary", b"x", 1, -3) > 0
    await site.engine.start(victim, bundle=None)
    await until_logged(site, victim, "ready")
    hostile = _hostile(site, estate, victim, organisation=organisation)
    before = digest(estate), (site.run_folder(victim) / "order.json").read_bytes()
    await site.engine.start(hostile, bundle=None)
    order_before = (site.run_folder(hostile) / "order.json").read_bytes()
    seen = await _ended(site, hostile)
    logs = [await log_of(site, hostile, task) for task in range(len(PROBES))]
    broke = {probe.must_not for probe, log in zip(PROBES, logs, strict=True) if BROKE.search(log)}
    for probe, log in zip(PROBES, logs, strict=True):
        if found := BROKE.search(log):
            print(probe.must_not, "::", found.group(0))
    kept = await content_of(site, hostile)
    if any(word in content for content in kept.values() for word in (b"canary", b"secret")):
        broke.add("keep another's file by a hard link")
    if not broke - REACHED_EVERYWHERE:
        assert before == (digest(estate), (site.run_folder(victim) / "order.json").read_bytes())
        assert (site.run_folder(hostile) / "order.json").read_bytes() == order_before
    await _its_word_is_the_supervisors(site, hostile, seen)
    _nothing_is_left(site, hostile)
    still = await see(site, victim)
    assert still is not None
    assert still.report.state is RunState.RUNNING
    await site.engine.stop(a_stop(victim))
    await until_ended(site, victim)
    return broke


async def _ended(site: ProcessSite, order: StartOrder) -> Observation:
    give_up_at = time.monotonic() + SECONDS_MAX
    while (seen := await see(site, order)) is None or not seen.report.state.final:
        assert time.monotonic() < give_up_at, seen
        await site.pass_time()
    return seen


def _hostile(
    site: ProcessSite, estate: Path, victim: StartOrder, *, organisation: Any
) -> StartOrder:
    attempt = new_id()
    folder = site.run_folder(victim)
    [inner, *_] = processes.with_environment(f"MAINS_ATTEMPT_ID={victim.attempt_id}".encode())
    [environment] = (site.folder / "environments" / ORGANISATION.hex).glob("*/*/bin")
    claim = site.engine._runs[victim.attempt_id].holder
    assert claim is not None
    envs = {
        "ESTATE": estate,
        "SITE": site.folder,
        "OWN": site.folder / "runs" / str(attempt),
        "VICTIM": folder,
        "VPID": inner,
        "SUPERVISOR": claim["pid"],
        "AGENT": os.getpid(),
        "ENVIRONMENT": environment.parent,
        "CACHE": site.folder / "environments" / ORGANISATION.hex / "cache",
    }
    return an_order(
        script(HARMFUL_AT_A_TRUSTED_SITE if organisation == ORGANISATION else ()),
        attempt_id=attempt,
        organisation_id=organisation,
        last_task=len(PROBES) - 1,
        wall_seconds_max=300,
        envs={name: str(value) for name, value in envs.items()} | HOSTILE_ENVIRONMENT,
    )


async def _its_word_is_the_supervisors(
    site: ProcessSite, hostile: StartOrder, seen: Observation
) -> None:
    """What the agent will report: every task, true exit codes, a meter of the supervisor's own."""
    ended = {task.task: task for task in seen.report.tasks}
    assert sorted(ended) == list(range(len(PROBES)))
    number = {probe.must_not: at for at, probe in enumerate(PROBES)}
    assert ended[number["forge the supervisor's own lines"]].exit_code == 7
    lied = ended[number["be told to have succeeded after a failure"]]
    assert (lied.state, lied.exit_code) == (RunState.FAILED, 9)
    starved = ended[number["use more memory than it asked for"]]
    assert (starved.state, "memory limit" in starved.reason) == (RunState.FAILED, True)
    assert seen.report.state is RunState.FAILED
    assert 0 < seen.usage.unit_milliseconds < 300_000
    kept = await content_of(site, hostile)
    names = {name.partition("/")[2] for name in kept}
    assert {"suid", "a\nb", "\x1b[2Jclear", "-rf"} <= names
    assert not names & {"link", "shadow", "pipe", "sock", "null", "huge"}


def _nothing_is_left(site: ProcessSite, hostile: StartOrder) -> None:
    assert processes.with_environment(f"MAINS_ATTEMPT_ID={hostile.attempt_id}".encode()) == []
    plan = site.engine._runs[hostile.attempt_id].plan
    uid = plan["confinement"]["uid"]
    if uid is not None:
        assert processes.of_user(uid) == []
        left = [path for place in SHARED for path in Path(place).iterdir()]
        assert not [path for path in left if path.lstat().st_uid == uid]
    assert not any(Path(folder).exists() for folder in plan["confinement"]["groups"].values())
    assert not Path("/tmp/planted").exists()


@pytest.mark.anyio
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives runs their own users")
async def test_with_a_uid_of_its_own_no_probe_reaches_what_it_must_not() -> None:
    with a_folder() as folder, an_estate(folder) as estate:
        site = ProcessSite(folder / "site", slots=2)
        await site.engine.configure([a_pool(trusted_organisation_id=None)])
        assert [report.isolation for report in await site.engine.pools()] == ["uid"]
        assert await reached(site, estate, organisation=new_id()) == REACHED_EVERYWHERE
        await site.close()


@pytest.mark.skipif(
    isolation.bwrap() is None or not Path(SYSTEM_PYTHON).exists(),
    reason="an ordinary user's runs need Debian's bubblewrap and python3",
)
def test_in_a_sandbox_no_probe_reaches_what_it_must_not() -> None:
    _as_an_ordinary_user("bubblewrap")


@pytest.mark.deep
def test_what_probes_reach_at_a_trusted_site_is_what_the_page_says() -> None:
    _as_an_ordinary_user("trusted")


def _as_an_ordinary_user(kind: str) -> None:
    async def scenario() -> None:
        with a_folder("/var/tmp") as folder, an_estate(folder) as estate:
            site = ProcessSite(
                estate / "site",
                supervisor_python=SYSTEM_PYTHON,
                covered=[estate],
                isolation_wanted=kind,
            )
            await site.engine.configure([a_pool()])
            assert [report.isolation for report in await site.engine.pools()] == [kind]
            organisation = ORGANISATION if kind == "trusted" else new_id()
            broke = await reached(site, estate, organisation=organisation)
            expected = REACHED_EVERYWHERE
            if kind == "trusted":
                expected, broke = expected | REACHED_AT_A_TRUSTED_SITE, broke - NOT_OF_THE_RUN
            assert broke == expected, (broke - expected, expected - broke)
            await site.close()

    if os.geteuid() == 0:
        as_nobody(scenario)
    else:
        asyncio.run(scenario())
