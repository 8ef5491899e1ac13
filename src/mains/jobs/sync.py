"""The agents' door: what a site observed goes in, what it should do comes out.

Everything is level-triggered and set-based: a sync of one attempt and of five hundred take the same
number of statements, and one that is sent again changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from mains.db import Queries, Transaction, jsonb
from mains.jobs import rules
from mains.jobs.rules import Attempt, JobState
from mains.jobs.secrets import SecretBox
from mains.jobs.settling import Ended, settle
from mains.metering import service as metering
from mains.metering.service import Reading
from mains.settings import Settings
from mains.sites import service as sites
from mains.wire.agent import (
    PROTOCOL,
    AttemptReport,
    StartOrder,
    StopOrder,
    SyncAnswer,
    SyncRequest,
    UsageLine,
)

QUERIES = Queries.load(__package__, "queries.sql")

STARTS_MAX: Final = 500
STOPS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Orders:
    starts: list[StartOrder]
    stops: list[StopOrder]

    def __bool__(self) -> bool:
        return bool(self.starts or self.stops)


async def sync(
    tx: Transaction,
    request: SyncRequest,
    *,
    site_id: UUID,
    envelope: bytes,
    box: SecretBox,
    settings: Settings,
    now: datetime,
) -> SyncAnswer:
    """Take in one agent's observations and answer its orders; the caller has authenticated it."""
    lease_until = now + timedelta(seconds=settings.agent_lease_seconds)
    await sites.seen(
        tx,
        site_id=site_id,
        epoch=request.epoch,
        pools=request.pools,
        lease_until=lease_until,
        now=now,
    )
    newest = await _hear(tx, site_id, request)
    reports = {report.attempt_id: report for report in request.attempts}
    metered = {line.attempt_id for line in request.usage}
    complete = request.complete and newest
    missing = await _missing(tx, site_id, [*reports]) if complete else set()
    known = await _attempts(tx, site_id, {*reports, *metered, *missing})
    usage, refused = await _meter(tx, site_id, envelope, known, reports, request.usage, now=now)
    ended = _endings(known, reports, usage, now=now)
    ended += _losses([known[key] for key in missing if key in known], now=now)
    await _advance(tx, known, reports, usage, now=now)
    await settle(tx, ended, organisation_bytes_max=settings.organisation_bytes_max, now=now)
    await _renew(tx, site_id, known, lease_until)
    orders = await orders_for(tx, site_id, [*reports], box=box, settings=settings, now=now)
    return SyncAnswer(
        protocol=PROTOCOL,
        server_time=now,
        lease_until=lease_until,
        starts=orders.starts,
        stops=[*orders.stops, *_stale(known, reports)],
        forget=_forget(known, reports, ended),
        refused=refused,
        pools=None,
    )


async def orders_for(
    tx: Transaction,
    site_id: UUID,
    known: Sequence[UUID],
    *,
    box: SecretBox,
    settings: Settings,
    now: datetime,
) -> Orders:
    """Return what a site should start and stop now; again and again until it has."""
    rows = await tx.execute(
        QUERIES["offer_starts"],
        {
            "site_id": site_id,
            "known": known,
            "limit": STARTS_MAX,
            "assigned_since": rules.told_since(
                now=now, reporting_grace=settings.reporting_grace_seconds
            ),
            "lease_until": now + timedelta(seconds=settings.agent_lease_seconds),
            "now": now,
        },
    )
    starts = [_start(row, box, settings) for row in await rows.fetchall()]
    rows = await tx.execute(QUERIES["wanted_stops"], {"site_id": site_id, "limit": STOPS_MAX})
    return Orders(starts, [_stop(row) for row in await rows.fetchall()])


async def _hear(tx: Transaction, site_id: UUID, request: SyncRequest) -> bool:
    """Take the site's turn; returns whether no newer message of it was heard before."""
    said = {"site_id": site_id, "epoch": request.epoch, "sequence": request.sequence}
    return await (await tx.execute(QUERIES["hear"], said)).fetchone() is not None


async def _attempts(tx: Transaction, site_id: UUID, ids: Iterable[UUID]) -> dict[UUID, Attempt]:
    wanted = {"ids": list(ids), "site_id": site_id}
    if not wanted["ids"]:
        return {}
    await tx.execute(QUERIES["lock_jobs_of_attempts"], wanted)
    rows = await tx.execute(QUERIES["attempts_of_site"], wanted)
    return {row["attempt_id"]: attempt_of(row) for row in await rows.fetchall()}


def attempt_of(row: Mapping[str, Any]) -> Attempt:
    stopping = tuple((span.lower, span.upper - 1) for span in row["stopping"])
    return Attempt(**{**row, "state": JobState(row["state"]), "stopping": stopping})


async def _meter(
    tx: Transaction,
    site_id: UUID,
    envelope: bytes,
    known: Mapping[UUID, Attempt],
    reports: Mapping[UUID, AttemptReport],
    usage: Sequence[UsageLine],
    *,
    now: datetime,
) -> tuple[dict[UUID, UsageLine], dict[str, str]]:
    """Price and capture every reading; returns those to go by, and the refused ones with reasons.

    A reading of an attempt that is not this site's, or of another fence, is recorded too; so is
    each that one message has too much.
    """
    ended = {key for key, report in reports.items() if report.state.final}
    lines = [
        _reading(line, known.get(line.attempt_id), final=line.attempt_id in ended) for line in usage
    ]
    answers = await metering.record(tx, site_id=site_id, statement=envelope, lines=lines, now=now)
    judged = list(zip(usage, answers, strict=True))
    good = {line.attempt_id: line for line, answer in judged if answer.outcome.harmless}
    bad = {str(line.attempt_id): a.outcome.value for line, a in judged if not a.outcome.harmless}
    return good, bad


def _reading(line: UsageLine, attempt: Attempt | None, *, final: bool) -> Reading:
    refusal = ""
    if attempt is None:
        refusal = "this site has no such attempt"
    elif line.fence != attempt.fence:
        refusal = f"the attempt's fence is {attempt.fence}, not {line.fence}"
    return Reading(
        draw_id=line.attempt_id,
        sequence=line.sequence,
        unit_milliseconds=line.unit_milliseconds,
        cpu_milliseconds=line.cpu_milliseconds,
        memory_peak_bytes=line.memory_peak_bytes,
        energy_joules=line.energy_joules,
        final=line.final and final,
        price_micros_per_unit_hour=attempt.price_micros if attempt is not None else 0,
        refusal=refusal,
    )


def _live(attempt: Attempt, report: AttemptReport) -> bool:
    return attempt.ended_at is None and report.fence == attempt.fence


def _endings(
    known: Mapping[UUID, Attempt],
    reports: Mapping[UUID, AttemptReport],
    usage: Mapping[UUID, UsageLine],
    *,
    now: datetime,
) -> list[Ended]:
    endings = []
    for key, report in reports.items():
        attempt = known.get(key)
        if attempt is None or not report.state.final or not _live(attempt, report):
            continue
        used = usage[key].unit_milliseconds if key in usage else attempt.unit_milliseconds
        attempt = replace(attempt, unit_milliseconds=max(used, attempt.unit_milliseconds))
        endings.append(Ended(attempt, rules.end(attempt, report, now=now), report.artefacts))
    return endings


async def _missing(tx: Transaction, site_id: UUID, reported: Sequence[UUID]) -> set[UUID]:
    """Return runs that the site had and no longer lists."""
    rows = await tx.execute(QUERIES["attempts_missing"], {"site_id": site_id, "known": reported})
    return {row["id"] for row in await rows.fetchall()}


def _losses(missing: Sequence[Attempt], *, now: datetime) -> list[Ended]:
    reason = "the site has lost the run"
    return [
        Ended(attempt, rules.loss(attempt, reason=reason, now=now), ())
        for attempt in missing
        if attempt.ended_at is None
    ]


async def _advance(
    tx: Transaction,
    known: Mapping[UUID, Attempt],
    reports: Mapping[UUID, AttemptReport],
    usage: Mapping[UUID, UsageLine],
    *,
    now: datetime,
) -> None:
    """Move attempts that go on to the state their site reports, and their jobs with them."""
    rows: list[dict[str, Any]] = []
    jobs: set[UUID] = set()
    for key, report in reports.items():
        attempt = known.get(key)
        if attempt is None or report.state.final or not _live(attempt, report):
            continue
        used = usage[key].unit_milliseconds if key in usage else 0
        if report.state.value == attempt.state and used <= attempt.unit_milliseconds:
            continue
        rows.append({"id": key, "state": report.state.value, "unit_milliseconds": used})
        if report.state.value != attempt.state:
            jobs.add(attempt.job_id)
    if rows:
        await tx.execute(QUERIES["advance_attempts"], {"rows": jsonb(rows), "now": now})
    if jobs:
        await tx.execute(QUERIES["refresh_states"], {"ids": sorted(jobs)})


async def _renew(
    tx: Transaction, site_id: UUID, known: Mapping[UUID, Attempt], lease_until: datetime
) -> None:
    ids = [key for key, attempt in known.items() if attempt.ended_at is None]
    leased = [key for key in ids if known[key].retry == "elsewhere"]
    if leased:
        await tx.execute(
            QUERIES["renew_leases"],
            {"site_id": site_id, "ids": leased, "lease_until": lease_until},
        )


def _stale(known: Mapping[UUID, Attempt], reports: Mapping[UUID, AttemptReport]) -> list[StopOrder]:
    """Return stops for runs that are no longer wanted: unknown here, ended here, or fenced off."""
    return [
        StopOrder(attempt_id=key, fence=report.fence, reason="stale")
        for key, report in reports.items()
        if not report.state.final and (key not in known or not _live(known[key], report))
    ]


def _forget(
    known: Mapping[UUID, Attempt],
    reports: Mapping[UUID, AttemptReport],
    ended: Sequence[Ended],
) -> list[UUID]:
    now_ended = {each.attempt.attempt_id for each in ended}
    return [
        key
        for key, report in reports.items()
        if report.state.final
        and (key in now_ended or key not in known or not _live(known[key], report))
    ]


def _start(row: Mapping[str, Any], box: SecretBox, settings: Settings) -> StartOrder:
    spec = row["spec"]
    secrets: dict[str, str] = {}
    if row["secrets"] is not None:
        secrets = orjson.loads(box.open(bytes(row["secrets"]), job_id=row["job_id"]))
    return StartOrder(
        attempt_id=row["id"],
        job_id=row["job_id"],
        organisation_id=row["organisation_id"],
        fence=row["fence"],
        pool_id=row["pool_id"],
        name=row["name"],
        first_task=row["first_task"],
        last_task=row["last_task"],
        units=row["units"],
        cpus=row["cpus"],
        memory_bytes=row["memory_bytes"],
        wall_seconds_max=row["wall_seconds"],
        task_seconds_max=row["time_seconds"],
        grace_seconds=row["grace_seconds"],
        leased=row["leased"],
        bundle=row["bundle"],
        setup=spec["setup"],
        run=spec["run"],
        envs=spec["envs"],
        secrets=secrets,
        output_bytes_max=settings.blob_bytes_max,
        log_bytes_max=settings.log_bytes_per_task_max,
        outputs=spec["outputs"],
    )


def _stop(row: Mapping[str, Any]) -> StopOrder:
    """Stop the whole attempt when every task of it is to end, else only those."""
    wanted = [task for span in row["stopping"] for task in range(span.lower, span.upper)]
    whole = len(wanted) > row["last_task"] - row["first_task"]
    return StopOrder(
        attempt_id=row["id"],
        fence=row["fence"],
        reason=row["stop_reason"],
        tasks=None if whole else wanted,
    )
