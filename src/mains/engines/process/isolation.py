"""How runs are kept apart on this machine: what is asked for, tried before it is promised."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Final, Literal

from mains.engines.process.child import Confinement, sandbox_options
from mains.errors import SetupMissing

Isolation = Literal["uid", "bubblewrap", "trusted"]
Wanted = Literal["auto", "uid", "bubblewrap", "trusted"]

PROBE_SECONDS_MAX: Final = 20


def choose(wanted: Wanted, *, folder: Path, uids: range) -> Isolation:
    """Return the isolation that works here; raises SetupMissing when the wanted one does not."""
    if wanted == "trusted":
        return "trusted"
    reasons = {}
    if wanted in ("auto", "uid"):
        if not (reason := _uid_reason(folder, uids)):
            return "uid"
        reasons["uid"] = reason
    if wanted == "bubblewrap" or (wanted == "auto" and os.geteuid() != 0):
        if not (reason := _bubblewrap_reason()):
            return "bubblewrap"
        reasons["bubblewrap"] = reason
    if wanted == "auto" and os.geteuid() != 0:
        return "trusted"
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    raise SetupMissing(
        f"runs can't be kept apart here ({told})",
        hint="Choose another folder or uid range for the site, or install bubblewrap.",
    )


def bwrap() -> str | None:
    return shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")


def can(argv: list[str], *, uid: int | None) -> bool:
    """Try whether a command succeeds as the run's user (None: as this one)."""
    return output_of(argv, uid=uid) is not None


def output_of(argv: list[str], *, uid: int | None) -> str | None:
    """Return what a command prints as the run's user, or None when it fails."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS_MAX,
            check=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            text=True,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout


def _uid_reason(folder: Path, uids: range) -> str:
    """Return why runs can't have uids of their own; empty when they can."""
    if os.geteuid() != 0:
        return "only root can give runs other users"
    taken = [entry.pw_name for entry in pwd.getpwall() if entry.pw_uid in uids]
    if taken:
        return f"the uids {uids.start} to {uids.stop - 1} belong to {', '.join(taken[:3])}"
    if not can(["/bin/true"], uid=uids.start):
        return f"the uid {uids.start} can't be taken on this machine"
    if not can(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], uid=uids.start):
        return f"other users can't pass through to {folder}"
    return ""


def _bubblewrap_reason() -> str:
    path = bwrap()
    if path is None:
        return "the program bwrap is not installed"
    nothing = Confinement(uid=None, bwrap=path, groups={}, affinity=())
    if not can([path, *sandbox_options(nothing), "--", "/bin/true"], uid=None):
        return "bwrap is installed but may not make a sandbox"
    return ""
