"""Bad days: the agent dies, the supervisor dies, both die, pids are used again."""

import asyncio
import gc
import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mains.engines.process import processes, runs
from mains.engines.process.engine import ProcessEngine
from mains.engines.process.folder import RunFolder, claim
from mains.engines.process.tasklog import GAP, TaskLog
from mains.errors import EngineRefused
from mains.wire.agent import RunState
from tests.engines.builders import (
    POLL_SECONDS,
    WAIT_SECONDS_MAX,
    ProcessSite,
    a_pool,
    a_stop,
    an_order,
    content_of,
    log_of,
    run,
    see,
    until,
    until_ended,
    until_logged,
)

pytestmark = pytest.mark.anyio

AGENT = """
import asyncio, json, sys
from pathlib import Path
from mains.engines.process.engine import ProcessEngine
from mains.wire.agent import PoolOrder, StartOrder

async def main():
    engine = ProcessEngine(Path(sys.argv[1]))
    await engine.configure([PoolOrder.model_validate_json(sys.argv[2])])
    await engine.start(StartOrder.model_validate_json(sys.argv[3]), bundle=None)
    print("started", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_killing_the_agent_changes_nothing_for_its_runs(folder: Path) -> None:
    site = ProcessSite(folder / "site")
    order = an_order("sleep 0.7; echo $TOKEN > $MAINS_OUTPUT/a", secrets={"TOKEN": "kept"})
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", AGENT, str(site.folder)),
        *(a_pool().model_dump_json(), order.model_dump_json()),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert agent.stdout is not None
    assert await agent.stdout.readline() == b"started\n"
    os.killpg(agent.pid, signal.SIGKILL)
    await agent.wait()
    site.engine = site.restarted()
    await site.engine.configure([a_pool()])
    await site.engine.start(order, bundle=None)
    seen = await until_ended(site, order)
    assert seen.report.state is RunState.SUCCEEDED
    assert await content_of(site, order) == {"0/a": b"kept\n"}
    await site.close()


async def test_a_new_agent_sees_every_attempt_that_was_not_forgotten(
    process_site: ProcessSite,
) -> None:
    ended, forgotten = an_order("echo one"), an_order("echo two")
    running = an_order("sleep 30")
    for order in (ended, forgotten):
        await run(process_site, order)
    await process_site.engine.forget(forgotten.attempt_id)
    await process_site.engine.start(running, bundle=None)
    before = await see(process_site, ended)

    process_site.engine = process_site.restarted()
    await process_site.engine.configure([a_pool()])
    assert await see(process_site, ended) == before
    assert await log_of(process_site, ended) == "one\n"
    await until(process_site, running, lambda seen: seen.report.state is RunState.RUNNING)
    with pytest.raises(EngineRefused):
        await process_site.engine.start(forgotten, bundle=None)
    await process_site.engine.stop(a_stop(running))
    assert (await until_ended(process_site, running)).report.state is RunState.CANCELLED


async def test_a_killed_supervisor_ends_its_run_as_lost_and_never_starts_it_again(
    process_site: ProcessSite,
) -> None:
    order = an_order("echo begun; (setsid sleep 300 &); sleep 300", last_task=1)
    await process_site.engine.start(order, bundle=None)
    await until_logged(process_site, order, "begun")
    before = await until(process_site, order, lambda seen: seen.usage.unit_milliseconds > 500)
    os.kill(_supervisor(process_site.run_folder(order)), signal.SIGKILL)
    seen = await until_ended(process_site, order)
    assert seen.report.state is RunState.LOST
    assert [task.state for task in seen.report.tasks] == [RunState.LOST] * 2
    assert seen.report.tasks[0].unit_milliseconds > 0
    assert seen.usage.unit_milliseconds >= before.usage.unit_milliseconds
    assert seen.usage.sequence > before.usage.sequence
    assert _alive_in(process_site, order.attempt_id.hex) == []
    await process_site.engine.start(order, bundle=None)
    assert await see(process_site, order) == seen
    assert await log_of(process_site, order) == "begun\n"
    process_site.engine = process_site.restarted()
    assert await see(process_site, order) == seen


async def test_supervisor_and_agent_killed_together_are_found_by_the_next_agent(
    process_site: ProcessSite,
) -> None:
    order = an_order("echo begun; trap '' TERM; sleep 300 & wait")
    await process_site.engine.start(order, bundle=None)
    await until_logged(process_site, order, "begun")
    os.kill(_supervisor(process_site.run_folder(order)), signal.SIGKILL)
    process_site.engine = process_site.restarted()
    await until(process_site, order, lambda seen: seen.report.state is RunState.LOST)
    assert _alive_in(process_site, order.attempt_id.hex) == []


async def test_a_foreign_process_with_the_supervisors_pid_is_not_taken_for_it(
    process_site: ProcessSite,
) -> None:
    order = an_order("echo begun; sleep 300")
    await process_site.engine.start(order, bundle=None)
    await until_logged(process_site, order, "begun")
    place = process_site.run_folder(order) / "supervisor.json"
    holder = json.loads(place.read_bytes())
    os.kill(holder["pid"], signal.SIGKILL)
    place.write_text(json.dumps({**holder, "pid": os.getpid()}))
    process_site.engine = process_site.restarted()
    await process_site.engine.configure([a_pool()])
    await process_site.engine.stop(a_stop(order))
    await until(process_site, order, lambda seen: seen.report.state is RunState.LOST)


async def test_a_run_of_an_earlier_boot_is_lost(process_site: ProcessSite) -> None:
    holder = {**processes.identity(os.getpid())}
    assert processes.lives(holder)
    assert not processes.lives({**holder, "boot_id": "an earlier one"})
    assert not processes.lives({**holder, "start_ticks": 1})


async def test_a_run_that_was_prepared_and_never_claimed_starts_when_it_is_ordered_again(
    process_site: ProcessSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise asyncio.CancelledError

    order = an_order("echo ran")
    with monkeypatch.context() as patched:
        patched.setattr(ProcessEngine, "_launch", die)
        with pytest.raises(asyncio.CancelledError):
            await process_site.engine.start(order, bundle=None)
    assert process_site.run_folder(order).is_dir()
    assert await process_site.engine.observe() == []

    process_site.engine = process_site.restarted()
    await process_site.engine.configure([a_pool()])
    assert not process_site.run_folder(order).exists()
    assert (await run(process_site, order)).report.state is RunState.SUCCEEDED
    assert await log_of(process_site, order) == "ran\n"


async def test_of_many_supervisors_for_one_run_a_single_one_runs_it(
    process_site: ProcessSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = an_order("echo ran; sleep 0.2", last_task=0)
    await process_site.engine.start(order, bundle=None)
    known = process_site.engine._runs[order.attempt_id]
    launches = [process_site.engine._launch(known, order) for _ in range(4)]
    await asyncio.gather(*launches)
    assert (await until_ended(process_site, order)).report.state is RunState.SUCCEEDED
    assert await log_of(process_site, order) == "ran\n"


def test_a_claim_is_made_once(folder: Path) -> None:
    assert claim(RunFolder(folder), {"pid": 1, "start_ticks": 2})
    assert not claim(RunFolder(folder), {"pid": 3, "start_ticks": 4})
    assert not runs.abandon(RunFolder(folder))
    assert json.loads((folder / "supervisor.json").read_bytes())["pid"] == 1


async def test_a_supervisor_that_can_not_start_refuses_the_order_and_leaves_nothing(
    folder: Path,
) -> None:
    site = ProcessSite(folder / "site", supervisor_python="/bin/false")
    await site.engine.configure([a_pool()])
    order = an_order()
    with pytest.raises(EngineRefused):
        await site.engine.start(order, bundle=None)
    assert await site.engine.observe() == []
    site.options["supervisor_python"] = sys.executable
    site.engine = site.restarted()
    await site.engine.configure([a_pool()])
    assert (await run(site, order)).report.state is RunState.SUCCEEDED


async def test_a_supervisor_that_does_not_answer_in_time_never_begins_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mains.engines.process.launcher.LAUNCH_SECONDS_MAX", 0.1)
    slow = folder / "slow-python"
    slow.write_text(f'#!/bin/sh\nsleep 0.3; exec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    site = ProcessSite(folder / "site", supervisor_python=str(slow))
    await site.engine.configure([a_pool()])
    with pytest.raises(EngineRefused, match="did not answer"):
        await site.engine.start(an_order(), bundle=None)
    assert await site.engine.observe() == []


async def test_a_fork_server_that_dies_is_replaced_and_takes_no_run_with_it(folder: Path) -> None:
    site, python = _with_a_python_of_its_own(folder)
    await site.engine.configure([a_pool()])
    living = an_order("sleep 0.5; echo lived")
    await site.engine.start(living, bundle=None)
    server = await _fork_server(python, site.run_folder(living))
    os.kill(server, signal.SIGKILL)
    await _until_gone(server)
    assert (await run(site, an_order())).report.state is RunState.SUCCEEDED
    assert (await until_ended(site, living)).report.state is RunState.SUCCEEDED
    assert await log_of(site, living) == "lived\n"


async def test_the_fork_server_ends_with_its_engine_and_runs_go_on(folder: Path) -> None:
    site, python = _with_a_python_of_its_own(folder)
    await site.engine.configure([a_pool()])
    order = an_order("sleep 0.5; echo lived")
    await site.engine.start(order, bundle=None)
    server = await _fork_server(python, site.run_folder(order))
    site.engine = site.restarted()
    gc.collect()
    await _until_gone(server)
    assert (await until_ended(site, order)).report.state is RunState.SUCCEEDED


async def test_what_a_run_is_told_in_confidence_is_not_in_the_fork_servers_memory(
    folder: Path,
) -> None:
    site, python = _with_a_python_of_its_own(folder)
    await site.engine.configure([a_pool()])
    order = an_order("sleep 0.5", secrets={"TOKEN": "-".join(["told", "in", "confidence"])})
    await site.engine.start(order, bundle=None)
    supervisor = _supervisor(site.run_folder(order))
    server = await _fork_server(python, site.run_folder(order))
    assert b"told-in-confidence" in _memory(supervisor)
    assert b"mains.engines.process" in _memory(server)
    assert b"told-in-confidence" not in _memory(server)
    await until_ended(site, order)


async def test_the_end_of_the_machine_gives_runs_their_grace(process_site: ProcessSite) -> None:
    order = an_order("trap 'echo saved; exit 0' TERM; echo ready; while true; do sleep 0.05; done")
    await process_site.engine.start(order, bundle=None)
    await until_logged(process_site, order, "ready")
    os.kill(_supervisor(process_site.run_folder(order)), signal.SIGTERM)
    seen = await until_ended(process_site, order)
    assert (seen.report.state, seen.report.reason) == (RunState.LOST, "the site was shut down")
    assert "saved" in await log_of(process_site, order)


async def test_a_fault_of_the_supervisor_ends_the_run_and_names_itself(
    process_site: ProcessSite,
) -> None:
    order = an_order("echo begun; sleep 300", last_task=1)
    await process_site.engine.start(order, bundle=None)
    await until_logged(process_site, order, "begun")
    (process_site.run_folder(order) / "stop.json").write_text("{broken")
    seen = await until_ended(process_site, order)
    assert seen.report.state is RunState.FAILED
    assert seen.report.reason.startswith("the supervisor failed")
    assert [task.state for task in seen.report.tasks] == [RunState.FAILED] * 2


def _with_a_python_of_its_own(folder: Path) -> tuple[ProcessSite, Path]:
    """A site whose fork server and supervisors are known by the interpreter that they run."""
    python = folder / "python"
    python.symlink_to(Path(sys.executable).resolve())
    return ProcessSite(folder / "site", supervisor_python=str(python)), python


async def _fork_server(python: Path, run_folder: Path) -> int:
    """Return what is left beside the supervisor once those between the two have gone."""
    give_up_at = time.monotonic() + WAIT_SECONDS_MAX
    while len(found := _running(python) - {_supervisor(run_folder)}) != 1:
        assert time.monotonic() < give_up_at
        await asyncio.sleep(POLL_SECONDS)
    return found.pop()


def _running(python: Path) -> set[int]:
    found = set()
    for pid in processes.every_pid():
        with suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(bytes(python) + b"\0"):
                found.add(pid)
    return found


async def _until_gone(pid: int) -> None:
    give_up_at = time.monotonic() + WAIT_SECONDS_MAX
    while (known := processes.stat(pid)) is not None and known.state != "Z":
        assert time.monotonic() < give_up_at
        await asyncio.sleep(POLL_SECONDS)


def _memory(pid: int) -> bytes:
    """Return all that a process can write to."""
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights, *_ = line.split()
            start, end = (int(number, 16) for number in place.split("-"))
            with suppress(OSError, OverflowError):
                memory.seek(start)
                parts.append(memory.read(end - start) if rights.startswith("rw") else b"")
    return b"".join(parts)


def _supervisor(run_folder: Path) -> int:
    pid: int = json.loads((run_folder / "supervisor.json").read_bytes())["pid"]
    return pid


def _alive_in(site: ProcessSite, name: str) -> list[str]:
    """Return the processes whose working directory lies in the site's folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if str(path.readlink()).startswith(str(site.folder)):
                found.append((path.parent / "cmdline").read_text())
        except OSError:
            continue
    return found


async def test_a_disk_that_refuses_for_a_while_costs_no_run(process_site: ProcessSite) -> None:
    order = an_order("sleep 1.5; echo done")
    await process_site.engine.start(order, bundle=None)
    folder = RunFolder(process_site.folder / "runs" / str(order.attempt_id))
    pid = json.loads(folder.claim.read_text())["pid"]
    in_the_way = folder.path / f".state.json.{pid}"
    in_the_way.mkdir()
    await asyncio.sleep(3)
    met = await see(process_site, order)
    assert met is not None
    assert not met.report.state.final
    in_the_way.rmdir()
    seen = await until_ended(process_site, order)
    assert seen.report.state is RunState.SUCCEEDED
    assert seen.usage is not None and seen.usage.final
    assert await log_of(process_site, order) == "done\n"


def test_a_log_goes_on_behind_a_gap_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    log = TaskLog(path, bytes_max=1_000)
    log.write(b"one\n")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4, limit[1]))
        log.write(b"two\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    log.write(b"three\n")
    log.close()
    assert path.read_bytes() == b"one\n" + GAP + b"three\n"
