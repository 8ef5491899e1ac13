"""A city at work: the real services over a real database, sites that say what a test wants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from mains.clock import ManualClock
from mains.db import Database, Queries
from mains.errors import MainsError
from mains.ids import new_id
from mains.jobs import cancelling, receipts, upkeep, views
from mains.jobs.dispatch import Dispatcher
from mains.jobs.intake import take_in
from mains.jobs.secrets import SecretBox
from mains.jobs.submission import Answer, Submission, Terms
from mains.jobs.sync import sync
from mains.ledger import auditing
from mains.ledger import service as ledger
from mains.ledger.values import AccountKind
from mains.parties import service as parties
from mains.programmes import service as programmes
from mains.quotes import service as quotes
from mains.quotes.rules import NoQuote
from mains.quotes.service import Quote, Wanted
from mains.settings import Settings
from mains.sites import service as sites
from mains.units import Money
from mains.wire import dsse
from mains.wire.agent import (
    PROTOCOL,
    ArtefactReport,
    AttemptReport,
    JoinRequest,
    PoolReport,
    RegisterRequest,
    RunState,
    StartOrder,
    SyncAnswer,
    SyncRequest,
    TaskReport,
    UsageLine,
)
from mains.wire.jobs import JobDetail, Receipt, SubmitRequest, WhyView
from mains.wire.sites import NewPool, NewSite
from mains.wire.spec import JobSpec, spec_of

TERMS = Terms(quote_validity=timedelta(minutes=15), queue_deadline=timedelta(days=7))
WHOLE = 1_000_000
AUDITED = ("ledger", "metering", "sites", "programmes", "quotes", "jobs")
_SPACE = UUID("01920000-0000-7000-8000-746573747321")


def a_spec(**keys: Any) -> JobSpec:
    spec, _ = spec_of({"run": "true", "time_limit": "50m", "grace": "10m", **keys})
    return spec


@dataclass
class City:
    """One clock, one dispatcher, a firm with money; every step is a transaction of its own."""

    database: Database
    clock: ManualClock
    settings: Settings
    firm: UUID = field(default_factory=new_id)
    person: UUID = field(default_factory=new_id)
    box: SecretBox = field(default_factory=lambda: SecretBox(bytes(32)))
    key: dsse.SigningKey = field(default_factory=dsse.generate)
    dispatcher: Dispatcher | None = None

    async def organisation(self, name: str, *, type: str = "firm", money: int = 0) -> UUID:
        """Make an organisation with this many whole yuan of its own."""
        async with self.database.transaction() as tx:
            made = await parties.create_organisation(
                tx, name=name, type=type, attributes={}, now=self.clock.now()
            )
        await self.deposit(made.id, money)
        return made.id

    async def deposit(self, organisation_id: UUID, whole: int) -> None:
        now = self.clock.now()
        async with self.database.transaction() as tx:
            own = await ledger.open_account(
                tx,
                kind=AccountKind.OWN,
                unit="CNY",
                owner_id=organisation_id,
                scope="",
                limited=True,
                now=now,
            )
            world = await ledger.open_account(
                tx,
                kind=AccountKind.WORLD,
                unit="CNY",
                owner_id=None,
                scope="",
                limited=False,
                now=now,
            )
            if whole:
                await ledger.transfer(
                    tx,
                    transfer_id=new_id(),
                    debit=world,
                    credit=own,
                    amount_micros=whole * WHOLE,
                    reason="deposit",
                    actor_id=None,
                    now=now,
                )

    async def voucher(self, *, whole: int, to: UUID | None = None, pack: str | None = None) -> UUID:
        """Publish the Dongguan programme if it is not there, and grant a voucher under it."""
        now, voucher_id = self.clock.now(), new_id()
        async with self.database.transaction() as tx:
            office = await parties.create_organisation(
                tx, name=f"office-{voucher_id.hex[-8:]}", type="office", attributes={}, now=now
            )
            await programmes.publish(
                tx,
                publication_id=uuid5(_SPACE, pack or "dongguan"),
                text=pack or programmes.pack("dongguan-2025"),
                organisation_id=office.id,
                actor_id=None,
                now=now,
            )
            await programmes.grant_voucher(
                tx,
                voucher_id=voucher_id,
                programme="dongguan-2025",
                organisation_id=to or self.firm,
                amount=Money(whole * WHOLE, "CNY"),
                actor_id=None,
                now=now,
            )
        return voucher_id

    async def site(self, name: str, *, price: str = "1", **pool: Any) -> "Site":
        """Add a site with one pool, its agent joined and reporting."""
        now = self.clock.now()
        new = NewPool(
            **{
                "name": "cpu",
                "unit": "cpu",
                "units": 4,
                "cpus": 4,
                "memory": "8GiB",
                "price_per_unit_hour": price,
                "currency": "CNY",
                **pool,
            }
        )
        key = dsse.generate()
        async with self.database.transaction() as tx:
            made = await sites.add_site(
                tx,
                NewSite(name=name, pools=[new]),
                organisation_id=self.firm,
                actor_id=None,
                now=now,
            )
            token = await sites.join_token(
                tx, site_id=made.id, url="http://x", tls_sha256=None, actor_id=None, now=now
            )
            request = JoinRequest(
                protocol=PROTOCOL, token=token, public_key=key.public_key_hex, host="node"
            )
            await sites.join(tx, request, now=now)
            registering = RegisterRequest(
                protocol=PROTOCOL,
                site_id=made.id,
                instance_id=new_id(),
                host="node",
                sent_at=now,
            )
            envelope = dsse.sign(registering.model_dump_json().encode(), key=key)
            registration = await sites.register(tx, envelope, now=now)
        site = Site(self, made.id, name, registration.epoch, registration.pools[0].pool_id, new)
        await site.sync()
        return site

    async def submit(
        self, spec: JobSpec | None = None, *, by: UUID | None = None, **request: Any
    ) -> Answer:
        """Submit a spec or, with quote_id, a quote; returns the answer, refused or not."""
        (answer,) = await self.submit_all([(spec, request)], by=by)
        return answer

    async def submit_all(
        self, wanted: Sequence[tuple[JobSpec | None, Mapping[str, Any]]], *, by: UUID | None = None
    ) -> list[Answer]:
        submissions = [
            Submission(
                SubmitRequest(**{"id": new_id(), "spec": spec, **request}),
                by or self.firm,
                "firm",
                self.person,
            )
            for spec, request in wanted
        ]
        return await take_in(
            self.database,
            submissions,
            box=self.box,
            terms=TERMS,
            loads={},
            now=self.clock.now(),
        )

    async def job(self, spec: JobSpec | None = None, *, quote: Quote | None = None) -> UUID:
        """Submit a job, or a quote, that is taken."""
        if quote is not None:
            answer = await self.submit(None, quote_id=quote.id)
        else:
            answer = await self.submit(spec or a_spec())
        assert not isinstance(answer, MainsError), answer.detail
        return answer.id

    async def quote(
        self, spec: JobSpec | None = None, *, by: UUID | None = None
    ) -> Quote | NoQuote:
        """Make and store a quote, or return why there is none."""
        now = self.clock.now()
        organisation_id = by or self.firm
        async with self.database.transaction() as tx:
            seen = await quotes.market(tx, [organisation_id], loads={}, now=now)
            wanted = Wanted(
                new_id(), organisation_id, self.person, (spec or a_spec()).without_secrets(), None
            )
            made = quotes.decide(wanted, seen, valid=TERMS.quote_validity, now=now)
            if isinstance(made, Quote):
                await quotes.store(tx, [made])
            return made

    async def dispatch(self) -> int:
        if self.dispatcher is None:
            self.dispatcher = await Dispatcher.take(
                self.database, self.settings, now=self.clock.now()
            )
        return await self.dispatcher.tick(now=self.clock.now())

    async def tidy(self) -> upkeep.Tidied:
        async with self.database.transaction() as tx:
            return await upkeep.tidy(tx, settings=self.settings, now=self.clock.now())

    async def cancel(self, job_id: UUID, *, tasks: Sequence[int] | None = None) -> None:
        async with self.database.transaction() as tx:
            await cancelling.cancel(
                tx,
                job_id,
                tasks=tasks,
                actor_id=self.person,
                settings=self.settings,
                now=self.clock.now(),
            )

    async def detail(self, job_id: UUID) -> JobDetail:
        async with self.database.transaction() as tx:
            return await views.detail(tx, job_id)

    async def why(self, job_id: UUID) -> WhyView:
        async with self.database.transaction() as tx:
            return await views.why(tx, job_id, now=self.clock.now())

    async def receipt(self, job_id: UUID) -> Receipt:
        async with self.database.transaction() as tx:
            envelope = await receipts.receipt(tx, job_id, key=self.key, now=self.clock.now())
        payload = dsse.verify(
            envelope,
            public_key_hex=self.key.public_key_hex,
            payload_type="application/vnd.mains.receipt+json",
        )
        return Receipt.model_validate_json(payload)

    async def own_room(self, organisation_id: UUID | None = None) -> int:
        """Return what is left of an organisation's own money, in micro-units."""
        async with self.database.transaction() as tx:
            accounts = await ledger.accounts_of(tx, organisation_id or self.firm)
        (own,) = [account for account in accounts if account.kind is AccountKind.OWN]
        return own.room.available_micros or 0

    async def audit(self) -> list[auditing.Finding]:
        sections = {name: Queries.load(f"mains.{name}", "audit.sql") for name in AUDITED}
        async with self.database.transaction() as tx:
            return await auditing.audit(tx, sections)

    async def settled(self, job_id: UUID) -> JobDetail:
        """Return the job and check that it is settled and that every cent is where it belongs."""
        found = await self.detail(job_id)
        assert found.settled, found.state
        assert await self.audit() == []
        return found


@dataclass
class Site:
    """A site whose agent says what the test wants."""

    city: City
    site_id: UUID
    name: str
    epoch: int
    pool_id: UUID
    pool: NewPool
    sequence: int = 0

    async def sync(
        self,
        attempts: Sequence[AttemptReport] = (),
        usage: Sequence[UsageLine] = (),
        *,
        complete: bool = False,
    ) -> SyncAnswer:
        self.sequence += 1
        now = self.city.clock.now()
        request = SyncRequest(
            protocol=PROTOCOL,
            site_id=self.site_id,
            epoch=self.epoch,
            sequence=self.sequence,
            sent_at=now,
            complete=complete,
            pools=[self._report()],
            attempts=list(attempts),
            usage=list(usage),
        )
        async with self.city.database.transaction() as tx:
            return await sync(
                tx,
                request,
                site_id=self.site_id,
                envelope=request.model_dump_json().encode(),
                box=self.city.box,
                settings=self.city.settings,
                now=now,
            )

    async def orders(self) -> list[StartOrder]:
        return (await self.sync()).starts

    async def running(self, order: StartOrder, *, used_ms: int, sequence: int = 1) -> SyncAnswer:
        report = AttemptReport(
            attempt_id=order.attempt_id, fence=order.fence, state=RunState.RUNNING
        )
        return await self.sync([report], [self.usage(order, used_ms, sequence=sequence)])

    async def end(
        self,
        order: StartOrder,
        *,
        used_ms: int = 1000,
        state: RunState = RunState.SUCCEEDED,
        tasks: Mapping[int, RunState] | None = None,
        sequence: int = 100,
        artefacts: Sequence[ArtefactReport] = (),
    ) -> SyncAnswer:
        """Report the end of an attempt; every task shares its state unless tasks says otherwise."""
        told = tasks
        if told is None:
            told = dict.fromkeys(range(order.first_task, order.last_task + 1), state)
        report = AttemptReport(
            attempt_id=order.attempt_id,
            fence=order.fence,
            state=state,
            tasks=[
                TaskReport(task=task, state=each, exit_code=int(each is not RunState.SUCCEEDED))
                for task, each in told.items()
            ],
            artefacts=list(artefacts),
        )
        usage = self.usage(order, used_ms, sequence=sequence, final=True)
        return await self.sync([report], [usage])

    def usage(
        self, order: StartOrder, used_ms: int, *, sequence: int = 1, final: bool = False
    ) -> UsageLine:
        return UsageLine(
            attempt_id=order.attempt_id,
            fence=order.fence,
            sequence=sequence,
            unit_milliseconds=used_ms * order.units,
            cpu_milliseconds=used_ms,
            measured_at=self.city.clock.now(),
            final=final,
        )

    def _report(self) -> PoolReport:
        return PoolReport(
            pool_id=self.pool_id,
            units=self.pool.units,
            cpus=self.pool.cpus,
            memory_bytes=2**43,
            isolation="fake",
            memory_limit="none",
        )
