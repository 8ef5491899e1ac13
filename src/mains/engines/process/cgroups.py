"""Control groups, version 2 or 1: the limits of one run, its readings, and its end.

A run's groups are a mapping from controller ("unified" for version 2) to the group's folder.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from mains.engines.process import processes

Groups = dict[str, str]
"""Controller name to folder, as text because it is kept in the run's order."""

MemoryLimit = Literal["cgroup2", "cgroup1", "polled", "none"]

PERIOD_MICROSECONDS: Final = 100_000
PIDS_MAX: Final = 8_192
VERSION_1: Final = ("memory", "cpu", "cpuacct", "pids")
UNIFIED: Final = "unified"


def memory_limit(groups: Groups) -> MemoryLimit:
    """Say which means keeps a run inside its memory."""
    if UNIFIED in groups:
        return "cgroup2"
    return "cgroup1" if "memory" in groups else "polled"


def create(groups: Groups, *, cpus: int, memory_bytes: int) -> None:
    """Make a run's groups and set their limits; raises OSError."""
    for folder in groups.values():
        Path(folder).mkdir(exist_ok=True)
    quota = cpus * PERIOD_MICROSECONDS
    if UNIFIED in groups:
        unified = Path(groups[UNIFIED])
        (unified / "memory.max").write_text(str(memory_bytes))
        (unified / "cpu.max").write_text(f"{quota} {PERIOD_MICROSECONDS}")
        with suppress(OSError):
            (unified / "memory.swap.max").write_text("0")
        with suppress(OSError):
            (unified / "pids.max").write_text(str(PIDS_MAX))
        return
    if "memory" in groups:
        memory = Path(groups["memory"])
        (memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
        with suppress(OSError):
            (memory / "memory.memsw.limit_in_bytes").write_text(str(memory_bytes))
    if "cpu" in groups:
        (Path(groups["cpu"]) / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
        (Path(groups["cpu"]) / "cpu.cfs_quota_us").write_text(str(quota))
    if "pids" in groups:
        (Path(groups["pids"]) / "pids.max").write_text(str(PIDS_MAX))


def enter(groups: Groups) -> None:
    """Move the calling process into the groups."""
    for folder in groups.values():
        (Path(folder) / "cgroup.procs").write_text("0")


def cpu_milliseconds(groups: Groups) -> int | None:
    """Return the processor time used so far, or None where no group counts it."""
    if UNIFIED in groups:
        return _keyed(Path(groups[UNIFIED]) / "cpu.stat", "usage_usec") // 1_000
    if "cpuacct" in groups:
        return _number(Path(groups["cpuacct"]) / "cpuacct.usage") // 1_000_000
    return None


def memory_peak_bytes(groups: Groups) -> int | None:
    """Return the most memory that was in use at once, or None where no group counts it."""
    if UNIFIED in groups:
        unified = Path(groups[UNIFIED])
        return _number(unified / "memory.peak") or _number(unified / "memory.current")
    if "memory" in groups:
        return _number(Path(groups["memory"]) / "memory.max_usage_in_bytes")
    return None


def memory_kills(groups: Groups) -> int:
    """Return how many processes the kernel ended for want of memory in the groups."""
    if UNIFIED in groups:
        return _keyed(Path(groups[UNIFIED]) / "memory.events", "oom_kill")
    if "memory" in groups:
        return _keyed(Path(groups["memory"]) / "memory.oom_control", "oom_kill")
    return 0


def members(groups: Groups) -> list[int]:
    """Return the pids in any of the groups."""
    found: set[int] = set()
    for folder in groups.values():
        with suppress(OSError):
            found.update(int(pid) for pid in (Path(folder) / "cgroup.procs").read_text().split())
    return sorted(found)


def kill(groups: Groups) -> None:
    """Kill all members; at once where the kernel offers that."""
    if UNIFIED in groups:
        with suppress(OSError):
            (Path(groups[UNIFIED]) / "cgroup.kill").write_text("1")
    processes.send(members(groups), signal.SIGKILL)


def remove(groups: Groups) -> None:
    """Remove the groups of a run that has ended; what is busy or gone already is left alone."""
    for folder in groups.values():
        for _ in range(20):
            try:
                Path(folder).rmdir()
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.005)
            else:
                break


def find_parents() -> Groups:
    """Return folders in which this process may make groups of runs; empty where it may not.

    Version 2 is taken when it limits memory here, else what version 1 has.
    """
    mounts = _mounts()
    own = _own_paths()
    if UNIFIED in mounts and (unified := _unified_parent(mounts[UNIFIED], own.get("", "/"))):
        return {UNIFIED: str(unified)}
    found: Groups = {}
    for controller in VERSION_1:
        if controller not in mounts:
            continue
        parent = _inside(mounts[controller], own.get(controller, "/")) / "mains"
        with suppress(OSError):
            parent.mkdir(exist_ok=True)
            if os.access(parent, os.W_OK):
                found[controller] = str(parent)
    return found


def _unified_parent(mount: Path, own: str) -> Path | None:
    """Return a version 2 folder that hands memory and cpu limits on to what is made in it.

    Root begins at the top, so that the end of a login session does not end its runs; a user
    begins at its own group, where delegation is found.
    """
    inside = _inside(mount, own)
    candidates = [inside, *(up for up in inside.parents if up.is_relative_to(mount))]
    for candidate in reversed(candidates) if os.geteuid() == 0 else candidates:
        parent = candidate / "mains"
        with suppress(OSError):
            if "memory" not in (candidate / "cgroup.controllers").read_text().split():
                continue
            parent.mkdir(exist_ok=True)
            _hand_on(candidate)
            _hand_on(parent)
            if _admits(parent):
                return parent
    return None


def _hand_on(folder: Path) -> None:
    control = folder / "cgroup.subtree_control"
    if missing := {"memory", "cpu", "pids"} - set(control.read_text().split()):
        control.write_text(" ".join(f"+{controller}" for controller in sorted(missing)))


def _admits(parent: Path) -> bool:
    """Try whether a process of this user may enter a new group below parent."""
    probe = parent / f"probe-{os.getpid()}"
    probe.mkdir()
    try:
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", f'echo $$ > "{probe}/cgroup.procs"'], {})
        return os.waitpid(pid, 0)[1] == 0 and (probe / "memory.max").exists()
    finally:
        remove({UNIFIED: str(probe)})


def _mounts() -> dict[str, Path]:
    """Return the mount of each controller of version 1, and of version 2 as "unified"."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        point = Path(left.split()[4])
        if kind == "cgroup2":
            found.setdefault(UNIFIED, point)
        elif kind == "cgroup":
            for controller in set(options.split(",")) & set(VERSION_1):
                found.setdefault(controller, point)
    return found


def _own_paths() -> dict[str, str]:
    """Return this process's own group by controller; "" is version 2."""
    found = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(","), path))
    return found


def _inside(mount: Path, own: str) -> Path:
    inside = mount / own.lstrip("/")
    return inside if inside.is_dir() else mount


def _number(path: Path) -> int:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return 0


def _keyed(path: Path, key: str) -> int:
    with suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == key:
                return int(value)
    return 0
