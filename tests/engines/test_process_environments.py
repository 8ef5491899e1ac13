"""Environments that `setup` builds: once per organisation and key, and closed to every run."""

import asyncio
import os
from pathlib import Path

import pytest

from mains.blobs import bundle as bundles
from mains.engines.process import toolchain
from mains.ids import new_id
from mains.wire.agent import RunState
from tests.engines.builders import (
    ORGANISATION,
    ProcessSite,
    a_pool,
    a_stop,
    an_order,
    kept_apart_by,
    log_of,
    run,
    until,
    until_ended,
    until_logged,
)

pytestmark = pytest.mark.anyio

INSTALL = (
    'echo building; python -c "import sysconfig, pathlib; '
    "pathlib.Path(sysconfig.get_path('purelib'), 'word.py').write_text('WORD = 42')\""
)
USE = "python -c 'import word; print(word.WORD)'"


async def test_a_setup_builds_once_and_is_found_again_and_its_time_is_metered(
    process_site: ProcessSite,
) -> None:
    first = an_order(USE, setup=f"{INSTALL}; sleep 0.3")
    seen = await run(process_site, first)
    log = await log_of(process_site, first)
    assert seen.report.state is RunState.SUCCEEDED, log
    assert log.startswith("[mains] setup: building the environment\nbuilding\n")
    assert log.endswith("s\n42\n")
    assert seen.usage.unit_milliseconds >= 300 + seen.report.tasks[0].unit_milliseconds
    second = an_order(USE, setup=f"{INSTALL}; sleep 0.3")
    await run(process_site, second)
    assert await log_of(process_site, second) == "[mains] setup: found in this site's cache\n42\n"


async def test_pip_and_uv_work_in_a_setup_and_pip_is_the_environments_own(
    process_site: ProcessSite,
) -> None:
    order = an_order(
        "command -v python pip uv",
        setup="set -e; pip --version; python -m pip --version; uv pip list; cd $VIRTUAL_ENV",
    )
    seen = await run(process_site, order)
    log = await log_of(process_site, order)
    assert seen.report.state is RunState.SUCCEEDED, log
    environments = str(process_site.folder / "environments")
    assert all(line.startswith(environments) for line in log.splitlines()[-3:])


async def test_a_setup_that_fails_fails_the_attempt_keeps_nothing_and_shows_its_words(
    process_site: ProcessSite,
) -> None:
    order = an_order("echo never", setup="echo oh no >&2; false", last_task=1)
    for _ in range(2):
        order = order.model_copy(update={"attempt_id": new_id()})
        seen = await run(process_site, order)
        assert seen.report.state is RunState.FAILED
        assert seen.report.reason == "setup failed: exit code 1"
        assert [task.state for task in seen.report.tasks] == [RunState.FAILED] * 2
        log = await log_of(process_site, order)
        assert log == "[mains] setup: building the environment\noh no\n"


async def test_attempts_that_need_the_same_environment_build_it_once(
    process_site: ProcessSite,
) -> None:
    setup = f"{INSTALL}; sleep 0.5"
    orders = [an_order(USE, setup=setup) for _ in range(3)]
    for order in orders:
        await process_site.engine.start(order, bundle=None)
    await asyncio.gather(*(until_ended(process_site, order) for order in orders))
    logs = [await log_of(process_site, order) for order in orders]
    assert sum("building\n" in log for log in logs) == 1
    assert all(log.endswith("42\n") for log in logs)


async def test_a_run_waiting_for_anothers_setup_can_be_stopped(process_site: ProcessSite) -> None:
    first, second = an_order(setup="sleep 30"), an_order(setup="sleep 31")
    await process_site.engine.start(first, bundle=None)
    await until_logged(process_site, first, "building")
    await process_site.engine.start(second, bundle=None)
    await until(process_site, second, lambda seen: seen.report.state is RunState.STAGING)
    for order in (second, first):
        await process_site.engine.stop(a_stop(order))
        seen = await until_ended(process_site, order)
        assert seen.report.state is RunState.CANCELLED
        assert seen.report.tasks[0].started_at is None


async def test_no_organisation_runs_what_another_one_has_installed(
    process_site: ProcessSite,
) -> None:
    if await kept_apart_by(process_site) == "trusted":
        pytest.skip("runs are not kept apart here: that needs root or Debian's bubblewrap")
    other = new_id()
    await process_site.engine.configure([a_pool(trusted_organisation_id=None)])
    for organisation in (ORGANISATION, other):
        order = an_order(USE, setup=INSTALL, organisation_id=organisation)
        await run(process_site, order)
        assert "building\n" in await log_of(process_site, order)
    hostile = an_order(
        f"find {process_site.folder}/environments/{ORGANISATION.hex} -type f | head -3;"
        f"ls {process_site.folder}/environments/{ORGANISATION.hex}/cache; echo tried",
        organisation_id=other,
    )
    await run(process_site, hostile)
    lines = (await log_of(process_site, hostile)).splitlines()
    assert all("Permission denied" in line or "No such file" in line for line in lines[:-1])
    assert lines[-1] == "tried"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take an environment from its builder")
async def test_a_run_can_not_change_the_environment_that_it_uses(
    process_site: ProcessSite,
) -> None:
    setup = f"{INSTALL}; cp /bin/true $VIRTUAL_ENV/bin/tool; chmod 6755 $VIRTUAL_ENV/bin/tool"
    order = an_order(
        "echo x > $VIRTUAL_ENV/new; echo x >> $VIRTUAL_ENV/bin/tool; rm -r $VIRTUAL_ENV/lib;"
        "chmod u+w $VIRTUAL_ENV; stat -c '%u %a' $VIRTUAL_ENV $VIRTUAL_ENV/bin/tool",
        setup=setup,
    )
    await run(process_site, order)
    assert (await log_of(process_site, order)).endswith("\n0 555\n0 555\n")


async def test_the_same_setup_with_another_list_of_packages_is_another_environment(
    process_site: ProcessSite, folder: Path
) -> None:
    logs: list[str] = []
    for content in ("one", "one", "two"):
        code = folder / f"code-{len(logs)}"
        code.mkdir()
        (code / "packages.txt").write_text(content)
        (code / "main.py").write_text(f"print({len(logs)})")
        with bundles.pack(code) as packed:
            order = an_order(setup="cat packages.txt", bundle=packed.sha256)
            await run(process_site, order, bundle=packed.path)
        logs.append(await log_of(process_site, order))
    assert ["building" in log for log in logs] == [True, False, True]


def test_a_key_counts_the_whole_bundle_when_setup_names_code_and_no_file_outside(
    folder: Path,
) -> None:
    (folder / "work").mkdir()
    (folder / "work" / "build.py").write_text("1")
    (folder / "work" / "nested.txt").write_text("-r other.txt")
    (folder / "outside.txt").write_text("x")
    tools = toolchain.Toolchain("/usr/bin/python3", "3.11", "/uv", "", ())

    def key(setup: str, bundle: str) -> str:
        return toolchain.key(
            tools,
            organisation_id=ORGANISATION,
            setup=setup,
            work=folder / "work",
            bundle=bundle,
        )

    for setup in ("python build.py", "pip install -r nested.txt", "pip install ."):
        assert key(setup, "a") != key(setup, "b")
    for setup in ("pip install numpy", "cat ../outside.txt /dev/zero", "echo 'unclosed"):
        assert key(setup, "a") == key(setup, "b")


def test_registry_settings_of_the_site_reach_pip_and_uv_alike(folder: Path) -> None:
    (folder / "pip.conf").write_text(
        "[global]\nindex-url = https://one\nextra-index-url = https://two\n https://three\n"
        "[install]\nfind-links = /opt/a\n"
    )
    found = toolchain.registry_environment(
        {
            "PIP_CONFIG_FILE": str(folder / "pip.conf"),
            "PIP_INDEX_URL": "https://nearer",
            "PIP_CACHE_DIR": "/home/agent/cache",
            "UV_PYTHON": "3.9",
            "HTTPS_PROXY": "http://proxy",
            "HOME": "/nonexistent",
            "TOKEN": "private",
        }
    )
    assert found["PIP_INDEX_URL"] == found["UV_DEFAULT_INDEX"] == "https://nearer"
    assert found["UV_INDEX"] == found["PIP_EXTRA_INDEX_URL"] == "https://two https://three"
    assert found["PIP_FIND_LINKS"] == found["UV_FIND_LINKS"] == "/opt/a"
    assert found["HTTPS_PROXY"] == "http://proxy"
    assert not {"PIP_CACHE_DIR", "UV_PYTHON", "TOKEN", "PIP_CONFIG_FILE"} & found.keys()
