"""`mains login`, `whoami` and `context`: which server, and as whom."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mains.cli import contexts
from mains.cli.contexts import Context, Contexts
from mains.cli.output import Output
from mains.cli.session import Session, command, complete_context, connect
from mains.errors import CertificateUnknown, RequestInvalid, ServerUnreachable

if TYPE_CHECKING:
    from mains.wire.parties import WhoAmI
    from mains.wire.succession import PublishedKeys

app = typer.Typer(help="The servers that are known here.", no_args_is_help=True)


@command
def login(
    session: Session,
    url: Annotated[
        str | None, typer.Option(help="The server's address; without it, the one of `mains up`.")
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(help="The fingerprint of the server's certificate, as `mains up` shows it."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="The key; - reads a line of standard input. Without it, it is asked for."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What to call this context.")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send the key over http beyond this machine.")
    ] = False,
) -> None:
    """Check a key with a server, and remember both."""
    from mains.wire.trust import require_private_way

    out = session.out
    found = _known_before(_server_meant(url), session.contexts, fingerprint)
    found = _trusted(found, fingerprint, as_json=out.as_json)
    require_private_way(found.url, insecure=insecure)
    context = replace(found, name=name or found.name, key=_key(key, found, as_json=out.as_json))
    from mains.wire.succession import trusted

    with connect(context, key=context.key) as client:
        server = client.server()
        published = client.server_keys()
        me = client.whoami()
    known = session.contexts
    _warn_of_another_server(out, known.known.get(context.name), server.public_key, published)
    context = replace(
        context,
        server_key=server.public_key,
        server_keys=tuple(sorted(trusted([server.public_key], published))),
        organisation=me.organisation,
        person=me.person,
    )
    contexts.save(known.having(context), session.folder)
    out.document({"context": context.name, "url": context.url, "whoami": me})
    out.line(f"Logged in at {context.url} as {me.person} of {me.organisation}.")
    out.line(f"This is the context {context.name!r}. next: mains run job.yaml")


@command
def whoami(session: Session) -> None:
    """Say whom the key speaks for."""
    me = session.client.whoami()
    session.out.document(me)
    _show(session.out, me, session.context)


@app.command("list")
@command
def list_contexts(session: Session) -> None:
    """List the servers that are known here; keys are not shown."""
    known = session.contexts
    rows = [
        ("*" if each.name == known.current else "", each.name, each.url, _as_whom(each))
        for each in known.known.values()
    ]
    session.out.document(
        [
            {
                "name": each.name,
                "url": each.url,
                "current": each.name == known.current,
                "organisation": each.organisation,
                "person": each.person,
                "server_key": each.server_key,
            }
            for each in known.known.values()
        ]
    )
    if rows:
        session.out.table(("current", "name", "address", "as"), rows)
    else:
        session.out.line("No server is known here yet. next: mains login --url URL")


@app.command("use")
@command
def use(
    session: Session,
    name: Annotated[str, typer.Argument(autocompletion=complete_context)],
) -> None:
    """Make a context the current one."""
    changed = session.contexts.using(name)
    contexts.save(changed, session.folder)
    session.out.document({"current": name})
    session.out.line(f"The current context is {name!r}.")


def _server_meant(url: str | None) -> Context:
    if url is not None:
        from mains.wire.connection import checked_url

        plain = checked_url(url)
        return Context(plain.partition("://")[2], plain)
    local = contexts.local_server()
    if local is None:
        raise ServerUnreachable(
            "No server of this user runs on this machine.",
            hint="`mains up` starts one; `mains login --url URL` takes another.",
        )
    return local


def _known_before(context: Context, known: Contexts, fingerprint: str | None) -> Context:
    """Return the context with the certificate that this address was known by, if it was.

    Whoever shows another one there is refused like any stranger, and only a fingerprint that a
    person names can say that it was replaced.
    """
    if context.certificate is not None or fingerprint is not None:
        return context
    for each in known.known.values():
        if each.url == context.url and each.home is None and each.certificate is not None:
            return replace(context, certificate=each.certificate)
    return context


def _trusted(context: Context, fingerprint: str | None, *, as_json: bool) -> Context:
    """Return the context with the certificate to trust: a named one, or one that a person accepts.

    Raises CertificateUnknown before a key is sent to a server that nobody vouches for.
    """
    from mains.wire import trust

    if not context.url.startswith("https:") or context.certificate is not None:
        return context
    if fingerprint is not None:
        expected = trust.read_fingerprint(fingerprint)
        shown = trust.certificate_at(context.url, fingerprint=expected)
        return replace(context, certificate=shown)
    try:
        with connect(context, key=None) as client:
            client.server()
    except CertificateUnknown as error:
        shown = trust.shown_certificate(context.url)
        digits = trust.fingerprint_of(shown)
        if as_json or not sys.stdin.isatty():
            raise CertificateUnknown(
                f"nobody vouches for the certificate of {context.url}: sha256:{digits}",
                shown=digits,
            ) from error
        typer.echo(f"Nobody vouches for the certificate of {context.url}.", err=True)
        typer.echo(f"Its fingerprint is sha256:{digits}", err=True)
        typer.confirm("Is it what `mains up` shows there?", abort=True, err=True)
        return replace(context, certificate=shown)
    return context


def _key(given: str | None, context: Context, *, as_json: bool) -> str:
    if given == "-":
        read = sys.stdin.readline().strip()
        if not read:
            raise RequestInvalid("Standard input holds no key.", hint="Write it there on one line.")
        return read
    found = given or context.key
    if found:
        return found.strip()
    if as_json or not sys.stdin.isatty():
        raise RequestInvalid("No key is given.", hint="Add --key KEY, or --key - to read it.")
    return str(typer.prompt("Key", hide_input=True)).strip()


def _warn_of_another_server(
    out: Output, before: Context | None, server_key: str, published: PublishedKeys
) -> None:
    """Say when receipts are signed with a key that the one before does not vouch for."""
    if before is None or before.server_key is None:
        return
    from mains.wire.succession import trusted

    if server_key not in trusted([before.server_key], published):
        out.note(
            f"The server of context {before.name!r} signs receipts with another key than before: "
            f"{server_key}, not {before.server_key}. Check older receipts with `--key`."
        )


def _show(out: Output, me: WhoAmI, context: Context) -> None:
    out.pairs(
        [
            ("person", me.person),
            ("organisation", me.organisation),
            ("roles", ", ".join(me.roles)),
            ("key", me.key),
            ("server", f"{context.url} (context {context.name})"),
        ]
    )


def _as_whom(context: Context) -> str:
    return f"{context.person} of {context.organisation}" if context.person else "-"
