"""Folders on disk: what mains makes gets a mode, what was there keeps its own."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from mains.db.account import Account
from mains.errors import SetupMissing

PRIVATE: Final = 0o700
PUBLIC: Final = 0o755


def make_folder(path: Path, *, mode: int, owner: Account | None = None) -> None:
    """Make a folder and its missing parents; never change one that exists.

    Missing parents get the same mode and belong to the caller; the umask plays no part.
    """
    if path.is_dir():
        return
    make_folder(path.parent, mode=mode)
    try:
        path.mkdir(mode=PRIVATE)
    except FileExistsError:
        return
    except OSError as error:
        raise SetupMissing(f"Can't make the folder {path}: {error.strerror}.") from error
    if owner is not None and owner.switches:
        os.chown(path, owner.uid, owner.gid)
    if mode != PRIVATE:
        path.chmod(mode)


def check_reachable(path: Path, account: Account) -> None:
    """Raise SetupMissing when the account can't traverse to path; nothing is opened up for it."""
    if not account.switches:
        return
    for folder in reversed(path.parents):
        facts = folder.stat()
        bit = stat.S_IXOTH
        if facts.st_uid == account.uid:
            bit = stat.S_IXUSR
        elif facts.st_gid == account.gid:
            bit = stat.S_IXGRP
        if not facts.st_mode & bit:
            raise SetupMissing(
                f"The system user {account.name} can't reach {path}: {folder} is private.",
                hint="Use a folder that other users may pass through, such as /var/lib/mains.",
            )


def write_file(path: Path, text: str, *, mode: int, owner: Account | None = None) -> None:
    """Replace a file in one step; it has its mode before it has its content."""
    partial = path.with_name(path.name + ".partial")
    with suppress(FileNotFoundError):
        partial.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(partial, flags, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if owner is not None and owner.switches:
            os.fchown(descriptor, owner.uid, owner.gid)
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    partial.replace(path)


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk, such as those of files that were renamed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
