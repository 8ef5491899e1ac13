"""What people and programs see: tables where a person looks, plain lines in pipes, or JSON.

Text that came from elsewhere never steers the terminal: control characters are shown as a mark.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mains.errors import (
    BadInput,
    Conflicting,
    Forbidden,
    MainsError,
    Missing,
    Refused,
    Unauthenticated,
    Unavailable,
)

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from mains.wire.base import Amount

Rows = Sequence[Sequence[str]]
JsonValue = Any

EXIT_CODES: Final[dict[type[MainsError], int]] = {
    BadInput: 2,
    Unauthenticated: 3,
    Forbidden: 3,
    Missing: 4,
    Conflicting: 5,
    Refused: 6,
    Unavailable: 7,
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_STATE_STYLES: Final = {
    "succeeded": "green",
    "ready": "green",
    "running": "cyan",
    "failed": "red",
    "lost": "red",
    "timed_out": "red",
    "cancelled": "yellow",
    "away": "yellow",
}


class Output:
    """Writes one command's answer; with as_json only `document` writes to standard output."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.for_person = not as_json and sys.stdout.isatty()
        self._console: Console | None = None

    @property
    def console(self) -> Console:
        """A terminal's console; made on first use, for importing it takes time."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(highlight=False, soft_wrap=False)
        return self._console

    def document(self, value: BaseModel | Sequence[BaseModel] | JsonValue) -> None:
        """Write one JSON document if that was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")

    def line(self, text: str = "") -> None:
        if self.as_json:
            return
        if self.for_person:
            self.console.print(clean(text), markup=False, overflow="fold")
        else:
            sys.stdout.write(clean(text) + "\n")

    def heading(self, text: str) -> None:
        if self.as_json:
            return
        if self.for_person:
            self.console.print(clean(text), style="bold", markup=False)
        else:
            sys.stdout.write(clean(text) + "\n")

    def pairs(self, rows: Rows) -> None:
        """Write names and values, one pair a line, values aligned."""
        if self.as_json:
            return
        width = max((cell_width(row[0]) for row in rows), default=0)
        for name, value in rows:
            self.line(f"  {_padded(name, width)}  {value}")

    def table(self, columns: Sequence[str], rows: Rows, *, right: Sequence[str] = ()) -> None:
        """Write rows under their columns' names; those in `right` are aligned as numbers."""
        if self.as_json:
            return
        if self.for_person:
            self._rich_table(columns, rows, right)
        else:
            sys.stdout.writelines(f"{line}\n" for line in plain_table(columns, rows, right))

    @contextmanager
    def status(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show what is waited for where a person looks; yields what changes the words."""
        if not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.console import Console

        with Console(stderr=True).status(clean(text)) as status:
            yield lambda changed: status.update(clean(changed))

    def note(self, text: str) -> None:
        """Write a remark beside the answer, to standard error."""
        sys.stderr.write(clean(text) + "\n")

    def amount(self, amount: Amount | None) -> str:
        """Return money to read; thousands are parted only where a person looks."""
        if amount is None:
            return "-"
        return self.money(amount.amount, amount.currency)

    def money(self, decimal: str, currency: str) -> str:
        return f"{parted(decimal) if self.for_person else decimal} {currency}"

    def _rich_table(self, columns: Sequence[str], rows: Rows, right: Sequence[str]) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, header_style="bold", show_edge=False, pad_edge=False)
        for index, column in enumerate(columns):
            numeric = column in right
            table.add_column(
                column,
                justify="right" if numeric else "left",
                # The first column names the row: broken over two lines, a name can't be copied.
                no_wrap=numeric or index == 0,
                overflow="fold",
            )
        for row in rows:
            cells = [clean(cell) for cell in row]
            table.add_row(*(Text(cell, style=_STATE_STYLES.get(cell, "")) for cell in cells))
        self.console.print(table)


def show_error(error: MainsError, *, as_json: bool) -> int:
    """Tell what happened and what to do next, on standard error; returns the exit code."""
    if as_json:
        sys.stdout.write(json.dumps(problem_of(error), indent=2, ensure_ascii=False) + "\n")
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    red, plain_again = ("\x1b[1;31m", "\x1b[0m") if colour else ("", "")
    lines = [f"{red}error{plain_again} [{error.code}]: {clean(error.detail)}"]
    lines += [f"  {clean(fact)}" for fact in _facts_beside(error)]
    if error.hint:
        lines.append(f"  next: {clean(error.hint)}")
    sys.stderr.write("\n".join(lines) + "\n")
    return exit_code(error)


def _facts_beside(error: MainsError) -> list[str]:
    """Return the lists and mappings among an error's facts that its detail doesn't tell."""
    found: list[str] = []
    for name, fact in error.facts.items():
        if isinstance(fact, dict):
            found += [f"{key}: {value}" for key, value in fact.items() if value not in error.detail]
        elif isinstance(fact, list) and fact:
            found.append(f"{name}: {', '.join(fact)}")
    return found


def problem_of(error: MainsError) -> dict[str, JsonValue]:
    return {
        "code": error.code,
        "status": error.status,
        "detail": error.detail,
        "hint": error.hint,
        "facts": error.facts,
    }


def exit_code(error: MainsError) -> int:
    """2 bad input, 3 not allowed, 4 not found, 5 conflict, 6 refused, 7 unavailable, else 1."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)


def plain(value: JsonValue) -> JsonValue:
    """Return schema objects, alone or in lists and mappings, as what json can write."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def plain_table(columns: Sequence[str], rows: Rows, right: Sequence[str] = ()) -> list[str]:
    """Return aligned lines, two blanks between columns, nothing cut."""
    head = tuple(column.upper().replace(" ", "_") for column in columns)
    lines = [head, *(tuple(clean(cell).replace("\n", " ") or "-" for cell in row) for row in rows)]
    widths = [max(cell_width(line[index]) for line in lines) for index in range(len(columns))]
    numeric = [column in right for column in columns]
    return [
        "  ".join(
            _padded(cell, width, right=aligned)
            for cell, width, aligned in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    ]


def clean(text: str) -> str:
    """Return text with every control character but newline and tab replaced by a mark."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def parted(decimal: str) -> str:
    """Return a decimal string with its thousands parted: 12,300.00."""
    whole, point, fraction = decimal.partition(".")
    return f"{int(whole):,}{point}{fraction}" if whole != "-0" else decimal


def moment(instant: datetime | None) -> str:
    """Return an instant in the reader's time zone, to the second."""
    return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S %z") if instant else "-"


def ago(instant: datetime | None) -> str:
    if instant is None:
        return "-"
    return f"{span(int((datetime.now(UTC) - instant).total_seconds()))} ago"


def starting(seconds: int | None) -> str:
    """Return an estimated start to read."""
    if seconds is None:
        return "unknown"
    return "now" if seconds <= 0 else f"in {span(seconds)}"


def span(seconds: int) -> str:
    """Return a length of time in its two largest units."""
    parts: list[str] = []
    rest = max(seconds, 0)
    for size, letter in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {letter}")
    return " ".join(parts[:2]) or "0 s"


def size(count: int) -> str:
    """Return bytes to read, in binary units."""
    scaled, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if scaled < 1024 or unit == "TiB":
            break
        scaled /= 1024
    return f"{count} B" if unit == "B" else f"{scaled:.1f} {unit}"


def cell_width(text: str) -> int:
    """Return how many columns a terminal gives the text: a Chinese character takes two."""
    from rich.cells import cell_len

    return cell_len(text)


def _padded(text: str, width: int, *, right: bool = False) -> str:
    blanks = " " * (width - cell_width(text))
    return blanks + text if right else text + blanks
