"""The process engine: one machine, one supervisor per run, and folders that remember both.

    FOLDER/runs/ATTEMPT/      see `folder`
    FOLDER/staging/           runs in preparation; nothing there was ever started
    FOLDER/trash/             runs being removed
    FOLDER/forgotten/         attempt ids with their fences: what is forgotten never runs again
    FOLDER/environments/      see `environments`
    FOLDER/tools/             what environments are built with

One engine at a time uses a folder; its predecessor may have died at any moment.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

import psutil

from mains.blobs import bundle as bundles
from mains.clock import Clock, SystemClock
from mains.engines.base import Observation, OutputFile
from mains.engines.process import (
    cgroups,
    devices,
    isolation,
    outputs,
    processes,
    runs,
    toolchain,
    uids,
)
from mains.engines.process.folder import (
    SLOT_FOLDERS,
    Json,
    RunFolder,
    read_json,
    remove_tree,
    sync_folder,
    write_json,
)
from mains.engines.process.halts import boottime
from mains.engines.process.launcher import Launcher
from mains.engines.process.runs import Run
from mains.engines.process.tasklog import TaskLog
from mains.errors import BadInput, EngineRefused, NotFound
from mains.wire.agent import PoolOrder, PoolReport, StartOrder, StopOrder

UID_BASE: Final = 2_000_000_000
SLOTS: Final = 64
ENDING_MARGIN_SECONDS: Final = 15
ENDING_PAUSE_SECONDS: Final = 0.02
CPU_UNIT: Final = "cpu"
PASSED_FOLDERS: Final = ("output", "checkpoint")
"""Folders that a run can pass through but not change: a task's own one lies in each."""


class ProcessEngine:
    """Runs orders as processes of this machine.

    `isolation` "auto" takes the strongest that works and raises SetupMissing where root finds
    none. Runs take uids from uid_base on, `slots` of them. `covered` are
    private folders that a sandbox hides even where they lie inside the system. `devices_allowed`
    restricts the accelerators to some of NVML's indices, where several sites share a host.
    `python` is an interpreter for environments, tried first.
    """

    def __init__(
        self,
        folder: Path,
        *,
        isolation_wanted: isolation.Wanted = "auto",
        uid_base: int = UID_BASE,
        slots: int = SLOTS,
        environ: Mapping[str, str] = os.environ,
        clock: Clock | None = None,
        lease_seconds: int = 60,
        covered: Sequence[Path] = (),
        devices_allowed: Sequence[int] | None = None,
        fake_accelerators: bool = False,
        python: Path | None = None,
        supervisor_python: str = sys.executable,
    ) -> None:
        self._folder = folder.absolute()
        self._uids = range(uid_base, uid_base + slots)
        self._environ = dict(environ)
        self._clock = clock or SystemClock()
        self._lease_seconds = lease_seconds
        self._covered = [str(path) for path in covered]
        self._devices_allowed = devices_allowed
        self._fake_accelerators = fake_accelerators
        self._python = python
        self._launcher = Launcher(supervisor_python)
        self._make_folders()
        self._isolation = isolation.choose(isolation_wanted, folder=self._folder, uids=self._uids)
        self._parents = cgroups.find_parents()
        self._toolchain: toolchain.Toolchain | None = None
        self._pools: dict[UUID, PoolOrder] = {}
        self._devices: dict[UUID, list[int]] = {}
        self._locks: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._preparing: dict[UUID, tuple[int, list[int]]] = {}
        self._runs = self._load()

    async def configure(self, pools: Sequence[PoolOrder]) -> None:
        self._pools = {pool.pool_id: pool for pool in pools}
        found = [] if self._fake_accelerators else devices.find()
        self._devices, offset = {}, 0
        for pool in pools:
            if pool.unit == CPU_UNIT:
                continue
            if self._fake_accelerators:
                self._devices[pool.pool_id] = list(range(offset, offset + pool.units))
                offset += pool.units
                continue
            indices = devices.of_unit(found, pool.unit)
            if self._devices_allowed is not None:
                indices = [index for index in indices if index in self._devices_allowed]
            self._devices[pool.pool_id] = indices

    async def pools(self) -> Sequence[PoolReport]:
        return [self._pool_report(pool) for pool in self._pools.values()]

    async def start(self, order: StartOrder, *, bundle: Path | None) -> None:
        async with self._locks[order.attempt_id]:
            self._admit(order)
            known = self._runs.get(order.attempt_id)
            if known is None or known.fence < order.fence:
                carried: Json = {} if known is None else await self._supersede(known)
                reserved = self._reserve(order)
                try:
                    known = await asyncio.to_thread(
                        self._prepare, order, bundle, reserved=reserved, carried=carried
                    )
                    self._runs[order.attempt_id] = known
                except (BadInput, OSError) as error:
                    raise EngineRefused(f"the run could not be prepared: {error}") from error
                finally:
                    del self._preparing[order.attempt_id]
            if known.holder is None:
                await self._launch(known, order)

    async def stop(self, order: StopOrder) -> None:
        async with self._locks[order.attempt_id]:
            run = self._runs.get(order.attempt_id)
            if run is None or order.fence < run.fence:
                return
            run.look()
            if not run.ended:
                _ask_to_stop(run, reason=order.reason, tasks=order.tasks)

    async def observe(self) -> Sequence[Observation]:
        orphans = [run for run in self._runs.values() if not run.ended and not self._look_at(run)]
        for run in orphans:
            async with self._locks[run.attempt_id]:
                await asyncio.to_thread(runs.bury, run, now=self._clock.now())
                run.look()
        return [run.seen for run in self._runs.values() if run.seen is not None]

    async def renew(self, attempt_id: UUID, *, seconds: int) -> None:
        run = self._runs.get(attempt_id)
        if run is None or run.ended or not run.order["leased"]:
            return
        lease = read_json(run.folder.lease) or {"boottime_seconds": 0.0}
        until = max(lease["boottime_seconds"], boottime() + seconds)
        write_json(run.folder.lease, {"boottime_seconds": until}, durable=False)

    async def log(self, attempt_id: UUID, *, task: int, offset: int, bytes_max: int) -> bytes:
        run = self._runs.get(attempt_id)
        if run is None:
            return b""
        try:
            descriptor = os.open(run.folder.log(task), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(descriptor, bytes_max, offset)
        finally:
            os.close(descriptor)

    async def outputs(self, attempt_id: UUID) -> Sequence[OutputFile]:
        run = self._runs.get(attempt_id)
        if run is None or (seen := run.look()) is None:
            return []
        tasks = [task.task for task in seen.report.tasks if task.started_at is not None]
        return await asyncio.to_thread(self._list_outputs, run, tasks)

    async def open_output(self, attempt_id: UUID, output: OutputFile) -> AsyncIterator[bytes]:
        run = self._runs.get(attempt_id)
        if run is None:
            raise NotFound(f"attempt {attempt_id} is not known here")
        chunks = outputs.read_output(run.folder, output, owner=_owner(run))
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk

    async def forget(self, attempt_id: UUID) -> None:
        async with self._locks[attempt_id]:
            run = self._runs.get(attempt_id)
            if run is None:
                return
            run.look()
            if run.ended:
                (self._folder / "forgotten" / str(attempt_id)).write_text(str(run.fence))
                await asyncio.to_thread(self._remove, run)
        self._locks.pop(attempt_id, None)

    def _admit(self, order: StartOrder) -> None:
        """Raise EngineRefused for what may never run here, or not any more."""
        pool = self._pools.get(order.pool_id)
        if pool is None:
            raise EngineRefused(f"pool {order.pool_id} is not served here")
        if self._isolation == "trusted" and pool.trusted_organisation_id != order.organisation_id:
            raise EngineRefused(f"pool {pool.name} runs only the jobs of its owner")
        known = self._runs.get(order.attempt_id)
        if known is not None and order.fence < known.fence:
            raise EngineRefused(f"fence {order.fence} is older than {known.fence}, known here")
        with suppress(FileNotFoundError):
            forgotten = self._folder / "forgotten" / str(order.attempt_id)
            if order.fence <= int(forgotten.read_text()):
                raise EngineRefused(f"attempt {order.attempt_id} has run here and is forgotten")

    def _reserve(self, order: StartOrder) -> tuple[int, list[int]]:
        """Take a slot and devices that no live run has; they are free again when it has ended."""
        live = [run for run in self._runs.values() if not run.ended and not self._has_ended(run)]
        slots = {run.plan["slot"] for run in live} | {slot for slot, _ in self._preparing.values()}
        taken = {index for run in live for index in run.plan["devices"]}
        taken.update(index for _, indices in self._preparing.values() for index in indices)
        free_slots = (slot for slot in range(len(self._uids)) if slot not in slots)
        slot = next((slot for slot in free_slots if self._is_nobodys(slot)), None)
        if slot is None:
            raise EngineRefused(f"all {len(self._uids)} slots for runs are taken here")
        wanted = 0 if self._pools[order.pool_id].unit == CPU_UNIT else order.units
        free = [index for index in self._devices.get(order.pool_id, []) if index not in taken]
        if len(free) < wanted:
            raise EngineRefused(f"{wanted} accelerators are wanted and {len(free)} are free here")
        self._preparing[order.attempt_id] = (slot, free[:wanted])
        return slot, free[:wanted]

    def _is_nobodys(self, slot: int) -> bool:
        return self._isolation != "uid" or uids.is_free(self._uids[slot])

    def _prepare(
        self,
        order: StartOrder,
        bundle: Path | None,
        *,
        reserved: tuple[int, list[int]],
        carried: Json,
    ) -> Run:
        """Make the run's folder in staging and move it to the runs; nothing is started."""
        staged = RunFolder(self._folder / "staging" / f"{order.attempt_id}-{order.fence}")
        if staged.path.exists():
            remove_tree(staged.path)
        (staged.path / "logs").mkdir(parents=True)
        staged.path.chmod(0o711)
        staged.slot.mkdir()
        staged.slot.chmod(0o711)
        for name in SLOT_FOLDERS:
            (staged.slot / name).mkdir(mode=0o700)
        for name in PASSED_FOLDERS:
            (staged.slot / name).mkdir()
            (staged.slot / name).chmod(0o711)
        if bundle is not None:
            bundles.unpack(bundle, staged.work)
        plan = self._plan(order, staged, reserved=reserved, carried=carried)
        if (uid := plan["confinement"]["uid"]) is not None:
            _hand_over(staged.slot, uid)
        if order.leased:
            until = boottime() + self._lease_seconds
            write_json(staged.lease, {"boottime_seconds": until}, durable=False)
        kept = {"order": json.loads(order.model_dump_json(exclude={"secrets"})), "plan": plan}
        write_json(staged.order, kept, durable=True)
        final = RunFolder(self._folder / "runs" / str(order.attempt_id))
        staged.path.rename(final.path)
        sync_folder(final.path.parent)
        return Run(final, kept["order"], plan, holder=None)

    def _plan(
        self,
        order: StartOrder,
        staged: RunFolder,
        *,
        reserved: tuple[int, list[int]],
        carried: Json,
    ) -> Json:
        """Return all that the supervisor needs beside the order, as it is kept."""
        slot, taken = reserved
        name = f"{order.attempt_id.hex}-{order.fence}"
        parents = self._parents
        environment, read_only = None, list[str]()
        if order.setup.strip():
            tools = self._tools()
            read_only = [*tools.read_only, str(self._environments / order.organisation_id.hex)]
            environment = {
                "organisation": str(self._environments / order.organisation_id.hex),
                "key": toolchain.key(
                    tools,
                    organisation_id=order.organisation_id,
                    setup=order.setup,
                    work=staged.work,
                    bundle=order.bundle,
                ),
                "python": tools.python,
                "uv": tools.uv,
                "pip_wheel": tools.pip_wheel,
            }
        return {
            "slot": slot,
            "devices": taken,
            "carried": carried,
            "environment": environment,
            "confinement": {
                "uid": self._uids[slot] if self._isolation == "uid" else None,
                "bwrap": isolation.bwrap() if self._isolation == "bubblewrap" else None,
                "groups": {kind: f"{parent}/{name}" for kind, parent in parents.items()},
                "affinity": self._affinity(slot, order.cpus),
                "read_only": read_only,
                "covered": [str(self._folder), *self._covered],
                "devices": devices.device_files(taken),
            },
        }

    async def _launch(self, run: Run, order: StartOrder) -> None:
        """Start a supervisor; of any number that are started, one wins the claim.

        The claim decides what happened: without one, taking it ourselves makes sure that the
        run never begins, however late a supervisor may wake up.
        """
        confidential = {
            "secrets": order.secrets,
            "network_environ": toolchain.network_environment(self._environ),
            "setup_environ": toolchain.registry_environment(self._environ),
        }
        reason = await self._launcher.launch(run.folder.path, confidential)
        if runs.abandon(run.folder):
            self._remove(run)
            raise EngineRefused(f"the run's supervisor {reason}")
        run.holder = read_json(run.folder.claim)

    async def _supersede(self, run: Run) -> Json:
        """End the run of an older fence and drop it; return what it had used, to count on."""
        run.look()
        if not run.ended and run.holder is not None:
            _ask_to_stop(run, reason="stale", tasks=None)
            give_up_at = time.monotonic() + run.order["grace_seconds"] + ENDING_MARGIN_SECONDS
            while self._look_at(run) and not run.ended:
                if time.monotonic() > give_up_at:
                    processes.send_to(run.holder, signal.SIGKILL)
                await asyncio.sleep(ENDING_PAUSE_SECONDS)
            await asyncio.to_thread(runs.bury, run, now=self._clock.now())
        seen = run.look()
        await asyncio.to_thread(self._remove, run)
        if seen is None:
            return {}
        return {
            "sequence": seen.usage.sequence,
            "unit_milliseconds": seen.usage.unit_milliseconds,
            "cpu_milliseconds": seen.usage.cpu_milliseconds,
            "memory_peak_bytes": seen.usage.memory_peak_bytes,
        }

    def _look_at(self, run: Run) -> bool:
        """Read a run's newest word; False when its supervisor died without a last one.

        Liveness is asked first: what a dead supervisor has written by then was its last word.
        """
        if run.holder is None:
            run.holder = read_json(run.folder.claim)
        alive = run.holder is None or run.supervised()
        run.look()
        return alive or run.ended

    def _has_ended(self, run: Run) -> bool:
        run.look()
        return run.ended

    def _list_outputs(self, run: Run, tasks: Sequence[int]) -> list[OutputFile]:
        room = int(run.order["output_bytes_max"])
        found: list[OutputFile] = []
        for task in tasks:
            listed = outputs.list_outputs(
                run.folder,
                task=task,
                patterns=run.order["outputs"],
                bytes_max=room,
                owner=_owner(run),
            )
            room -= sum(file.size_bytes for file in listed.files)
            found += listed.files
            if listed.left_out:
                _tell_left_out(run, task, listed.left_out)
        return found

    def _pool_report(self, pool: PoolOrder) -> PoolReport:
        share = pool.host_share_percent
        cpus = min(pool.cpus, max(1, len(os.sched_getaffinity(0)) * share // 100))
        memory_bytes = min(pool.memory_bytes, psutil.virtual_memory().total * share // 100)
        held = cpus if pool.unit == CPU_UNIT else len(self._devices.get(pool.pool_id, []))
        return PoolReport(
            pool_id=pool.pool_id,
            units=min(pool.units, held),
            cpus=cpus,
            memory_bytes=memory_bytes,
            isolation=self._isolation,
            memory_limit=cgroups.memory_limit(self._parents),
        )

    def _affinity(self, slot: int, cpus: int) -> list[int]:
        """Return the processors of a run where no group limits its share; empty where one does."""
        if "cpu" in self._parents or cgroups.UNIFIED in self._parents:
            return []
        every = sorted(os.sched_getaffinity(0))
        return sorted({every[(slot * cpus + number) % len(every)] for number in range(cpus)})

    def _tools(self) -> toolchain.Toolchain:
        if self._toolchain is None:
            uid = self._uids.start if self._isolation == "uid" else None
            tools = self._folder / "tools"
            self._toolchain = toolchain.find(tools, uid=uid, wanted=self._python)
        return self._toolchain

    @property
    def _environments(self) -> Path:
        return self._folder / "environments"

    def _make_folders(self) -> None:
        if not self._folder.exists():
            self._folder.mkdir(parents=True)
            self._folder.chmod(0o711)
        for name in ("runs", "staging", "trash", "forgotten", "environments", "tools"):
            path = self._folder / name
            if not path.exists():
                path.mkdir()
                path.chmod(0o711)

    def _load(self) -> dict[UUID, Run]:
        """Return the runs that a predecessor has left; what it never started is dropped."""
        found: dict[UUID, Run] = {}
        for name in ("staging", "trash"):
            for path in (self._folder / name).iterdir():
                remove_tree(path)
        for folder in runs.folders(self._folder / "runs"):
            if not folder.claim.exists():
                runs.abandon(folder)
            run = runs.load(folder)
            if run is None or (run.holder is not None and "abandoned_by" in run.holder):
                remove_tree(folder.path)
                continue
            run.look()
            found[run.attempt_id] = run
        return found

    def _remove(self, run: Run) -> None:
        name = f"{run.attempt_id}-{run.fence}-{time.monotonic_ns()}"
        trash = self._folder / "trash" / name
        run.folder.path.rename(trash)
        self._runs.pop(run.attempt_id, None)
        remove_tree(trash)


def _ask_to_stop(run: Run, *, reason: str, tasks: Sequence[int] | None) -> None:
    """Add to what the supervisor shall end, and wake it."""
    wish = read_json(run.folder.stop) or {"whole": False, "reason": reason, "tasks": []}
    if tasks is None and not wish["whole"]:
        wish = {**wish, "whole": True, "reason": reason}
    wish["tasks"] = sorted({*wish["tasks"], *(tasks or ())})
    write_json(run.folder.stop, wish, durable=True)
    if run.holder is not None:
        processes.send_to(run.holder, signal.SIGUSR1)


def _owner(run: Run) -> int:
    return os.geteuid() if run.uid is None else run.uid


def _tell_left_out(run: Run, task: int, left_out: Sequence[str]) -> None:
    """Say once, in the task's log, which outputs went over the bound."""
    told = run.folder.path / f"left-out-{task}"
    if told.exists():
        return
    told.touch()
    log = TaskLog(run.folder.log(task), bytes_max=run.order["log_bytes_max"])
    names = ", ".join(left_out[:10])
    bound = run.order["output_bytes_max"]
    log.say(f"{len(left_out)} outputs left out, over the bound of {bound} bytes: {names}")
    log.close()


def _hand_over(slot: Path, uid: int) -> None:
    """Give a run its folders; no process of it exists yet."""
    for name in SLOT_FOLDERS:
        os.chown(slot / name, uid, uid)
        for _, folders, files, descriptor in os.fwalk(slot / name):
            for inner in (*folders, *files):
                os.chown(inner, uid, uid, dir_fd=descriptor, follow_symlinks=False)
