"""The engine's side of starting supervisors: a fork server, itself started with the first run.

A fresh interpreter for each run would cost more than everything else that a short run needs.
"""

import asyncio
import json
import socket
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from mains.engines.process.folder import Json

SUPERVISE: Final = Path(__file__).with_name("supervise.py")
LAUNCH_SECONDS_MAX: Final = 60


class Launcher:
    """Hands each run a connection of its own; the fork server ends with this object.

    What is confidential crosses that connection alone, so that the fork server never has it and no
    later run can find it in the memory that it was forked with.
    """

    def __init__(self, python: str) -> None:
        self._python = python
        self._server: socket.socket | None = None
        self._starting = asyncio.Lock()

    async def launch(self, run_folder: Path, confidential: Json) -> str:
        """Ask for a supervisor and wait for its first word.

        Returns what went wrong, if the run turns out to have no claim; the claim alone tells.
        """
        request = {"folder": str(run_folder), "confidential": confidential}
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            async with asyncio.timeout(LAUNCH_SECONDS_MAX):
                await self._hand_over(theirs)
                theirs.close()
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(ours, json.dumps(request).encode())
                ours.shutdown(socket.SHUT_WR)
                said = await loop.sock_recv(ours, 1)
        except TimeoutError:
            return f"did not answer within {LAUNCH_SECONDS_MAX} s"
        except OSError as error:
            return f"could not be started: {error}"
        finally:
            ours.close()
            theirs.close()
        return f"ended at once with {said[0]}" if said else "ended at once"

    async def _hand_over(self, connection: socket.socket) -> None:
        """Send the run's connection to the fork server; one that has died is replaced."""
        async with self._starting:
            if self._server is not None:
                with suppress(BrokenPipeError, ConnectionResetError):
                    _send(self._server, connection)
                    return
                self._server.close()
                self._server = None
            self._server = await self._start()
            _send(self._server, connection)

    async def _start(self) -> socket.socket:
        """Start a fork server that has left this process' tree; raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        weakref.finalize(self, ours.close)
        ours.setblocking(False)
        with theirs:
            starting = await asyncio.create_subprocess_exec(
                self._python,
                *("-I", "-S", str(SUPERVISE)),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            )
        try:
            code = await starting.wait()
        finally:
            if starting.returncode is None:
                starting.kill()
                ours.close()
        if code != 0:
            ours.close()
            raise OSError(f"its server ended at once with {code}")
        return ours


def _send(server: socket.socket, connection: socket.socket) -> None:
    socket.send_fds(server, [b"+"], [connection.fileno()])
