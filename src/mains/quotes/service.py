"""Load what a quote needs, decide, store; the promise itself is placed by the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mains.db import Queries, Transaction, jsonb
from mains.errors import InsufficientFunds, MainsError, NoOffer, NotEligible, NotFound
from mains.parties import service as parties
from mains.programmes import service as programmes
from mains.programmes.payers import VoucherPayer
from mains.programmes.rules import Granted, explain, percent_number, period_of
from mains.quotes.rules import (
    NO_VOUCHER,
    Load,
    Need,
    NoQuote,
    OwnAccount,
    Priced,
    QuotePlan,
    Refusal,
    plan_quote,
    voucher_room,
)
from mains.sites import service as sites
from mains.sites.rules import Offer
from mains.units import Money, decimal_string
from mains.wire.base import Amount
from mains.wire.jobs import OfferView, PayerView, QuoteView, RefusalView
from mains.wire.spec import JobSpec

QUERIES = Queries.load(__package__, "queries.sql")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A quote that somebody asks for; the spec carries no secret values any more."""

    quote_id: UUID
    organisation_id: UUID
    person_id: UUID
    spec: JobSpec
    bundle: str | None


@dataclass(frozen=True, slots=True)
class Market:
    """Everything that the quotes of one transaction are made from, read once."""

    offers: Sequence[Offer]
    parties: Mapping[UUID, parties.PartyFacts]
    accounts: Mapping[UUID, Sequence[OwnAccount]]
    vouchers: Mapping[UUID, programmes.Payers]
    loads: Mapping[UUID, Load]
    plans: dict[tuple[UUID, Need], QuotePlan | NoQuote] = field(default_factory=dict)
    """Equal needs of one organisation have equal plans: a crowd of jobs alike is planned once."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A stored quote; amounts in micro-units, own money first among the payers."""

    id: UUID
    organisation_id: UUID
    person_id: UUID
    spec: JobSpec
    bundle: str | None
    currency: str
    tasks: int
    ceiling: int
    own_most: int
    amounts: Sequence[int]
    leg_accounts: Sequence[int]
    leg_payers: Sequence[int]
    payers: Sequence[Mapping[str, Any]]
    offers: Sequence[Mapping[str, Any]]
    refusals: Sequence[Mapping[str, str]]
    created_at: datetime
    valid_until: datetime

    @property
    def voucher(self) -> Mapping[str, Any] | None:
        return self.payers[1] if len(self.payers) > 1 else None


async def market(
    tx: Transaction, organisation_ids: Sequence[UUID], *, loads: Mapping[UUID, Load], now: datetime
) -> Market:
    """Read offers, parties, accounts and vouchers for a batch of quotes in a few queries."""
    ids = sorted(set(organisation_ids))
    found = await parties.organisations_by_id(tx, ids)
    accounts: dict[UUID, list[OwnAccount]] = {organisation_id: [] for organisation_id in ids}
    rows = await tx.execute(QUERIES["own_accounts"], {"ids": ids})
    for row in await rows.fetchall():
        accounts[row["owner_id"]].append(OwnAccount(row["id"], row["unit"], row["available"]))
    return Market(
        offers=await sites.offers(tx, now=now),
        parties={key: parties.facts_of(value) for key, value in found.items()},
        accounts=accounts,
        vouchers=await programmes.payers_many(tx, ids, now=now),
        loads=loads,
    )


def need_of(spec: JobSpec) -> Need:
    """Return what a job file buys: its grace is part of its time, and so of its price."""
    budget = None if spec.budget is None else Money.parse(spec.budget, "XXX").micros
    return Need(
        unit=spec.resources.unit,
        units=spec.resources.units,
        cpus=spec.resources.cpus,
        memory_bytes=spec.resources.memory_bytes,
        tasks=spec.tasks,
        seconds_per_task=spec.time_seconds + spec.grace_seconds,
        budget_micros=budget,
        sites=frozenset(spec.sites) if spec.sites is not None else None,
        programme=spec.programme,
    )


def decide(wanted: Wanted, seen: Market, *, valid: timedelta, now: datetime) -> Quote | NoQuote:
    """Make one quote out of the market."""
    need = need_of(wanted.spec)
    plan = seen.plans.get((wanted.organisation_id, need))
    if plan is None:
        plan = _planned(wanted.organisation_id, need, seen, now=now)
        seen.plans[wanted.organisation_id, need] = plan
    if isinstance(plan, NoQuote):
        return plan
    return _quote(wanted, plan, valid=valid, now=now)


def _planned(
    organisation_id: UUID, need: Need, seen: Market, *, now: datetime
) -> QuotePlan | NoQuote:
    """Plan for one need, and add why a voucher of the organisation does not pay."""
    vouchers = seen.vouchers[organisation_id]
    plan = plan_quote(
        need,
        party=seen.parties[organisation_id],
        offers=seen.offers,
        accounts=seen.accounts[organisation_id],
        vouchers=vouchers.vouchers,
        loads=seen.loads,
        now=now,
    )
    told = tuple(
        Refusal(f"voucher of {refusal.programme}", refusal.code, refusal.because)
        for refusal in vouchers.refusals
    )
    return replace(plan, refusals=(*plan.refusals, *told))


async def store(tx: Transaction, quotes: Sequence[Quote]) -> None:
    """Insert quotes; one that is there already stays as it is."""
    await tx.execute(QUERIES["insert_quotes"], {"rows": jsonb([_row(q) for q in quotes])})


async def load(tx: Transaction, quote_ids: Sequence[UUID]) -> dict[UUID, Quote]:
    """Return the stored quotes of those ids."""
    rows = await tx.execute(QUERIES["quotes_by_id"], {"ids": list(quote_ids)})
    return {row["id"]: _loaded(row) for row in await rows.fetchall()}


async def quote(tx: Transaction, quote_id: UUID) -> Quote:
    """Return one stored quote; raises NotFound."""
    found = await load(tx, [quote_id])
    if quote_id not in found:
        raise NotFound(f"there is no quote {quote_id}", hint="`mains quote job.yaml` makes one.")
    return found[quote_id]


def refusal(none: NoQuote, organisation: str) -> MainsError:
    """Return the error that says why there is no quote, with the amounts or the pools."""
    vouchers = [each.because for each in none.refusals if each.what.startswith("voucher")]
    reasons = {r.what: r.because for r in none.refusals if not r.what.startswith("voucher")}
    if any(each.code == NO_VOUCHER for each in none.refusals):
        return NotEligible(
            "; ".join(vouchers),
            hint="Leave `programme` out, or write `programme: none`, to pay with your own money.",
        )
    if none.cheapest_micros is None:
        detail = "No site can run this job"
        detail += ": " + "; ".join(f"{k} {v}" for k, v in reasons.items()) if reasons else "."
        return NoOffer(
            detail, hint="Ask for less, or see `mains site list` for what there is.", pools=reasons
        )
    if none.short_micros == 0:
        return NoOffer(
            "No site can run this job within its budget: "
            + "; ".join(f"{k} {v}" for k, v in reasons.items()),
            hint="Raise `budget`, or shorten `time_limit`.",
            pools=reasons,
        )
    missing = Money(none.short_micros, none.currency)
    return InsufficientFunds(
        f"The job may cost {Money(none.cheapest_micros, none.currency)}: vouchers pay at most "
        f"{decimal_string(none.voucher_room_micros)}, {organisation}'s own money "
        f"{decimal_string(none.own_room_micros)}; {missing} are missing."
        + "".join(f" Note: {because}." for because in vouchers),
        hint="Shorten `time_limit`, deposit money, or ask the programme office for a voucher.",
        cost=decimal_string(none.cheapest_micros),
        voucher=decimal_string(none.voucher_room_micros),
        own=decimal_string(none.own_room_micros),
        missing=decimal_string(none.short_micros),
        currency=none.currency,
        because=reasons,
    )


def view(quote: Quote) -> QuoteView:
    """Return a stored quote as it is shown."""

    def amount(micros: int) -> Amount:
        return Amount(amount=decimal_string(micros), currency=quote.currency)

    return QuoteView(
        id=quote.id,
        valid_until=quote.valid_until,
        tasks=quote.tasks,
        ceiling=amount(quote.ceiling),
        own_most=amount(quote.own_most),
        payers=[
            PayerView(
                payer=payer["payer"],
                label=payer["label"],
                voucher_id=payer["voucher_id"],
                programme=payer["programme"],
                version=payer["version"],
                rule=payer["rule_id"],
                rate_percent=percent_number(payer["rate_bps"]) if payer["rate_bps"] else None,
                most=amount(payer["most"]),
                left=amount(payer["left"]),
                because=payer["because"],
            )
            for payer in quote.payers
        ],
        offers=[
            OfferView(
                site=offer["site"],
                pool=offer["pool"],
                unit=offer["unit"],
                units=offer["units"],
                price_per_unit_hour=amount(offer["price_micros"]),
                cost_most=amount(offer["cost_micros"]),
                own_most=amount(offer["own_micros"]),
                start_in_seconds=offer["start_in_seconds"],
                because=offer["because"],
            )
            for offer in quote.offers
        ],
        refusals=[RefusalView.model_validate(each) for each in quote.refusals],
        start_in_seconds=quote.offers[0]["start_in_seconds"],
    )


def _quote(
    wanted: Wanted,
    plan: QuotePlan,
    *,
    valid: timedelta,
    now: datetime,
) -> Quote:
    voucher = plan.voucher
    legs = [(plan.own.account_id, 0)]
    if voucher is not None:
        legs += [(voucher.account_id, 1), *((cap.account_id, 1) for cap in voucher.caps)]
    return Quote(
        id=wanted.quote_id,
        organisation_id=wanted.organisation_id,
        person_id=wanted.person_id,
        spec=wanted.spec,
        bundle=wanted.bundle,
        currency=plan.currency,
        tasks=wanted.spec.tasks,
        ceiling=plan.ceiling_micros,
        own_most=plan.own_micros,
        amounts=[plan.own_micros] + ([plan.public_micros] if voucher is not None else []),
        leg_accounts=[account for account, _ in legs],
        leg_payers=[payer for _, payer in legs],
        payers=_payers(plan, voucher),
        offers=[_offer(priced, voucher) for priced in plan.priced],
        refusals=[{"what": r.what, "code": r.code, "because": r.because} for r in plan.refusals],
        created_at=now,
        valid_until=_valid_until(voucher, now + valid, now=now),
    )


def _valid_until(voucher: VoucherPayer | None, until: datetime, *, now: datetime) -> datetime:
    """Return when a quote ends: never after its voucher, or after the period of its cap."""
    if voucher is None:
        return until
    period = period_of(voucher.document, now)
    return min([until, voucher.valid_until, *([period.end] if period is not None else [])])


def _payers(plan: QuotePlan, voucher: VoucherPayer | None) -> list[dict[str, Any]]:
    own = {
        "payer": "own",
        "label": "own money",
        "account": plan.own.account_id,
        "voucher_id": None,
        "programme": None,
        "version": None,
        "document_sha256": None,
        "rule_id": None,
        "rate_bps": 0,
        "most": plan.own_micros,
        "left": plan.own.room_micros - plan.own_micros,
        "because": "the rest, from the organisation's own account",
    }
    if voucher is None:
        return [own]
    best = next(priced for priced in plan.priced if priced.public_micros)
    assert isinstance(best.granted, Granted)
    left = voucher_room(voucher) - plan.public_micros
    cap_left = min((cap.room_micros for cap in voucher.caps), default=None)
    return [
        own,
        {
            "payer": "voucher",
            "label": f"voucher of {voucher.programme}",
            "account": voucher.account_id,
            "voucher_id": str(voucher.voucher_id),
            "programme": voucher.programme,
            "version": voucher.version,
            "document_sha256": voucher.document_sha256,
            "rule_id": best.granted.rule_id,
            "rate_bps": best.rate_bps,
            "most": plan.public_micros,
            "left": left,
            "because": explain(
                best.granted,
                programme=voucher.programme,
                version=voucher.version,
                cap_left=(
                    None
                    if cap_left is None
                    else Money(cap_left - plan.public_micros, plan.currency)
                ),
            ),
        },
    ]


def _offer(priced: Priced, voucher: VoucherPayer | None) -> dict[str, Any]:
    offer = priced.offer
    return {
        "pool_id": str(offer.pool_id),
        "site_id": str(offer.site_id),
        "site": offer.site,
        "pool": offer.pool,
        "unit": offer.unit,
        "units": offer.units,
        "tariff_id": str(offer.tariff_id),
        "price_micros": offer.price_micros_per_unit_hour,
        "task_micros": priced.task_micros,
        "cost_micros": priced.cost_micros,
        "own_micros": priced.own_micros,
        "rates_bps": [priced.rate_bps] if voucher is not None else [],
        "rule_id": priced.granted.rule_id if priced.granted else None,
        "start_in_seconds": priced.start_in_seconds,
        "because": priced.because,
    }


def _row(quote: Quote) -> dict[str, Any]:
    return {
        "id": quote.id,
        "organisation_id": quote.organisation_id,
        "person_id": quote.person_id,
        "spec": quote.spec.model_dump(mode="json"),
        "bundle": quote.bundle,
        "currency": quote.currency,
        "tasks": quote.tasks,
        "ceiling": quote.ceiling,
        "own_most": quote.own_most,
        "amounts": list(quote.amounts),
        "leg_accounts": list(quote.leg_accounts),
        "leg_payers": list(quote.leg_payers),
        "payers": list(quote.payers),
        "offers": list(quote.offers),
        "refusals": list(quote.refusals),
        "created_at": quote.created_at,
        "valid_until": quote.valid_until,
    }


def _loaded(row: Mapping[str, Any]) -> Quote:
    return Quote(**{**row, "spec": JobSpec.model_validate(row["spec"])})
