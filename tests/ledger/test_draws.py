"""Draws: each attempt's own room inside the hold, so that attempts never compete."""

from dataclasses import replace

import psycopg
import pytest

from mains.ids import new_id
from mains.ledger.values import (
    AccountKind,
    CloseOutcome,
    DrawOutcome,
    DrawState,
    EntryKind,
    Room,
)
from tests.ledger.builders import City, reading

pytestmark = pytest.mark.anyio


async def test_draws_share_a_hold_until_its_room_is_taken(city: City) -> None:
    hold = city.hold(500)
    await city.place(hold)
    draws = [city.draw(hold, ceiling) for ceiling in (200, 200, 200, 100)]
    answers = await city.open_draws(*draws)
    assert [answer.outcome for answer in answers] == [
        DrawOutcome.OPENED,
        DrawOutcome.OPENED,
        DrawOutcome.NO_ROOM,
        DrawOutcome.OPENED,
    ]
    assert await city.available("own") == (500,)


async def test_a_payers_own_amount_bounds_its_draws_too(city: City) -> None:
    hold = city.hold(500, (500, 100))
    await city.place(hold)
    (answer,) = await city.open_draws(city.draw(hold, 300, ceilings=(200, 101)))
    assert answer.outcome is DrawOutcome.NO_ROOM


async def test_a_replayed_draw_changes_nothing_and_another_body_is_a_conflict(
    city: City,
) -> None:
    hold, draw = await city.drawing()
    again, other = await city.open_draws(
        draw, replace(draw, ceiling_micros=1, draw_id=draw.draw_id)
    )
    assert again.outcome is DrawOutcome.REPLAYED
    assert other.outcome is DrawOutcome.CONFLICT
    await city.close_draws((draw.draw_id, False))
    await city.close_holds(hold.hold_id)
    assert (await city.open_draws(draw))[0].outcome is DrawOutcome.REPLAYED


async def test_nothing_is_drawn_from_a_closed_hold(city: City) -> None:
    hold = city.hold()
    await city.place(hold)
    await city.close_holds(hold.hold_id)
    assert (await city.open_draws(city.draw(hold)))[0].outcome is DrawOutcome.HOLD_CLOSED


async def test_a_draw_on_an_unknown_hold_is_an_error(city: City) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await city.open_draws(city.draw(city.hold()))


async def test_a_draw_has_the_payers_and_the_unit_of_its_hold(city: City) -> None:
    hold = city.hold()
    await city.place(hold)
    with pytest.raises(psycopg.Error, match="payers or the unit"):
        await city.open_draws(city.draw(hold, rates_bps=(), ceilings=(500,)))
    with pytest.raises(psycopg.Error, match="payers or the unit"):
        await city.open_draws(city.draw(hold, payable="world"))


@pytest.mark.parametrize("rates", [(10_001,), (-1,), (5_000, 5_000)])
async def test_a_draw_whose_rates_make_no_sense_is_never_opened(
    city: City, rates: tuple[int, ...]
) -> None:
    hold = city.hold()
    await city.place(hold)
    with pytest.raises(psycopg.errors.CheckViolation, match="draw_rates"):
        await city.open_draws(city.draw(hold, rates_bps=rates))


async def test_the_database_refuses_a_batch_that_names_a_draw_twice(city: City) -> None:
    hold = city.hold()
    await city.place(hold)
    draw = city.draw(hold)
    with pytest.raises(psycopg.Error, match="names each draw once"):
        async with city.database.transaction() as tx:
            await tx.execute(
                """SELECT * FROM ledger.open_draws(%s, %s, ARRAY['{0}', '{0}'],
                       ARRAY['{0,0}', '{0,0}'], ARRAY[0, 0]::bigint[], %s, %s)""",
                [
                    [draw.draw_id] * 2,
                    [hold.hold_id] * 2,
                    [draw.payable_account_id] * 2,
                    city.now,
                ],
            )


async def test_closing_a_draw_returns_what_it_did_not_use_to_the_hold(city: City) -> None:
    hold, draw = await city.drawing(500)
    await city.capture(reading(draw, 1, 100))
    assert await city.close_draws((draw.draw_id, False)) == {draw.draw_id: CloseOutcome.CLOSED}
    assert await city.close_draws((draw.draw_id, False)) == {draw.draw_id: CloseOutcome.REPLAYED}
    next_draw, too_large = city.draw(hold, 400), city.draw(hold, 1)
    answers = await city.open_draws(next_draw, too_large)
    assert [answer.outcome for answer in answers] == [DrawOutcome.OPENED, DrawOutcome.NO_ROOM]
    assert await city.room("own") == Room(1_000, 50, 450, 500)


async def test_closing_an_unknown_draw_says_so(city: City) -> None:
    draw_id = new_id()
    assert await city.close_draws((draw_id, True)) == {draw_id: CloseOutcome.UNKNOWN}


async def test_a_lost_attempt_that_is_absorbed_leaves_all_room_to_the_next(city: City) -> None:
    hold, draw = await city.drawing(500)
    await city.capture(reading(draw, 1, 480))
    closed = await city.close_draws((draw.draw_id, True))
    assert closed == {draw.draw_id: CloseOutcome.ABSORBED}
    assert await city.close_draws((draw.draw_id, True)) == {draw.draw_id: CloseOutcome.REPLAYED}
    assert await city.room("own") == Room(1_000, 0, 500, 500)
    assert await city.room("cap") == Room(1_000, 0, 250, 750)
    assert await city.paid("payable") == 0
    second = city.draw(hold, 500)
    assert (await city.open_draws(second))[0].outcome is DrawOutcome.OPENED
    await city.capture(reading(second, 1, 500, final=True, close_hold=True))
    statement = await city.statement(hold.hold_id)
    assert (statement.charged_micros, statement.overrun_micros) == (500, 480)
    assert {draw.state for draw in statement.draws} == {DrawState.ABSORBED, DrawState.CLOSED}
    assert await city.paid("payable") == 500


async def test_what_was_absorbed_is_noted_between_the_sites_memo_accounts(city: City) -> None:
    _, draw = await city.drawing(100)
    await city.open("overrun", AccountKind.OVERRUN, owner_id=city.site_id)
    await city.open("absorbed", AccountKind.ABSORBED, owner_id=city.site_id)
    await city.capture(reading(draw, 1, 130))
    await city.close_draws((draw.draw_id, True))
    assert await city.paid("absorbed") == 130
    assert await city.paid("overrun") == -130


async def test_a_draw_that_its_last_reading_closed_can_still_be_absorbed(city: City) -> None:
    hold, draw = await city.drawing(500)
    await city.capture(reading(draw, 1, 200, final=True))
    assert (await city.close_draws((draw.draw_id, True)))[draw.draw_id] is CloseOutcome.ABSORBED
    await city.close_holds(hold.hold_id)
    assert await city.available("own", "voucher", "cap") == (1_000, 1_000, 1_000)
    kinds = [entry.kind for entry in (await city.statement(hold.hold_id)).entries]
    assert kinds.count(EntryKind.REFUND) == 3
    assert kinds.count(EntryKind.ABSORB) == 1


async def test_it_is_too_late_to_absorb_once_the_hold_is_closed(city: City) -> None:
    hold, draw = await city.drawing(500)
    await city.capture(reading(draw, 1, 200, final=True, close_hold=True))
    closed = await city.close_draws((draw.draw_id, True))
    assert closed == {draw.draw_id: CloseOutcome.HOLD_CLOSED}
    assert (await city.statement(hold.hold_id)).charged_micros == 200


async def test_a_grant_is_drawn_from_its_pot_into_a_voucher_by_tranches(city: City) -> None:
    await city.open("pot", AccountKind.POT, owner_id=new_id())
    await city.fund("pot", 1_000)
    grant = city.hold(600, (600,), legs=(("pot", 0),))
    await city.place(grant)
    tranche = city.draw(grant, 250, rates_bps=(), ceilings=(250,), payable="voucher")
    await city.open_draws(tranche)
    await city.capture(reading(tranche, 1, 250, final=True))
    assert await city.room("pot") == Room(1_000, 250, 350, 400)
    assert await city.available("voucher") == (1_250,)
    await city.close_draws((tranche.draw_id, True))
    assert await city.room("voucher") == Room(1_000, 0, 0, 1_000)
    assert await city.room("pot") == Room(1_000, 0, 600, 400)


async def test_parts_for_other_payers_are_never_within_their_bounds(city: City) -> None:
    async with await psycopg.AsyncConnection.connect(city.owner_url) as owner:
        for parts in ("{1}", "{1,1}", "{1,1,1}"):
            cursor = await owner.execute("SELECT ledger.within('{1,1}', %s::bigint[])", [parts])
            assert await cursor.fetchone() == (parts == "{1,1}",)


async def test_a_draw_beyond_the_room_is_refused_whatever_else_there_is(lone_city: City) -> None:
    """The first draw alone fits, and the room is only that of its hold."""
    hold = lone_city.hold(100, (100, 50))
    small = lone_city.draw(hold, 10, ceilings=(5, 5))
    large = lone_city.draw(hold, 200, ceilings=(100, 100))
    await lone_city.place(hold)
    await lone_city.open_draws(small)
    [answer] = await lone_city.open_draws(large)
    assert answer.outcome is DrawOutcome.NO_ROOM


async def test_two_lost_attempts_of_one_hold_are_absorbed_in_one_call(city: City) -> None:
    hold = city.hold(100, (100, 50))
    draws = [city.draw(hold, 40, ceilings=(20, 20)) for _ in range(2)]
    await city.place(hold)
    await city.open_draws(*draws)
    await city.capture(reading(draws[0], 1, 30), reading(draws[1], 1, 20))
    outcomes = await city.close_draws(*((draw.draw_id, True) for draw in draws))
    assert set(outcomes.values()) == {CloseOutcome.ABSORBED}
    [again] = await city.open_draws(city.draw(hold, 100, ceilings=(50, 50)))
    assert again.outcome is DrawOutcome.OPENED, "all room has returned"
