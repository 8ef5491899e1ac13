"""Exports: what leaves is complete, safe to open, and says where it comes from."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from lxml import etree

from mains.reports.exports.cited import Cited, ReviewNote, Source, cell, instant
from mains.reports.exports.feed import ENTRIES_MAX, subject_feed
from mains.reports.exports.linked import CONTEXT, claims_jsonld
from mains.reports.exports.sdmx import COLUMNS, DIMENSIONS, claims_sdmx, time_period
from mains.reports.exports.tables import CLAIM_COLUMNS, EDGE_COLUMNS, claims_csv, edges_csv
from mains.reports.reconcile.edges import edges
from mains.reports.values import Claim
from tests.reports.reconcile.builders import a_claim

FILED = datetime(2026, 3, 1, 9, 0, tzinfo=timezone(timedelta(hours=8)))
ATOM = "{http://www.w3.org/2005/Atom}"
SOURCE = Source(
    doc="north.txt",
    sha256="ab" * 32,
    name="north.txt",
    title="Aldern counts & compares",
    publisher="The Aldern Post",
    published="2026-02-28",
    url="https://news.example/aldern?a=1&b=2",
    filed_at=FILED,
)


def a_citation(claim: Claim | None = None, **said: Any) -> Cited:
    return Cited(claim=claim or a_claim("183", period="2025"), **({"source": SOURCE} | said))


def a_review(**said: Any) -> ReviewNote:
    fields: dict[str, Any] = {
        "id": "r1",
        "decision": "accept",
        "reviewer": "A. Officer",
        "at": FILED,
    }
    return ReviewNote(**(fields | said))


# Tables


def rows(lines: Any) -> list[dict[str, str]]:
    text = "".join(lines)
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_table_of_claims_has_every_column_and_reads_back() -> None:
    claim = a_claim("183", quote='some "183",\nand more', period="2025", language="en")
    [read] = rows(claims_csv([a_citation(claim)]))
    assert tuple(read) == CLAIM_COLUMNS
    assert read["quote"] == claim.quote
    assert (read["value"], read["document_sha256"]) == ("183", SOURCE.sha256)
    assert read["scope"] == ""


def test_a_table_of_edges_has_the_fields_of_the_exchange_format() -> None:
    found = edges([a_claim("183"), a_claim("183", doc="south.txt")], {})
    [read] = rows(edges_csv(found))
    assert tuple(read) == EDGE_COLUMNS
    assert read["relation"] == "same"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "+", "-"],
)
def test_what_a_spreadsheet_would_run_is_disarmed(text: str) -> None:
    assert cell(text) == f"'{text}"
    [read] = rows(claims_csv([a_citation(a_claim("183", speaker=text))]))
    assert read["speaker"].startswith("'")


@pytest.mark.parametrize("text", ["-12", "+7.5", "0.5", "183", "2025-02-22", "Aldern", ""])
def test_numbers_and_plain_words_stay_as_they_are(text: str) -> None:
    assert cell(text) == text


# SDMX


def test_an_observation_has_every_dimension_and_a_key_of_its_own() -> None:
    items = [a_citation(), a_citation(), a_citation(a_claim("7", scope="listed", period="2025-H1"))]
    read = rows(claims_sdmx(items))
    assert tuple(read[0]) == COLUMNS
    assert all(row[name] for row in read for name in DIMENSIONS)
    assert len({tuple(row[name] for name in DIMENSIONS) for row in read}) == len(items)
    assert read[0]["SCOPE"] == "_X" and read[2]["PERIOD"] == "2025-S1"
    assert {row["STRUCTURE_ID"] for row in read} == {"MAINS:CLAIMS(1.0)"}


def test_what_is_not_bound_is_no_observation() -> None:
    unbound: list[dict[str, Any]] = [
        {"subject": None},
        {"measure": None},
        {"measure": "reference_period"},
    ]
    assert rows(claims_sdmx([a_citation(a_claim(**said)) for said in unbound])) == []


def test_a_source_without_an_address_is_named_by_its_hash() -> None:
    source = Source(doc="north.txt", sha256="ab" * 32, name="north.txt")
    [read] = rows(claims_sdmx([a_citation(source=source)]))
    assert read["SOURCE"] == f"sha256:{source.sha256}"


@pytest.mark.parametrize(
    ("period", "written"),
    [
        (None, "_X"),
        ("spring", "_X"),
        ("2025", "2025"),
        ("2025-H2", "2025-S2"),
        ("2025-Q3", "2025-Q3"),
        ("2025-02", "2025-02"),
        ("2025-02-22", "2025-02-22"),
        ("2024/2028", "2024-01-01/P5Y"),
        ("2025-02-21/2025-02-23", "2025-02-21/P3D"),
    ],
)
def test_periods_are_written_as_sdmx_has_them(period: str | None, written: str) -> None:
    assert time_period(period) == written


# JSON-LD


def iris(key: str) -> str:
    """Return the absolute name of a key, as JSON-LD's expansion finds it in the context."""
    if key in ("id", "type", "@id", "@type", "@context", "@graph"):
        return key
    told = CONTEXT.get(key, key)
    name = told["@id"] if isinstance(told, dict) else told
    prefix, _, rest = name.partition(":")
    assert prefix in CONTEXT, f"{key} expands to nothing and would be dropped"
    return f"{CONTEXT[prefix]}{rest}"


def walk(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for each in node for found in walk(each)]
    if not isinstance(node, dict):
        return []
    return [node, *(found for value in node.values() for found in walk(value))]


def test_every_key_and_type_expands_and_every_reference_is_there() -> None:
    document = json.loads(
        claims_jsonld([a_citation(reviews=(a_review(note="checked"),)), a_citation()], version="1")
    )
    nodes = walk(document["@graph"])
    for node in nodes:
        for key in node:
            assert iris(key)
        types = node["type"] if isinstance(node["type"], list) else [node["type"]]
        assert all(iris(each).startswith(("http://", "https://")) for each in types)
        assert None not in node.values()
    named = {node["id"] for node in nodes if "id" in node}
    links = ("derivedFrom", "generatedBy", "used", "associatedWith", "hasSource", "itemReviewed")
    assert {node[key] for node in nodes for key in links if key in node} <= named


def test_a_claim_is_derived_from_a_position_in_its_document_by_one_reading() -> None:
    item = a_citation()
    graph = json.loads(claims_jsonld([item], version="0.9"))["@graph"]
    by_id = {node["id"]: node for node in graph}
    claim = by_id[f"urn:mains:claim:{item.claim.id}"]
    reading = by_id[claim["generatedBy"]]
    assert reading["type"] == "prov:Activity" and reading["used"] == claim["derivedFrom"]
    assert by_id[reading["associatedWith"]]["version"] == "0.9"
    position, words = claim["target"]["selector"]
    assert (position["start"], position["end"]) == (item.claim.start, item.claim.end)
    assert words["exact"] == item.claim.quote
    assert by_id[claim["derivedFrom"]]["published"] == "2026-02-28"


def test_a_review_cites_the_claim_that_it_judged() -> None:
    undone = a_review(decision="reject", undone=True)
    item = a_citation(sentence="Aldern has 183 models.", reviews=(undone,))
    graph = json.loads(claims_jsonld([item], version="1"))["@graph"]
    [review] = [node for node in graph if node["type"] == "schema:ClaimReview"]
    assert review["claimReviewed"] == "Aldern has 183 models."
    assert review["rating"]["ratingName"] == "reject" and review["undone"] is True
    assert review["reviewedAt"] == "2026-03-01T01:00:00Z"


def test_a_copy_is_an_alternate_of_its_original() -> None:
    copy = Source(doc="copy.txt", sha256="cd" * 32, name="copy.txt", copy_of=SOURCE.sha256)
    graph = json.loads(claims_jsonld([a_citation(source=copy)], version="1"))["@graph"]
    assert graph[1]["alternateOf"] == f"urn:mains:document:{SOURCE.sha256}"


# Atom


def a_feed(*items: Cited) -> etree._Element:
    text = subject_feed(
        "city:aldern",
        items,
        publisher="Aldern & friends",
        address="https://mains.example/feeds/city:aldern?x=1&y=2",
        page="https://mains.example/reports/city:aldern",
    )
    return etree.fromstring(text.encode())


def one(node: etree._Element, name: str) -> str:
    [found] = node.findall(f"{ATOM}{name}")
    return found.text or ""


def test_a_feed_has_what_rfc_4287_demands() -> None:
    later = a_review(at=FILED + timedelta(days=2))
    feed = a_feed(a_citation(), a_citation(reviews=(later,)))
    assert feed.tag == f"{ATOM}feed"
    assert one(feed, "id") == "urn:mains:subject:city:aldern"
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Aldern & friends"
    entries = feed.findall(f"{ATOM}entry")
    for entry in (feed, *entries):
        assert one(entry, "title") and datetime.fromisoformat(one(entry, "updated"))
        assert {link.get("rel") for link in entry.findall(f"{ATOM}link")} & {"self", "alternate"}
    assert len({one(entry, "id") for entry in entries}) == 2
    assert one(feed, "updated") == one(entries[0], "updated") == instant(later.at)
    assert one(entries[1], "updated") == "2026-03-01T01:00:00Z"


def test_an_entry_names_its_document_and_shows_the_sentence_where_it_may() -> None:
    claim = a_claim("183", quote="183", language="en", period="2025")
    [shown, cited] = a_feed(
        a_citation(claim, sentence="Aldern has <b>183</b> models."), a_citation()
    ).findall(f"{ATOM}entry")
    texts = {one(shown, "summary"), one(cited, "summary")}
    assert texts == {"Aldern has <b>183</b> models.", "183"}
    source = shown.find(f"{ATOM}source")
    assert source is not None and one(source, "title") == "Aldern counts & compares"
    assert "(2025)" in one(shown, "title")


def test_an_entry_keeps_its_name_when_it_changes() -> None:
    claim = a_claim("183")
    names = [
        one(entry, "id")
        for item in (a_citation(claim), a_citation(claim, reviews=(a_review(),)))
        for entry in a_feed(item).findall(f"{ATOM}entry")
    ]
    assert len(set(names)) == 1


def test_a_feed_without_entries_stands_still() -> None:
    feed = a_feed(a_citation(source=Source(doc="a", sha256="ab" * 32, name="a")))
    assert feed.findall(f"{ATOM}entry") == []
    assert one(feed, "updated") == "1970-01-01T00:00:00Z"


def test_a_feed_is_bounded() -> None:
    feed = a_feed(*(a_citation() for _ in range(ENTRIES_MAX + 5)))
    assert len(feed.findall(f"{ATOM}entry")) == ENTRIES_MAX


def test_characters_that_xml_forbids_are_left_out() -> None:
    claim = a_claim("183", quote="1\x008\x0b3", measure=None, scope="\ufffe")
    bare = Source(
        doc="a", sha256="ab" * 32, name="a\x01b", filed_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    feed = a_feed(a_citation(claim, source=bare))
    assert feed.findtext(f"{ATOM}entry/{ATOM}summary") == "183"
