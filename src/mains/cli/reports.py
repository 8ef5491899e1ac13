"""`mains claims`: what reports say, how it relates, what waits for a review, and what stands."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from mains.cli.claims_shown import amount, claim_rows, exchange, status, value, with_scope
from mains.cli.output import Output, moment, size
from mains.cli.reading import is_reachable
from mains.cli.requests import STANDARD_INPUT, checked, read_text
from mains.cli.session import Session, command
from mains.cli.up import become
from mains.errors import RequestInvalid
from mains.ids import new_id

if TYPE_CHECKING:
    from mains.wire.reports import ClaimView, EdgeView, ExportFormat, MeasureView, StandingView

OFFLINE: Final = "mains.daemon.claims"
"""What answers from the last readings of this user where no mains runs."""

EXPORT_FORMATS: Final[dict[str, ExportFormat]] = {"csv": "csv", "jsonld": "jsonld", "sdmx": "sdmx"}

app = typer.Typer(help="Claims of reports, their edges and reviews.", no_args_is_help=True)

ClaimArgument = Annotated[
    str, typer.Argument(metavar="CLAIM", help="A claim's id, or its first 6 digits or more.")
]
LinesOption = Annotated[
    bool, typer.Option("--jsonl", help="One JSON object a line, in the exchange format.")
]
LimitOption = Annotated[int, typer.Option(min=1, max=1_000_000, help="How many at most.")]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Answer from what was last read without a mains.")
]


@app.command("list")
@command
def list_claims(
    session: Session,
    subject: Annotated[str | None, typer.Option(help="Such as city:beijing.")] = None,
    measure: Annotated[str | None, typer.Option(help="Such as registered_models.")] = None,
    status: Annotated[
        str | None, typer.Option(help="accepted, proposed, queued or rejected.")
    ] = None,
    document: Annotated[str | None, typer.Option(help="Only of this document.")] = None,
    neutral: Annotated[
        bool, typer.Option("--neutral", help="Also numbers that only qualify others.")
    ] = False,
    limit: LimitOption = 100,
    as_lines: LinesOption = False,
    offline: OfflineOption = False,
) -> None:
    """List claims as they stand, newest first."""
    _offline_instead(session, "list", [], as_lines=as_lines, offline=offline)
    pages = session.client.reports.claims(
        subject=subject,
        measure=measure,
        status=status,
        document=document,
        neutral=neutral,
        page=min(limit, 200),
    )
    found = list(islice(pages, limit))
    if as_lines:
        _write_lines(exchange(each) for each in found)
        return
    session.out.document(found)
    if not found:
        session.out.line("No claims. next: mains read FILE")
        return
    columns, rows = claim_rows(found)
    session.out.table(columns, rows, right=("value",))


@app.command("show")
@command
def show(session: Session, reference: ClaimArgument, offline: OfflineOption = False) -> None:
    """Show a claim with its sentence, and what this platform itself knows of its measure."""
    _offline_instead(session, "show", [reference], offline=offline)
    found = session.client.reports.claim(reference)
    session.out.document(found)
    _show_claim(session.out, found)
    if not session.out.as_json:
        _show_live(session, found)


@app.command("why")
@command
def why(session: Session, reference: ClaimArgument, offline: OfflineOption = False) -> None:
    """Say how a claim was bound, who reviewed it, and how it relates to others."""
    _offline_instead(session, "why", [reference], offline=offline)
    found = session.client.reports.why(reference)
    session.out.document(found)
    out = session.out
    _show_claim(out, found.claim)
    out.pairs([("document", f"{found.document.name} ({found.document.id})")])
    _section(out, "bound by", [f"{each.text} [{each.code}]" for each in found.reasons])
    if found.claim.as_read is not None:
        read = found.claim.as_read
        out.heading("as read")
        out.line(f"  {read.subject or '-'} {read.measure or '-'} {read.value} {read.unit}")
    _section(
        out,
        "reviews",
        [
            f"{moment(each.reviewed_at)} {each.decision} by {each.person} of {each.organisation}"
            + (f": {each.note}" if each.note else "")
            for each in found.reviews
        ],
    )
    related = {each.id: each for each in found.related}
    _section(out, "edges", [_edge_words(each, found.claim.id, related) for each in found.edges])


@app.command("edges")
@command
def edges(
    session: Session,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="CLAIM|FILE.jsonl",
            help="Of one claim, or between the claims that `mains read --jsonl` printed; - reads.",
        ),
    ] = None,
    relation: Annotated[str | None, typer.Option(help="Only this one, such as conflict.")] = None,
    limit: LimitOption = 100_000,
    as_lines: LinesOption = False,
    offline: OfflineOption = False,
) -> None:
    """List how claims relate: same, refines, update, conflict, ... each with its reason."""
    _offline_instead(
        session, "edges", [] if what is None else [what], as_lines=as_lines, offline=offline
    )
    found = _edges(session, what, relation=relation, limit=limit)
    if as_lines:
        _write_lines(each.model_dump(mode="json") for each in found)
        return
    session.out.document(found)
    if not found:
        session.out.line("No edges.")
        return
    rows = [(each.id, each.a, each.b, each.relation, each.reason) for each in found]
    session.out.table(("edge", "a", "b", "relation", "reason"), rows)


@app.command("view")
@command
def view(
    session: Session,
    subject: Annotated[str, typer.Argument(help="Such as city:beijing.")],
    measure: Annotated[str, typer.Argument(help="Such as registered_models.")],
    scope: Annotated[str | None, typer.Option(help="Only of this scope.")] = None,
) -> None:
    """Say what the documents say now of a measure, computed with its reasons."""
    found = session.client.reports.view(subject, measure, scope=scope)
    session.out.document(found)
    _show_view(session.out, found)


@app.command("queue")
@command
def queue(
    session: Session,
    document: Annotated[str | None, typer.Option(help="Only of this document.")] = None,
    limit: LimitOption = 50,
    as_lines: LinesOption = False,
) -> None:
    """List what waits for a review, the oldest first, with the reason why."""
    pages = session.client.reports.queue(document=document, page=min(limit, 200))
    found = list(islice(pages, limit))
    if as_lines:
        _write_lines(exchange(each) for each in found)
        return
    session.out.document(found)
    if not found:
        session.out.line("Nothing waits for a review.")
        return
    rows = [
        (
            each.id,
            each.quote,
            each.subject or "-",
            with_scope(each),
            f"{value(each)} {each.unit}",
            each.reasons[-1].text if each.reasons else "-",
            each.doc,
        )
        for each in found
    ]
    columns = ("claim", "quote", "subject", "measure", "value", "why it waits", "document")
    session.out.table(columns, rows)
    session.out.line("next: mains claims review CLAIM correct subject=... measure=...")


@app.command("review")
@command
def review(
    session: Session,
    reference: ClaimArgument,
    decision: Annotated[str, typer.Argument(help="accept, reject, correct or reopen.")],
    fields: Annotated[
        list[str] | None,
        typer.Argument(metavar="FIELD=VALUE...", help="What is corrected; `period=` empties it."),
    ] = None,
    note: Annotated[str, typer.Option(help="Why; it is signed and kept with the decision.")] = "",
    seen: Annotated[
        int | None,
        typer.Option(min=0, help="Decide only if there are still so many reviews."),
    ] = None,
    review_id: Annotated[
        UUID | None,
        typer.Option("--id", help="The request's own id: sent again, it has its effect once."),
    ] = None,
) -> None:
    """Accept, reject or correct a claim, or open it again; every decision is signed and kept."""
    from mains.wire.reports import ReviewRequest

    claim = session.client.reports.claim(reference)
    request = checked(
        ReviewRequest,
        id=review_id or new_id(),
        claim=claim.id,
        decision=decision,
        fields=_fields(fields) if fields else None,
        note=note,
        seen=seen,
    )
    made = session.client.reports.review(request)
    session.out.document(made)
    stands = made.stands
    session.out.line(
        f"{made.claim} is {made.status}: {stands.subject or '-'} {stands.measure or '-'} "
        f"{amount(stands.value, stands.unit)} {stands.unit} ({made.decision}, "
        f"review {made.sequence} by {made.person})"
    )


@app.command("export")
@command
def export(
    session: Session,
    as_format: Annotated[str, typer.Option("--format", help="csv, jsonld or sdmx.")] = "csv",
    subject: Annotated[str | None, typer.Option(help="Such as city:beijing.")] = None,
    measure: Annotated[str | None, typer.Option(help="Such as registered_models.")] = None,
    status: Annotated[str | None, typer.Option(help="accepted, proposed or queued.")] = None,
    document: Annotated[str | None, typer.Option(help="Only of this document.")] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="- is standard output.")
    ] = STANDARD_INPUT,
) -> None:
    """Export claims as CSV, JSON-LD (PROV, ClaimReview) or SDMX-CSV, 10,000 at most."""
    if as_format not in EXPORT_FORMATS:
        raise RequestInvalid(
            f"{as_format!r} is no format.", hint=f"There are {', '.join(EXPORT_FORMATS)}."
        )
    content = session.client.reports.export(
        EXPORT_FORMATS[as_format],
        subject=subject,
        measure=measure,
        status=status,
        document=document,
    )
    if output == STANDARD_INPUT:
        sys.stdout.write(content.decode())
        return
    try:
        Path(output).write_bytes(content)
    except OSError as error:
        raise RequestInvalid(f"{output} can't be written: {error.strerror}.") from error
    session.out.document({"path": output, "size_bytes": len(content)})
    session.out.line(f"{output}  {size(len(content))}")


@app.command("documents")
@command
def documents(session: Session, limit: LimitOption = 100) -> None:
    """List the library, newest first."""
    found = list(islice(session.client.reports.documents(), limit))
    session.out.document(found)
    if not found:
        session.out.line("No documents. next: mains read FILE")
        return
    rows = [
        (
            each.id,
            each.name,
            " ".join(each.languages) or "-",
            each.published or "-",
            str(each.claims),
            str(each.queued),
            "public" if each.public else "not public",
            each.copy_of or "-",
            moment(each.filed_at),
        )
        for each in found
    ]
    columns = ("document", "name", "languages", "published", "claims", "queued", "shown")
    session.out.table((*columns, "copy of", "filed"), rows, right=("claims", "queued"))


@app.command("publish")
@command
def publish(
    session: Session,
    document: Annotated[str, typer.Argument(help="A document's id, or its first 6 digits.")],
) -> None:
    """Show a document's accepted claims, each with its sentence, to everybody."""
    found = session.client.reports.publish(document)
    session.out.document(found)
    session.out.line(f"{found.name} ({found.id}) is public: its claims, never its whole text.")


def _offline_instead(
    session: Session,
    noun: str,
    arguments: Sequence[str],
    *,
    as_lines: bool = False,
    offline: bool = False,
) -> None:
    """Answer from the last readings where that was asked for, or where no mains runs."""
    if not offline and is_reachable(session):
        return
    options = ["--jsonl"] if as_lines else ["--json"] if session.out.as_json else []
    become(OFFLINE, [noun, *options, "--", *arguments])


def _edges(
    session: Session, what: str | None, *, relation: str | None, limit: int
) -> list[EdgeView]:
    if what is None:
        return list(islice(session.client.reports.edges(relation=relation), limit))
    if what == STANDARD_INPUT or what.endswith(".jsonl") or Path(what).is_file():
        ids = _ids_in(read_text(what, what="file of claims"))
        found = session.client.reports.edges_between(ids) if ids else []
    else:
        found = session.client.reports.why(what).edges
    return [each for each in found if relation in (None, each.relation)][:limit]


def _ids_in(text: str) -> list[str]:
    """Return the ids of the claims that `mains read --jsonl` printed."""
    found: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(str(json.loads(line)["id"]))
        except (ValueError, KeyError, TypeError) as error:
            raise RequestInvalid(
                f"Line {number} is not a claim.", hint="`mains read --jsonl` writes such lines."
            ) from error
    return found


def _fields(given: Sequence[str]) -> dict[str, str | None]:
    fields: dict[str, str | None] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals:
            raise RequestInvalid(
                f"{each!r} is not FIELD=VALUE.", hint="Such as measure=registered_models."
            )
        fields[name.strip()] = text or None
    return fields


def _show_claim(out: Output, claim: ClaimView) -> None:
    out.pairs(
        [
            ("claim", claim.id),
            ("subject", claim.subject or "-"),
            ("measure", with_scope(claim)),
            ("value", f"{value(claim)} {claim.unit}"),
            ("period", claim.period or "-"),
            ("modality", claim.modality),
            ("speaker", claim.speaker or "-"),
            ("status", status(claim)),
            ("document", f"{claim.doc} ({claim.document_id}), {claim.start}-{claim.end}"),
            ("quote", claim.quote),
            ("sentence", " ".join(claim.sentence.split())),
        ]
    )


def _show_live(session: Session, claim: ClaimView) -> None:
    """Set the platform's own figures beside a claim, or say that it can only be cited."""
    if claim.measure is None:
        return
    [live] = session.client.drafts.live([claim.measure])
    if not live.figures:
        session.out.pairs([("live", live.note)])
        return
    session.out.pairs(
        [
            ("live", f"{each.value} {each.unit}: {each.scope}, at {moment(live.at)}")
            for each in live.figures
        ]
    )


def _section(out: Output, title: str, lines: Sequence[str]) -> None:
    if lines:
        out.heading(title)
    for line in lines:
        out.line(f"  {line}")


def _edge_words(edge: EdgeView, claim_id: str, related: dict[str, ClaimView]) -> str:
    other = related.get(edge.b if edge.a == claim_id else edge.a)
    said = f"{value(other)} {other.unit} in {other.doc} ({other.id})" if other else "another"
    return f"{edge.relation}: {said}: {edge.reason}"


def _show_view(out: Output, found: MeasureView) -> None:
    claims = {each.id: each for each in found.claims}
    out.heading(f"{found.subject} {found.measure}: {found.state}")
    _section(out, "stands now", [_standing_words(each, claims) for each in found.current])
    _section(out, "beside it", [_standing_words(each, claims) for each in found.apart])
    _section(
        out,
        "no longer",
        [f"{_said(each.claim, claims)}: {each.reason}" for each in found.superseded],
    )
    _section(
        out,
        "in conflict",
        [f"{_said(e.a, claims)} and {_said(e.b, claims)}: {e.reason}" for e in found.conflicts],
    )
    _section(out, "because", [each.text for each in found.reasons])
    if found.waiting:
        out.line(f"{len(found.waiting)} wait for a review. next: mains claims queue")


def _standing_words(each: StandingView, claims: dict[str, ClaimView]) -> str:
    count = f"{each.supports} document{'s' if each.supports != 1 else ''}"
    return f"{_said(each.claim, claims)}, {each.modality}, {each.period or 'no period'}: {count}"


def _said(claim_id: str, claims: dict[str, ClaimView]) -> str:
    claim = claims.get(claim_id)
    return claim_id if claim is None else f"{value(claim)} {claim.unit} ({claim.id})"


def _write_lines(lines: Iterable[dict[str, Any]]) -> None:
    for line in lines:
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
