"""What the queries of jobs do, on tables: one function for each, named as the query is."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg.types.range import Range

from mains.jobs.dispatch import QUERIES
from mains.jobs.rules import multirange, spans
from tests.simulation.ledger_queries import is_open, room_of
from tests.simulation.store import Asked, Row, Store, answers, nothing

STAGES: Final = ("assigned", "staging", "running", "finishing")

nothing(
    QUERIES,
    "lock_quotes",
    "lock_jobs",
    "lock_jobs_of_attempts",
    "delete_old_logs",
    "delete_old_contents",
    "delete_old_uploads",
)


def tasks_of(multirange: str) -> frozenset[int]:
    """Read a multirange such as {[0,3),[5,6)}."""
    inner = multirange.strip("{}")
    pairs = [part.strip("[)").split(",") for part in inner.split("),[")] if inner else []
    return frozenset(task for first, end in pairs for task in range(int(first), int(end)))


def ranges(tasks: Iterable[int]) -> list[Range[int]]:
    return [Range(first, last + 1) for first, last in spans(tasks)]


def covered(attempt: Row) -> range:
    return range(attempt["first_task"], attempt["last_task"] + 1)


def live(store: Store) -> list[Row]:
    return [row for row in store.attempts.values() if row["ended_at"] is None]


@answers(QUERIES, "known_jobs")
def known_jobs(store: Store, asked: Asked) -> list[Row]:
    found = [store.jobs[key] for key in asked["ids"] if key in store.jobs]
    return [
        {
            "id": job["id"],
            "request_hash": job["request_hash"],
            "ceiling": store.quotes[job["quote_id"]]["ceiling"],
            "currency": store.quotes[job["quote_id"]]["currency"],
        }
        for job in found
    ]


@answers(QUERIES, "jobs_of_quotes")
def jobs_of_quotes(store: Store, asked: Asked) -> list[Row]:
    wanted = set(asked["ids"])
    return [row for row in store.jobs.values() if row["quote_id"] in wanted]


@answers(QUERIES, "insert_jobs")
def insert_jobs(store: Store, asked: Asked) -> list[Row]:
    for row in asked["terms"].obj:
        digest = bytes.fromhex(row["digest"].removeprefix("\\x"))
        if digest not in store.terms:
            store.put(store.terms, digest, {**row, "digest": digest})
    for row in asked["rows"].obj:
        assert row["id"] not in store.jobs, "a job is inserted once"
        job = {
            **row,
            "terms": bytes.fromhex(row["terms"].removeprefix("\\x")),
            "request_hash": bytes.fromhex(row["request_hash"].removeprefix("\\x")),
            "waiting": tasks_of(row["waiting"]),
            "state": "queued",
            "reason": "",
            "fence": 0,
            "losses": 0,
            "tasks_succeeded": 0,
            "tasks_failed": 0,
            "tasks_cancelled": 0,
            "cancelled_by": None,
            "started_at": None,
            "ended_at": None,
            "settled_at": None,
        }
        store.put(store.jobs, row["id"], job)
    return []


@answers(QUERIES, "hear")
def hear(store: Store, asked: Asked) -> list[Row]:
    heard = store.heard.get(asked["site_id"])
    said = (asked["epoch"], asked["sequence"])
    if heard is not None and (heard["epoch"], heard["sequence"]) >= said:
        return []
    store.put(store.heard, asked["site_id"], dict(asked))
    return [{"sequence": asked["sequence"]}]


def _attempt(store: Store, row: Row) -> Row:
    job = store.jobs[row["job_id"]]
    return {
        "attempt_id": row["id"],
        "job_id": row["job_id"],
        "organisation_id": row["organisation_id"],
        "site_id": row["site_id"],
        "fence": row["fence"],
        "state": row["state"],
        "first_task": row["first_task"],
        "last_task": row["last_task"],
        "ended_at": row["ended_at"],
        "price_micros": row["price_micros"],
        "unit_milliseconds": row["unit_milliseconds"],
        "stopping": ranges(row["stopping"]),
        "retry": job["retry"],
        "losses": job["losses"],
        "attempts_max": job["attempts_max"],
        "cancelled": job["cancelled_by"] is not None,
    }


def _by_id(store: Store, ids: Iterable[UUID]) -> list[Row]:
    return [store.attempts[key] for key in sorted(set(ids)) if key in store.attempts]


@answers(QUERIES, "attempts_of_site")
def attempts_of_site(store: Store, asked: Asked) -> list[Row]:
    found = _by_id(store, asked["ids"])
    return [_attempt(store, row) for row in found if row["site_id"] == asked["site_id"]]


@answers(QUERIES, "attempts_by_id")
def attempts_by_id(store: Store, asked: Asked) -> list[Row]:
    return [_attempt(store, row) for row in _by_id(store, asked["ids"])]


@answers(QUERIES, "attempts_missing")
def attempts_missing(store: Store, asked: Asked) -> list[Row]:
    known = set(asked["known"])
    return [
        {"id": row["id"]}
        for row in live(store)
        if row["site_id"] == asked["site_id"]
        and row["id"] not in known
        and row["state"] in STAGES[1:]
    ]


@answers(QUERIES, "advance_attempts")
def advance_attempts(store: Store, asked: Asked) -> list[Row]:
    for told in asked["rows"].obj:
        row = store.attempts[told["id"]]
        if row["ended_at"] is not None:
            continue
        begun = None if told["state"] == "staging" else asked["now"]
        store.change(
            store.attempts,
            told["id"],
            state=told["state"],
            unit_milliseconds=max(row["unit_milliseconds"], told["unit_milliseconds"]),
            started_at=row["started_at"] or begun,
        )
    return []


@answers(QUERIES, "end_attempts")
def end_attempts(store: Store, asked: Asked) -> list[Row]:
    for told in asked["rows"].obj:
        row = store.attempts[told["id"]]
        if row["ended_at"] is not None:
            continue
        store.change(
            store.attempts,
            told["id"],
            state=told["state"],
            reason=told["reason"],
            unit_milliseconds=max(row["unit_milliseconds"], told["unit_milliseconds"]),
            started_at=row["started_at"] or told["started_at"],
            ended_at=asked["now"],
        )
    return []


@answers(QUERIES, "put_results")
def put_results(store: Store, asked: Asked) -> list[Row]:
    for row in asked["rows"].obj:
        if row["attempt_id"] not in store.results:
            store.put(store.results, row["attempt_id"], row)
    return []


@answers(QUERIES, "count_ends")
def count_ends(store: Store, asked: Asked) -> list[Row]:
    rows = []
    for told in asked["rows"].obj:
        job = store.jobs[told["id"]]
        job = store.change(
            store.jobs,
            told["id"],
            tasks_succeeded=job["tasks_succeeded"] + told["succeeded"],
            tasks_failed=job["tasks_failed"] + told["failed"],
            tasks_cancelled=job["tasks_cancelled"] + told["cancelled"],
            losses=job["losses"] + told["losses"],
            waiting=job["waiting"] | tasks_of(told["again"]),
        )
        rows.append({**job, "cancel_wanted": job["cancelled_by"] is not None})
    return rows


@answers(QUERIES, "finish_jobs")
def finish_jobs(store: Store, asked: Asked) -> list[Row]:
    for told in asked["rows"].obj:
        if store.jobs[told["id"]]["settled_at"] is None:
            store.change(
                store.jobs,
                told["id"],
                state=told["state"],
                reason=told["reason"],
                waiting=frozenset(),
                ended_at=asked["now"],
                settled_at=asked["now"],
            )
    return []


@answers(QUERIES, "refresh_states")
def refresh_states(store: Store, asked: Asked) -> list[Row]:
    for key in asked["ids"]:
        job = store.jobs[key]
        stages = [STAGES.index(row["state"]) for row in live(store) if row["job_id"] == key]
        state = STAGES[max(stages)] if stages else "queued"
        if job["ended_at"] is None and job["state"] != state:
            store.change(store.jobs, key, state=state)
    return []


@answers(QUERIES, "add_usage")
def add_usage(store: Store, asked: Asked) -> list[Row]:
    hour = asked["now"].replace(minute=0, second=0, microsecond=0)
    for told in asked["rows"].obj:
        key = (told["organisation_id"], hour)
        known = store.usage_hours.get(key, {"unit_milliseconds": 0})
        used = known["unit_milliseconds"] + told["unit_milliseconds"]
        store.put(store.usage_hours, key, {"unit_milliseconds": used})
    return []


@answers(QUERIES, "renew_leases")
def renew_leases(store: Store, asked: Asked) -> list[Row]:
    for row in _by_id(store, asked["ids"]):
        if row["site_id"] == asked["site_id"] and row["ended_at"] is None and row["leased"]:
            store.change(store.attempts, row["id"], lease_until=asked["lease_until"])
    return []


@answers(QUERIES, "offer_starts")
def offer_starts(store: Store, asked: Asked) -> list[Row]:
    known = set(asked["known"])
    rows = []
    for row in sorted(live(store), key=lambda row: row["id"]):
        if (
            row["site_id"] != asked["site_id"]
            or row["state"] != "assigned"
            or row["id"] in known
            or row["assigned_at"] <= asked["assigned_since"]
        ):
            continue
        job = store.jobs[row["job_id"]]
        lease = max(row["lease_until"], asked["lease_until"]) if row["leased"] else None
        row = store.change(
            store.attempts,
            row["id"],
            offered_at=row["offered_at"] or asked["now"],
            lease_until=lease,
        )
        mine = ("name", "spec", "bundle", "secrets", "time_seconds", "grace_seconds")
        rows.append({**row, **{key: job[key] for key in mine}})
    return rows[: asked["limit"]]


@answers(QUERIES, "wanted_stops")
def wanted_stops(store: Store, asked: Asked) -> list[Row]:
    return [
        {**row, "stopping": ranges(row["stopping"])}
        for row in live(store)
        if row["site_id"] == asked["site_id"] and row["stop_reason"] is not None
    ][: asked["limit"]]


@answers(QUERIES, "take_dispatch")
def take_dispatch(store: Store, _asked: Asked) -> list[Row]:
    return [store.change(store.dispatcher, True, fence=store.dispatcher[True]["fence"] + 1)]


@answers(QUERIES, "hold_dispatch")
def hold_dispatch(store: Store, asked: Asked) -> list[Row]:
    row = store.dispatcher[True]
    return [row] if row["fence"] == asked["fence"] else []


@answers(QUERIES, "note_life")
def note_life(_store: Store, _asked: Asked) -> list[Row]:
    return []


@answers(QUERIES, "waiting_jobs")
def waiting_jobs(store: Store, asked: Asked) -> list[Row]:
    def place(row: Asked) -> tuple[Any, ...]:
        return row["organisation_id"], row["submitted_at"], row["id"]

    waiting = [row for row in store.jobs.values() if row["waiting"] and place(row) > place(asked)]
    return [_waiting(job) for job in sorted(waiting, key=place)[: asked["limit"]]]


@answers(QUERIES, "forget_changes")
def forget_changes(store: Store, asked: Asked) -> list[Row]:
    seen = sorted(store.queue_changes)[: asked["limit"]]
    for key in seen:
        store.take(store.queue_changes, key)
    return [{"changes": len(seen)}]


@answers(QUERIES, "changed_jobs")
def changed_jobs(store: Store, asked: Asked) -> list[Row]:
    ours = store.dispatcher[True]["fence"] == asked["fence"]
    seen = sorted(store.queue_changes)[: asked["limit"]] if ours else []
    told = [store.take(store.queue_changes, key)["job_id"] for key in seen]
    ids = sorted({*told, *asked["ids"]})
    return [{**_waiting(store.jobs[key]), "changes": len(seen)} for key in ids]


def _waiting(job: Row) -> Row:
    return {**job, "waiting": multirange(spans(job["waiting"]))}


@answers(QUERIES, "terms_by_digest")
def terms_by_digest(store: Store, asked: Asked) -> list[Row]:
    known = [store.terms[key] for key in asked["digests"] if key in store.terms]
    return [{**row, "terms": orjson.dumps(row["terms"])} for row in known]


@answers(QUERIES, "pools_free")
def pools_free(store: Store, _asked: Asked) -> list[Row]:
    rows = []
    for pool in store.pools.values():
        if pool["reported_units"] is None:
            continue
        busy = [row for row in live(store) if row["pool_id"] == pool["id"]]
        found = {key: pool[key] for key in ("id", "site_id", "name", "trusted", "isolation")}
        for name in ("units", "cpus", "memory_bytes"):
            found[name] = min(pool[name], pool[f"reported_{name}"])
            found[f"busy_{name}"] = sum(row[name] for row in busy)
        rows.append(found)
    return rows


def _sums(pairs: Iterable[tuple[UUID, int]]) -> list[Row]:
    totals: dict[UUID, int] = {}
    for key, amount in pairs:
        totals[key] = totals.get(key, 0) + amount
    return [{"organisation_id": key, "unit_milliseconds": sum_} for key, sum_ in totals.items()]


@answers(QUERIES, "used_lately")
def used_lately(store: Store, asked: Asked) -> list[Row]:
    return _sums(
        (key, row["unit_milliseconds"])
        for (key, hour), row in store.usage_hours.items()
        if hour >= asked["since"]
    )


@answers(QUERIES, "committed")
def committed(store: Store, _asked: Asked) -> list[Row]:
    return _sums(
        (row["organisation_id"], row["units"] * row["wall_seconds"] * 1000) for row in live(store)
    )


@answers(QUERIES, "take_tasks")
def take_tasks(store: Store, asked: Asked) -> list[Row]:
    rows = []
    for told in asked["rows"].obj:
        job, taken = store.jobs[told["id"]], tasks_of(told["taken"])
        if taken <= job["waiting"] and job["cancelled_by"] is None:
            changed = store.change(
                store.jobs,
                told["id"],
                waiting=job["waiting"] - taken,
                fence=job["fence"] + told["attempts"],
                state="assigned" if job["state"] == "queued" else job["state"],
            )
            rows.append({"id": told["id"], "fence": changed["fence"]})
    return rows


@answers(QUERIES, "hold_rooms")
def hold_rooms(store: Store, asked: Asked) -> list[Row]:
    return [room_of(store, key) for key in asked["ids"]]


@answers(QUERIES, "insert_attempts")
def insert_attempts(store: Store, asked: Asked) -> list[Row]:
    for row in asked["rows"].obj:
        fresh = {
            **row,
            "state": "assigned",
            "reason": "",
            "stopping": frozenset(),
            "stop_reason": None,
            "offered_at": None,
            "started_at": None,
            "ended_at": None,
            "unit_milliseconds": 0,
        }
        store.put(store.attempts, row["id"], fresh)
        store.commit.placed.append(row["id"])
    return []


@answers(QUERIES, "attempts_given_up")
def attempts_given_up(store: Store, asked: Asked) -> list[Row]:
    return [row for row in live(store) if _is_given_up(store, row, asked)]


def _is_given_up(store: Store, row: Row, asked: Asked) -> bool:
    if row["deadline"] < asked["now"]:
        return True
    if not row["leased"] or row["offered_at"] is None:
        return False
    grace = store.jobs[row["job_id"]]["grace_seconds"] + asked["grace_seconds"]
    return bool(row["lease_until"] + timedelta(seconds=grace) < asked["now"])


@answers(QUERIES, "attempts_to_recall")
def attempts_to_recall(store: Store, asked: Asked) -> list[Row]:
    return [
        row
        for row in live(store)
        if row["offered_at"] is None
        and (
            _is_away(store.sites[row["site_id"]], asked["now"])
            or row["assigned_at"] <= asked["assigned_since"]
        )
    ]


def _is_away(site: Row, now: Any) -> bool:
    return site["lease_until"] is None or bool(site["lease_until"] < now)


@answers(QUERIES, "lock_unoffered")
def lock_unoffered(store: Store, asked: Asked) -> list[Row]:
    return [
        row
        for row in _by_id(store, asked["ids"])
        if row["ended_at"] is None and row["offered_at"] is None
    ]


@answers(QUERIES, "jobs_overdue")
def jobs_overdue(store: Store, asked: Asked) -> list[Row]:
    return [
        {"id": key}
        for key, job in store.jobs.items()
        if job["ended_at"] is None
        and store.ledger.holds[key].request.expires_at <= asked["now"]
        and is_open(store, key)
    ]


@answers(QUERIES, "still_overdue")
def still_overdue(store: Store, asked: Asked) -> list[Row]:
    jobs = [store.jobs[key] for key in asked["ids"]]
    return [job for job in jobs if job["ended_at"] is None and is_open(store, job["id"])]


@answers(QUERIES, "lock_job")
def lock_job(store: Store, asked: Asked) -> list[Row]:
    job = store.jobs.get(asked["id"])
    if job is None:
        return []
    cancelled = job["cancelled_by"] is not None
    return [{**job, "waiting": ranges(job["waiting"]), "cancelled": cancelled}]


@answers(QUERIES, "cancel_waiting")
def cancel_waiting(store: Store, asked: Asked) -> list[Row]:
    job = store.jobs[asked["id"]]
    by = asked["actor_id"] if asked["whole"] else job["cancelled_by"]
    store.change(
        store.jobs,
        asked["id"],
        waiting=job["waiting"] - tasks_of(asked["wanted"]),
        cancelled_by=by,
    )
    return []


@answers(QUERIES, "live_attempts_of_job")
def live_attempts_of_job(store: Store, asked: Asked) -> list[Row]:
    return [
        {**row, "offered": row["offered_at"] is not None}
        for row in sorted(live(store), key=lambda row: row["id"])
        if row["job_id"] == asked["id"]
    ]


@answers(QUERIES, "stop_attempts")
def stop_attempts(store: Store, asked: Asked) -> list[Row]:
    wanted = tasks_of(asked["wanted"])
    for row in _by_id(store, asked["ids"]):
        if row["ended_at"] is None:
            stopping = row["stopping"] | (wanted & frozenset(covered(row)))
            store.change(store.attempts, row["id"], stopping=stopping, stop_reason="cancelled")
    return []
