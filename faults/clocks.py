"""200 jumps of the clock under the real services, and 40 under real processes.

Summer time, ends of months and years, and years. The clock that everything is given jumps between
two steps of a small city's life, or between two looks at it within one step. Sites meter by clocks
that don't jump, as real ones do.
"""

import asyncio
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.jobs.builders import TERMS, City, Site, a_spec
from tests.jobs.test_lives import Life, Run
from tests.programmes.builders import a_text

from faults import real_clocks
from faults.campaign import Broken, Share, chance
from faults.stores import Store, a_store
from mains.clock import ManualClock
from mains.db import Database
from mains.errors import KeyInvalid, MainsError, QuoteExpired, RequestInvalid, TokenInvalid
from mains.ids import new_id
from mains.jobs import upkeep
from mains.parties import service as parties
from mains.parties.keyfiles import Peppers
from mains.parties.rules import Caller, KeyText
from mains.quotes.service import Quote
from mains.settings import Settings
from mains.sites import rules as site_rules
from mains.sites import service as sites
from mains.wire import dsse
from mains.wire.agent import PROTOCOL, JoinRequest, RunState
from mains.wire.parties import Role
from mains.wire.sites import NewPool, NewSite

JUMPS: Final = 200
REAL_JUMPS: Final = 40
JUMPS_EACH: Final = 5
"""Jumps in one life of a city."""

STEPS: Final = 12
PEPPER: Final = Peppers({1: b"p" * 32})
SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)

SCENES: Final[Mapping[str, tuple[str, str, str]]] = {
    "summer time begins in Berlin": ("Europe/Berlin", "2026-03-29T00:59:40", "calendar_month"),
    "summer time ends in Berlin": ("Europe/Berlin", "2026-10-25T00:59:40", "calendar_month"),
    "summer time begins in New York": ("America/New_York", "2026-03-08T06:59:40", "calendar_month"),
    "summer time ends in New York": ("America/New_York", "2026-11-01T05:59:40", "calendar_year"),
    "half an hour on Lord Howe": ("Australia/Lord_Howe", "2026-04-04T14:59:40", "calendar_month"),
    "a month ends in Shanghai": ("Asia/Shanghai", "2026-04-30T15:59:40", "calendar_month"),
    "a year ends in Shanghai": ("Asia/Shanghai", "2026-12-31T15:59:40", "calendar_year"),
    "29 February begins in Berlin": ("Europe/Berlin", "2028-02-28T22:59:40", "calendar_month"),
    "29 February ends in Berlin": ("Europe/Berlin", "2028-02-29T22:59:40", "calendar_month"),
    "a year ends in Auckland": ("Pacific/Auckland", "2027-12-31T10:59:40", "calendar_year"),
}
"""The programme's time zone, where the clock starts in UTC, and the period of its cap."""

JUMP_SIZES: Final = (
    30 * SECOND,
    5 * MINUTE,
    14 * MINUTE,
    16 * MINUTE,
    HOUR,
    25 * HOUR,
    31 * DAY,
    366 * DAY,
)
OFFSETS: Final[Mapping[timedelta, bool]] = {
    -16 * MINUTE: False,
    -14 * MINUTE: True,
    14 * MINUTE: True,
    16 * MINUTE: False,
}
"""How far an agent's clock is off, and whether its word counts."""

EXPIRED_EARLY: Final = """
SELECT id, expires_at, closed_at FROM ledger.hold
WHERE close_reason = 'expired' AND closed_at < expires_at
"""
CAPS_HELD: Final = """
SELECT h.id, h.placed_at, a.scope FROM ledger.hold AS h
JOIN ledger.account AS a ON a.id = ANY(h.leg_accounts) WHERE a.kind = 'cap'
"""
OUT_OF_ORDER: Final = """
SELECT j.id, j.submitted_at, j.settled_at FROM jobs.job AS j
LEFT JOIN jobs.attempt AS a ON a.job_id = j.id
WHERE j.settled_at < j.submitted_at OR j.ended_at < j.started_at
    OR a.started_at < a.assigned_at OR a.ended_at < a.started_at OR j.settled_at < a.ended_at
"""
METERED: Final = """
SELECT a.id, d.metered, d.late, d.charged, d.overrun,
    a.unit_milliseconds, a.price_micros, a.state::text
FROM jobs.attempt AS a JOIN ledger.draw AS d ON d.id = a.id
"""
OPEN: Final = """
SELECT (SELECT count(*) FROM ledger.hold WHERE state = 'open') AS holds,
    (SELECT count(*) FROM ledger.account WHERE limited AND pending <> 0) AS pending
"""


class JumpingClock(ManualClock):
    """Jumps when told to, or at one of the next looks at it."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._looks_left = 0
        self._by = timedelta(0)

    def now(self) -> datetime:
        if self._looks_left:
            self._looks_left -= 1
            if not self._looks_left:
                self.advance(self._by)
        return super().now()

    def jump(self, by: timedelta, *, looks: int) -> None:
        """Jump at once, or when it is looked at for the so manieth time from here."""
        if looks:
            self._by, self._looks_left = by, looks
        else:
            self.advance(by)

    def arrive(self) -> None:
        """Jump now if that is still to come."""
        if self._looks_left:
            self._looks_left = 0
            self.advance(self._by)


@dataclass
class MeteredLife(Life):
    """Remembers what each run really used, by its site's own steady clock."""

    honest: dict[UUID, int] = field(default_factory=dict)

    def use(self, run: Run, *, end: RunState | None) -> None:
        super().use(run, end=end)
        self.honest[run.order.attempt_id] = run.used_ms * run.order.units


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Live through this share's jumps; whatever the clock said, nothing wrong comes of it."""
    wanted, counts = len(share.part(JUMPS)), Counter[str]()
    with a_store() as store:
        number = 0
        while counts["jumps"] < wanted:
            name = f"clocks {share} {number}"
            scene = list(SCENES)[(number + (share.number - 1) * wanted) % len(SCENES)]
            jumps = min(JUMPS_EACH, wanted - counts["jumps"])
            with store.copy(f"clocks_{number}") as copy:
                counts += asyncio.run(a_life(copy, scene, chance(seed, name), jumps=jumps))
            number += 1
    return counts + _real(share, seed)


def _real(share: Share, seed: int) -> Counter[str]:
    """Let clocks of real processes jump where that can be done."""
    jumps = len(share.part(REAL_JUMPS))
    able = os.geteuid() == 0 and all(map(shutil.which, ("unshare", "gcc")))
    if not able:
        return Counter({"not run with real processes: needs root, unshare and gcc": jumps})
    return Counter(real_clocks.apart(jumps=jumps, seed=seed + share.number))


async def a_life(store: Store, scene: str, dice: random.Random, *, jumps: int) -> Counter[str]:
    """Let a city live in this scene, with so many jumps, and settle it when the clock is right."""
    zone, start, period = SCENES[scene]
    clock = JumpingClock(datetime.fromisoformat(start).replace(tzinfo=UTC))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", commons=Path(folder))
        database = await Database.open(store.app_url)
        try:
            city = City(database, clock, settings)
            life = await _city(city, dice, zone=zone, period=period)
            counts = Counter({scene: 1})
            for _ in range(jumps):
                counts += await _a_jump(life, clock, dice)
                await _check(life, zone, period)
            await _come_right(life, clock)
            await life.settle()
            await _check(life, zone, period)
            counts += await _check_end(life)
        finally:
            await database.close()
    return counts


async def _city(city: City, dice: random.Random, *, zone: str, period: str) -> MeteredLife:
    city.firm = await city.organisation("firm", money=2_000)
    rival = await city.organisation("rival", money=300)
    text = a_text(time_zone=zone, until="2040-12-31", period=period, percent="33.33 %")
    await city.voucher(whole=50, pack=text.replace("from: 2025-01-01", "from: 2020-01-01"))
    made = [
        await city.site("north", price="1.37", units=3, cpus=3),
        await city.site("south", price="0.93", units=2, cpus=2),
    ]
    return MeteredLife(city, dice, made, [city.firm, rival])


async def _a_jump(life: MeteredLife, clock: JumpingClock, dice: random.Random) -> Counter[str]:
    """Live a little, jump, ask what depends on the time, and live on."""
    city = life.city
    for _ in range(STEPS // 2):
        await life.step()
    promises = await Promises.made(city)
    by = dice.choice(JUMP_SIZES) * dice.choice((1, 1, -1))
    looks = dice.choice((0, 0, 1, 2, 3))
    clock.jump(by, looks=looks)
    counts = Counter({"jumps": 1, "forwards" if by > timedelta(0) else "backwards": 1})
    if looks:
        counts["within a step"] += 1
        await life.step()
        clock.arrive()
    counts += await promises.kept(city)
    for _ in range(STEPS // 2):
        await life.step()
    for site in life.sites:
        await life.talk(site, complete=True)
        await _check_lease(city, site)
    return counts


@dataclass(frozen=True, slots=True)
class Promises:
    """What was given out with an end in time: a quote, a join token, a key."""

    at: datetime
    quote: Quote | None
    token: str
    key: KeyText
    key_until: datetime
    voice: dsse.SigningKey
    site_id: UUID

    @classmethod
    async def made(cls, city: City) -> "Promises":
        now = city.clock.now()
        quote = await city.quote(a_spec(time_limit="1m", grace="1s"))
        if isinstance(quote, Quote) and quote.valid_until > now + TERMS.quote_validity:
            raise Broken(f"a quote of {now} is valid until {quote.valid_until}")
        name = f"site-{new_id().hex[-12:]}"
        pool = NewPool(
            name="cpu",
            unit="cpu",
            units=1,
            cpus=1,
            memory="1GiB",
            price_per_unit_hour="9",
            currency="CNY",
        )
        voice = dsse.generate()
        async with city.database.transaction() as tx:
            site = await sites.add_site(
                tx,
                NewSite(name=name, pools=[pool]),
                organisation_id=city.firm,
                actor_id=None,
                now=now,
            )
            tokens = [
                await sites.join_token(
                    tx, site_id=site.id, url="http://x", tls_sha256=None, actor_id=None, now=now
                )
                for _ in range(1)
            ]
            key, known = await _a_key(tx, city, name, now)
        assert known.expires_at is not None
        return cls(
            now,
            quote if isinstance(quote, Quote) else None,
            tokens[0],
            key,
            known.expires_at,
            voice,
            site.id,
        )

    async def kept(self, city: City) -> Counter[str]:
        """See that each holds until its time and not a moment longer, by the clock as it is."""
        now = city.clock.now()
        if self.quote is not None:
            answer = await city.submit(None, quote_id=self.quote.id)
            refused = isinstance(answer, QuoteExpired)
            over = now >= self.quote.valid_until or (
                self.quote.voucher is not None and now < self.at
            )
            _agree("a quote", refused=refused, over=over)
        parsed, _ = parties.parse_key(self.key.text, pepper=PEPPER)
        _agree(
            "a key",
            refused=await _refused(
                KeyInvalid, city, parties.authenticate, parsed, pepper=PEPPER, now=now
            ),
            over=now >= self.key_until,
        )
        request = JoinRequest(
            protocol=PROTOCOL,
            token=self.token,
            public_key=self.voice.public_key_hex,
            host="node",
        )
        refused = await _refused(TokenInvalid, city, sites.join, request, now=now)
        _agree("a join token", refused=refused, over=now >= self.at + site_rules.TOKEN_VALIDITY)
        if not refused:
            await self._speak(city, now)
        return Counter({"promises": 3, "agents' clocks": 0 if refused else len(OFFSETS)})

    async def _speak(self, city: City, now: datetime) -> None:
        """Say something with a clock that is off; it counts as far as a clock may be off."""
        for offset, counts in OFFSETS.items():
            said = (
                f'{{"protocol":{PROTOCOL},"site_id":"{self.site_id}","epoch":null,'
                f'"sent_at":"{(now + offset).isoformat()}"}}'
            )
            envelope = dsse.sign(said.encode(), key=self.voice)
            refused = await _refused(
                RequestInvalid,
                city,
                sites.authenticate_envelope,
                envelope,
                registered=False,
                now=now,
            )
            if refused is counts:
                raise Broken(f"an agent {offset} off was {'refused' if refused else 'heard'}")


async def _a_key(tx: Any, city: City, name: str, now: datetime) -> tuple[KeyText, parties.Key]:
    """Issue a key that is valid for a day."""
    home = await parties.organisation(tx, str(city.firm))
    roles = frozenset((Role.MEMBER,))
    person = await parties.add_person(
        tx, organisation_id=home.id, name=name, roles=list(roles), now=now
    )
    caller = Caller(person.id, person.name, home.id, home.name, roles, key_id="clocks")
    return await parties.create_key(
        tx,
        caller=caller,
        organisation=home,
        person=person.name,
        label="clocks",
        roles=None,
        valid_days=1,
        pepper=PEPPER,
        now=now,
    )


def _agree(what: str, *, refused: bool, over: bool) -> None:
    if refused is not over:
        raise Broken(
            f"{what} was {'refused' if refused else 'taken'} and is {'' if over else 'not '}over"
        )


async def _refused(
    error: type[MainsError], city: City, deed: Any, *given: Any, **named: Any
) -> bool:
    """Say whether a use case refuses with this error; any other is a fault."""
    try:
        async with city.database.transaction() as tx:
            await deed(tx, *given, **named)
    except error:
        return True
    return False


async def _check_lease(city: City, site: Site) -> None:
    """A site is believed to be there for its lease from now, however the clock was before."""
    now, lease = city.clock.now(), timedelta(seconds=city.settings.agent_lease_seconds)
    async with city.database.transaction() as tx:
        found = await sites.site(tx, str(site.site_id))
    until = found.lease_until
    if until is None or not now < until <= now + 2 * lease:
        raise Broken(f"{site.name} spoke at {now} and is believed until {until}")


async def _check(life: MeteredLife, zone: str, period: str) -> None:
    """What must hold after every jump."""
    if findings := await life.city.audit():
        raise Broken(f"the audit found {findings}")
    async with life.city.database.transaction() as tx:
        early = await (await tx.execute(EXPIRED_EARLY)).fetchall()
        held = await (await tx.execute(CAPS_HELD)).fetchall()
        odd = await (await tx.execute(OUT_OF_ORDER)).fetchall()
        metered = await (await tx.execute(METERED)).fetchall()
    if early:
        raise Broken(f"holds expired before their time: {early}")
    if odd:
        raise Broken(f"times are out of order: {odd}")
    for row in held:
        local = row["placed_at"].astimezone(ZoneInfo(zone))
        label = f"{local:%Y-%m}" if period == "calendar_month" else f"{local:%Y}"
        if not row["scope"].endswith(f"/{label}"):
            raise Broken(f"a hold of {local} counts in {row['scope']}")
    for row in metered:
        _check_charge(row, life.honest.get(row["id"], 0))


def _check_charge(row: Mapping[str, Any], used: int) -> None:
    """No draw is charged for more than its run used, nor twice; prices round up to a millionth."""
    if row["unit_milliseconds"] > used:
        raise Broken(f"{row} was metered beyond the {used} that its run used")
    cost = -(-row["unit_milliseconds"] * row["price_micros"] // 3_600_000)
    told = row["metered"] + row["late"]
    if row["charged"] + row["overrun"] != told or row["charged"] > cost:
        raise Broken(f"{row} must cost {cost} at most")


async def _come_right(life: MeteredLife, clock: JumpingClock) -> None:
    """Set the clock to the latest time that it ever told: all that was put off is due then."""
    async with life.city.database.transaction() as tx:
        row = await (
            await tx.execute("SELECT max(expires_at) AS latest FROM ledger.hold")
        ).fetchone()
    assert row is not None
    with suppress(TypeError):
        ahead = row["latest"] - clock.now() - TERMS.queue_deadline
        clock.advance(max(ahead, timedelta(0)))


async def _check_end(life: MeteredLife) -> Counter[str]:
    """Everything has ended, and each receipt agrees with itself and with the meters."""
    city = life.city
    async with city.database.transaction() as tx:
        left = await (await tx.execute(OPEN)).fetchone()
        await upkeep.forget_old(tx, settings=city.settings, now=city.clock.now())
    if left != {"holds": 0, "pending": 0}:
        raise Broken(f"left over: {left}")
    for job_id in life.jobs:
        receipt = await city.receipt(job_id)
        if receipt.settled_at < receipt.submitted_at:
            raise Broken(f"{job_id} was settled before it was submitted")
        for attempt in receipt.attempts:
            if attempt.unit_milliseconds > life.honest.get(attempt.id, 0):
                raise Broken(f"the receipt of {job_id} has more than {attempt.id} used")
    return Counter({"jobs": len(life.jobs), "runs": len(life.honest)})
