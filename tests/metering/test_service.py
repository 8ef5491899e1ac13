"""Readings as they are kept and charged, on the real ledger."""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mains.clock import ManualClock
from mains.db import Database, Queries
from mains.errors import NotFound
from mains.ids import new_id
from mains.ledger import service as ledger
from mains.metering import service
from mains.metering.service import MeterAnswer, Reading
from tests.metering.builders import CEILING, a_reading, some_draws

pytestmark = pytest.mark.anyio


@dataclass
class Meter:
    database: Database
    clock: ManualClock
    site_id: UUID

    async def draws(self, count: int, **options: Any) -> list[UUID]:
        async with self.database.transaction() as tx:
            return await some_draws(tx, count, now=self.clock.now(), **options)

    async def say(
        self, *lines: Reading, site_id: UUID | None = None, statement: bytes | None = None
    ) -> list[MeterAnswer]:
        async with self.database.transaction() as tx:
            return await service.record(
                tx,
                site_id=site_id or self.site_id,
                statement=statement or repr(lines).encode(),
                lines=lines,
                now=self.clock.now(),
            )

    async def rows(self, table: str) -> list[dict[str, Any]]:
        async with self.database.transaction() as tx:
            cursor = await tx.execute(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608
            return await cursor.fetchall()

    async def audit(self) -> dict[str, int]:
        """Return the invariants that do not hold, with how many rows break each."""
        invariants = Queries.load("mains.metering", "audit.sql")
        async with self.database.transaction() as tx:
            broken = {
                name: len(await (await tx.execute(invariants[name])).fetchall())
                for name in invariants
            }
        return {name: count for name, count in broken.items() if count}


@pytest.fixture
async def meter(database: Database, clock: ManualClock) -> Meter:
    return Meter(database, clock, new_id())


def outcomes(answers: Sequence[MeterAnswer]) -> list[str]:
    return [str(answer.outcome) for answer in answers]


async def test_growing_readings_charge_what_is_new(meter: Meter) -> None:
    [draw] = await meter.draws(1)

    first = await meter.say(a_reading(draw))
    second = await meter.say(a_reading(draw, sequence=2, unit_milliseconds=1_500))
    last = await meter.say(a_reading(draw, sequence=3, unit_milliseconds=1_700, final=True))

    charged = [answer.charged_micros for answer in (*first, *second, *last)]
    assert charged == [1_000, 1_500, 1_700]
    assert outcomes([*first, *second, *last]) == ["captured"] * 3
    assert all(answer.reason == "" for answer in (*first, *second, *last))
    assert await meter.audit() == {}


async def test_the_signed_bytes_are_kept_and_the_reading_names_them(meter: Meter) -> None:
    [draw] = await meter.draws(1)
    await meter.say(a_reading(draw, energy_joules=7), statement=b"signed")
    digest = hashlib.sha256(b"signed").digest()

    async with meter.database.transaction() as tx:
        kept = await service.statement(tx, digest)
        reading = (await service.readings(tx, [draw, new_id()]))[draw]
        with pytest.raises(NotFound):
            await service.statement(tx, b"\0" * 32)

    assert (kept.envelope, kept.site_id) == (b"signed", meter.site_id)
    assert (reading.statement, reading.energy_joules) == (digest, 7)


async def test_a_replayed_reading_charges_once_and_is_counted(meter: Meter) -> None:
    [draw] = await meter.draws(1)
    await meter.say(a_reading(draw))

    again = [*await meter.say(a_reading(draw)), *await meter.say(a_reading(draw))]

    assert outcomes(again) == ["replayed", "replayed"]
    assert [answer.charged_micros for answer in again] == [1_000, 1_000]
    [refusal] = await meter.rows("metering.refusal")
    assert (refusal["reason"], refusal["times"]) == ("replayed", 2)
    assert await meter.audit() == {}


async def test_a_reordered_reading_changes_nothing_and_is_recorded(meter: Meter) -> None:
    [draw] = await meter.draws(1)
    await meter.say(a_reading(draw, sequence=5, unit_milliseconds=5_000))

    answers = await meter.say(a_reading(draw, sequence=4, unit_milliseconds=4_000))

    assert (outcomes(answers), answers[0].charged_micros) == (["stale"], 5_000)
    assert [row["reason"] for row in await meter.rows("metering.refusal")] == ["stale"]
    assert await meter.audit() == {}


async def test_dishonest_readings_are_refused_and_recorded(meter: Meter) -> None:
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"sequence": 6, "unit_milliseconds": 4_000}, "decreased"),
        ({"sequence": 5, "unit_milliseconds": 4_000}, "conflict"),
        ({"sequence": 5, "unit_milliseconds": 6_000}, "conflict"),
        ({"sequence": 4, "unit_milliseconds": 6_000}, "decreased"),
        ({"sequence": 6, "unit_milliseconds": 2**80}, "absurd"),
        ({"sequence": 6, "price_micros_per_unit_hour": 1}, "price_changed"),
        ({"sequence": 6, "refusal": "stale fence"}, "stale fence"),
    ]
    draws = await meter.draws(len(wrongs))
    await meter.say(*(a_reading(draw, sequence=5, unit_milliseconds=5_000) for draw in draws))

    answers = await meter.say(
        *(a_reading(draw, **wrong) for draw, (wrong, _) in zip(draws, wrongs, strict=True))
    )

    assert not any(answer.outcome.harmless or not answer.reason for answer in answers)
    recorded = {row["draw_id"]: row["reason"] for row in await meter.rows("metering.refusal")}
    assert [recorded[draw] for draw in draws] == [reason for _, reason in wrongs]
    assert {row["charged"] for row in await meter.rows("ledger.draw")} == {5_000}
    assert await meter.audit() == {}


async def test_another_site_cannot_meter_a_draw(meter: Meter) -> None:
    [draw] = await meter.draws(1)
    await meter.say(a_reading(draw))

    answers = await meter.say(
        a_reading(draw, sequence=2, unit_milliseconds=9_000), site_id=new_id()
    )

    assert outcomes(answers) == ["foreign_site"]
    [refusal] = await meter.rows("metering.refusal")
    assert refusal["site_id"] != meter.site_id
    assert await meter.audit() == {}


async def test_readings_of_an_unknown_draw_and_doubled_ones_leave_the_others_alone(
    meter: Meter,
) -> None:
    good, twice = await meter.draws(2)

    answers = await meter.say(
        a_reading(good),
        a_reading(new_id()),
        a_reading(twice),
        a_reading(twice, sequence=2, unit_milliseconds=2_000),
    )

    assert outcomes(answers) == ["captured", "unknown", "captured", "doubled"]
    assert await meter.audit() == {}


async def test_what_exceeds_the_ceiling_is_noted_as_overrun(meter: Meter) -> None:
    [draw] = await meter.draws(1)

    [answer] = await meter.say(a_reading(draw, unit_milliseconds=CEILING + 5))

    assert (answer.charged_micros, answer.overrun_micros) == (CEILING, 5)
    assert await meter.audit() == {}


async def test_a_reading_after_the_end_is_recorded_and_charged_to_nobody(meter: Meter) -> None:
    [draw] = await meter.draws(1)
    await meter.say(a_reading(draw, final=True))

    [late] = await meter.say(a_reading(draw, sequence=2, unit_milliseconds=3_000, final=True))

    assert (str(late.outcome), late.charged_micros, late.overrun_micros) == ("late", 1_000, 2_000)
    assert "charged to nobody" in late.reason
    assert await meter.audit() == {}


async def test_a_final_reading_can_settle_its_hold(meter: Meter) -> None:
    [draw] = await meter.draws(1)

    await meter.say(a_reading(draw, final=True, close_hold=True))

    async with meter.database.transaction() as tx:
        assert (await ledger.statement(tx, draw)).state == "closed"


async def test_the_same_statement_sent_ten_times_at_once_charges_once(meter: Meter) -> None:
    draws = await meter.draws(20)
    lines = [a_reading(draw) for draw in draws]

    answers = await asyncio.gather(*(meter.say(*lines) for _ in range(10)))

    assert sorted(outcomes([each for batch in answers for each in batch])) == (
        ["captured"] * 20 + ["replayed"] * 180
    )
    assert len(await meter.rows("metering.statement")) == 1
    assert await meter.audit() == {}


async def test_growing_statements_in_any_order_end_at_the_highest(meter: Meter) -> None:
    draws = await meter.draws(5)

    await asyncio.gather(
        *(
            meter.say(*(a_reading(draw, sequence=n, unit_milliseconds=n * 100) for draw in draws))
            for n in range(1, 13)
        )
    )

    assert {row["sequence"] for row in await meter.rows("metering.reading")} == {12}
    assert {row["charged"] for row in await meter.rows("ledger.draw")} == {1_200}
    assert await meter.audit() == {}


async def test_an_empty_statement_is_not_kept(meter: Meter) -> None:
    assert await meter.say() == []
    assert await meter.rows("metering.statement") == []


async def test_the_audit_finds_what_was_changed_behind_its_back(
    meter: Meter, owner_url: str
) -> None:
    draws = await meter.draws(4)
    await meter.say(*(a_reading(draw) for draw in draws))

    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        for change in (
            "UPDATE metering.reading SET unit_milliseconds = 1 WHERE draw_id = %(first)s",
            "UPDATE metering.reading SET draw_id = %(nobody)s WHERE draw_id = %(second)s",
            "UPDATE metering.reading SET site_id = %(nobody)s WHERE draw_id = %(third)s",
        ):
            await connection.execute(
                change,
                {
                    "first": draws[0],
                    "second": draws[1],
                    "third": draws[2],
                    "nobody": new_id(),
                },
            )

    assert await meter.audit() == {
        "cost_is_reading_times_price": 1,
        "captures_have_readings": 1,
        "readings_have_draws": 1,
        "statements_are_whole": 1,
    }


@pytest.mark.deep
async def test_three_thousand_readings_a_second(meter: Meter) -> None:
    draws = await meter.draws(500)
    meter.clock.advance(timedelta(seconds=1))
    begun = time.perf_counter()
    rounds = 8

    for n in range(1, rounds + 1):
        await meter.say(*(a_reading(draw, sequence=n, unit_milliseconds=n * 100) for draw in draws))

    rate = rounds * len(draws) / (time.perf_counter() - begun)
    print(f"{rate:,.0f} readings/s")
    assert rate > 1_000
