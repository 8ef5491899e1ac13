"""Documents are read on a Ray cluster that exists already: for more than one machine wants.

The bytes travel with the task, so that the cluster needs no common file system; it does need mains
at the same version. Nothing of the cluster is started or ended here.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mains.daemon.reading_documents import Outcome, failed, read_source
from mains.daemon.reading_sources import Source
from mains.errors import DocumentTooSlow, MainsError, ReadingFailed, ServerUnreachable, SetupMissing
from mains.reports import limits

if TYPE_CHECKING:
    from types import ModuleType

DOCUMENTS_PER_PROCESS: Final = 1_000
SECONDS_PER_DOCUMENT: Final = 300.0
CONNECT_SECONDS_MAX: Final = 5.0
AHEAD_PER_PROCESSOR: Final = 4
AHEAD_MAX: Final = 4_096


def read_all(
    given: Iterator[Source], *, address: str, seconds_max: float = SECONDS_PER_DOCUMENT
) -> Iterator[Outcome]:
    """Yield what became of each source, in their order.

    Raises SetupMissing without Ray, and ServerUnreachable where no cluster answers.
    """
    ray = _connected(address)
    try:
        yield from _outcomes(ray, given, seconds_max)
    finally:
        ray.shutdown()


def _connected(address: str) -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise SetupMissing(
            "reading on a cluster needs Ray, which is not installed",
            hint="Install it: pip install 'mains[ray]'.",
        ) from error
    _check_answers(address)
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise _unreachable(address) from error
    return ray


def _check_answers(address: str) -> None:
    """Raise ServerUnreachable where nobody listens: Ray itself would ask again for minutes."""
    named = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        if named.port is None:
            return
        socket.create_connection((named.hostname, named.port), CONNECT_SECONDS_MAX).close()
    except (OSError, ValueError) as error:
        raise _unreachable(address) from error


def _unreachable(address: str) -> ServerUnreachable:
    return ServerUnreachable(
        f"no Ray cluster answers at {address}",
        hint="Start one with `ray start --head`, or name the address of a node of yours.",
    )


def _outcomes(ray: ModuleType, given: Iterator[Source], seconds_max: float) -> Iterator[Outcome]:
    # A worker is replaced after so many documents; a document is tried once: it may be the cause.
    read = ray.remote(max_calls=DOCUMENTS_PER_PROCESS, max_retries=0)(read_source)
    ahead_max = min(AHEAD_MAX, AHEAD_PER_PROCESSOR * max(1, int(ray.cluster_resources()["CPU"])))
    ahead: deque[tuple[Source, Any]] = deque()
    for source in given:
        ahead.append((source, _started(ray, read, source)))
        if len(ahead) >= ahead_max:
            yield _outcome(ray, *ahead.popleft(), seconds_max)
    while ahead:
        yield _outcome(ray, *ahead.popleft(), seconds_max)


def _started(ray: ModuleType, read: Any, source: Source) -> Any:  # noqa: ANN401 (Ray's own types)
    """Start reading on the cluster, or return the outcome where the file can't be read here."""
    if source.path is None:
        return read.remote(source)
    try:
        with source.path.open("rb") as file:
            content = file.read(limits.FILE_BYTES_MAX + 1)
    except OSError:
        return read_source(source)
    if len(content) > limits.FILE_BYTES_MAX:
        return read_source(source)
    return read.remote(replace(source, content=content))


def _outcome(ray: ModuleType, source: Source, started: Any, seconds_max: float) -> Outcome:  # noqa: ANN401
    if isinstance(started, Outcome):
        return started
    until = time.monotonic() + seconds_max
    try:
        outcome: Outcome = ray.get(started, timeout=until - time.monotonic())
    except ray.exceptions.GetTimeoutError:
        ray.cancel(started, force=True)
        return failed(source, DocumentTooSlow(f"it was not read within {seconds_max:g} seconds"))
    except ray.exceptions.RayError as error:
        return failed(source, _lost(error))
    return outcome


def _lost(error: Exception) -> MainsError:
    return ReadingFailed(f"the cluster lost it: {type(error).__name__}")
