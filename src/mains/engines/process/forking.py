"""The fork server: has all of a supervisor's code in memory, and forks one for each connection."""

import gc
import os
import socket
from contextlib import suppress
from typing import NoReturn

from mains.engines.process import supervisor


def serve(control: int) -> NoReturn:
    """Fork a supervisor for each connection that comes through a socket, until that closes.

    Nothing of a run is read here: what one run is told must not be in the memory of the next.
    """
    # What every supervisor shares stays shared: a collection would write to all of its pages.
    gc.collect()
    gc.freeze()
    engine = socket.socket(fileno=control)
    while True:
        word, descriptors, _, _ = socket.recv_fds(engine, 1, 1, socket.MSG_CMSG_CLOEXEC)
        if not word:
            os._exit(0)
        for descriptor in descriptors:
            # Where no process can be made, the closed connection tells the engine.
            with suppress(OSError):
                _fork(descriptor)
            os.close(descriptor)


def _fork(connection: int) -> None:
    """Start a supervisor that is nobody's child, in a session of its own."""
    if os.fork():
        os.wait()
        return
    try:
        os.setsid()
        if not os.fork():
            supervisor.main(connection)
    finally:
        os._exit(0)
