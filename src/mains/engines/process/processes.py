"""Processes by pid: who is alive, what descends from whom, and ending all of it."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

PROC: Final = Path("/proc")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
ENDING_SECONDS_MAX: Final = 30.0
"""How long killed processes may take to go; one that hangs in the kernel is left behind."""


class Stat(NamedTuple):
    """What /proc/PID/stat says; ticks are clock ticks, start_ticks count from the boot."""

    state: str
    parent: int
    cpu_ticks: int
    start_ticks: int
    resident_pages: int


def stat(pid: int) -> Stat | None:
    """Return a process's figures, its waited-for children's time included; None if it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return Stat(
        state=fields[0].decode(),
        parent=int(fields[1]),
        cpu_ticks=sum(int(field) for field in fields[11:15]),
        start_ticks=int(fields[19]),
        resident_pages=int(fields[21]),
    )


@cache
def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def identity(pid: int) -> dict[str, int | str]:
    """Return what tells this process from any later one that gets the same pid."""
    known = stat(pid)
    return {"pid": pid, "start_ticks": known.start_ticks if known else 0, "boot_id": boot_id()}


def lives(holder: dict[str, int | str]) -> bool:
    """Tell whether the process of an identity still runs; a zombie does not."""
    if holder.get("boot_id") != boot_id():
        return False
    known = stat(int(holder.get("pid", 0)))
    return known is not None and known.state != "Z" and known.start_ticks == holder["start_ticks"]


def every_pid() -> Iterator[int]:
    return (int(name) for name in os.listdir(PROC) if name.isdecimal())  # noqa: PTH208 -- hot


def descendants(root: int) -> dict[int, Stat]:
    """Return every process below root, by pid; zombies are left out."""
    known = {pid: figures for pid in every_pid() if (figures := stat(pid)) is not None}
    children: dict[int, list[int]] = {}
    for pid, figures in known.items():
        children.setdefault(figures.parent, []).append(pid)
    found: dict[int, Stat] = {}
    pending = list(children.get(root, ()))
    while pending:
        pid = pending.pop()
        pending.extend(children.get(pid, ()))
        if known[pid].state != "Z":
            found[pid] = known[pid]
    return found


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def send_to(holder: dict[str, int | str], number: signal.Signals) -> None:
    """Signal the process of an identity, and no later one with its pid."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(int(holder["pid"]))
        try:
            if lives(holder):
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def of_user(uid: int) -> list[int]:
    """Return the processes that run under a uid; zombies are left out."""
    found = []
    for pid in every_pid():
        with suppress(FileNotFoundError, ProcessLookupError):
            if (PROC / str(pid)).stat().st_uid == uid and (known := stat(pid)) is not None:
                found += [pid] if known.state != "Z" else []
    return found


def with_environment(entry: bytes) -> list[int]:
    """Return the processes that were started with an environment entry such as b"NAME=value"."""
    found = []
    for pid in every_pid():
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if entry in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def end_all(remaining: Callable[[], Iterable[int]]) -> bool:
    """Kill what `remaining` lists until it lists nothing; False when some of it would not go."""
    give_up_at = time.monotonic() + ENDING_SECONDS_MAX
    pause_seconds = 0.001
    while pids := list(remaining()):
        if time.monotonic() > give_up_at:
            return False
        send(pids, signal.SIGKILL)
        time.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 2, 0.1)
    return True
