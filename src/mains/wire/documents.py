"""YAML as people send it: read whole, or refused with one kind of error."""

import re

import yaml


def parse_yaml(text: str | bytes) -> object:
    """Return what a YAML text says; raises ValueError saying why it can't be read.

    safe_load lets errors of its own making through (impossible dates, endless nesting, odd tags);
    they are faults of the text like any other.
    """
    try:
        return yaml.safe_load(text if isinstance(text, str) else text.decode("utf-8"))
    except yaml.MarkedYAMLError as error:
        raise ValueError(f"it is not YAML: {_said(error)}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"it is not YAML: {error}") from error
    except (ValueError, OverflowError, RecursionError, AttributeError, TypeError) as error:
        raise ValueError("it is not YAML that can be read") from error


def _said(error: yaml.MarkedYAMLError) -> str:
    """Return what is wrong and where, without the line itself: it may hold a secret."""
    problem = re.sub(r"'[^'<]{2,}'", "...", error.problem or "it can't be read")
    mark = error.problem_mark or error.context_mark
    return problem if mark is None else f"{problem}, line {mark.line + 1}, column {mark.column + 1}"
