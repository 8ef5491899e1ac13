"""Holds: placed at submission over all payers and caps, replayed, refused, closed, expired."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from mains.errors import NotFound, StateConflict
from mains.ids import new_id
from mains.ledger.values import (
    AccountKind,
    DrawOutcome,
    EntryKind,
    HoldAnswer,
    HoldOutcome,
    HoldState,
    Leg,
    Room,
)
from mains.units import MICROS_MAX
from tests.ledger.builders import City, reading

pytestmark = pytest.mark.anyio


async def test_a_hold_promises_each_payers_worst_case(city: City) -> None:
    hold = city.hold(500, (500, 250))
    assert await city.place(hold) == [HoldAnswer(hold.hold_id, HoldOutcome.PLACED)]
    assert await city.room("own") == Room(1_000, 0, 500, 500)
    assert await city.room("voucher") == Room(1_000, 0, 250, 750)
    assert await city.room("cap") == Room(1_000, 0, 250, 750)


async def test_a_cap_can_follow_the_total(city: City) -> None:
    await city.place(city.hold(400, (300, 200), legs=(("own", 0), ("voucher", 1), ("cap", -1))))
    assert await city.available("own", "voucher", "cap") == (700, 800, 600)


async def test_a_replayed_hold_changes_nothing_and_another_body_is_a_conflict(
    city: City,
) -> None:
    hold = city.hold()
    await city.place(hold)
    other = replace(hold, request_hash=b"other")
    answers = await city.place(hold, other, hold)
    assert [answer.outcome for answer in answers] == [
        HoldOutcome.REPLAYED,
        HoldOutcome.CONFLICT,
        HoldOutcome.REPLAYED,
    ]
    assert await city.available("own") == (500,)


async def test_a_refused_hold_names_what_was_short_and_leaves_no_trace(city: City) -> None:
    hold = city.hold(3_000, (1_000, 1_500), legs=(("own", 0), ("cap", 1), ("voucher", 1)))
    assert await city.place(hold) == [
        HoldAnswer(hold.hold_id, HoldOutcome.REFUSED, city.accounts["cap"], 1_500, 1_000)
    ]
    assert await city.available("own", "voucher", "cap") == (1_000, 1_000, 1_000)
    with pytest.raises(NotFound):
        await city.statement(hold.hold_id)
    await city.fund("cap", 500)
    await city.fund("voucher", 500)
    assert (await city.place(hold))[0].outcome is HoldOutcome.PLACED


async def test_a_batch_that_does_not_fit_is_decided_in_order(city: City) -> None:
    holds = [city.hold(ceiling, (ceiling, 0)) for ceiling in (600, 500, 400, 1)]
    answers = await city.place(*holds)
    assert [answer.outcome for answer in answers] == [
        HoldOutcome.PLACED,
        HoldOutcome.REFUSED,
        HoldOutcome.PLACED,
        HoldOutcome.REFUSED,
    ]
    assert (answers[1].short_needed_micros, answers[1].short_available_micros) == (500, 400)
    assert await city.available("own") == (0,)


async def test_a_hold_that_comes_twice_in_a_batch_is_answered_like_two_calls(city: City) -> None:
    hold, large = city.hold(), city.hold(5_000)
    answers = await city.place(hold, large, hold, large, replace(hold, request_hash=b"other"))
    assert [answer.outcome for answer in answers] == [
        HoldOutcome.PLACED,
        HoldOutcome.REFUSED,
        HoldOutcome.REPLAYED,
        HoldOutcome.REFUSED,
        HoldOutcome.CONFLICT,
    ]


async def test_an_empty_batch_has_no_answers(city: City) -> None:
    assert await city.place() == []
    assert await city.open_draws() == []
    assert await city.capture() == []
    assert await city.close_draws() == {}


async def test_a_free_hold_needs_no_room(city: City) -> None:
    hold = city.hold(0, (0,), legs=())
    assert (await city.place(hold))[0].outcome is HoldOutcome.PLACED
    await city.close_holds(hold.hold_id)


async def test_amounts_near_the_end_of_the_range_do_not_overflow(city: City) -> None:
    owner_id = new_id()
    for name, kind in (("rich", AccountKind.OWN), ("grant", AccountKind.VOUCHER)):
        await city.open(name, kind, owner_id=owner_id)
        await city.fund(name, MICROS_MAX)
    legs = (("rich", 0), ("grant", 1))
    holds = [
        city.hold(MICROS_MAX, (MICROS_MAX, MICROS_MAX), legs=legs),
        city.hold(MICROS_MAX, (MICROS_MAX, MICROS_MAX), legs=legs),
        city.hold(MICROS_MAX, (MICROS_MAX, MICROS_MAX), legs=legs),
    ]
    outcomes = [answer.outcome for answer in await city.place(*holds)]
    assert outcomes == [HoldOutcome.PLACED, HoldOutcome.REFUSED, HoldOutcome.REFUSED]
    draw = city.draw(holds[0], rates_bps=(9_999,))
    assert (await city.open_draws(draw))[0].outcome is DrawOutcome.OPENED
    (answer,) = await city.capture(reading(draw, 1, MICROS_MAX, final=True, close_hold=True))
    assert answer.charged_micros + answer.overrun_micros == MICROS_MAX


@pytest.mark.parametrize(
    ("amounts", "legs"),
    [
        ((500, 250), (("own", 0),)),
        ((500,), (("own", 0), ("voucher", 0))),
        ((500,), (("own", 0), ("voucher", -1))),
        ((500,), (("own", 0), ("cap", 1))),
        ((500,), (("own", 0), ("cap", -2))),
        ((500,), (("own", 0), ("own", 0))),
        ((500,), (("world", 0),)),
        ((-1,), (("own", 0),)),
        ((MICROS_MAX + 1,), (("own", 0),)),
        ((), ()),
    ],
    ids=[
        "a payer without money",
        "two accounts for one payer",
        "money that follows the total",
        "a payer that is not there",
        "a payer below the total",
        "one account twice",
        "an unlimited account",
        "a negative amount",
        "an amount out of range",
        "no payers",
    ],
)
async def test_a_hold_whose_legs_make_no_sense_is_never_placed(
    city: City, amounts: tuple[int, ...], legs: tuple[tuple[str, int], ...]
) -> None:
    hold = replace(
        city.hold(500, amounts),
        legs=tuple(Leg(city.accounts[name], payer) for name, payer in legs),
    )
    with pytest.raises(psycopg.errors.CheckViolation, match="hold_legs"):
        await city.place(hold)


async def test_a_hold_over_a_foreign_unit_or_an_unknown_account_is_never_placed(
    city: City,
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="hold_legs"):
        await city.place(city.hold(unit="EUR"))
    unknown = replace(city.hold(500, (500,)), legs=(Leg(2**40, 0),))
    with pytest.raises(psycopg.errors.CheckViolation, match="hold_legs"):
        await city.place(unknown)


async def test_the_database_refuses_a_batch_that_names_a_hold_twice(city: City) -> None:
    hold = city.hold()
    hold_array = [hold.hold_id, hold.hold_id]
    with pytest.raises(psycopg.Error, match="names each hold once"):
        async with city.database.transaction() as tx:
            await tx.execute(
                """SELECT * FROM ledger.place(%(ids)s, ARRAY['a', 'b']::bytea[], %(ids)s,
                       ARRAY['CNY', 'CNY'], ARRAY[0, 0]::bigint[], ARRAY['ratio', 'ratio'],
                       ARRAY['{0}', '{0}'], ARRAY['{}', '{}'], ARRAY['{}', '{}'],
                       ARRAY[%(now)s, %(now)s]::timestamptz[], ARRAY[NULL, NULL]::uuid[],
                       %(now)s)""",
                {"ids": hold_array, "now": city.now},
            )


async def test_closing_gives_back_the_rest_once(city: City) -> None:
    hold = city.hold()
    await city.place(hold)
    await city.close_holds(hold.hold_id)
    await city.close_holds(hold.hold_id, hold.hold_id)
    assert await city.available("own", "voucher", "cap") == (1_000, 1_000, 1_000)
    statement = await city.statement(hold.hold_id)
    assert statement.state is HoldState.CLOSED
    assert statement.close_reason == "test"
    kinds = [entry.kind for entry in statement.entries]
    assert kinds == [EntryKind.HOLD] * 3 + [EntryKind.RELEASE] * 3


async def test_closing_an_unknown_hold_is_an_error(city: City) -> None:
    with pytest.raises(NotFound):
        await city.close_holds(new_id())


async def test_a_hold_with_an_open_draw_is_neither_closed_nor_expired(
    lone_city: City,
) -> None:
    city = lone_city
    hold, draw = await city.drawing()
    with pytest.raises(StateConflict, match="open draw"):
        await city.close_holds(hold.hold_id)
    city.now += timedelta(days=2)
    assert await city.expire() == []
    await city.close_draws((draw.draw_id, False))
    assert await city.expire() == [hold.hold_id]
    assert await city.available("own", "voucher") == (1_000, 1_000)


async def test_expiry_takes_the_oldest_first_and_no_more_than_asked(
    lone_city: City,
) -> None:
    city = lone_city
    holds = [city.hold(10, (10, 0), hours=hours) for hours in (3, 1, 2, 50)]
    await city.place(*holds)
    city.now += timedelta(hours=4)
    assert await city.expire(limit=2) == [holds[1].hold_id, holds[2].hold_id]
    assert await city.expire() == [holds[0].hold_id]
    assert await city.expire() == []
    assert (await city.statement(holds[0].hold_id)).close_reason == "expired"
    assert await city.available("own") == (990,)


async def test_a_statement_says_what_each_payer_held_paid_and_got_back(city: City) -> None:
    hold, draw = await city.drawing()
    await city.capture(reading(draw, 1, 301, final=True, close_hold=True))
    statement = await city.statement(hold.hold_id)
    own, voucher = statement.payers[0], statement.payers[1]
    assert (own.held_micros, own.captured_micros, own.released_micros) == (500, 151, 349)
    assert (voucher.held_micros, voucher.captured_micros, voucher.released_micros) == (
        250,
        150,
        100,
    )
    assert (statement.charged_micros, statement.overrun_micros) == (301, 0)
    assert statement.draws[0].captured == (151, 150)
    assert statement.close_reason == "finished"
