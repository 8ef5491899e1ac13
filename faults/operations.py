"""A million random operations on the ledger, by many callers at once, judged by their history."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tests.ledger.builders import City, digest
from tests.ledger.model import Placed

from faults.campaign import Broken, Share, chance
from faults.history import Call, History, Told, Witness, check, compare, happened
from faults.instruments import PAUSES, instrument
from faults.stores import Store, a_store, draw_witness
from mains.db import Database, Transaction
from mains.errors import DatabaseUnavailable, StateConflict
from mains.ids import new_id
from mains.ledger import service
from mains.ledger.rules import Mode
from mains.ledger.values import (
    AccountKind,
    CaptureOutcome,
    DrawOutcome,
    DrawRequest,
    HoldOutcome,
    HoldRequest,
    TransferOutcome,
    UsageCharge,
)

OPERATIONS: Final = 1_000_000
OPERATIONS_A_ROUND: Final = 5_000
SLOW_ROUNDS: Final = 3
"""The last rounds go in slow motion, so that calls meet between their statements."""

CALLERS: Final = 8
BATCH_MAX: Final = 20
RECENT: Final = 200
"""Most callers work on so many of the newest holds and draws."""

FUNDS: Final = 30_000
EXPIRED_MAX: Final = 50
TRIES_MAX: Final = 50
PAUSE_SECONDS: Final = 0.02
LIMITED: Final = ("own", "first", "second", "cap")
LEGS: Final = (
    (("own", 0), ("first", 1), ("cap", 1), ("second", 2)),
    (("cap", -1), ("second", 2), ("first", 1), ("own", 0)),
    (("own", 0), ("first", 2), ("second", 1), ("cap", 2)),
)
RATES: Final = ((0, 0), (5_000, 0), (3_000, 2_000), (5_000, 5_000), (1, 3_333))
WEIGHTS: Final[Mapping[str, int]] = {
    "transfer": 8,
    "place": 24,
    "open_draws": 22,
    "capture": 30,
    "close_draws": 6,
    "close_holds": 8,
    "expire": 2,
}
AGAIN_PERCENT: Final = 10
"""How often something that was asked before is asked again, half of it with another body."""


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Do this share of the operations in rounds; each has accounts of its own."""
    operations = len(share.part(OPERATIONS))
    rounds = max(1, operations // OPERATIONS_A_ROUND)
    counts = {"operations": 0, "transactions": 0, "refusals": 0}
    with a_store() as store:
        numbers = share.part(rounds * share.of)
        for number in numbers:
            if number == numbers[-SLOW_ROUNDS]:
                instrument(store, PAUSES)
            calls = asyncio.run(a_round(store, chance(seed, f"operations {number}")))
            counts["operations"] += sum(len(call.asked) for call in calls)
            counts["transactions"] += len(calls)
            counts["refusals"] += sum(_is_refused(call) for call in calls)
        store.check_invariants(("ledger",))
    return counts


async def a_round(
    store: Store,
    dice: random.Random,
    *,
    operations: int = OPERATIONS_A_ROUND,
    funds: int = FUNDS,
    callers: int = CALLERS,
    recent: int = RECENT,
    linger_seconds: float = 0,
    through: str | None = None,
    history: History | None = None,
    enough: asyncio.Event | None = None,
) -> list[Call]:
    """Let several callers work on the same accounts, then have their history checked.

    The fewer things are `recent`, and the longer a transaction lingers with its locks, the more
    callers wait for each other. `through` is an address of
    the same database by which connections may break; `history` may be looked at meanwhile,
    and all go on until there is `enough` of it.
    """
    database = await Database.open(store.app_url, size_max=callers)
    working = database if through is None else await Database.open(through, size_max=callers)
    try:
        city = await _city(working, store.owner_url, may_be_cut=through is not None)
        world = _World(
            city,
            history or History(),
            operations,
            funds,
            recent,
            linger_seconds,
            may_be_cut=through is not None,
            enough=enough,
        )
        seeds = [dice.getrandbits(64) for _ in range(callers)]
        await asyncio.gather(*(_Caller(world, random.Random(one)).work() for one in seeds))
        city.database = database
        await _Caller(world, dice).close_all()
        limited = {city.accounts[name] for name in LIMITED}
        calls = world.history.calls
        model = check(happened(calls, store.committed(call.xid for call in calls)), limited=limited)
        compare(model, store.stored(limited))
        paid = await city.paid("payable")
        if paid != model.paid:
            raise Broken(f"the site was paid {paid}, and the model says {model.paid}")
    finally:
        await database.close()
        await working.close()
    return calls


async def _city(database: Database, owner_url: str, *, may_be_cut: bool) -> City:
    for _ in range(TRIES_MAX):
        try:
            return await _opened(City(database, owner_url))
        except DatabaseUnavailable:
            if not may_be_cut:
                raise
    raise Broken(f"no city could be opened in {TRIES_MAX} tries")


async def _opened(city: City) -> City:
    owner_id = city.organisation_id
    await city.open("world", AccountKind.WORLD, owner_id=None)
    await city.open("payable", AccountKind.PAYABLE, owner_id=new_id())
    await city.open("own", AccountKind.OWN, owner_id=owner_id)
    await city.open("first", AccountKind.VOUCHER, owner_id=owner_id, scope="1")
    await city.open("second", AccountKind.VOUCHER, owner_id=owner_id, scope="2")
    await city.open("cap", AccountKind.CAP, owner_id=owner_id)
    return city


@dataclass(slots=True)
class _World:
    """What all callers of a round know: what was asked so far, and how much is still to do."""

    city: City
    history: History
    left: int
    funds: int
    recent: int
    linger_seconds: float
    may_be_cut: bool
    """Whether connections break, so that a caller may hear nothing and asks again."""

    enough: asyncio.Event | None = None

    transfers: list[tuple[UUID, int, int, int]] = field(default_factory=list)
    asked: list[HoldRequest] = field(default_factory=list)
    holds: dict[UUID, HoldRequest] = field(default_factory=dict)
    """Those that were placed, as far as anybody was told."""

    draws: dict[UUID, DrawRequest] = field(default_factory=dict)
    """Those that were opened."""

    meters: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    """By draw: the highest sequence and cost that anybody reported."""

    readings: list[UsageCharge] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.left <= 0 and (self.enough is None or self.enough.is_set())


class _Caller:
    """One client: its choices are its own, what it knows is everybody's."""

    def __init__(self, world: _World, dice: random.Random) -> None:
        self._world = world
        self._dice = dice

    async def work(self) -> None:
        """Ask for one thing after another until the round is over."""
        for name in LIMITED:
            await self._ask("transfer", [self._transfer(name, self._world.funds // CALLERS)])
        while not self._world.over:
            kind = self._dice.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
            asked = self._choose(kind)
            if asked or kind == "expire":
                self._world.left -= max(1, len(asked))
                await self._ask(kind, asked)

    async def close_all(self) -> None:
        """Close whatever is open, so that the next round finds nothing of this one."""
        draws = [(draw.draw_id, False) for draw in self._world.draws.values()]
        for first in range(0, len(draws), BATCH_MAX):
            await self._ask("close_draws", draws[first : first + BATCH_MAX])
        await self._ask("expire_all", [])
        holds = [*self._world.holds]
        for first in range(0, len(holds), BATCH_MAX):
            await self._ask("close_holds", holds[first : first + BATCH_MAX])

    async def _ask(self, kind: str, asked: Sequence[Any]) -> None:
        """Ask until there is an answer, as a caller with stable ids may."""
        for _ in range(TRIES_MAX):
            call = await self._try(kind, asked)
            if call is not None and call.told in (Told.DONE, Told.REFUSED):
                self._learn(call)
                return
            await asyncio.sleep(PAUSE_SECONDS)
        raise Broken(f"{kind} had no answer in {TRIES_MAX} tries")

    async def _try(self, kind: str, asked: Sequence[Any]) -> Call | None:
        """Do it in one transaction, and draw its witness while all its locks are held."""
        history, city = self._world.history, self._world.city
        began, at, told = history.tick(), city.now, Told.DONE
        answers: Sequence[Any] = ()
        witness: Witness | None = None
        try:
            async with city.database.transaction() as tx:
                try:
                    answers = await _DO[kind](tx, asked, at)
                except StateConflict:
                    # What is still drawn from is not closed; the whole transaction is undone.
                    answers, told = (False,) * len(asked), Told.REFUSED
                    witness = await draw_witness(tx)
                    raise
                witness = await draw_witness(tx)
                if self._world.linger_seconds:
                    await asyncio.sleep(self._world.linger_seconds)
        except StateConflict:
            pass
        except DatabaseUnavailable as error:
            if not self._world.may_be_cut:
                raise
            told = Told(str(error.facts["outcome"]))
        if witness is None:
            return None
        asked = answers if kind.startswith("expire") else asked
        return history.add(kind, asked, answers, at=at, began=began, witness=witness, told=told)

    def _learn(self, call: Call) -> None:
        """Remember what there is now, for everybody."""
        world = self._world
        for asked, said in zip(call.asked, call.answers, strict=True):
            if call.kind == "place" and said.outcome in (HoldOutcome.PLACED, HoldOutcome.REPLAYED):
                world.holds.setdefault(asked.hold_id, asked)
            if call.kind == "open_draws" and said in (DrawOutcome.OPENED, DrawOutcome.REPLAYED):
                world.draws.setdefault(asked.draw_id, asked)

    def _choose(self, kind: str) -> list[Any]:
        match kind:
            case "transfer":
                return [self._any_transfer()]
            case "place":
                return self._holds()
            case "open_draws":
                return self._draws()
            case "capture":
                return self._readings()
            case "close_draws":
                some = self._some(self._world.draws.values(), 3)
                return [(draw.draw_id, self._dice.random() < 0.5) for draw in some]
            case "close_holds":
                return [hold.hold_id for hold in self._some(self._world.holds.values(), 3)]
            case _:
                self._world.city.now += timedelta(hours=self._dice.random() < 0.2)
                return []

    def _some(self, every: Iterable[Any], most: int) -> list[Any]:
        """Return a few different things, mostly new ones, on which the others work too."""
        known = [*every]
        recent = known[-self._world.recent :] if self._dice.random() < 0.8 else known
        return self._dice.sample(recent, min(len(recent), self._dice.randint(1, most)))

    def _again(self) -> bool:
        return self._dice.randrange(100) < AGAIN_PERCENT

    def _any_transfer(self) -> tuple[UUID, int, int, int]:
        world, dice = self._world, self._dice
        if world.transfers and self._again():
            transfer_id, debit, credit, amount = dice.choice(world.transfers)
            return transfer_id, debit, credit, amount + dice.randint(0, 1)
        if dice.random() < 0.5:
            return self._transfer(dice.choice(LIMITED), dice.randint(1, 2_000))
        accounts = world.city.accounts
        debit, credit = dice.sample([accounts["own"], accounts["first"]], 2)
        amount = dice.randint(1, 2_000) if dice.random() < 0.8 else 10**6
        return self._kept((new_id(), debit, credit, amount))

    def _transfer(self, name: str, amount: int) -> tuple[UUID, int, int, int]:
        accounts = self._world.city.accounts
        return self._kept((new_id(), accounts["world"], accounts[name], amount))

    def _kept(self, transfer: tuple[UUID, int, int, int]) -> tuple[UUID, int, int, int]:
        self._world.transfers.append(transfer)
        return transfer

    def _holds(self) -> list[HoldRequest]:
        world, dice = self._world, self._dice
        batch = []
        for _ in range(dice.randint(1, BATCH_MAX)):
            ceiling = dice.randint(0, 400)
            amounts = tuple(dice.randint(0, ceiling) for _ in range(3))
            hours = dice.choice((-1, 1, 5, 50))
            legs, mode = dice.choice(LEGS), dice.choice([*Mode])
            made = world.city.hold(ceiling, amounts, legs=legs, mode=mode, hours=hours)
            batch.append(made)
        if world.asked and self._again():
            old = dice.choice(world.asked)
            other = replace(old, request_hash=digest("other"), ceiling_micros=1)
            batch.insert(dice.randint(0, len(batch)), dice.choice((old, other)))
        world.asked += batch
        return batch

    def _draws(self) -> list[DrawRequest]:
        world, dice = self._world, self._dice
        batch = []
        for hold in self._some(world.holds.values(), BATCH_MAX):
            percent = dice.choice((10, 30, 50, 100, 120))
            made = world.city.draw(
                hold,
                hold.ceiling_micros * percent // 100,
                rates_bps=dice.choice(RATES),
                ceilings=tuple(amount * percent // 100 for amount in hold.amounts),
            )
            batch.append(made)
        if world.draws and self._again():
            old = dice.choice([*world.draws.values()])
            less = replace(old, ceiling_micros=max(0, old.ceiling_micros - dice.randint(0, 1)))
            batch.append(less)
        return batch

    def _readings(self) -> list[UsageCharge]:
        world, dice = self._world, self._dice
        if world.readings and self._again():
            return [dice.choice(world.readings)]
        batch = []
        for draw in self._some(world.draws.values(), BATCH_MAX):
            sequence, cost = world.meters.get(draw.draw_id, (0, 0))
            sequence = max(1, sequence + dice.choice((-1, 0, 1, 1, 1, 2)))
            cost = max(0, cost + dice.choice((-3, 0, 5, 20, 60, 200)))
            final, close_hold = dice.random() < 0.2, dice.random() < 0.5
            body = digest(f"{sequence}/{cost}/{final}/{close_hold}")
            batch.append(UsageCharge(draw.draw_id, sequence, body, cost, final, close_hold))
            world.meters[draw.draw_id] = (sequence, cost)
        world.readings += batch
        return batch


Doing = Callable[[Transaction, Sequence[Any], datetime], Awaitable[Sequence[Any]]]


async def _transfers(tx: Transaction, asked: Sequence[Any], at: datetime) -> Sequence[Any]:
    [(transfer_id, debit, credit, amount)] = asked
    answer = await service.transfer(
        tx,
        transfer_id=transfer_id,
        debit=debit,
        credit=credit,
        amount_micros=amount,
        reason="random",
        actor_id=None,
        now=at,
    )
    return (answer.outcome,)


async def _place(tx: Transaction, asked: Sequence[Any], at: datetime) -> Sequence[Any]:
    answers = await service.place(tx, asked, now=at)
    _check_order([each.hold_id for each in answers], [each.hold_id for each in asked])
    return [Placed.of(answer) for answer in answers]


async def _open_draws(tx: Transaction, asked: Sequence[Any], at: datetime) -> Sequence[Any]:
    answers = await service.open_draws(tx, asked, now=at)
    _check_order([each.draw_id for each in answers], [each.draw_id for each in asked])
    return [answer.outcome for answer in answers]


async def _capture(tx: Transaction, asked: Sequence[Any], at: datetime) -> Sequence[Any]:
    answers = await service.capture(tx, asked, now=at)
    _check_order([each.draw_id for each in answers], [each.draw_id for each in asked])
    return [(each.outcome, each.charged_micros, each.overrun_micros) for each in answers]


async def _close_draws(tx: Transaction, asked: Sequence[Any], at: datetime) -> Sequence[Any]:
    answers = await service.close_draws(tx, asked, now=at)
    return [answers[draw_id] for draw_id, _ in asked]


async def _close_holds(tx: Transaction, asked: Sequence[Any], at: datetime) -> Sequence[Any]:
    await service.close_holds(tx, asked, reason="random", now=at)
    return (True,) * len(asked)


def _check_order(answered: Sequence[UUID], asked: Sequence[UUID]) -> None:
    if answered != asked:
        raise Broken(f"answers came for {answered}, and {asked} were asked")


async def _expire(tx: Transaction, asked: Sequence[Any], at: datetime) -> Sequence[Any]:
    return await service.expire(tx, now=at, limit=EXPIRED_MAX)


async def _expire_all(tx: Transaction, asked: Sequence[Any], at: datetime) -> Sequence[Any]:
    """For a caller that is alone: nobody has locked anything that would be passed over."""
    return sorted(await service.expire(tx, now=at, limit=OPERATIONS))


_DO: Final[Mapping[str, Doing]] = {
    "transfer": _transfers,
    "place": _place,
    "open_draws": _open_draws,
    "capture": _capture,
    "close_draws": _close_draws,
    "close_holds": _close_holds,
    "expire": _expire,
    "expire_all": _expire_all,
}
_REFUSED: Final = frozenset(
    {
        TransferOutcome.REFUSED,
        HoldOutcome.REFUSED,
        DrawOutcome.NO_ROOM,
        DrawOutcome.HOLD_CLOSED,
        CaptureOutcome.DECREASED,
        CaptureOutcome.CONFLICT,
        False,
    }
)


def _is_refused(call: Call) -> bool:
    firsts = [each[0] if isinstance(each, tuple) else each for each in call.answers]
    return any(each in _REFUSED for each in firsts)
