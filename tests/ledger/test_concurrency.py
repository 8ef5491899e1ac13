"""Real connections at once: equal answers, one winner, nothing lost, nothing invented."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

import pytest

from mains.db import Database
from mains.errors import StateConflict
from mains.ids import new_id
from mains.ledger.values import (
    AccountKind,
    CaptureOutcome,
    CloseOutcome,
    DrawOutcome,
    DrawRequest,
    HoldOutcome,
    HoldState,
    TransferOutcome,
)
from tests.conftest import Cluster
from tests.ledger.builders import City, reading

pytestmark = pytest.mark.anyio

CONNECTIONS = 24
Answer = TypeVar("Answer")


@pytest.fixture
async def city(cluster: Cluster, shared_name: str, anyio_backend: str) -> AsyncIterator[City]:
    database = await Database.open(cluster.app_url(shared_name), size_max=CONNECTIONS)
    city = await City.with_room(database, cluster.owner_url(shared_name))
    yield city
    assert await city.findings() == []
    await database.close()


async def at_once(calls: Sequence[Awaitable[Answer]]) -> list[Answer]:
    return list(await asyncio.gather(*calls))


async def test_the_same_hold_sent_ten_times_at_once_is_placed_once(city: City) -> None:
    for _ in range(3):
        hold = city.hold(100)
        before = await city.available("own")
        answers = await at_once([city.place(hold) for _ in range(10)])
        outcomes = Counter(answer.outcome for (answer,) in answers)
        assert outcomes == {HoldOutcome.PLACED: 1, HoldOutcome.REPLAYED: 9}
        assert await city.available("own") == (before[0] - 100,)  # type: ignore[operator]


async def test_one_id_with_ten_bodies_at_once_is_placed_once(city: City) -> None:
    hold = city.hold(100)
    answers = await at_once([city.place(replace(hold, request_hash=bytes([i]))) for i in range(10)])
    outcomes = Counter(answer.outcome for (answer,) in answers)
    assert outcomes == {HoldOutcome.PLACED: 1, HoldOutcome.CONFLICT: 9}


async def test_the_same_hold_that_fits_nobody_is_refused_ten_times(city: City) -> None:
    hold = city.hold(5_000, (5_000, 0))
    answers = await at_once([city.place(hold) for _ in range(10)])
    assert {answer.outcome for (answer,) in answers} == {HoldOutcome.REFUSED}
    assert {answer.short_available_micros for (answer,) in answers} == {1_000}


async def test_of_two_holds_racing_for_the_last_yuan_one_wins_and_one_is_told(
    city: City,
) -> None:
    await city.place(city.hold(999, (999, 0)))
    answers = await at_once([city.place(city.hold(1, (1, 0))) for _ in range(2)])
    by_outcome = {answer.outcome: answer for (answer,) in answers}
    assert set(by_outcome) == {HoldOutcome.PLACED, HoldOutcome.REFUSED}
    told = by_outcome[HoldOutcome.REFUSED]
    assert (told.short_account_id, told.short_needed_micros, told.short_available_micros) == (
        city.accounts["own"],
        1,
        0,
    )


async def test_sixty_four_contenders_never_overspend_one_account(city: City) -> None:
    answers = await at_once([city.place(city.hold(50, (50, 0))) for _ in range(64)])
    outcomes = Counter(answer.outcome for (answer,) in answers)
    assert outcomes == {HoldOutcome.PLACED: 20, HoldOutcome.REFUSED: 44}
    assert await city.available("own") == (0,)


async def test_batches_that_share_holds_answer_alike_in_any_order(city: City) -> None:
    holds = [city.hold(10) for _ in range(12)]
    orders = [Random(seed).sample(holds, len(holds)) for seed in range(6)]  # noqa: S311
    answers = await at_once([city.place(*order) for order in orders])
    placed = Counter(
        answer.hold_id
        for batch in answers
        for answer in batch
        if answer.outcome is HoldOutcome.PLACED
    )
    assert placed == {hold.hold_id: 1 for hold in holds}
    assert await city.available("own") == (880,)


async def test_the_same_transfer_ten_times_at_once_moves_once(city: City) -> None:
    transfer_id = new_id()
    for debit, credit in (("own", "voucher"), ("world", "payable")):
        answers = await at_once(
            [city.transfer(debit, credit, 30, transfer_id=transfer_id) for _ in range(10)]
        )
        outcomes = Counter(answer.outcome for answer in answers)
        assert outcomes == {TransferOutcome.PLACED: 1, TransferOutcome.REPLAYED: 9}
        transfer_id = new_id()
    assert await city.available("own") == (970,)


async def test_the_same_account_opened_ten_times_at_once_is_one(city: City) -> None:
    owner_id = new_id()
    ids = await at_once(
        [city.open("new", AccountKind.PAYABLE, owner_id=owner_id) for _ in range(10)]
    )
    assert len(set(ids)) == 1


async def test_the_same_draw_ten_times_at_once_is_opened_once(city: City) -> None:
    hold = city.hold(100)
    await city.place(hold)
    draw = city.draw(hold)
    answers = await at_once([city.open_draws(draw) for _ in range(10)])
    outcomes = Counter(answer.outcome for (answer,) in answers)
    assert outcomes == {DrawOutcome.OPENED: 1, DrawOutcome.REPLAYED: 9}


async def test_draws_racing_for_one_hold_never_exceed_it(city: City) -> None:
    hold = city.hold(100)
    await city.place(hold)
    answers = await at_once([city.open_draws(city.draw(hold, 30)) for _ in range(10)])
    outcomes = Counter(answer.outcome for (answer,) in answers)
    assert outcomes == {DrawOutcome.OPENED: 3, DrawOutcome.NO_ROOM: 7}


async def test_the_same_last_reading_ten_times_at_once_has_one_effect(city: City) -> None:
    _, draw = await city.drawing(100)
    event = reading(draw, 1, 60, final=True, close_hold=True)
    answers = await at_once([city.capture(event) for _ in range(10)])
    outcomes = Counter(answer.outcome for (answer,) in answers)
    assert outcomes == {CaptureOutcome.CAPTURED: 1, CaptureOutcome.REPLAYED: 9}
    assert {answer.charged_micros for (answer,) in answers} == {60}
    assert await city.available("own", "voucher") == (970, 970)


async def test_one_sequence_with_ten_costs_at_once_counts_once(city: City) -> None:
    _, draw = await city.drawing(100)
    answers = await at_once([city.capture(reading(draw, 1, 10 + i)) for i in range(10)])
    outcomes = Counter(answer.outcome for (answer,) in answers)
    assert outcomes == {CaptureOutcome.CAPTURED: 1, CaptureOutcome.CONFLICT: 9}


async def test_readings_of_one_draw_in_any_order_charge_the_highest_meter(city: City) -> None:
    _, draw = await city.drawing(100)
    await at_once([city.capture(reading(draw, i, 2 * i)) for i in range(1, 30)])
    (last,) = await city.capture(reading(draw, 30, 58))
    assert last.charged_micros == 58


async def test_the_same_draw_absorbed_ten_times_at_once_refunds_once(city: City) -> None:
    hold, draw = await city.drawing(100)
    await city.capture(reading(draw, 1, 80))
    answers = await at_once([city.close_draws((draw.draw_id, True)) for _ in range(10)])
    outcomes = Counter(answer[draw.draw_id] for answer in answers)
    assert outcomes == {CloseOutcome.ABSORBED: 1, CloseOutcome.REPLAYED: 9}
    assert (await city.room("own")).pending_micros == 100
    await at_once([city.close_holds(hold.hold_id) for _ in range(10)])
    assert await city.available("own", "voucher") == (1_000, 1_000)


async def test_expiry_and_a_draw_race_for_a_hold_and_one_of_them_gets_it(city: City) -> None:
    for _ in range(10):
        hold = city.hold(10, hours=-1)
        await city.place(hold)
        draw = city.draw(hold)
        expired, (opened,) = await asyncio.gather(city.expire(), city.open_draws(draw))
        if opened.outcome is DrawOutcome.OPENED:
            assert hold.hold_id not in expired
            await city.close_draws((draw.draw_id, False))
            await city.close_holds(hold.hold_id)
        else:
            assert opened.outcome is DrawOutcome.HOLD_CLOSED
        assert (await city.statement(hold.hold_id)).state is HoldState.CLOSED


async def test_everything_at_once_over_the_same_accounts_stays_in_balance(city: City) -> None:
    """Jobs of random fates in parallel; no call fails, and the fixture audits what is left."""

    async def job(seed: int) -> None:
        fate = Random(seed)  # noqa: S311
        hold = city.hold(fate.randint(1, 200), mode=fate.choice(list(type(city.hold().mode))))
        ((answer,), _) = await asyncio.gather(city.place(hold), city.transfer("own", "voucher", 1))
        if answer.outcome is HoldOutcome.REFUSED:
            return
        for _ in range(fate.randint(1, 3)):
            draw = city.draw(hold, fate.randint(0, hold.ceiling_micros))
            (opened,) = await city.open_draws(draw)
            if opened.outcome is DrawOutcome.OPENED:
                await attempt(draw, fate)
        try:
            await city.close_holds(hold.hold_id)
        except StateConflict:
            await city.expire()

    async def attempt(draw: DrawRequest, fate: Random) -> None:
        costs = sorted(fate.randint(0, draw.ceiling_micros + 20) for _ in range(3))
        events = [
            reading(draw, sequence, cost, final=fate.random() < 0.2, close_hold=True)
            for sequence, cost in enumerate(costs, start=1)
        ]
        await at_once([city.capture(*events), city.capture(*events[:2])])
        if fate.random() < 0.8:
            await city.close_draws((draw.draw_id, fate.random() < 0.4))

    await at_once([job(seed) for seed in range(40)])
