"""What an agent may rely on, whichever engine it drives."""

from datetime import timedelta

import pytest

from mains.engines.base import OutputFile
from mains.errors import EngineRefused, NotFound
from mains.ids import new_id
from mains.wire.agent import RunState, UsageLine
from tests.engines.builders import (
    Waiting,
    a_pool,
    a_script,
    a_stop,
    an_order,
    content_of,
    log_of,
    run,
    see,
    until,
    until_ended,
    until_logged,
)

pytestmark = pytest.mark.anyio


async def test_every_configured_pool_is_reported(site: Waiting) -> None:
    (report,) = await site.engine.pools()
    assert report.pool_id == a_pool().pool_id
    assert 0 < report.units <= 2
    assert report.memory_bytes > 0


async def test_a_run_that_exits_with_zero_succeeds_and_its_meter_is_final(site: Waiting) -> None:
    order = an_order(**a_script(seconds=0.1), units=2)
    seen = await run(site, order)
    assert seen.report.state is RunState.SUCCEEDED
    assert seen.report.fence == seen.usage.fence == 1
    (task,) = seen.report.tasks
    assert (task.task, task.state, task.exit_code) == (0, RunState.SUCCEEDED, 0)
    assert task.started_at is not None
    assert task.ended_at is not None
    assert task.ended_at - task.started_at >= timedelta(seconds=0.1)
    assert seen.usage.final
    assert seen.usage.unit_milliseconds >= task.unit_milliseconds >= 200


async def test_a_failed_task_fails_the_attempt_and_the_others_run_all_the_same(
    site: Waiting,
) -> None:
    order = an_order(**a_script(exit_code=3), first_task=5, last_task=7)
    seen = await run(site, order)
    assert seen.report.state is RunState.FAILED
    assert [(task.task, task.exit_code) for task in seen.report.tasks] == [(5, 3), (6, 3), (7, 3)]
    assert "3" in seen.report.reason


async def test_an_ended_attempt_is_observed_the_same_until_it_is_forgotten(site: Waiting) -> None:
    order = an_order(**a_script())
    seen = await run(site, order)
    await site.pass_time()
    assert await see(site, order) == seen


async def test_starting_again_changes_nothing(site: Waiting) -> None:
    order = an_order(**a_script(seconds=0.2, log="once"))
    await site.engine.start(order, bundle=None)
    await until_logged(site, order, "once")
    await site.engine.start(order, bundle=None)
    seen = await until_ended(site, order)
    await site.engine.start(order, bundle=None)
    assert await see(site, order) == seen
    assert await log_of(site, order) == "once"


async def test_an_older_fence_is_refused_and_does_no_harm(site: Waiting) -> None:
    order = an_order(**a_script(), fence=2)
    seen = await run(site, order)
    with pytest.raises(EngineRefused):
        await site.engine.start(order.model_copy(update={"fence": 1}), bundle=None)
    assert await see(site, order) == seen


async def test_a_newer_fence_ends_the_older_run_and_its_meter_goes_on(site: Waiting) -> None:
    order = an_order(**a_script(seconds=30))
    await site.engine.start(order, bundle=None)
    before = await until(site, order, lambda seen: seen.usage.unit_milliseconds > 0)
    newer = order.model_copy(update={"fence": 2, **a_script(log="newer")})
    seen = await run(site, newer)
    assert (seen.report.fence, seen.report.state) == (2, RunState.SUCCEEDED)
    assert await log_of(site, newer) == "newer"
    assert seen.usage.sequence > before.usage.sequence
    assert seen.usage.unit_milliseconds >= before.usage.unit_milliseconds


async def test_a_stop_cancels_the_attempt_and_a_second_one_changes_nothing(site: Waiting) -> None:
    order = an_order(**a_script(seconds=30, log="begun"), last_task=2)
    await site.engine.start(order, bundle=None)
    await until_logged(site, order, "begun")
    await site.engine.stop(a_stop(order))
    await site.engine.stop(a_stop(order))
    seen = await until_ended(site, order)
    await site.engine.stop(a_stop(order, reason="lost"))
    assert seen.report.state is RunState.CANCELLED
    assert [task.state for task in seen.report.tasks] == [RunState.CANCELLED] * 3
    assert seen.report.tasks[2].started_at is None
    assert await see(site, order) == seen


async def test_a_stop_because_the_attempt_was_given_up_leaves_it_lost(site: Waiting) -> None:
    order = an_order(**a_script(seconds=30))
    await site.engine.start(order, bundle=None)
    await site.engine.stop(a_stop(order, reason="lost"))
    assert (await until_ended(site, order)).report.state is RunState.LOST


async def test_a_stop_for_an_unknown_attempt_or_an_older_fence_is_fine(site: Waiting) -> None:
    order = an_order(**a_script(seconds=0.2), fence=2)
    await site.engine.stop(a_stop(an_order()))
    await site.engine.start(order, bundle=None)
    await site.engine.stop(a_stop(order, fence=1))
    assert (await until_ended(site, order)).report.state is RunState.SUCCEEDED


async def test_single_tasks_are_cancelled_and_the_next_one_goes_on(site: Waiting) -> None:
    order = an_order(**a_script(seconds=0.4, log="begun"), last_task=3)
    await site.engine.start(order, bundle=None)
    await until_logged(site, order, "begun", task=0)
    await site.engine.stop(a_stop(order, tasks=[0, 2]))
    seen = await until_ended(site, order)
    assert [task.state for task in seen.report.tasks] == [
        RunState.CANCELLED,
        RunState.SUCCEEDED,
        RunState.CANCELLED,
        RunState.SUCCEEDED,
    ]
    assert seen.report.tasks[0].started_at is not None
    assert seen.report.tasks[2].started_at is None
    assert seen.report.tasks[2].unit_milliseconds == 0
    assert seen.report.state is RunState.SUCCEEDED


async def test_an_attempt_ends_at_its_time_limit(site: Waiting) -> None:
    order = an_order(**a_script(seconds=30), wall_seconds_max=1, last_task=1)
    seen = await run(site, order)
    assert seen.report.state is RunState.TIMED_OUT
    assert [task.state for task in seen.report.tasks] == [RunState.TIMED_OUT] * 2
    assert 1_000 <= seen.usage.unit_milliseconds < 8_000


async def test_a_task_ends_at_its_time_limit_and_the_next_one_goes_on(site: Waiting) -> None:
    order = an_order(**a_script(seconds=30, log="begun"), task_seconds_max=1, last_task=1)
    await site.engine.start(order, bundle=None)
    await until(site, order, lambda seen: len(seen.report.tasks) == 1)
    await until_logged(site, order, "begun", task=1)
    await site.engine.stop(a_stop(order, tasks=[1]))
    seen = await until_ended(site, order)
    states = [task.state for task in seen.report.tasks]
    assert states == [RunState.TIMED_OUT, RunState.CANCELLED]
    assert seen.report.state is RunState.TIMED_OUT


async def test_a_meter_never_falls_and_one_reading_has_one_number(site: Waiting) -> None:
    order = an_order(**a_script(seconds=0.5), last_task=1)
    await site.engine.start(order, bundle=None)
    readings: list[UsageLine] = []
    while not readings or not readings[-1].final:
        seen = await see(site, order)
        assert seen is not None
        readings.append(seen.usage)
        await site.pass_time()
    assert readings == sorted(readings, key=lambda usage: usage.sequence)
    assert readings == sorted(readings, key=lambda usage: usage.unit_milliseconds)
    assert len(set(readings)) == len({usage.sequence for usage in readings})


async def test_a_leased_run_stops_itself_when_nobody_renews(site: Waiting) -> None:
    order = an_order(**a_script(seconds=30), leased=True)
    seen = await run(site, order)
    assert seen.report.state is RunState.LOST
    assert "lease" in seen.report.reason


async def test_a_renewed_lease_lets_a_run_live_on(site: Waiting) -> None:
    order = an_order(**a_script(seconds=1.5), leased=True)
    await site.engine.start(order, bundle=None)
    await site.engine.renew(order.attempt_id, seconds=30)
    await site.engine.renew(order.attempt_id, seconds=1)
    assert (await until_ended(site, order)).report.state is RunState.SUCCEEDED
    await site.engine.renew(order.attempt_id, seconds=1)
    await site.engine.renew(new_id(), seconds=1)


async def test_a_log_is_read_from_any_offset(site: Waiting) -> None:
    order = an_order(**a_script(log="0123456789"))
    await run(site, order)
    attempt = order.attempt_id
    assert await site.engine.log(attempt, task=0, offset=4, bytes_max=3) == b"456"
    assert await site.engine.log(attempt, task=0, offset=10, bytes_max=3) == b""
    assert await site.engine.log(attempt, task=9, offset=0, bytes_max=3) == b""
    assert await site.engine.log(new_id(), task=0, offset=0, bytes_max=3) == b""


async def test_outputs_of_ended_tasks_are_listed_and_read(site: Waiting) -> None:
    order = an_order(**a_script(output="forty-two"), last_task=1)
    await run(site, order)
    assert await content_of(site, order) == {
        "0/output.txt": b"forty-two",
        "1/output.txt": b"forty-two",
    }
    assert await site.engine.outputs(new_id()) == []


async def test_outputs_are_bounded_in_bytes(site: Waiting) -> None:
    order = an_order(**a_script(output="forty-two"), last_task=2, output_bytes_max=20)
    await run(site, order)
    assert list(await content_of(site, order)) == ["0/output.txt", "1/output.txt"]


async def test_only_outputs_that_match_the_patterns_are_listed(site: Waiting) -> None:
    order = an_order(**a_script(output="x"), outputs=["*.bin"])
    await run(site, order)
    assert await content_of(site, order) == {}


async def test_an_output_that_was_never_there_is_not_found(site: Waiting) -> None:
    order = an_order(**a_script(output="x"))
    await run(site, order)
    for path in ("nothing.txt", "../../order.json", "/etc/passwd", ""):
        absent = OutputFile(task=0, path=path, size_bytes=1)
        with pytest.raises(NotFound):
            [chunk async for chunk in site.engine.open_output(order.attempt_id, absent)]


async def test_a_running_attempt_is_not_forgotten(site: Waiting) -> None:
    order = an_order(**a_script(seconds=30))
    await site.engine.start(order, bundle=None)
    await site.engine.forget(order.attempt_id)
    assert await see(site, order) is not None


async def test_a_forgotten_attempt_is_gone_and_never_starts_again(site: Waiting) -> None:
    order = an_order(**a_script(log="x"))
    await run(site, order)
    await site.engine.forget(order.attempt_id)
    await site.engine.forget(order.attempt_id)
    assert await see(site, order) is None
    assert await log_of(site, order) == ""
    with pytest.raises(EngineRefused):
        await site.engine.start(order, bundle=None)
