"""Orders, folders and waiting, the same for every engine."""

import asyncio
import importlib
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from mains.agent.host import UID_END
from mains.clock import ManualClock
from mains.engines.base import Engine, Observation
from mains.engines.fake import FakeEngine
from mains.engines.process.engine import ProcessEngine
from mains.ids import new_id
from mains.wire.agent import PoolOrder, StartOrder, StopOrder

WAIT_SECONDS_MAX = 20
POLL_SECONDS = 0.01
MIB = 2**20
NOBODY = 65_534
ORGANISATION = UUID("01900000-0000-7000-8000-0000000000aa")
POOL = UUID("01900000-0000-7000-8000-0000000000bb")


def a_pool(**changes: Any) -> PoolOrder:
    pool: dict[str, Any] = {
        "pool_id": POOL,
        "name": "cpu",
        "unit": "cpu",
        "units": 2,
        "cpus": 2,
        "memory_bytes": 1024 * MIB,
        "host_share_percent": 100,
        "trusted_organisation_id": ORGANISATION,
    }
    return PoolOrder(**{**pool, **changes})


def an_order(run: str = "true", **changes: Any) -> StartOrder:
    """An order for one short task; `run` is for real engines, `envs` script the fake one."""
    order: dict[str, Any] = {
        "attempt_id": new_id(),
        "job_id": new_id(),
        "organisation_id": ORGANISATION,
        "fence": 1,
        "pool_id": POOL,
        "name": "a-job",
        "first_task": 0,
        "last_task": 0,
        "units": 1,
        "cpus": 1,
        "memory_bytes": 256 * MIB,
        "wall_seconds_max": 60,
        "task_seconds_max": 60,
        "grace_seconds": 1,
        "output_bytes_max": MIB,
        "log_bytes_max": MIB,
        "run": run,
    }
    return StartOrder(**{**order, **changes})


def a_script(
    *, seconds: float = 0, exit_code: int = 0, log: str = "", output: str | None = None
) -> dict[str, Any]:
    """Return `run` and `envs` that mean the same to a real engine and to the fake one."""
    lines = [f"printf '%s' '{log}'"]
    envs = {"FAKE_SECONDS": str(seconds), "FAKE_EXIT": str(exit_code), "FAKE_LOG": log}
    if output is not None:
        lines.append(f"printf '%s' '{output}' > $MAINS_OUTPUT/output.txt")
        envs["FAKE_OUTPUT"] = output
    lines += [f"sleep {seconds}", f"exit {exit_code}"]
    return {"run": "\n".join(lines), "envs": envs}


def a_stop(order: StartOrder, **changes: Any) -> StopOrder:
    stop = {"attempt_id": order.attempt_id, "fence": order.fence, "reason": "cancelled"}
    return StopOrder.model_validate({**stop, **changes})


def uid_base() -> int:
    """Return uids of this process' own, above those that the host's agents are given.

    Runs of two sites with one uid would be refused, whoever runs the other site.
    """
    return UID_END + 1_000 * (1 + os.getpid() % 100_000)


async def kept_apart_by(site: "ProcessSite") -> str:
    """Return the isolation of a site's runs on this machine, as this user."""
    return (await site.engine.pools())[0].isolation


async def memory_limit_of(site: "ProcessSite") -> str:
    return (await site.engine.pools())[0].memory_limit


class Waiting(Protocol):
    """An engine under test, and how its time passes."""

    @property
    def engine(self) -> Engine: ...

    async def pass_time(self) -> None:
        """Let a little time go by."""


class FakeSite:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.engine = FakeEngine(self.clock, lease_seconds=1)

    async def pass_time(self) -> None:
        self.clock.advance(timedelta(seconds=0.05))


class ProcessSite:
    """A process engine in a folder of its own, which other users can pass."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.options = {"uid_base": uid_base(), **options}
        self.engine = self.restarted()

    def restarted(self) -> ProcessEngine:
        """Return what a new agent on the same folder would have."""
        return ProcessEngine(self.folder, **{"lease_seconds": 1, **self.options})

    def run_folder(self, order: StartOrder) -> Path:
        return self.folder / "runs" / str(order.attempt_id)

    async def pass_time(self) -> None:
        await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        """End whatever a test has left running."""
        engine = self.restarted()
        for seen in await engine.observe():
            if not seen.report.state.final:
                await engine.stop(
                    StopOrder(
                        attempt_id=seen.report.attempt_id,
                        fence=seen.report.fence,
                        reason="cancelled",
                    )
                )
        give_up_at = time.monotonic() + WAIT_SECONDS_MAX
        while not all(seen.report.state.final for seen in await engine.observe()):
            assert time.monotonic() < give_up_at
            await asyncio.sleep(POLL_SECONDS)


async def see(site: Waiting, order: StartOrder) -> Observation | None:
    """Return the attempt as the engine sees it now."""
    return next(
        (
            seen
            for seen in await site.engine.observe()
            if seen.report.attempt_id == order.attempt_id
        ),
        None,
    )


async def until(
    site: Waiting, order: StartOrder, condition: Callable[[Observation], bool]
) -> Observation:
    """Wait, within a bound, until the attempt is seen as described."""
    give_up_at = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        seen = await see(site, order)
        if seen is not None and condition(seen):
            return seen
        assert time.monotonic() < give_up_at, seen
        await site.pass_time()


async def until_ended(site: Waiting, order: StartOrder) -> Observation:
    return await until(site, order, lambda seen: seen.report.state.final)


async def run(site: Waiting, order: StartOrder, *, bundle: Path | None = None) -> Observation:
    """Start an order and wait for its end."""
    await site.engine.start(order, bundle=bundle)
    return await until_ended(site, order)


async def log_of(site: Waiting, order: StartOrder, task: int = 0) -> str:
    data = await site.engine.log(order.attempt_id, task=task, offset=0, bytes_max=MIB)
    return data.decode()


async def until_logged(site: Waiting, order: StartOrder, text: str, task: int = 0) -> str:
    give_up_at = time.monotonic() + WAIT_SECONDS_MAX
    while text not in (log := await log_of(site, order, task)):
        assert time.monotonic() < give_up_at, log
        await site.pass_time()
    return log


async def content_of(site: Waiting, order: StartOrder) -> dict[str, bytes]:
    """Return every output as "task/path" with its bytes."""
    found = {}
    for output in await site.engine.outputs(order.attempt_id):
        chunks = site.engine.open_output(order.attempt_id, output)
        found[f"{output.task}/{output.path}"] = b"".join([chunk async for chunk in chunks])
    return found


@contextmanager
def a_folder(place: str = "/tmp") -> Iterator[Path]:
    """A folder that other users can pass through; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="mains-engines-", dir=place))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def as_nobody(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a scenario in a child that has become an ordinary user for good."""
    # What is loaded later must not lie where an ordinary user can't read it.
    importlib.import_module("concurrent.futures.thread")
    answer, word = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            asyncio.run(scenario())
            status = 0
        finally:
            if status:
                os.write(word, traceback.format_exc().encode())
            os._exit(status)
    os.close(word)
    with os.fdopen(answer, "rb") as file:
        told = file.read().decode()
    assert os.waitpid(pid, 0)[1] == 0, told
