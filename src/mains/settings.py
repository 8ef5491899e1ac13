"""Settings: read once from the environment when a process starts, passed down from there."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import platformdirs

from mains.errors import SetupMissing

SYSTEM_ROOT: Final = Path("/var/lib/mains")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where one mains keeps its things, and the bounds that it keeps to.

    `home` is private to the user who runs mains: keys, blobs, logs, `up.json`. `commons` holds
    what other system users must reach by path: Postgres' data and the folders of runs.
    """

    home: Path
    commons: Path
    database_url: str | None = None
    database_owner_url: str | None = None
    blobs_url: str | None = None
    wal_archive: Path | None = None
    model_url: str | None = None
    model_name: str = "default"
    model_key: str | None = field(default=None, repr=False)
    model_key_file: str | None = None
    model_seconds_max: int = 60
    listen_host: str = "127.0.0.1"
    listen_port: int = 0
    public_url: str | None = None
    tls: str = "auto"
    tls_certificate: str | None = None
    tls_key: str | None = None
    agent_lease_seconds: int = 15
    agent_grace_seconds: int = 10
    sync_wait_seconds: int = 20
    quote_validity_seconds: int = 900
    queue_deadline_seconds: int = 7 * 86_400
    reporting_grace_seconds: int = 3_600
    bundle_bytes_max: int = 256 * 2**20
    blob_bytes_max: int = 4 * 2**30
    organisation_bytes_max: int = 20 * 2**30
    rate_reading_per_second: int = 2_000
    rate_submitting_per_second: int = 2_000
    rate_public_per_second: int = 200
    rate_agent_per_second: int = 500
    rate_failed_per_minute: int = 60
    connections_max: int = 4_096
    waiting_agents_max: int = 4_096
    log_bytes_per_task_max: int = 8 * 2**20
    retention_days: int = 90
    retention_quotes_days: int = 30
    retention_tokens_days: int = 30
    retention_keys_days: int = 365
    retention_refusals_days: int = 365
    report_bytes_max: int = 100 * 2**20
    reports_bytes_max: int = 20 * 2**30
    reading_workers_max: int = 2
    reading_waiting_max: int = 256
    reading_seconds_max: int = 300
    reading_idle_seconds: int = 300

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read MAINS_* variables; every integer setting has one of its own name.

        Raises SetupMissing for one that is no number.
        """
        home = Path(environ.get("MAINS_HOME") or _default_home()).expanduser().absolute()
        integers = {
            name: _whole(variable, environ[variable])
            for name, kind in cls.__annotations__.items()
            if kind is int and (variable := f"MAINS_{name.upper()}") in environ
        }
        return cls(
            home=home,
            commons=_commons(home),
            database_url=environ.get("MAINS_DATABASE_URL"),
            database_owner_url=environ.get("MAINS_DATABASE_OWNER_URL"),
            blobs_url=environ.get("MAINS_BLOBS_URL"),
            wal_archive=_folder(environ.get("MAINS_WAL_ARCHIVE")),
            model_url=environ.get("MAINS_MODEL_URL") or None,
            model_name=environ.get("MAINS_MODEL_NAME") or "default",
            model_key=environ.get("MAINS_MODEL_KEY") or None,
            model_key_file=environ.get("MAINS_MODEL_KEY_FILE") or None,
            listen_host=environ.get("MAINS_LISTEN_HOST", "127.0.0.1"),
            public_url=environ.get("MAINS_PUBLIC_URL") or None,
            tls=environ.get("MAINS_TLS") or "auto",
            tls_certificate=environ.get("MAINS_TLS_CERTIFICATE") or None,
            tls_key=environ.get("MAINS_TLS_KEY") or None,
            **integers,
        )

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def keys(self) -> Path:
        return self.home / "keys"

    @property
    def sites(self) -> Path:
        """Where the folders lie whose agents `mains up` keeps running."""
        return self.commons / "sites"

    @property
    def state_file(self) -> Path:
        """Where a running `mains up` says its address and process ids."""
        return self.home / "up.json"


def _folder(path: str | None) -> Path | None:
    return Path(path).expanduser().absolute() if path else None


def _whole(variable: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise SetupMissing(f"{variable} is not a whole number: {text!r}") from error


def _default_home() -> Path:
    if os.geteuid() == 0:
        return SYSTEM_ROOT / "home"
    return platformdirs.user_data_path("mains")


def _commons(home: Path) -> Path:
    """As root, a folder that other users can traverse, whatever home is; else home itself."""
    if os.geteuid() != 0:
        return home
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return SYSTEM_ROOT / "instances" / digest
