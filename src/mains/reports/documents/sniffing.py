"""What kind of document some bytes are: by their beginning first, then by what is said of them."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from mains.errors import DocumentUnreadable

SNIFFED_BYTES: Final = 1_024


class Kind(StrEnum):
    """The kinds of documents that are opened."""

    TEXT = "text"
    HTML = "html"
    PDF = "pdf"


FOREIGN: Final = (
    (b"\x1f\x8b", "a gzip archive", "Unpack it and read what is inside."),
    (b"PK\x03\x04", "a ZIP archive or an office document", "Save it as PDF, or unpack it."),
    (b"\xd0\xcf\x11\xe0", "an old office document", "Save it as PDF or as plain text."),
    (b"BZh", "a bzip2 archive", "Unpack it and read what is inside."),
    (b"\xfd7zXZ", "an xz archive", "Unpack it and read what is inside."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it and read what is inside."),
    (b"(\xb5/\xfd", "a zstd archive", "Unpack it and read what is inside."),
    (b"Rar!", "a RAR archive", "Unpack it and read what is inside."),
    (b"\x89PNG", "a picture", "A picture of text needs OCR first."),
    (b"\xff\xd8\xff", "a picture", "A picture of text needs OCR first."),
    (b"GIF8", "a picture", "A picture of text needs OCR first."),
    (b"RIFF", "a picture, sound or film", ""),
    (b"\x7fELF", "a program", ""),
    (b"MZ\x90", "a program", ""),
    (b"{\\rtf", "a rich text document", "Save it as PDF or as plain text."),
    (b"%!PS", "a PostScript document", "Save it as PDF."),
)
HTML_OPENINGS: Final = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
HTML_ELEMENTS: Final = re.compile(
    rb"<(?:p|div|article|main|section|h[1-6]|meta|br|span|table)[\s/>]", re.IGNORECASE
)
MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
HTML_ENDINGS: Final = (".html", ".htm", ".xhtml")


def sniff(content: bytes, *, name: str, media_type: str | None = None) -> Kind:
    """Return what the bytes are; raises DocumentUnreadable for a kind that cannot be opened."""
    head = content[:SNIFFED_BYTES]
    if b"%PDF-" in head:
        return Kind.PDF
    for beginning, what, hint in FOREIGN:
        if head.startswith(beginning):
            raise DocumentUnreadable(f"{name} is {what}", hint=hint, reason="kind")
    for mark in MARKS:
        head = head.removeprefix(mark)
    plain = head.replace(b"\x00", b"")  # UTF-16 writes a tag's letters with zeros between them.
    if HTML_OPENINGS.match(plain):
        return Kind.HTML
    said = (media_type or "").partition(";")[0].strip().lower()
    is_said = said in HTML_TYPES or (not said and name.lower().endswith(HTML_ENDINGS))
    return Kind.HTML if is_said and HTML_ELEMENTS.search(plain) else Kind.TEXT


def declared_encoding(media_type: str | None) -> str | None:
    """Return the charset that a media type names."""
    match = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", media_type or "", re.IGNORECASE)
    return match[1] if match else None
