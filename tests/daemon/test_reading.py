"""Reading without a server: many documents, broken ones among them, here or on a Ray cluster."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from mains.daemon.last_reading import CLAIMS, DOCUMENTS, kept_lines
from mains.reports import limits

TEXT = "The town of Alder counted {count} registered models at the end of 2024."
SECONDS_MAX = 120
RAY_SECONDS_MAX = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of reports, one of them binary rubbish and one too large."""
    made = tmp_path / "reports"
    (made / "more").mkdir(parents=True)
    (made / ".hidden").mkdir()
    for number in range(12):
        (made / f"a{number:02}.txt").write_text(TEXT.format(count=100 + number), "utf-8")
    (made / "more" / "b.html").write_text(f"<p>{TEXT.format(count=300)}</p>", "utf-8")
    (made / "a05.txt").write_bytes(bytes(range(256)) * 20)
    with (made / "a07.txt").open("wb") as file:
        file.truncate(limits.FILE_BYTES_MAX + 1)
    (made / "picture.png").write_bytes(b"\x89PNG")
    (made / ".hidden" / "c.txt").write_text(TEXT.format(count=400), "utf-8")
    return made


def read(
    *arguments: str, state: Path, given: bytes = b"", prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "mains.daemon.reading", *arguments],
        input=given,
        capture_output=True,
        timeout=SECONDS_MAX,
        env={**os.environ, "MAINS_CONFIG": str(state)},
        check=False,
    )


def lines_of(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def values_of(done: subprocess.CompletedProcess[bytes]) -> list[object]:
    return [line["value"] for line in lines_of(done) if str(line["unit"]) == "count"]


def test_a_folder_is_read_in_order_and_what_fails_costs_itself_alone(
    folder: Path, tmp_path: Path
) -> None:
    done = read("--jsonl", "--workers", "2", str(folder), state=tmp_path / "state")
    assert done.returncode == 1
    wanted = [str(100 + number) for number in range(12) if number not in (5, 7)]
    assert values_of(done) == [*wanted, "300"]
    told = done.stderr.decode()
    assert "a05.txt: it is binary data, no text (document_unreadable)" in told
    assert "(document_too_large)" in told
    assert told.count("next: ") == 2
    assert "11 of 13 documents were read" in told


def test_the_last_reading_is_kept_and_one_that_ends_early_is_not(
    folder: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    read("--jsonl", str(folder), state=state)
    kept = state / "last-reading"
    documents = list(kept_lines(kept, DOCUMENTS))
    assert len(documents) == 11
    assert documents[0]["doc"] == "a00.txt"
    claim = next(claim for claim in kept_lines(kept, CLAIMS) if claim["value"] == "100")
    start = int(claim["start"]) - int(claim["around_start"])
    assert str(claim["around"])[start:].startswith(str(claim["quote"]))
    alone = folder / "a01.txt"
    assert read(str(alone), state=state).returncode == 0
    assert [document["doc"] for document in kept_lines(kept, DOCUMENTS)] == ["a01.txt"]
    assert [path.name for path in state.iterdir()] == ["last-reading"]


def test_standard_input_and_missing_files_are_sources_too(tmp_path: Path) -> None:
    given = TEXT.format(count=77).encode()
    done = read("--jsonl", "-", str(tmp_path / "none.txt"), state=tmp_path, given=given)
    assert values_of(done) == ["77"]
    assert lines_of(done)[0]["doc"] == "stdin"
    assert done.returncode == 1
    assert "none.txt: it cannot be read: No such file" in done.stderr.decode()


def test_a_private_address_is_refused_and_the_rest_goes_on(folder: Path, tmp_path: Path) -> None:
    done = read("--jsonl", "http://127.0.0.1:1/", str(folder / "a01.txt"), state=tmp_path)
    assert values_of(done) == ["101"]
    assert "(address_refused)" in done.stderr.decode()


def test_one_json_document_names_what_failed(folder: Path, tmp_path: Path) -> None:
    done = read("--json", str(folder / "a01.txt"), str(folder / "a05.txt"), state=tmp_path)
    first, second = json.loads(done.stdout)
    assert first["document"]["doc"] == "a01.txt"
    assert second["error"]["code"] == "document_unreadable"


def test_a_reading_process_that_is_killed_costs_one_document(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        text = "\n".join(TEXT.format(count=n) for n in range(number * 100, number * 100 + 60))
        (folder / f"{number:03}.txt").write_text(text, "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "mains.daemon.reading", "--jsonl", "--workers", "2", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, "MAINS_CONFIG": str(tmp_path / "state")},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    workers = [child for child in psutil.Process(process.pid).children() if _works(child)]
    workers[0].send_signal(signal.SIGKILL)
    rest, told = process.communicate(timeout=SECONDS_MAX)
    read_documents = {json.loads(line)["doc"] for line in [first, *rest.splitlines()]}
    assert len(read_documents) == 59
    assert told.decode().count("(reading_failed)") == 1
    assert process.returncode == 1
    assert not any(worker.is_running() for worker in workers)


def test_a_document_that_takes_too_long_is_given_up(folder: Path, tmp_path: Path) -> None:
    slow = tmp_path / "slow.txt"
    slow.write_text((TEXT.format(count=5) + "\n") * 15_000, "utf-8")
    done = read(
        "--jsonl", "--seconds", "6", "--workers", "1", str(slow), str(folder / "a01.txt"),
        state=tmp_path,
    )  # fmt: skip
    assert "(document_too_slow)" in done.stderr.decode()
    assert values_of(done) == ["101"]


def _works(process: psutil.Process) -> bool:
    return any("spawn_main" in word for word in process.cmdline())


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Ray cluster of one node on loopback, ended by its process ids."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("r")
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("ray")), "start", "--head", "--block",
            "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2",
            "--include-dashboard=false", f"--temp-dir={folder}", "--disable-usage-stats",
            f"--object-store-memory={100 * 2**20}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + RAY_SECONDS_MAX
    while not _answers(port):
        assert process.poll() is None, "the cluster started"
        assert time.monotonic() < deadline, "the cluster answers in time"
        time.sleep(0.1)
    yield f"127.0.0.1:{port}"
    started = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for each in started:
        if each.is_running():
            each.kill()
    psutil.wait_procs(started, timeout=20)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def test_a_folder_is_read_on_a_ray_cluster(folder: Path, tmp_path: Path, cluster: str) -> None:
    done = read("--jsonl", "--ray", cluster, str(folder), state=tmp_path / "state")
    wanted = [str(100 + number) for number in range(12) if number not in (5, 7)]
    assert values_of(done) == [*wanted, "300"], done.stderr.decode()
    assert done.returncode == 1
    assert "a05.txt: it is binary data, no text (document_unreadable)" in done.stderr.decode()


def test_without_a_cluster_there_is_a_clear_error(folder: Path, tmp_path: Path) -> None:
    done = read("--ray", "127.0.0.1:1", str(folder), state=tmp_path / "state")
    assert done.returncode == 1
    assert "(server_unreachable)" in done.stderr.decode()
