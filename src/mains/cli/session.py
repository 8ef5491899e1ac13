"""What every command starts with: its output, its context, a client, and how errors end it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Concatenate, ParamSpec, Self, cast

import typer

from mains.cli import contexts
from mains.cli.contexts import Context, Contexts
from mains.cli.output import Output, show_error
from mains.errors import MainsError

if TYPE_CHECKING:
    from mains.wire.client import Client

Parameters = ParamSpec("Parameters")


class Session:
    """One command's run; the client is made when it is first asked for."""

    def __init__(self, *, as_json: bool, context_name: str | None) -> None:
        self.out = Output(as_json=as_json)
        self.folder: Path = contexts.configuration_folder()
        self._context_name = context_name
        self._client: Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.__exit__(kind, error, None)

    @property
    def contexts(self) -> Contexts:
        return contexts.load(self.folder)

    @property
    def context(self) -> Context:
        return contexts.choose(self._context_name, self.contexts)

    @property
    def client(self) -> Client:
        if self._client is None:
            context = self.context
            self._client = connect(context, key=contexts.require_key(context))
        return self._client


def connect(context: Context, *, key: str | None) -> Client:
    """Return a client; its modules are loaded here, so that `--help` doesn't wait for them."""
    from mains.wire.client import Client
    from mains.wire.connection import Connection

    return Client(Connection(context.url, key=key, certificates=context.certificate))


def command(
    function: Callable[Concatenate[Session, Parameters], None],
) -> Callable[..., None]:
    """Turn a function of a session into a command that also takes --json and --context."""
    signature = inspect.signature(function, eval_str=True)

    def run(as_json: bool, context_name: str | None, **values: object) -> None:
        code = 0
        try:
            with Session(as_json=as_json, context_name=context_name) as session:
                cast(Callable[..., None], function)(session, **values)
        except MainsError as error:
            code = show_error(error, as_json=as_json)
        if code:
            raise typer.Exit(code)

    own = list(signature.parameters.values())[1:]
    run.__signature__ = signature.replace(parameters=[*own, *_COMMON])  # type: ignore[attr-defined]
    run.__annotations__ = {}
    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    return run


def complete_context(incomplete: str) -> list[str]:
    """Offer the names of known contexts to the shell."""
    try:
        known = contexts.load(contexts.configuration_folder()).known
    except MainsError:
        return []
    return [name for name in known if name.startswith(incomplete)]


def _option(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


_COMMON = (
    _option(
        "as_json",
        Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")],
        False,
    ),
    _option(
        "context_name",
        Annotated[
            str | None,
            typer.Option(
                "--context",
                metavar="NAME",
                help="The context to use instead of the current one.",
                autocompletion=complete_context,
            ),
        ],
        None,
    ),
)
