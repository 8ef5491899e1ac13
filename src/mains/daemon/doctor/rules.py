"""What is well, what is worth a look, and what is wrong: pure, from facts that were gathered.

Every threshold is named here, once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

PRIVATE: Final = 0o077
"""Bits of a mode that let anybody else in."""

DISK_BYTES_WARN: Final = 10 * 2**30
DISK_BYTES_FAIL: Final = 2**30
CLOCK_SECONDS_WARN: Final = 5.0
CLOCK_SECONDS_FAIL: Final = 300.0
"""A third of what makes agents' messages be refused."""

HEALTH_SECONDS_WARN: Final = 1.0
QUEUE_WARN: Final = timedelta(hours=1)
BACKUP_WARN: Final = timedelta(hours=26)
BACKUP_FAIL: Final = timedelta(days=8)
ARCHIVE_WARN: Final = timedelta(minutes=10)
KEY_WARN: Final = timedelta(days=730)
CERTIFICATE_WARN: Final = timedelta(days=21)
LOG_BYTES_WARN: Final = 2 * 2**30
SHOWN_MAX: Final = 5
GIB: Final = 2**30


class State(StrEnum):
    """How a check ended; only FAIL makes the doctor end with 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what was looked at, how it is, and what to do next."""

    check: str
    state: State
    said: str
    next: str = ""


def home(mode: int, *, ours: bool) -> Finding:
    """Judge the home's mode and owner."""
    if not ours:
        return Finding(
            "home", State.FAIL, "belongs to another user", "Run mains as the user who owns it."
        )
    if mode & PRIVATE:
        return Finding("home", State.FAIL, f"others may enter: {mode:o}", "chmod 700 on MAINS_HOME")
    return Finding("home", State.OK, "private")


def keys(modes: Mapping[str, int], needed: Sequence[str], age: timedelta | None) -> Finding:
    """Judge the key files by name and mode; age is that of the signing key."""
    absent = [name for name in needed if name not in modes]
    if absent:
        return Finding(
            "keys",
            State.FAIL,
            f"missing: {', '.join(absent)}",
            "Restore them from their copy; without them keys and secrets are unreadable.",
        )
    open_ones = [name for name, mode in modes.items() if mode & PRIVATE]
    if open_ones:
        return Finding(
            "keys",
            State.FAIL,
            f"others may read: {', '.join(open_ones[:SHOWN_MAX])}",
            "chmod 600, and replace them: somebody may have read them.",
        )
    if age is not None and age > KEY_WARN:
        return Finding("keys", State.WARN, f"the signing key is {age.days} days old", "Plan a new.")
    return Finding("keys", State.OK, f"{len(modes)}, private")


def disk(free: Mapping[str, int]) -> Finding:
    """Judge the room on each disk that mains writes to, by the name of what is there."""
    name, least = min(free.items(), key=lambda item: (item[1], item[0]))
    said = f"{least / GIB:.1f} GiB free for {name}"
    if least < DISK_BYTES_FAIL:
        return Finding("disk", State.FAIL, said, "Make room now: a full disk stops the database.")
    if least < DISK_BYTES_WARN:
        return Finding("disk", State.WARN, said, "Make room, or move the archive elsewhere.")
    return Finding("disk", State.OK, said)


def process(*, running: bool, holder: int | None, postgres: int | None, stale: bool) -> Finding:
    """Judge what runs against what the lock and the state file say."""
    if running:
        return Finding("process", State.OK, f"mains up runs as process {holder}")
    if holder is not None:
        return Finding(
            "process", State.WARN, f"process {holder} starts, or restores", "Look again soon."
        )
    if postgres is not None:
        return Finding(
            "process",
            State.WARN,
            f"a Postgres is left over as process {postgres}",
            "`mains up` goes on with it, `mains down` ends it.",
        )
    left = "; up.json is left of one that was killed" if stale else ""
    return Finding("process", State.WARN, f"nothing runs{left}", "mains up")


def leftovers(names: Sequence[str]) -> Finding:
    """Judge what restores and half-made databases have left beside the data."""
    if not names:
        return Finding("leftovers", State.OK, "none")
    return Finding(
        "leftovers",
        State.WARN,
        f"beside the data: {', '.join(names[:SHOWN_MAX])}",
        "Remove them once the database that serves is the right one.",
    )


def clock(offset_seconds: float | None, *, synchronised: bool | None) -> Finding:
    """Judge this machine's clock against the database's, and whether it is kept by NTP."""
    offset = abs(offset_seconds or 0.0)
    said = f"{offset:.1f} s from the database's"
    if offset > CLOCK_SECONDS_FAIL:
        return Finding("clock", State.FAIL, said, "Use NTP on both machines.")
    if offset > CLOCK_SECONDS_WARN:
        return Finding("clock", State.WARN, said, "Use NTP on both machines.")
    if synchronised is False:
        return Finding("clock", State.WARN, "not kept by NTP", "Start chrony or another of them.")
    return Finding("clock", State.OK, said if offset_seconds is not None else "kept by NTP")


def api(seconds: float | None) -> Finding:
    """Judge how long the API took to answer; None where it did not."""
    if seconds is None:
        return Finding("api", State.FAIL, "does not answer", "Look into HOME/logs/api.log.")
    if seconds > HEALTH_SECONDS_WARN:
        return Finding("api", State.WARN, f"answers after {seconds:.1f} s", "Look at the load.")
    return Finding("api", State.OK, f"answers in {seconds * 1000:.0f} ms")


def dispatcher(listening: int, *, fence: int) -> Finding:
    """Judge how many dispatchers wait for work: one may."""
    if listening == 0:
        return Finding(
            "dispatcher",
            State.FAIL,
            f"none listens; the last had fence {fence}",
            "Look into HOME/logs/dispatcher.log; `mains up` starts it again.",
        )
    if listening > 1:
        return Finding(
            "dispatcher",
            State.WARN,
            f"{listening} listen; fence {fence} alone may place",
            "End the mains that should not serve this database.",
        )
    return Finding("dispatcher", State.OK, f"listens with fence {fence}")


def queue(waiting: int, oldest: timedelta | None) -> Finding:
    """Judge how long jobs wait for a place."""
    if oldest is None or oldest <= QUEUE_WARN:
        return Finding("queue", State.OK, f"{waiting} jobs wait")
    return Finding(
        "queue",
        State.WARN,
        f"{waiting} jobs wait, the oldest for {hours(oldest)}",
        "`mains why JOB` says what it waits for.",
    )


def agents(away: Sequence[str], *, sites: int) -> Finding:
    """Judge which active sites have not been heard of for their lease."""
    if not away:
        return Finding("agents", State.OK, f"{sites} of {sites} sites are heard")
    named = ", ".join(away[:SHOWN_MAX])
    state = State.FAIL if len(away) == sites else State.WARN
    return Finding(
        "agents", state, f"{len(away)} of {sites} sites are away: {named}", "Start their agents."
    )


def backup(age: timedelta | None, *, whole: bool) -> Finding:
    """Judge the last backup's age."""
    if age is None:
        return Finding("backup", State.WARN, "none was taken", "mains backup FOLDER")
    said = f"{hours(age)} old"
    if age > BACKUP_FAIL:
        return Finding("backup", State.FAIL, said, "mains backup FOLDER")
    if not whole:
        return Finding("backup", State.WARN, f"{said}, with contents missing", "Find them again.")
    if age > BACKUP_WARN:
        return Finding("backup", State.WARN, said, "mains backup FOLDER, each day")
    return Finding("backup", State.OK, said)


@dataclass(frozen=True, slots=True)
class Archiving:
    """What Postgres says of its archive, with how long ago it last succeeded and failed."""

    on: bool
    archived: timedelta | None
    failed: timedelta | None


def archive(wanted: bool, found: Archiving | None) -> Finding:
    """Judge whether the database's log reaches its archive."""
    if not wanted:
        return Finding("archive", State.OK, "off: what came after a backup is in none")
    if found is None:
        return Finding("archive", State.OK, "on; the database does not run")
    if not found.on:
        return Finding("archive", State.FAIL, "asked for, and off", "mains down, then mains up")
    if found.failed is not None and (found.archived is None or found.failed < found.archived):
        return Finding(
            "archive",
            State.FAIL,
            f"the last try failed {hours(found.failed)} ago",
            "Look into COMMONS/postgres/log; the disk fills until it works again.",
        )
    if found.archived is not None and found.archived > ARCHIVE_WARN:
        said = f"nothing was archived for {hours(found.archived)}"
        return Finding("archive", State.WARN, said, "Well if nothing happened; else look again.")
    return Finding("archive", State.OK, "works")


def certificate(left: timedelta) -> Finding:
    """Judge how long a proxy's certificate is still good."""
    if left <= timedelta(0):
        return Finding("certificate", State.FAIL, "has ended", "Renew it at the proxy.")
    state = State.WARN if left < CERTIFICATE_WARN else State.OK
    todo = "Renew it at the proxy." if state is State.WARN else ""
    return Finding("certificate", state, f"good for {left.days} days", todo)


def audit(broken: Sequence[str]) -> Finding:
    """Judge the invariants."""
    if not broken:
        return Finding("audit", State.OK, "clean")
    named = ", ".join(broken[:SHOWN_MAX])
    return Finding("audit", State.FAIL, f"broken: {named}", "Keep the database, and report it.")


def isolation(kind: str, why: str) -> Finding:
    """Judge how runs of agents on this machine would be kept apart; empty where they can't."""
    if kind in ("uid", "bubblewrap"):
        return Finding("isolation", State.OK, kind)
    if kind:
        return Finding(
            "isolation",
            State.WARN,
            "none: pools here take jobs of their own organisation alone",
            "Install bubblewrap, or run the agents as root.",
        )
    return Finding("isolation", State.WARN, why, "Only matters where agents run on this machine.")


def logs(size_bytes: int) -> Finding:
    """Judge how much the logs take."""
    said = f"{size_bytes / GIB:.1f} GiB"
    if size_bytes > LOG_BYTES_WARN:
        return Finding("logs", State.WARN, said, "See which one grows, and why.")
    return Finding("logs", State.OK, said)


def age(then: datetime | None, now: datetime) -> timedelta | None:
    """Return how long ago something was, or None where it never was."""
    return None if then is None else now - then


def hours(span: timedelta) -> str:
    """Return a length of time in its largest unit."""
    seconds = int(span.total_seconds())
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"
