"""The HTTP door of drafts, from a report's text to a programme, and who may pass it."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from mains.wire.drafts import DraftDetail, DraftPage
from mains.wire.parties import Role
from tests.reports.builders import Headers, Library
from tests.reports.drafts.builders import FILLS

pytestmark = pytest.mark.anyio

TEXT = (
    "Vouchers\n\n"
    "Software firms are to get subsidies of up to 20 million yuan each time they ask for them.\n"
)
FIELDS = {name: list(values) for name, values in FILLS.items()} | {"pot": ["20000000"]}


async def post(
    library: Library, path: str, body: dict[str, Any], *, by: Headers, id: object = None
) -> httpx.Response:
    headers = {**by, "Idempotency-Key": str(id or uuid4())}
    return await library.client.post(f"/v1/reports/drafts{path}", json=body, headers=headers)


async def drafts(library: Library, **parameters: Any) -> list[DraftDetail]:
    page = DraftPage.model_validate(await library.get("/drafts", **parameters))
    return [
        DraftDetail.model_validate(await library.get(f"/drafts/{each.id}")) for each in page.drafts
    ]


async def opened(library: Library) -> DraftDetail:
    """Return the draft that a claim about vouchers opens once a review says whose it is."""
    await library.filed(TEXT, name="hefei.txt", by=library.member)
    claims = await library.claims(neutral=False)
    for each in claims:
        await library.reviewed(
            each.id,
            "correct",
            fields={"subject": "city:hefei", "measure": "voucher_amount"},
        )
    [found] = await drafts(library, kind="programme")
    return found


async def test_a_report_becomes_a_draft_becomes_a_programme(library: Library) -> None:
    draft = await opened(library)
    assert draft.state == "open"
    assert "rate" in draft.unknown
    early = await post(library, f"/{draft.id}/complete", {}, by=library.officer)
    assert (early.status_code, early.json()["code"]) == (409, "draft_incomplete")
    assert early.json()["facts"]["unknown"]["rate"].endswith('"50 %"')
    filled = await post(library, f"/{draft.id}/fill", {"fields": FIELDS}, by=library.officer)
    assert filled.status_code == 200, filled.text
    completion = uuid4()
    done = await post(library, f"/{draft.id}/complete", {}, by=library.officer, id=completion)
    assert done.json()["outcome"] == "compute-2026@1", done.text
    again = await post(library, f"/{draft.id}/complete", {}, by=library.officer, id=completion)
    assert again.json() == done.json()
    twice = await post(library, f"/{draft.id}/complete", {}, by=library.officer)
    assert (twice.status_code, twice.json()["code"]) == (409, "state_conflict")
    envelopes = await library.get(f"/drafts/{draft.id}/envelopes")
    assert len(envelopes) == 2
    assert await library.audit() == []


async def test_members_read_drafts_and_decide_nothing(library: Library) -> None:
    draft = await opened(library)
    claim = draft.fields[4].statements[0].source
    for path, body in (
        (f"/{draft.id}/fill", {"fields": {"rate": ["50 %"]}}),
        (f"/{draft.id}/complete", {}),
        (f"/{draft.id}/withdraw", {}),
        ("", {"claim": claim}),
    ):
        answer = await post(library, path, body, by=library.member)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_missing"), path
    without = await library.client.get("/v1/reports/drafts")
    assert without.status_code == 401
    assert (await drafts(library))[0].revision == draft.revision


async def test_an_auditor_fills_and_withdraws_and_publishes_no_programme(
    library: Library,
) -> None:
    draft = await opened(library)
    auditor = await library.town.key("audit-office", Role.AUDITOR)
    filled = await post(library, f"/{draft.id}/fill", {"fields": FIELDS}, by=auditor)
    assert filled.status_code == 200, filled.text
    answer = await post(library, f"/{draft.id}/complete", {}, by=auditor)
    assert answer.json()["code"] == "role_missing"
    withdrawn = await post(library, f"/{draft.id}/withdraw", {"note": "no such plan"}, by=auditor)
    assert withdrawn.json()["state"] == "withdrawn"
    opened_again = await post(
        library, "", {"claim": draft.fields[4].statements[0].source[:8]}, by=library.officer
    )
    assert (opened_again.status_code, opened_again.json()["state"]) == (201, "open")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fields": {}},
        {"fields": {"rate": "50 %"}},
        {"fields": {"Rate": ["50 %"]}},
        {"fields": {"rate": ["\0"]}},
        {"fields": {"rate": ["x" * 501]}},
        {"fields": {"sites": ["a"] * 101}},
        {"fields": {"rate": ["50 %"]}, "seen": -1},
        {"fields": {f"field_{'abcdefghij'[n % 10] * (n + 1)}": ["1"] for n in range(51)}},
        {"fields": {"rate": ["50 %"]}, "state": "completed"},
    ],
)
async def test_what_is_no_fill_is_refused_at_the_door(
    library: Library, body: dict[str, Any]
) -> None:
    answer = await post(library, f"/{uuid4()}/fill", body, by=library.officer)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_a_draft_that_is_not_there_is_not_found_and_a_change_needs_an_id(
    library: Library,
) -> None:
    nowhere = await post(library, f"/{uuid4()}/withdraw", {}, by=library.officer)
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    answer = await library.client.post(
        f"/v1/reports/drafts/{uuid4()}/complete", json={}, headers=library.officer
    )
    assert answer.json()["code"] == "request_invalid"


async def test_a_page_before_what_no_database_can_count_is_refused(library: Library) -> None:
    for before in (-1, 2**63):
        answer = await library.client.get(
            "/v1/reports/drafts", params={"before": before}, headers=library.member
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
