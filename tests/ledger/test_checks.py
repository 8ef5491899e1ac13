"""The checks of the ledger's tables hold whoever writes: each is tried as the tables' owner."""

from typing import Any

import psycopg
import pytest

from tests.ledger.builders import City

pytestmark = pytest.mark.anyio

HOLD = "UPDATE ledger.hold SET {} WHERE id = %(hold)s"
DRAW = "UPDATE ledger.draw SET {} WHERE id = %(draw)s"
ENTRY = """
INSERT INTO ledger.entry (txn, kind, debit, credit, pending, posted, at)
VALUES (gen_random_uuid(), '{}', 1, {}, {}, {}, now())
"""
USAGE = "INSERT INTO ledger.usage_event VALUES (%(draw)s, {}, '', 1, false, '{}', 1, 0, now())"
VIOLATIONS: list[tuple[str, str]] = [
    ("account_kind", "UPDATE ledger.account SET limited = NOT limited WHERE id = %(own)s"),
    ("account_kind", "UPDATE ledger.account SET credits = 1 WHERE id = %(world)s"),
    ("account_within_limit", "UPDATE ledger.account SET debits = credits + 1 WHERE id = %(own)s"),
    ("hold_closed", HOLD.format("closed_at = now()")),
    ("hold_closed", HOLD.format("close_reason = 'why'")),
    ("hold_closed", HOLD.format("draws_open = -1")),
    ("hold_closed", HOLD.format("state = 'closed'")),
    ("hold_closed", HOLD.format("state = 'closed', closed_at = now(), draws_open = 0")),
    ("hold_closed", HOLD.format("state = 'closed', close_reason = 'why', draws_open = 0")),
    ("hold_closed", HOLD.format("state = 'closed', closed_at = now(), close_reason = 'why'")),
    ("hold_legs", HOLD.format("leg_accounts[2] = leg_accounts[1]")),
    ("hold_legs", HOLD.format("leg_accounts[3] = leg_accounts[1]")),
    ("hold_legs", HOLD.format("leg_payers[1] = 2")),
    ("hold_legs", HOLD.format("leg_payers[1] = -1")),
    ("hold_legs", HOLD.format("leg_payers[3] = -2")),
    ("hold_legs", HOLD.format("leg_money[3] = NULL")),
    ("hold_legs", HOLD.format("leg_money[1] = false")),
    ("hold_legs", HOLD.format("leg_money[3] = true")),
    ("hold_legs", HOLD.format("leg_money[1] = false, amounts[1] = 1, reserved = '{0, 0}'")),
    ("hold_legs", HOLD.format("leg_money = leg_money[:2]")),
    ("hold_legs", HOLD.format("leg_payers = leg_payers[:2]")),
    ("hold_legs", HOLD.format("amounts[2] = -1")),
    ("hold_legs", HOLD.format("amounts[2] = NULL")),
    ("hold_legs", HOLD.format("amounts = '{}', reserved = '{}', captured = '{}'")),
    ("hold_within_amounts", HOLD.format("captured[2] = amounts[2] + 1, reserved[2] = 0")),
    ("hold_within_amounts", HOLD.format("reserved[2] = amounts[2] + 1")),
    ("hold_within_amounts", HOLD.format("reserved[2] = amounts[2], captured[2] = 1")),
    ("hold_within_amounts", HOLD.format("captured[2] = -1")),
    ("hold_within_amounts", HOLD.format("reserved[2] = -1, captured[2] = 2")),
    ("hold_within_amounts", HOLD.format("captured = captured[:1]")),
    ("hold_within_ceiling", HOLD.format("reserved_total = ceiling, captured_total = 1")),
    (
        "transfer_moves",
        "INSERT INTO ledger.transfer VALUES (gen_random_uuid(), 1, 2, 0, '', NULL, now())",
    ),
    (
        "transfer_moves",
        "INSERT INTO ledger.transfer VALUES (gen_random_uuid(), 1, 1, 5, '', NULL, now())",
    ),
    ("entry_valid", ENTRY.format("transfer", 2, 0, 0)),
    ("entry_valid", ENTRY.format("transfer", "NULL", 0, 5)),
    ("entry_valid", ENTRY.format("transfer", 1, 0, 5)),
    ("entry_valid", ENTRY.format("transfer", 2, 1, 5)),
    ("entry_valid", ENTRY.format("hold", "NULL", 0, 0)),
    ("entry_valid", ENTRY.format("hold", "NULL", -1, 0)),
    ("entry_valid", ENTRY.format("hold", 2, 1, 1)),
    ("entry_valid", ENTRY.format("release", "NULL", 1, 0)),
    ("entry_valid", ENTRY.format("release", "NULL", 0, 0)),
    ("entry_valid", ENTRY.format("release", 2, -1, 1)),
    ("entry_valid", ENTRY.format("capture", 2, -4, 5)),
    ("entry_valid", ENTRY.format("capture", "NULL", 0, 0)),
    ("entry_valid", ENTRY.format("capture", 2, 0, -5)),
    ("draw_closed", DRAW.format("closed_at = now()")),
    ("draw_closed", DRAW.format("state = 'closed'")),
    ("draw_rates", DRAW.format("rates = '{10001}'")),
    ("draw_rates", DRAW.format("rates = '{-1}'")),
    ("draw_rates", DRAW.format("rates = ARRAY[NULL]::integer[]")),
    ("draw_rates", DRAW.format("rates = '{1, 1}'")),
    ("draw_whole", DRAW.format("metered = metered + 1")),
    ("draw_within_ceiling", DRAW.format("charged = ceiling + 1, metered = ceiling + 1")),
    ("draw_within_ceilings", DRAW.format("captured[1] = ceilings[1] + 1")),
    ("draw_within_ceilings", DRAW.format("captured[1] = -1")),
    ("usage_event_accepted", USAGE.format(0, "captured")),
    ("usage_event_accepted", USAGE.format(9, "conflict")),
    (
        "usage_refused_refused",
        "INSERT INTO ledger.usage_refused VALUES (%(draw)s, 1, '', 1, 'captured', now())",
    ),
]


@pytest.mark.parametrize(("check", "statement"), VIOLATIONS)
async def test_no_writer_breaks_a_check(city: City, check: str, statement: str) -> None:
    hold, draw = await city.drawing(500)
    names: dict[str, Any] = {"hold": hold.hold_id, "draw": draw.draw_id, **city.accounts}
    async with await psycopg.AsyncConnection.connect(city.owner_url) as owner:
        with pytest.raises(psycopg.errors.CheckViolation, match=check):
            await owner.execute(statement.encode(), names)


async def test_every_check_of_the_ledger_is_tried(city: City) -> None:
    async with await psycopg.AsyncConnection.connect(city.owner_url) as owner:
        found = await owner.execute(
            """SELECT c.conname FROM pg_constraint AS c
               JOIN pg_namespace AS n ON n.oid = c.connamespace
               WHERE n.nspname = 'ledger' AND c.contype = 'c' AND c.conrelid <> 0"""
        )
        assert {name for (name,) in await found.fetchall()} == {check for check, _ in VIOLATIONS}
