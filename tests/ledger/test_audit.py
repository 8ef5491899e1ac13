"""The audit sees each invariant broken and names the row; broken as the owner, then rolled back."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from mains.ledger import auditing
from mains.ledger.auditing import ROWS_MAX, Finding
from mains.ledger.values import DrawRequest, HoldRequest
from tests.ledger.builders import AUDIT, City, reading

pytestmark = pytest.mark.anyio

UNLOCK_ENTRIES: Final = "ALTER TABLE ledger.entry DISABLE TRIGGER append_only"
BREAKING: Final = {
    "money_sums_to_zero": [
        "UPDATE ledger.account SET unit = 'EUR' WHERE id = %(payable)s",
    ],
    "counters_equal_replay": [
        "UPDATE ledger.account SET credits = credits + 1 WHERE id = %(own)s",
    ],
    "no_account_exceeded_at_any_commit": [
        """INSERT INTO ledger.entry (txn, kind, debit, pending, posted, at)
           VALUES (gen_random_uuid(), 'hold', %(own)s, 1000000, 0, now())""",
    ],
    "held_is_captured_and_released": [
        UNLOCK_ENTRIES,
        """UPDATE ledger.entry SET pending = pending - 1
           WHERE hold_id = %(settled)s AND kind = 'hold' AND debit = %(own)s""",
    ],
    "charge_within_hold": [
        "ALTER TABLE ledger.hold DROP CONSTRAINT hold_within_ceiling",
        "UPDATE ledger.hold SET ceiling = 1 WHERE id = %(settled)s",
    ],
    "split_equals_formula": [
        "UPDATE ledger.draw SET captured = '{150,151}' WHERE id = %(last)s",
    ],
    "hold_equals_its_draws": [
        "UPDATE ledger.hold SET reserved = '{0,1}' WHERE id = %(open)s",
    ],
    "closed_hold_has_no_open_draw": [
        "UPDATE ledger.draw SET state = 'open', closed_at = NULL WHERE id = %(last)s",
    ],
    "draw_equals_its_entries": [
        "UPDATE ledger.draw SET overrun = overrun + 1, late = late + 1 WHERE id = %(last)s",
    ],
    "draw_equals_its_events": [
        "UPDATE ledger.draw SET sequence_last = 99 WHERE id = %(last)s",
    ],
    "one_event_one_effect": [
        """INSERT INTO ledger.entry
               (txn, hold_id, draw_id, sequence, kind, debit, credit, pending, posted, at)
           SELECT txn, hold_id, draw_id, sequence, kind, debit, credit, pending, posted, at
           FROM ledger.entry WHERE draw_id = %(last)s AND kind = 'capture' AND debit = %(own)s""",
    ],
    "hold_closes_once": [
        """INSERT INTO ledger.entry (txn, hold_id, kind, debit, pending, posted, at)
           VALUES (%(settled)s, %(settled)s, 'release', %(own)s, -1, 0, now())""",
    ],
    "transfer_equals_its_entry": [
        "ALTER TABLE ledger.transfer DISABLE TRIGGER append_only",
        "UPDATE ledger.transfer SET amount = amount + 1 WHERE credit = %(own)s",
    ],
    "legs_are_limited_accounts": [
        "UPDATE ledger.account SET unit = 'EUR' WHERE id = %(cap)s",
    ],
}
NAMED_BY: Final = {
    "money_sums_to_zero": ("credit", "payable"),
    "counters_equal_replay": ("account_id", "own"),
    "no_account_exceeded_at_any_commit": ("account_id", "own"),
    "held_is_captured_and_released": ("hold_id", "settled"),
    "charge_within_hold": ("hold_id", "settled"),
    "split_equals_formula": ("draw_id", "last"),
    "hold_equals_its_draws": ("hold_id", "open"),
    "closed_hold_has_no_open_draw": ("draw_id", "last"),
    "draw_equals_its_entries": ("draw_id", "last"),
    "draw_equals_its_events": ("draw_id", "last"),
    "one_event_one_effect": ("draw_id", "last"),
    "hold_closes_once": ("hold_id", "settled"),
    "transfer_equals_its_entry": ("credit", "own"),
    "legs_are_limited_accounts": ("account_id", "cap"),
}


@dataclass(frozen=True)
class History:
    """One hold with an absorbed and a last attempt, settled; another with an open draw."""

    settled: HoldRequest
    last: DrawRequest
    open: HoldRequest

    def names(self, city: City) -> dict[str, UUID | int]:
        return {
            **city.accounts,
            "settled": self.settled.hold_id,
            "last": self.last.draw_id,
            "open": self.open.hold_id,
        }


async def a_history(city: City) -> History:
    settled, lost = await city.drawing(400)
    await city.capture(reading(lost, 1, 120))
    await city.close_draws((lost.draw_id, True))
    last = city.draw(settled)
    await city.open_draws(last)
    await city.capture(reading(last, 1, 100))
    await city.capture(reading(last, 2, 301, final=True, close_hold=True))
    await city.capture(reading(last, 3, 320))
    opened, draw = await city.drawing(200)
    await city.capture(reading(draw, 1, 33))
    return History(settled, last, opened)


async def findings_after(city: City, statements: list[str], history: History) -> list[Finding]:
    names = history.names(city)
    async with await psycopg.AsyncConnection.connect(city.owner_url, row_factory=dict_row) as owner:
        for statement in statements:
            await owner.execute(statement.encode(), names)
        findings = await auditing.audit(owner, AUDIT)
        await owner.rollback()
    return findings


async def test_a_sound_ledger_has_no_findings(city: City) -> None:
    history = await a_history(city)
    assert await findings_after(city, [], history) == []


@pytest.mark.parametrize("invariant", sorted(BREAKING))
async def test_a_broken_invariant_is_found_and_its_row_is_named(city: City, invariant: str) -> None:
    history = await a_history(city)
    findings = await findings_after(city, BREAKING[invariant], history)
    (found,) = [finding for finding in findings if finding.invariant == invariant]
    column, name = NAMED_BY[invariant]
    assert str(history.names(city)[name]) in {row[column] for row in found.rows}
    assert found.slice == "ledger"
    assert found.means.endswith(".")


def test_every_invariant_is_broken_by_a_test() -> None:
    assert set(BREAKING) == set(NAMED_BY) == set(AUDIT["ledger"])


async def test_a_finding_names_a_bounded_number_of_rows(city: City) -> None:
    history = await a_history(city)
    for _ in range(ROWS_MAX + 1):
        await city.place(city.hold(1, (1, 0)))
    everywhere = ["UPDATE ledger.hold SET captured_total = 1 WHERE ceiling = 1"]
    (found,) = await findings_after(city, everywhere, history)
    assert len(found.rows) == ROWS_MAX
