"""Bad days: sites that lose runs, go away, lie, or come late; and what it costs whom."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from mains.errors import DatabaseUnavailable, InsufficientFunds, StaleFence, StoreCorrupt
from mains.ids import new_id
from mains.jobs import views
from mains.jobs.dispatch import Dispatcher
from mains.jobs.secrets import SecretBox
from mains.jobs.submission import Answer
from mains.programmes import service as programmes
from mains.quotes.service import Quote
from mains.sites import service as sites
from mains.wire.agent import ArtefactReport, AttemptReport, RunState, StartOrder, UsageLine
from mains.wire.jobs import Submitted
from tests.jobs.builders import WHOLE, City, Site, a_spec

pytestmark = pytest.mark.anyio
HOUR_MS = 3_600_000
HOUR = timedelta(hours=1)


async def started(city: City, site: Site) -> StartOrder:
    """Place what waits, and return the one order that this site gets."""
    assert await city.dispatch() == 1
    (order,) = await site.orders()
    return order


def taken(answer: Answer) -> Submitted:
    assert isinstance(answer, Submitted)
    return answer


async def loses(site: Site, order: StartOrder, *, used_ms: int = 0, sequence: int = 50) -> None:
    report = AttemptReport(attempt_id=order.attempt_id, fence=order.fence, state=RunState.LOST)
    await site.sync([report], [site.usage(order, used_ms, sequence=sequence, final=True)])


async def test_a_lost_run_is_absorbed_and_runs_again_as_often_as_it_may(city: City) -> None:
    site = await city.site("north", price="2")
    job_id = await city.job(a_spec(attempts_max=2))
    first = await started(city, site)
    await site.running(first, used_ms=HOUR_MS // 2)
    assert (await city.detail(job_id)).charged.amount == "1.00"
    await loses(site, first, used_ms=HOUR_MS // 2)
    found = await city.detail(job_id)
    assert (found.state, found.charged.amount) == ("queued", "0.00")
    assert await city.audit() == []
    second = await started(city, site)
    assert (second.fence, second.attempt_id != first.attempt_id) == (2, True)
    await loses(site, second)
    found = await city.settled(job_id)
    assert (found.state, found.reason) == ("lost", "the site lost the run")
    assert await city.own_room() == 100 * WHOLE
    receipt = await city.receipt(job_id)
    assert (receipt.metered, receipt.absorbed, receipt.charged) == ("1.00", "1.00", "0.00")


async def test_a_run_that_may_not_be_repeated_is_lost_with_its_site(city: City) -> None:
    site = await city.site("north")
    job_id = await city.job(a_spec(retry="never"))
    await loses(site, await started(city, site))
    assert (await city.settled(job_id)).state == "lost"


async def test_a_leased_run_is_placed_elsewhere_once_it_has_surely_stopped(city: City) -> None:
    north, south = await city.site("north", price="1"), await city.site("south", price="2")
    job_id = await city.job(a_spec(retry="elsewhere"))
    first = await started(city, north)
    assert first.leased
    await north.running(first, used_ms=HOUR_MS // 4)
    grace = timedelta(seconds=15 + 600 + 10)
    city.clock.advance(grace - timedelta(seconds=1))
    assert (await city.tidy()).lost == 0
    city.clock.advance(timedelta(seconds=2))
    assert (await city.tidy()).lost == 1
    await south.sync()
    second = await started(city, south)
    assert second.fence == 2
    answer = await north.running(first, used_ms=HOUR_MS // 2, sequence=2)
    assert [(stop.attempt_id, stop.reason) for stop in answer.stops] == [
        (first.attempt_id, "stale")
    ]
    answer = await north.end(first, used_ms=HOUR_MS // 2)
    assert answer.forget == [first.attempt_id]
    await south.end(second, used_ms=HOUR_MS // 2)
    found = await city.settled(job_id)
    assert (found.state, found.charged.amount) == ("succeeded", "1.00")
    assert [each.charged.amount for each in found.attempts] == ["0.00", "1.00"]


async def test_a_lease_begins_when_its_site_is_told_of_the_run(city: City) -> None:
    """Else the server would give up, and start elsewhere, what its site still may run."""
    north = await city.site("north")
    await city.job(a_spec(retry="elsewhere"))
    assert await city.dispatch() == 1
    city.clock.advance(timedelta(seconds=12))
    await north.orders()
    city.clock.advance(timedelta(seconds=15 + 600 + 9))
    assert (await city.tidy()).lost == 0
    city.clock.advance(timedelta(seconds=2))
    assert (await city.tidy()).lost == 1


async def test_a_run_that_waits_for_its_site_is_given_up_only_past_its_deadline(
    city: City,
) -> None:
    site = await city.site("north")
    job_id = await city.job()
    order = await started(city, site)
    await site.running(order, used_ms=1)
    city.clock.advance(timedelta(hours=2) - timedelta(seconds=1))
    assert (await city.tidy()).lost == 0
    city.clock.advance(timedelta(seconds=2))
    assert (await city.tidy()).lost == 1
    assert (await city.detail(job_id)).state == "queued"
    await site.sync()
    await site.end(await started(city, site))
    await city.settled(job_id)


async def test_a_site_is_not_told_of_a_run_that_could_outlive_its_deadline(city: City) -> None:
    site = await city.site("north")
    job_id = await city.job()
    order = await started(city, site)
    city.clock.advance(timedelta(minutes=44))
    assert [again.attempt_id for again in await site.orders()] == [order.attempt_id]
    city.clock.advance(timedelta(minutes=2))
    assert await site.orders() == []
    city.clock.advance(timedelta(hours=1, minutes=15))
    assert (await city.tidy()).lost == 1
    await site.sync()
    await site.end(await started(city, site))
    await city.settled(job_id)


async def test_what_was_not_told_in_time_is_placed_anew(city: City) -> None:
    site = await city.site("north")
    job_id = await city.job()
    assert await city.dispatch() == 1
    city.clock.advance(timedelta(minutes=46))
    await site.sync()
    assert await site.orders() == []
    assert (await city.tidy()).recalled == 1
    assert (await city.detail(job_id)).state == "queued"
    await site.end(await started(city, site))
    await city.settled(job_id)


async def test_a_full_list_without_a_run_means_that_it_is_lost(city: City) -> None:
    site = await city.site("north")
    job_id = await city.job()
    order = await started(city, site)
    await site.sync(complete=True)
    assert (await city.detail(job_id)).state == "assigned"  # It may still be on its way.
    await site.running(order, used_ms=1)
    site.sequence -= 2  # A message from before, delayed: what it doesn't name came later.
    await site.sync(complete=True)
    assert (await city.detail(job_id)).state == "running"
    await site.sync()
    await site.sync(complete=True)
    found = await city.detail(job_id)
    assert (found.state, found.attempts[0].reason) == ("queued", "the site has lost the run")


async def test_what_a_site_that_went_away_was_never_told_goes_elsewhere(city: City) -> None:
    await city.site("north", price="1")
    job_id = await city.job()
    assert await city.dispatch() == 1
    city.clock.advance(timedelta(seconds=16))
    tidied = await city.tidy()
    assert (tidied.recalled, tidied.lost) == (1, 0)
    found = await city.detail(job_id)
    assert (found.state, found.attempts[0].state) == ("queued", "lost")
    assert await city.audit() == []


async def test_an_attempt_taken_back_while_it_is_offered_is_not_offered(city: City) -> None:
    """Two transactions at once: whoever is first decides, and the other one sees it."""
    site = await city.site("north")
    job_id = await city.job()
    await city.dispatch()
    asked = asyncio.gather(city.cancel(job_id), site.orders(), return_exceptions=True)
    _, orders = await asked
    found = await city.detail(job_id)
    assert isinstance(orders, list)
    assert (found.state == "cancelled") == (orders == [])
    if orders:
        await site.end(orders[0], state=RunState.CANCELLED)
    await city.settled(job_id)


async def test_a_job_that_finds_no_room_in_time_gets_its_money_back(city: City) -> None:
    site = await city.site("north", units=1, cpus=1)
    running = await city.job(a_spec(retry="elsewhere"))
    waiting = await city.job()
    order = await started(city, site)
    for _ in range(7):
        city.clock.advance(timedelta(days=1))
        await site.running(order, used_ms=1)
    assert (await city.tidy()).expired == 1
    found = await city.detail(waiting)
    assert (found.state, found.settled) == ("failed", True)
    assert found.reason == "no site had room before the queue deadline"
    assert await city.own_room() == 99 * WHOLE
    assert (await city.detail(running)).state in {"queued", "running"}
    assert await city.audit() == []


async def test_a_site_that_drains_takes_nothing_new_and_finishes_what_it_has(city: City) -> None:
    site = await city.site("north")
    first = await city.job()
    order = await started(city, site)
    second = await city.job()
    async with city.database.transaction() as tx:
        await sites.drain(tx, site_id=site.site_id)
    assert await city.dispatch() == 0
    assert "draining" in (await city.why(second)).because
    await site.end(order)
    await city.settled(first)
    async with city.database.transaction() as tx:
        await sites.undrain(tx, site_id=site.site_id)
    assert await city.dispatch() == 1


async def test_a_pool_that_can_isolate_no_more_gets_its_owners_jobs_only(city: City) -> None:
    rival = await city.organisation("rival", money=10)
    site = await city.site("north")
    mine, foreign = await city.submit(a_spec()), await city.submit(a_spec(), by=rival)
    async with city.database.transaction() as tx:
        await tx.execute("update sites.pool set isolation = 'trusted'")
    assert await city.dispatch() == 1
    async with city.database.transaction() as tx:
        told = await views.why(tx, taken(foreign).id, now=city.clock.now())
    assert [reason.code for reason in told.pools] == ["trusted_only"]
    (order,) = await site.orders()
    assert order.job_id == taken(mine).id


async def test_a_second_dispatcher_takes_over_and_the_first_ones_plan_is_refused(
    city: City,
) -> None:
    await city.site("north")
    await city.job()
    now = city.clock.now()
    old = await Dispatcher.take(city.database, city.settings, now=now)
    new = await Dispatcher.take(city.database, city.settings, now=now)
    with pytest.raises(StaleFence):
        await old.tick(now=now)
    assert await new.tick(now=now) == 1
    assert await city.audit() == []


async def test_two_dispatchers_at_once_place_every_task_once(city: City) -> None:
    await city.site("north", units=8, cpus=8)
    for _ in range(6):
        await city.job()
    now = city.clock.now()
    old = await Dispatcher.take(city.database, city.settings, now=now)

    async def take_over() -> int:
        return await (await Dispatcher.take(city.database, city.settings, now=now)).tick(now=now)

    placed = await asyncio.gather(old.tick(now=now), take_over(), return_exceptions=True)
    assert sum(count for count in placed if isinstance(count, int)) == 6
    assert await city.audit() == []


async def test_a_meter_that_is_replayed_lowered_or_forged_changes_no_money(city: City) -> None:
    north, south = await city.site("north", price="1"), await city.site("south", price="1")
    job_id = await city.job(a_spec(sites=["north"]))
    order = await started(city, north)
    await north.running(order, used_ms=HOUR_MS // 2, sequence=5)

    async def told(site: Site, line: UsageLine) -> str | None:
        answer = await site.sync([], [line])
        assert (await city.detail(job_id)).charged.amount == "0.50"
        return answer.refused.get(str(order.attempt_id))

    def line(used_ms: int, **changed: Any) -> UsageLine:
        return north.usage(order, used_ms).model_copy(update=changed)

    half = HOUR_MS // 2
    assert await told(north, line(half, sequence=5)) is None
    assert await told(north, line(half - 9, sequence=4)) is None
    assert await told(north, line(half - 9, sequence=5)) == "conflict"
    assert await told(north, line(half - 9, sequence=6)) == "decreased"
    assert await told(north, line(half + 9, sequence=7, fence=2)) == "refused"
    assert await told(south, line(half + 9, sequence=8)) == "refused"
    assert await told(north, line(2**60, sequence=9)) == "absurd"
    unknown = line(7, attempt_id=new_id())
    assert (await north.sync([], [unknown])).refused == {str(unknown.attempt_id): "refused"}
    async with city.database.transaction() as tx:
        rows = await tx.execute("select distinct reason from metering.refusal order by reason")
        reasons = [row["reason"] for row in await rows.fetchall()]
    assert {"absurd", "conflict", "decreased", "replayed", "stale"} <= set(reasons)
    assert any("has no such attempt" in reason for reason in reasons)
    await north.end(order, used_ms=half, sequence=10)
    assert (await city.settled(job_id)).charged.amount == "0.50"
    async with city.database.transaction() as tx:
        row = await (await tx.execute("select * from jobs.usage_hour")).fetchone()
    assert row is not None
    assert row["unit_milliseconds"] == half


async def test_another_sites_word_ends_nobody_elses_run(city: City) -> None:
    north, south = await city.site("north"), await city.site("south")
    job_id = await city.job(a_spec(sites=["north"]))
    order = await started(city, north)
    answer = await south.end(order)
    assert answer.forget == [order.attempt_id]
    assert (await city.detail(job_id)).state == "assigned"
    answer = await south.running(order, used_ms=1)
    assert [stop.reason for stop in answer.stops] == ["stale"]


async def test_a_failed_setup_fails_the_job_and_costs_what_it_used(city: City) -> None:
    site = await city.site("north")
    job_id = await city.job(a_spec(setup="exit 3"))
    order = await started(city, site)
    report = AttemptReport(
        attempt_id=order.attempt_id,
        fence=order.fence,
        state=RunState.FAILED,
        reason="setup ended with status 3\0",
    )
    usage = site.usage(order, HOUR_MS // 10, final=True)
    await site.sync([report], [usage])
    found = await city.settled(job_id)
    assert (found.state, found.charged.amount) == ("failed", "0.10")
    assert found.reason.startswith("setup ended with status 3")


async def test_an_array_keeps_what_succeeded_when_some_tasks_fail_or_are_lost(city: City) -> None:
    site = await city.site("north", units=1, cpus=1)
    job_id = await city.job(a_spec(array=4))
    order = await started(city, site)
    assert (order.first_task, order.last_task) == (0, 1)
    await city.cancel(job_id, tasks=[1])
    report = AttemptReport(attempt_id=order.attempt_id, fence=order.fence, state=RunState.LOST)
    await site.sync([report])
    found = await city.detail(job_id)
    assert [(task.task, task.state) for task in found.task_list] == [(1, "cancelled")]
    again = await started(city, site)
    assert (again.first_task, again.last_task) == (0, 0)
    await site.end(again)
    await site.end(await started(city, site))
    await site.end(await started(city, site), state=RunState.FAILED)
    found = await city.settled(job_id)
    assert found.reason == "2 of 4 tasks succeeded, 1 failed, 1 were cancelled"
    assert found.state == "failed"


async def test_only_what_a_site_has_uploaded_becomes_an_artefact_at_its_true_size(
    city: City,
) -> None:
    site = await city.site("north")
    job_id = await city.job()
    order = await started(city, site)
    real, known = f"sha256:{1:064x}", f"sha256:{2:064x}"
    await uploaded(city, site, real, size_bytes=700)
    told = [
        ArtefactReport(task=0, path="model.bin", sha256=real, size_bytes=0),
        ArtefactReport(task=0, path="stolen", sha256=known, size_bytes=0),
        ArtefactReport(task=9, path="foreign", sha256=real, size_bytes=0),
    ]
    await site.end(order, artefacts=told)
    found = await city.settled(job_id)
    assert [(each.path, each.size_bytes) for each in found.artefacts] == [("model.bin", 700)]
    assert (await city.receipt(job_id)).artefacts == found.artefacts


async def test_artefacts_beyond_the_quota_are_not_kept_and_the_task_says_so(city: City) -> None:
    site = await city.site("north")
    job_id = await city.job()
    order = await started(city, site)
    huge = f"sha256:{3:064x}"
    await uploaded(city, site, huge, size_bytes=city.settings.organisation_bytes_max + 1)
    await site.end(order, artefacts=[ArtefactReport(task=0, path="x", sha256=huge, size_bytes=1)])
    found = await city.settled(job_id)
    assert (found.state, found.artefacts) == ("succeeded", [])
    assert "quota" in found.task_list[0].reason


async def uploaded(city: City, site: Site, sha256: str, *, size_bytes: int) -> None:
    async with city.database.transaction() as tx:
        await tx.execute(
            "insert into jobs.upload values (%s, %s, %s, %s)",
            (site.site_id, sha256, size_bytes, city.clock.now()),
        )


async def test_secrets_are_sealed_reach_only_the_run_and_are_wiped_in_the_end(
    city: City, tmp_path: Path
) -> None:
    site = await city.site("north")
    secret = "correct-horse-battery"
    spec = a_spec(secrets={"TOKEN": secret, "OTHER": "blank"})
    answer = await city.submit(spec, secrets={"OTHER": "given-apart-from-it"})
    job_id = taken(answer).id
    assert not await stored_anywhere(city, secret)
    assert not await stored_anywhere(city, "given-apart-from-it")
    order = await started(city, site)
    assert order.secrets == {"TOKEN": secret, "OTHER": "given-apart-from-it"}
    assert (await city.detail(job_id)).spec.secrets == {"TOKEN": "", "OTHER": ""}
    await site.end(order)
    await city.settled(job_id)
    assert secret not in (await city.receipt(job_id)).model_dump_json()
    async with city.database.transaction() as tx:
        row = await (await tx.execute("select secrets from jobs.job")).fetchone()
    assert row == {"secrets": None}
    box = SecretBox.from_files(tmp_path)
    sealed = SecretBox.from_files(tmp_path).seal(b"x", job_id=job_id)
    assert box.open(sealed, job_id=job_id) == b"x"
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreCorrupt):
        box.open(sealed, job_id=new_id())


async def stored_anywhere(city: City, text: str) -> bool:
    """Return whether any row of jobs or quotes contains this text."""
    async with city.database.transaction() as tx:
        tables = await tx.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_schema in ('jobs', 'quotes', 'ledger', 'metering')"
        )
        for table in await tables.fetchall():
            rows = await tx.execute(
                sql.SQL("select 1 from {} as t where t::text like %s").format(
                    sql.Identifier(table["table_schema"], table["table_name"])
                ),
                (f"%{text}%",),
            )
            if await rows.fetchone() is not None:
                return True
    return False


async def test_two_organisations_share_a_small_site_fairly(city: City) -> None:
    rival = await city.organisation("rival", money=100)
    site = await city.site("north", units=2, cpus=2)
    for _ in range(4):
        await city.job()
    for _ in range(4):
        await city.submit(a_spec(), by=rival)
    for _ in range(4):
        assert await city.dispatch() == 2
        orders = await site.orders()
        assert {order.organisation_id for order in orders} == {city.firm, rival}
        for order in orders:
            await site.end(order, used_ms=HOUR_MS // 2)


async def test_a_voucher_for_some_sites_pays_there_only_also_within_one_array(city: City) -> None:
    pack = programmes.pack("dongguan-2025").replace("sites: any", "sites: [south]")
    await city.voucher(whole=10, pack=pack)
    north = await city.site("north", price="1.20", units=1, cpus=1)
    south = await city.site("south", price="2", units=1, cpus=1)
    job_id = await city.job(a_spec(array=8))
    assert await city.own_room() == 100 * WHOLE - 9_600_000
    for _ in range(20):
        if not await city.dispatch():
            break
        for site in (north, south):
            for order in await site.orders():
                tasks = order.last_task - order.first_task + 1
                await site.end(order, used_ms=tasks * HOUR_MS)
    await city.settled(job_id)
    receipt = await city.receipt(job_id)
    rates = {each.site: each.rates_percent for each in receipt.attempts}
    assert rates == {"north": ["0"], "south": ["50"]}
    public = sum(float(each.charged) for each in receipt.attempts if each.site == "south") / 2
    assert float(receipt.paid_by["voucher of dongguan-2025"]) == public > 0


async def test_a_quote_ends_with_its_voucher(city: City) -> None:
    await city.voucher(whole=10)
    await city.site("north")
    city.clock.advance(timedelta(days=365) - timedelta(minutes=5))
    async with city.database.transaction() as tx:
        await tx.execute("update sites.site set lease_until = %s", (city.clock.now() + 9 * HOUR,))
    quote = await city.quote()
    assert isinstance(quote, Quote)
    assert quote.voucher is not None
    assert quote.valid_until == city.clock.now() + timedelta(minutes=5)
    city.clock.advance(timedelta(minutes=6))
    answer = await city.submit(a_spec(time_limit="30d"))
    assert isinstance(answer, InsufficientFunds)
    assert "voucher of dongguan-2025 v1 ended" in answer.detail


async def test_syncs_of_many_sites_at_once_finish_without_waiting_in_a_circle(city: City) -> None:
    rival = await city.organisation("rival", money=100)
    made = [await city.site(f"site-{n}", units=4, cpus=4) for n in range(3)]
    for by in (city.firm, rival):
        for n in range(3):
            await city.submit(a_spec(array=2, sites=[f"site-{n}"]), by=by)
    while await city.dispatch():
        pass
    orders = [await site.orders() for site in made]

    async def ends(site: Site, mine: list[StartOrder]) -> None:
        reports = [
            AttemptReport(attempt_id=o.attempt_id, fence=o.fence, state=RunState.SUCCEEDED)
            for o in mine
        ]
        usage = [site.usage(o, 1000 + n, final=True) for n, o in enumerate(mine)]
        for _ in range(3):
            try:
                await site.sync(reports, usage)
            except DatabaseUnavailable as error:
                assert error.facts["sqlstate"] == "40P01"
            else:
                return

    await asyncio.gather(*(ends(*pair) for pair in zip(made, orders, strict=True)), city.tidy())
    assert await city.audit() == []
    async with city.database.transaction() as tx:
        row = await (
            await tx.execute("select count(*) as open from jobs.job where settled_at is null")
        ).fetchone()
    assert row == {"open": 0}
