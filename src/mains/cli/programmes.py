"""`mains programme` and `mains voucher`: the rules that public money follows, and its grants."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from mains.cli.output import Output, moment
from mains.cli.requests import checked, decimal_of, read_text
from mains.cli.session import Session, command
from mains.errors import NotFound, RequestInvalid
from mains.ids import new_id, short

if TYPE_CHECKING:
    from mains.wire.client import Client
    from mains.wire.programmes import ProgrammeView, VoucherView

programmes = typer.Typer(help="Programmes: their rules and pots.", no_args_is_help=True)
vouchers = typer.Typer(help="Vouchers: grants under a programme.", no_args_is_help=True)

IdOption = Annotated[
    UUID | None,
    typer.Option("--id", help="The request's own id: sent again, it has its effect once."),
]
LimitOption = Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")]


@programmes.command("publish")
@command
def publish(
    session: Session,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="The document (YAML); - is standard input.")
    ] = None,
    pack: Annotated[str | None, typer.Option(help="A ready-made document instead.")] = None,
    publication_id: IdOption = None,
) -> None:
    """Publish a document as the next version of the programme that it names."""
    if (file is None) == (pack is None):
        raise RequestInvalid(
            "Publish either a FILE or a --pack.", hint="`mains programme packs` lists the packs."
        )
    text = None if file is None else read_text(file, what="document")
    published = session.client.publish_programme(
        text, pack=pack, idempotency_key=publication_id or new_id()
    )
    session.out.document(published)
    _show_programme(session.out, published)
    session.out.line()
    session.out.line(f"next: mains voucher grant {published.name} ORGANISATION AMOUNT")


@programmes.command("list")
@command
def list_programmes(session: Session) -> None:
    """List all programmes, each in its newest version, and what is left in its pot."""
    found = list(session.client.programmes())
    session.out.document(found)
    if not found:
        session.out.line("No programmes yet. next: mains programme publish FILE")
        return
    rows = [
        (
            each.name,
            f"v{each.version}",
            each.title,
            session.out.amount(each.pot),
            session.out.amount(each.available),
            moment(each.valid_until),
        )
        for each in found
    ]
    columns = ("programme", "version", "title", "pot", "available", "until")
    session.out.table(columns, rows, right=("pot", "available"))


@programmes.command("show")
@command
def show_programme(
    session: Session,
    name: str,
    version: Annotated[int | None, typer.Option(min=1, help="An older one.")] = None,
) -> None:
    """Show a programme and its rules as published."""
    found = session.client.programme(name, version=version)
    session.out.document(found)
    _show_programme(session.out, found)
    if not session.out.as_json:
        import yaml

        session.out.line()
        text = yaml.safe_dump(found.document, sort_keys=False, allow_unicode=True)
        session.out.line(text.rstrip())


@programmes.command("packs")
@command
def packs(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="Print this one, to be mended.")] = None,
) -> None:
    """List ready-made documents, or print one."""
    found = session.client.programme_packs()
    if name is None:
        session.out.document(found)
        for each in found:
            session.out.line(each.name)
        return
    chosen = next((each for each in found if each.name == name), None)
    if chosen is None:
        raise NotFound(f"No pack is called {name!r}.", hint="`mains programme packs` lists them.")
    session.out.document(chosen)
    session.out.line(chosen.text.rstrip())


@vouchers.command("grant")
@command
def grant(
    session: Session,
    programme: str,
    organisation: str,
    amount: Annotated[str, typer.Argument(help="In the programme's currency.")],
    tranche: Annotated[str | None, typer.Option(help="Release this much at a time.")] = None,
    valid_from: Annotated[str | None, typer.Option(help="An instant with its offset.")] = None,
    valid_until: Annotated[str | None, typer.Option(help="An instant with its offset.")] = None,
    voucher_id: IdOption = None,
) -> None:
    """Grant a voucher; the programme's pot keeps its amount from now on."""
    from mains.wire.programmes import VoucherRequest

    request = checked(
        VoucherRequest,
        programme=programme,
        organisation=organisation,
        amount=decimal_of(amount),
        tranche=None if tranche is None else decimal_of(tranche),
        valid_from=valid_from,
        valid_until=valid_until,
    )
    granted = session.client.grant_voucher(request, idempotency_key=voucher_id or new_id())
    session.out.document(granted)
    _show_voucher(session.out, granted)


@vouchers.command("list")
@command
def list_vouchers(
    session: Session,
    programme: Annotated[str | None, typer.Option(help="Only of this programme.")] = None,
    granted: Annotated[
        bool, typer.Option("--granted", help="Those that one's own programmes granted.")
    ] = False,
    limit: LimitOption = 100,
) -> None:
    """List vouchers and what is left of them, newest first."""
    pages = session.client.vouchers(programme=programme, granted_by_us=granted)
    found = list(islice(pages, limit))
    session.out.document(found)
    if not found:
        session.out.line("No vouchers.")
        return
    money = session.out.amount
    rows = [
        (
            short(each.id),
            f"{each.programme} v{each.version}",
            each.organisation,
            each.state,
            money(each.granted),
            money(each.room),
            money(each.held),
            money(each.spent),
            moment(each.valid_until),
        )
        for each in found
    ]
    columns = ("voucher", "programme", "holder", "state", "granted", "room", "held", "spent")
    right = ("granted", "room", "held", "spent")
    session.out.table((*columns, "until"), rows, right=right)


@vouchers.command("show")
@command
def show_voucher(
    session: Session,
    voucher: Annotated[str, typer.Argument(help="A voucher's id, or its last 12 digits.")],
) -> None:
    """Show one voucher: room + promised + held + spent + returned = granted."""
    found = session.client.voucher(_voucher_id(session.client, voucher))
    session.out.document(found)
    _show_voucher(session.out, found)


def _voucher_id(client: Client, reference: str) -> UUID:
    try:
        if len(reference) > 12:
            return UUID(reference)
    except ValueError as error:
        raise RequestInvalid(f"{reference!r} is no voucher's id.") from error
    for granted_by_us in (False, True):
        for each in client.vouchers(granted_by_us=granted_by_us):
            if short(each.id) == reference:
                return each.id
    raise NotFound(f"No voucher ends in {reference!r}.", hint="`mains voucher list` shows them.")


def _show_programme(out: Output, found: ProgrammeView) -> None:
    out.pairs(
        [
            ("programme", f"{found.name} v{found.version}"),
            ("title", found.title),
            ("source", found.source),
            ("office", found.organisation),
            ("valid", f"{moment(found.valid_from)} to {moment(found.valid_until)}"),
            ("time zone", found.time_zone),
            ("pot", out.amount(found.pot)),
            ("committed", out.amount(found.committed)),
            ("available", out.amount(found.available)),
            ("document", found.document_sha256),
        ]
    )


def _show_voucher(out: Output, found: VoucherView) -> None:
    out.pairs(
        [
            ("voucher", str(found.id)),
            ("programme", f"{found.programme} v{found.version}"),
            ("holder", found.organisation),
            ("state", found.state),
            ("granted", out.amount(found.granted)),
            ("room now", out.amount(found.room)),
            ("promised", out.amount(found.promised)),
            ("held", out.amount(found.held)),
            ("spent", out.amount(found.spent)),
            ("returned", out.amount(found.returned)),
            ("valid", f"{moment(found.valid_from)} to {moment(found.valid_until)}"),
        ]
    )
