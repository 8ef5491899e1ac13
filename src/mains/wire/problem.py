"""Problem details (RFC 9457): every error on the wire has this shape, whatever raised it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict

from mains.errors import Fact, MainsError
from mains.wire.base import DECIMAL_PATTERN, NAME_PATTERN, TEXT_PATTERN

PROBLEM_TYPE: Final = "application/problem+json"
URN: Final = "urn:mains:error:"
_WANTED: Final = {
    DECIMAL_PATTERN: "a decimal amount such as 1250.50, with at most six decimals",
    NAME_PATTERN: "a short name of lower-case letters, digits and hyphens",
    TEXT_PATTERN: "text without the character of code 0",
}
"""What a pattern asks for, in words."""


class Problem(BaseModel):
    """code is stable and names the error's class; hint says what to do next."""

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str = ""
    facts: dict[str, Fact] = {}
    request_id: str = ""

    @classmethod
    def of(cls, error: MainsError, *, request_id: str) -> Self:
        return cls(
            type=f"{URN}{error.code}",
            title=error.code.replace("_", " ").capitalize(),
            status=error.status,
            detail=error.detail,
            code=error.code,
            hint=error.hint,
            facts=error.facts,
            request_id=request_id,
        )


def key_path(location: Sequence[str | int], *, below: int = 0) -> str:
    """Return a place in a document as people write it: `rules.rate`, `tasks[2].run`."""
    path = ""
    for part in location[below:]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")


def describe_fault(fault: Mapping[str, Any], *, below: int = 0) -> tuple[str, str]:
    """Return the offending key of one pydantic fault and a sentence about it.

    The sentence never repeats the value, which may be a secret. `below` outer parts of the
    location are left out ("body", say).
    """
    key = key_path(fault["loc"], below=below)
    match fault["type"]:
        case "extra_forbidden":
            return key, f"unknown key `{key}`"
        case "missing":
            return key, f"`{key}` is missing"
        case "string_pattern_mismatch" if wanted := _WANTED.get(fault["ctx"]["pattern"]):
            return key, f"`{key}` is not {wanted}" if key else f"this is not {wanted}"
        case _:
            said = str(fault["msg"]).removeprefix("Value error, ")
            return key, f"`{key}`: {said}" if key else said
