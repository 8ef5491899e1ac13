"""Contexts: the servers that this user knows, with the key for each; one private file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import platformdirs

from mains.errors import KeyMissing, NotFound, RequestInvalid, ServerUnreachable, StoreCorrupt
from mains.settings import Settings

FILE_NAME: Final = "contexts.json"
ADMINISTRATOR_KEY_FILE: Final = "administrator"


@dataclass(frozen=True, slots=True)
class Context:
    """One server and one key for it; home is set where the server runs on this machine.

    server_key is the Ed25519 key, in hex, that its receipts are checked with, server_keys those
    before and after it that it vouches for; certificate, in PEM, is what it shows where nobody
    else vouches for it.
    """

    name: str
    url: str
    key: str | None = field(default=None, repr=False)
    server_key: str | None = None
    server_keys: tuple[str, ...] = ()
    organisation: str | None = None
    person: str | None = None
    home: str | None = None
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Contexts:
    """All contexts of a user, and the name of the current one."""

    current: str | None = None
    known: Mapping[str, Context] = field(default_factory=dict)

    def named(self, name: str) -> Context:
        if name not in self.known:
            raise NotFound(
                f"No context is called {name!r}.",
                hint="`mains context list` shows them; `mains login --name` makes one.",
            )
        return self.known[name]

    def using(self, name: str) -> Contexts:
        return replace(self, current=self.named(name).name)

    def having(self, context: Context) -> Contexts:
        """Return these contexts with this one in its name's place, and current."""
        return Contexts(context.name, {**self.known, context.name: context})


def configuration_folder(environ: Mapping[str, str] = os.environ) -> Path:
    given = environ.get("MAINS_CONFIG")
    return Path(given).expanduser() if given else platformdirs.user_config_path("mains")


def load(folder: Path) -> Contexts:
    """Read the contexts of a folder; none when it has no file."""
    path = folder / FILE_NAME
    try:
        document: Any = json.loads(path.read_bytes())
        known = {name: _read(name, values) for name, values in document["known"].items()}
        return Contexts(document["current"], known)
    except FileNotFoundError:
        return Contexts()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreCorrupt(
            f"{path} is not a file of contexts.", hint="Move it away and run `mains login`."
        ) from error


def _read(name: str, values: Mapping[str, Any]) -> Context:
    return Context(**{**values, "name": name, "server_keys": tuple(values.get("server_keys", ()))})


def save(contexts: Contexts, folder: Path) -> None:
    """Write the contexts whole or not at all; nobody else can read them at any moment."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = {name: _without_name(context) for name, context in contexts.known.items()}
    text = json.dumps({"current": contexts.current, "known": known}, indent=2)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{FILE_NAME}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(folder / FILE_NAME)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def choose(
    name: str | None, contexts: Contexts, environ: Mapping[str, str] = os.environ
) -> Context:
    """Return the context to use: the option, else MAINS_URL, MAINS_CONTEXT, else the current one.

    Raises NotFound for an unknown name and ServerUnreachable when there is none at all.
    """
    if name is None and (url := environ.get("MAINS_URL")):
        return Context(
            "environment", url, environ.get("MAINS_KEY"), certificate=_certificate_of(environ)
        )
    wanted = name or environ.get("MAINS_CONTEXT") or contexts.current
    if wanted is None:
        raise ServerUnreachable("No server is known here yet.", hint=_first_step(environ))
    context = _with_address_of_now(contexts.named(wanted))
    key = environ.get("MAINS_KEY")
    return replace(context, key=key) if key else context


def local_server(environ: Mapping[str, str] = os.environ) -> Context | None:
    """Return the server that `mains up` runs for this user, with its first key, if any."""
    settings = Settings.from_environment(environ)
    found = _local(settings.state_file)
    if found is None:
        return None
    try:
        key = (settings.keys / ADMINISTRATOR_KEY_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        key = None
    return replace(found, key=key, home=str(settings.home))


def require_key(context: Context) -> str:
    if not context.key:
        raise KeyMissing(f"No key is stored for {context.url}.")
    return context.key


def _with_address_of_now(context: Context) -> Context:
    """A local server takes a free port at each start; its state file says which."""
    if context.home is None:
        return context
    found = _local(Path(context.home) / "up.json")
    return replace(context, url=found.url, certificate=found.certificate) if found else context


def _local(state_file: Path) -> Context | None:
    """Return what a server of this user says of itself, without a key."""
    try:
        state: Any = json.loads(state_file.read_bytes())
    except (OSError, ValueError):
        return None
    url = state.get("url") if isinstance(state, dict) else None
    if not isinstance(url, str):
        return None
    return Context("local", url, certificate=state.get("certificate"))


def _certificate_of(environ: Mapping[str, str]) -> str | None:
    """Return what MAINS_CERTIFICATE names, in PEM; raises RequestInvalid where it is not there."""
    path = environ.get("MAINS_CERTIFICATE")
    if not path:
        return None
    try:
        return Path(path).read_text("ascii")
    except (OSError, ValueError) as error:
        raise RequestInvalid(f"MAINS_CERTIFICATE names no readable file: {error}") from error


def _first_step(environ: Mapping[str, str]) -> str:
    local = local_server(environ)
    if local is not None:
        return f"One runs here at {local.url}: `mains login` connects to it."
    return "`mains login --url URL` connects to one; `mains up` starts one here."


def _without_name(context: Context) -> dict[str, str | tuple[str, ...] | None]:
    return {name: value for name, value in asdict(context).items() if name != "name"}
