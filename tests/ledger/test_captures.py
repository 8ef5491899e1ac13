"""Captures: charged live on the cumulative cost, each reading at most once, for ever."""

import psycopg
import pytest

from mains.ids import new_id
from mains.ledger.rules import Mode
from mains.ledger.values import (
    AccountKind,
    CaptureAnswer,
    CaptureOutcome,
    DrawRequest,
    EntryKind,
    HoldState,
    Room,
    UsageCharge,
)
from tests.ledger.builders import City, reading

pytestmark = pytest.mark.anyio


async def test_a_growing_meter_is_charged_without_rounding_twice(city: City) -> None:
    _, draw = await city.drawing(100)
    for sequence, cost in enumerate((1, 2, 3, 50, 99), start=1):
        (answer,) = await city.capture(reading(draw, sequence, cost))
        assert answer == CaptureAnswer(draw.draw_id, CaptureOutcome.CAPTURED, cost, 0)
    assert await city.room("own") == Room(1_000, 50, 50, 900)
    assert await city.room("voucher") == Room(1_000, 49, 1, 950)
    assert await city.room("cap") == Room(1_000, 49, 1, 950)
    assert await city.paid("payable") == 99


async def test_usage_beyond_the_ceiling_is_noted_and_charged_to_nobody(city: City) -> None:
    hold, draw = await city.drawing(100)
    (answer,) = await city.capture(reading(draw, 1, 130))
    assert answer == CaptureAnswer(draw.draw_id, CaptureOutcome.CAPTURED, 100, 30)
    kinds = [entry.kind for entry in (await city.statement(hold.hold_id)).entries]
    assert kinds.count(EntryKind.OVERRUN) == 1


async def test_the_charge_stops_where_own_money_is_short_and_the_rate_stays(city: City) -> None:
    hold = city.hold(100, (10, 50))
    draw = city.draw(hold, 100, ceilings=(10, 50))
    await city.place(hold)
    await city.open_draws(draw)
    (answer,) = await city.capture(reading(draw, 1, 100))
    assert answer.charged_micros + answer.overrun_micros == 100
    assert answer.charged_micros in {20, 21}
    assert (await city.room("own")).debits_micros == 10


@pytest.mark.parametrize(
    ("mode", "captured"), [(Mode.RATIO, (70, 10, 20)), (Mode.ORDER, (50, 10, 40))]
)
async def test_several_public_payers_share_by_ratio_or_in_order(
    city: City, mode: Mode, captured: tuple[int, ...]
) -> None:
    await city.open("second", AccountKind.VOUCHER, owner_id=city.organisation_id, scope="2")
    await city.fund("second", 100)
    hold = city.hold(
        100,
        (100, 10, 90),
        legs=(("own", 0), ("voucher", 1), ("second", 2), ("cap", -1)),
        mode=mode,
    )
    draw = city.draw(hold, rates_bps=(3_000, 2_000), ceilings=(100, 10, 90))
    await city.place(hold)
    await city.open_draws(draw)
    await city.capture(reading(draw, 1, 100))
    statement = await city.statement(hold.hold_id)
    assert statement.draws[0].captured == captured
    assert (await city.room("cap")).debits_micros == 100


async def test_a_replayed_reading_says_what_it_said_at_first(city: City) -> None:
    _, draw = await city.drawing(100)
    first = reading(draw, 1, 40)
    await city.capture(first)
    await city.capture(reading(draw, 2, 130, final=True))
    (again,) = await city.capture(first)
    assert again == CaptureAnswer(draw.draw_id, CaptureOutcome.REPLAYED, 40, 0)
    assert await city.paid("payable") == 100


async def test_another_body_under_a_used_sequence_is_refused_and_recorded(city: City) -> None:
    _, draw = await city.drawing(100)
    await city.capture(reading(draw, 1, 40))
    (answer,) = await city.capture(reading(draw, 1, 41))
    assert answer == CaptureAnswer(draw.draw_id, CaptureOutcome.CONFLICT, 40, 0)
    await city.capture(reading(draw, 1, 41))
    assert await _refused(city, draw) == [("conflict", 41)]


async def test_a_lowered_meter_is_refused_and_recorded(city: City) -> None:
    _, draw = await city.drawing(100)
    await city.capture(reading(draw, 5, 40))
    lowered, disordered = (
        (await city.capture(reading(draw, 6, 39)))[0],
        (await city.capture(reading(draw, 4, 41)))[0],
    )
    assert lowered.outcome is disordered.outcome is CaptureOutcome.DECREASED
    assert lowered.outcome.refused
    assert lowered.charged_micros == 40
    assert await _refused(city, draw) == [("decreased", 39), ("decreased", 41)]


async def test_an_older_reading_that_arrives_late_has_no_effect(city: City) -> None:
    _, draw = await city.drawing(100)
    await city.capture(reading(draw, 5, 40))
    (answer,) = await city.capture(reading(draw, 4, 30, final=True))
    assert answer == CaptureAnswer(draw.draw_id, CaptureOutcome.STALE, 40, 0)
    (answer,) = await city.capture(reading(draw, 6, 50))
    assert answer.outcome is CaptureOutcome.CAPTURED


async def test_usage_after_the_draw_closed_is_recorded_and_absorbed(city: City) -> None:
    hold, draw = await city.drawing(100)
    await city.capture(reading(draw, 1, 40, final=True, close_hold=True))
    (late,) = await city.capture(reading(draw, 2, 70))
    assert late == CaptureAnswer(draw.draw_id, CaptureOutcome.LATE, 40, 30)
    (later,) = await city.capture(reading(draw, 3, 90))
    assert later == CaptureAnswer(draw.draw_id, CaptureOutcome.LATE, 40, 50)
    (lowered,) = await city.capture(reading(draw, 4, 80))
    assert lowered.outcome is CaptureOutcome.DECREASED
    statement = await city.statement(hold.hold_id)
    assert (statement.charged_micros, statement.overrun_micros) == (40, 50)
    assert [entry.kind for entry in statement.entries].count(EntryKind.ABSORB) == 2


async def test_usage_after_a_draw_was_absorbed_is_absorbed_too(city: City) -> None:
    hold, draw = await city.drawing(100)
    await city.capture(reading(draw, 1, 40))
    await city.close_draws((draw.draw_id, True))
    (late,) = await city.capture(reading(draw, 2, 70))
    assert late == CaptureAnswer(draw.draw_id, CaptureOutcome.LATE, 0, 70)
    assert (await city.statement(hold.hold_id)).overrun_micros == 70


async def test_a_reading_of_an_unknown_draw_is_refused(city: City) -> None:
    event = UsageCharge(new_id(), 1, b"body", 10, final=True)
    assert await city.capture(event) == [CaptureAnswer(event.draw_id, CaptureOutcome.UNKNOWN, 0, 0)]


async def test_a_batch_may_hold_several_readings_of_one_draw(city: City) -> None:
    _, draw = await city.drawing(100)
    first, second = reading(draw, 1, 10), reading(draw, 2, 20)
    answers = await city.capture(first, second, first, reading(draw, 3, 15))
    assert [answer.outcome for answer in answers] == [
        CaptureOutcome.CAPTURED,
        CaptureOutcome.CAPTURED,
        CaptureOutcome.REPLAYED,
        CaptureOutcome.DECREASED,
    ]


async def test_the_database_refuses_a_batch_that_names_a_draw_twice(city: City) -> None:
    _, draw = await city.drawing(100)
    with pytest.raises(psycopg.Error, match="names each draw once"):
        async with city.database.transaction() as tx:
            await tx.execute(
                """SELECT * FROM ledger.capture(%s, ARRAY[1, 2]::bigint[],
                       ARRAY['a', 'b']::bytea[], ARRAY[1, 2]::bigint[], ARRAY[false, false],
                       ARRAY[false, false], %s)""",
                [[draw.draw_id] * 2, city.now],
            )


async def test_a_last_reading_closes_the_draw_and_where_asked_the_hold(city: City) -> None:
    hold, draw = await city.drawing(100)
    await city.capture(reading(draw, 1, 60, final=True, close_hold=True))
    statement = await city.statement(hold.hold_id)
    assert statement.state is HoldState.CLOSED
    assert await city.available("own", "voucher", "cap") == (970, 970, 970)


async def test_a_hold_stays_open_while_something_else_is_drawn_from_it(city: City) -> None:
    hold = city.hold(100)
    first, second = city.draw(hold, 50), city.draw(hold, 50)
    await city.place(hold)
    await city.open_draws(first, second)
    await city.capture(reading(first, 1, 10, final=True, close_hold=True))
    assert (await city.statement(hold.hold_id)).state is HoldState.OPEN
    await city.capture(reading(second, 1, 10, final=True, close_hold=True))
    assert (await city.statement(hold.hold_id)).state is HoldState.CLOSED


async def test_two_last_readings_of_one_hold_in_a_batch_close_it_once(city: City) -> None:
    hold = city.hold(100)
    first, second = city.draw(hold, 50), city.draw(hold, 50)
    await city.place(hold)
    await city.open_draws(first, second)
    await city.capture(
        reading(first, 1, 10, final=True, close_hold=True),
        reading(second, 1, 10, final=True, close_hold=True),
    )
    statement = await city.statement(hold.hold_id)
    assert statement.state is HoldState.CLOSED
    assert await city.available("own") == (990,)


async def _refused(city: City, draw: DrawRequest) -> list[tuple[str, int]]:
    async with city.database.transaction() as tx:
        cursor = await tx.execute(
            """SELECT outcome::text, cost FROM ledger.usage_refused
               WHERE draw_id = %s ORDER BY cost""",
            [draw.draw_id],
        )
        return [(row["outcome"], row["cost"]) for row in await cursor.fetchall()]
