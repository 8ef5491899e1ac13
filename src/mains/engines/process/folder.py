"""A run's folder: all that the engine and the supervisor tell each other, and how it is written.

order.json       the start order without secrets, and the engine's plan for it
supervisor.json  the claim: who supervises the run; made once, never replaced
state.json       the supervisor's word: state, ended tasks, usage; renamed into place
stop.json        the engine's wish to end the run or single tasks
lease.json       until when a leased run may live
logs/N.log       a task's output
slot/            all that the run itself may touch, owned by the run's user
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

Json = dict[str, Any]

SLOT_FOLDERS: Final = ("work", "home", "tmp", "data", "models")
"""The run's own folders, beside one for each task in `output` and in `checkpoint`."""


SHARED_FOLDERS: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108


class RunFolder(NamedTuple):
    path: Path

    @property
    def order(self) -> Path:
        return self.path / "order.json"

    @property
    def claim(self) -> Path:
        return self.path / "supervisor.json"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def stop(self) -> Path:
        return self.path / "stop.json"

    @property
    def lease(self) -> Path:
        return self.path / "lease.json"

    @property
    def slot(self) -> Path:
        return self.path / "slot"

    @property
    def work(self) -> Path:
        return self.slot / "work"

    def writable(self, task: int | None) -> list[Path]:
        """Return the folders that a task (None: a set-up) may write to; none of their parents."""
        own = [self.slot / name for name in SLOT_FOLDERS]
        return own if task is None else [*own, self.output(task), self.checkpoint(task)]

    def log(self, task: int) -> Path:
        return self.path / "logs" / f"{task}.log"

    def output(self, task: int) -> Path:
        return self.slot / "output" / str(task)

    def checkpoint(self, task: int) -> Path:
        return self.slot / "checkpoint" / str(task)


def read_json(path: Path) -> Json | None:
    """Return the object in a file, or None where there is no such file."""
    try:
        value: Json = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return value


def write_json(path: Path, value: Json, *, durable: bool) -> None:
    """Replace a file at once, readable by its owner alone; durable survives a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    _write_new(temporary, value, durable=durable)
    temporary.replace(path)
    if durable:
        sync_folder(path.parent)


def claim(folder: RunFolder, holder: Json) -> bool:
    """Make the run's claim unless there is one already; True for exactly one caller, ever."""
    temporary = folder.path / f".claim.{os.getpid()}.{holder.get('start_ticks', 0)}"
    temporary.unlink(missing_ok=True)
    _write_new(temporary, holder, durable=False)
    try:
        os.link(temporary, folder.claim)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def scrub_shared_folders(uid: int) -> None:
    """Remove what a run has left where everybody may write: its uid serves others next."""
    for shared in SHARED_FOLDERS:
        with suppress(FileNotFoundError), os.scandir(shared) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_uid == uid:
                        remove_tree(Path(entry.path))


def remove_tree(path: Path) -> None:
    """Remove a folder that a run may have filled with anything: closed, deep, linked elsewhere.

    What still resists stays where it is.
    """
    if _rm(path) != 0:
        _spawn("/bin/chmod", "-R", "u+rwX", "--", str(path))
        _rm(path)


def _rm(path: Path) -> int:
    return _spawn("/bin/rm", "-rf", "--", str(path))


def _spawn(program: str, *arguments: str) -> int:
    quiet = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(
        program, [program, *arguments], {"PATH": "/usr/bin:/bin"}, file_actions=quiet
    )
    return os.waitpid(pid, 0)[1]


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: Path, value: Json, *, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(value, separators=(",", ":")).encode())
        if durable:
            file.flush()
            os.fsync(file.fileno())
