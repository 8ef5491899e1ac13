"""Exports and feeds as they are served: what a key sees, and what everybody sees."""

import csv
import io
import xml.etree.ElementTree as ElementTree

import orjson
import pytest

from tests.reports.builders import LONG, TEXT, Library

pytestmark = pytest.mark.anyio

ATOM = "{http://www.w3.org/2005/Atom}"


async def test_claims_leave_as_a_table_with_their_reviews_and_without_the_rejected(
    library: Library,
) -> None:
    await library.filed(by=library.member)
    models = await library.claim("registered_models")
    answer = await library.client.get("/v1/reports/exports", headers=library.member)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert models.id in {row["id"] for row in rows}
    await library.reviewed(models.id, "reject")
    again = await library.client.get(
        "/v1/reports/exports",
        params={"format": "jsonld", "subject": "city:beijing"},
        headers=library.member,
    )
    assert again.headers["content-type"] == "application/ld+json"
    assert models.id not in again.text
    await library.reviewed(models.id, "reopen")
    linked = await library.client.get(
        "/v1/reports/exports", params={"format": "jsonld"}, headers=library.member
    )
    graph = orjson.loads(linked.content)["@graph"]
    decisions = [node for node in graph if node.get("type") == "schema:ClaimReview"]
    assert [node.get("undone") for node in decisions] == [True, None]
    nobody = await library.client.get("/v1/reports/exports")
    assert nobody.status_code == 401


async def test_everybody_gets_what_is_public_and_nothing_else(library: Library) -> None:
    await library.filed(by=library.member)
    await library.filed(
        "Beijing had 211 registered models at the end of 2025.\n" + LONG, by=library.officer
    )
    feed = await library.client.get("/v1/reports/exports/city:beijing.atom")
    assert feed.status_code == 200, feed.text
    assert feed.headers["content-type"].startswith("application/atom+xml")
    entries = ElementTree.fromstring(feed.text).findall(f"{ATOM}entry")  # noqa: S314 (our own)
    assert len(entries) == 1
    assert "183" not in feed.text and "211" in feed.text and "statistics" not in feed.text
    for ending in ("csv", "jsonld", "sdmx"):
        table = await library.client.get(f"/v1/reports/exports/city:beijing.{ending}")
        assert table.status_code == 200 and "211" in table.text and "183" not in table.text
    for name in ("city:beijing", "city:beijing.exe", ".csv"):
        answer = await library.client.get(f"/v1/reports/exports/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    nothing = await library.client.get("/v1/reports/exports/city:nowhere.csv")
    assert len(nothing.text.splitlines()) == 1


async def test_a_cell_is_no_formula(library: Library) -> None:
    await library.filed(TEXT, by=library.member, name="=cmd.txt")
    answer = await library.client.get("/v1/reports/exports", headers=library.member)
    assert "\n=cmd" not in answer.text and ",=cmd" not in answer.text
