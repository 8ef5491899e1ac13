"""Environments that a job's `setup` builds: kept per organisation and key, used by many runs.

    environments/ORGANISATION/KEY/ready        the name of the build that succeeded
    environments/ORGANISATION/KEY/BUILD/       a virtual environment, at its final path
    environments/ORGANISATION/cache/           downloads; open to the one set-up that runs
    environments/ORGANISATION/lock

An environment can't be moved, so a build is made where it stays, and becomes the environment when
`ready` is renamed into place. Nothing is shared between organisations: what one installs, another
never runs. Builds have random names in folders that can be passed but not listed.
"""

import fcntl
import os
import secrets
import stat
from pathlib import Path
from typing import Final, NamedTuple

from mains.engines.process.folder import remove_tree, sync_folder

READY: Final = "ready"
SETUP_SCRIPT: Final = """
set -e
"$MAINS_UV" venv --quiet --no-project --no-config --python "$MAINS_PYTHON" "$VIRTUAL_ENV"
if [ -n "$MAINS_PIP_WHEEL" ]; then
  UV_COMPILE_BYTECODE=0 "$MAINS_UV" pip install --quiet --no-config --offline --no-index \\
    --no-deps "$MAINS_PIP_WHEEL"
else
  printf '#!/bin/sh\\nexec "%s" pip "$@"\\n' "$MAINS_UV" > "$VIRTUAL_ENV/bin/pip"
  chmod 755 "$VIRTUAL_ENV/bin/pip"
fi
ln -sf "$MAINS_UV" "$VIRTUAL_ENV/bin/uv"
unset MAINS_PYTHON MAINS_PIP_WHEEL MAINS_UV
set +e
"""
"""Makes the virtual environment; the job's own set-up follows in the same shell."""


class EnvironmentPlan(NamedTuple):
    """What the engine decided: where the organisation's things are, and what to build with."""

    organisation: str
    key: str
    python: str
    uv: str
    pip_wheel: str

    @property
    def folder(self) -> Path:
        return Path(self.organisation) / self.key

    @property
    def cache(self) -> Path:
        return Path(self.organisation) / "cache"


def find_ready(plan: EnvironmentPlan) -> Path | None:
    """Return the environment that an earlier set-up has built, or None."""
    try:
        build = plan.folder / (plan.folder / READY).read_text().strip()
    except FileNotFoundError:
        return None
    return build if build.is_dir() else None


def try_lock(organisation: Path) -> int | None:
    """Return a held lock for the organisation's set-ups, or None while another one builds."""
    organisation.mkdir(mode=0o711, parents=True, exist_ok=True)
    organisation.chmod(0o711)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(organisation / "lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def begin(plan: EnvironmentPlan, *, uid: int | None) -> Path:
    """Make room for a build, owned by the run's user, and drop what failed ones have left."""
    if plan.folder.exists():
        remove_tree(plan.folder)
    plan.folder.mkdir(mode=0o711)
    plan.folder.chmod(0o711)
    build = plan.folder / secrets.token_hex(8)
    build.mkdir(mode=0o700)
    plan.cache.mkdir(mode=0o700, exist_ok=True)
    if uid is not None:
        os.chown(build, uid, uid)
        _lend_cache(plan.cache, uid)
    return build


def finish(plan: EnvironmentPlan, build: Path, *, uid: int | None) -> None:
    """Make a build that succeeded the environment; no run can change it from here on."""
    if uid is not None:
        _seal(build, uid)
    temporary = plan.folder / f".{READY}"
    temporary.write_text(build.name)
    temporary.replace(plan.folder / READY)
    sync_folder(plan.folder)


def withdraw_cache(cache: Path) -> None:
    """Close the cache to the user who built; the same uid may next serve another organisation."""
    if os.geteuid() == 0 and cache.is_dir():
        os.chown(cache, 0, 0)


def _lend_cache(cache: Path, uid: int) -> None:
    """Give the downloads to the run's user; nothing of ours is ever in there, so nothing of ours
    is given away, whatever a set-up may have linked to."""
    mark = cache.with_name("cache-user")
    before = int(mark.read_text()) if mark.exists() else uid
    if before != uid:
        for _, folders, files, descriptor in os.fwalk(cache):
            for name in (*folders, *files):
                if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_uid == before:
                    os.chown(name, uid, uid, dir_fd=descriptor, follow_symlinks=False)
    mark.write_text(str(uid))
    os.chown(cache, uid, uid)


def _seal(build: Path, uid: int) -> None:
    """Take a build from the user who made it: ours now, readable by all, writable by none.

    Only what that user owns is touched, or a hard link planted in the build could open a foreign
    file. The mode goes first: no file of ours may ever carry the user's setuid bit.
    """
    for _, folders, files, descriptor in os.fwalk(build, topdown=False):
        for name in (*folders, *files):
            known = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if known.st_uid != uid:
                continue
            if not stat.S_ISLNK(known.st_mode):
                readable = 0o555 if known.st_mode & 0o111 else 0o444
                os.chmod(name, readable, dir_fd=descriptor)
            os.chown(name, 0, 0, dir_fd=descriptor, follow_symlinks=False)
    build.chmod(0o555)
    os.chown(build, 0, 0)
