"""`mains receipt`: what ran where, metered, priced and paid by whom; checked without a server."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from mains.cli.jobs import JobArgument, complete_job, used
from mains.cli.output import Output, moment
from mains.cli.session import Session, command
from mains.errors import NotFound, RequestInvalid, SignatureInvalid
from mains.units import Money, decimal_string

if TYPE_CHECKING:
    from mains.wire.jobs import Receipt, ReceiptPayer

ARTEFACTS_SHOWN_MAX: Final = 20
_KEY = re.compile(r"[0-9a-f]{64}")


class ShowByDefault(TyperGroup):
    """A group whose `show` may be left out: `mains receipt last`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 (no public type)
        words = [word for word in args if not word.startswith("-")]
        if words and words[0] not in self.commands:
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=ShowByDefault, help="Show and verify receipts.", no_args_is_help=True)


@app.command("show")
@command
def show(session: Session, reference: JobArgument) -> None:
    """Show a settled job's receipt."""
    envelope = session.client.receipt(reference)
    session.out.document(json.loads(envelope))
    if not session.out.as_json:
        show_receipt(session.out, read_receipt(envelope))


@app.command("verify")
@command
def verify(
    session: Session,
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|JOB",
            help="A receipt's file (- is standard input), or a job.",
            autocompletion=complete_job,
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option(
            help="The server's public key in hex, or a file with it or of `mains receipt keys`."
        ),
    ] = None,
) -> None:
    """Check a receipt's signature and sums; a file is checked without any connection."""
    envelope = _envelope(session, what)
    public_key = _public_key(session, key, signed_by=signers_of(envelope))
    receipt = verify_receipt(envelope, public_key=public_key)
    session.out.document({"valid": True, "key": public_key, "receipt": receipt})
    session.out.line(f"The receipt is genuine: signed with {public_key}, and its sums agree.")
    charged = session.out.money(receipt.charged, receipt.currency)
    session.out.line(f"{receipt.name} ({receipt.job_id}): {receipt.state}, charged {charged}.")


@app.command("keys")
@command
def keys(session: Session) -> None:
    """List the keys that sign or signed the server's receipts; `--json` is kept with an archive."""
    published = session.client.server_keys()
    session.out.document(published)
    rows = [
        (
            str(key.version),
            "in use" if key.in_use else "",
            "-" if key.made_at is None else moment(key.made_at),
            key.public_key,
        )
        for key in published.keys
    ]
    session.out.table(("version", "state", "made", "key"), rows)


def verify_receipt(envelope: bytes, *, public_key: str) -> Receipt:
    """Return a receipt whose signature holds and whose sums agree; raises SignatureInvalid."""
    from mains.wire import dsse
    from mains.wire.jobs import RECEIPT_TYPE

    payload = dsse.verify(envelope, public_key_hex=public_key, payload_type=RECEIPT_TYPE)
    receipt = _parsed(payload)
    faults = sums_that_differ(receipt)
    if faults:
        raise SignatureInvalid(
            "The receipt is signed, and yet its sums don't agree.",
            hint="Show it to whoever runs the server.",
            sums=faults,
        )
    return receipt


def signers_of(envelope: bytes) -> list[str]:
    """Return which keys a receipt says that it was signed with."""
    from mains.wire import dsse
    from mains.wire.jobs import RECEIPT_TYPE

    return dsse.key_ids(envelope, payload_type=RECEIPT_TYPE)


def read_receipt(envelope: bytes) -> Receipt:
    """Return the receipt of an envelope before any check of its signature."""
    from mains.wire import dsse
    from mains.wire.jobs import RECEIPT_TYPE

    return _parsed(dsse.unverified_payload(envelope, payload_type=RECEIPT_TYPE))


def sums_that_differ(receipt: Receipt) -> list[str]:
    """Name each sum of a receipt that does not come out; amounts are exact."""

    def micros(text: str) -> int:
        return Money.parse(text, receipt.currency).micros

    charged = micros(receipt.charged)
    sums = {
        "the payers' shares": sum(micros(payer.paid) for payer in receipt.payers),
        "paid_by": sum(micros(paid) for paid in receipt.paid_by.values()),
        "the attempts' charges": sum(micros(attempt.charged) for attempt in receipt.attempts),
    }
    faults = [
        f"{what} are {decimal_string(total)}, not {receipt.charged}"
        for what, total in sums.items()
        if total != charged
    ]
    faults += [
        f"{payer.label} paid {payer.paid} of {payer.held} held"
        for payer in receipt.payers
        if micros(payer.paid) > micros(payer.held)
    ]
    if charged > micros(receipt.ceiling):
        faults.append(f"charged {receipt.charged} is above the ceiling {receipt.ceiling}")
    return faults


def show_receipt(out: Output, receipt: Receipt) -> None:
    """Show a receipt to read: the sums, who paid by which rule, where it ran, what it left."""

    def money(decimal: str) -> str:
        return out.money(decimal, receipt.currency)

    out.heading(f"Receipt of {receipt.name} ({receipt.job_id})")
    out.pairs(
        [
            ("state", receipt.state),
            ("tasks", f"{receipt.tasks_succeeded} of {receipt.tasks} succeeded"),
            ("organisation", receipt.organisation),
            ("held", money(receipt.held)),
            ("metered", money(receipt.metered)),
            ("charged", money(receipt.charged)),
            *([("absorbed", money(receipt.absorbed))] if receipt.absorbed != "0.00" else []),
            ("settled", moment(receipt.settled_at)),
        ]
    )
    out.line()
    out.heading("Paid by")
    rows = [
        (
            payer.label,
            money(payer.paid),
            money(payer.released),
            _rule_of(payer),
        )
        for payer in receipt.payers
    ]
    out.table(("payer", "paid", "released", "rule"), rows, right=("paid", "released"))
    _show_attempts(out, receipt)
    if receipt.artefacts:
        out.line()
        out.heading(f"Artefacts ({len(receipt.artefacts)})")
        shown = receipt.artefacts[:ARTEFACTS_SHOWN_MAX]
        out.table(
            ("task", "path", "hash"), [(str(each.task), each.path, each.sha256) for each in shown]
        )


def _show_attempts(out: Output, receipt: Receipt) -> None:
    rows = [
        (
            f"{attempt.site}/{attempt.pool}",
            attempt.state,
            f"{used(attempt.unit_milliseconds)} {attempt.unit}",
            out.money(attempt.price_per_unit_hour, receipt.currency),
            out.money(attempt.metered, receipt.currency),
            out.money(attempt.charged, receipt.currency),
        )
        for attempt in receipt.attempts
    ]
    if rows:
        out.line()
        out.heading("Where it ran")
        columns = ("pool", "state", "used", "unit-hour", "metered", "charged")
        out.table(columns, rows, right=("used", "unit-hour", "metered", "charged"))


def _rule_of(payer: ReceiptPayer) -> str:
    version = f"v{payer.version}" if payer.version else ""
    return " ".join(part for part in (payer.programme, version, payer.rule) if part) or "-"


def _parsed(payload: bytes) -> Receipt:
    from pydantic import ValidationError

    from mains.wire.jobs import Receipt

    try:
        return Receipt.model_validate_json(payload)
    except ValidationError as error:
        raise SignatureInvalid(
            "The envelope holds no receipt that this version of mains knows."
        ) from error


def _envelope(session: Session, what: str) -> bytes:
    """Return a receipt from standard input, a file, or else the server."""
    if what == "-":
        return sys.stdin.buffer.read()
    path = Path(what)
    if path.is_file():
        return path.read_bytes()
    if "/" in what or path.suffix:
        raise NotFound(f"There is no file {what}.")
    return session.client.receipt(what)


def _public_key(session: Session, given: str | None, *, signed_by: Sequence[str]) -> str:
    """Return the key to check with: one that is trusted here, the receipt's own if it is.

    Where the receipt names another one, the server is asked whether a key that is trusted here
    vouches for it.
    """
    if given is not None:
        return _chosen(_keys_given(given), signed_by)
    context = session.context
    if context.server_key is None:
        session.out.note(f"No server key is stored; {context.url} is asked for its own.")
        keys = [key.public_key for key in session.client.server_keys().keys]
        return _chosen(keys, signed_by)
    pinned = [context.server_key, *context.server_keys]
    if set(pinned).isdisjoint(signed_by):
        from mains.wire.succession import trusted

        session.out.note(f"The receipt names a newer key; {context.url} is asked who follows whom.")
        pinned += sorted(trusted(pinned, session.client.server_keys()))
    return _chosen(pinned, signed_by)


def _keys_given(given: str) -> list[str]:
    """Return the keys of the option: one in hex, a file with one, or a file of published keys."""
    from pydantic import ValidationError

    from mains.wire.succession import PublishedKeys

    path = Path(given)
    text = path.read_text(encoding="utf-8").strip() if path.is_file() else given
    if _KEY.fullmatch(text.lower()):
        return [text.lower()]
    try:
        return [key.public_key for key in PublishedKeys.model_validate_json(text).keys]
    except ValidationError:
        raise RequestInvalid(
            "--key is no Ed25519 public key of 64 hexadecimal digits, nor a file with one, "
            "nor one of `mains receipt keys --json`."
        ) from None


def _chosen(trusted: Sequence[str], signed_by: Sequence[str]) -> str:
    """Return a trusted key that the receipt names; else any, whose check will say what is wrong."""
    return next((key for key in trusted if key in signed_by), trusted[0])
