"""How a quote is made: pure, so that placement, pages and simulation reason alike."""

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mains.ledger.rules import Mode, split
from mains.parties.service import PartyFacts
from mains.programmes.payers import VoucherPayer
from mains.programmes.rules import Granted, NotGranted, Purchase, assess
from mains.sites.rules import Offer
from mains.units import UnitMilliseconds, cost_micros, decimal_string

ROUNDING_MICROS_PER_CHUNK: Final = 1
"""Shares round once per attempt: the chunks of an array after the first may cost this much more."""


BEST_MAX: Final = 8
SPREAD_MAX: Final = 16
"""A quote is for the best offers and for some of the others: in a city of thousands of pools that
is more than a job will need, and a million waiting jobs can be kept with their terms."""

CHOICES: Final = 16
"""In how many ways equal needs choose among the others: equal terms are stored once."""

_RANDOM_BITS: Final = 2**62 - 1
"""The part of an id that says nothing of when it was made."""

NO_VOUCHER: Final = "no_voucher"


@dataclass(frozen=True, slots=True)
class Need:
    """What is to be bought: `tasks` times the resources, each for seconds_per_task at most."""

    unit: str
    units: int
    cpus: int
    memory_bytes: int
    tasks: int
    seconds_per_task: int
    budget_micros: int | None = None
    sites: frozenset[str] | None = None
    programme: str | None = None


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """An organisation's own money in one currency."""

    account_id: int
    currency: str
    room_micros: int


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a pool is: free units now, and unit-seconds that wait for it."""

    units_free: int
    waiting_unit_seconds: int


@dataclass(frozen=True, slots=True)
class Refusal:
    what: str
    code: str
    because: str


@dataclass(frozen=True, slots=True)
class Priced:
    """An offer that admits the need, with its worst case in micro-units."""

    offer: Offer
    task_micros: int
    cost_micros: int
    granted: Granted | NotGranted | None
    public_micros: int
    own_micros: int
    start_in_seconds: int | None

    @property
    def rate_bps(self) -> int:
        return self.granted.rate_bps if isinstance(self.granted, Granted) else 0

    @property
    def because(self) -> str:
        return self.granted.because if self.granted else "paid by the organisation's own money"


@dataclass(frozen=True, slots=True)
class QuotePlan:
    """The promise: at most `ceiling_micros` in all, `own_micros` of it from the buyer itself."""

    currency: str
    own: OwnAccount
    voucher: VoucherPayer | None
    priced: tuple[Priced, ...]
    ceiling_micros: int
    own_micros: int
    public_micros: int
    refusals: tuple[Refusal, ...]

    @property
    def best(self) -> Priced:
        return self.priced[0]


@dataclass(frozen=True, slots=True)
class NoQuote:
    """Nothing to promise: short_micros is what money would be missing at the cheapest offer."""

    refusals: tuple[Refusal, ...]
    cheapest_micros: int | None = None
    own_room_micros: int = 0
    voucher_room_micros: int = 0
    short_micros: int = 0
    currency: str = ""


def plan_quote(
    need: Need,
    *,
    party: PartyFacts,
    offers: Sequence[Offer],
    accounts: Sequence[OwnAccount],
    vouchers: Sequence[VoucherPayer],
    loads: Mapping[UUID, Load],
    now: datetime,
) -> QuotePlan | NoQuote:
    """Choose the payers that leave the buyer least to pay, over every pool that admits the need."""
    refusals = {offer.pool_id: refuse(need, offer, party.id) for offer in offers}
    fitting = [offer for offer in offers if refusals[offer.pool_id] is None]
    told = [refusal for refusal in refusals.values() if refusal is not None]
    told += _unknown_sites(need, offers)
    own = _account(accounts, fitting)
    if own is None:
        told += [_no_account(offer) for offer in fitting]
        return NoQuote(tuple(told))
    told += [_foreign(offer, own) for offer in fitting if offer.currency != own.currency]
    fitting = [offer for offer in fitting if offer.currency == own.currency]
    candidates = _candidates(need, vouchers, own.currency)
    if not candidates:
        return NoQuote((*told, _no_voucher(need, own.currency)))
    plans = [_plan(need, party, fitting, own, voucher, loads, now) for voucher in candidates]
    possible = [plan for plan in plans if isinstance(plan, QuotePlan)]
    if possible:
        chosen = min(possible, key=_preference)
        return _with(chosen, told)
    shortest = min((plan for plan in plans if isinstance(plan, NoQuote)), key=_shortfall)
    return NoQuote(
        (*told, *shortest.refusals),
        cheapest_micros=shortest.cheapest_micros,
        own_room_micros=own.room_micros,
        voucher_room_micros=shortest.voucher_room_micros,
        short_micros=shortest.short_micros,
        currency=own.currency,
    )


def refuse(need: Need, offer: Offer, organisation_id: UUID) -> Refusal | None:
    """Return why a pool can never run this need as it stands now, or None when it can."""
    where = f"{offer.site}/{offer.pool}"
    if need.sites is not None and offer.site not in need.sites:
        return Refusal(where, "site_excluded", "the job names other sites")
    if need.unit != offer.unit:
        return Refusal(where, "other_unit", f"sells {offer.unit}, the job needs {need.unit}")
    for wanted, offered, name in (
        (need.units, offer.units, f"{offer.unit} units"),
        (need.cpus, offer.cpus, "CPUs"),
        (-(-need.memory_bytes // 2**20), offer.memory_bytes // 2**20, "MiB of memory"),
    ):
        if wanted > offered:
            return Refusal(where, "too_small", f"has {offered:,} {name}, a task needs {wanted:,}")
    if offer.trusted_organisation_id not in (None, organisation_id):
        return Refusal(where, "trusted_only", "runs its owner's jobs only: it can't isolate others")
    if offer.draining:
        return Refusal(where, "draining", "the site takes no new work")
    if not offer.live:
        return Refusal(where, "unreachable", "the site has not been heard of for its lease")
    return None


def task_ceiling_micros(need: Need, offer: Offer) -> int:
    """Return what one task costs at most at this offer, its grace included."""
    most = UnitMilliseconds(need.units * need.seconds_per_task * 1000)
    return cost_micros(most, price_micros_per_unit_hour=offer.price_micros_per_unit_hour)


def voucher_room(voucher: VoucherPayer) -> int:
    """Return what a voucher may still pay: its own room and every cap above it."""
    return max(0, min([voucher.room_micros, *(cap.room_micros for cap in voucher.caps)]))


def _unknown_sites(need: Need, offers: Sequence[Offer]) -> list[Refusal]:
    """Name the sites that a job asks for and that are not there, or sell nothing."""
    unknown = (need.sites or frozenset()) - {offer.site for offer in offers}
    return [Refusal(name, "unknown_site", "is no site that sells here") for name in sorted(unknown)]


def _account(accounts: Sequence[OwnAccount], fitting: Sequence[Offer]) -> OwnAccount | None:
    """Return the account in the currency of most offers; ties go to the first by name."""
    if not accounts:
        return None
    currencies = [offer.currency for offer in fitting]
    return min(
        accounts, key=lambda account: (-currencies.count(account.currency), account.currency)
    )


def _candidates(
    need: Need, vouchers: Iterable[VoucherPayer], currency: str
) -> list[VoucherPayer | None]:
    if need.programme == "none":
        return [None]
    usable = [voucher for voucher in vouchers if voucher.currency == currency]
    if need.programme is not None:
        return [voucher for voucher in usable if voucher.programme == need.programme]
    return [*usable, None]


def _no_voucher(need: Need, currency: str) -> Refusal:
    """A job that names its programme is never paid by anybody else in silence."""
    what = f"voucher of {need.programme}"
    return Refusal(what, NO_VOUCHER, f"no voucher of {need.programme} pays in {currency} now")


def _plan(
    need: Need,
    party: PartyFacts,
    offers: Sequence[Offer],
    own: OwnAccount,
    voucher: VoucherPayer | None,
    loads: Mapping[UUID, Load],
    now: datetime,
) -> QuotePlan | NoQuote:
    priced = [
        _price(need, party, offer, voucher, loads.get(offer.pool_id), now) for offer in offers
    ]
    affordable: list[Priced] = []
    refusals: list[Refusal] = []
    for each in priced:
        if need.budget_micros is not None and each.cost_micros > need.budget_micros:
            refusals.append(_over_budget(each, need.budget_micros))
        elif each.own_micros > own.room_micros:
            refusals.append(_unaffordable(each, own))
        else:
            affordable.append(each)
    if not affordable:
        return _nothing(priced, own, voucher, refusals)
    affordable = offered(affordable, need, party.id)
    return QuotePlan(
        currency=own.currency,
        own=own,
        voucher=voucher if any(each.public_micros for each in affordable) else None,
        priced=tuple(affordable),
        ceiling_micros=max(each.cost_micros for each in affordable),
        own_micros=max(each.own_micros for each in affordable),
        public_micros=max(each.public_micros for each in affordable),
        refusals=tuple(refusals),
    )


def offered(priced: Iterable[Priced], need: Need, party_id: UUID) -> list[Priced]:
    """Return the offers that a quote is for, best first: all of them where they are few.

    The best ones alone would be the same few for everybody, who would wait there while all others
    stand idle. The rest is chosen differently for each need and each sixteenth of the parties.
    """
    ordered = sorted(priced, key=rank)
    chosen = f"{party_id.int % CHOICES} {need.units} {need.cpus} {need.memory_bytes}"
    chosen += f" {need.seconds_per_task}"
    mark = int.from_bytes(hashlib.blake2b(chosen.encode(), digest_size=8).digest(), "big")
    others = heapq.nsmallest(
        SPREAD_MAX,
        ordered[BEST_MAX:],
        key=lambda each: (each.offer.pool_id.int ^ mark) & _RANDOM_BITS,
    )
    return sorted([*ordered[:BEST_MAX], *others], key=rank)


def rank(priced: Priced) -> tuple[int, int, str, str]:
    """Order offers: what the buyer pays, then how soon, then by name."""
    start = priced.start_in_seconds
    offer = priced.offer
    return (priced.own_micros, start if start is not None else 2**40, offer.site, offer.pool)


def _price(
    need: Need,
    party: PartyFacts,
    offer: Offer,
    voucher: VoucherPayer | None,
    load: Load | None,
    now: datetime,
) -> Priced:
    task_micros = task_ceiling_micros(need, offer)
    cost = task_micros * need.tasks
    granted = None
    if voucher is not None:
        purchase = Purchase(site=offer.site, unit=offer.unit)
        granted = assess(voucher.document, party=party, purchase=purchase, now=now)
    rate_bps = granted.rate_bps if isinstance(granted, Granted) else 0
    room = voucher_room(voucher) if voucher is not None else 0
    shares = split(cost, rates_bps=(rate_bps,), ceilings=(room,), own_ceiling=cost, mode=Mode.RATIO)
    rounding = ROUNDING_MICROS_PER_CHUNK * (need.tasks - 1) if rate_bps else 0
    return Priced(
        offer=offer,
        task_micros=task_micros,
        cost_micros=cost,
        granted=granted,
        public_micros=shares.public[0],
        own_micros=min(cost, shares.own + rounding),
        start_in_seconds=start_estimate_seconds(need, load),
    )


def start_estimate_seconds(need: Need, load: Load | None) -> int | None:
    """Return when the first task may start: now if it fits, else when the queue has drained.

    A plain estimate: what waits, spread over the pool; None where the pool's load is not known.
    """
    if load is None:
        return None
    if load.units_free >= need.units and load.waiting_unit_seconds == 0:
        return 0
    return load.waiting_unit_seconds // max(1, load.units_free) + need.seconds_per_task


def _preference(plan: QuotePlan) -> tuple[int, int, int]:
    best = plan.best
    return (best.own_micros, plan.own_micros, 0 if plan.voucher is None else 1)


def _shortfall(plan: NoQuote) -> tuple[bool, int]:
    return (plan.cheapest_micros is None, plan.short_micros)


def _nothing(
    priced: Sequence[Priced],
    own: OwnAccount,
    voucher: VoucherPayer | None,
    refusals: Sequence[Refusal],
) -> NoQuote:
    if not priced:
        return NoQuote(tuple(refusals))
    cheapest = min(priced, key=lambda each: each.own_micros)
    return NoQuote(
        tuple(refusals),
        cheapest_micros=cheapest.cost_micros,
        own_room_micros=own.room_micros,
        voucher_room_micros=cheapest.public_micros if voucher else 0,
        short_micros=max(0, cheapest.own_micros - own.room_micros),
        currency=own.currency,
    )


def _with(plan: QuotePlan, told: Sequence[Refusal]) -> QuotePlan:
    return QuotePlan(
        currency=plan.currency,
        own=plan.own,
        voucher=plan.voucher,
        priced=plan.priced,
        ceiling_micros=plan.ceiling_micros,
        own_micros=plan.own_micros,
        public_micros=plan.public_micros,
        refusals=(*told, *plan.refusals),
    )


def _no_account(offer: Offer) -> Refusal:
    where = f"{offer.site}/{offer.pool}"
    return Refusal(where, "no_account", f"your organisation has no {offer.currency} account yet")


def _foreign(offer: Offer, own: OwnAccount) -> Refusal:
    where = f"{offer.site}/{offer.pool}"
    because = f"is priced in {offer.currency}, your account is in {own.currency}"
    return Refusal(where, "other_currency", because)


def _over_budget(priced: Priced, budget_micros: int) -> Refusal:
    where = f"{priced.offer.site}/{priced.offer.pool}"
    cost, budget = decimal_string(priced.cost_micros), decimal_string(budget_micros)
    return Refusal(where, "over_budget", f"may cost {cost}, the job's budget is {budget}")


def _unaffordable(priced: Priced, own: OwnAccount) -> Refusal:
    where = f"{priced.offer.site}/{priced.offer.pool}"
    because = (
        f"may cost {decimal_string(priced.cost_micros)} {own.currency}: "
        f"{decimal_string(priced.public_micros)} by voucher, {decimal_string(priced.own_micros)} "
        f"from your own {decimal_string(own.room_micros)}"
    )
    return Refusal(where, "insufficient_funds", because)
