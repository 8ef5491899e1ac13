"""Runs no-op jobs through what users would pick instead, in an environment of its own.

`queues.py hyperqueue|ray-jobs|ray-tasks FOLDER CORES`: each line on standard input is a number of
jobs; each line out is JSON with the seconds until all of them had ended. The first line out says
that the peer is ready and warm.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

CLIENTS = 8
POLL_SECONDS = 0.02
START_SECONDS_MAX = 240
# Ray takes 127.0.0.1 for the address that others see, and looks for that one.
HOST = "127.0.0.2"
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
PORT, DASHBOARD_PORT = 26_379, 28_265
Run = Callable[[int], None]


def main() -> None:
    peer, folder, cores = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    keep_to_loopback()
    # What the peers print goes to standard error, so that the answers stand alone.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    ways = {"hyperqueue": hyperqueue, "ray-jobs": ray_jobs, "ray-tasks": ray_tasks}
    with ways[peer](folder, cores) as run:
        run(1)
        answers.write(json.dumps({"ready": peer}) + "\n")
        for line in sys.stdin:
            started = time.perf_counter()
            run(int(line))
            answers.write(json.dumps({"seconds": time.perf_counter() - started}) + "\n")


def keep_to_loopback() -> None:
    """Leave the machine's network for one with loopback alone: Ray listens on every address."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | (0 if os.geteuid() == 0 else CLONE_NEWUSER)) != 0:
        raise OSError(ctypes.get_errno(), "no network of its own for a peer")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        fcntl.ioctl(link, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))


@contextmanager
def hyperqueue(folder: Path, cores: int) -> Iterator[Run]:
    """A server and a worker on this machine; jobs of one program each, from one client.

    The client's own wait looks once a second. So a job alone tells of itself through a pipe, just
    before its end, and of many the whole round is waited for.
    """
    from hyperqueue import Job, LocalCluster
    from hyperqueue.cluster import WorkerConfig

    with LocalCluster(str(folder), WorkerConfig(cores=cores)) as cluster:
        client = cluster.client()
        pipe = folder / "pipe"
        os.mkfifo(pipe)

        def alone() -> None:
            job = Job(default_workdir=folder)
            job.program(["sh", "-c", f"echo >{pipe}"], stdout=None, stderr=None)
            client.submit(job)
            pipe.read_bytes()

        def run(jobs: int) -> None:
            if jobs == 1:
                return alone()
            submitted = []
            for _ in range(jobs):
                job = Job(default_workdir=folder)
                job.program(["true"], stdout=None, stderr=None)
                submitted.append(client.submit(job))
            client.wait_for_jobs(submitted)
            return None

        yield run


@contextmanager
def ray_jobs(folder: Path, cores: int) -> Iterator[Run]:
    """Ray's Jobs API over HTTP, eight clients at once, each waiting for the end of its job."""
    from ray.job_submission import JobStatus, JobSubmissionClient

    ended = {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED}
    with ray_head(folder, cores):
        client = JobSubmissionClient(f"http://{HOST}:{DASHBOARD_PORT}")

        def one(_: int) -> None:
            job = client.submit_job(entrypoint="true")
            while (status := client.get_job_status(job)) not in ended:
                time.sleep(POLL_SECONDS)
            assert status == JobStatus.SUCCEEDED

        def run(jobs: int) -> None:
            with ThreadPoolExecutor(CLIENTS) as clients:
                list(clients.map(one, range(jobs)))

        until_taken(one)
        yield run


def until_taken(one: Run) -> None:
    """Submit a job until one is taken: the API answers, or hangs up, before there is an agent."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            return one(0)
        except (RuntimeError, OSError):
            assert time.monotonic() < deadline, "ray takes no job"
            time.sleep(0.5)


@contextmanager
def ray_tasks(folder: Path, cores: int) -> Iterator[Run]:
    """Ray's tasks from a driver that is warm: functions in processes that stay."""
    import ray

    with ray_head(folder, cores):
        ray.init(address=f"{HOST}:{PORT}", _node_ip_address=HOST, log_to_driver=False)

        @ray.remote
        def nothing() -> None:
            return None

        def run(jobs: int) -> None:
            ray.get([nothing.remote() for _ in range(jobs)])

        yield run
        ray.shutdown()


@contextmanager
def ray_head(folder: Path, cores: int) -> Iterator[None]:
    """A head on loopback with bounded processors, ended by its own process tree."""
    import psutil

    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"]
    command += [f"--node-ip-address={HOST}", f"--port={PORT}", f"--num-cpus={cores}"]
    command += ["--include-dashboard=true", f"--dashboard-host={HOST}"]
    command += [f"--dashboard-port={DASHBOARD_PORT}", "--disable-usage-stats"]
    command += [f"--temp-dir={folder}", "--object-store-memory=100000000", "--num-gpus=0"]
    # Ray puts a head it finds in the environment before the one it is told.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environ["RAY_DASHBOARD_STARTUP_TIMEOUT_S"] = str(START_SECONDS_MAX)
    head = psutil.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    try:
        wait_for_ray(lambda: head.poll() is None)
        yield
    finally:
        below = [*head.children(recursive=True), head] if head.is_running() else []
        head.terminate()
        _, alive = psutil.wait_procs(below, timeout=15)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=15)


def wait_for_ray(is_alive: Callable[[], bool]) -> None:
    from urllib.error import URLError
    from urllib.request import urlopen

    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            with urlopen(f"http://{HOST}:{DASHBOARD_PORT}/api/version", timeout=5):
                return
        except (URLError, OSError):
            assert is_alive(), "ray has ended"
            assert time.monotonic() < deadline, "ray has not started"
            time.sleep(0.2)


if __name__ == "__main__":
    main()
