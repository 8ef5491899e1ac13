"""Structured logs: one JSON object a line, one file per process, in a known place."""

import logging
import logging.handlers
import sys
from pathlib import Path
from types import TracebackType
from typing import Final

import structlog

FILE_BYTES_MAX: Final = 16 * 2**20
FILES_KEPT: Final = 5


def configure(folder: Path, process: str) -> None:
    """Send this process's log, and that of its libraries, to FOLDER/PROCESS.log."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        folder / f"{process}.log", maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Request lines would name every path; the API's metrics count them instead.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _record


def _record(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Leave the end of this process in its log too, where it is looked for."""
    if issubclass(kind, Exception):
        structlog.get_logger().error("ended by a fault", exc_info=(kind, error, traceback))
    sys.__excepthook__(kind, error, traceback)
