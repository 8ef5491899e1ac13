"""The job file: the task YAML that SkyPilot's users write, and what mains adds to it.

A key that mains does not know is an error that names it; a key that it knows and does not run yet
is an error that says so. Nothing is ignored silently.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from mains.errors import SpecInvalid, SpecUnknownKey, SpecUnsupported
from mains.units import Money, parse_bytes, parse_seconds
from mains.wire.base import DecimalText, Name, Schema, Text
from mains.wire.documents import parse_yaml
from mains.wire.problem import describe_fault

TASKS_MAX: Final = 1_000_000
CPUS_MAX: Final = 4_096
MEMORY_BYTES_MAX: Final = 64 * 2**40
SECONDS_MAX: Final = 30 * 86_400
SCRIPT_CHARACTERS_MAX: Final = 256 * 1024
ATTEMPTS_MAX: Final = 100
NAMES_MAX: Final = 1_000
DOCUMENT_CHARACTERS_MAX: Final = 2 * 2**20
DOCUMENT_NODES_MAX: Final = 50_000
"""Aliases count as often as they are named, so that a small file can't mean a huge one."""

MEMORY_BYTES_DEFAULT: Final = 512 * 2**20
ENVIRONMENT_BYTES_MAX: Final = 512 * 1024
"""What envs and secrets may take together: more does not fit a process's environment."""

SECONDS_DEFAULT: Final = 3_600
GRACE_SECONDS_DEFAULT: Final = 10

UNSUPPORTED: Final = frozenset(
    {
        "file_mounts",
        "service",
        "data",
        "checkpoint",
        "application",
        "event_callback",
        "experimental",
    }
)
UNSUPPORTED_RESOURCES: Final = frozenset(
    "cloud region zone infra instance_type use_spot job_recovery disk_size disk_tier ports image_id"
    " any_of ordered labels autostop accelerator_args network_tier volumes".split()
)
_ARRAY = re.compile(r"(\d+)-(\d+)")

Environment = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")],
        Annotated[Text, StringConstraints(max_length=32_768)],
    ],
    Field(max_length=NAMES_MAX),
]
Script = Annotated[Text, StringConstraints(max_length=SCRIPT_CHARACTERS_MAX)]


class Accelerators(Schema):
    kind: Name
    count: int = Field(ge=1, le=1024)


class Resources(Schema):
    """What one task needs; memory in bytes."""

    cpus: int = Field(default=1, ge=1, le=CPUS_MAX)
    memory_bytes: int = Field(default=MEMORY_BYTES_DEFAULT, ge=2**20, le=MEMORY_BYTES_MAX)
    accelerators: Accelerators | None = None

    @property
    def unit(self) -> str:
        """The unit that the need is priced in: cpu, or the accelerator's kind."""
        return self.accelerators.kind if self.accelerators else "cpu"

    @property
    def units(self) -> int:
        return self.accelerators.count if self.accelerators else self.cpus


class JobSpec(Schema):
    """A checked job: what to run, what it needs, what it may cost.

    time_seconds bounds each task; in an array the set-up of a chunk counts towards it too.
    """

    name: Name = "job"
    resources: Resources = Resources()
    setup: Script = ""
    run: Script = Field(min_length=1)
    envs: Environment = {}
    secrets: Environment = {}
    tasks: int = Field(default=1, ge=1, le=TASKS_MAX)
    time_seconds: int = Field(default=SECONDS_DEFAULT, ge=1, le=SECONDS_MAX)
    grace_seconds: int = Field(default=GRACE_SECONDS_DEFAULT, ge=0, le=600)
    budget: DecimalText | None = None
    programme: Name | Literal["none"] | None = None
    outputs: list[Annotated[Text, StringConstraints(min_length=1, max_length=256)]] = Field(
        default=["**"], max_length=NAMES_MAX
    )
    retry: Literal["never", "wait", "elsewhere"] = "wait"
    attempts_max: int = Field(default=3, ge=1, le=ATTEMPTS_MAX)
    sites: list[Name] | None = Field(default=None, max_length=NAMES_MAX)

    @field_validator("budget")
    @classmethod
    def _budget_is_an_amount(cls, text: str | None) -> str | None:
        if text is not None and Money.parse(text, "XXX").micros < 0:
            raise ValueError("a budget is not negative")
        return text

    @field_validator("outputs")
    @classmethod
    def _patterns_stay_inside(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            if pattern.startswith("/") or ".." in pattern.split("/"):
                raise ValueError(f"{pattern!r} leaves MAINS_OUTPUT")
        return patterns

    @model_validator(mode="after")
    def _environment_fits(self) -> Self:
        size_bytes = sum(
            len(name) + len(value.encode("utf-8", "surrogatepass")) + 2
            for values in (self.envs, self.secrets)
            for name, value in values.items()
        )
        if size_bytes > ENVIRONMENT_BYTES_MAX:
            raise ValueError(f"envs and secrets take more than {ENVIRONMENT_BYTES_MAX:,} bytes")
        return self

    def without_secrets(self) -> "JobSpec":
        """Return the spec as it is stored and shown: secret names stay, values go."""
        return self.model_copy(update={"secrets": dict.fromkeys(self.secrets, "")})


def read_spec(text: str | bytes) -> tuple[JobSpec, str | None]:
    """Read a job file; returns the checked spec and the `workdir` it names, if any.

    Raises SpecInvalid, SpecUnknownKey or SpecUnsupported, naming the key and what to write instead.
    """
    if len(text) > DOCUMENT_CHARACTERS_MAX:
        raise SpecInvalid(
            f"The job file has more than {DOCUMENT_CHARACTERS_MAX:,} characters.",
            hint="Put code and data into the folder that `workdir` names.",
        )
    try:
        document = parse_yaml(text)
    except ValueError as error:
        raise SpecInvalid(f"The job file can't be used: {error}.") from error
    if not isinstance(document, dict):
        raise SpecInvalid("The job file is not a mapping of keys such as `run:`.")
    return spec_of(document)


def spec_of(document: Mapping[str, Any]) -> tuple[JobSpec, str | None]:
    """Check a job file that is already parsed; as `read_spec`."""
    _check_size(document)
    _known(document, _KEYS, UNSUPPORTED, where="")
    values = {key: document[key] for key in _PLAIN if document.get(key) is not None}
    if _integer(document.get("num_nodes", 1), "num_nodes") != 1:
        raise SpecUnsupported("`num_nodes` above 1 does not run yet.", hint="Use one node.")
    values["resources"] = _resources(document.get("resources") or {})
    for key in ("envs", "secrets"):
        if document.get(key) is not None:
            values[key] = _environment(document[key], key)
    if "array" in document:
        values["tasks"] = _tasks(document["array"])
    for key, field in (("time_limit", "time_seconds"), ("grace", "grace_seconds")):
        if key in document:
            values[field] = _converted(parse_seconds, document[key], key)
    if document.get("budget") is not None:
        values["budget"] = str(document["budget"])
    workdir = document.get("workdir")
    if workdir is not None and not isinstance(workdir, str):
        raise SpecInvalid("`workdir` is not a folder's path.")
    try:
        return JobSpec.model_validate(values), workdir
    except ValidationError as error:
        raise SpecInvalid(_first_error(error)) from error


_PLAIN: Final = ("name", "setup", "run", "programme", "outputs", "sites", "retry", "attempts_max")
_KEYS: Final = frozenset(_PLAIN) | {
    "resources",
    "num_nodes",
    "workdir",
    "envs",
    "secrets",
    "array",
    "time_limit",
    "grace",
    "budget",
}
_RESOURCE_KEYS: Final = frozenset({"cpus", "memory", "accelerators"})


def _check_size(document: object) -> None:
    """Walk a document as if every alias were written out, and stop where it gets too large."""
    waiting, seen = [document], 0
    while waiting:
        value = waiting.pop()
        seen += 1
        if seen > DOCUMENT_NODES_MAX:
            raise SpecInvalid(f"The job file has more than {DOCUMENT_NODES_MAX:,} values.")
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set):
            waiting += value


def _known(
    document: Mapping[str, Any], known: frozenset[str], unsupported: frozenset[str], *, where: str
) -> None:
    for key in document:
        if key in known:
            continue
        path = f"{where}{key}"
        if key in unsupported:
            raise SpecUnsupported(f"`{path}` does not run yet.", hint=f"Remove `{path}`.", key=path)
        close = difflib.get_close_matches(str(key), known, n=1)
        hint = (
            f"Did you mean `{where}{close[0]}`?" if close else f"Known: {', '.join(sorted(known))}."
        )
        raise SpecUnknownKey(f"`{path}` is not a key of a job file.", hint=hint, key=path)


def _resources(document: object) -> Resources:
    if not isinstance(document, dict):
        raise SpecInvalid("`resources` is not a mapping such as `cpus: 2`.")
    _known(document, _RESOURCE_KEYS, UNSUPPORTED_RESOURCES, where="resources.")
    values: dict[str, Any] = {}
    if document.get("cpus") is not None:
        values["cpus"] = _integer(document["cpus"], "resources.cpus")
    if document.get("memory") is not None:
        values["memory_bytes"] = _memory(document["memory"])
    if document.get("accelerators") is not None:
        values["accelerators"] = _accelerators(document["accelerators"])
    try:
        return Resources.model_validate(values)
    except ValidationError as error:
        raise SpecInvalid(_first_error(error, within=["resources"])) from error


def _memory(value: object) -> int:
    """SkyPilot writes gigabytes as a bare number ("16" or "16+"); mains also takes 16GiB."""
    text = str(value).removesuffix("+")
    if re.fullmatch(r"\d+(\.\d+)?", text):
        text += "GiB"
    return _converted(parse_bytes, text, "resources.memory")


def _accelerators(value: object) -> Accelerators:
    if isinstance(value, str):
        kind, _, count = value.partition(":")
        return _accelerator(kind, count or "1")
    if isinstance(value, dict) and len(value) == 1:
        ((kind, count),) = value.items()
        return _accelerator(str(kind), count)
    raise SpecInvalid(
        "`resources.accelerators` is not one kind and a count such as `H100:2`.",
        hint="A choice between several kinds does not run yet.",
    )


def _accelerator(kind: str, count: object) -> Accelerators:
    try:
        return Accelerators(kind=kind.lower(), count=_integer(count, "resources.accelerators"))
    except ValidationError as error:
        raise SpecInvalid(_first_error(error, within=["resources", "accelerators"])) from error


def _environment(value: object, key: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise SpecInvalid(f"`{key}` is not a mapping of names to values.")
    missing = [name for name, content in value.items() if content is None]
    if missing:
        raise SpecInvalid(
            f"`{key}.{missing[0]}` has no value.",
            hint=f"Give one with `--{key.removesuffix('s')} {missing[0]}=VALUE`.",
        )
    several = [name for name, content in value.items() if isinstance(content, list | dict | set)]
    if several:
        raise SpecInvalid(f"`{key}.{several[0]}` is not one value.", hint="Write it as one text.")
    return {str(name): str(content) for name, content in value.items()}


def _tasks(value: object) -> int:
    match = _ARRAY.fullmatch(str(value))
    if match is None:
        return _integer(value, "array")
    first, last = int(match[1]), int(match[2])
    if first != 0 or last < first:
        raise SpecInvalid("`array` is not a count such as 20, or a range from 0 such as 0-19.")
    return last + 1


def _integer(value: object, key: str) -> int:
    text = str(value).removesuffix("+") if key == "resources.cpus" else str(value)
    if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,18}", text):
        raise SpecInvalid(f"`{key}` is not a whole number: {value!r}.")
    return int(text)


def _converted(convert: Callable[[str], int], value: object, key: str) -> int:
    try:
        return convert(str(value))
    except ValueError as error:
        raise SpecInvalid(f"`{key}`: {error}.") from error


_FILE_KEYS: Final = {
    "time_seconds": "time_limit",
    "grace_seconds": "grace",
    "memory_bytes": "memory",
    "tasks": "array",
}
"""What a job file calls the fields of a checked spec."""


def _first_error(error: ValidationError, *, within: Sequence[str] = ()) -> str:
    """Say the first fault in the words of the job file: its keys, not the checked spec's."""
    fault = error.errors(include_url=False)[0]
    place = [*within, *(_FILE_KEYS.get(str(part), part) for part in fault["loc"])]
    _, said = describe_fault({**fault, "loc": place})
    return f"{said}."
