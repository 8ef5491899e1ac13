"""What goes to and fro in requests: schema objects as JSON, and text as one part of a path."""

from typing import TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from mains.errors import Incompatible
from mains.wire.base import Schema

Answer = TypeVar("Answer")


def written(request: Schema) -> bytes:
    return request.model_dump_json().encode()


def read(body: bytes, answer: type[Answer]) -> Answer:
    """Read an answer; what a newer server adds is left out."""
    try:
        return TypeAdapter(answer).validate_json(body, extra="ignore")
    except ValidationError as error:
        raise Incompatible(
            "The server's answer has another shape than this version of mains knows.",
            hint="Compare `mains version` here with the server's.",
        ) from error


def part(text: str) -> str:
    """Return text as one part of a path, whatever it holds."""
    return quote(text, safe=":").replace(".", "%2E") or "-"
