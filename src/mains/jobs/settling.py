"""Ends of attempts, whoever brings them: results, draws, jobs that are done, holds closed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from mains.db import Queries, Transaction, jsonb
from mains.jobs.rules import Attempt, Ending, JobState, multirange, outcome, spans
from mains.ledger import service as ledger
from mains.wire.agent import ArtefactReport

QUERIES = Queries.load(__package__, "queries.sql")

QUOTA_REASON = "artefacts were not kept: the organisation's storage quota is used up"


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt, the decision how it ends, and the artefacts that its site uploaded."""

    attempt: Attempt
    ending: Ending
    artefacts: Sequence[ArtefactReport]


async def settle(
    tx: Transaction, ended: Sequence[Ended], *, organisation_bytes_max: int, now: datetime
) -> None:
    """Write the ends of attempts and settle every job that has nothing left to do.

    The caller holds the locks of the jobs. Draws that the last meter closed already stay as they
    are; a loss is refunded to its hold, so that the next attempt finds its room again.
    """
    if not ended:
        return
    over_quota = await _keep_artefacts(tx, ended, organisation_bytes_max, now=now)
    await tx.execute(
        QUERIES["end_attempts"],
        {"rows": jsonb([_attempt_row(e) for e in ended]), "now": now},
    )
    await _put_results(tx, ended, over_quota)
    closings = [(e.attempt.attempt_id, e.ending.absorb) for e in ended]
    await ledger.close_draws(tx, closings, now=now)
    await count(tx, ended=ended, cancelled={}, now=now)
    # Last: these rows are shared by all jobs of an organisation, as its accounts are.
    await _add_usage(tx, ended, now=now)


async def count(
    tx: Transaction,
    *,
    ended: Sequence[Ended],
    cancelled: Mapping[UUID, int],
    now: datetime,
) -> None:
    """Add up what ended per job, then settle the jobs that are done and refresh the others.

    cancelled: tasks per job that ended while they waited and never had an attempt.
    """
    rows = _count_rows(ended, cancelled)
    last = {each.attempt.job_id: each.ending for each in ended}
    found = await tx.execute(QUERIES["count_ends"], {"rows": jsonb(rows)})
    finished: list[dict[str, Any]] = []
    going: list[UUID] = []
    for job in await found.fetchall():
        done = job["tasks_succeeded"] + job["tasks_failed"] + job["tasks_cancelled"]
        if done < job["tasks"]:
            going.append(job["id"])
        elif job["settled_at"] is None:
            finished.append(_finished_row(job, last.get(job["id"])))
    if going:
        await tx.execute(QUERIES["refresh_states"], {"ids": going})
    if finished:
        await finish(tx, finished, now=now)


async def finish(
    tx: Transaction, jobs: Sequence[Mapping[str, Any]], *, why: str = "settled", now: datetime
) -> None:
    """Give jobs their final state and close their holds: {id, state, reason} each."""
    await ledger.close_holds(tx, [job["id"] for job in jobs], reason=why, now=now)
    rows = jsonb([dict(job) for job in jobs])
    await tx.execute(QUERIES["finish_jobs"], {"rows": rows, "now": now})


def _finished_row(job: Mapping[str, Any], last: Ending | None) -> dict[str, Any]:
    state = outcome(
        tasks=job["tasks"],
        succeeded=job["tasks_succeeded"],
        cancelled=job["tasks_cancelled"],
        last=last.state if last is not None else JobState.CANCELLED,
        cancel_wanted=job["cancel_wanted"],
    )
    return {"id": job["id"], "state": state.value, "reason": _reason(state, job, last)}


def _reason(state: JobState, job: Mapping[str, Any], last: Ending | None) -> str:
    if state is JobState.SUCCEEDED:
        return ""
    if job["tasks"] > 1:
        return (
            f"{job['tasks_succeeded']} of {job['tasks']} tasks succeeded, "
            f"{job['tasks_failed']} failed, {job['tasks_cancelled']} were cancelled"
        )
    told = [task.reason for task in last.done if task.reason] if last is not None else []
    return told[0] if told else (last.reason if last is not None else "")


async def _keep_artefacts(
    tx: Transaction, ended: Sequence[Ended], organisation_bytes_max: int, *, now: datetime
) -> set[UUID]:
    """Record artefacts for who may read them; returns the attempts whose files were too much.

    Only what the site itself has uploaded counts, at its true size: to know a hash is not to own
    the content.
    """
    having = await _uploaded(tx, ended)
    if not having:
        return set()
    organisations = sorted({each.attempt.organisation_id for each in having})
    rows = await tx.execute(QUERIES["bytes_held"], {"ids": organisations})
    held = {row["organisation_id"]: row["bytes"] for row in await rows.fetchall()}
    over: set[UUID] = set()
    contents: dict[tuple[UUID, str], dict[str, Any]] = {}
    artefacts: list[dict[str, Any]] = []
    for each in having:
        organisation_id = each.attempt.organisation_id
        size = sum(artefact.size_bytes for artefact in each.artefacts)
        if held.get(organisation_id, 0) + size > organisation_bytes_max:
            over.add(each.attempt.attempt_id)
            continue
        held[organisation_id] = held.get(organisation_id, 0) + size
        for artefact in each.artefacts:
            contents[organisation_id, artefact.sha256] = {
                "organisation_id": organisation_id,
                "sha256": artefact.sha256,
                "size_bytes": artefact.size_bytes,
                "kind": "artefact",
            }
            artefacts.append(_artefact_row(each.attempt, artefact))
    await tx.execute(QUERIES["put_contents"], {"rows": jsonb(list(contents.values())), "now": now})
    await tx.execute(QUERIES["put_artefacts"], {"rows": jsonb(artefacts)})
    return over


async def _uploaded(tx: Transaction, ended: Sequence[Ended]) -> list[Ended]:
    """Return the ends that have artefacts, without those that never arrived from their site."""
    told = {(e.attempt.site_id, each.sha256) for e in ended for each in e.artefacts}
    if not told:
        return []
    rows = await tx.execute(
        QUERIES["uploads_of_sites"],
        {"sites": [site_id for site_id, _ in told], "hashes": [sha256 for _, sha256 in told]},
    )
    sizes = {(row["site_id"], row["sha256"]): row["size_bytes"] for row in await rows.fetchall()}
    found = []
    for end in ended:
        arrived = [
            each.model_copy(update={"size_bytes": sizes[end.attempt.site_id, each.sha256]})
            for each in end.artefacts
            if (end.attempt.site_id, each.sha256) in sizes and _is_of(end.attempt, each.task)
        ]
        found += [replace(end, artefacts=arrived)] if arrived else []
    return found


def _is_of(attempt: Attempt, task: int) -> bool:
    return attempt.first_task <= task <= attempt.last_task


def _artefact_row(attempt: Attempt, artefact: ArtefactReport) -> dict[str, Any]:
    return {
        "job_id": attempt.job_id,
        "task": artefact.task,
        "path": artefact.path,
        "sha256": artefact.sha256,
        "size_bytes": artefact.size_bytes,
        "attempt_id": attempt.attempt_id,
    }


def _attempt_row(each: Ended) -> dict[str, Any]:
    starts = [task.started_at for task in each.ending.done if task.started_at is not None]
    return {
        "id": each.attempt.attempt_id,
        "state": each.ending.state.value,
        "reason": each.ending.reason,
        "unit_milliseconds": each.attempt.unit_milliseconds,
        "started_at": min(starts, default=None),
    }


async def _put_results(tx: Transaction, ended: Sequence[Ended], over_quota: set[UUID]) -> None:
    rows = [
        _result_row(each, over_quota=each.attempt.attempt_id in over_quota)
        for each in ended
        if each.ending.done
    ]
    if rows:
        await tx.execute(QUERIES["put_results"], {"rows": jsonb(rows)})


def _result_row(each: Ended, *, over_quota: bool) -> dict[str, Any]:
    done = each.ending.done
    instead = QUOTA_REASON if over_quota else ""
    return {
        "attempt_id": each.attempt.attempt_id,
        "job_id": each.attempt.job_id,
        "tasks": [task.task for task in done],
        "states": [task.state.value for task in done],
        "exit_codes": [task.exit_code for task in done],
        "unit_milliseconds": [task.unit_milliseconds for task in done],
        "reasons": [task.reason or instead for task in done],
        "started_at": [task.started_at for task in done],
        "ended_at": [task.ended_at for task in done],
    }


async def _add_usage(tx: Transaction, ended: Sequence[Ended], *, now: datetime) -> None:
    used: dict[UUID, int] = defaultdict(int)
    for each in ended:
        used[each.attempt.organisation_id] += each.attempt.unit_milliseconds
    rows = [
        {"organisation_id": organisation_id, "unit_milliseconds": milliseconds}
        for organisation_id, milliseconds in used.items()
    ]
    await tx.execute(QUERIES["add_usage"], {"rows": jsonb(rows), "now": now})


def _count_rows(ended: Sequence[Ended], cancelled: Mapping[UUID, int]) -> list[dict[str, Any]]:
    """Return one row per job: what its attempts' ends add to it."""
    counts: dict[UUID, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    again: dict[UUID, list[int]] = defaultdict(list)
    for job_id, tasks in cancelled.items():
        counts[job_id]["cancelled"] += tasks
    for each in ended:
        of_job = counts[each.attempt.job_id]
        for task in each.ending.done:
            of_job[_column(task.state)] += 1
        of_job["losses"] += each.ending.counts_as_loss
        for first, last in each.ending.again:
            again[each.attempt.job_id] += range(first, last + 1)
    return [
        {
            "id": job_id,
            "succeeded": of_job["succeeded"],
            "failed": of_job["failed"],
            "cancelled": of_job["cancelled"],
            "losses": of_job["losses"],
            "again": multirange(spans(again[job_id])),
        }
        for job_id, of_job in counts.items()
    ]


def _column(state: JobState) -> str:
    if state is JobState.SUCCEEDED:
        return "succeeded"
    return "cancelled" if state is JobState.CANCELLED else "failed"
