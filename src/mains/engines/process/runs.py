"""The runs in an engine's folder as the engine knows them; reads their words, ends orphans."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from mains.engines.base import Observation
from mains.engines.process import cgroups, environments, keyrings, processes
from mains.engines.process.folder import (
    Json,
    RunFolder,
    claim,
    read_json,
    scrub_shared_folders,
    write_json,
)
from mains.engines.rules import FINAL_WORDS
from mains.wire.agent import AttemptReport, RunState, TaskReport, UsageLine

SEQUENCES_SKIPPED: Final = 1_000
"""A power cut may take back readings that were reported; the last one must not reuse a number."""

LOST_REASON: Final = "the run's supervisor was lost"


@dataclass(slots=True)
class Run:
    """One started attempt; seen is the newest observation, kept for good once it is final."""

    folder: RunFolder
    order: Json
    plan: Json
    holder: Json | None
    seen: Observation | None = None
    signature: tuple[int, int] = (0, 0)

    @property
    def attempt_id(self) -> UUID:
        return UUID(self.order["attempt_id"])

    @property
    def fence(self) -> int:
        return int(self.order["fence"])

    @property
    def ended(self) -> bool:
        return self.seen is not None and self.seen.usage.final

    @property
    def uid(self) -> int | None:
        uid: int | None = self.plan["confinement"]["uid"]
        return uid

    def supervised(self) -> bool:
        return self.holder is not None and processes.lives(self.holder)

    def look(self) -> Observation | None:
        """Return the supervisor's newest word; None when it has said nothing yet."""
        if self.ended:
            return self.seen
        try:
            facts = self.folder.state.stat()
        except FileNotFoundError:
            return None
        signature = (facts.st_mtime_ns, facts.st_ino)
        if signature == self.signature:
            return self.seen
        try:
            if (state := read_json(self.folder.state)) is not None:
                self.seen = observation(self.attempt_id, self.fence, state)
                self.signature = signature
        except (ValueError, KeyError, TypeError):
            # A trusted run may write over its own record; it keeps no other run from being seen.
            return self.seen
        return self.seen


def load(folder: RunFolder) -> Run | None:
    """Return a run from its folder; None where the folder was never finished."""
    kept = read_json(folder.order)
    if kept is None:
        return None
    return Run(folder, kept["order"], kept["plan"], read_json(folder.claim))


def folders(runs: Path) -> Iterator[RunFolder]:
    return (RunFolder(path) for path in sorted(runs.iterdir()))


def observation(attempt_id: UUID, fence: int, state: Json) -> Observation:
    """Return a state file's content as the agent reports it."""
    usage = state["usage"]
    report = AttemptReport(
        attempt_id=attempt_id,
        fence=fence,
        state=RunState(state["state"]),
        tasks=[_task_report(task) for task in state["tasks"]],
        reason=state["reason"][:500],
    )
    line = UsageLine(
        attempt_id=attempt_id,
        fence=fence,
        sequence=usage["sequence"],
        unit_milliseconds=usage["unit_milliseconds"],
        cpu_milliseconds=usage["cpu_milliseconds"],
        memory_peak_bytes=usage["memory_peak_bytes"],
        measured_at=_instant(usage["measured_at_ms"]),
        final=usage["final"],
    )
    return Observation(report, line)


def bury(run: Run, *, now: datetime) -> None:
    """End what an orphaned run has left and write its last word: lost, with what it had used.

    May be called by any number of engines, again and again; only the dead are buried.
    """
    if run.supervised() or run.ended:
        return
    state = read_json(run.folder.state)
    if state is None or state["state"] not in FINAL_WORDS:
        end_processes(run)
        write_json(run.folder.state, _last_word(run, state, now), durable=True)
    cgroups.remove(run.plan["confinement"]["groups"])


def end_processes(run: Run) -> None:
    """End every process of a run that its dead supervisor can't end any more."""
    groups = run.plan["confinement"]["groups"]
    mark = f"MAINS_ATTEMPT_ID={run.attempt_id}".encode()
    cgroups.kill(groups)

    def remaining() -> set[int]:
        if run.uid is not None:
            return {*cgroups.members(groups), *processes.of_user(run.uid)}
        return {*cgroups.members(groups), *processes.with_environment(mark)}

    processes.end_all(remaining)
    if run.uid is not None:
        scrub_shared_folders(run.uid)
        keyrings.clear(run.uid)
    if run.plan["environment"] is not None:
        environments.withdraw_cache(Path(run.plan["environment"]["organisation"]) / "cache")


def abandon(folder: RunFolder) -> bool:
    """Make sure that a run without a claim never starts; False when it has one after all."""
    return claim(folder, {"pid": 0, "start_ticks": 0, "boot_id": "", "abandoned_by": os.getpid()})


def _last_word(run: Run, state: Json | None, now: datetime) -> Json:
    before = state["usage"] if state is not None else {**ZERO_USAGE, **run.plan["carried"]}
    tasks = list(state["tasks"]) if state is not None else []
    current = state["current"] if state is not None else None
    ended = {task["task"] for task in tasks}
    for number in range(run.order["first_task"], run.order["last_task"] + 1):
        if number not in ended:
            begun = current if current is not None and current["task"] == number else {}
            tasks.append({"task": number, **begun, "state": "lost", "reason": LOST_REASON})
    return {
        "state": "lost",
        "reason": LOST_REASON,
        "tasks": tasks,
        "current": None,
        "usage": {
            **before,
            "sequence": before["sequence"] + SEQUENCES_SKIPPED,
            "measured_at_ms": int(now.timestamp() * 1_000),
            "final": True,
        },
    }


ZERO_USAGE: Final = {
    "sequence": 0,
    "unit_milliseconds": 0,
    "cpu_milliseconds": 0,
    "memory_peak_bytes": 0,
}


def _task_report(task: Json) -> TaskReport:
    return TaskReport(
        task=task["task"],
        state=RunState(task["state"]),
        exit_code=task.get("exit_code"),
        unit_milliseconds=task.get("unit_milliseconds", 0),
        started_at=_instant(task["started_at_ms"]) if "started_at_ms" in task else None,
        ended_at=_instant(task["ended_at_ms"]) if "ended_at_ms" in task else None,
        reason=task["reason"][:500],
    )


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1_000, tz=UTC)
