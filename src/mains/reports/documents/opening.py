"""Bytes become a document: sniffed, decoded or extracted, and cut into blocks."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mains.errors import DocumentEmpty, DocumentTooLarge, MainsError
from mains.reports import limits
from mains.reports.documents.dates import dateline
from mains.reports.documents.decoding import REPLACEMENT, decode
from mains.reports.documents.document import Block, Document
from mains.reports.documents.languages import block_languages
from mains.reports.documents.lines import Hint, Line, check_count, text_lines
from mains.reports.documents.parts import parts, quoted_headline
from mains.reports.documents.pdf import read_pdf
from mains.reports.documents.sniffing import Kind, declared_encoding, sniff
from mains.reports.values import BlockKind, Reason


def open_document(content: bytes, *, name: str, media_type: str | None = None) -> Document:
    """Return the document that the bytes are: text, HTML or PDF.

    Offsets count code points of `text`: for a text file that is the file as it was decoded, byte
    order mark and all; for HTML and PDF it is the extracted text, a paragraph a line.
    Raises DocumentUnreadable, DocumentTooLarge or DocumentEmpty, and nothing else.
    """
    try:
        opened = _storable(_opened(content, name=name, media_type=media_type))
        return _document(opened, content, name=name)
    except MainsError as error:
        error.facts.setdefault("document", name)
        raise


@dataclass(frozen=True, slots=True)
class _Opened:
    """A text and its lines, whatever it was taken from."""

    text: str
    lines: Sequence[Line]
    title: str | None = None
    published: str | None = None
    publisher: str | None = None
    notes: tuple[Reason, ...] = ()


def _opened(content: bytes, *, name: str, media_type: str | None) -> _Opened:
    if len(content) > limits.FILE_BYTES_MAX:
        raise DocumentTooLarge(
            f"{name} has {len(content):,} bytes, and a document may have {limits.FILE_BYTES_MAX:,}",
            limit="bytes",
        )
    if not content.strip():
        raise DocumentEmpty(f"{name} is empty")
    match sniff(content, name=name, media_type=media_type):
        case Kind.PDF:
            return _from_pdf(content)
        case Kind.HTML:
            return _from_html(content, media_type)
        case Kind.TEXT:
            return _from_text(content, media_type)


def _storable(opened: _Opened) -> _Opened:
    """Replace the character of code 0, which no database keeps; every offset stays."""
    return replace(
        opened,
        text=opened.text.replace("\0", REPLACEMENT),
        title=opened.title and opened.title.replace("\0", REPLACEMENT),
        publisher=opened.publisher and opened.publisher.replace("\0", REPLACEMENT),
    )


def _from_text(content: bytes, media_type: str | None) -> _Opened:
    text, notes = decode(content, declared=declared_encoding(media_type))
    _check_length(text)
    return _Opened(text, text_lines(text), notes=notes)


def _from_html(content: bytes, media_type: str | None) -> _Opened:
    # Imported with the first page: what reads HTML takes a while to load.
    from mains.reports.documents.html import meta_charset, read_page

    declared = declared_encoding(media_type) or meta_charset(content)
    markup, notes = decode(content, declared=declared)
    page = read_page(markup)
    text, lines = _laid_out(page.lines)
    _check_length(text)
    return _Opened(text, lines, page.title, page.published, page.publisher, notes)


def _from_pdf(content: bytes) -> _Opened:
    printed = read_pdf(content)
    text, lines = _laid_out(printed.lines)
    _check_length(text)
    return _Opened(text, lines, printed.title, notes=printed.notes)


def _laid_out(written: Sequence[tuple[str, Hint | None]]) -> tuple[str, list[Line]]:
    """Return the extracted lines as one text, with where each of them stands in it."""
    check_count(len(written))
    text = "".join(f"{line}\n" for line, _ in written)
    starts = itertools.accumulate((len(line) + 1 for line, _ in written), initial=0)
    lines = [
        Line(start, start + len(line), hint, follows_blank=False)
        for start, (line, hint) in zip(starts, written, strict=False)
    ]
    return text, lines


def _check_length(text: str) -> None:
    if len(text) > limits.TEXT_CHARACTERS_MAX:
        raise DocumentTooLarge(
            f"its text has more than {limits.TEXT_CHARACTERS_MAX:,} characters", limit="text"
        )


def _document(opened: _Opened, content: bytes, *, name: str) -> Document:
    text, lines = opened.text, opened.lines
    if not any(letter.isalnum() for line in lines for letter in text[line.start : line.end]):
        raise DocumentEmpty(f"{name} holds no word and no number")
    written = [text[line.start : line.end] for line in lines]
    languages = block_languages(written)
    found = parts(text, lines, languages)
    blocks = tuple(
        Block(
            kind=part.kind,
            language=language,
            start=line.start,
            end=line.end,
            is_heading=part.is_heading,
        )
        for line, part, language in zip(lines, found, languages, strict=True)
    )
    document = Document(
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        text=text,
        blocks=blocks,
        title=opened.title or _title(text, blocks),
        published=opened.published,
        publisher=opened.publisher,
        notes=opened.notes,
    )
    return document if document.published else _dated(document, written)


def _title(text: str, blocks: Sequence[Block]) -> str | None:
    titles = (text[block.start : block.end] for block in blocks if block.kind is BlockKind.TITLE)
    title = next(titles, None)
    return title and (quoted_headline(title) or title)


def _dated(document: Document, written: Sequence[str]) -> Document:
    """Return the document with the date that a dateline of its own gives, if one does."""
    first = next(
        (
            index
            for index, block in enumerate(document.blocks)
            if block.kind is BlockKind.BODY and not block.is_heading
        ),
        len(document.blocks),
    )
    main = document.languages[0] if document.languages else None
    published = dateline(written, first, main)
    return replace(document, published=published) if published else document
