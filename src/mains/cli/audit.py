"""`mains audit` and `mains version`: whether all that must hold holds, and what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mains import __version__
from mains.cli.session import Session, command, connect
from mains.errors import MainsError

if TYPE_CHECKING:
    from mains.wire.jobs import AuditFinding

BROKEN_EXIT_CODE = 1


@command
def audit(session: Session) -> None:
    """Run every invariant, and name the rows that break one; ends with 1 when one is broken."""
    view = session.client.audit()
    session.out.document(view)
    out = session.out
    for finding in view.findings:
        out.heading(f"{finding.slice}: {finding.invariant}")
        out.line(f"  {finding.meaning}")
        _show_rows(session, finding)
        out.line()
    checked = f"{len(view.checked)} invariants checked"
    if view.clean:
        out.line(f"The audit is clean: {checked}.")
        return
    out.line(f"The audit is not clean: {checked}, {len(view.findings)} broken.")
    raise typer.Exit(BROKEN_EXIT_CODE)


@command
def version(session: Session) -> None:
    """Say which mains this is, and which answers where one is known."""
    server: str | None = None
    url: str | None = None
    try:
        context = session.context
        url = context.url
        with connect(context, key=None) as client:
            server = client.server().version
    except MainsError:
        server = None
    session.out.document({"version": __version__, "server": server, "url": url})
    session.out.line(f"mains {__version__}")
    if server is not None:
        session.out.line(f"server {server} at {url}")


def _show_rows(session: Session, finding: AuditFinding) -> None:
    columns = list(dict.fromkeys(name for row in finding.rows for name in row))
    rows = [[str(row.get(name, "")) for name in columns] for row in finding.rows]
    session.out.table(columns, rows)
