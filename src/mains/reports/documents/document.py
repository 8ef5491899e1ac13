"""A document: one text, cut into blocks; every offset counts code points of the text."""

from __future__ import annotations

from dataclasses import dataclass

from mains.reports.values import BlockKind, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One paragraph, heading or list item: what part of the document it is, and its language.

    `language` is a BCP 47 primary code, or None where none was recognised. A heading inside the
    body is a body block with `is_heading`; a bullet before a list item is no part of its block.
    """

    kind: BlockKind
    language: str | None
    start: int
    end: int
    is_heading: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was opened; `published` is an ISO date only where the document itself gives one.

    `notes` say what a reader has to know of how the text came about: another encoding than UTF-8,
    bytes that had to be replaced, pages without text.
    """

    name: str
    sha256: str
    text: str
    blocks: tuple[Block, ...]
    published: str | None = None
    title: str | None = None
    publisher: str | None = None
    notes: tuple[Reason, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages of the blocks, the most used first."""
        sizes: dict[str, int] = {}
        for block in self.blocks:
            if block.language is not None:
                sizes[block.language] = sizes.get(block.language, 0) + block.end - block.start
        return tuple(sorted(sizes, key=lambda code: (-sizes[code], code)))
