"""An agent's folder: `site.yaml` says whom it serves and how, `agent.key` who it is."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, Self
from uuid import UUID

import yaml
from pydantic import Field, PositiveInt, ValidationError

from mains.errors import AlreadyRunning, SetupMissing
from mains.wire.base import Name, Schema
from mains.wire.problem import describe_fault

CONFIG_FILE: Final = "site.yaml"
KEY_FILE: Final = "agent.key"
LOCK_FILE: Final = "agent.lock"
SLOTS: Final = 64
LEASE_SECONDS: Final = 15
KEY_DAYS_MAX: Final = 180

EngineName = Literal["process", "fake"]
Isolation = Literal["auto", "uid", "bubblewrap", "trusted"]


class AgentConfig(Schema):
    """What `site.yaml` says. Runs take the system users uid_base .. uid_base + slots - 1.

    lease_seconds is how long a leased run may live before its first renewal: at most the server's
    lease, or a run could live on here after it was given up and started elsewhere. devices
    restricts the accelerators to some of the host's indices; python is the interpreter that runs'
    environments are built with; insecure says that plain http beyond this machine is wanted;
    key_days_max is how old the agent's own key may grow.
    """

    url: str
    site: Name
    site_id: UUID
    folder: Path
    engine: EngineName = "process"
    isolation: Isolation = "auto"
    uid_base: PositiveInt | None = None
    slots: int = Field(default=SLOTS, ge=1, le=10_000)
    devices: list[int] | None = None
    python: Path | None = None
    insecure: bool = False
    key_days_max: PositiveInt = KEY_DAYS_MAX
    bundle_bytes_max: PositiveInt = 2 * 2**30
    lease_seconds: PositiveInt = LEASE_SECONDS

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the configuration in this folder; raises SetupMissing."""
        path = folder / CONFIG_FILE
        try:
            document = yaml.safe_load(path.read_text("utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise SetupMissing(
                f"{path} cannot be read: {error}",
                hint="`mains agent --join TOKEN --folder FOLDER` writes it.",
            ) from error
        if not isinstance(document, dict):
            raise SetupMissing(f"{path} is not a site's configuration")
        try:
            return cls.model_validate({**document, "folder": folder.absolute()})
        except ValidationError as error:
            _, said = describe_fault(error.errors()[0])
            raise SetupMissing(f"{path}: {said}") from error

    def save(self) -> None:
        """Write `site.yaml`, whole or not at all."""
        document = self.model_dump(mode="json", exclude={"folder"}, exclude_none=True)
        if not self.insecure:
            # An older agent, which does not know it, can read the file then.
            del document["insecure"]
        path = self.folder / CONFIG_FILE
        temporary = path.with_suffix(".new")
        temporary.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
        temporary.replace(path)

    @property
    def key_path(self) -> Path:
        return self.folder / KEY_FILE

    @property
    def engine_folder(self) -> Path:
        """Where the engine keeps its runs."""
        return self.folder / "engine"


def prepare_folder(folder: Path) -> Path:
    """Make an agent's folder: other users may pass through to their runs, and list nothing."""
    folder = folder.absolute()
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o711)
    return folder


def host_name() -> str:
    return socket.gethostname()[:255]


@contextmanager
def only_agent_in(folder: Path) -> Iterator[None]:
    """Hold the folder for one agent; raises AlreadyRunning. The lock ends with the process."""
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"an agent already runs in {folder}") from error
        yield
    finally:
        os.close(descriptor)
