"""Receipts: what ran where, metered, priced, paid by whom under which rule; signed for good."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from mains.db import Queries, Transaction
from mains.errors import NotFound, StateConflict
from mains.ids import new_id
from mains.jobs.views import artefact_views
from mains.ledger import service as ledger
from mains.ledger.values import DrawState, DrawStatement, HoldStatement
from mains.metering import service as metering
from mains.metering.service import LastReading
from mains.programmes.rules import percent_number
from mains.quotes import service as quotes
from mains.quotes.service import Quote
from mains.units import decimal_string
from mains.wire import dsse
from mains.wire.dsse import SigningKey
from mains.wire.jobs import RECEIPT_TYPE, Receipt, ReceiptAttempt, ReceiptPayer

QUERIES = Queries.load(__package__, "views.sql")


async def receipt(tx: Transaction, job_id: UUID, *, key: SigningKey, now: datetime) -> bytes:
    """Return the signed receipt of a settled job, the same bytes for ever.

    It is made when it is first asked for, from what settlement has frozen. Raises StateConflict
    while the job is not settled.
    """
    stored = await _stored(tx, job_id)
    if stored is not None:
        return stored
    made = await _make(tx, job_id)
    payload = made.model_dump_json().encode()
    envelope = dsse.sign(payload, key=key, payload_type=RECEIPT_TYPE)
    await tx.execute(QUERIES["put_receipt"], {"id": job_id, "envelope": envelope, "now": now})
    winner = await _stored(tx, job_id)
    assert winner is not None, "a receipt is never deleted"
    return winner


async def _stored(tx: Transaction, job_id: UUID) -> bytes | None:
    row = await (await tx.execute(QUERIES["receipt"], {"id": job_id})).fetchone()
    return None if row is None else bytes(row["envelope"])


async def _make(tx: Transaction, job_id: UUID) -> Receipt:
    job = await (await tx.execute(QUERIES["job_for_receipt"], {"id": job_id})).fetchone()
    if job is None:
        raise NotFound(f"there is no job {job_id}")
    if job["settled_at"] is None:
        raise StateConflict(
            f"the job is {job['state']}: its receipt comes when it is settled",
            hint="Follow it with `mains logs -f`, and ask again when it has ended.",
        )
    quote = await quotes.quote(tx, job["quote_id"])
    statement = await ledger.statement(tx, job_id)
    rows = await (await tx.execute(QUERIES["attempts_of_job"], {"id": job_id})).fetchall()
    readings = await metering.readings(tx, [row["id"] for row in rows])
    draws = {draw.draw_id: draw for draw in statement.draws}
    attempts = [_attempt(row, draws[row["id"]], readings.get(row["id"])) for row in rows]
    payers = _payers(quote, statement)
    return Receipt(
        id=new_id(),
        job_id=job_id,
        quote_id=quote.id,
        organisation=job["organisation"],
        organisation_id=job["organisation_id"],
        name=job["name"],
        state=job["state"],
        currency=quote.currency,
        ceiling=decimal_string(quote.ceiling),
        held=decimal_string(sum(leg.held_micros for leg in statement.payers.values())),
        metered=decimal_string(sum(draw.metered_micros for draw in statement.draws)),
        charged=decimal_string(sum(leg.captured_micros for leg in statement.payers.values())),
        absorbed=decimal_string(sum(_absorbed(draw) for draw in statement.draws)),
        paid_by={payer.label: payer.paid for payer in payers},
        payers=payers,
        attempts=attempts,
        tasks=job["tasks"],
        tasks_succeeded=job["tasks_succeeded"],
        artefacts=await artefact_views(tx, job_id),
        actor=job["person_id"],
        submitted_at=job["submitted_at"],
        settled_at=job["settled_at"],
    )


def _absorbed(draw: DrawStatement) -> int:
    """Return what was used and charged to nobody: beyond the hold, or by a lost attempt."""
    return draw.metered_micros - (0 if draw.state is DrawState.ABSORBED else draw.charged_micros)


def _attempt(
    row: Mapping[str, Any], draw: DrawStatement, reading: LastReading | None
) -> ReceiptAttempt:
    absorbed = _absorbed(draw)
    return ReceiptAttempt(
        id=row["id"],
        site=row["site"],
        pool=row["pool"],
        tariff_id=row["tariff_id"],
        price_per_unit_hour=decimal_string(row["price_micros"]),
        unit=row["unit"],
        unit_milliseconds=reading.unit_milliseconds if reading else 0,
        cpu_milliseconds=reading.cpu_milliseconds if reading else 0,
        energy_joules=reading.energy_joules if reading else None,
        metered=decimal_string(draw.metered_micros),
        charged=decimal_string(draw.metered_micros - absorbed),
        absorbed=decimal_string(absorbed),
        rates_percent=[percent_number(rate) for rate in row["rates_bps"]],
        state=row["state"],
        statement_sha256=reading.statement.hex() if reading else None,
    )


def _payers(quote: Quote, statement: HoldStatement) -> list[ReceiptPayer]:
    return [_payer(terms, payer, statement) for payer, terms in enumerate(quote.payers)]


def _payer(terms: Mapping[str, Any], payer: int, statement: HoldStatement) -> ReceiptPayer:
    leg = statement.payers[payer]
    return ReceiptPayer(
        payer=terms["payer"],
        label=terms["label"],
        account=leg.account_id,
        voucher_id=terms["voucher_id"],
        programme=terms["programme"],
        version=terms["version"],
        document_sha256=terms["document_sha256"],
        rule=terms["rule_id"],
        held=decimal_string(leg.held_micros),
        paid=decimal_string(leg.captured_micros),
        released=decimal_string(leg.released_micros),
    )
