"""Agents over real sockets: killed without warning, and dialling a server they must recognise."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mains.agent import service
from mains.agent.config import AgentConfig
from mains.agent.host import HostRegistry
from mains.errors import ServerUnreachable
from mains.sites import service as sites
from tests.agent.builders import CLOCK, Office, a_token, listening
from tests.sites.builders import a_pool

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
SCRIPT = """
echo begun >> "$MARKER"
for number in 1 2 3 4 5 6 7 8; do echo "line $number"; sleep 0.2; done
echo weights > "$MAINS_OUTPUT/model.txt"
"""


@asynccontextmanager
async def an_agent_process(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with (folder.parent / "agent.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.agent.killable", str(folder), cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()


async def test_a_run_survives_its_killed_agent_and_the_next_one_goes_on(
    office: Office, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    async with listening(office.app) as address:
        config = await service.join(
            await a_token(office, url=f"http://{address}", pools=[a_pool(trusted=True)]),
            folder=tmp_path / "site",
            clock=CLOCK,
            registry=HostRegistry(tmp_path / "host"),
        )
        async with office.database.transaction() as tx:
            owner = (await sites.site(tx, config.site)).organisation_id
        async with an_agent_process(config.folder) as first:
            await office.until(lambda: bool(office.requests and office.requests[0].pools))
            pool_id = office.requests[0].pools[0].pool_id
            attempt = office.order(
                pool_id=pool_id,
                organisation_id=owner,
                run=SCRIPT,
                envs={"MARKER": str(marker)},
            )
            await office.until(lambda: b"line 2" in office.logs.get((attempt, 0), b""))
            os.kill(first.pid, signal.SIGKILL)
        async with an_agent_process(config.folder):
            [report] = await office.ended(attempt, seconds_max=30)

    assert report.state == "succeeded", report
    assert marker.read_text() == "begun\n"
    lines = bytes(office.logs[attempt, 0]).decode().split("\n")
    assert [line for line in lines if line.startswith("line")] == [
        f"line {number}" for number in range(1, 9)
    ]
    assert [artefact.path for artefact in report.artefacts] == ["model.txt"]
    assert office.blobs[report.artefacts[0].sha256] == b"weights\n"
    assert office.usage[attempt][-1].final
    assert {each.epoch for each in office.requests} == {1, 2}


async def test_an_agent_waits_for_a_server_that_is_not_there_yet(
    office: Office, tmp_path: Path
) -> None:
    async with listening(office.app) as address:
        config = await service.join(
            await a_token(office, url=f"http://{address}"),
            folder=tmp_path / "site",
            clock=CLOCK,
            engine="fake",
            registry=HostRegistry(tmp_path / "host"),
        )
    with pytest.raises(ServerUnreachable) as refused:
        await service.join(
            await a_token(office, url=f"http://{address}"),
            folder=tmp_path / "south",
            clock=CLOCK,
            registry=HostRegistry(tmp_path / "host"),
        )

    assert refused.value.facts["effect"] == "none"
    assert AgentConfig.load(config.folder).url == f"http://{address}"
