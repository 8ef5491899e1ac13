"""`mains run` and `mains submit`: the price first, then the promise, the log and the receipt."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from mains.cli.jobs import detach, write_log
from mains.cli.quotes import EnvOption, JobFileArgument, SecretOption, quote_file, show_quote
from mains.cli.receipts import read_receipt, show_receipt
from mains.cli.session import Session, command
from mains.errors import NoOffer, RequestInvalid, StateConflict, Unavailable
from mains.ids import new_id, short

if TYPE_CHECKING:
    from mains.wire.jobs import JobDetail, QuoteView, Submitted

POLL_SECONDS_FIRST: Final = 0.1
POLL_SECONDS_MAX: Final = 2.0
SETTLE_POLLS_MAX: Final = 120

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Submit without asking.")]
IdOption = Annotated[
    UUID | None,
    typer.Option("--id", help="The submission's own id: sent again, it starts nothing twice."),
]


@command
def run(
    session: Session,
    job_file: JobFileArgument,
    env: EnvOption = None,
    secret: SecretOption = None,
    yes: YesOption = False,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Follow the log until the job ends.")
    ] = True,
    submission_id: IdOption = None,
) -> None:
    """Quote a job, submit it, follow its log and show its receipt."""
    out = session.out
    if not yes:
        _require_somebody_to_ask(job_file, as_json=out.as_json)
    job, quoted = quote_file(session, job_file, env or (), secret or ())
    show_quote(out, quoted, name=job.spec.name)
    if not quoted.offers:
        raise _nowhere(quoted)
    out.line()
    if not yes and not typer.confirm("Submit this job?", default=True):
        raise typer.Exit(0)
    submitted = submit_quote(session, quoted.id, job.spec.secrets, submission_id or new_id())
    out.line(f"Submitted as {short(submitted.id)}; {out.amount(quoted.ceiling)} are held.")
    if not follow:
        out.document({"quote": quoted, "submitted": submitted})
        out.line(f"next: mains logs -f {short(submitted.id)}")
        return
    _follow_to_receipt(session, quoted, submitted)


@command
def submit(
    session: Session,
    what: Annotated[
        str, typer.Argument(metavar="QUOTE|JOB.YAML", help="A quote's id, or a job file.")
    ],
    env: EnvOption = None,
    secret: SecretOption = None,
    submission_id: IdOption = None,
) -> None:
    """Submit a quote at its price, or a job file at its price of now; nothing is asked."""
    submission = submission_id or new_id()
    quote_id = _quote_id(what)
    if quote_id is None:
        job, quoted = quote_file(session, what, env or (), secret or ())
        if not quoted.offers:
            raise _nowhere(quoted)
        submitted = submit_quote(session, quoted.id, job.spec.secrets, submission)
    else:
        from mains.cli.jobfile import assignments

        if env:
            raise RequestInvalid("A quote's `envs` are fixed.", hint="Quote the job file again.")
        secrets = assignments(secret or (), option="--secret")
        submitted = submit_quote(session, quote_id, secrets, submission)
    session.out.document(submitted)
    session.out.line(f"Submitted as {short(submitted.id)}; it is {submitted.state}.")
    session.out.line(f"next: mains logs -f {short(submitted.id)}")


def submit_quote(
    session: Session, quote_id: UUID, secrets: dict[str, str], submission_id: UUID
) -> Submitted:
    """Submit a quote under an id made here, so that a lost answer can be asked for again."""
    from mains.wire.jobs import SubmitRequest

    request = SubmitRequest(id=submission_id, quote_id=quote_id, secrets=secrets)
    try:
        return session.client.submit(request)
    except Unavailable as error:
        error.hint = (
            "Whether it was submitted is unknown; this is safe to repeat: "
            f"`mains submit {quote_id} --id {submission_id}`."
        )
        raise


def _follow_to_receipt(session: Session, quoted: QuoteView, submitted: Submitted) -> None:
    """Follow a job to its end; ends the command with 1 where the job did not succeed."""
    out, reference = session.out, short(submitted.id)
    try:
        with out.status(f"{reference} waits for a place"):
            chunks = session.client.follow_log(str(submitted.id), task=0)
            first = next(chunks, b"")
        write_log(first, aside=out.as_json)
        for chunk in chunks:
            write_log(chunk, aside=out.as_json)
        job = wait_until_settled(session, submitted.id)
    except KeyboardInterrupt:
        detach(out, reference)
    envelope = session.client.receipt(str(submitted.id))
    receipt = read_receipt(envelope)
    out.document(
        {"quote": quoted, "submitted": submitted, "job": job, "receipt": as_document(envelope)}
    )
    out.line()
    show_receipt(out, receipt)
    out.line()
    out.line(f"next: mains receipt verify {reference}")
    if job.state != "succeeded":
        out.note(f"The job ended as {job.state}. {job.reason}".rstrip())
        raise typer.Exit(1)


def wait_until_settled(session: Session, job_id: UUID) -> JobDetail:
    """Poll a job until its hold is closed.

    Raises StateConflict when it has ended and does not settle within a bound.
    """
    from mains.wire.client import FINAL_STATES

    pause, polls_after_end = POLL_SECONDS_FIRST, 0
    with session.out.status("finishing") as status:
        while True:
            job = session.client.job(str(job_id))
            if job.settled:
                return job
            status(f"{job.state}, {job.tasks_done} of {job.tasks} tasks done")
            polls_after_end += job.state in FINAL_STATES
            if polls_after_end > SETTLE_POLLS_MAX:
                raise StateConflict(
                    f"The job ended as {job.state} and is not settled yet.",
                    hint=f"`mains receipt {short(job_id)}` shows the receipt once it is.",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, POLL_SECONDS_MAX)


def as_document(envelope: bytes) -> object:
    import json

    return json.loads(envelope)


def _require_somebody_to_ask(job_file: str, *, as_json: bool) -> None:
    if as_json or job_file == "-" or not sys.stdin.isatty():
        raise RequestInvalid(
            "Nobody is here to be asked whether to submit.",
            hint="Add --yes to submit at the quoted price, or use `mains quote` first.",
        )


def _nowhere(quoted: QuoteView) -> NoOffer:
    reasons = {refusal.what: refusal.because for refusal in quoted.refusals}
    return NoOffer(
        "No pool takes this job.",
        hint="Change `resources`, `sites` or `budget` in the job file, and quote again.",
        refusals=reasons,
    )


def _quote_id(what: str) -> UUID | None:
    """A file goes before an id, so that a file may be called anything."""
    if Path(what).is_file():
        return None
    try:
        return UUID(what)
    except ValueError:
        return None
