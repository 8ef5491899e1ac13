"""Metering's use cases: keep what was signed, take the readings that count, capture their cost."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mains.db import Queries, Transaction
from mains.errors import NotFound
from mains.ledger import service as ledger
from mains.ledger.values import UsageCharge
from mains.metering import rules
from mains.metering.rules import Latest, Outcome, Reading

__all__ = [
    "LastReading",
    "MeterAnswer",
    "Outcome",
    "Reading",
    "Statement",
    "readings",
    "record",
    "statement",
]

QUERIES: Final = Queries.load(__package__, "queries.sql")


@dataclass(frozen=True, slots=True)
class MeterAnswer:
    """What became of one reading; the amounts are its draw's, cumulative.

    `reason` is empty when the reading took effect, else it says why not in a sentence.
    """

    draw_id: UUID
    sequence: int
    outcome: Outcome
    charged_micros: int
    overrun_micros: int
    reason: str


@dataclass(frozen=True, slots=True)
class LastReading:
    """The reading that a draw's cost rests on, and the statement that signs it (SHA-256)."""

    draw_id: UUID
    site_id: UUID
    sequence: int
    unit_milliseconds: int
    cpu_milliseconds: int
    memory_peak_bytes: int
    energy_joules: int | None
    final: bool
    price_micros_per_unit_hour: int
    statement: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """The exact bytes that an agent signed."""

    site_id: UUID
    envelope: bytes
    received_at: datetime


async def record(
    tx: Transaction,
    *,
    site_id: UUID,
    statement: bytes,
    lines: Sequence[Reading],
    now: datetime,
) -> list[MeterAnswer]:
    """Take the readings of one signed statement and charge them; answers come in their order.

    The caller has verified the signature. Whatever changes no charge is kept with its reason.
    """
    if not lines:
        return []
    digest = hashlib.sha256(statement).digest()
    await tx.execute(
        QUERIES["keep_statement"],
        {"sha256": digest, "site_id": site_id, "envelope": statement, "now": now},
    )
    latest = await _latest(tx, lines)
    answers = await _capture(tx, lines, rules.judge(lines, site_id=site_id, latest=latest), now=now)
    await _keep_readings(tx, lines, answers, site_id=site_id, digest=digest, now=now)
    await _keep_refusals(tx, lines, answers, site_id=site_id, digest=digest, now=now)
    return answers


async def readings(tx: Transaction, draw_ids: Sequence[UUID]) -> dict[UUID, LastReading]:
    """Return the reading that counts of each of these draws that has one."""
    cursor = await tx.execute(QUERIES["readings"], {"draw_ids": list(draw_ids)})
    return {row["draw_id"]: LastReading(**row) for row in await cursor.fetchall()}


async def statement(tx: Transaction, sha256: bytes) -> Statement:
    """Return a signed statement byte for byte; raises NotFound."""
    row = await (await tx.execute(QUERIES["statement"], {"sha256": sha256})).fetchone()
    if row is None:
        raise NotFound(f"there is no statement {sha256.hex()}")
    return Statement(**row)


async def _latest(tx: Transaction, lines: Sequence[Reading]) -> dict[UUID, Latest]:
    cursor = await tx.execute(QUERIES["latest"], {"draw_ids": [line.draw_id for line in lines]})
    return {row["draw_id"]: Latest(**row) for row in await cursor.fetchall()}


async def _capture(
    tx: Transaction,
    lines: Sequence[Reading],
    judged: Sequence[Outcome | None],
    *,
    now: datetime,
) -> list[MeterAnswer]:
    charges = [
        UsageCharge(
            draw_id=line.draw_id,
            sequence=line.sequence,
            body_hash=line.body_hash,
            cost_micros=line.cost_micros,
            final=line.final,
            close_hold=line.close_hold,
        )
        for line, refused in zip(lines, judged, strict=True)
        if refused is None
    ]
    captured = iter(await ledger.capture(tx, charges, now=now) if charges else [])
    answers = []
    for line, refused in zip(lines, judged, strict=True):
        if refused is not None:
            answers.append(_answer(line, refused, charged_micros=0, overrun_micros=0))
            continue
        said = next(captured)
        outcome = Outcome(said.outcome)
        answers.append(
            _answer(
                line,
                outcome,
                charged_micros=said.charged_micros,
                overrun_micros=said.overrun_micros,
            )
        )
    return answers


def _answer(
    line: Reading, outcome: Outcome, *, charged_micros: int, overrun_micros: int
) -> MeterAnswer:
    return MeterAnswer(
        draw_id=line.draw_id,
        sequence=line.sequence,
        outcome=outcome,
        charged_micros=charged_micros,
        overrun_micros=overrun_micros,
        reason=line.refusal or rules.BECAUSE[outcome],
    )


async def _keep_readings(
    tx: Transaction,
    lines: Sequence[Reading],
    answers: Sequence[MeterAnswer],
    *,
    site_id: UUID,
    digest: bytes,
    now: datetime,
) -> None:
    taken = [line for line, answer in zip(lines, answers, strict=True) if answer.outcome.accepted]
    if not taken:
        return
    await tx.execute(
        QUERIES["keep_readings"],
        {
            "site_id": site_id,
            "sha256": digest,
            "now": now,
            "draw_ids": [line.draw_id for line in taken],
            "sequences": [line.sequence for line in taken],
            "body_hashes": [line.body_hash for line in taken],
            "unit_milliseconds": [line.unit_milliseconds for line in taken],
            "cpu_milliseconds": [line.cpu_milliseconds for line in taken],
            "memory_peak_bytes": [line.memory_peak_bytes for line in taken],
            "energy_joules": [line.energy_joules for line in taken],
            "finals": [line.final for line in taken],
            "prices": [line.price_micros_per_unit_hour for line in taken],
        },
    )


async def _keep_refusals(
    tx: Transaction,
    lines: Sequence[Reading],
    answers: Sequence[MeterAnswer],
    *,
    site_id: UUID,
    digest: bytes,
    now: datetime,
) -> None:
    refused = [
        (line, answer)
        for line, answer in zip(lines, answers, strict=True)
        if not answer.outcome.accepted
    ]
    if not refused:
        return
    await tx.execute(
        QUERIES["keep_refusals"],
        {
            "site_id": site_id,
            "sha256": digest,
            "now": now,
            "draw_ids": [line.draw_id for line, _ in refused],
            "sequences": [line.sequence for line, _ in refused],
            "body_hashes": [line.body_hash for line, _ in refused],
            "reasons": [
                line.refusal if answer.outcome is Outcome.REFUSED else str(answer.outcome)
                for line, answer in refused
            ],
            "unit_milliseconds": [line.unit_milliseconds for line, _ in refused],
        },
    )
