"""Bytes become text: UTF-8 first, other encodings by their statistics, never silently."""

from __future__ import annotations

import codecs
from typing import Final

import charset_normalizer

from mains.errors import DocumentUnreadable
from mains.reports.values import Reason

SAMPLE_BYTES: Final = 2**16
"""An encoding is recognised by the beginning; the whole is then decoded with it."""
DAMAGE_MAX: Final = 0.1
"""Up to this share of broken sequences, damaged UTF-8 is likelier than another encoding."""
CONTROL_SHARE_MAX: Final = 0.01
REPLACEMENT: Final = "\ufffd"
TEXT_CONTROLS: Final = frozenset("\t\n\x0b\x0c\r")
MARKED: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CANDIDATES: Final = (
    "cp1252 cp1251 koi8_r gb18030 big5 shift_jis euc_jp euc_kr cp1250 cp1253 cp1254 cp1255 cp1256 "
    "cp1257 iso8859_2 iso8859_5 iso8859_15"
).split()
"""Encodings that documents of our languages and their neighbours are found in."""


def decode(content: bytes, *, declared: str | None = None) -> tuple[str, tuple[Reason, ...]]:
    """Return the text, and a note where it was not plain UTF-8.

    A byte order mark stays in the text, so that offsets are those of the file decoded as UTF-8.
    `declared` is the encoding that the document or its carrier names; UTF-8 goes before it.
    Raises DocumentUnreadable for bytes that are no text.
    """
    for mark, encoding in MARKED:
        if content.startswith(mark):
            return _checked(_decoded(content, encoding)), (_note(encoding),)
    try:
        return _checked(content.decode("utf-8")), ()
    except UnicodeDecodeError:
        pass
    named = _known(declared)
    if named is not None and named != "utf-8":
        return _checked(content.decode(named, errors="replace")), (_note(named),)
    repaired = content.decode("utf-8", errors="replace")
    if _is_damaged_only(repaired):
        return _checked(repaired), (_damage(repaired),)
    _checked(content.decode("latin-1"))  # Binary data is named as such, before anything is guessed.
    encoding = _recognised(content)
    return _checked(content.decode(encoding, errors="replace")), (_note(encoding),)


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentUnreadable(
            f"it begins as {encoding.upper()} and breaks at byte {error.start:,}", reason="encoding"
        ) from error


def _known(declared: str | None) -> str | None:
    """Return Python's name of a text encoding that it can decode, or None."""
    try:
        found = codecs.lookup((declared or "").strip())
        b"text".decode(found.name)
    except (LookupError, ValueError):
        return None
    return found.name if not found.name.startswith("utf-7") else None


def _is_damaged_only(text: str) -> bool:
    """Whether the sequences that broke are few beside those that did not."""
    broken = text.count(REPLACEMENT)
    whole = sum(1 for letter in text[: 4 * SAMPLE_BYTES] if letter > "\x7f") - broken
    return broken <= DAMAGE_MAX * max(whole, 0)


def _recognised(content: bytes) -> str:
    best = charset_normalizer.from_bytes(content[:SAMPLE_BYTES], cp_isolation=CANDIDATES).best()
    if best is None:
        raise DocumentUnreadable("its encoding cannot be recognised", reason="encoding")
    return best.encoding


def _checked(text: str) -> str:
    """Return the text; raises DocumentUnreadable where control characters show that it is none."""
    controls = sum(text.count(chr(code)) for code in range(32) if chr(code) not in TEXT_CONTROLS)
    if controls > CONTROL_SHARE_MAX * len(text):
        raise DocumentUnreadable("it is binary data, no text", reason="binary")
    return text


def _note(encoding: str) -> Reason:
    name = encoding.replace("_", "-")
    return Reason("encoding", f"The bytes were read as {name}; offsets count the decoded text.")


def _damage(text: str) -> Reason:
    return Reason(
        "damaged", f"{text.count(REPLACEMENT):,} broken sequences stand as U+FFFD in the text."
    )
