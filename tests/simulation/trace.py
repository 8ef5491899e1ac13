"""What happened, in short lines: their hash tells one run of a simulation from another."""

import hashlib
from collections.abc import Callable
from typing import Final
from uuid import UUID

SHOWN: Final = 30


class Trace:
    """Lines in the order of events, with the jobs and attempts that they are about."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._lines: list[tuple[str, tuple[str, ...]]] = []
        self._names: dict[UUID, str] = {}

    def name(self, key: UUID, kind: str = "attempt") -> str:
        """Return a short name, the same for one seed wherever it runs."""
        return self._names.setdefault(key, f"{kind} {len(self._names)}")

    def note(self, text: str, *about: UUID) -> None:
        names = tuple(self.name(key) for key in about)
        line = f"{self._seconds():9.3f}  {' '.join((*names, text))}"
        self._lines.append((line, names))

    def digest(self) -> str:
        text = "\n".join(line for line, _ in self._lines)
        return hashlib.sha256(text.encode()).hexdigest()

    def tail(self, about: UUID | None) -> str:
        """Return the last lines that concern a job or an attempt, or are of general interest."""
        wanted = self._names.get(about) if about is not None else None
        related = {wanted}
        for _, names in self._lines:
            if wanted in names:
                related.update(names)
        lines = [
            line
            for line, names in self._lines
            if wanted is None or not names or related.intersection(names)
        ]
        return "\n".join(lines[-SHOWN:])
