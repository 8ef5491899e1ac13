"""Starting one process of a run: its user, limits, groups and, where asked for, its sandbox."""

import ctypes
import os
import resource
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from mains.engines.process import cgroups, keyrings

NOFILE_MAX: Final = 65_536
NPROC_MAX: Final = 8_192
PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWNS: Final = 0x00020000
MS_SLAVE_ALL: Final = 1 << 19 | 1 << 14
MS_NOTHING_SPECIAL: Final = 2 | 4 | 8
"""No setuid, no devices, no programs."""

NOT_STARTED: Final = 126
SYSTEM_FOLDERS: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/etc")
SANDBOX_TMP_BYTES: Final = 256 * 2**20
READ_SCRIPT: Final = 'eval "exec {0}<&-; $(</dev/fd/{0})"'
"""Runs what an inherited file holds, as if it were bash's own argument."""

RESOLVER_FOLDERS: Final = ("/run/systemd/resolve", "/run/resolvconf")


class Confinement(NamedTuple):
    """How a run is kept apart. uid is set under "uid" isolation; bwrap under "bubblewrap".

    read_only are the folders outside the system that a sandbox shows, covered those inside it that
    it hides; devices are device files.
    """

    uid: int | None
    bwrap: str | None
    groups: cgroups.Groups
    affinity: Sequence[int]
    read_only: Sequence[str] = ()
    covered: Sequence[str] = ()
    devices: Sequence[str] = ()


class Launch(NamedTuple):
    """One shell: what it runs, where, with which environment; writable are folders it owns.

    prelude is the engine's own; every user of the machine can read it, and nobody else the script.
    """

    script: str
    environ: Mapping[str, str]
    working_directory: Path
    writable: Sequence[Path]
    prelude: str = ""


def adopt_orphans() -> None:
    """Make every orphaned descendant a child of this process, so that none escapes it."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def spawn(launch: Launch, confinement: Confinement, *, output: int) -> int:
    """Start the process with its output on a descriptor; return its pid.

    What prevents the start is written to its output, and it ends with status 126.
    """
    script = _open_for_child("script", launch.script.encode())
    argv = ["/bin/bash", "-c", launch.prelude + READ_SCRIPT.format(script)]
    environ, options = dict(launch.environ), -1
    if confinement.bwrap is not None:
        options = _sandbox_descriptor(launch, confinement)
        argv = [confinement.bwrap, "--args", str(options), "--", *argv]
        environ = {}
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(script)
        if options >= 0:
            os.close(options)
        return pid
    try:
        _become(confinement, parent=parent, output=output)
        if confinement.bwrap is None:
            os.chdir(launch.working_directory)
        os.execve(argv[0], argv, environ)  # noqa: S606
    except (OSError, ValueError) as error:
        with suppress(OSError):
            os.write(output, f"[mains] not started: {error}\n".encode())
    finally:
        os._exit(NOT_STARTED)


def _become(confinement: Confinement, *, parent: int, output: int) -> None:
    """Turn the forked child into the run's user, inside its groups and limits, for good."""
    os.setsid()
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    cgroups.enter(confinement.groups)
    if confinement.affinity:
        os.sched_setaffinity(0, confinement.affinity)
    os.umask(0o077)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, NOFILE_MAX)
    _limit(resource.RLIMIT_NPROC, NPROC_MAX)
    keyrings.begin_session()
    if confinement.uid is not None:
        _own_message_queues()
        _own_processes_alone()
        os.setgroups([])
        os.setresgid(confinement.uid, confinement.uid, confinement.uid)
        os.setresuid(confinement.uid, confinement.uid, confinement.uid)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(NOT_STARTED)


def _own_message_queues() -> None:
    """Give the process shared memory and queues of its own; without, a uid's next run sees them."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.unshare(CLONE_NEWIPC)


def _own_processes_alone() -> None:
    """Show the process no others than its user's: command lines of other runs may tell secrets.

    Where the machine does not allow a mount, /proc stays as it is.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) == 0 and libc.mount(None, b"/", None, MS_SLAVE_ALL, None) == 0:
        libc.mount(b"proc", b"/proc", b"proc", MS_NOTHING_SPECIAL, b"hidepid=2")


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (bound, bound))


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl was refused")


def _sandbox_descriptor(launch: Launch, confinement: Confinement) -> int:
    """Return an open file with bubblewrap's options, which so stay out of `ps`' sight.

    The environment is set inside, so that LD_PRELOAD and its like never reach bwrap itself.
    """
    options = sandbox_options(confinement)
    for folder in launch.writable:
        options += ["--bind", str(folder), str(folder)]
    options += ["--remount-ro", "/", "--chdir", str(launch.working_directory), "--clearenv"]
    for name, value in launch.environ.items():
        options += ["--setenv", name, value]
    return _open_for_child("bwrap-options", b"".join(o.encode() + b"\0" for o in options))


def _open_for_child(name: str, content: bytes) -> int:
    """Return an open file that the next child inherits: unlike its arguments, nobody else sees it.

    Nor is it bounded as they are: one argument has at most 128 KiB.
    """
    descriptor = os.memfd_create(name, 0)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def sandbox_options(confinement: Confinement) -> list[str]:
    """Return what every sandbox has: the system to read, an own /tmp and /proc, no other folder.

    What lies inside the system and is not for runs is covered; nothing can be added to the root.
    """
    shared_memory = ["--size", str(SANDBOX_TMP_BYTES), "--tmpfs"]
    options = ["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    options += ["--unshare-cgroup-try", "--proc", "/proc", "--dev", "/dev"]
    options += [*shared_memory, "/tmp", *shared_memory, "/dev/shm"]  # noqa: S108
    for folder in SYSTEM_FOLDERS:
        if Path(folder).is_symlink():
            options += ["--symlink", str(Path(folder).readlink()), folder]
        else:
            options += ["--ro-bind-try", folder, folder]
    for covered in confinement.covered:
        if any(Path(covered).is_relative_to(folder) for folder in SYSTEM_FOLDERS):
            options += ["--tmpfs", covered]
    options += ["--ro-bind-try", "/sys", "/sys"]
    for folder in (*RESOLVER_FOLDERS, *confinement.read_only):
        options += ["--ro-bind-try", folder, folder]
    for device in confinement.devices:
        options += ["--dev-bind-try", device, device]
    return options
