"""What the agent must know of a run that the engine does not tell: its tasks, whether it is leased.

One line per batch of orders, appended and not synced: it has to outlive the agent's process, and
runs do not outlive the machine either. Secrets and commands are never in it.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID

from mains.errors import StorageUnavailable
from mains.wire.agent import StartOrder

JOURNAL_FILE: Final = "orders.jsonl"
_STALE_LINES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Ordered:
    """The part of a start order that is needed after the agent was killed."""

    attempt_id: UUID
    fence: int
    first_task: int
    last_task: int
    leased: bool

    @classmethod
    def of(cls, order: StartOrder) -> Self:
        return cls(order.attempt_id, order.fence, order.first_task, order.last_task, order.leased)


class Journal:
    """Orders taken and not yet forgotten, in memory and on disk."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL_FILE
        self._known: dict[UUID, Ordered] = {}
        self._lines = 0
        self._read()
        # On a full disk the old file serves: an agent has to come up beside its runs.
        with suppress(OSError):
            self._compact()

    def get(self, attempt_id: UUID) -> Ordered | None:
        return self._known.get(attempt_id)

    def add(self, orders: Iterable[StartOrder]) -> None:
        """Note orders before any of them is started.

        Raises StorageUnavailable where the disk refuses: none of them is noted then.
        """
        added = [Ordered.of(order) for order in orders]
        try:
            self._append({"add": [_row(each) for each in added]})
        except OSError as error:
            raise StorageUnavailable(f"orders can't be noted: {error.strerror}") from error
        self._known.update((each.attempt_id, each) for each in added)

    def drop(self, attempt_ids: Iterable[UUID]) -> None:
        """Forget orders whose end the server has; what the disk doesn't take comes up again."""
        dropped = [key for key in attempt_ids if self._known.pop(key, None) is not None]
        if not dropped:
            return
        with suppress(OSError):
            self._append({"drop": [key.hex for key in dropped]})
            if self._lines > _STALE_LINES_MAX:
                self._compact()

    def _append(self, line: dict[str, Any]) -> None:
        """Write a whole line or nothing: behind half a line, the next one could not be read."""
        text = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        with self._path.open("ab", buffering=0) as file:
            before = file.tell()
            try:
                while text:
                    text = text[file.write(text) :]
            except OSError:
                file.truncate(before)
                raise
        self._lines += 1

    def _read(self) -> None:
        if not self._path.exists():
            return
        for text in self._path.read_text("utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                # The agent was killed while it wrote this line; the order was not started yet.
                continue
            for row in line.get("add", ()):
                ordered = Ordered(UUID(row[0]), *row[1:])
                self._known[ordered.attempt_id] = ordered
            for key in line.get("drop", ()):
                self._known.pop(UUID(key), None)

    def _compact(self) -> None:
        temporary = self._path.with_suffix(".new")
        rows = [_row(each) for each in self._known.values()]
        temporary.write_text(json.dumps({"add": rows}, separators=(",", ":")) + "\n", "utf-8")
        temporary.replace(self._path)
        self._lines = 1


def _row(ordered: Ordered) -> list[Any]:
    return [
        ordered.attempt_id.hex,
        ordered.fence,
        ordered.first_task,
        ordered.last_task,
        ordered.leased,
    ]
