"""Live figures of this platform as they stand beside what reports claim."""

from typing import Literal

from mains.wire.base import Instant, Schema

LiveState = Literal["live", "no_register", "cited"]


class LiveFigure(Schema):
    """One live figure: a decimal in base units, and what it counts; `about` is a stable code."""

    value: str
    unit: str
    about: str
    scope: str


class LiveView(Schema):
    """What this platform itself knows of a measure at this instant.

    live: figures has it, one for each currency. no_register: this platform keeps no register that
    would know it. cited: it can't be metered here, and can only be cited.
    """

    measure: str
    counterpart: str | None
    state: LiveState
    figures: list[LiveFigure]
    note: str
    at: Instant
