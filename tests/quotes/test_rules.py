"""What a quote promises: examples in sentences, then what holds for any market."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mains.ledger.rules import Mode, split
from mains.parties.service import PartyFacts
from mains.programmes import service as programmes
from mains.programmes.document import Document, read_document
from mains.programmes.payers import CapRoom, VoucherPayer
from mains.quotes import rules
from mains.quotes.rules import Load, Need, NoQuote, OwnAccount, QuotePlan, plan_quote
from mains.sites.rules import Offer

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIRM = PartyFacts(UUID(int=1), "firm", "firm", {})
WHOLE = 1_000_000
HOUR = 3_600


def a_need(**changed: Any) -> Need:
    known: dict[str, Any] = {
        "unit": "cpu",
        "units": 1,
        "cpus": 1,
        "memory_bytes": 1,
        "tasks": 1,
        "seconds_per_task": HOUR,
    }
    return Need(**known | changed)


def an_offer(number: int, *, price: int = WHOLE, **changed: Any) -> Offer:
    known: dict[str, Any] = {
        "pool_id": UUID(int=100 + number),
        "pool": "cpu",
        "site_id": UUID(int=200 + number),
        "site": f"site-{number}",
        "site_attributes": {},
        "organisation_id": UUID(int=9),
        "unit": "cpu",
        "units": 4,
        "cpus": 4,
        "memory_bytes": 2**30,
        "tariff_id": UUID(int=300 + number),
        "tariff_version": 1,
        "price_micros_per_unit_hour": price,
        "currency": "CNY",
        "energy_watts_per_unit": None,
        "isolation": "uid",
        "memory_limit": "cgroup2",
        "trusted_organisation_id": None,
        "live": True,
        "draining": False,
        "because": "",
        "last_seen": NOW,
        "lease_until": NOW + timedelta(seconds=15),
    }
    return Offer(**known | changed)


def a_document(*, percent: str = "50 %", sites: str = "any") -> Document:
    text = programmes.pack("dongguan-2025").replace("percent: 50 %", f"percent: {percent}")
    return read_document(text.replace("sites: any", f"sites: {sites}"))


def a_voucher(*, room: int = 100 * WHOLE, cap: int | None = None, **changed: Any) -> VoucherPayer:
    caps = () if cap is None else (CapRoom(8, "2026", cap, "cap.organisation", 1),)
    known: dict[str, Any] = {
        "voucher_id": UUID(int=5),
        "programme": "dongguan-2025",
        "version": 1,
        "document_sha256": "",
        "document": a_document(),
        "account_id": 7,
        "currency": "CNY",
        "released_micros": room,
        "room_micros": room,
        "valid_until": NOW + timedelta(days=9),
        "caps": caps,
    }
    return VoucherPayer(**known | changed)


def quoted(
    need: Need,
    offers: Sequence[Offer],
    *,
    own: int | None = 100 * WHOLE,
    vouchers: Sequence[VoucherPayer] = (),
    loads: dict[UUID, Load] | None = None,
) -> QuotePlan | NoQuote:
    accounts = [] if own is None else [OwnAccount(6, "CNY", own)]
    return plan_quote(
        need,
        party=FIRM,
        offers=offers,
        accounts=accounts,
        vouchers=vouchers,
        loads=loads or {},
        now=NOW,
    )


def taken(made: QuotePlan | NoQuote) -> QuotePlan:
    assert isinstance(made, QuotePlan)
    return made


def refused(made: QuotePlan | NoQuote) -> NoQuote:
    assert isinstance(made, NoQuote)
    return made


@pytest.mark.parametrize(
    ("need", "offer", "code", "because"),
    [
        ({"sites": frozenset({"south"})}, {}, "site_excluded", "the job names other sites"),
        ({"unit": "h100"}, {}, "other_unit", "sells cpu, the job needs h100"),
        ({"units": 5}, {}, "too_small", "has 4 cpu units, a task needs 5"),
        ({"cpus": 5}, {}, "too_small", "has 4 CPUs, a task needs 5"),
        ({"memory_bytes": 2**31}, {}, "too_small", "1,024 MiB of memory"),
        ({}, {"trusted_organisation_id": UUID(int=9)}, "trusted_only", "its owner's jobs only"),
        ({}, {"draining": True}, "draining", "takes no new work"),
        ({}, {"live": False}, "unreachable", "not been heard of"),
    ],
)
def test_a_pool_that_can_not_run_the_job_says_why(
    need: dict[str, Any], offer: dict[str, Any], code: str, because: str
) -> None:
    none = refused(quoted(a_need(**need), [an_offer(1, **offer)]))
    refusal = none.refusals[0]
    assert (refusal.what, refusal.code) == ("site-1/cpu", code)
    assert because in refusal.because
    assert none.cheapest_micros is None


def test_a_pool_that_trusts_only_its_owner_runs_its_owners_jobs() -> None:
    offer = an_offer(1, trusted_organisation_id=FIRM.id)
    assert taken(quoted(a_need(sites=frozenset({"site-1"})), [offer])).best.offer == offer


def test_the_ceiling_is_the_dearest_offer_and_the_best_is_what_the_buyer_pays_least_for() -> None:
    plan = taken(quoted(a_need(units=2, tasks=3), [an_offer(1, price=5), an_offer(2, price=3)]))
    assert (plan.ceiling_micros, plan.own_micros, plan.public_micros) == (30, 30, 0)
    assert [each.offer.site for each in plan.priced] == ["site-2", "site-1"]
    assert plan.best.because == "paid by the organisation's own money"
    assert plan.voucher is None


def test_equal_prices_are_ordered_by_start_and_then_by_name() -> None:
    offers = [an_offer(number) for number in (3, 2, 1)]
    loads = {offers[0].pool_id: Load(4, 0), offers[1].pool_id: Load(0, 100)}
    plan = taken(quoted(a_need(), offers, loads=loads))
    assert [(p.offer.site, p.start_in_seconds) for p in plan.priced] == [
        ("site-3", 0),
        ("site-2", 3700),
        ("site-1", None),
    ]


def test_a_quote_is_for_the_best_pools_and_some_of_the_others_chosen_by_need_and_party() -> None:
    most = rules.BEST_MAX + rules.SPREAD_MAX
    offers = [
        an_offer(
            number, price=WHOLE + number, pool_id=UUID(int=number * 0x9E3779B97F4A7C15 % 2**62)
        )
        for number in range(400)
    ]

    def chosen(need: Need, party: int, among: Sequence[Offer] = offers) -> list[str]:
        priced = [
            rules.Priced(each, 1, 1, None, 0, each.price_micros_per_unit_hour, 0) for each in among
        ]
        return [each.offer.site for each in rules.offered(priced, need, UUID(int=party))]

    first = chosen(a_need(), 1)
    assert len(first) == most
    assert first[: rules.BEST_MAX] == [f"site-{number}" for number in range(rules.BEST_MAX)]
    assert first == chosen(a_need(), 1 + rules.CHOICES)
    assert first == sorted(first, key=lambda site: int(site.removeprefix("site-")))
    used = {site for hours in range(1, 60) for site in chosen(a_need(seconds_per_task=hours), 1)}
    assert len(used) > 300
    used = {site for party in range(rules.CHOICES) for site in chosen(a_need(), party)}
    assert len(used) > 150
    assert len(chosen(a_need(), 1, offers[:most])) == most
    plan = taken(quoted(a_need(), offers))
    assert len(plan.priced) == most
    assert plan.ceiling_micros == max(each.cost_micros for each in plan.priced)


def test_a_voucher_pays_its_rate_and_the_buyer_the_rest_and_the_rounding_of_every_chunk() -> None:
    plan = taken(quoted(a_need(tasks=4), [an_offer(1, price=101)], vouchers=[a_voucher()]))
    assert (plan.ceiling_micros, plan.public_micros, plan.own_micros) == (404, 202, 205)
    assert plan.best.rate_bps == 5_000
    assert plan.best.because == "50 % of the charge"


def test_what_the_smallest_of_voucher_and_caps_cuts_off_is_the_buyers() -> None:
    by_room = taken(quoted(a_need(), [an_offer(1, price=100)], vouchers=[a_voucher(room=20)]))
    by_cap = taken(quoted(a_need(), [an_offer(1, price=100)], vouchers=[a_voucher(cap=10)]))
    assert (by_room.public_micros, by_room.own_micros) == (20, 80)
    assert (by_cap.public_micros, by_cap.own_micros) == (10, 90)
    assert rules.voucher_room(a_voucher(cap=-5)) == 0


def test_a_voucher_may_pay_at_some_sites_only_and_each_offer_says_so() -> None:
    voucher = a_voucher(document=a_document(sites="[site-2]"))
    offers = [an_offer(1, price=60), an_offer(2, price=100)]
    plan = taken(quoted(a_need(), offers, vouchers=[voucher]))
    assert [(p.offer.site, p.own_micros, p.public_micros) for p in plan.priced] == [
        ("site-2", 50, 50),
        ("site-1", 60, 0),
    ]
    assert plan.priced[1].rate_bps == 0
    assert "does not buy at the site site-1" in plan.priced[1].because
    assert (plan.ceiling_micros, plan.own_micros, plan.public_micros) == (100, 60, 50)


def test_a_voucher_that_would_pay_nothing_anywhere_is_left_alone() -> None:
    voucher = a_voucher(document=a_document(sites="[elsewhere]"))
    assert taken(quoted(a_need(), [an_offer(1)], vouchers=[voucher])).voucher is None


def test_the_voucher_that_leaves_the_buyer_least_is_chosen() -> None:
    small = a_voucher(voucher_id=UUID(int=1), room=5)
    large = a_voucher(voucher_id=UUID(int=2))
    plan = taken(quoted(a_need(), [an_offer(1)], vouchers=[small, large]))
    assert plan.voucher == large


def test_a_job_may_name_its_programme_or_none() -> None:
    other = a_voucher(programme="other", room=5)
    offers, both = [an_offer(1, price=100)], [a_voucher(), other]
    assert taken(quoted(a_need(programme="none"), offers, vouchers=both)).voucher is None
    assert taken(quoted(a_need(programme="other"), offers, vouchers=both)).voucher == other
    none = quoted(a_need(programme="absent"), offers, vouchers=both)
    assert isinstance(none, NoQuote)
    (told,) = none.refusals
    assert (told.what, told.code) == ("voucher of absent", "no_voucher")


def test_vouchers_and_pools_of_another_currency_do_not_mix() -> None:
    foreign = a_voucher(currency="USD")
    offers = [an_offer(1), an_offer(2, currency="USD")]
    plan = taken(quoted(a_need(), offers, vouchers=[foreign]))
    (told,) = plan.refusals
    assert (plan.voucher, told.code) == (None, "other_currency")
    assert told.because == "is priced in USD, your account is in CNY"


def test_the_account_in_the_currency_of_most_pools_pays() -> None:
    offers = [an_offer(1), an_offer(2, currency="USD"), an_offer(3, currency="USD")]
    accounts = [OwnAccount(6, "CNY", WHOLE), OwnAccount(7, "USD", WHOLE)]
    plan = plan_quote(
        a_need(), party=FIRM, offers=offers, accounts=accounts, vouchers=[], loads={}, now=NOW
    )
    assert (taken(plan).own.account_id, taken(plan).currency) == (7, "USD")


def test_an_organisation_without_an_account_is_told_so_by_every_pool() -> None:
    none = refused(quoted(a_need(), [an_offer(1), an_offer(2)], own=None))
    assert [each.code for each in none.refusals] == ["no_account", "no_account"]


def test_offers_beyond_the_budget_or_the_money_are_left_out_with_the_amounts() -> None:
    offers = [an_offer(1, price=10), an_offer(2, price=20), an_offer(3, price=30)]
    plan = taken(quoted(a_need(budget_micros=29), offers, own=15))
    assert [each.offer.site for each in plan.priced] == ["site-1"]
    assert {r.what: r.code for r in plan.refusals} == {
        "site-2/cpu": "insufficient_funds",
        "site-3/cpu": "over_budget",
    }
    assert plan.ceiling_micros == 10


def test_what_is_missing_is_told_at_the_offer_that_asks_least_of_the_buyer() -> None:
    none = refused(quoted(a_need(), [an_offer(1, price=90)], own=10, vouchers=[a_voucher(room=30)]))
    assert (none.cheapest_micros, none.voucher_room_micros, none.short_micros) == (90, 30, 50)
    assert (none.own_room_micros, none.currency) == (10, "CNY")


def test_a_job_beyond_its_budget_is_not_short_of_money() -> None:
    none = refused(quoted(a_need(budget_micros=5), [an_offer(1, price=90)]))
    assert (none.cheapest_micros, none.short_micros) == (90, 0)


def test_a_queue_is_spread_over_the_units_that_are_free() -> None:
    need = a_need(units=2, seconds_per_task=10)
    assert rules.start_estimate_seconds(need, None) is None
    assert rules.start_estimate_seconds(need, Load(2, 0)) == 0
    assert rules.start_estimate_seconds(need, Load(1, 0)) == 10
    assert rules.start_estimate_seconds(need, Load(4, 80)) == 30


# Any market ----------------------------------------------------------------------------------

documents = st.sampled_from(
    [
        a_document(percent=percent, sites=sites)
        for percent in ("50 %", "33.33 %", "100 %")
        for sites in ("any", "[site-0, site-2]")
    ]
)
markets = st.tuples(
    st.lists(st.integers(0, 5_000), min_size=1, max_size=4),
    st.integers(1, 12),
    st.integers(0, 30_000),
    st.lists(st.tuples(documents, st.integers(0, 20_000), st.integers(0, 20_000)), max_size=2),
    st.sampled_from([None, 900, 5_000]),
)
Market = tuple[list[int], int, int, list[tuple[Document, int, int]], int | None]


def at_market(market: Market) -> tuple[Need, list[Offer], int, list[VoucherPayer]]:
    prices, tasks, own, vouchers, budget = market
    offers = [
        an_offer(n, price=price, live=n != 3, currency="USD" if price == 13 else "CNY")
        for n, price in enumerate(prices)
    ]
    payers = [a_voucher(document=document, room=room, cap=cap) for document, room, cap in vouchers]
    return a_need(tasks=tasks, budget_micros=budget), offers, own, payers


@settings(max_examples=60)
@given(markets)
def test_every_pool_is_offered_or_refused_with_a_reason(market: Market) -> None:
    need, offers, own, vouchers = at_market(market)
    made = quoted(need, offers, own=own, vouchers=vouchers)
    offered = [f"{each.offer.site}/cpu" for each in getattr(made, "priced", ())]
    told = [refusal.what for refusal in made.refusals]
    assert sorted(offered + told) == [f"{offer.site}/cpu" for offer in offers]
    assert all(refusal.because for refusal in made.refusals)


@settings(max_examples=60)
@given(markets)
def test_the_promise_is_the_worst_of_what_is_offered_and_within_everybodys_means(
    market: Market,
) -> None:
    need, offers, own, vouchers = at_market(market)
    made = quoted(need, offers, own=own, vouchers=vouchers)
    if isinstance(made, NoQuote):
        return
    assert made.ceiling_micros == max(each.cost_micros for each in made.priced)
    assert made.own_micros == max(each.own_micros for each in made.priced) <= own
    assert made.public_micros == max(each.public_micros for each in made.priced)
    room = rules.voucher_room(made.voucher) if made.voucher else 0
    assert made.public_micros <= room
    assert all(each.public_micros + each.own_micros >= each.cost_micros for each in made.priced)


@settings(max_examples=60)
@given(markets)
def test_no_voucher_ever_makes_a_job_dearer_for_its_buyer(market: Market) -> None:
    need, offers, own, vouchers = at_market(market)
    with_voucher = quoted(need, offers, own=own, vouchers=vouchers)
    plain = quoted(replace(need, programme="none"), offers, own=own, vouchers=vouchers)
    if isinstance(plain, QuotePlan):
        assert taken(with_voucher).best.own_micros <= plain.best.own_micros
    elif isinstance(with_voucher, NoQuote):
        assert with_voucher.short_micros <= plain.short_micros


@settings(max_examples=300)
@given(markets, st.data())
def test_the_amounts_cover_any_split_of_the_tasks_over_the_offers(
    market: Market, data: st.DataObject
) -> None:
    """As the dispatcher allots: chunk by chunk, each from what the chunks before it left."""
    need, offers, own, vouchers = at_market(market)
    made = quoted(need, offers, own=own, vouchers=vouchers)
    if isinstance(made, NoQuote):
        return
    own_room, public_room, spent = made.own_micros, made.public_micros, 0
    left = need.tasks
    while left:
        chunk = data.draw(st.integers(1, left))
        priced = data.draw(st.sampled_from(made.priced))
        has_voucher = made.voucher is not None
        shares = split(
            priced.task_micros * chunk,
            rates_bps=(priced.rate_bps,) if has_voucher else (),
            ceilings=(public_room,) if has_voucher else (),
            own_ceiling=own_room,
            mode=Mode.RATIO,
        )
        assert shares.overrun == 0
        own_room -= shares.own
        public_room -= sum(shares.public)
        spent += shares.charged
        left -= chunk
    assert own_room >= 0
    assert public_room >= 0
    assert spent <= made.ceiling_micros


def test_a_site_that_sells_nothing_here_is_named() -> None:
    none = quoted(a_need(sites=frozenset({"nope"})), [an_offer(1)])
    assert isinstance(none, NoQuote)
    assert ("nope", "unknown_site") in {(told.what, told.code) for told in none.refusals}
