"""YAML as people send it: read whole, or refused with one kind of error."""

import yaml


def parse_yaml(text: str | bytes) -> object:
    """Return what a YAML text says; raises ValueError saying why it can't be read.

    safe_load lets errors of its own making through (impossible dates, endless nesting, odd tags);
    they are faults of the text like any other.
    """
    try:
        return yaml.safe_load(text if isinstance(text, str) else text.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"it is not YAML: {error}") from error
    except (ValueError, OverflowError, RecursionError, AttributeError, TypeError) as error:
        raise ValueError("it is not YAML that can be read") from error
