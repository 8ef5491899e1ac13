"""Watching one process of a run until it and all that it started have ended."""

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from mains.engines.process import cgroups, child, processes
from mains.engines.process.halts import Halt, Halts
from mains.engines.process.meter import Meter
from mains.engines.process.tasklog import TaskLog

READING_SECONDS: Final = 1.0
POLLED_SECONDS: Final = 0.2
PIPE_BYTES: Final = 65_536
STRAGGLER_PAUSE_SECONDS: Final = 0.02


class Ended(NamedTuple):
    """How a process ended; halt is what ended it, if it was not its own doing."""

    state: str
    exit_code: int | None
    reason: str
    halt: Halt | None

    @property
    def succeeded(self) -> bool:
        return self.state == "succeeded"


class Watch:
    """Runs processes one after another; between them nothing of the run is left alive."""

    def __init__(
        self,
        *,
        halts: Halts,
        meter: Meter,
        confinement: child.Confinement,
        grace_seconds: int,
        memory_bytes: int,
        task_seconds_max: int,
        publish: Callable[[], None],
    ) -> None:
        self._halts = halts
        self._meter = meter
        self._confinement = confinement
        self._grace_seconds = grace_seconds
        self._memory_bytes = memory_bytes
        self._task_seconds_max = task_seconds_max
        self._publish = publish
        self._polled = cgroups.memory_limit(confinement.groups) == "polled"
        self._next_reading = time.monotonic() + READING_SECONDS
        self._next_sample = 0.0
        self._waker = -1
        self._statuses: dict[int, int] = {}

    def listen(self) -> None:
        """Let signals wake the loop: a child's end, the engine's wish, the machine's end."""
        self._waker, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def run(self, launch: child.Launch, log: TaskLog, *, task: int | None) -> Ended:
        """Start a process, wait for its end or end it, then end whatever it left behind."""
        output, inlet = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(output, False)
        kills_before = cgroups.memory_kills(self._confinement.groups)
        pid = child.spawn(launch, self._confinement, output=inlet)
        os.close(inlet)
        limit = time.monotonic() + self._task_seconds_max if task is not None else float("inf")
        try:
            halt = self._wait(pid, output, log, task=task, limit=limit)
            self.end_everything()
            _drain(output, log)
        finally:
            os.close(output)
        starved = cgroups.memory_kills(self._confinement.groups) > kills_before
        return self._verdict(self._statuses.pop(pid, 0), halt, starved=starved)

    def idle(self, seconds: float) -> None:
        """Wait a little, while readings go on."""
        self._sleep(None, until=time.monotonic() + seconds)
        self._tick()

    def end_everything(self) -> None:
        """Kill all that the run has left; the common case, nothing left, costs one call."""
        self._reap()
        if not self._has_children():
            return
        if self._confinement.uid is not None:
            _kill_user(self._confinement.uid)
        cgroups.kill(self._confinement.groups)
        processes.end_all(self._remaining)
        self._reap()

    def _wait(
        self, pid: int, output: int, log: TaskLog, *, task: int | None, limit: float
    ) -> Halt | None:
        """Return once the process has ended, and, if it was ended, its descendants or the grace."""
        halt: Halt | None = None
        kill_at = float("inf")
        source: int | None = output
        while True:
            self._reap()
            if pid in self._statuses and (halt is None or not self._has_children()):
                return halt
            if halt is None and (halt := self._find_halt(task, limit)) is not None:
                kill_at = halt.since + self._grace_seconds
                self._terminate(pid)
            if time.monotonic() >= kill_at or halt is STARVED:
                return halt
            pause = STRAGGLER_PAUSE_SECONDS if pid in self._statuses else float("inf")
            until = min(kill_at, limit if halt is None else kill_at, time.monotonic() + pause)
            if source is not None and self._sleep(source, until=until) and _drain(source, log):
                source = None
            elif source is None:
                self._sleep(None, until=until)
            self._tick()

    def _find_halt(self, task: int | None, limit: float) -> Halt | None:
        halt = self._halts.for_task(task)
        if halt is not None:
            return halt
        if time.monotonic() >= limit:
            return Halt("timed_out", "the task's time limit was reached", limit)
        if self._polled and self._meter.resident_bytes > self._memory_bytes:
            return STARVED
        return None

    def _terminate(self, pid: int) -> None:
        """Ask everything of the run to end. A sandbox's own two processes are spared: they would
        take the run with them before it could put its things in order."""
        below = processes.descendants(os.getpid())
        spared = set()
        if self._confinement.bwrap is not None:
            spared = {pid, *(inner for inner, figures in below.items() if figures.parent == pid)}
        processes.send(below.keys() - spared, signal.SIGTERM)

    def _verdict(self, status: int, halt: Halt | None, *, starved: bool) -> Ended:
        code = os.waitstatus_to_exitcode(status)
        exit_code = 128 - code if code < 0 else code
        if halt is STARVED or (starved and exit_code != 0 and halt is None):
            reason = f"the memory limit of {self._memory_bytes // 2**20} MiB was reached"
            return Ended("failed", exit_code, reason, None)
        if halt is not None:
            return Ended(halt.state, exit_code, halt.reason, halt)
        if exit_code == 0:
            return Ended("succeeded", 0, "", None)
        ended_by = f"signal {-code}" if code < 0 else f"exit code {code}"
        return Ended("failed", exit_code, ended_by, None)

    def _sleep(self, source: int | None, *, until: float) -> bool:
        """Wait for a signal, for output, for a clock; True when there is output to read."""
        poller = select.poll()
        poller.register(self._waker, select.POLLIN)
        if source is not None:
            poller.register(source, select.POLLIN)
        until = min(until, self._next_reading)
        if self._polled:
            until = min(until, time.monotonic() + POLLED_SECONDS)
        seconds = min(until - time.monotonic(), self._halts.seconds_to_next() + 0.001)
        ready = dict(poller.poll(max(0.0, seconds * 1_000)))
        if self._waker in ready:
            with suppress(BlockingIOError):
                os.read(self._waker, PIPE_BYTES)
        return source in ready

    def _tick(self) -> None:
        if self._polled and time.monotonic() >= self._next_sample:
            self._next_sample = time.monotonic() + POLLED_SECONDS
            self._meter.sample()
        if time.monotonic() >= self._next_reading:
            self._next_reading = time.monotonic() + READING_SECONDS
            self._publish()

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._statuses[ended[0]] = ended[1]

    def _has_children(self) -> bool:
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True

    def _remaining(self) -> list[int]:
        self._reap()
        found = set(processes.descendants(os.getpid()))
        found.update(cgroups.members(self._confinement.groups))
        if self._confinement.uid is not None:
            found.update(processes.of_user(self._confinement.uid))
        return sorted(found)

    def _on_terminate(self, *_: object) -> None:
        self._halts.set(Halt("lost", "the site was shut down", time.monotonic()))


STARVED: Final = Halt("failed", "the memory limit was reached", 0.0)
"""The halt of a run whose memory is polled: no grace, as the kernel gives none either."""


def _drain(source: int, log: TaskLog) -> bool:
    """Move what is there into the log; True at the end of the output."""
    for _ in range(16):
        try:
            data = os.read(source, PIPE_BYTES)
        except BlockingIOError:
            return False
        if not data:
            return True
        log.write(data)
    return False


def _kill_user(uid: int) -> None:
    """Kill every process of a run's user in one call, which no fork can outrun."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
