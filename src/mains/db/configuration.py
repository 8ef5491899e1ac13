"""The embedded server's configuration: written anew at every start, never edited in place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mains.db.archive import SEGMENT_SECONDS_MAX

PORT: Final = 5432
"""Only names the socket; nothing listens on a network."""

AUTHENTICATION: Final = """\
# Written by mains at every start; changes here are lost.
local all         all             scram-sha-256
local replication mains_superuser scram-sha-256
"""

TRUST: Final = """\
# Written by mains while it restores, when the socket's folder alone decides who may enter.
local all mains_superuser,mains_owner,mains_app trust
"""

_ALWAYS: Final = {
    "listen_addresses": "''",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "cluster_name": "'mains'",
    "max_connections": "60",
    # Two cores and a small resident size: the kernel's page cache does the rest.
    "shared_buffers": "'96MB'",
    "wal_buffers": "'8MB'",
    "work_mem": "'8MB'",
    "maintenance_work_mem": "'64MB'",
    "effective_cache_size": "'1GB'",
    "huge_pages": "off",
    "io_method": "sync",
    "jit": "off",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    # Two backups at once, each with a connection for the log, which a slot keeps meanwhile.
    "max_wal_senders": "4",
    "max_replication_slots": "2",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "2",
    "autovacuum_naptime": "'20s'",
    "checkpoint_timeout": "'15min'",
    "max_wal_size": "'1GB'",
    "min_wal_size": "'160MB'",
    "wal_compression": "pglz",
    "random_page_cost": "1.1",
    "idle_in_transaction_session_timeout": "'120s'",
    "password_encryption": "'scram-sha-256'",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "lc_messages": "'C'",
    # Statements may carry secrets, so errors are logged without them.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "logging_collector": "on",
    "log_filename": "'postgres-%a.log'",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "'1d'",
    "log_rotation_size": "0",
    "log_line_prefix": "'%m [%p] %u '",
}
# By relative paths, since a shell reads the command: it runs in the data's folder.
_ARCHIVING: Final = {
    "archive_mode": "on",
    "archive_command": '\'/bin/sh ../archive.sh "%p" "%f"\'',
    "archive_timeout": f"'{SEGMENT_SECONDS_MAX}s'",
}
_DURABLE: Final = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# What the kernel was given outlives a killed process, but not a power cut.
_FORGETFUL: Final = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}


def configuration(
    *,
    data: Path,
    socket: Path,
    log: Path,
    access: Path,
    durable: bool,
    archives: bool,
    besides: Mapping[str, str],
) -> str:
    """Return postgresql.conf; a server that is not durable is for tests alone.

    besides: what a recovery needs, already quoted.
    """
    places = {
        "data_directory": _quoted(data),
        "hba_file": _quoted(access),
        "unix_socket_directories": _quoted('"' + str(socket).replace('"', '""') + '"'),
        "log_directory": _quoted(log),
    }
    settings = _ALWAYS | (_DURABLE if durable else _FORGETFUL) | places
    settings |= (_ARCHIVING if archives else {}) | dict(besides)
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "# Written by mains at every start; changes here are lost.\n" + "\n".join(lines) + "\n"


def _quoted(text: Path | str) -> str:
    return "'" + str(text).replace("\\", "\\\\").replace("'", "''") + "'"
