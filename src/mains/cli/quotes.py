"""`mains quote`: what a job would cost, who would pay it by which rule, and where it could run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mains.cli.output import Output, moment, starting
from mains.cli.session import Session, command
from mains.errors import Missing

if TYPE_CHECKING:
    from mains.cli.jobfile import JobFile
    from mains.wire.client import Client
    from mains.wire.jobs import PayerView, QuoteView

JobFileArgument = Annotated[
    str, typer.Argument(metavar="JOB.YAML", help="The job file; - reads standard input.")
]
EnvOption = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="Set a variable of the job file's `envs`."),
]
SecretOption = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        metavar="NAME[=VALUE]",
        help="Set one of `secrets`; NAME alone takes its value from the environment.",
    ),
]


@command
def quote(
    session: Session,
    job_file: JobFileArgument,
    env: EnvOption = None,
    secret: SecretOption = None,
) -> None:
    """Price a job before it runs; a quote binds until it ends and costs nothing."""
    job, quoted = quote_file(session, job_file, env or (), secret or ())
    session.out.document(quoted)
    show_quote(session.out, quoted, name=job.spec.name)
    if quoted.offers:
        session.out.line()
        session.out.line(f"next: mains submit {quoted.id}")


def quote_file(
    session: Session, path: str, envs: Sequence[str], secrets: Sequence[str]
) -> tuple[JobFile, QuoteView]:
    """Read a job file, bring its code to the server, and return it with its quote."""
    from mains.cli import jobfile

    job = jobfile.read(path, envs=envs, secrets=secrets)
    return job, request_quote(session.client, job)


def request_quote(client: Client, job: JobFile) -> QuoteView:
    """Ask for a price by the code's hash; the code travels only where the server lacks it."""
    if job.workdir is None:
        return client.request_quote(job.spec, bundle=None)
    from mains.blobs import bundle
    from mains.settings import Settings

    bytes_max = Settings.from_environment().bundle_bytes_max
    with bundle.pack(job.workdir, bytes_max=bytes_max) as packed:
        try:
            return client.request_quote(job.spec, bundle=packed.sha256)
        except Missing:
            with packed.path.open("rb") as file:
                client.upload_bundle(file, sha256=packed.sha256)
        return client.request_quote(job.spec, bundle=packed.sha256)


def show_quote(out: Output, quoted: QuoteView, *, name: str) -> None:
    """Show a quote to read: the ceiling first, then who pays, then where, then what was refused."""
    tasks = "1 task" if quoted.tasks == 1 else f"{quoted.tasks} tasks"
    out.heading(f"Quote {quoted.id} for {name}, {tasks}")
    out.pairs(
        [
            ("costs at most", out.amount(quoted.ceiling)),
            ("you pay at most", out.amount(quoted.own_most)),
            ("may start", starting(quoted.start_in_seconds)),
            ("holds until", moment(quoted.valid_until)),
        ]
    )
    if quoted.payers:
        out.line()
        out.heading("Who pays")
        rows = [
            (
                payer.label,
                out.amount(payer.most),
                out.amount(payer.left),
                rule_of(payer),
                payer.because,
            )
            for payer in quoted.payers
        ]
        columns = ("payer", "at most", "left then", "rule", "because")
        out.table(columns, rows, right=("at most", "left then"))
    if quoted.offers:
        out.line()
        out.heading("Where it can run, best first")
        _show_offers(out, quoted)
    if quoted.refusals:
        out.line()
        out.heading("What was refused")
        out.table(
            ("what", "code", "because"),
            [(refusal.what, refusal.code, refusal.because) for refusal in quoted.refusals],
        )


def rule_of(payer: PayerView) -> str:
    """Return the rule as programme, version and clause: `dongguan v1 rate 50 %`."""
    if payer.programme is None:
        return "-"
    parts = [payer.programme, f"v{payer.version}" if payer.version else "", payer.rule or ""]
    rate = f"{payer.rate_percent} %" if payer.rate_percent is not None else ""
    return " ".join(part for part in (*parts, rate) if part)


def _show_offers(out: Output, quoted: QuoteView) -> None:
    rows = [
        (
            str(rank),
            f"{offer.site}/{offer.pool}",
            f"{offer.units} {offer.unit}",
            out.amount(offer.price_per_unit_hour),
            out.amount(offer.cost_most),
            out.amount(offer.own_most),
            starting(offer.start_in_seconds),
            offer.because,
        )
        for rank, offer in enumerate(quoted.offers, start=1)
    ]
    numeric = ("#", "unit-hour", "at most", "you at most")
    columns = ("#", "pool", "units", "unit-hour", "at most", "you at most", "start", "because")
    out.table(columns, rows, right=numeric)
