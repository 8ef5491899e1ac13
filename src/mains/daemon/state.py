"""What a running `mains up` says of itself: one private file, written whole or not at all."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil


@dataclass(frozen=True, slots=True)
class State:
    """Where the server answers, and which process it is; started tells a reused pid apart."""

    url: str
    pid: int
    started: float
    version: str
    database_url: str
    certificate: str | None = None
    """What it shows, in PEM, where no authority vouches for it."""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what is written, or None where nothing readable is."""
        try:
            return cls(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        fresh = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file)
        fresh.replace(path)

    def process(self) -> psutil.Process | None:
        """Return the process that wrote this, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            return process if abs(process.create_time() - self.started) < 1 else None
        except psutil.Error:
            return None


def running(path: Path) -> State | None:
    """Return the state of a server that runs now."""
    state = State.read(path)
    return state if state is not None and state.process() is not None else None
