"""What the agents of one host have taken of it: shares that sum to the whole, users of their own.

A registry is one JSON file under a lock. An agent counts for as long as its folder exists,
whether it runs or not: its runs may still be there.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import platformdirs

from mains.errors import QuotaExceeded, StoreCorrupt
from mains.settings import SYSTEM_ROOT

WHOLE_PERCENT: Final = 100
UID_BASE: Final = 2_000_000_000
"""Far above what systems give to people and services, and below what 32-bit programs can name."""
UID_END: Final = 2_001_000_000
_FILE: Final = "agents.json"
_LOCK: Final = "agents.lock"

Agents = dict[str, dict[str, Any]]


class HostRegistry:
    """Opened by every agent of a host; each call reads, checks and writes under the lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of_this_host(cls) -> Self:
        """Return root's registry for the whole machine, or an ordinary user's own."""
        if os.geteuid() == 0:
            return cls(SYSTEM_ROOT / "host")
        return cls(platformdirs.user_data_path("mains") / "host")

    def claim_shares(self, agent: Path, shares: Mapping[str, int]) -> None:
        """Note which share of the host each pool of this agent takes, in percent.

        Raises QuotaExceeded when all agents together would take more than the whole host.
        """
        with self._locked() as agents:
            others = {
                folder: sum(entry.get("shares", {}).values())
                for folder, entry in agents.items()
                if folder != str(agent)
            }
            taken, wanted = sum(others.values()), sum(shares.values())
            if taken + wanted > WHOLE_PERCENT:
                raise QuotaExceeded(
                    f"the pools of this site take {wanted} % of the host, "
                    f"and {taken} % are taken already",
                    hint="Lower the pools' host_share_percent, or remove an agent that is no "
                    f"longer needed: {_told(others)}.",
                    taken_percent=taken,
                    wanted_percent=wanted,
                )
            agents.setdefault(str(agent), {})["shares"] = dict(shares)

    def claim_uids(self, agent: Path, *, count: int) -> int:
        """Return the first of `count` user ids that no other agent of this host has.

        An agent that asks again gets the same ones. Raises QuotaExceeded when none are left.
        """
        with self._locked() as agents:
            own = agents.get(str(agent), {})
            if own.get("uid_count") == count:
                return int(own["uid_base"])
            taken = sorted(
                (entry["uid_base"], entry["uid_base"] + entry["uid_count"])
                for folder, entry in agents.items()
                if folder != str(agent) and "uid_base" in entry
            )
            base = _first_gap(taken, count=count)
            agents.setdefault(str(agent), {}).update(uid_base=base, uid_count=count)
            return base

    def release(self, agent: Path) -> None:
        """Drop what an agent has taken."""
        with self._locked() as agents:
            agents.pop(str(agent), None)

    @contextmanager
    def _locked(self) -> Iterator[Agents]:
        """Give the entries of agents whose folders exist; write them back unless it raises."""
        self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = self._read()
            agents = {folder: entry for folder, entry in before.items() if Path(folder).is_dir()}
            yield agents
            self._write(agents)
        finally:
            os.close(descriptor)

    def _read(self) -> Agents:
        path = self._folder / _FILE
        if not path.exists():
            return {}
        try:
            agents = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise StoreCorrupt(
                f"{path} is damaged",
                hint="Stop this host's agents, remove the file and start them again.",
            ) from error
        return dict(agents)

    def _write(self, agents: Agents) -> None:
        path = self._folder / _FILE
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(agents, indent=1, sort_keys=True), "utf-8")
        temporary.replace(path)


def _first_gap(taken: list[tuple[int, int]], *, count: int) -> int:
    base = UID_BASE
    for start, end in taken:
        if base + count <= start:
            break
        base = max(base, end)
    if base + count > UID_END:
        raise QuotaExceeded(f"this host has no {count} user ids left for runs")
    return base


def _told(others: Mapping[str, int]) -> str:
    return ", ".join(f"{folder} ({percent} %)" for folder, percent in sorted(others.items()))
