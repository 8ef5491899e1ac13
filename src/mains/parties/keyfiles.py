"""The files that guard the keys: the server's pepper, and the first administrator's key."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from mains.errors import StoreCorrupt

PEPPER_BYTES: Final = 32
PEPPER: Final = "pepper"
ADMINISTRATOR: Final = "administrator"


def pepper(keys: Path) -> bytes:
    """Return the server's pepper, made on the first start; two starts at once agree on it.

    Without the file that it was made with, no key of this database is known any more.
    Raises StoreCorrupt when the file is not a pepper.
    """
    path = keys / PEPPER
    if not path.exists():
        fresh = write_beside(path, secrets.token_bytes(PEPPER_BYTES))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(fresh)
        fresh.unlink()
    content = path.read_bytes()
    if len(content) != PEPPER_BYTES:
        raise StoreCorrupt(
            f"{path} is not a pepper of {PEPPER_BYTES} bytes",
            hint="Restore it from a backup; without it every key must be made anew.",
        )
    return content


def keep_administrator_key(keys: Path, key: str) -> Path:
    """Write the administrator's key for its owner alone to read; return where it lies."""
    path = keys / ADMINISTRATOR
    write_beside(path, f"{key}\n".encode()).replace(path)
    return path


def write_beside(path: Path, content: bytes) -> Path:
    """Write a durable private file under a name of its own in path's folder."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return fresh
