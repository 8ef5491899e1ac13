"""Runs work on one machine: an engine for the agent, and a supervisor per run that outlives it.

Everything but `engine` and what it alone imports is free of third-party packages, because the
supervisor must start fast and stay small; so `ProcessEngine` is loaded when it is asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mains.engines.process.engine import ProcessEngine

__all__ = ["ProcessEngine"]


def __getattr__(name: str) -> object:
    if name == "ProcessEngine":
        from mains.engines.process.engine import ProcessEngine

        return ProcessEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
