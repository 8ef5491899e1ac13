"""Documents in our own words, and models that answer as told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from mains.reports.documents import Document, open_document
from mains.reports.proposing.fake_endpoint import Answering, FakeEndpoint, Raw, blocks_of
from mains.reports.proposing.reading import proposer_of, read
from mains.reports.values import Claim, Reading
from mains.settings import Settings

KEY = "sk-a-key-that-nobody-else-holds"


def a_document(text: str, name: str = "report.txt") -> Document:
    return open_document(text.encode(), name=name)


def read_with(
    document: Document, answering: Answering, *, seconds_max: int = 5, **settings: Any
) -> Reading:
    """Read beside a model that a real server plays."""
    with FakeEndpoint(answering) as endpoint:
        named = Settings.from_environment({"MAINS_MODEL_URL": endpoint.url, "MAINS_HOME": "/tmp"})
        changed = {"model_seconds_max": seconds_max, **settings}
        for name, value in changed.items():
            object.__setattr__(named, name, value)
        return read(document, proposer_of(named))


def answering(
    make: Callable[[list[dict[str, Any]]], Mapping[str, Any]],
) -> Callable[[dict[str, Any]], str | Raw]:
    """Return a model that makes its proposals of the blocks that it is shown."""

    def answer(asked: dict[str, Any]) -> str:
        return json.dumps(make(blocks_of(asked)), ensure_ascii=False)

    return answer


def a_claim(claim: Claim, block: int = 0, **changes: Any) -> dict[str, Any]:
    """Return the reader's own claim as a model would propose it."""
    proposed = {
        "block": block,
        "quote": claim.quote,
        "start": None,
        "value": claim.value,
        "unit": claim.unit,
        "bound": claim.bound.value,
        "subject": None,
        "measure": None,
        "period": None,
    }
    return {**proposed, **changes}


def codes(reading: Reading) -> list[str]:
    return [note.code for note in reading.notes]


def said(reading: Reading, code: str) -> str:
    return next(note.text for note in reading.notes if note.code == code)
