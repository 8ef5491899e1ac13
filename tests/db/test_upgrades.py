"""A release's database is upgraded while its jobs run: they go on, end, and are paid for exactly.

`releases/NNNN.sql` was written by the code of that release (`recording.py`). It has jobs of every
kind under way: metered, stopping, told, placed, waiting, with a secret, with a voucher's share.
"""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from mains.clock import ManualClock
from mains.daemon import up
from mains.db import Database, embedded, migrations
from mains.db.migrations import Migration
from mains.errors import SchemaMismatch
from mains.jobs import receipts
from mains.ledger import service as ledger
from mains.settings import Settings
from mains.wire import dsse
from mains.wire.agent import AttemptReport, RunState, StartOrder
from mains.wire.jobs import RECEIPT_TYPE, Receipt, Submitted
from mains.wire.sites import NewPool
from tests.conftest import Cluster
from tests.db.recording import FACTS, FOLDER, QUARTER_MS, SECRET, orders, told
from tests.jobs.builders import WHOLE, City, Site

pytestmark = pytest.mark.anyio

RELEASES = sorted(FOLDER.glob("*.sql"))
DOWNTIME = timedelta(seconds=20)


@dataclass(frozen=True)
class Release:
    """A database as a release left it, and what its sites and people knew."""

    database: str
    known: list[Migration]
    facts: dict[str, Any]


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
def release(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Release]:
    path: Path = request.param
    name = f"release_{uuid4().hex}"
    cluster.create(name, template="template1")
    known = migrations.migrations()[: int(path.stem)]
    migrations.migrate(cluster.owner_url(name), known=known)
    text = path.read_text("utf-8")
    with psycopg.connect(cluster.superuser_url(name), autocommit=True) as connection:
        # Rows come table by table, so what they refer to may come later.
        connection.execute("SET session_replication_role = replica")
        connection.execute(text.encode())
    first = text.partition("\n")[0]
    yield Release(name, known, json.loads(first.removeprefix(FACTS)))
    cluster.retire(name)


@pytest.fixture
async def city(release: Release, cluster: Cluster, settings: Settings) -> AsyncIterator[City]:
    """The release's city under the present code, some seconds later, upgraded as by `mains up`."""
    endpoints = embedded.Endpoints(
        app_url=cluster.app_url(release.database), owner_url=cluster.owner_url(release.database)
    )
    settings.keys.mkdir(parents=True)
    await up.prepare(settings, endpoints)
    database = await Database.open(endpoints.app_url)
    clock = ManualClock(datetime.fromisoformat(release.facts["now"]))
    clock.advance(DOWNTIME)
    made = City(database, clock, settings)
    made.firm, made.person = UUID(release.facts["firm"]), UUID(release.facts["person"])
    yield made
    await database.close()


async def test_jobs_that_ran_before_an_upgrade_go_on_and_are_paid_for_exactly(
    city: City, release: Release
) -> None:
    jobs = {name: UUID(job_id) for name, job_id in release.facts["jobs"].items()}
    assert {name: await told(city, job_id) for name, job_id in jobs.items()} == release.facts[
        "told"
    ]
    assert await city.audit() == []
    await the_old_receipt_still_holds(city, release, jobs["settled"])

    sites = {site["name"]: the_site(city, site) for site in release.facts["sites"]}
    held = {
        (each["site"], order.attempt_id): order
        for each in release.facts["at_sites"]
        if (order := StartOrder.model_validate(each["order"]))
    }
    placed = await the_sites_come_back_and_hear_what_was_meant_for_them(sites, held, jobs)
    assert await city.audit() == []

    await city.tidy()
    for key, order in (held | placed).items():
        stopped = order.job_id == jobs["stopping"]
        state = RunState.CANCELLED if stopped else RunState.SUCCEEDED
        await sites[key[0]].end(order, used_ms=2 * QUARTER_MS, state=state)
    await what_waited_runs(city, list(sites.values()), jobs["secret"])
    late = await the_quote_of_before_still_binds(
        city, list(sites.values()), UUID(release.facts["quote"])
    )

    ended = {name: await city.settled(job_id) for name, job_id in jobs.items()}
    assert {name for name, job in ended.items() if job.state == "succeeded"} == {
        *jobs,
    } - {"stopping"}
    assert ended["stopping"].state == "cancelled"
    assert ended["metered"].charged.amount == "1.00", "half an hour at 2 a unit-hour, as quoted"
    new = [job_id for name, job_id in jobs.items() if name != "settled"]
    await every_cent_is_where_the_receipts_say(city, [*new, late], jobs["settled"])


async def the_old_receipt_still_holds(city: City, release: Release, job_id: UUID) -> None:
    async with city.database.transaction() as tx:
        envelope = await receipts.receipt(tx, job_id, key=city.key, now=city.clock.now())
    payload = dsse.verify(
        envelope, public_key_hex=release.facts["signing_key"], payload_type=RECEIPT_TYPE
    )
    assert Receipt.model_validate_json(payload).charged == "1.00"


def the_site(city: City, said: dict[str, Any]) -> Site:
    return Site(
        city,
        UUID(said["site_id"]),
        said["name"],
        said["epoch"],
        UUID(said["pool_id"]),
        NewPool.model_validate(said["pool"]),
        said["sequence"],
    )


async def the_sites_come_back_and_hear_what_was_meant_for_them(
    sites: dict[str, Site], held: dict[tuple[str, UUID], StartOrder], jobs: dict[str, UUID]
) -> dict[tuple[str, UUID], StartOrder]:
    """Each agent lists all it has; nothing of it is lost or stale, and its orders are repeated."""
    placed: dict[tuple[str, UUID], StartOrder] = {}
    for name, site in sites.items():
        mine = [order for (at, _), order in held.items() if at == name]
        begun = [order for order in mine if order.job_id != jobs["told"]]
        reports = [
            AttemptReport(attempt_id=order.attempt_id, fence=order.fence, state=RunState.RUNNING)
            for order in begun
        ]
        usage = [site.usage(order, QUARTER_MS + 1, sequence=2) for order in begun]
        answer = await site.sync(reports, usage, complete=True)
        assert answer.refused == {}
        assert {stop.attempt_id for stop in answer.stops} == {
            order.attempt_id for order in mine if order.job_id == jobs["stopping"]
        }
        starts = {order.attempt_id: order for order in answer.starts}
        for order in mine:
            if order.job_id == jobs["told"]:
                assert starts.pop(order.attempt_id).run == order.run
        placed |= {(name, key): order for key, order in starts.items()}
    assert {order.job_id for order in placed.values()} == {jobs["placed"], jobs["waiting"]}
    return placed


async def what_waited_runs(city: City, sites: list[Site], secret: UUID) -> None:
    """Work through the queue; a secret that was sealed before opens now."""
    opened: list[dict[str, str]] = []
    while found := await orders(city, sites):
        for site, order in found:
            if order.job_id == secret:
                opened.append(order.secrets)
            await site.end(order, used_ms=QUARTER_MS)
    assert opened == [{"TOKEN": SECRET}] * 2


async def the_quote_of_before_still_binds(city: City, sites: list[Site], quote_id: UUID) -> UUID:
    answer = await city.submit(None, quote_id=quote_id)
    assert isinstance(answer, Submitted)
    [(site, order)] = await orders(city, sites)
    await site.end(order, used_ms=QUARTER_MS)
    await city.settled(answer.id)
    return answer.id


async def every_cent_is_where_the_receipts_say(
    city: City, new: list[UUID], settled_before: UUID
) -> None:
    """What the accounts lost for good is what receipts say, payer by payer; nothing is held."""
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for job_id in new:
        for payer, amount in (await city.receipt(job_id)).paid_by.items():
            paid[payer.partition(" ")[0]] += Decimal(amount)
    for payer, amount in (await old_receipt(city, settled_before)).paid_by.items():
        paid[payer.partition(" ")[0]] += Decimal(amount)
    async with city.database.transaction() as tx:
        accounts = await ledger.accounts_of(tx, city.firm)
    spent = {str(each.kind): Decimal(each.room.debits_micros) / WHOLE for each in accounts}
    assert {each.room.pending_micros for each in accounts} == {0}
    # What a voucher pays counts against its programme's cap too.
    assert spent == {"own": paid["own"], "voucher": paid["voucher"], "cap": paid["voucher"]}
    assert min(spent.values()) > 0


async def old_receipt(city: City, job_id: UUID) -> Receipt:
    """Return what is kept of a receipt that the release itself had signed."""
    async with city.database.transaction() as tx:
        envelope = await receipts.receipt(tx, job_id, key=city.key, now=city.clock.now())
    return Receipt.model_validate_json(dsse.unverified_payload(envelope, payload_type=RECEIPT_TYPE))


async def test_going_back_to_the_release_before_is_refused_and_changes_nothing(
    city: City, release: Release, cluster: Cluster
) -> None:
    before = await city.audit()
    newest = migrations.migrations()[-1].number
    assert newest > release.known[-1].number
    for refuse in (
        lambda: migrations.migrate(cluster.owner_url(release.database), known=release.known),
        lambda: migrations.verify(cluster.app_url(release.database), known=release.known),
    ):
        with pytest.raises(SchemaMismatch, match=f"has migration {newest}, which") as refused:
            refuse()
        assert "newer version of mains" in refused.value.hint
    assert await city.audit() == before == []
    migrations.verify(cluster.app_url(release.database))
