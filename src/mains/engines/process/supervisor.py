"""The supervisor of one run: sets it up, runs its tasks, meters it, ends it; outlives the agent.

It reads `order.json` and, once and from its connection, what must never be on disk. Its word
is `state.json`. Nobody restarts a supervisor: if it dies, the engine ends the run and says so.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from mains.engines.process import cgroups, child, environments, keyrings, processes, uids
from mains.engines.process.contract import run_environment, setup_environment
from mains.engines.process.folder import (
    Json,
    RunFolder,
    claim,
    read_json,
    scrub_shared_folders,
    write_json,
)
from mains.engines.process.halts import Halt, Halts
from mains.engines.process.meter import Meter
from mains.engines.process.tasklog import TaskLog
from mains.engines.process.watch import Watch
from mains.engines.rules import attempt_state

CLAIMED: Final = 0
CLAIMED_BEFORE: Final = 4
LOCK_PAUSE_SECONDS: Final = 0.1
FINAL_WORD_SECONDS_MAX: Final = 86_400
FINAL_WORD_PAUSE_SECONDS: Final = 1.0


def main(connection: int) -> NoReturn:
    """Claim the run that the connection names and supervise it; the caller learns of the claim."""
    try:
        request = _read(connection)
        folder = RunFolder(Path(request["folder"]))
        if not claim(folder, {**processes.identity(os.getpid())}):
            os.write(connection, bytes([CLAIMED_BEFORE]))
            os._exit(0)
        _leave_the_terminal(folder)

        def acknowledge() -> None:
            # Whoever asked may have gone by now; the claim has told already.
            with suppress(OSError):
                os.write(connection, bytes([CLAIMED]))
            os.close(connection)

        Supervisor(folder, request["confidential"]).run(acknowledge)
    finally:
        os._exit(0)


def _read(connection: int) -> Json:
    """Return the request; the engine's end of writing ends it."""
    with os.fdopen(os.dup(connection), "rb") as reading:
        request: Json = json.load(reading)
    return request


def _leave_the_terminal(folder: RunFolder) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    words = os.open(folder.path / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, standard in ((null, 0), (words, 1), (words, 2)):
        os.dup2(descriptor, standard)
    os.close(null)
    os.close(words)
    os.umask(0o077)


class Supervisor:
    """One run from its claim to its final state."""

    def __init__(self, folder: RunFolder, confidential: Json) -> None:
        kept = read_json(folder.order) or {}
        self._folder = folder
        self._confidential = confidential
        self._order: Json = kept["order"]
        self._plan: Json = kept["plan"]
        self._confinement = child.Confinement(**self._plan["confinement"])
        self._tasks: list[Json] = []
        self._current: Json | None = None
        self._state = "staging"
        self._task_began = time.monotonic()
        self._acknowledged = False
        self._uid_lock: int | None = None
        self._meter = Meter(
            self._confinement.groups, units=self._order["units"], carried=self._plan["carried"]
        )
        self._halts = Halts(folder, self._order)
        self._watch = Watch(
            halts=self._halts,
            meter=self._meter,
            confinement=self._confinement,
            grace_seconds=self._order["grace_seconds"],
            memory_bytes=self._order["memory_bytes"],
            task_seconds_max=self._order["task_seconds_max"],
            publish=self._publish,
        )

    def run(self, acknowledge: Callable[[], None]) -> None:
        """Set up, run every task, end: each step leaves its word in the state file.

        The engine is told when there is a first word to read.
        """
        try:
            self._begin()
            acknowledge()
            self._acknowledged = True
            environment = self._set_up()
            for task in range(self._order["first_task"], self._order["last_task"] + 1):
                self._run_task(task, environment)
            self._finish()
        except Exception as fault:  # noqa: BLE001 -- the top of the program
            traceback.print_exc()
            self._give_up(fault)

    def _begin(self) -> None:
        child.adopt_orphans()
        if self._confinement.uid is not None:
            self._uid_lock = uids.hold(self._confinement.uid)
            if self._uid_lock is None:
                raise BlockingIOError("its uid is in use by another site of this host")
        self._watch.listen()
        cgroups.create(
            self._confinement.groups,
            cpus=self._order["cpus"],
            memory_bytes=self._order["memory_bytes"],
        )
        self._publish(durable=False)

    def _set_up(self) -> Path | None:
        """Return the environment of the job's `setup`; a failure halts the attempt."""
        if self._plan["environment"] is None:
            return None
        plan = environments.EnvironmentPlan(**self._plan["environment"])
        log = self._log(self._order["first_task"])
        try:
            if (ready := environments.find_ready(plan)) is not None:
                log.say("setup: found in this site's cache")
                return ready
            lock = self._wait_for_lock(plan)
            try:
                return None if lock is None else self._build(plan, log)
            finally:
                if lock is not None:
                    os.close(lock)
        finally:
            log.close()

    def _wait_for_lock(self, plan: environments.EnvironmentPlan) -> int | None:
        """Wait while another run of the organisation sets up; None when the attempt is halted."""
        while (lock := environments.try_lock(Path(plan.organisation))) is None:
            self._watch.idle(LOCK_PAUSE_SECONDS)
            if self._halts.whole() is not None:
                return None
        return lock

    def _build(self, plan: environments.EnvironmentPlan, log: TaskLog) -> Path | None:
        if (ready := environments.find_ready(plan)) is not None:
            log.say("setup: found in this site's cache")
            return ready
        if self._halts.whole() is not None:
            return None
        log.say("setup: building the environment")
        uid = self._confinement.uid
        build = environments.begin(plan, uid=uid)
        launch = child.Launch(
            prelude=environments.SETUP_SCRIPT,
            script=self._order["setup"],
            environ=setup_environment(self._folder, plan, build, self._confidential),
            working_directory=self._folder.work,
            writable=[*self._folder.writable(None), build, plan.cache],
        )
        begun = time.monotonic()
        try:
            ended = self._watch.run(launch, log, task=None)
        finally:
            environments.withdraw_cache(plan.cache)
        if ended.halt is None and not ended.succeeded:
            self._halts.set(Halt("failed", f"setup failed: {ended.reason}", time.monotonic()))
        if ended.halt is not None or not ended.succeeded:
            return None
        environments.finish(plan, build, uid=uid)
        log.say(f"setup: done in {time.monotonic() - begun:.1f} s")
        return build

    def _run_task(self, task: int, environment: Path | None) -> None:
        halt = self._halts.for_task(task)
        if halt is not None:
            self._tasks.append({"task": task, "state": halt.state, "reason": halt.reason})
            return
        self._state = "running"
        begun = self._task_began = time.monotonic()
        self._make_room(task)
        self._current = {"task": task, "started_at_ms": time.time_ns() // 1_000_000}
        self._publish(durable=False)
        log = self._log(task)
        launch = child.Launch(
            script=self._order["run"],
            environ=run_environment(
                self._folder, self._order, self._plan, self._confidential, task, environment
            ),
            working_directory=self._folder.work,
            writable=self._folder.writable(task),
        )
        ended = self._watch.run(launch, log, task=task)
        log.close()
        self._freeze_output(task)
        self._tasks.append(
            {
                **self._current,
                "state": ended.state,
                "exit_code": ended.exit_code,
                "unit_milliseconds": self._meter.unit_milliseconds_since(begun),
                "ended_at_ms": time.time_ns() // 1_000_000,
                "reason": ended.reason,
            }
        )
        self._current = None

    def _make_room(self, task: int) -> None:
        """Make the task's own folders, in ones that the run can pass but not change."""
        for folder in (self._folder.output(task), self._folder.checkpoint(task)):
            folder.mkdir(mode=0o700)
            if self._confinement.uid is not None:
                os.chown(folder, self._confinement.uid, self._confinement.uid)

    def _freeze_output(self, task: int) -> None:
        """Take the task's outputs from the run, so that a later task can't exchange them."""
        if self._confinement.uid is not None:
            with suppress(OSError):
                os.chown(self._folder.output(task), 0, 0, follow_symlinks=False)

    def _finish(self) -> None:
        halt = self._halts.whole()
        stopped = [task for task in self._tasks if halt and task["reason"] == halt.reason]
        if halt is not None and stopped:
            state, reason = halt.state, halt.reason
        else:
            state = attempt_state([task["state"] for task in self._tasks])
            reasons = (t["reason"] for t in self._tasks if t["state"] == state and t["reason"])
            reason = next(reasons, "")
        self._end()
        self._publish(final=(state, reason))

    def _end(self) -> None:
        """Leave nothing behind for the next run that gets this run's uid."""
        if self._confinement.uid is not None and self._uid_lock is None:
            return
        self._watch.end_everything()
        self._meter.sample()
        cgroups.remove(self._confinement.groups)
        if self._confinement.uid is not None and self._uid_lock is not None:
            scrub_shared_folders(self._confinement.uid)
            keyrings.clear(self._confinement.uid)
            uids.release(self._uid_lock)

    def _give_up(self, fault: Exception) -> None:
        """End the run after a fault of our own or of the machine, such as a full disk."""
        self._end()
        ended = {task["task"] for task in self._tasks}
        reason = f"the supervisor failed: {fault}"[:400]
        for task in range(self._order["first_task"], self._order["last_task"] + 1):
            if task not in ended:
                self._tasks.append({"task": task, "state": "failed", "reason": reason})
        self._publish(final=("failed", reason))

    def _publish(self, *, final: tuple[str, str] | None = None, durable: bool = True) -> None:
        """Write the state; readings survive a power cut, so that a meter never falls.

        Where the disk refuses, the run goes on and its next word says it all; the last word is
        tried again until it is written or FINAL_WORD_SECONDS_MAX are over.
        """
        state = self._told(final)
        # Before the engine knows of the run, it is better refused than begun.
        until = time.monotonic() + (FINAL_WORD_SECONDS_MAX if self._acknowledged else 0)
        while True:
            try:
                write_json(self._folder.state, state, durable=durable)
            except OSError as error:
                with suppress(OSError):
                    print(f"the state was not written: {error}", file=sys.stderr)
                if final is None and self._acknowledged:
                    return
                if time.monotonic() > until:
                    raise
                time.sleep(FINAL_WORD_PAUSE_SECONDS)
            else:
                return

    def _told(self, final: tuple[str, str] | None) -> Json:
        if final is not None:
            self._state = final[0]
        usage = self._meter.reading(final=final is not None)
        if self._current is not None:
            used = self._meter.unit_milliseconds_since(self._task_began)
            self._current["unit_milliseconds"] = used
        return {
            "state": self._state,
            "reason": final[1] if final is not None else "",
            "tasks": self._tasks,
            "current": self._current,
            "usage": usage,
        }

    def _log(self, task: int) -> TaskLog:
        return TaskLog(
            self._folder.log(task),
            bytes_max=self._order["log_bytes_max"],
            secrets=self._confidential["secrets"].values(),
        )
