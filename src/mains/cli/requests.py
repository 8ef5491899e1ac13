"""Requests made from a command line: checked here first, so that the words are the user's."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from mains.errors import BadInput, NotFound, RequestInvalid
from mains.wire.documents import parse_yaml

if TYPE_CHECKING:
    from mains.wire.base import Schema

Request = TypeVar("Request", bound="Schema")

STANDARD_INPUT: Final = "-"
_PARTED: Final = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")


def checked(kind: type[Request], **values: object) -> Request:
    """Return a request of these values; raises RequestInvalid that names the first fault."""
    return checked_document(kind, values)


def checked_document(kind: type[Request], document: object) -> Request:
    from pydantic import ValidationError

    from mains.wire.problem import describe_fault

    try:
        return kind.model_validate(document)
    except ValidationError as error:
        key, said = describe_fault(error.errors(include_url=False)[0])
        raise RequestInvalid(f"This can't be sent: {said}.", key=key) from error


def decimal_of(text: str) -> str:
    """Return an amount as on the wire; thousands may be parted as people write them: 12,300.00."""
    return text.replace(",", "") if _PARTED.fullmatch(text) else text


def read_text(path: str, *, what: str, fault: type[BadInput] = BadInput) -> str:
    """Read a file, or standard input for "-"."""
    try:
        return sys.stdin.read() if path == STANDARD_INPUT else Path(path).read_text("utf-8")
    except FileNotFoundError as error:
        raise NotFound(f"There is no {what} {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise fault(f"The {what} {path} can't be read: {error}.") from error


def read_yaml(path: str, *, what: str, fault: type[BadInput] = BadInput) -> object:
    """Read a document from a file, or from standard input for "-"."""
    text = read_text(path, what=what, fault=fault)
    try:
        return parse_yaml(text)
    except ValueError as error:
        raise fault(f"The {what} {path} can't be used: {error}.") from error
