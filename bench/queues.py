"""Peers that run jobs: each a process of its own in the peers' environment, asked over a pipe."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psutil

from bench.environments import PEERS, python_with

END_SECONDS_MAX = 60


class Queue:
    """One peer, started warm with this many processors; also one way to run a no-op."""

    def __init__(self, peer: str, *, cores: int) -> None:
        self.name = {
            "hyperqueue": "HyperQueue",
            "ray-jobs": "Ray Jobs over HTTP, 8 clients",
            "ray-tasks": "Ray tasks, warm driver",
        }[peer]
        self._folder = Path(tempfile.mkdtemp(prefix="peer-", dir="/tmp"))
        command = [str(python_with("queues.lock", place="queues")), str(PEERS / "queues.py")]
        self._said = (self._folder / "said").open("wb")
        self._process = subprocess.Popen(
            [*command, peer, str(self._folder / "peer"), str(cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(END_SECONDS_MAX)
        self._said.close()
        shutil.rmtree(self._folder)

    def seconds(self, jobs: int) -> float:
        """Return how long the peer took for so many jobs."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{jobs}\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def run(self) -> None:
        self.seconds(1)

    def cpu_seconds(self) -> float:
        return sum(psutil.Process(self._process.pid).cpu_times()[:4])

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, (self._folder / "said").read_text("utf-8")[-2_000:]
        answer: dict[str, float] = json.loads(line)
        return answer
