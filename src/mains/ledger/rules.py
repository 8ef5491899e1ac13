"""Shares: who pays how much of a cost. Pure; the database has the same in `ledger.split`."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mains.units import BASIS_POINTS


class Mode(StrEnum):
    """Who takes what a public payer's ceiling cuts off its share."""

    RATIO = "ratio"
    """The organisation itself."""
    ORDER = "order"
    """The public payers that follow, then the organisation."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How a cost is borne, in micro-units; own + public + overrun is the cost."""

    own: int
    public: tuple[int, ...]
    overrun: int

    @property
    def charged(self) -> int:
        return self.own + sum(self.public)


def split(
    cost: int,
    *,
    rates_bps: Sequence[int],
    ceilings: Sequence[int],
    own_ceiling: int | None,
    mode: Mode,
) -> Shares:
    """Share a cumulative cost between the organisation and its public payers, in their order.

    Every share is monotone in the cost and grows by at most what the cost grows by. Where the
    organisation's own ceiling does not suffice, only the part of the cost is charged for which it
    does, so that no payer bears more than its rate of the charge; the rest is overrun. With
    own_ceiling None the organisation pays whatever it takes.
    """
    public = _public_shares(cost, rates_bps, ceilings, mode)
    if own_ceiling is None or cost - sum(public) <= own_ceiling:
        return Shares(cost - sum(public), public, 0)
    fits, exceeds = 0, cost
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        if middle - sum(_public_shares(middle, rates_bps, ceilings, mode)) <= own_ceiling:
            fits = middle
        else:
            exceeds = middle
    public = _public_shares(fits, rates_bps, ceilings, mode)
    return Shares(fits - sum(public), public, cost - fits)


def _public_shares(
    cost: int, rates_bps: Sequence[int], ceilings: Sequence[int], mode: Mode
) -> tuple[int, ...]:
    """Return the floor of each payer's part of what is left to it and those after it, capped."""
    rates_rest = sum(rates_bps)
    rest = cost * rates_rest // BASIS_POINTS
    shares = []
    for rate, ceiling in zip(rates_bps, ceilings, strict=True):
        part = rest * rate // rates_rest if rates_rest else 0
        share = min(part, ceiling)
        shares.append(share)
        rest -= share if mode is Mode.ORDER else part
        rates_rest -= rate
    return tuple(shares)
