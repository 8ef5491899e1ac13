"""The queue in memory: whatever it is told, it holds who waits, oldest first, and nobody else."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mains.jobs.queue import Capacity, Kind, Queue, Term, Terms
from mains.jobs.rules import Spans

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def terms_at(*pools: int) -> Terms:
    return Terms.of([Term(UUID(int=pool), UUID(int=9), 1, "CNY", 1, 1, ()) for pool in pools])


HERE, THERE = terms_at(1, 2), terms_at(2, 3)
KINDS = [
    Kind(UUID(int=organisation), Capacity(units, 1, 1), 60, 0, "wait", terms)
    for organisation in (1, 2)
    for units in (1, 2)
    for terms in (HERE, THERE)
]


def test_what_was_told_last_stands_and_lines_are_in_the_order_of_age() -> None:
    queue = Queue()
    for number, minutes in enumerate((3, 1, 2)):
        queue.put(UUID(int=number), KINDS[0], ((0, 9),), NOW + timedelta(minutes=minutes))
    queue.put(UUID(int=1), KINDS[0], ((4, 9),), NOW + timedelta(minutes=1))
    (line,) = queue.organisations[UUID(int=1)].values()
    assert [(job.job_id.int, job.spans) for job in line.waiting()] == [
        (1, ((4, 9),)),
        (2, ((0, 9),)),
        (0, ((0, 9),)),
    ]


def test_a_pool_is_wanted_for_as_long_as_terms_of_a_waiting_job_name_it() -> None:
    queue = Queue()
    for number, kind in enumerate(KINDS):
        queue.put(UUID(int=number), kind, ((0, 0),), NOW)
    assert set(queue.wanted) == {1, 2, 3}
    for number, kind in enumerate(KINDS):
        if kind.terms is HERE:
            queue.drop(UUID(int=number))
    assert set(queue.wanted) == {2, 3}
    for number in range(len(KINDS)):
        queue.drop(UUID(int=number))
    assert not queue.wanted
    assert not queue.organisations
    assert not queue


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from([(), (), ((0, 0),), ((0, 4), (6, 7))]),
        ),
        max_size=150,
    )
)
def test_the_queue_is_what_a_plain_table_would_be(told: list[tuple[int, Spans]]) -> None:
    """Kind and age follow from the job, as in the database; only what waits of it changes."""
    queue, table = Queue(), dict[int, Spans]()
    for number, spans in told:
        kind = KINDS[number % len(KINDS)]
        queue.put(UUID(int=number), kind, spans, NOW + timedelta(seconds=number * 7 % 11))
        table.pop(number, None)
        if spans:
            table[number] = spans
    assert {job.job_id.int: job.spans for job in queue} == table
    assert len(queue) == len(table)
    found: dict[int, Spans] = {}
    for organisation, lines in queue.organisations.items():
        for kind, line in lines.items():
            jobs = list(line.waiting())
            assert line.oldest is jobs[0]
            assert len(jobs) == len(line) > 0
            assert [job.age_order for job in jobs] == sorted(job.age_order for job in jobs)
            assert all(job.kind is line.kind and job.kind == kind for job in jobs)
            assert kind.organisation_id == organisation
            found |= {job.job_id.int: job.spans for job in jobs}
    assert found == table
    assert set(queue.wanted) == {pool for job in queue for pool in job.kind.terms.pools}
