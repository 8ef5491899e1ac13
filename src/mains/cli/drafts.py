"""`mains drafts`: what claims would become, filled and completed by people."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from mains.cli.output import Output, moment
from mains.cli.requests import checked, read_yaml
from mains.cli.session import Session, command
from mains.errors import RequestInvalid
from mains.ids import new_id, short

if TYPE_CHECKING:
    from mains.wire.drafts import DraftDetail, DraftView, FieldView

app = typer.Typer(
    help="Drafts: programmes, filings, needs and funding records that claims would become.",
    no_args_is_help=True,
)

UNKNOWN: Final = "?"
DraftArgument = Annotated[str, typer.Argument(help="A draft's id, or its last 12 digits.")]
NoteOption = Annotated[str, typer.Option(help="Why, for whoever reads it later.")]
IdOption = Annotated[
    UUID | None,
    typer.Option("--id", help="The request's own id: sent again, it has its effect once."),
]
SeenOption = Annotated[
    int | None,
    typer.Option(min=1, help="The revision that you saw: where something came between, nothing."),
]


@app.command("list")
@command
def list_drafts(
    session: Session,
    kind: Annotated[
        str | None, typer.Option(help="programme, filing, need or funding alone.")
    ] = None,
    state: Annotated[str | None, typer.Option(help="open, completed or withdrawn alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 100,
) -> None:
    """List drafts, newest first, with what is unknown of each."""
    found = list(islice(session.client.drafts.list(kind=kind, state=state), limit))
    session.out.document(found)
    if not found:
        session.out.line("No drafts. next: mains read FILE")
        return
    rows = [
        (
            short(each.id),
            each.kind,
            each.subject,
            each.state,
            _gist(each),
            each.outcome or ", ".join(each.unknown) or "-",
            moment(each.opened_at),
        )
        for each in found
    ]
    columns = ("draft", "kind", "about", "state", "known", "unknown or outcome", "opened")
    session.out.table(columns, rows)


@app.command("show")
@command
def show(session: Session, draft: DraftArgument) -> None:
    """Show a draft: every field with its value and source, or what would fill it."""
    found = session.client.drafts.draft(draft)
    session.out.document(found)
    _show(session.out, found)


@app.command("fill")
@command
def fill(
    session: Session,
    draft: DraftArgument,
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=VALUE",
            help="Several values are parted by commas; NAME=claim:ID takes a claim's own value, "
            "NAME= takes a fill back.",
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--from", help="A YAML file of names and values; - is stdin.")
    ] = None,
    note: NoteOption = "",
    seen: SeenOption = None,
    fill_id: IdOption = None,
) -> None:
    """Fill fields that reports leave unknown, as an officer or an auditor."""
    from mains.wire.drafts import FillRequest

    given = _from_file(file) if file is not None else {}
    given |= dict(_assignment(each) for each in fields or [])
    if not given:
        raise RequestInvalid(
            "Nothing to fill.", hint="Write NAME=VALUE; `mains drafts show DRAFT` says what."
        )
    request = checked(FillRequest, fields=given, note=note, seen=seen)
    filled = session.client.drafts.fill(draft, request, idempotency_key=fill_id or new_id())
    session.out.document(filled)
    _show(session.out, filled)


@app.command("complete")
@command
def complete(
    session: Session,
    draft: DraftArgument,
    note: NoteOption = "",
    seen: SeenOption = None,
    completion_id: IdOption = None,
) -> None:
    """Complete a draft by a signed review; a programme is published and can grant vouchers."""
    from mains.wire.drafts import CloseRequest

    request = checked(CloseRequest, note=note, seen=seen)
    done = session.client.drafts.complete(draft, request, idempotency_key=completion_id or new_id())
    session.out.document(done)
    if done.outcome is None:
        session.out.line(f"The {done.kind} draft of {done.subject} is completed and kept.")
        return
    name, _, version = done.outcome.partition("@")
    session.out.line(f"The programme {name} v{version} is published.")
    session.out.line(f"next: mains voucher grant {name} ORGANISATION AMOUNT")


@app.command("withdraw")
@command
def withdraw(
    session: Session,
    draft: DraftArgument,
    note: NoteOption = "",
    seen: SeenOption = None,
    withdrawal_id: IdOption = None,
) -> None:
    """Withdraw an open draft; later reports of it don't open it again."""
    from mains.wire.drafts import CloseRequest

    request = checked(CloseRequest, note=note, seen=seen)
    done = session.client.drafts.withdraw(draft, request, idempotency_key=withdrawal_id or new_id())
    session.out.document(done)
    session.out.line(f"The {done.kind} draft of {done.subject} is withdrawn.")


@app.command("open")
@command
def open_draft(
    session: Session,
    claim: Annotated[str, typer.Argument(help="An accepted claim's id, or its first digits.")],
) -> None:
    """Open the draft that an accepted claim belongs to."""
    opened = session.client.drafts.open(claim)
    session.out.document(opened)
    _show(session.out, opened)


def _show(out: Output, draft: DraftDetail) -> None:
    out.heading(f"{draft.kind} draft {draft.id}: {draft.subject}")
    out.pairs(
        [
            ("state", f"{draft.state}, revision {draft.revision}"),
            ("opened", f"{moment(draft.opened_at)} by {draft.opened_by} of {draft.organisation}"),
            *([("follows", str(draft.follows))] if draft.follows else []),
            *([("outcome", draft.outcome)] if draft.outcome else []),
            *([("rejected", ", ".join(draft.rejected))] if draft.rejected else []),
        ]
    )
    out.line()
    out.table(("field", "value", "from"), [_row(each) for each in draft.fields])
    proposals = [
        (field.name, each.value, each.unit or "-", f"claim:{each.source}", each.doc)
        for field in draft.fields
        for each in field.statements
        if each.later
    ]
    if proposals:
        out.line()
        out.heading("Later reports say:")
        out.table(("field", "value", "unit", "take it with", "report"), proposals)
    if draft.state == "open":
        out.line()
        _say_what_is_next(out, draft)


def _row(field: FieldView) -> tuple[str, str, str]:
    """Return a field's line: its value and where it comes from, or what would fill it."""
    note = f" ({field.note})" if field.note else ""
    if field.values:
        origin = "a review" if field.origin == "reviewed" else _sources(field)
        return field.name, ", ".join(field.values), f"{origin}{note}"
    if field.needed:
        return field.name, UNKNOWN, f"unknown{note}; {field.meaning}: {field.fill}"
    return field.name, "-", f"nothing is said of it{note}"


def _sources(field: FieldView) -> str:
    said = [each for each in field.statements if not each.later]
    if not said:
        return "its reports"
    return "; ".join(dict.fromkeys(f"{each.doc} {each.source}" for each in said))


def _say_what_is_next(out: Output, draft: DraftDetail) -> None:
    if not draft.unknown:
        out.line(f"Nothing is unknown. next: mains drafts complete {short(draft.id)}")
        return
    names = " ".join(f"{name}=..." for name in draft.unknown)
    out.line(f"{len(draft.unknown)} fields are unknown.")
    out.line(f"next: mains drafts fill {short(draft.id)} {names}")


def _gist(draft: DraftView) -> str:
    """Return what makes a draft worth a look: its first amounts and counts."""
    wanted = ("limit", "pot", "amounts", "lists", "applications", "release")
    known = {each.name: each.values for each in draft.fields if each.values}
    found = [f"{name} {', '.join(known[name])}" for name in wanted if name in known]
    return "; ".join(found[:2]) or "-"


def _assignment(text: str) -> tuple[str, list[str]]:
    name, equals, value = text.partition("=")
    if not equals:
        raise RequestInvalid(f"{text!r} is no NAME=VALUE.", hint="Write rate=50, say.")
    return name.strip(), _values(value)


def _values(value: str) -> list[str]:
    """Part values at commas, but leave thousands (1,000,000) and texts with spaces whole."""
    if " " in value.strip() or value.replace(",", "").replace(".", "").isdecimal():
        return [value.strip()]
    return [each.strip() for each in value.split(",") if each.strip()]


def _from_file(path: str) -> dict[str, list[str]]:
    content = read_yaml(path, what="file of fields")
    if not isinstance(content, dict):
        raise RequestInvalid(f"{path} is no list of names and values.", hint="Write `rate: 50 %`.")
    return {str(name): _listed(value) for name, value in content.items()}


def _listed(value: object) -> list[str]:
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
