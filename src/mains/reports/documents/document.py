"""A document: one text, cut into blocks; every offset counts code points of the text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mains.reports.values import BlockKind

HEADLINE_CHARACTERS_MAX: Final = 160
"""A first line longer than this opens the body."""
LINE_ENDS: Final = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
BYTE_ORDER_MARK: Final = "\ufeff"
SENTENCE_ENDS: Final = (".", "!", "?", "。", "！", "？", "…", ":", ";", "；", "：")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One paragraph, heading or list item: what part of the document it is, and its language.

    `language` is a BCP 47 primary code, or None where none was recognised.
    """

    kind: BlockKind
    language: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was opened; `published` is an ISO date only where the document itself gives one."""

    name: str
    sha256: str
    text: str
    blocks: tuple[Block, ...]
    published: str | None = None
    title: str | None = None
    publisher: str | None = None

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages of the blocks, the most used first."""
        sizes: dict[str, int] = {}
        for block in self.blocks:
            if block.language is not None:
                sizes[block.language] = sizes.get(block.language, 0) + block.end - block.start
        return tuple(sorted(sizes, key=lambda code: (-sizes[code], code)))


def plain_document(content: bytes, *, name: str, language: str | None) -> Document:
    """Open UTF-8 text: one block a line that has text, a headline first where there is one."""
    text = content.decode("utf-8", errors="replace")
    lines = list(_lines(text))
    blocks = [
        Block(kind=_kind(text, position, lines), language=language, start=start, end=end)
        for position, (start, end) in enumerate(lines)
    ]
    return Document(
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        text=text,
        blocks=tuple(blocks),
    )


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each line that has more than white space, both trimmed."""
    start = 0
    for position in range(len(text) + 1):
        if position < len(text) and text[position] not in LINE_ENDS:
            continue
        first, last = start, position
        while first < last and (text[first].isspace() or text[first] == BYTE_ORDER_MARK):
            first += 1
        while last > first and text[last - 1].isspace():
            last -= 1
        if last > first:
            yield first, last
        start = position + 1


def _kind(text: str, position: int, lines: list[tuple[int, int]]) -> BlockKind:
    start, end = lines[position]
    is_headline = (
        position == 0
        and len(lines) > 1
        and end - start <= HEADLINE_CHARACTERS_MAX
        and not text[start:end].endswith(SENTENCE_ENDS)
    )
    return BlockKind.TITLE if is_headline else BlockKind.BODY
