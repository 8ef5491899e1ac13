"""What a run finds, how it is limited and ended: the process engine's own promises."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from mains.blobs import bundle as bundles
from mains.engines.process import cgroups
from mains.errors import EngineRefused
from mains.wire.agent import RunState
from tests.engines.builders import (
    MIB,
    ProcessSite,
    a_pool,
    a_stop,
    an_order,
    content_of,
    kept_apart_by,
    log_of,
    memory_limit_of,
    run,
    until_ended,
    until_logged,
)

pytestmark = pytest.mark.anyio

GRACEFUL = """
trap 'echo saving; sleep 0.2; echo saved; exit 0' TERM
echo ready
while true; do sleep 0.05; done
"""
STUBBORN = "trap '' TERM; echo ready; while true; do sleep 0.05; done"


async def test_a_run_finds_the_portable_contract_and_nothing_of_the_agent(
    process_site: ProcessSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTS_OWN", "not for runs")
    order = an_order(
        "env; cd; pwd; touch $TMPDIR/x $MAINS_CHECKPOINT/x $MAINS_DATA/x",
        first_task=3,
        last_task=3,
        envs={"COLOUR": "blau", "MAINS_TASK_INDEX": "99", "PATH": "/opt/bin:/usr/bin:/bin"},
        secrets={"TOKEN": "geheim"},
    )
    seen = await run(process_site, order)
    log = await log_of(process_site, order, 3)
    assert seen.report.state is RunState.SUCCEEDED, log
    found = dict(line.split("=", 1) for line in log.splitlines() if "=" in line)
    assert found["MAINS_TASK_INDEX"] == found["SLURM_ARRAY_TASK_ID"] == "3"
    assert found["MAINS_JOB_ID"] == str(order.job_id)
    assert found["MAINS_ATTEMPT_ID"] == str(order.attempt_id)
    assert found["MAINS_NODE_RANK"] == found["SKYPILOT_NODE_RANK"] == "0"
    assert found["MAINS_NUM_NODES"] == found["SKYPILOT_NUM_NODES"] == "1"
    assert found["SKYPILOT_NUM_GPUS_PER_NODE"] == "0"
    assert found["CUDA_VISIBLE_DEVICES"] == ""
    assert (found["COLOUR"], found["TOKEN"]) == ("blau", "***")
    assert found["PATH"] == "/opt/bin:/usr/bin:/bin"
    assert "AGENTS_OWN" not in found
    assert found["HOME"].startswith(str(process_site.run_folder(order)))
    assert found["HOME"] == log.splitlines()[-1]


async def test_each_attempt_has_a_fresh_copy_of_the_code(
    process_site: ProcessSite, folder: Path
) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "main.sh").write_text("cat words.txt; echo changed > words.txt")
    (folder / "code" / "words.txt").write_text("as packed")
    with bundles.pack(folder / "code") as packed:
        for _ in range(2):
            order = an_order("bash main.sh", bundle=packed.sha256)
            await run(process_site, order, bundle=packed.path)
            assert await log_of(process_site, order) == "as packed"


async def test_a_script_is_in_no_command_line_and_may_be_longer_than_one(
    process_site: ProcessSite,
) -> None:
    words = "only-for-the-eyes-of-its-owner"
    look = f"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -ac '{words[:9]}[-]for'"
    order = an_order(f"# {words}\n# {'x' * 200_000}\n{look}; ls /proc/self/fd | wc -l")
    seen = await run(process_site, order)
    log = await log_of(process_site, order)
    assert seen.report.state is RunState.SUCCEEDED, log
    # Open are the three standard files and the folder that is listed.
    assert log.split() == ["0", "4"]


async def test_secrets_are_nowhere_on_disk(process_site: ProcessSite) -> None:
    order = an_order("sleep 0.3; echo $TOKEN | wc -c", secrets={"TOKEN": "tausend-und-eins"})
    await process_site.engine.start(order, bundle=None)
    texts = [path.read_bytes() for path in process_site.folder.rglob("*") if path.is_file()]
    assert any(str(order.job_id).encode() in text for text in texts)
    assert not any(b"tausend-und-eins" in text for text in texts)
    await until_ended(process_site, order)
    assert await log_of(process_site, order) == "17\n"


async def test_a_handler_of_sigterm_gets_its_grace(process_site: ProcessSite) -> None:
    order = an_order(GRACEFUL, grace_seconds=10)
    await process_site.engine.start(order, bundle=None)
    await until_logged(process_site, order, "ready")
    await process_site.engine.stop(a_stop(order))
    seen = await until_ended(process_site, order)
    assert seen.report.state is RunState.CANCELLED
    assert "saving\nsaved\n" in await log_of(process_site, order)


async def test_the_whole_family_gets_its_grace_and_not_only_the_shell(
    process_site: ProcessSite,
) -> None:
    if await kept_apart_by(process_site) == "bubblewrap":
        pytest.skip("a sandbox of bubblewrap ends with its first process, family or not")
    order = an_order(f"(\n{GRACEFUL}\n) & wait", grace_seconds=10)
    await process_site.engine.start(order, bundle=None)
    await until_logged(process_site, order, "ready")
    await process_site.engine.stop(a_stop(order))
    await until_ended(process_site, order)
    assert "saved" in await log_of(process_site, order)


async def test_who_ignores_sigterm_is_killed_after_the_grace(process_site: ProcessSite) -> None:
    order = an_order(STUBBORN, grace_seconds=1)
    await process_site.engine.start(order, bundle=None)
    await until_logged(process_site, order, "ready")
    await process_site.engine.stop(a_stop(order))
    seen = await until_ended(process_site, order)
    assert seen.report.state is RunState.CANCELLED
    assert seen.report.tasks[0].exit_code == 137
    assert seen.usage.unit_milliseconds >= 1_000


async def test_what_a_run_leaves_running_ends_with_it(process_site: ProcessSite) -> None:
    order = an_order(
        "for i in 1 2 3 4 5; do setsid nohup sleep 300 >/dev/null 2>&1 & done\n"
        "(setsid bash -c 'trap \"\" TERM HUP; exec sleep 300' &) ; echo left"
    )
    seen = await run(process_site, order)
    assert seen.report.state is RunState.SUCCEEDED
    assert _processes_of(order.attempt_id) == []
    assert seen.usage.unit_milliseconds < 10_000


async def test_memory_over_the_limit_fails_the_task_and_says_so(process_site: ProcessSite) -> None:
    hungry = "python3 -c 'x = bytearray(400 * 2**20); print(len(x))'"
    order = an_order(hungry, memory_bytes=64 * MIB, last_task=1)
    seen = await run(process_site, order)
    assert seen.report.state is RunState.FAILED
    assert seen.report.reason == "the memory limit of 64 MiB was reached"
    assert [task.state for task in seen.report.tasks] == [RunState.FAILED] * 2
    if await memory_limit_of(process_site) != "polled":
        assert 0 < seen.usage.memory_peak_bytes <= 65 * MIB


async def test_without_groups_memory_is_polled_and_processors_are_pinned(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "find_parents", dict)
    site = ProcessSite(folder / "site")
    await site.engine.configure([a_pool()])
    (report,) = await site.engine.pools()
    assert report.memory_limit == "polled"
    order = an_order(
        "nproc; python3 -c 'import time; x = bytearray(300 * 2**20); time.sleep(30)'",
        memory_bytes=64 * MIB,
    )
    seen = await run(site, order)
    assert seen.report.reason == "the memory limit of 64 MiB was reached"
    assert await log_of(site, order) == "1\n"
    assert seen.usage.memory_peak_bytes > 64 * MIB
    assert seen.usage.cpu_milliseconds > 0
    await site.close()


async def test_processor_time_is_limited_and_metered(process_site: ProcessSite) -> None:
    busy = "timeout 0.5 bash -c 'while true; do :; done'"
    order = an_order(f"{busy} & {busy} & wait", cpus=1, units=2)
    seen = await run(process_site, order)
    assert 200 <= seen.usage.cpu_milliseconds <= 900
    assert seen.usage.unit_milliseconds >= 1_000


async def test_groups_are_gone_when_a_run_has_ended(process_site: ProcessSite) -> None:
    if await memory_limit_of(process_site) == "polled":
        pytest.skip("this user has no control groups")
    order = an_order("cat /proc/self/cgroup")
    await run(process_site, order)
    name = f"{order.attempt_id.hex}-1"
    assert name in await log_of(process_site, order)
    for parent in cgroups.find_parents().values():
        assert not (Path(parent) / name).exists()


async def test_a_log_is_bounded_and_says_that_it_was(process_site: ProcessSite) -> None:
    order = an_order("yes | head -c 1000000; echo end >&2", log_bytes_max=10_000)
    seen = await run(process_site, order)
    log = await log_of(process_site, order)
    assert seen.report.state is RunState.SUCCEEDED
    assert len(log) == 10_000
    assert log.endswith("\n[mains] log truncated at 10000 bytes\n")


async def test_a_command_that_can_not_be_started_says_why(process_site: ProcessSite) -> None:
    order = an_order("true", envs={"HUGE": "x" * 200_000})
    seen = await run(process_site, order)
    assert seen.report.state is RunState.FAILED
    assert "Argument list too long" in await log_of(process_site, order)


async def test_a_run_ended_by_a_signal_says_so(process_site: ProcessSite) -> None:
    seen = await run(process_site, an_order("kill -SEGV $$"))
    # A sandbox passes a signal of its first process on as the shell writes it: 128 and its number.
    apart = await kept_apart_by(process_site)
    assert seen.report.reason == ("exit code 139" if apart == "bubblewrap" else "signal 11")
    assert seen.report.tasks[0].exit_code == 139


async def test_no_accelerator_is_given_twice(folder: Path) -> None:
    site = ProcessSite(folder / "site", fake_accelerators=True)
    pool = a_pool(name="h100", unit="h100", units=3)
    await site.engine.configure([pool])
    assert [report.units for report in await site.engine.pools()] == [3]
    orders = [an_order("echo $CUDA_VISIBLE_DEVICES; sleep 30", units=units) for units in (1, 2)]
    for order in orders:
        await site.engine.start(order, bundle=None)
    logs = [await until_logged(site, order, "\n") for order in orders]
    assert sorted(re.findall(r"\d", "".join(logs))) == ["0", "1", "2"]

    site.engine = site.restarted()
    await site.engine.configure([pool])
    third = an_order("echo $CUDA_VISIBLE_DEVICES", units=1)
    with pytest.raises(EngineRefused, match="0 are free"):
        await site.engine.start(third, bundle=None)
    await site.engine.stop(a_stop(orders[0]))
    await until_ended(site, orders[0])
    await run(site, third)
    assert await log_of(site, third) == logs[0]
    await site.close()


async def test_a_pool_of_accelerators_without_a_driver_has_none(
    process_site: ProcessSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mains.engines.process.devices.find", list)
    await process_site.engine.configure([a_pool(unit="h100", units=3)])
    assert [report.units for report in await process_site.engine.pools()] == [0]


async def test_a_pool_reports_no_more_than_its_share_of_the_host(
    process_site: ProcessSite,
) -> None:
    pool = a_pool(cpus=512, units=512, memory_bytes=2**50, host_share_percent=50)
    await process_site.engine.configure([pool])
    (report,) = await process_site.engine.pools()
    assert report.units == report.cpus < 512
    assert report.memory_bytes < 2**50


async def test_a_bundle_that_can_not_be_unpacked_is_refused_and_leaves_nothing(
    process_site: ProcessSite, folder: Path
) -> None:
    (folder / "bundle").write_bytes(b"no archive at all")
    with pytest.raises(EngineRefused, match="prepared"):
        await process_site.engine.start(an_order(), bundle=folder / "bundle")
    assert await process_site.engine.observe() == []
    assert list((process_site.folder / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pool_id": "01900000-0000-7000-8000-0000000000cc"}, "not served here"),
        ({"setup": "true"}, "no Python interpreter"),
    ],
)
async def test_what_can_not_run_here_is_refused_and_leaves_nothing(
    process_site: ProcessSite,
    changes: dict[str, Any],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mains.engines.process.toolchain.output_of", lambda *_, **__: None)
    order = an_order(**changes)
    with pytest.raises(EngineRefused, match=reason):
        await process_site.engine.start(order, bundle=None)
    assert await process_site.engine.observe() == []
    assert list((process_site.folder / "runs").iterdir()) == []


async def test_more_runs_than_slots_are_refused_until_one_has_ended(folder: Path) -> None:
    site = ProcessSite(folder / "site", slots=1)
    await site.engine.configure([a_pool()])
    first, second = an_order("sleep 0.3"), an_order("true")
    await site.engine.start(first, bundle=None)
    with pytest.raises(EngineRefused, match="slots"):
        await site.engine.start(second, bundle=None)
    await until_ended(site, first)
    assert (await run(site, second)).report.state is RunState.SUCCEEDED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives runs their own users")
async def test_two_sites_with_one_range_of_uids_never_give_one_uid_to_two_runs(
    folder: Path,
) -> None:
    sites = [ProcessSite(folder / name) for name in ("one", "two")]
    orders = [an_order("id -u; sleep 30") for _ in sites]
    for site, order in zip(sites, orders, strict=True):
        await site.engine.configure([a_pool()])
        await site.engine.start(order, bundle=None)
    logs = [
        await until_logged(site, order, "\n") for site, order in zip(sites, orders, strict=True)
    ]
    assert len(set(logs)) == 2
    for site in sites:
        await site.close()


async def test_outputs_over_the_bound_are_told_in_the_log(process_site: ProcessSite) -> None:
    order = an_order(
        "mkdir $MAINS_OUTPUT/deep; head -c 800 /dev/zero > $MAINS_OUTPUT/deep/a;"
        "head -c 300 /dev/zero > $MAINS_OUTPUT/b; head -c 100 /dev/zero > $MAINS_OUTPUT/c",
        output_bytes_max=1_000,
    )
    await run(process_site, order)
    for _ in range(2):
        assert list(await content_of(process_site, order)) == ["0/b", "0/c"]
    log = await log_of(process_site, order)
    assert log == "[mains] 1 outputs left out, over the bound of 1000 bytes: deep/a\n"


def _processes_of(attempt_id: object) -> list[int]:
    mark = f"MAINS_ATTEMPT_ID={attempt_id}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
