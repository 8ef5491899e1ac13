"""What a server said went wrong, as the same error class that it raised there."""

from collections.abc import Iterator
from typing import Final

from pydantic import ValidationError

from mains import errors
from mains.errors import MainsError
from mains.wire.problem import Problem


def error_of(status: int, body: bytes) -> MainsError:
    """Return the error that an answer tells of: by its code, or by its status if that is new.

    A body that is no problem document is an error too: a proxy or another program answered.
    """
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        return _not_from_mains(status)
    kind = _CLASSES.get(problem.code) or _class_by_status(status)
    error = kind(problem.detail, hint=problem.hint)
    error.facts = problem.facts
    return error


def _not_from_mains(status: int) -> MainsError:
    detail = f"The server answered {status} in words that are not mains'."
    kind = errors.ServerUnreachable if status >= 500 else _class_by_status(status)
    return kind(detail, hint="Is this the right address? `mains context list` shows it.")


def _class_by_status(status: int) -> type[MainsError]:
    """A newer server may know codes that this client doesn't; the status still says the kind."""
    if status in _STATUSES:
        return _STATUSES[status]
    return errors.BadInput if status < 500 else errors.Broken


def _family(root: type[MainsError]) -> Iterator[type[MainsError]]:
    for child in root.__subclasses__():
        yield child
        yield from _family(child)


_CLASSES: Final = {kind.code: kind for kind in _family(MainsError)}
_STATUSES: Final[dict[int, type[MainsError]]] = {
    kind.status: kind for kind in MainsError.__subclasses__()
}
