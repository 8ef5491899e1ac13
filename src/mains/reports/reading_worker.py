"""One reading process: `python -m mains.reports.reading_worker`, a request a line on its input.

It knows no database and no setting, and no key but that of a model, if one proposes. It ends
when its input ends, or at its parent's death.
"""

from __future__ import annotations

import hashlib
import os
import queue
import resource
import signal
import sys
import threading
import traceback
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from mains.errors import DocumentTooLarge, MainsError, ReadingFailed
from mains.reports.collecting import collect_rarely
from mains.reports.reading_pool import FETCHED, OPENED, WRITTEN
from mains.reports.resemblance import bands, signature
from mains.reports.values import BlockKind, Claim, Reading, Relation

if TYPE_CHECKING:
    from mains.reports.documents import Document

MEMORY_BYTES_MAX: Final = 4 * 2**30
NICE: Final = 5
GRACE_SECONDS: Final = 5
CLAIMS_MAX: Final = 20_000
"""Claims or relations of one document; a table of more is data, and no report."""

SENTENCE_CHARACTERS_MAX: Final = 1_200
BESIDE_CHARACTERS: Final = 300
"""How much is kept on either side of a span whose sentence is longer than any real one."""

BLOCK_CHARACTERS_MAX: Final = 100_000

_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"


def main() -> None:
    """Answer requests until the input ends."""
    answers = _own_output()
    collect_rarely()
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    for line in _requests():
        request = orjson.loads(line)
        # A parent that was killed can't tell when it is enough; the alarm can.
        signal.alarm(int(request["seconds_max"]) + GRACE_SECONDS)
        answers.write(orjson.dumps(_answer(request)) + b"\n")
        answers.flush()
        signal.alarm(0)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return what became of one document; whatever goes wrong is this document's error alone."""
    try:
        (_fetch if request["do"] == "fetch" else _read)(request)
    except MainsError as refusal:
        return _error(refusal)
    except Exception as fault:  # noqa: BLE001 (one document's fault ends no worker)
        return _error(ReadingFailed(f"reading failed: {_where(fault)}"))
    return {"written": True}


def _read(request: dict[str, Any]) -> None:
    # Imported with the first request: a worker that only starts is cheap.
    from mains.reports.documents import open_document
    from mains.reports.proposing.reading import proposer_in_worker, read

    content = Path(request["content"]).read_bytes()
    opened = _storable(
        open_document(content, name=request["name"], media_type=request["media_type"])
    )
    assert opened.sha256.endswith(request["digits"]), "ids are made of the content's own hash"
    reading = read(opened, proposer_in_worker(request.get("model")))
    if max(len(reading.claims), len(reading.relations)) > CLAIMS_MAX:
        raise DocumentTooLarge(f"the document has more than {CLAIMS_MAX:,} figures", limit="claims")
    folder = Path(request["folder"])
    (folder / OPENED).write_bytes(_opened(opened))
    (folder / WRITTEN).write_bytes(orjson.dumps(_written(opened, reading)))


def _fetch(request: dict[str, Any]) -> None:
    from mains.reports.documents.fetching import fetch

    fetched = fetch(request["url"])
    folder = Path(request["folder"])
    (folder / FETCHED).write_bytes(fetched.content)
    said = {"name": fetched.name, "media_type": fetched.media_type, "url": fetched.url}
    (folder / WRITTEN).write_bytes(orjson.dumps(said))


def _storable(document: Document) -> Document:
    """Replace what no database keeps, one character for one, so that every offset holds."""
    text = document.text.replace("\0", _REPLACED)
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return replace(document, text=text) if len(text) == len(document.text) else document


def _opened(document: Document) -> bytes:
    blocks = [
        {"kind": each.kind, "language": each.language, "start": each.start, "end": each.end}
        for each in document.blocks
    ]
    return orjson.dumps({"text": document.text, "blocks": blocks})


def _written(document: Document, reading: Reading) -> dict[str, Any]:
    from mains.reports.reconcile.facts import document_facts

    told = [
        document.text[each.start : each.end]
        for each in document.blocks
        if each.kind in (BlockKind.TITLE, BlockKind.BODY)
    ]
    signed = signature(told)
    sentences = _Sentences(document)
    facts = document_facts(reading.doc, reading.claims, published=document.published)
    return {
        "title": document.title,
        "publisher": document.publisher,
        "published": document.published,
        "languages": list(reading.languages),
        "text_sha256": f"sha256:{hashlib.sha256(document.text.encode()).hexdigest()}",
        "characters": len(document.text),
        "latest_period": facts.latest_period,
        "notes": [asdict(each) for each in reading.notes],
        "signature": signed.hex(),
        "bands": bands(signed),
        "claims": [_claim(document, sentences, each) for each in reading.claims],
        "relations": [_relation(each) for each in reading.relations],
    }


def _claim(document: Document, sentences: _Sentences, claim: Claim) -> dict[str, Any]:
    start, end = sentences.around(claim.start, claim.end)
    kept = {
        name: value for name, value in asdict(claim).items() if name not in ("doc", "start", "end")
    }
    return kept | {
        "span_start": claim.start,
        "span_end": claim.end,
        "sentence": document.text[start:end],
        "sentence_start": start,
    }


def _relation(relation: Relation) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in asdict(relation).items()
        if name not in ("doc", "start", "end")
    }
    return kept | {"span_start": relation.start, "span_end": relation.end}


class _Sentences:
    """Finds the sentence of a span; each block is cut once, however many spans it has."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._starts = [each.start for each in document.blocks]
        self._known: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def around(self, start: int, end: int) -> tuple[int, int]:
        """Return where the sentence of a span begins and ends, bounded on both sides."""
        first, last = min(start, *self._ends_of(start)), max(end, *self._ends_of(end - 1))
        if last - first > SENTENCE_CHARACTERS_MAX:
            first, last = max(first, start - BESIDE_CHARACTERS), min(last, end + BESIDE_CHARACTERS)
        return first, last

    def _ends_of(self, place: int) -> tuple[int, int]:
        """Return the ends of the sentence at a place, or of its block where none is there."""
        index = bisect_right(self._starts, place) - 1
        if index < 0 or self._document.blocks[index].end <= place:
            return place, place + 1
        block = self._document.blocks[index]
        bounds = block.start, block.end
        if block.end - block.start > BLOCK_CHARACTERS_MAX:
            bounds = (
                max(bounds[0], place - BESIDE_CHARACTERS),
                min(bounds[1], place + BESIDE_CHARACTERS),
            )
        held = self._cut(bounds, block.language)
        return next((each for each in held if each[0] <= place < each[1]), bounds)

    def _cut(self, bounds: tuple[int, int], language: str | None) -> list[tuple[int, int]]:
        from mains.reports.reader.text import sentences

        if bounds not in self._known:
            found = sentences(self._document.text, *bounds, language)
            self._known[bounds] = [(each.start, each.end) for each in found]
        return self._known[bounds]


def _error(error: MainsError) -> dict[str, Any]:
    said = {
        "code": error.code,
        "detail": error.detail,
        "hint": error.hint,
        "facts": error.facts,
    }
    return {"error": said}


def _where(fault: Exception) -> str:
    """Return a fault's kind and place, and never its words: they may hold text of the document."""
    frames: Iterable[traceback.FrameSummary] = traceback.extract_tb(fault.__traceback__)
    last = [f"{Path(each.filename).name}:{each.lineno}" for each in frames][-1:]
    return " at ".join([type(fault).__name__, *last])


def _own_output() -> IO[bytes]:
    """Keep the answers apart from what a library may print."""
    own = os.fdopen(os.dup(1), "wb")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.close(silent)
    return own


def _requests() -> Iterable[bytes]:
    """Yield requests as they come; a thread ends the process at once when the parent is gone."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin.buffer:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield lines.get()


if __name__ == "__main__":
    main()
