"""The example reports: their gold stands at its spans, and the reader finds what the demo shows."""

import json
from pathlib import Path
from typing import Any

import pytest

from mains.reports.documents import open_document
from mains.reports.drafts.grouping import openings
from mains.reports.drafts.values import DraftKind
from mains.reports.reader.reader import read
from mains.reports.values import Reading, Status

FOLDER = Path("examples/reports")
GOLD = [json.loads(line) for line in (FOLDER / "gold.jsonl").read_text("utf-8").splitlines()]
TEXTS = sorted((FOLDER / "texts").glob("*.txt"))


def reading(path: Path) -> Reading:
    return read(open_document(path.read_bytes(), name=path.name))


def test_gold_stands_at_its_spans_and_covers_every_digit() -> None:
    assert {each["doc"] for each in GOLD} == {path.name for path in TEXTS}
    ids = [each["id"] for each in GOLD]
    assert len(set(ids)) == len(ids)
    for path in TEXTS:
        text = path.read_text("utf-8")
        lines = [each for each in GOLD if each["doc"] == path.name]
        assert all(text[each["start"] : each["end"]] == each["quote"] for each in lines)
        covered = {place for each in lines for place in range(each["start"], each["end"])}
        assert {place for place, mark in enumerate(text) if mark.isdigit()} <= covered
        assert {each["pair"] for each in lines} - {None} <= set(ids)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_figure_of_an_example_is_found_with_its_value(path: Path) -> None:
    found = {(each.value, each.unit) for each in reading(path).claims}
    wanted = {(each["value"], each["unit"]) for each in GOLD if each["doc"] == path.name}
    assert wanted <= found, wanted - found


@pytest.mark.parametrize(
    ("name", "kind", "subject"),
    [
        ("pt-1.txt", DraftKind.PROGRAMME, "programme:hefei-compute-vouchers"),
        ("fr-1.txt", DraftKind.FILING, "model:devstral"),
        ("it-1.txt", DraftKind.FUNDING, "org:domyn"),
        ("zh-1.txt", DraftKind.NEED, "city:shenzhen"),
    ],
)
def test_examples_open_the_drafts_that_the_demo_shows(
    name: str, kind: DraftKind, subject: str
) -> None:
    found = reading(FOLDER / "texts" / name)
    said: list[Any] = [each for each in found.claims if each.status is Status.ACCEPTED]
    assert [(each.kind, each.subject) for each in openings(said, found.relations)] == [
        (kind, subject)
    ]
