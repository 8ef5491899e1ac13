"""A job file as its user has it: read, completed from the command line, its folder packed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mains.cli.requests import STANDARD_INPUT, read_yaml
from mains.errors import RequestInvalid, SpecInvalid
from mains.wire.spec import JobSpec, spec_of


@dataclass(frozen=True, slots=True)
class JobFile:
    """A checked job and the folder with its code, if it names one."""

    spec: JobSpec
    workdir: Path | None


def read(
    path: str,
    *,
    envs: Sequence[str],
    secrets: Sequence[str],
    environ: Mapping[str, str] = os.environ,
) -> JobFile:
    """Read a job file ("-" is standard input); --env and --secret go over what it says."""
    document = _document(path)
    for key, given in (("envs", envs), ("secrets", secrets)):
        values = assignments(given, option=f"--{key.removesuffix('s')}", environ=environ)
        if values:
            document[key] = {**_mapping(document.get(key), key), **values}
    spec, workdir = spec_of(document)
    return JobFile(spec, _folder(path, workdir))


def assignments(
    given: Sequence[str], *, option: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Read NAME=VALUE, or NAME alone, whose value the environment has; values are never shown."""
    values: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not name:
            raise RequestInvalid(f"`{option}` takes NAME=VALUE, or NAME from the environment.")
        if not separator:
            if name not in environ:
                raise RequestInvalid(
                    f"`{option} {name}`: the environment has no {name}.",
                    hint=f"Set it (`export {name}`), or write `{option} {name}=VALUE`.",
                )
            value = environ[name]
        values[name] = value
    return values


def _document(path: str) -> dict[str, Any]:
    document = read_yaml(path, what="job file", fault=SpecInvalid)
    if not isinstance(document, dict):
        raise SpecInvalid("The job file is not a mapping of keys such as `run:`.")
    return document


def _mapping(value: object, key: str) -> dict[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SpecInvalid(f"`{key}` is not a mapping of names to values.")
    return value


def _folder(path: str, workdir: str | None) -> Path | None:
    """A workdir is meant from the job file's folder; from here where there is no file."""
    if workdir is None:
        return None
    base = Path() if path == STANDARD_INPUT else Path(path).parent
    folder = base / Path(workdir).expanduser()
    if not folder.is_dir():
        raise SpecInvalid(f"`workdir`: there is no folder {folder}.")
    return folder
