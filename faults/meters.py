"""100,000 usage events that come twice, out of order, late, altered or lowered."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

import orjson
import psycopg
from tests.ledger.builders import NOW
from tests.metering.builders import a_reading, some_draws

from faults.campaign import Broken, Share, chance
from faults.stores import Store, a_store
from mains.db import Database
from mains.ids import new_id
from mains.metering import service as metering
from mains.metering.service import MeterAnswer, Reading

EVENTS: Final = 100_000
DRAWS: Final = 60
READINGS: Final = 12
CEILING: Final = 40_000
STATEMENT_LINES: Final = 30
LANES: Final = 4
REACH: Final = 6
"""How many places an event may be carried off from where it belongs."""

DRAWN: Final = """
SELECT id, state::text, metered, late, charged, overrun FROM ledger.draw WHERE id = ANY(%s)
"""
EFFECTS: Final = """
SELECT draw_id, sum(posted) FILTER (WHERE kind = 'capture')::bigint, count(*)
FROM ledger.entry WHERE draw_id = ANY(%s) AND kind = 'capture' GROUP BY draw_id
"""


@dataclass(slots=True)
class Meter:
    """What one honest meter says, and what must become of it whatever happens on the way."""

    draw_id: UUID
    readings: list[Reading] = field(default_factory=list)
    after_end: int = 0
    """How much the meter still grew behind its last reading; nobody is charged for it."""

    @property
    def metered(self) -> int:
        return self.readings[-1].unit_milliseconds

    @property
    def charged(self) -> int:
        return min(self.metered, CEILING)


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Send this share of the events in rounds, each over draws of its own."""
    wanted, counts = len(share.part(EVENTS)), Counter[str]()
    with a_store() as store:
        number = 0
        while counts["events"] < wanted:
            counts += asyncio.run(a_round(store, chance(seed, f"meters {share} {number}")))
            number += 1
        store.check_invariants(("ledger", "metering"))
    return counts


async def a_round(store: Store, dice: random.Random, *, draws: int = DRAWS) -> Counter[str]:
    """Send what honest meters say by a bad way, with forgeries between, and check every draw."""
    database = await Database.open(store.app_url, size_max=LANES)
    site_id = new_id()
    try:
        async with database.transaction() as tx:
            ids = await some_draws(tx, draws, now=NOW, ceiling=CEILING)
        meters = [_meter(draw_id, dice) for draw_id in ids]
        events = _sent(meters, dice)
        lanes = [events[lane::LANES] for lane in range(LANES)]
        answers = await asyncio.gather(*(_send(database, site_id, lane) for lane in lanes))
        # Whatever was lost on the way: an agent repeats its last word until it is heard.
        ends = [meter.readings[-1] for meter in meters]
        late = [
            replace(end, sequence=end.sequence + 1, unit_milliseconds=end.unit_milliseconds + more)
            for end, more in zip(ends, [meter.after_end for meter in meters], strict=True)
            if more
        ]
        lowered = [
            replace(end, sequence=end.sequence + 9, unit_milliseconds=end.unit_milliseconds - 1)
            for end in ends
            if end.unit_milliseconds
        ]
        for lane in (ends, late, lowered, ends, late):
            answers.append(await _send(database, site_id, lane))
    finally:
        await database.close()
    check(store, meters)
    counts = Counter(str(answer.outcome) for lane in answers for answer in lane)
    counts["events"] = sum(len(lane) for lane in answers)
    return counts


def _meter(draw_id: UUID, dice: random.Random) -> Meter:
    """Return a meter that never falls; some grow beyond what was promised for their draw."""
    meter, used = Meter(draw_id), 0
    for sequence in range(1, READINGS + 1):
        used += dice.choice((0, dice.randint(1, 6_000)))
        final = sequence == READINGS
        meter.readings.append(
            a_reading(
                draw_id,
                sequence=sequence,
                unit_milliseconds=used,
                cpu_milliseconds=used,
                final=final,
            )
        )
    meter.after_end = dice.choice((0, 0, dice.randint(1, 500)))
    return meter


def _sent(meters: Sequence[Meter], dice: random.Random) -> list[Reading]:
    """Return the events in the order in which they arrive: doubled, carried off, lost, forged."""
    placed: list[tuple[float, Reading]] = []
    for meter in meters:
        for reading in meter.readings[:-1]:
            copies = dice.choice((0, 1, 1, 2, 3))
            placed += [(reading.sequence + dice.uniform(0, REACH), reading) for _ in range(copies)]
            if dice.random() < 0.15:
                placed.append((reading.sequence + dice.uniform(0, REACH), _forged(reading, dice)))
    return [reading for _, reading in sorted(placed, key=lambda each: each[0])]


def _forged(reading: Reading, dice: random.Random) -> Reading:
    """Return the reading altered so that, if it counted, the charge would be another."""
    match dice.randrange(4):
        case 0:
            # The same place again with another body is refused once the true one is there.
            return replace(reading, sequence=1, unit_milliseconds=0, cpu_milliseconds=7)
        case 1:
            return replace(reading, unit_milliseconds=2**60)
        case 2:
            return replace(reading, refusal="the attempt's fence is 2, not 1")
        case _:
            return replace(reading, unit_milliseconds=-1)


async def _send(database: Database, site_id: UUID, events: Sequence[Reading]) -> list[MeterAnswer]:
    """Send events in signed statements of some lines each; the same statement may come again."""
    answers: list[MeterAnswer] = []
    for first in range(0, len(events), STATEMENT_LINES):
        lines = events[first : first + STATEMENT_LINES]
        body = [(line.draw_id, line.sequence, line.unit_milliseconds) for line in lines]
        statement = orjson.dumps([(str(draw), *rest) for draw, *rest in body])
        async with database.transaction() as tx:
            answers += await metering.record(
                tx, site_id=site_id, statement=statement, lines=lines, now=NOW
            )
    return answers


def check(store: Store, meters: Sequence[Meter]) -> None:
    """Raise Broken unless each draw was charged once for what its meter said in the end."""
    ids = [[meter.draw_id for meter in meters]]
    with psycopg.connect(store.owner_url) as connection:
        drawn = {row[0]: row[1:] for row in connection.execute(DRAWN, ids).fetchall()}
        paid = {row[0]: row[1] for row in connection.execute(EFFECTS, ids).fetchall()}
    for meter in meters:
        overrun = meter.metered + meter.after_end - meter.charged
        expected = ("closed", meter.metered, meter.after_end, meter.charged, overrun)
        if drawn[meter.draw_id] != expected:
            raise Broken(f"draw {meter.draw_id} is {drawn[meter.draw_id]}, and must be {expected}")
        if paid.get(meter.draw_id, 0) != meter.charged:
            raise Broken(f"draw {meter.draw_id} moved {paid.get(meter.draw_id)}: {meter.charged}")
