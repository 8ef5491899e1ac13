"""Uids of runs, host-wide: no two runs of any two sites of a host ever share one.

Sites are given ranges that don't overlap. If they do all the same, through a mistake, these locks
keep one site's supervisor from ending another site's run.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

LOCKS: Final = Path("/run/mains/uids")


def hold(uid: int) -> int | None:
    """Return a held lock for a uid, or None while another run has it; ends with its process."""
    LOCKS.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(LOCKS / str(uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_free(uid: int) -> bool:
    """Tell whether no run on this host has the uid now."""
    descriptor = hold(uid)
    if descriptor is not None:
        release(descriptor)
    return descriptor is not None


def release(descriptor: int) -> None:
    with suppress(OSError):
        os.close(descriptor)
