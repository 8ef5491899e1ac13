"""From quote to receipt, on the real services: what is held, charged, released and told."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from mains.errors import (
    InsufficientFunds,
    KeyReused,
    MainsError,
    NoOffer,
    NotEligible,
    QuoteExpired,
    StateConflict,
)
from mains.ids import new_id
from mains.jobs import views
from mains.programmes import service as programmes
from mains.quotes.rules import NoQuote
from mains.quotes.service import Quote
from mains.wire.agent import RunState
from tests.jobs.builders import WHOLE, City, a_spec

pytestmark = pytest.mark.anyio
HOUR_MS = 3_600_000


async def test_a_job_is_held_at_its_ceiling_and_charged_for_what_it_used(city: City) -> None:
    site = await city.site("north", price="2")
    job_id = await city.job()
    assert await city.own_room() == 98 * WHOLE
    assert await city.dispatch() == 1
    (order,) = await site.orders()
    await site.running(order, used_ms=HOUR_MS // 4)
    assert (await city.detail(job_id)).charged.amount == "0.50"
    await site.end(order, used_ms=HOUR_MS // 2)
    found = await city.settled(job_id)
    assert (found.state, found.charged.amount, found.ceiling.amount) == (
        "succeeded",
        "1.00",
        "2.00",
    )
    assert await city.own_room() == 99 * WHOLE
    receipt = await city.receipt(job_id)
    assert (receipt.charged, receipt.metered, receipt.paid_by) == (
        "1.00",
        "1.00",
        {"own money": "1.00"},
    )
    assert receipt == await city.receipt(job_id)


async def test_a_voucher_pays_its_share_and_own_money_the_rest(city: City) -> None:
    await city.voucher(whole=10)
    site = await city.site("north", price="2")
    quote = await city.quote()
    assert isinstance(quote, Quote)
    assert (quote.ceiling, quote.own_most) == (2 * WHOLE, WHOLE)
    assert quote.voucher is not None
    assert "50 % by voucher under rule rate.default of dongguan-2025 v1" in quote.voucher["because"]
    job_id = await city.job(quote=quote)
    await city.dispatch()
    (order,) = await site.orders()
    await site.end(order, used_ms=HOUR_MS // 2)
    await city.settled(job_id)
    receipt = await city.receipt(job_id)
    assert receipt.paid_by == {"own money": "0.50", "voucher of dongguan-2025": "0.50"}
    assert [payer.released for payer in receipt.payers] == ["0.50", "0.50"]
    assert receipt.payers[1].rule == "rate.default"


async def test_a_batch_that_outgrows_a_voucher_goes_on_with_own_money(city: City) -> None:
    await city.voucher(whole=5)
    await city.site("north", price="4")
    answers = await city.submit_all([(a_spec(), {}) for _ in range(6)])
    assert not [answer.detail for answer in answers if isinstance(answer, MainsError)]
    # Of six times four, the voucher has half of two and the last one of it of a third.
    assert await city.own_room() == (100 - 24 + 5) * WHOLE


async def test_a_voucher_that_runs_out_leaves_the_rest_to_own_money(city: City) -> None:
    await city.voucher(whole=1)
    site = await city.site("north", price="4")
    job_id = await city.job()
    await city.dispatch()
    (order,) = await site.orders()
    await site.end(order, used_ms=HOUR_MS)
    await city.settled(job_id)
    assert (await city.receipt(job_id)).paid_by == {
        "own money": "3.00",
        "voucher of dongguan-2025": "1.00",
    }


async def test_a_job_beyond_voucher_and_balance_is_refused_with_the_amounts(city: City) -> None:
    await city.voucher(whole=10)
    await city.site("north", price="500")
    answer = await city.submit(a_spec())
    assert isinstance(answer, InsufficientFunds)
    assert (answer.facts["missing"], answer.facts["voucher"], answer.facts["own"]) == (
        "390.00",
        "10.00",
        "100.00",
    )
    assert await city.own_room() == 100 * WHOLE
    assert await city.audit() == []


async def test_a_job_that_fits_nowhere_is_told_why_pool_by_pool(city: City) -> None:
    await city.site("north")
    answer = await city.submit(a_spec(resources={"cpus": 64}))
    assert isinstance(answer, NoOffer)
    assert answer.facts["pools"] == {"north/cpu": "has 4 cpu units, a task needs 64"}


async def test_a_job_beyond_its_budget_is_refused(city: City) -> None:
    await city.site("north", price="10")
    made = await city.quote(a_spec(budget="9.99"))
    assert isinstance(made, NoQuote)
    assert made.refusals[0].code == "over_budget"


async def test_a_submission_sent_again_gets_the_same_answer_and_one_job(city: City) -> None:
    await city.site("north")
    spec, job_id = a_spec(), new_id()
    first = await city.submit(spec, id=job_id)
    assert first == await city.submit(spec, id=job_id)
    assert isinstance(await city.submit(a_spec(run="false"), id=job_id), KeyReused)
    assert await city.own_room() == 99 * WHOLE
    assert await city.audit() == []


async def test_a_quote_is_submitted_once_and_in_time(city: City) -> None:
    await city.site("north")
    quote = await city.quote()
    assert isinstance(quote, Quote)
    await city.job(quote=quote)
    again = await city.submit(None, quote_id=quote.id)
    assert isinstance(again, StateConflict)
    late = await city.quote()
    assert isinstance(late, Quote)
    city.clock.advance(timedelta(minutes=16))
    assert isinstance(await city.submit(None, quote_id=late.id), QuoteExpired)


async def test_a_quote_over_a_voucher_does_not_outlive_a_clock_that_is_put_back(
    city: City,
) -> None:
    await city.site("north")
    own = await city.quote()
    await city.voucher(whole=20)
    paid = await city.quote()
    assert isinstance(own, Quote) and isinstance(paid, Quote)
    assert paid.voucher is not None
    city.clock.advance(-timedelta(days=40))
    assert isinstance(await city.submit(None, quote_id=paid.id), QuoteExpired)
    await city.job(quote=own)


async def test_no_time_of_a_job_is_before_what_it_follows(city: City) -> None:
    site = await city.site("north")
    job_id = await city.job()
    await city.dispatch()
    (order,) = await site.orders()
    city.clock.advance(-timedelta(days=366))
    await site.running(order, used_ms=500)
    await site.end(order, used_ms=1_000)
    receipt = await city.receipt(job_id)
    assert receipt.submitted_at == receipt.settled_at
    async with city.database.transaction() as tx:
        rows = await tx.execute(
            "select assigned_at <= started_at and started_at <= ended_at as fine from jobs.attempt"
        )
        assert await rows.fetchall() == [{"fine": True}]
    assert (await city.settled(job_id)).charged.amount == "0.000278"


async def test_a_batch_answers_per_job_when_the_money_ends_inside_it(city: City) -> None:
    await city.site("north", price="30")
    answers = await city.submit_all([(a_spec(), {}) for _ in range(5)])
    taken = [answer for answer in answers if not isinstance(answer, MainsError)]
    refused = [answer for answer in answers if isinstance(answer, InsufficientFunds)]
    assert (len(taken), len(refused)) == (3, 2)
    assert await city.own_room() == 10 * WHOLE
    assert await city.audit() == []


async def test_the_same_submission_ten_times_at_once_is_one_job(city: City) -> None:
    await city.site("north")
    spec, job_id = a_spec(), new_id()
    answers = await asyncio.gather(*(city.submit(spec, id=job_id) for _ in range(10)))
    assert len({str(answer) for answer in answers}) == 1
    assert await city.own_room() == 99 * WHOLE


async def test_of_two_that_race_for_the_last_yuan_one_is_told_why_not(city: City) -> None:
    await city.site("north", price="60")
    answers = await asyncio.gather(city.submit(a_spec()), city.submit(a_spec()))
    (refused,) = [answer for answer in answers if isinstance(answer, MainsError)]
    assert isinstance(refused, InsufficientFunds)
    assert await city.own_room() == 40 * WHOLE
    assert await city.audit() == []


async def test_a_tranche_is_released_when_a_job_needs_it(city: City) -> None:
    pack = programmes.pack("dongguan-2025").replace("tranche: 100000", "tranche: 2")
    await city.voucher(whole=10, pack=pack)
    await city.site("north", price="14")
    job_id = await city.job()
    assert (await city.detail(job_id)).ceiling.amount == "14.00"
    assert await city.own_room() == 93 * WHOLE
    assert await city.audit() == []


async def test_an_array_spreads_over_sites_and_is_metered_by_task(city: City) -> None:
    north = await city.site("north", price="1", units=2, cpus=2)
    south = await city.site("south", price="3", units=2, cpus=2)
    job_id = await city.job(a_spec(array=20))
    for _ in range(20):
        if not await city.dispatch():
            break
        for site in (north, south):
            for order in await site.orders():
                await site.end(order, used_ms=HOUR_MS // 60)
    found = await city.settled(job_id)
    assert (found.state, found.tasks_done, set(found.sites)) == (
        "succeeded",
        20,
        {"north", "south"},
    )
    assert [task.task for task in found.task_list] == list(range(20))
    tasks = sorted(
        task for each in found.attempts for task in range(each.first_task, each.last_task + 1)
    )
    assert tasks == list(range(20))
    receipt = await city.receipt(job_id)
    charged = sum(Decimal(each.charged) for each in receipt.attempts)
    assert charged == Decimal(receipt.charged)


async def test_a_single_task_of_an_array_can_be_cancelled(city: City) -> None:
    site = await city.site("north", units=1, cpus=1)
    job_id = await city.job(a_spec(array=4))
    await city.dispatch()
    (order,) = await site.orders()
    await city.cancel(job_id, tasks=[3, order.last_task])
    answer = await site.sync()
    (stop,) = answer.stops
    assert stop.tasks == [order.last_task]
    await site.end(
        order,
        tasks={
            task: RunState.CANCELLED if task == order.last_task else RunState.SUCCEEDED
            for task in range(order.first_task, order.last_task + 1)
        },
    )
    while await city.dispatch():
        for each in await site.orders():
            await site.end(each)
    found = await city.settled(job_id)
    assert found.state == "succeeded"


async def test_a_waiting_job_that_is_cancelled_costs_nothing(city: City) -> None:
    await city.site("north")
    job_id = await city.job()
    await city.cancel(job_id)
    await city.cancel(job_id)
    found = await city.settled(job_id)
    assert (found.state, found.charged.amount) == ("cancelled", "0.00")
    assert await city.own_room() == 100 * WHOLE


async def test_a_running_job_that_is_cancelled_costs_what_it_used(city: City) -> None:
    site = await city.site("north", price="4")
    job_id = await city.job()
    await city.dispatch()
    (order,) = await site.orders()
    await site.running(order, used_ms=HOUR_MS // 4)
    await city.cancel(job_id)
    (stop,) = (await site.running(order, used_ms=HOUR_MS // 4, sequence=2)).stops
    assert (stop.reason, stop.tasks) == ("cancelled", None)
    await site.end(order, used_ms=HOUR_MS // 2, state=RunState.CANCELLED)
    found = await city.settled(job_id)
    assert (found.state, found.charged.amount) == ("cancelled", "2.00")


async def test_an_assigned_job_that_no_site_knows_is_taken_back_when_cancelled(city: City) -> None:
    await city.site("north")
    job_id = await city.job()
    await city.dispatch()
    await city.cancel(job_id)
    assert (await city.settled(job_id)).state == "cancelled"


async def test_what_is_used_beyond_the_hold_is_absorbed(city: City) -> None:
    site = await city.site("north", price="1")
    job_id = await city.job()
    await city.dispatch()
    (order,) = await site.orders()
    await site.end(order, used_ms=2 * HOUR_MS, state=RunState.TIMED_OUT)
    assert (await city.settled(job_id)).charged.amount == "1.00"
    receipt = await city.receipt(job_id)
    assert (receipt.metered, receipt.charged, receipt.absorbed) == ("2.00", "1.00", "1.00")


async def test_a_voucher_past_its_validity_pays_nothing_and_the_refusal_says_so(city: City) -> None:
    await city.voucher(whole=1000)
    city.clock.advance(timedelta(days=366))
    await city.site("north", price="500")
    answer = await city.submit(a_spec())
    assert isinstance(answer, InsufficientFunds)
    assert (answer.facts["voucher"], answer.facts["missing"]) == ("0.00", "400.00")
    assert "the voucher of dongguan-2025 v1 ended at" in answer.detail


async def test_a_job_that_names_a_programme_is_not_paid_by_own_money_instead(city: City) -> None:
    await city.site("north")
    answer = await city.submit(a_spec(programme="dongguan-2025"))
    assert isinstance(answer, NotEligible)
    assert answer.detail == "no voucher of dongguan-2025 pays in CNY now"
    assert await city.own_room() == 100 * WHOLE


async def test_the_last_job_is_the_one_submitted_last_whatever_its_id_says(city: City) -> None:
    await city.site("north")
    late, early = sorted((new_id(), new_id()), reverse=True)
    await city.submit(a_spec(), id=late)
    city.clock.advance(timedelta(seconds=1))
    await city.submit(a_spec(), id=early)
    async with city.database.transaction() as tx:
        page = await views.page(tx, organisation_id=city.firm, state=None, before=None, limit=1)
        rest = await views.page(
            tx, organisation_id=city.firm, state=None, before=page.next, limit=5
        )
    assert [job.id for job in page.jobs] == [early]
    assert [job.id for job in rest.jobs] == [late]


async def test_a_site_that_is_not_there_is_named(city: City) -> None:
    await city.site("north")
    answer = await city.submit(a_spec(sites=["nope"]))
    assert isinstance(answer, NoOffer)
    pools = answer.facts["pools"]
    assert isinstance(pools, dict)
    assert pools["nope"] == "is no site that sells here"


async def test_the_first_tasks_are_shown_of_an_array_that_has_more(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await city.site("north")
    job_id = await city.job(a_spec(array=40))
    monkeypatch.setattr(views, "TASKS_SHOWN_MAX", 5)
    monkeypatch.setattr(views, "CHUNK_TASKS_MAX", 3)
    ended: list[int] = []
    while not (await city.detail(job_id)).settled:
        await city.dispatch()
        orders = await site.orders()
        for order in reversed(orders):
            await site.end(order)
            ended += range(order.first_task, order.last_task + 1)
    assert ended != sorted(ended)
    shown = (await city.settled(job_id)).task_list
    assert [(task.task, task.state) for task in shown] == [(n, "succeeded") for n in range(5)]


async def test_a_result_that_its_job_does_not_count_is_found(city: City) -> None:
    site = await city.site("north")
    job_id = await city.job()
    await city.dispatch()
    (order,) = await site.orders()
    await site.end(order)
    await city.settled(job_id)
    async with city.database.transaction() as tx:
        await tx.execute("update jobs.job set tasks_succeeded = 0, tasks_failed = 1")
    assert [finding.invariant for finding in await city.audit()] == ["results_are_counted"]
