"""The kernel's keyrings: a run begins without those of its agent, and leaves none to its uid.

A session's keyring is inherited whatever the user id becomes, and a user's own outlive processes.
"""

import ctypes
import os
from contextlib import suppress
from typing import Final

CALL: Final = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
"""The number of keyctl(2); where it is not known here, keyrings are left as they are."""

JOIN_SESSION: Final = 1
CLEAR: Final = 7
GET_PERSISTENT: Final = 22
OF_PROCESS: Final = -2
OF_USER: Final = -4
OF_USER_SESSION: Final = -5


def begin_session() -> None:
    """Give the calling process an empty session keyring of its own."""
    _call(JOIN_SESSION, None)


def clear(uid: int) -> None:
    """Empty what a user id keeps between runs."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            begin_session()
            persistent = _call(GET_PERSISTENT, uid, OF_PROCESS)
            for keyring in (OF_USER, OF_USER_SESSION, persistent):
                _call(CLEAR, keyring)
        finally:
            os._exit(0)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _call(operation: int, *arguments: int | None) -> int:
    if CALL is None:
        return -1
    return int(ctypes.CDLL(None).syscall(CALL, operation, *arguments))
