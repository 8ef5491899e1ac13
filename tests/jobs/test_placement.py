"""Where waiting jobs go: examples in sentences, then what holds for any city."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mains.jobs.placement import (
    CHUNK_TASKS_MAX,
    STARVING_AFTER,
    Assignment,
    Pool,
    Snapshot,
    _Head,
    plan,
)
from mains.jobs.queue import Capacity, Kind, Queue, Term, Terms, Waiting
from tests.jobs.plain_plan import plain_plan

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FRESH = NOW - timedelta(minutes=1)
STALE = NOW - STARVING_AFTER
FIRM, RIVAL = UUID(int=1), UUID(int=2)


def units(count: int) -> Capacity:
    return Capacity(count, count, count)


ONE = units(1)


def a_pool(number: int, *, total: int = 4, free: int | None = None, **more: Any) -> Pool:
    return Pool(
        pool_id=UUID(int=100 + number),
        site_id=UUID(int=200 + number),
        site=f"site-{number}",
        name="cpu",
        total=units(total),
        free=units(total if free is None else free),
        **more,
    )


def a_term(pool: Pool, *, own: int = 1) -> Term:
    return Term(
        pool_id=pool.pool_id,
        tariff_id=UUID(int=1),
        price_micros_per_unit_hour=own,
        currency="CNY",
        task_micros=own,
        own_micros=own,
        rates_bps=(),
    )


def a_job(
    number: int,
    pools: Sequence[Pool] = (),
    *,
    of: UUID = FIRM,
    need: Capacity = ONE,
    seconds_per_task: int = 60,
    spans: tuple[tuple[int, int], ...] = ((0, 0),),
    terms: tuple[Term, ...] | None = None,
    submitted_at: datetime = FRESH,
) -> Waiting:
    offers = terms if terms is not None else tuple(a_term(pool) for pool in pools)
    kind = Kind(of, need, seconds_per_task, 0, "wait", same_terms(offers))
    return Waiting(UUID(int=1000 + number), kind, spans, submitted_at)


@cache
def same_terms(offers: tuple[Term, ...]) -> Terms:
    return Terms.of(offers)


def queue_of(waiting: Iterable[Waiting]) -> Queue:
    queue = Queue()
    for job in waiting:
        queue.put(job.job_id, job.kind, job.spans, job.submitted_at)
    return queue


def jobs_of(chosen: Sequence[Assignment]) -> list[int]:
    return [assignment.job_id.int - 1000 for assignment in chosen]


def planned(
    pools: Sequence[Pool], waiting: Sequence[Waiting], *, most: int = 1000, **used: int
) -> list[Assignment]:
    known = {"firm": FIRM, "rival": RIVAL}
    use = {known[name]: count for name, count in used.items()}
    return plan(Snapshot(pools, queue_of(waiting), use), now=NOW, assignments_max=most)


def test_the_cheapest_pool_is_filled_first_and_names_break_ties() -> None:
    north, south, west = a_pool(1, total=1), a_pool(2, total=1), a_pool(3, total=1)
    terms = (a_term(south, own=2), a_term(west, own=1), a_term(north, own=1))
    jobs = [a_job(number, [], terms=terms) for number in range(4)]
    chosen = planned([south, west, north], jobs)
    assert [each.pool_id for each in chosen] == [north.pool_id, west.pool_id, south.pool_id]
    assert jobs_of(chosen) == [0, 1, 2]


def test_the_oldest_job_of_an_organisation_goes_first() -> None:
    pool = a_pool(1, total=1)
    older = a_job(9, [pool], submitted_at=FRESH - timedelta(seconds=1))
    assert jobs_of(planned([pool], [a_job(1, [pool]), older])) == [9]


def test_the_organisation_that_used_less_goes_first() -> None:
    pool = a_pool(1, total=1)
    jobs = [a_job(1, [pool]), a_job(2, [pool], of=RIVAL)]
    assert jobs_of(planned([pool], jobs, firm=5, rival=4)) == [2]
    assert jobs_of(planned([pool], jobs, firm=4, rival=5)) == [1]


def test_what_a_turn_gives_counts_at_once() -> None:
    pool = a_pool(1, total=4)
    jobs = [a_job(number, [pool]) for number in range(4)]
    jobs += [a_job(10 + number, [pool], of=RIVAL) for number in range(4)]
    served = Counter(of_job >= 10 for of_job in jobs_of(planned([pool], jobs)))
    assert served == {True: 2, False: 2}


def test_an_array_is_cut_so_that_every_slot_gets_some_of_it() -> None:
    pools = [a_pool(1, total=2), a_pool(2, total=3)]
    chosen = planned(pools, [a_job(1, pools, spans=((0, 19),))])
    assert [(each.first_task, each.last_task) for each in chosen] == [
        (0, 1),
        (2, 3),
        (4, 5),
        (6, 7),
        (8, 9),
    ]


def test_a_chunk_has_a_bound_and_never_spans_a_gap() -> None:
    pool = a_pool(1, total=1)
    huge = a_job(1, [pool], spans=((0, 9_999),))
    (first,) = planned([pool], [huge])
    assert first.last_task == CHUNK_TASKS_MAX - 1
    (first,) = planned([pool], [a_job(1, [pool], spans=((3, 3), (5, 9)))])
    assert (first.first_task, first.last_task) == (3, 3)


def test_a_pool_without_isolation_runs_its_owners_jobs_only() -> None:
    pool = a_pool(1, total=2, trusted_organisation_id=RIVAL)
    jobs = [a_job(1, [pool]), a_job(2, [pool], of=RIVAL)]
    assert jobs_of(planned([pool], jobs)) == [2]


def test_a_job_with_no_tasks_or_no_pool_that_is_there_waits() -> None:
    pool, away = a_pool(1), a_pool(2)
    assert planned([pool], [a_job(1, [pool], spans=()), a_job(2, [away])]) == []


def test_a_starving_job_keeps_the_pool_that_it_needs_whole() -> None:
    pool, other = a_pool(1, total=4, free=3), a_pool(2, total=4, free=3)
    big = a_job(1, [pool], need=units(4), submitted_at=STALE)
    later = [a_job(number, [pool]) for number in range(2, 5)]
    assert planned([pool], [big, *later]) == []
    patient = replace(big, submitted_at=STALE + timedelta(seconds=1))
    assert jobs_of(planned([pool], [patient, *later])) == [2, 3, 4]
    elsewhere = [a_job(5, [pool, other])]
    assert [a.pool_id for a in planned([pool, other], [big, *elsewhere])] == [other.pool_id]


def test_two_starving_jobs_keep_a_pool_each_and_only_one_that_could_ever_do() -> None:
    small, north, south = a_pool(1, total=2, free=1), a_pool(2, free=3), a_pool(3, free=3)
    pools = [small, north, south]
    big = [
        a_job(1, pools, need=units(4), submitted_at=STALE),
        a_job(2, pools, need=units(4), submitted_at=STALE, seconds_per_task=61),
        a_job(3, pools, need=units(4), submitted_at=STALE, seconds_per_task=62),
    ]
    chosen = planned(pools, [*big, a_job(4, pools), a_job(5, pools)])
    assert [each.pool_id for each in chosen] == [small.pool_id]


def test_a_tick_gives_out_no_more_than_it_may() -> None:
    pool = a_pool(1, total=9)
    assert len(planned([pool], [a_job(n, [pool]) for n in range(9)], most=4)) == 4


# Any city ------------------------------------------------------------------------------------


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    pools = [
        a_pool(
            number,
            total=draw(st.integers(1, 6)),
            trusted_organisation_id=draw(st.sampled_from([None, None, None, FIRM])),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    pools = [p._replace(free=units(draw(st.integers(-1, p.total.units)))) for p in pools]
    known = [*pools, a_pool(9)]
    waiting = [draw(_jobs(number, known)) for number in range(draw(st.integers(0, 12)))]
    used = {UUID(int=n): draw(st.integers(0, 400_000)) for n in range(1, 4)}
    return Snapshot(pools, queue_of(waiting), used)


@st.composite
def _jobs(draw: st.DrawFn, number: int, pools: Sequence[Pool]) -> Waiting:
    chosen = draw(st.lists(st.sampled_from(pools), unique=True, max_size=4))
    need = Capacity(*(draw(st.integers(1, 3)) for _ in range(3)))
    first = draw(st.integers(0, 3))
    spans = [(first, first + draw(st.integers(0, 30)))]
    if draw(st.booleans()):
        spans.append((spans[0][1] + 2, spans[0][1] + 2 + draw(st.integers(0, 5))))
    return a_job(
        number,
        [],
        of=UUID(int=draw(st.integers(1, 3))),
        need=need,
        spans=tuple(spans),
        terms=tuple(a_term(pool, own=draw(st.integers(0, 3))) for pool in chosen),
        submitted_at=NOW - timedelta(minutes=draw(st.integers(0, 20))),
    )


def replay(snapshot: Snapshot, chosen: Sequence[Assignment]) -> dict[UUID, Capacity]:
    """Return what is free behind a plan; checks that no step of it took more than there was."""
    jobs = {job.job_id: job for job in snapshot.queue}
    free = {pool.pool_id: pool.free for pool in snapshot.pools}
    for assignment in chosen:
        need = jobs[assignment.job_id].kind.need
        assert free[assignment.pool_id].holds(need)
        free[assignment.pool_id] = free[assignment.pool_id].minus(need)
    return free


def tasks_of(chosen: Sequence[Assignment]) -> Iterator[tuple[UUID, int]]:
    for each in chosen:
        for task in range(each.first_task, each.last_task + 1):
            yield each.job_id, task


@settings(max_examples=40)
@given(snapshots())
def test_no_pool_is_filled_beyond_what_it_has_free(snapshot: Snapshot) -> None:
    replay(snapshot, plan(snapshot, now=NOW, assignments_max=1000))


@settings(max_examples=40)
@given(snapshots())
def test_no_task_is_placed_twice_or_without_having_waited(snapshot: Snapshot) -> None:
    placed = list(tasks_of(plan(snapshot, now=NOW, assignments_max=1000)))
    waiting = {
        (job.job_id, task)
        for job in snapshot.queue
        for first, last in job.spans
        for task in range(first, last + 1)
    }
    assert len(placed) == len(set(placed))
    assert set(placed) <= waiting


@settings(max_examples=40)
@given(snapshots())
def test_jobs_go_only_where_their_terms_and_the_pools_owner_let_them(snapshot: Snapshot) -> None:
    jobs = {job.job_id: job for job in snapshot.queue}
    pools = {pool.pool_id: pool for pool in snapshot.pools}
    for each in plan(snapshot, now=NOW, assignments_max=1000):
        job, pool = jobs[each.job_id], pools[each.pool_id]
        assert each.term in job.kind.terms.offers
        assert each.term.pool_id == each.pool_id
        assert each.site_id == pool.site_id
        assert pool.trusted_organisation_id in (None, job.kind.organisation_id)


@settings(max_examples=40)
@given(snapshots(), st.randoms(use_true_random=False))
def test_the_same_city_gets_the_same_plan_in_whatever_order_it_is_told(
    snapshot: Snapshot, random: Any
) -> None:
    pools, waiting = list(snapshot.pools), list(snapshot.queue)
    random.shuffle(pools)
    random.shuffle(waiting)
    shuffled = Snapshot(pools, queue_of(waiting), snapshot.used)
    first = plan(snapshot, now=NOW, assignments_max=1000)
    assert plan(shuffled, now=NOW, assignments_max=1000) == first
    assert plan(snapshot, now=NOW, assignments_max=3) == first[:3]


@settings(max_examples=40)
@given(snapshots())
def test_nothing_that_fits_a_free_pool_is_left_unless_the_pool_is_kept(snapshot: Snapshot) -> None:
    chosen = plan(snapshot, now=NOW, assignments_max=1000)
    free = replay(snapshot, chosen)
    placed = set(tasks_of(chosen))
    pools = {pool.pool_id: pool for pool in snapshot.pools}
    left = [
        job
        for job in snapshot.queue
        if any((job.job_id, t) not in placed for a, b in job.spans for t in range(a, b + 1))
    ]
    starving = [job for job in left if NOW - job.submitted_at >= STARVING_AFTER]
    kept = {term.pool_id for job in starving for term in job.kind.terms.offers}
    for job in left:
        for term in job.kind.terms.offers:
            if term.pool_id not in pools or term.pool_id in kept:
                continue
            admitted = pools[term.pool_id].admits(job.kind.organisation_id)
            assert not (admitted and free[term.pool_id].holds(job.kind.need))


@settings(max_examples=40)
@given(snapshots())
def test_every_chunk_takes_the_cheapest_pool_that_had_room_for_it(snapshot: Snapshot) -> None:
    jobs = {job.job_id: job for job in snapshot.queue}
    free = {pool.pool_id: pool.free for pool in snapshot.pools}
    pools = {pool.pool_id: pool for pool in snapshot.pools}
    calm = not any(NOW - job.submitted_at >= STARVING_AFTER for job in snapshot.queue)
    for each in plan(snapshot, now=NOW, assignments_max=1000):
        job = jobs[each.job_id]
        possible = [
            term.own_micros
            for term in job.kind.terms.offers
            if term.pool_id in free
            and pools[term.pool_id].admits(job.kind.organisation_id)
            and free[term.pool_id].holds(job.kind.need)
        ]
        assert not calm or each.term.own_micros == min(possible)
        free[each.pool_id] = free[each.pool_id].minus(job.kind.need)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=6), st.integers(1, 4))
def test_no_organisation_starves_while_another_floods_the_city(
    sizes: list[int], slots: int
) -> None:
    """Ticks in which all of the pool comes free again: everybody small is served within a few."""
    pool = a_pool(1, total=slots)
    flood = [a_job(n, [pool]) for n in range(200)]
    small = [a_job(500 + n, [pool], of=UUID(int=10 + n)) for n in range(len(sizes))]
    used: dict[UUID, int] = defaultdict(int)
    waiting = [*flood, *small]
    for _ in range(len(sizes) + 1):
        chosen = plan(Snapshot([pool], queue_of(waiting), used), now=NOW, assignments_max=1000)
        served = {each.job_id for each in chosen}
        for job in waiting:
            if job.job_id in served:
                used[job.kind.organisation_id] += job.kind.seconds_per_task * 1000
        waiting = [job for job in waiting if job.job_id not in served]
    assert not {job.job_id for job in small} & {job.job_id for job in waiting}


@st.composite
def crowds(draw: st.DrawFn) -> Snapshot:
    """Many jobs of few kinds, so that lines are long; half of them starve."""
    pools = [
        a_pool(
            number,
            total=draw(st.integers(1, 6)),
            trusted_organisation_id=draw(st.sampled_from([None, None, None, FIRM])),
        )
        for number in range(draw(st.integers(1, 6)))
    ]
    pools = [p._replace(free=units(draw(st.integers(-1, p.total.units)))) for p in pools]
    models = [draw(_jobs(number, [*pools, a_pool(9)])) for number in range(4)]
    waiting = [
        Waiting(
            UUID(int=1000 + number),
            model.kind._replace(organisation_id=UUID(int=draw(st.integers(1, 3)))),
            model.spans,
            NOW - timedelta(minutes=draw(st.integers(0, 20))),
        )
        for number in range(draw(st.integers(0, 30)))
        if (model := draw(st.sampled_from(models)))
    ]
    used = {UUID(int=n): draw(st.integers(0, 400_000)) for n in range(1, 4)}
    return Snapshot(pools, queue_of(waiting), used)


@settings(max_examples=200, deadline=None)
@given(st.one_of(snapshots(), crowds()), st.integers(0, 60))
def test_the_plan_is_the_one_of_looking_at_every_job(snapshot: Snapshot, most: int) -> None:
    assert plan(snapshot, now=NOW, assignments_max=most) == plain_plan(
        snapshot, now=NOW, assignments_max=most
    )


@pytest.mark.parametrize("submitted_at", [FRESH, STALE])
def test_a_full_city_is_planned_with_few_looks(submitted_at: datetime, monkeypatch: Any) -> None:
    """Thousands of jobs that can't go anywhere cost a look for each line, and one for each pool."""
    pools = [a_pool(n, total=4, free=0) for n in range(5)]
    waiting = [a_job(n, pools, of=UUID(int=n % 7), submitted_at=submitted_at) for n in range(3_000)]
    looks = 0
    step = _Head.step

    def counted(head: _Head) -> bool:
        nonlocal looks
        looks += 1
        return step(head)

    monkeypatch.setattr(_Head, "step", counted)
    assert planned(pools, waiting) == []
    assert looks <= 7 + len(pools)
