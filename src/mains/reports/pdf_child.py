"""`python -m mains.reports.pdf_child`: a PDF on stdin, its text as JSON on stdout.

It runs as a process of its own with bounded memory and time: a PDF is a program for a small
machine, and some are written to exhaust it. Whatever goes wrong is told as {"error": ...}.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import FileNotDecryptedError, PyPdfError

from mains.reports import limits


def main() -> None:
    _bound()
    logging.disable()
    sys.setrecursionlimit(2_000)
    sys.stdout.write(json.dumps(_read(sys.stdin.buffer.read())))


def _bound() -> None:
    """Bound this process's memory and time; the system ends it when it goes beyond."""
    memory = limits.PDF_MEMORY_BYTES_MAX
    seconds = limits.PDF_SECONDS_MAX
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _read(content: bytes) -> dict[str, object]:
    try:
        return _pages(content)
    except MemoryError:
        return {"error": "memory"}
    except FileNotDecryptedError:
        return {"error": "encrypted"}
    except (PyPdfError, RecursionError, OSError, ArithmeticError, AssertionError):
        return {"error": "broken"}
    # pypdf answers broken files with many a builtin error; all of them mean the file.
    except (LookupError, TypeError, ValueError, AttributeError, NotImplementedError):
        return {"error": "broken"}


def _pages(content: bytes) -> dict[str, object]:
    reader = PdfReader(BytesIO(content), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        return {"error": "encrypted"}
    count = len(reader.pages)
    if count > limits.PDF_PAGES_MAX:
        return {"error": "pages", "pages": count}
    texts: list[str] = []
    held = 0
    for page in reader.pages:
        texts.append(page.extract_text())
        held += len(texts[-1])
        if held > limits.TEXT_CHARACTERS_MAX:
            return {"error": "text"}
    return {"pages": texts, "title": _title(reader)}


def _title(reader: PdfReader) -> str | None:
    metadata = reader.metadata
    return str(metadata.title) if metadata is not None and metadata.title else None


if __name__ == "__main__":
    main()
