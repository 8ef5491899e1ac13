"""`mains up`, `down`, `doctor`, `backup`, `restore`, `agent`, `admin`: what this machine runs.

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


def backup(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(help="A new folder, best on another disk.")],
    keys: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", help="Copy the keys too, to a folder apart from the backup."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Link what this earlier backup has, on the same disk."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Copy database and contents, while mains runs or rests; ends with 1 if a content is lost."""
    options = [*_chosen({"--json": as_json}), *_told({"--keys": keys, "--since": since})]
    become("mains.daemon.backup", [folder, *options, *context.args])


def restore(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(help="A backup.")],
    to_time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Such as 2026-12-01T10:00:00Z, or `latest`; else the backup's end."
        ),
    ] = None,
    wal: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="The log's archive, if not MAINS_WAL_ARCHIVE."),
    ] = None,
    keys: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="The copy of the keys.")
    ] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Go on with new keys: all API keys end.")
    ] = False,
    blobs: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER", help="Where else contents may lie, such as an old home."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Set aside the database that is there.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make an instance from a backup, and audit it; ends with 1 if it is not sound."""
    flags = {"--without-keys": without_keys, "--replace": replace, "--json": as_json}
    options = [*_chosen(flags), *_told({"--to-time": to_time, "--wal": wal, "--keys": keys})]
    options += [word for folder in blobs or [] for word in ("--blobs", folder)]
    become("mains.daemon.restore", [folder, *options, *context.args])


def doctor(
    context: typer.Context,
    audit: Annotated[bool, typer.Option("--audit", help="Check every invariant too.")] = False,
    url: Annotated[
        str | None,
        typer.Option(
            help="The proxy's address, such as https://ai.city: when its certificate ends."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check this machine's mains, running or not; ends with 1 when something is wrong."""
    options = [*_chosen({"--audit": audit, "--json": as_json}), *_told({"--url": url})]
    become("mains.daemon.doctor", [*options, *context.args])


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


@admin.command("keys")
def keys(as_json: JsonOption = False) -> None:
    """List the server's own keys: versions, age, and how much is still under each."""
    become("mains.daemon.admin", ["keys", *_chosen({"--json": as_json})])


@admin.command("rotate")
def rotate(
    kind: Annotated[
        str, typer.Argument(help="secrets, pepper, signing, database, administrator, or all.")
    ],
    within_days: Annotated[
        int,
        typer.Option(min=0, help="API keys that are not used for this long end with their pepper."),
    ] = 90,
    as_json: JsonOption = False,
) -> None:
    """Exchange a key of the server's own while it runs; interrupted, repeat the command."""
    chosen = _chosen({"--json": as_json})
    become("mains.daemon.admin", ["rotate", kind, "--within-days", str(within_days), *chosen])


def become(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by a module of mains, run by the same interpreter."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606


def _told(options: dict[str, str | None]) -> list[str]:
    return [word for name, text in options.items() if text is not None for word in (name, text)]


def _chosen(options: dict[str, bool]) -> list[str]:
    return [name for name, chosen in options.items() if chosen]
