"""Properties of the shares: they sum to the cost, never fall, never jump, never exceed."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from mains.ledger.rules import Mode, Shares, split
from mains.units import BASIS_POINTS, MICROS_MAX


class Case(NamedTuple):
    cost: int
    rates_bps: tuple[int, ...]
    ceilings: tuple[int, ...]
    own_ceiling: int
    mode: Mode

    def shares(self, *, more: int = 0) -> Shares:
        return split(
            self.cost + more,
            rates_bps=self.rates_bps,
            ceilings=self.ceilings,
            own_ceiling=self.own_ceiling,
            mode=self.mode,
        )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    largest = draw(st.sampled_from([20, 10_000, 10**12, MICROS_MAX]))
    amounts = st.integers(0, largest)
    rates: list[int] = []
    for _ in range(draw(st.integers(0, 4))):
        rates.append(draw(st.integers(0, BASIS_POINTS - sum(rates))))
    return Case(
        cost=draw(amounts),
        rates_bps=tuple(rates),
        ceilings=tuple(draw(amounts) for _ in rates),
        own_ceiling=draw(amounts | st.just(largest)),
        mode=draw(st.sampled_from(Mode)),
    )


def test_half_is_paid_by_the_voucher_and_the_odd_micro_by_the_organisation() -> None:
    shares = split(101, rates_bps=(5_000,), ceilings=(100,), own_ceiling=100, mode=Mode.RATIO)
    assert shares == Shares(own=51, public=(50,), overrun=0)
    assert shares.charged == 101


def test_what_a_ceiling_cuts_off_falls_to_the_organisation_under_ratio() -> None:
    shares = split(
        1_000, rates_bps=(3_000, 2_000), ceilings=(100, 900), own_ceiling=None, mode=Mode.RATIO
    )
    assert shares == Shares(own=700, public=(100, 200), overrun=0)


def test_what_a_ceiling_cuts_off_falls_to_the_next_payer_under_order() -> None:
    shares = split(
        1_000, rates_bps=(3_000, 2_000), ceilings=(100, 900), own_ceiling=None, mode=Mode.ORDER
    )
    assert shares == Shares(own=500, public=(100, 400), overrun=0)


def test_the_public_share_shrinks_with_the_charge_when_own_money_is_short() -> None:
    shares = split(100, rates_bps=(5_000,), ceilings=(100,), own_ceiling=10, mode=Mode.RATIO)
    assert shares.own == 10
    assert shares.public[0] <= 10
    assert shares.charged + shares.overrun == 100


def test_without_public_payers_the_organisation_pays() -> None:
    assert split(7, rates_bps=(), ceilings=(), own_ceiling=5, mode=Mode.ORDER) == Shares(5, (), 2)


def test_a_payer_at_rate_zero_pays_nothing() -> None:
    shares = split(9, rates_bps=(0, 0), ceilings=(5, 5), own_ceiling=9, mode=Mode.ORDER)
    assert shares == Shares(9, (0, 0), 0)


@given(cases())
def test_shares_and_overrun_sum_to_the_cost_and_no_ceiling_is_exceeded(case: Case) -> None:
    shares = case.shares()
    assert shares.charged + shares.overrun == case.cost
    assert 0 <= shares.own <= case.own_ceiling
    assert all(
        0 <= share <= ceiling for share, ceiling in zip(shares.public, case.ceilings, strict=True)
    )


@given(cases(), st.integers(0, 50))
def test_every_share_is_monotone_and_grows_by_at_most_what_the_cost_grows(
    case: Case, more: int
) -> None:
    before, after = case.shares(), case.shares(more=more)
    assert 0 <= after.own - before.own <= more
    assert 0 <= after.charged - before.charged <= more
    assert after.overrun >= before.overrun
    for smaller, larger in zip(before.public, after.public, strict=True):
        assert 0 <= larger - smaller <= more


@given(cases())
def test_all_public_shares_together_never_exceed_the_total_rate(case: Case) -> None:
    shares = case.shares()
    assert sum(shares.public) <= shares.charged * sum(case.rates_bps) // BASIS_POINTS
