"""The database against the plain model: random operations, the same answers, the same rooms."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from mains.db import Database
from mains.errors import StateConflict
from mains.ids import new_id
from mains.ledger.rules import Mode
from mains.ledger.values import (
    AccountKind,
    DrawRequest,
    HoldRequest,
    Room,
    UsageCharge,
)
from tests.ledger.builders import City, digest
from tests.ledger.model import Model, Placed

Answer = TypeVar("Answer")
EXAMPLES: Final = 10
EXAMPLES_DEEP: Final = 250
STEPS: Final = 60
OPERATIONS_MIN: Final = 200
OPERATIONS_DEEP: Final = 100_000

LEGS: Final = (
    (("own", 0), ("first", 1), ("cap", 1), ("second", 2)),
    (("cap", -1), ("second", 2), ("first", 1), ("own", 0)),
    (("own", 0), ("first", 2), ("second", 1), ("cap", 2)),
)
FUNDS: Final = 1_000
some = st.integers(0, 10**6)
amounts = st.integers(0, 60) | st.integers(0, 60) | st.integers(0, 1_200)
percents = st.integers(0, 50) | st.integers(0, 120)
rates = st.sampled_from([(0, 0), (5_000, 0), (3_000, 2_000), (5_000, 5_000), (1, 3_333)])


class Machine(RuleBasedStateMachine):
    """Two vouchers, a cap and own money; holds over all of them in several arrangements."""

    run: ClassVar[Callable[[Awaitable[Any]], Any]]
    database: ClassVar[Database]
    owner_url: ClassVar[str]
    operations: ClassVar[int] = 0

    @initialize()
    def open(self) -> None:
        self.city = City(self.database, self.owner_url)
        self.do(self._open_accounts())
        city = self.city.accounts
        self.limited = [city[name] for name in ("own", "first", "second", "cap")]
        self.model = Model(set(self.limited))
        self.transfers: list[tuple[UUID, str, str, int]] = []
        self.requests: list[HoldRequest] = []
        self.draws: list[DrawRequest] = []
        self.readings: list[UsageCharge] = []
        for name in ("own", "first", "second", "cap"):
            self._transfer(new_id(), "world", name, FUNDS)
        for legs in LEGS:
            hold = self.city.hold(90, (90, 40, 40), legs=legs, hours=1)
            self._place([hold])
            self._open(
                [
                    self.city.draw(hold, ceiling, rates_bps=(3_000, 2_000), ceilings=(30, 15, 15))
                    for ceiling in (40, 30)
                ]
            )

    def do(self, call: Awaitable[Answer]) -> Answer:
        Machine.operations += 1
        answer: Answer = type(self).run(call)
        return answer

    async def _open_accounts(self) -> None:
        owner_id = self.city.organisation_id
        await self.city.open("world", AccountKind.WORLD, owner_id=None)
        await self.city.open("payable", AccountKind.PAYABLE, owner_id=new_id())
        await self.city.open("own", AccountKind.OWN, owner_id=owner_id)
        await self.city.open("first", AccountKind.VOUCHER, owner_id=owner_id, scope="1")
        await self.city.open("second", AccountKind.VOUCHER, owner_id=owner_id, scope="2")
        await self.city.open("cap", AccountKind.CAP, owner_id=owner_id)

    @rule(name=st.sampled_from(["own", "first", "second", "cap"]), amount=st.integers(1, 200))
    def fund(self, name: str, amount: int) -> None:
        self._transfer(new_id(), "world", name, amount)

    @rule(amount=st.integers(1, 200), back=st.booleans())
    def move(self, amount: int, back: bool) -> None:
        debit, credit = ("first", "own") if back else ("own", "first")
        self._transfer(new_id(), debit, credit, amount)

    @rule(which=some, more=st.integers(0, 1))
    def repeat_transfer(self, which: int, more: int) -> None:
        if self.transfers:
            transfer_id, debit, credit, amount = self.transfers[which % len(self.transfers)]
            self._transfer(transfer_id, debit, credit, amount + more)

    def _transfer(self, transfer_id: UUID, debit: str, credit: str, amount: int) -> None:
        accounts = self.city.accounts
        expected = self.model.transfer(transfer_id, accounts[debit], accounts[credit], amount)
        answer = self.do(self.city.transfer(debit, credit, amount, transfer_id=transfer_id))
        assert answer.outcome is expected
        self.transfers.append((transfer_id, debit, credit, amount))

    @rule(
        sizes=st.lists(st.tuples(amounts, amounts, amounts, amounts), min_size=1, max_size=3),
        legs=st.sampled_from(LEGS),
        mode=st.sampled_from(Mode),
        hours=st.integers(-1, 3),
        repeated=st.none() | some,
        body=st.sampled_from(["body", "other"]),
    )
    def place(
        self,
        sizes: list[tuple[int, int, int, int]],
        legs: tuple[tuple[str, int], ...],
        mode: Mode,
        hours: int,
        repeated: int | None,
        body: str,
    ) -> None:
        batch = [
            self.city.hold(ceiling, (own, first, second), legs=legs, mode=mode, hours=hours)
            for ceiling, own, first, second in sizes
        ]
        if repeated is not None and self.requests:
            old = self.requests[repeated % len(self.requests)]
            other = replace(old, request_hash=digest("other"), ceiling_micros=1)
            batch.insert(repeated % (len(batch) + 1), old if body == "body" else other)
        self._place(batch)

    def _place(self, batch: list[HoldRequest]) -> None:
        expected = [self.model.place(request) for request in batch]
        answers = self.do(self.city.place(*batch))
        assert [Placed.of(answer) for answer in answers] == expected
        self.requests += [r for r in batch if r.hold_id in self.model.holds]

    @rule(
        which=some,
        percent=percents,
        rates=rates,
        count=st.integers(1, 3),
    )
    def open_draws(
        self,
        which: int,
        percent: int,
        rates: tuple[int, int],
        count: int,
    ) -> None:
        """Usually less than half of a hold, so that several attempts fit; sometimes too much."""
        if not self.requests:
            return
        asked = [self.requests[(which + i // 2) % len(self.requests)] for i in range(count)]
        self._open(
            [
                self.city.draw(
                    hold,
                    hold.ceiling_micros * percent // 100,
                    rates_bps=rates,
                    ceilings=tuple(amount * percent // 100 for amount in hold.amounts),
                )
                for hold in asked
            ]
        )

    @rule(which=some, less=st.integers(0, 1))
    def repeat_draw(self, which: int, less: int) -> None:
        if self.draws:
            old = self.draws[which % len(self.draws)]
            hold = self.model.holds[old.hold_id].request
            again = self.city.draw(
                hold,
                max(old.ceiling_micros - less, 0),
                draw_id=old.draw_id,
                rates_bps=old.rates_bps,
                ceilings=old.ceilings,
            )
            self._open([again])

    def _open(self, batch: list[DrawRequest]) -> None:
        expected = [self.model.open_draw(draw) for draw in batch]
        answers = self.do(self.city.open_draws(*batch))
        assert [answer.outcome for answer in answers] == expected
        self.draws += [d for d in batch if self.model.draws.get(d.draw_id, None) is not None]

    @rule(
        which=some,
        steps=st.lists(st.tuples(st.integers(-1, 2), st.integers(-5, 60)), min_size=1, max_size=3),
        final=st.booleans(),
        close_hold=st.booleans(),
    )
    def capture(
        self, which: int, steps: list[tuple[int, int]], final: bool, close_hold: bool
    ) -> None:
        if not self.draws:
            return
        batch = []
        for i, (ahead, growth) in enumerate(steps):
            draw_id = self.draws[(which + i) % len(self.draws)].draw_id
            draw = self.model.draws[draw_id]
            sequence = max(1, draw.sequence_last + ahead)
            cost = max(0, draw.metered + draw.late + growth)
            body = digest(f"{sequence}/{cost}/{final}/{close_hold}")
            batch.append(UsageCharge(draw_id, sequence, body, cost, final, close_hold))
        self._capture(batch)

    @rule(which=some)
    def repeat_reading(self, which: int) -> None:
        if self.readings:
            self._capture([self.readings[which % len(self.readings)]])

    def _capture(self, batch: list[UsageCharge]) -> None:
        expected = self.model.capture(batch)
        answers = self.do(self.city.capture(*batch))
        assert [(a.outcome, a.charged_micros, a.overrun_micros) for a in answers] == expected
        self.readings += batch

    @rule(which=some, absorb=st.booleans())
    def close_draw(self, which: int, absorb: bool) -> None:
        if self.draws:
            draw_id = self.draws[which % len(self.draws)].draw_id
            expected = self.model.close_draw(draw_id, absorb=absorb)
            assert self.do(self.city.close_draws((draw_id, absorb))) == {draw_id: expected}

    @rule(which=some)
    def close_hold(self, which: int) -> None:
        if self.requests:
            hold_id = self.requests[which % len(self.requests)].hold_id
            expected = self.model.close_hold(hold_id)
            try:
                self.do(self.city.close_holds(hold_id))
            except StateConflict:
                assert not expected
            else:
                assert expected

    @rule(hours=st.integers(0, 1))
    def expire(self, hours: int) -> None:
        """Holds of earlier examples expire too; only this one's are compared."""
        self.city.now += timedelta(hours=hours)
        expected = self.model.expire(self.city.now)
        expired = set(self.do(self.city.expire(limit=100_000)))
        assert expired & set(self.model.holds) == expected

    @invariant()
    def rooms_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        for name in ("own", "first", "second", "cap"):
            account = self.model.accounts[self.city.accounts[name]]
            assert account.available >= 0
        rooms = type(self).run(self.city.rooms())
        for name in ("own", "first", "second", "cap"):
            account = self.model.accounts[self.city.accounts[name]]
            assert rooms[name] == Room(
                account.credits, account.debits, account.pending, account.available
            ), name

    def teardown(self) -> None:
        if hasattr(self, "model"):
            assert type(self).run(self.city.paid("payable")) == self.model.paid


@pytest.fixture
def machine(app_url: str, owner_url: str) -> Iterator[type[Machine]]:
    with asyncio.Runner() as runner:
        Machine.run = staticmethod(runner.run)  # type: ignore[assignment]
        Machine.database = runner.run(Database.open(app_url, size_max=1))
        Machine.owner_url = owner_url
        Machine.operations = 0
        yield Machine
        city = City(Machine.database, owner_url)
        assert runner.run(city.findings()) == []
        runner.run(Machine.database.close())


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def test_the_database_answers_as_the_model_does(machine: type[Machine]) -> None:
    run_state_machine_as_test(machine, settings=_settings(EXAMPLES))
    assert machine.operations > OPERATIONS_MIN


@pytest.mark.deep
def test_the_database_answers_as_the_model_does_100000_times(machine: type[Machine]) -> None:
    while machine.operations < OPERATIONS_DEEP:
        run_state_machine_as_test(machine, settings=_settings(EXAMPLES_DEEP))
