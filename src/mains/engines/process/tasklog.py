"""One task's log: appended to, and bounded, so that a run can't fill the site's disk."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mains.engines.process.masking import Mask

GAP: Final = b"\n[mains] a part of the log is missing here: the disk failed\n"


class TaskLog:
    """Keeps the first bytes_max bytes, with the run's secrets masked; the rest is dropped."""

    def __init__(self, path: Path, *, bytes_max: int, secrets: Iterable[str] = ()) -> None:
        self._mask = Mask(secrets)
        self._last_words = f"\n[mains] log truncated at {bytes_max} bytes\n".encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, 0o600)
        self._has_gap = False
        self._room = bytes_max - len(self._last_words) - os.fstat(self._descriptor).st_size

    def write(self, data: bytes) -> None:
        if self._room >= 0:
            self._keep(self._mask.feed(data))

    def say(self, sentence: str) -> None:
        """Add a line of the supervisor's own."""
        self._keep(self._mask.flush())
        self.write(f"[mains] {sentence}\n".encode())

    def close(self) -> None:
        self._keep(self._mask.flush())
        os.close(self._descriptor)

    def _keep(self, data: bytes) -> None:
        if self._room < 0 or not data:
            return
        if len(data) > self._room:
            data = data[: self._room] + self._last_words
            self._room = -1
        else:
            self._room -= len(data)
        if self._has_gap:
            data = GAP + data
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            # A log is not worth a run: it goes on with a gap that is named once there is room.
            self._has_gap = True
        else:
            self._has_gap = False
