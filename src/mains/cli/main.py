"""The command `mains`, put together from its nouns."""

from __future__ import annotations

import typer

from mains.cli import (
    artefacts,
    audit,
    drafts,
    jobs,
    login,
    money,
    parties,
    programmes,
    quotes,
    reading,
    receipts,
    reports,
    run,
    sites,
    up,
)

HELP = "mains runs a city's AI ecosystem: the price first, the receipt after."

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

USE, SELL, READ, RUN = "Use", "Organise and sell", "Read reports", "Run mains"

app.command("run", rich_help_panel=USE)(run.run)
app.command("quote", rich_help_panel=USE)(quotes.quote)
app.command("submit", rich_help_panel=USE)(run.submit)
app.command("jobs", rich_help_panel=USE)(jobs.jobs)
app.command("job", rich_help_panel=USE)(jobs.job)
app.command("why", rich_help_panel=USE)(jobs.why)
app.command("logs", rich_help_panel=USE)(jobs.logs)
app.command("cancel", rich_help_panel=USE)(jobs.cancel)
app.add_typer(receipts.app, name="receipt", rich_help_panel=USE)
app.add_typer(artefacts.app, name="artefact", rich_help_panel=USE)
app.command("read", rich_help_panel=READ)(reading.read)
app.add_typer(reports.app, name="claims", rich_help_panel=READ)
app.command("balance", rich_help_panel=USE)(money.balance)
app.command("login", rich_help_panel=USE)(login.login)
app.command("whoami", rich_help_panel=USE)(login.whoami)
app.add_typer(login.app, name="context", rich_help_panel=USE)
app.add_typer(sites.app, name="site", rich_help_panel=SELL)
app.add_typer(programmes.programmes, name="programme", rich_help_panel=SELL)
app.add_typer(programmes.vouchers, name="voucher", rich_help_panel=SELL)
app.add_typer(parties.organisations, name="org", rich_help_panel=SELL)
app.add_typer(parties.keys, name="key", rich_help_panel=SELL)
app.command("deposit", rich_help_panel=SELL)(money.deposit)
app.command("audit", rich_help_panel=SELL)(audit.audit)
app.add_typer(drafts.app, name="drafts", rich_help_panel=READ)
app.command("up", rich_help_panel=RUN, context_settings=up.PASS_ON)(up.up)
app.command("down", rich_help_panel=RUN, context_settings=up.PASS_ON)(up.down)
app.command("doctor", rich_help_panel=RUN, context_settings=up.PASS_ON)(up.doctor)
app.command("backup", rich_help_panel=RUN, context_settings=up.PASS_ON)(up.backup)
app.command("restore", rich_help_panel=RUN, context_settings=up.PASS_ON)(up.restore)
app.command("agent", rich_help_panel=RUN, context_settings=up.PASS_ON)(up.agent)
app.add_typer(up.admin, name="admin", rich_help_panel=RUN)
app.command("version", rich_help_panel=RUN)(audit.version)


def main() -> None:
    """Run the command line; the entry point of the installed script."""
    app()


if __name__ == "__main__":
    main()
