"""Documents of a few paragraphs in a language that is said, and what is read from them."""

from __future__ import annotations

import hashlib

from mains.reports.documents import Block, Document
from mains.reports.reader.reader import read
from mains.reports.values import BlockKind, Claim


def document(*paragraphs: str, language: str | None, title: str | None = None) -> Document:
    lines = ([title] if title else []) + list(paragraphs)
    text = "\n".join(lines)
    blocks, at = [], 0
    for index, line in enumerate(lines):
        kind = BlockKind.TITLE if title and index == 0 else BlockKind.BODY
        blocks.append(Block(kind=kind, language=language, start=at, end=at + len(line)))
        at += len(line) + 1
    return Document(
        name="report.txt",
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        blocks=tuple(blocks),
    )


def claims(*paragraphs: str, language: str | None, title: str | None = None) -> tuple[Claim, ...]:
    return read(document(*paragraphs, language=language, title=title)).claims


def figures(*paragraphs: str, language: str) -> list[Claim]:
    """Return the claims that are no neutral numbers."""
    return [claim for claim in claims(*paragraphs, language=language) if not claim.is_neutral]
