"""What environments are built with: an interpreter that runs may execute, uv, pip, registries."""

import configparser
import hashlib
import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import uv

from mains.engines.process.child import SYSTEM_FOLDERS
from mains.engines.process.isolation import output_of
from mains.errors import EngineRefused

FORMAT: Final = "1"
"""Counts up when environments of an older mains can't be used any more."""

NETWORK_NAMES: Final = frozenset(
    {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}
    | {"http_proxy", "https_proxy", "no_proxy", "all_proxy"}
)
PLACES: Final = ("_DIR", "_FILE", "_TARGET", "_PREFIX", "_ROOT", "_SRC", "_USER", "_LOG", "_PATH")
"""Endings of registry settings that name places of this process, which mean nothing in a run."""

PURPOSES: Final = ("UV_PYTHON", "UV_PROJECT", "UV_TOOL", "UV_SYSTEM", "UV_INTERNAL", "PIP_PYTHON")
MANIFEST_SUFFIXES: Final = frozenset({".txt", ".lock", ".in"})


class Toolchain(NamedTuple):
    """Paths that a run may execute or read; version tells interpreters apart."""

    python: str
    version: str
    uv: str
    pip_wheel: str
    read_only: tuple[str, ...]


def find(tools: Path, *, uid: int | None, wanted: Path | None) -> Toolchain:
    """Return what works for the run's user; raises EngineRefused where no interpreter does."""
    ask = "import sys; print(sys.version.split()[0], sys.base_prefix, sep='\\n')"
    candidates = [wanted, "/usr/bin/python3", "/usr/local/bin/python3", sys.executable]
    for candidate in candidates:
        answer = candidate and output_of([str(candidate), "-I", "-c", ask], uid=uid)
        if not answer:
            continue
        version, prefix = answer.splitlines()
        system = any(Path(prefix).is_relative_to(folder) for folder in SYSTEM_FOLDERS)
        return Toolchain(
            python=str(candidate),
            version=f"{version} {candidate}",
            uv=_placed(Path(uv.find_uv_bin()), tools, mode=0o755),
            pip_wheel=_placed(wheel, tools, mode=0o644) if (wheel := _pip_wheel()) else "",
            read_only=(str(tools),) if system else (str(tools), prefix),
        )
    raise EngineRefused(
        "this site has no Python interpreter that a run may execute",
        hint="Install Debian's python3, or name an interpreter in the site's configuration.",
    )


def key(
    toolchain: Toolchain, *, organisation_id: UUID, setup: str, work: Path, bundle: str | None
) -> str:
    """Return the name of an environment: equal only where a build would be equal."""
    parts = [FORMAT, organisation_id.hex, toolchain.version, setup]
    parts += _named_contents(setup, work, bundle or "")
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part.encode())
    return digest.hexdigest()[:32]


def registry_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings for pip and uv that this process has, pip's files included.

    The files themselves may be closed to a run; and uv, which reads none of them, gets the same.
    """
    found = {**_pip_files(environ), **_network(environ)}
    for name, value in environ.items():
        ours = name.startswith(("PIP_", "UV_")) and not name.startswith(PURPOSES)
        if ours and not name.endswith(PLACES):
            found[name] = value
    if "PIP_FIND_LINKS" in found:
        found.setdefault("UV_FIND_LINKS", ",".join(found["PIP_FIND_LINKS"].split()))
    if "PIP_INDEX_URL" in found:
        found.setdefault("UV_DEFAULT_INDEX", found["PIP_INDEX_URL"])
    if "PIP_EXTRA_INDEX_URL" in found and "UV_INDEX" not in found:
        found["UV_INDEX"] = " ".join(found["PIP_EXTRA_INDEX_URL"].split())
        found.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return found


def network_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return certificates and proxies, which every run needs that loads something."""
    return _network(environ)


def _network(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in NETWORK_NAMES & environ.keys()}


def _pip_files(environ: Mapping[str, str]) -> dict[str, str]:
    home = Path(environ.get("HOME", "/nonexistent"))
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf"]
    files.append(Path(environ.get("XDG_CONFIG_HOME", home / ".config")) / "pip/pip.conf")
    if "PIP_CONFIG_FILE" in environ:
        files.append(Path(environ["PIP_CONFIG_FILE"]))
    parser = configparser.RawConfigParser()
    parser.read([path for path in files if os.access(path, os.R_OK) and path.is_file()])
    return {
        f"PIP_{name.upper().replace('-', '_')}": " ".join(value.split())
        for section in ("global", "install")
        if parser.has_section(section)
        for name, value in parser.items(section)
    }


def _pip_wheel() -> Path | None:
    """Return the wheel of pip that this Python carries, so that no registry is asked for it."""
    bundled = importlib.util.find_spec("ensurepip")
    folders = [Path("/usr/share/python-wheels")]
    if bundled is not None and bundled.origin is not None:
        folders.insert(0, Path(bundled.origin).parent / "_bundled")
    wheels = (wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl")))
    return next(wheels, None)


def _placed(source: Path, tools: Path, *, mode: int) -> str:
    """Copy a file to where runs can reach it, once per version of it; keep the file's own name."""
    facts = source.stat()
    folder = tools / f"{facts.st_size:x}-{facts.st_mtime_ns:x}"
    target = folder / source.name
    if not target.exists():
        folder.mkdir(mode=0o755, exist_ok=True)
        folder.chmod(0o755)
        temporary = folder / f".{source.name}.{os.getpid()}"
        shutil.copyfile(source, temporary)
        temporary.chmod(mode)
        temporary.replace(target)
    return str(target)


def _named_contents(setup: str, work: Path, bundle: str) -> list[str]:
    """Return what of the code a set-up depends on: the plain lists that it names, by content;
    the whole bundle as soon as it names anything else in it."""
    contents = []
    try:
        words = shlex.split(setup, comments=True)
    except ValueError:
        words = setup.split()
    names = {part.strip(";&|()'\"") for word in words for part in (word, word.rpartition("=")[2])}
    for name in sorted(names - {""}):
        named = (work / name).resolve()
        if not named.exists() or not named.is_relative_to(work.resolve()):
            continue
        if named.suffix not in MANIFEST_SUFFIXES or not named.is_file():
            return [bundle]
        text = named.read_text(errors="replace")
        if any(line.lstrip().startswith(("-", ".", "/")) for line in text.splitlines()):
            return [bundle]
        contents += [name, text]
    return contents
