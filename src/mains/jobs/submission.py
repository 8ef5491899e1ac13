"""Submit: check, quote, hold, queue; a whole batch at once, one answer per job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from mains.db import Queries, Transaction, jsonb
from mains.errors import (
    InsufficientFunds,
    KeyReused,
    MainsError,
    NotFound,
    QuoteExpired,
    RequestInvalid,
    SpecInvalid,
    StateConflict,
)
from mains.ids import new_id
from mains.jobs.secrets import SecretBox
from mains.jobs.terms import stored_terms, terms_digest
from mains.ledger import service as ledger
from mains.ledger.rules import Mode
from mains.ledger.values import HoldAnswer, HoldOutcome, HoldRequest, Leg
from mains.quotes import service as quotes
from mains.quotes.rules import Load, NoQuote
from mains.quotes.service import Quote, Wanted
from mains.units import Money, decimal_string
from mains.wire.base import Amount
from mains.wire.jobs import SubmitRequest, Submitted

QUERIES = Queries.load(__package__, "queries.sql")


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission and who sends it."""

    request: SubmitRequest
    organisation_id: UUID
    organisation: str
    person_id: UUID

    def fingerprint(self, box: SecretBox) -> bytes:
        """Return what tells a replay from another request under the same id.

        It is keyed, for the request may hold secrets that are short enough to be guessed.
        """
        return box.fingerprint(self._body())

    def is_replay(self, fingerprint: bytes, box: SecretBox) -> bool:
        """Say whether this is the request that the fingerprint was made of, under whichever key."""
        return box.recognises(fingerprint, self._body())

    def _body(self) -> bytes:
        return (self.request.model_dump_json() + str(self.organisation_id)).encode()


@dataclass(frozen=True, slots=True)
class Terms:
    """The bounds that submissions are taken under."""

    quote_validity: timedelta
    queue_deadline: timedelta


Answer = Submitted | MainsError


@dataclass(slots=True)
class Batch:
    """Submissions on their way: answered, or bound to the quote that they will be held under."""

    submissions: Sequence[Submission]
    box: SecretBox
    answers: dict[int, Answer] = field(default_factory=dict)
    bound: dict[int, Quote] = field(default_factory=dict)
    releases: dict[UUID, int] = field(default_factory=dict)
    """Vouchers of which a further tranche must be released first, and the room they need."""

    def open(self) -> list[int]:
        """Return the positions that have no answer yet."""
        return [index for index in range(len(self.submissions)) if index not in self.answers]


async def prepare(
    tx: Transaction, batch: Batch, *, terms: Terms, loads: Mapping[UUID, Load], now: datetime
) -> None:
    """Answer replays and bad input, read the quotes that are named, make those that are not.

    Nothing is promised yet: `bind` does that, in a transaction of its own.
    """
    await _answer_known(tx, batch)
    _reject_doubles(batch)
    await _reject_incomplete(tx, batch)
    await _read_quotes(tx, batch, now=now)
    await _make_quotes(tx, batch, terms, loads, now=now)
    batch.releases = await _releases(tx, batch)


async def bind(tx: Transaction, batch: Batch, *, terms: Terms, last: bool, now: datetime) -> None:
    """Place the holds and queue the jobs; what is refused leaves nothing behind.

    What lost a race for room stays open, to be prepared again, unless this is the last round;
    a spec is then quoted anew, while a quote stays what it is.
    """
    await _recheck_quotes(tx, batch)
    placed = await _hold(tx, batch, terms, last=last, now=now)
    if not placed:
        return
    fresh = [batch.bound[i] for i in placed if batch.submissions[i].request.spec is not None]
    await quotes.store(tx, fresh)
    deadline = now + terms.queue_deadline
    rows = [_row(batch.submissions[i], batch.bound[i], batch.box, deadline, now) for i in placed]
    stored = {row["terms"]: row.pop("offers") for row in rows}
    documents = [{"digest": digest, "terms": offers} for digest, offers in stored.items()]
    await tx.execute(QUERIES["insert_jobs"], {"rows": jsonb(rows), "terms": jsonb(documents)})


async def _answer_known(tx: Transaction, batch: Batch) -> None:
    """Answer replays from what is stored, whatever has changed since."""
    waiting = batch.open()
    if not waiting:
        return
    ids = [batch.submissions[index].request.id for index in waiting]
    rows = await tx.execute(QUERIES["known_jobs"], {"ids": ids})
    known = {row["id"]: row for row in await rows.fetchall()}
    for index in waiting:
        submission = batch.submissions[index]
        row = known.get(submission.request.id)
        if row is None:
            continue
        if not submission.is_replay(bytes(row["request_hash"]), batch.box):
            batch.answers[index] = _reused(submission)
        else:
            batch.answers[index] = _submitted(row["id"], row["ceiling"], row["currency"])


def _reject_doubles(batch: Batch) -> None:
    """Within one batch an id stands for one job, and a quote is submitted once."""
    seen: set[UUID] = set()
    for index in batch.open():
        request = batch.submissions[index].request
        names = {name for name in (request.id, request.quote_id) if name is not None}
        if seen & names:
            batch.answers[index] = KeyReused("the same id or quote is in this batch twice")
        seen |= names


async def _reject_incomplete(tx: Transaction, batch: Batch) -> None:
    wanted: list[tuple[int, UUID, str]] = []
    for index in batch.open():
        submission = batch.submissions[index]
        request = submission.request
        if (request.spec is None) == (request.quote_id is None):
            batch.answers[index] = RequestInvalid("send either `quote_id` or `spec`, not both")
        elif request.spec is None and request.bundle is not None:
            batch.answers[index] = RequestInvalid("a quote names its code: leave `bundle` out")
        elif request.spec is not None and request.bundle is not None:
            wanted.append((index, submission.organisation_id, request.bundle))
    missing = await missing_contents(tx, [(w[1], w[2]) for w in wanted])
    for index, organisation_id, bundle in wanted:
        if (organisation_id, bundle) in missing:
            batch.answers[index] = bundle_missing(bundle)


async def missing_contents(
    tx: Transaction, wanted: Sequence[tuple[UUID, str]]
) -> set[tuple[UUID, str]]:
    """Return which of these contents their organisations have not uploaded."""
    if not wanted:
        return set()
    rows = await tx.execute(
        QUERIES["contents_known"],
        {"organisations": [w[0] for w in wanted], "hashes": [w[1] for w in wanted]},
    )
    return set(wanted) - {(row["organisation_id"], row["sha256"]) for row in await rows.fetchall()}


def bundle_missing(bundle: str) -> MainsError:
    return NotFound(f"the code {bundle} is not here", hint="Upload it first: PUT /v1/bundles.")


async def _read_quotes(tx: Transaction, batch: Batch, *, now: datetime) -> None:
    """Bind the submissions that name a quote to it, if it is theirs and still stands."""
    named = _named(batch)
    found = await quotes.load(tx, list(named.values())) if named else {}
    for index, quote_id in named.items():
        quote = found.get(quote_id)
        problem = _quote_problem(batch.submissions[index], quote, now=now)
        if problem is not None:
            batch.answers[index] = problem
        elif quote is not None:
            batch.bound[index] = quote


async def _recheck_quotes(tx: Transaction, batch: Batch) -> None:
    """Lock the quotes that are submitted by id, so that each is submitted once."""
    named = _named(batch)
    if not named:
        return
    ids = sorted(named.values())
    await tx.execute(QUERIES["lock_quotes"], {"ids": ids})
    rows = await tx.execute(QUERIES["jobs_of_quotes"], {"ids": ids})
    taken = {row["quote_id"]: row["id"] for row in await rows.fetchall()}
    for index, quote_id in named.items():
        job_id = taken.get(quote_id)
        if job_id is not None and job_id != batch.submissions[index].request.id:
            batch.answers[index] = StateConflict(
                f"this quote was submitted before, as job {job_id}", hint="Ask for a new quote."
            )


def _named(batch: Batch) -> dict[int, UUID]:
    return {
        index: quote_id
        for index in batch.open()
        if (quote_id := batch.submissions[index].request.quote_id) is not None
    }


def _quote_problem(
    submission: Submission, quote: Quote | None, *, now: datetime
) -> MainsError | None:
    if quote is None or quote.organisation_id != submission.organisation_id:
        return NotFound(f"there is no quote {submission.request.quote_id}")
    if quote.valid_until <= now:
        return QuoteExpired(f"the quote was valid until {quote.valid_until:%Y-%m-%d %H:%M:%S %Z}")
    if quote.voucher is not None and now < quote.created_at:
        # Its cap may be that of a period that, by this clock, has not begun.
        return QuoteExpired("the server's clock was put back since the quote was made")
    missing = sorted(set(quote.spec.secrets) - set(submission.request.secrets))
    if missing:
        return SpecInvalid(
            f"the secret {missing[0]} has no value", hint=f"Give it: `--secret {missing[0]}`."
        )
    return None


async def _make_quotes(
    tx: Transaction, batch: Batch, terms: Terms, loads: Mapping[UUID, Load], *, now: datetime
) -> None:
    fresh = [index for index in batch.open() if index not in batch.bound]
    if not fresh:
        return
    organisation_ids = [batch.submissions[index].organisation_id for index in fresh]
    seen = await quotes.market(tx, organisation_ids, loads=loads, now=now)
    for index in fresh:
        submission = batch.submissions[index]
        spec = submission.request.spec
        assert spec is not None
        wanted = Wanted(
            quote_id=new_id(),
            organisation_id=submission.organisation_id,
            person_id=submission.person_id,
            spec=spec.without_secrets(),
            bundle=submission.request.bundle,
        )
        made = quotes.decide(wanted, seen, valid=terms.quote_validity, now=now)
        if isinstance(made, NoQuote):
            batch.answers[index] = quotes.refusal(made, submission.organisation)
        else:
            batch.bound[index] = made


async def _releases(tx: Transaction, batch: Batch) -> dict[UUID, int]:
    """Return the vouchers whose released room is short of what this batch needs of them."""
    wanted: dict[tuple[UUID, int], int] = {}
    for index in batch.open():
        voucher = batch.bound[index].voucher
        if voucher is not None:
            key = (UUID(voucher["voucher_id"]), voucher["account"])
            wanted[key] = wanted.get(key, 0) + voucher["most"]
    if not wanted:
        return {}
    rooms = await ledger.rooms(tx, [account for _, account in wanted])
    return {
        voucher_id: micros
        for (voucher_id, account), micros in wanted.items()
        if (rooms[account].available_micros or 0) < micros
    }


async def _hold(
    tx: Transaction, batch: Batch, terms: Terms, *, last: bool, now: datetime
) -> list[int]:
    """Place the holds of bound quotes; returns the positions that were placed now."""
    waiting = batch.open()
    deadline = now + terms.queue_deadline
    requests = [
        _request(batch.submissions[i], batch.bound[i], batch.box, deadline) for i in waiting
    ]
    placed: list[int] = []
    conflicting: list[int] = []
    for index, answer in zip(waiting, await ledger.place(tx, requests, now=now), strict=True):
        submission, quote = batch.submissions[index], batch.bound[index]
        if answer.outcome is HoldOutcome.PLACED:
            placed.append(index)
            batch.answers[index] = _submitted(submission.request.id, quote.ceiling, quote.currency)
        elif answer.outcome is HoldOutcome.CONFLICT:
            conflicting.append(index)
        elif answer.outcome is HoldOutcome.REFUSED and last:
            batch.answers[index] = _short(quote, answer)
        elif answer.outcome is HoldOutcome.REFUSED:
            del batch.bound[index]
    # The same submission may have won elsewhere while this one was being quoted.
    await _answer_known(tx, batch)
    for index in conflicting:
        batch.answers.setdefault(index, _reused(batch.submissions[index]))
    return placed


def _request(
    submission: Submission, quote: Quote, box: SecretBox, expires_at: datetime
) -> HoldRequest:
    return HoldRequest(
        hold_id=submission.request.id,
        request_hash=submission.fingerprint(box),
        organisation_id=submission.organisation_id,
        unit=quote.currency,
        ceiling_micros=quote.ceiling,
        mode=Mode.RATIO,
        amounts=tuple(quote.amounts),
        legs=tuple(
            Leg(account, payer)
            for account, payer in zip(quote.leg_accounts, quote.leg_payers, strict=True)
        ),
        expires_at=expires_at,
        actor_id=submission.person_id,
    )


def _row(
    submission: Submission, quote: Quote, box: SecretBox, deadline: datetime, now: datetime
) -> dict[str, Any]:
    spec = quote.spec
    offers = stored_terms(quote.offers, quote.currency)
    return {
        "id": submission.request.id,
        "organisation_id": submission.organisation_id,
        "person_id": submission.person_id,
        "quote_id": quote.id,
        "request_hash": "\\x" + submission.fingerprint(box).hex(),
        "name": spec.name,
        "spec": spec.model_dump(mode="json"),
        "bundle": quote.bundle,
        "secrets": _sealed(submission, box),
        "unit": spec.resources.unit,
        "units": spec.resources.units,
        "cpus": spec.resources.cpus,
        "memory_bytes": spec.resources.memory_bytes,
        "tasks": spec.tasks,
        "time_seconds": spec.time_seconds,
        "grace_seconds": spec.grace_seconds,
        "retry": spec.retry,
        "attempts_max": spec.attempts_max,
        "terms": "\\x" + terms_digest(offers).hex(),
        "offers": offers,
        "waiting": f"{{[0,{spec.tasks})}}",
        "submitted_at": now,
        "queue_deadline": deadline,
    }


def _sealed(submission: Submission, box: SecretBox) -> str | None:
    """Return the secrets sealed for this job alone, as bytea text."""
    request = submission.request
    values = {**(request.spec.secrets if request.spec is not None else {}), **request.secrets}
    if not values:
        return None
    return "\\x" + box.seal(orjson.dumps(values), job_id=request.id).hex()


def _submitted(job_id: UUID, ceiling_micros: int, currency: str) -> Submitted:
    ceiling = Amount(amount=decimal_string(ceiling_micros), currency=currency)
    return Submitted(id=job_id, state="queued", ceiling=ceiling)


def _reused(submission: Submission) -> MainsError:
    return KeyReused(f"the id {submission.request.id} was used for another request")


def _short(quote: Quote, answer: HoldAnswer) -> MainsError:
    """Say which payer fell short of its promise since the quote was made."""
    positions = list(quote.leg_accounts)
    payer = 0
    if answer.short_account_id in positions:
        payer = quote.leg_payers[positions.index(answer.short_account_id)]
    label = quote.payers[payer]["label"]
    needed = Money(answer.short_needed_micros or 0, quote.currency)
    left = Money(answer.short_available_micros or 0, quote.currency)
    return InsufficientFunds(
        f"{label} has {left} left, the quote needs {needed} of it: it was spent meanwhile.",
        hint="Ask for a new quote.",
        payer=label,
        needed=needed.decimal,
        left=left.decimal,
        currency=quote.currency,
    )
