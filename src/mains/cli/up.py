"""`mains up`, `down`, `agent` and `admin`: what runs on this machine.

The command becomes the program that it starts, so that signals and exit codes are that program's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

PASS_ON: Final = {"ignore_unknown_options": True, "allow_extra_args": True}

admin = typer.Typer(help="Local administration of this machine's mains.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]


def up(
    context: typer.Context,
    demo: Annotated[
        bool, typer.Option("--demo", help="With two sites, an organisation and a voucher.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it answers.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Start mains on this machine: database, API and dispatcher."""
    options = {"--demo": demo, "--detach": detach, "--json": as_json}
    become("mains.daemon.up", [*_chosen(options), *context.args])


def down(context: typer.Context, as_json: JsonOption = False) -> None:
    """Stop the mains of this user on this machine; jobs at sites run on."""
    become("mains.daemon.down", [*_chosen({"--json": as_json}), *context.args])


def agent(
    context: typer.Context,
    folder: Annotated[str, typer.Option(help="Where this agent keeps its key and its runs.")],
    join: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="The token of `mains site add`, once; - reads it."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Speak plain http beyond this machine.")
    ] = False,
) -> None:
    """Run a site's agent: it only dials out, to the server that its token names."""
    joining = ["--join", join] if join else []
    options = _chosen({"--insecure": insecure})
    become("mains.daemon.agent", ["--folder", folder, *joining, *options, *context.args])


@admin.command("new-key", context_settings=PASS_ON)
def new_key(context: typer.Context, as_json: JsonOption = False) -> None:
    """Replace a lost administrator key; for the user who owns mains' data, on its machine."""
    become("mains.daemon.admin", ["new-key", *_chosen({"--json": as_json}), *context.args])


@admin.command("next-certificate", context_settings=PASS_ON)
def next_certificate(context: typer.Context, as_json: JsonOption = False) -> None:
    """Make the certificate that will follow, and let agents know it."""
    chosen = _chosen({"--json": as_json})
    become("mains.daemon.admin", ["next-certificate", *chosen, *context.args])


@admin.command("switch-certificate", context_settings=PASS_ON)
def switch_certificate(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show the next certificate from now on, in the place of the present one."""
    chosen = _chosen({"--json": as_json})
    become("mains.daemon.admin", ["switch-certificate", *chosen, *context.args])


def become(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by a module of mains, run by the same interpreter."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606


def _chosen(options: dict[str, bool]) -> list[str]:
    return [name for name, chosen in options.items() if chosen]
