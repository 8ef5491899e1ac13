"""`mains deposit` and `mains balance`: what an organisation can spend, and where it went."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from mains.cli.output import Output, moment
from mains.cli.requests import checked, decimal_of
from mains.cli.session import Session, command
from mains.errors import Unavailable
from mains.ids import new_id, short

if TYPE_CHECKING:
    from mains.wire.ledger import AccountView, EntryView


@command
def deposit(
    session: Session,
    organisation: str,
    amount: Annotated[str, typer.Argument(help="Such as 1000.00 or 1,000.00.")],
    currency: Annotated[str, typer.Argument(help="Such as CNY.")],
    deposit_id: Annotated[
        UUID | None,
        typer.Option("--id", help="The deposit's own id: sent again, it is booked once."),
    ] = None,
) -> None:
    """Book money that was received for an organisation; an administrator does."""
    from mains.wire.ledger import DepositRequest

    request = checked(DepositRequest, amount=decimal_of(amount), currency=currency)
    key = deposit_id or new_id()
    try:
        booked = session.client.deposit(organisation, request, idempotency_key=key)
    except Unavailable as error:
        error.hint = f"Whether it was booked is unknown; it is safe to repeat with `--id {key}`."
        raise
    out = session.out
    out.document(booked)
    amount_booked = out.amount(booked.deposited)
    out.line(f"{amount_booked} are booked for {booked.organisation} ({booked.deposit_id}).")
    out.line(f"next: mains balance {booked.organisation}")


@command
def balance(
    session: Session,
    organisation: Annotated[
        str | None, typer.Argument(help="One's own where it is left out.")
    ] = None,
    entries: Annotated[
        bool, typer.Option("--entries", help="The ledger's entries instead, newest first.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many entries.")] = 50,
) -> None:
    """Show an organisation's own money, its vouchers and what its caps leave."""
    client, out = session.client, session.out
    name = organisation or client.whoami().organisation
    if entries:
        found = list(islice(client.entries(name), limit))
        out.document(found)
        _show_entries(out, found)
        return
    view = client.balance(name)
    out.document(view)
    if not view.accounts:
        out.line(f"{view.organisation} has no money yet.")
        out.line(f"next: mains deposit {view.organisation} AMOUNT CURRENCY")
        return
    columns = ("account", "of", "granted", "spent", "held", "available")
    right = ("granted", "spent", "held", "available")
    out.table(columns, [_row(out, account) for account in view.accounts], right=right)


def _row(out: Output, account: AccountView) -> tuple[str, ...]:
    amounts = (account.granted, account.spent, account.held, account.available)
    shown = tuple(out.money(amount, account.currency) for amount in amounts)
    return (account.kind, account.scope or "-", *shown)


def _show_entries(out: Output, found: list[EntryView]) -> None:
    if not found:
        out.line("No entries yet.")
        return
    rows = [
        (
            str(entry.seq),
            moment(entry.at),
            entry.kind,
            " ".join(part for part in (entry.account_kind, entry.scope) if part),
            out.money(entry.moved, entry.currency),
            out.money(entry.held, entry.currency),
            short(entry.hold_id) if entry.hold_id else "-",
            entry.reason or "-",
        )
        for entry in found
    ]
    columns = ("entry", "at", "kind", "account", "moved", "held", "job", "reason")
    out.table(columns, rows, right=("entry", "moved", "held"))
