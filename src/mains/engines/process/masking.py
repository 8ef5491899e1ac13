"""A run's own secrets in what it prints: masked before a byte of its log is kept.

A value is found as it is, line by line, and as shells, URLs, JSON and base64 write it. What a run
changes in another way before it prints it is not found: then the log has what the run gave away.
"""

import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Final

MASK: Final = b"***"
VALUE_BYTES_MIN: Final = 6
"""Shorter values would mask half of every log, and tell by it what they are."""

UNESCAPED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
BASE64_BYTES_MIN: Final = 9
"""What is left of a shorter value, when its first and last characters depend on its neighbours,
is too little to be told from chance."""


class Mask:
    """Masks values in a stream of bytes, wherever the stream is cut.

    Bytes that may be the beginning of a value are held back until more have come, and nothing
    else; so a log goes on live.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._needles = sorted({needle for value in values for needle in _forms(value)})
        self._beginnings = {
            needle[:length] for needle in self._needles for length in range(1, VALUE_BYTES_MIN)
        }
        self._longest = max(map(len, self._needles), default=0)
        self._held = b""
        self._masked = 0
        """How many of the held bytes belong to a value for which the mask is out already."""

    def feed(self, data: bytes) -> bytes:
        """Return what may be kept of these bytes and those held back before."""
        if not self._needles:
            return data
        return self._take(self._held + data, last=False)

    def flush(self) -> bytes:
        """Return what was held back; the stream ends here, or somebody else's words follow."""
        return self._take(self._held, last=True)

    def _take(self, stream: bytes, *, last: bool) -> bytes:
        spans = self._spans(stream)
        end = len(stream) if last else self._unfinished(stream)
        parts: list[bytes] = []
        position, masked = 0, max(0, self._masked - end)
        for start, stop in spans:
            if start >= end:
                break
            parts.append(stream[position:start])
            parts += [MASK] if start or not self._masked else []
            position = min(stop, end)
            masked = max(0, stop - end)
        parts.append(stream[position:end])
        self._held, self._masked = stream[end:], masked
        return b"".join(parts)

    def _spans(self, stream: bytes) -> list[tuple[int, int]]:
        """Return where values lie, overlapping ones as one, in order."""
        found = [(0, self._masked)] if self._masked else []
        for needle in self._needles:
            start = stream.find(needle)
            while start >= 0:
                found.append((start, start + len(needle)))
                start = stream.find(needle, start + 1)
        merged: list[tuple[int, int]] = []
        for start, stop in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
            else:
                merged.append((start, stop))
        return merged

    def _unfinished(self, stream: bytes) -> int:
        """Return where the first value may begin that is not all there; the length if none may."""
        for start in range(max(0, len(stream) - self._longest + 1), len(stream)):
            if stream[start : start + VALUE_BYTES_MIN - 1] not in self._beginnings:
                continue
            tail = stream[start:]
            if any(len(needle) > len(tail) and needle.startswith(tail) for needle in self._needles):
                return start
        return len(stream)


def _forms(value: str) -> Iterator[bytes]:
    """Yield the ways in which a value may stand in a log."""
    for text in {value, *value.splitlines()}:
        plain = text.strip().encode("utf-8", "replace")
        if len(plain) < VALUE_BYTES_MIN:
            continue
        yield plain
        escaped = "".join(chr(b) if b in UNESCAPED else f"%{b:02X}" for b in plain)
        yield escaped.encode()
        yield escaped.replace("%20", "+").encode()
        yield json.dumps(text.strip())[1:-1].encode()
        quoted = json.dumps(text.strip(), ensure_ascii=False)[1:-1]
        yield quoted.encode("utf-8", "replace")
        yield quoted.replace("$", "\\$").replace("`", "\\`").encode("utf-8", "replace")
        yield plain.replace(b"'", b"'\\''")
        yield from _in_base64(plain)


def _in_base64(plain: bytes) -> Iterator[bytes]:
    """Yield what stands for a value in base64, whatever stands before and behind it there."""
    if len(plain) < BASE64_BYTES_MIN:
        return
    for before in range(3):
        encoded = binascii.b2a_base64(bytes(before) + plain, newline=False)
        # A character of base64 is six bits; those that share a neighbour's bits are left off.
        first = -(-before * 8 // 6)
        inner = encoded[first : (before + len(plain)) * 8 // 6]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")
