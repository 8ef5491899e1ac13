"""PDF becomes lines: pypdf takes the text out in a bounded process, paragraphs are put together.

A PDF knows printed lines and no paragraphs. Lines are joined until one is short and ends as a
sentence does, until a blank line, or before a list item; a word that was cut at the line's end is
whole again. What repeats at the top or foot of the pages is left out.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mains.errors import DocumentEmpty, DocumentTooLarge, DocumentUnreadable, MainsError
from mains.reports import limits
from mains.reports.documents.lines import BULLETS, Hint
from mains.reports.documents.parts import SENTENCE_ENDS
from mains.reports.values import Reason

REPEATED_PAGES_MIN: Final = 3
REPEATED_SHARE_MIN: Final = 0.5
SHORT_LINE_SHARE: Final = 0.8
"""A line this much shorter than the usual one ends its paragraph."""
TITLE_CHARACTERS_MAX: Final = 200
WAIT_SECONDS_MAX: Final = limits.PDF_SECONDS_MAX * 2
CUT_WORD: Final = re.compile(r"[^\W\d_]{2,}[-\u00ad\u2010]$")
FILE_NAME: Final = re.compile(r"\.\w{2,4}$|^\S+$|[\\/]")
NUMBERS: Final = re.compile(r"\d+")
WIDE: Final = re.compile(r"[\u2e80-\u9fff\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class Print:
    """What a PDF holds: its lines, its title, and notes on pages without text."""

    lines: tuple[tuple[str, Hint | None], ...]
    title: str | None
    notes: tuple[Reason, ...]


def read_pdf(content: bytes) -> Print:
    """Return the text of a PDF as paragraphs.

    Raises DocumentUnreadable, DocumentTooLarge or DocumentEmpty, each saying what to do.
    """
    answer = _ask(content)
    error = answer.get("error")
    if error is not None:
        raise _error(str(error))
    pages = [str(page) for page in answer["pages"]]
    if not any(page.strip() for page in pages):
        raise DocumentEmpty(
            f"none of its {len(pages)} pages holds text",
            hint="It may consist of pictures of pages: run OCR on it first.",
        )
    blank = sum(not page.strip() for page in pages)
    return Print(
        lines=tuple(_paragraphs(_printed_lines(pages))),
        title=_title(answer.get("title")),
        notes=(Reason("pages", f"{blank} of {len(pages)} pages hold no text."),) if blank else (),
    )


def _ask(content: bytes) -> dict[str, list[object]]:
    command = [sys.executable, "-m", "mains.reports.pdf_child"]
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=WAIT_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _error("time") from error
    if done.returncode:
        # A process that is ended by its own bounds says nothing: out of time, or out of memory.
        raise _error("bounds")
    answer: dict[str, list[object]] = json.loads(done.stdout)
    return answer


def _error(reason: str) -> MainsError:
    match reason:
        case "encrypted":
            return DocumentUnreadable(
                "the PDF is protected by a password",
                hint="Open it with the password and save it without one.",
                reason=reason,
            )
        case "pages":
            return DocumentTooLarge(
                f"the PDF has more than {limits.PDF_PAGES_MAX:,} pages", limit=reason
            )
        case "text":
            return DocumentTooLarge(
                f"its text has more than {limits.TEXT_CHARACTERS_MAX:,} characters", limit=reason
            )
        case "memory" | "time" | "bounds":
            return DocumentTooLarge(
                "the PDF takes more memory or time than one document may", limit=reason
            )
        case _:
            return DocumentUnreadable("the PDF is broken", reason=reason)


def _title(stored: object) -> str | None:
    """Return the stored title, unless it is the name of a file or of a program's draft."""
    title = " ".join(str(stored).split()) if isinstance(stored, str) else ""
    is_title = 0 < len(title) <= TITLE_CHARACTERS_MAX and (
        WIDE.search(title) is not None or not FILE_NAME.search(title)
    )
    return title if is_title else None


def _printed_lines(pages: Sequence[str]) -> Iterator[str]:
    """Yield the lines of all pages; an empty one stands where a paragraph surely ends."""
    cut = [[line.strip() for line in page.splitlines()] for page in pages]
    repeated = _repeated(cut)
    for lines in cut:
        kept = [line for line in lines if _figureless(line) not in repeated]
        while kept and not kept[0]:
            kept.pop(0)
        while kept and not kept[-1]:
            kept.pop()
        yield from kept


def _repeated(pages: Sequence[Sequence[str]]) -> frozenset[str]:
    """Return the first and last lines that most pages have in common, figures left out."""
    if len(pages) < REPEATED_PAGES_MIN:
        return frozenset()
    seen: Counter[str] = Counter()
    for lines in pages:
        written = [line for line in lines if line]
        seen.update({_figureless(line) for line in [*written[:2], *written[-2:]]})
    least = max(REPEATED_PAGES_MIN, round(REPEATED_SHARE_MIN * len(pages)))
    return frozenset(line for line, count in seen.items() if count >= least)


def _figureless(line: str) -> str:
    return NUMBERS.sub("0", line)


def _paragraphs(printed: Iterator[str]) -> Iterator[tuple[str, Hint | None]]:
    lines = list(printed)
    usual = statistics.median([len(line) for line in lines if line])
    held: list[str] = []
    for line in [*lines, ""]:
        if held and (not line or _is_bullet(line) or _ends(held[-1], line, usual)):
            yield _joined(held), Hint.ITEM if _is_bullet(held[0]) else None
            held = []
        if line:
            held.append(" ".join(line.split()))


def _is_bullet(line: str) -> bool:
    return len(line) > 2 and line[0] in BULLETS and line[1].isspace()


def _ends(line: str, following: str, usual: float) -> bool:
    """Whether a paragraph, or a heading, ends with this line."""
    is_short = len(line) < SHORT_LINE_SHARE * usual
    if line[-1] in SENTENCE_ENDS or line.rstrip("\"'”’»)")[-1:] in SENTENCE_ENDS:
        return is_short
    is_cut = CUT_WORD.search(line) is not None
    return is_short and not is_cut and not following[0].islower() and not following[0].isdigit()


def _joined(lines: Sequence[str]) -> str:
    text = _unbulleted(lines[0])
    for line in lines[1:]:
        if CUT_WORD.search(text) and line[0].islower():
            text = text[:-1] + line
        elif WIDE.match(text[-1]) and WIDE.match(line[0]):
            text += line
        else:
            text += " " + line
    return text


def _unbulleted(line: str) -> str:
    return line[1:].strip() if _is_bullet(line) else line
