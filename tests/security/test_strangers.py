"""What a stranger could find out without being shown anything: by comparing, paging, guessing."""

from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

import httpx
import pytest

from mains.ids import new_id
from mains.wire.parties import Role
from tests.api.builders import Hall, Headers, sha256_of
from tests.security.builders import MARK, Furnished, furnish, keys_of
from tests.security.doors import DOORS, NOT_FOUND, Asked, Door

pytestmark = pytest.mark.anyio

PRIVATE: Final = "saltbush"
"""In every sentence of a report that is not public."""

EXPORTS: Final = ("atom", "csv", "jsonld", "sdmx")
KEPT: Final = timedelta(minutes=5)
"""Longer than the pages keep what they have computed."""

MISSING: Final = {
    "organisation": "nobodys",
    "prefix": "aaaaaaaa",
    "voucher": str(uuid4()),
    "quote": str(uuid4()),
    "job": str(new_id()),
    "content": sha256_of(b"nowhere"),
}


async def test_a_thing_of_others_is_answered_word_for_word_like_one_that_is_not_there(
    hall: Hall,
) -> None:
    own = await furnish(hall, await hall.site(), "own")
    strangers = await keys_of(hall, "stranger")
    things = {**own.things, "organisation": "own"}
    asked = 0
    for door in DOORS:
        if door.stranger != NOT_FOUND:
            continue
        for role in sorted(door.own):
            theirs = await ask(hall, door, things, strangers[role])
            missing = await ask(hall, door, {**things, **MISSING}, strangers[role])
            assert told(theirs, things) == told(missing, MISSING), door.route
            asked += 1
    assert asked > 50


async def test_short_ids_name_own_jobs_alone(hall: Hall) -> None:
    own = await furnish(hall, await hall.site(), "own")
    strangers = await keys_of(hall, "stranger")
    auditor = await hall.town.key("authority", Role.AUDITOR)
    job = own.things["job"]
    for headers, status in (
        (own.keys[Role.MEMBER], 200),
        (strangers[Role.MEMBER], 404),
        (auditor, 200),
    ):
        for named in (job, job[-12:]):
            answer = await hall.client.get(f"/v1/jobs/{named}", headers=headers)
            assert answer.status_code == status, answer.text
    cancelled = await hall.client.post(
        f"/v1/jobs/{job[-12:]}/cancel", json={}, headers=strangers[Role.MEMBER]
    )
    assert cancelled.status_code == 404


async def test_short_ids_are_looked_up_within_the_scope_of_the_transaction(hall: Hall) -> None:
    own = await furnish(hall, await hall.site(), "own")
    member = await whoami(hall, own)
    for home, found in ((member, [UUID(own.things["job"])]), (str(uuid4()), []), ("", [])):
        async with hall.wired.database.transaction() as tx:
            await tx.execute(
                "select set_config('mains.organisation', %s, true)"
                ", set_config('role', 'mains_tenant', true)",
                [home],
            )
            rows = await tx.execute(
                "select own.id from jobs.own_by_tail(%s) as own (id)", [own.things["job"][-12:]]
            )
            assert [row["id"] for row in await rows.fetchall()] == found


async def test_lists_of_a_stranger_go_on_from_nothing_of_others(hall: Hall) -> None:
    """Else a list would say, by where it begins, when the other organisation submitted."""
    voice = await hall.site()
    first = await furnish(hall, voice, "first")
    own = await furnish(hall, voice, "own")
    for foreign in (own.things["job"], str(new_id())):
        page = await hall.client.get(
            "/v1/jobs", params={"before": foreign}, headers=first.keys[Role.MEMBER]
        )
        assert page.json() == {"jobs": [], "next": None}
    for path in (
        f"/v1/vouchers?before={own.things['voucher']}",
        "/v1/organisations/first/entries?before=1000000",
        "/v1/organisations?after=a",
    ):
        page = await hall.client.get(path, headers=first.keys[Role.MEMBER])
        assert page.status_code == 200
        assert MARK not in page.text
        assert own.things["voucher"] not in page.text


async def test_pages_without_a_key_show_nothing_of_a_private_report(hall: Hall) -> None:
    """The same sentences are shown once the report is public, so that this can fail."""
    officer = await hall.town.key("press", Role.OFFICER)
    text = f"Beijing had 183 registered models at the end of 2024, says {PRIVATE}."
    filed = await hall.client.post(
        "/v1/reports/documents",
        params={"name": "a.txt", "public": False},
        content=text.encode(),
        headers=officer | {"Content-Type": "text/plain"},
    )
    assert filed.status_code == 201, filed.text
    document = filed.json()["document"]["id"]
    listed = await hall.client.get(f"/v1/reports/claims?document={document}", headers=officer)
    claim = listed.json()["claims"][0]
    if claim["status"] != "accepted":
        review = {"id": str(new_id()), "claim": claim["id"], "decision": "accept"}
        await hall.client.post("/v1/reports/reviews", json=review, headers=officer)
    pages = [
        "/reports",
        "/reports?q=beijing",
        f"/reports/subjects/{claim['subject']}",
        f"/reports/claims/{claim['id']}",
        f"/reports/claims/{claim['id']}/edges",
        *(f"/v1/reports/exports/{claim['subject']}.{name}" for name in EXPORTS),
        *(f"/reports/exports/{name}?subject={claim['subject']}" for name in ("csv", "jsonld")),
    ]
    # An export has the quote alone and names its claim, a page has the sentence.
    marks = {page: claim["id"] if "exports" in page else PRIVATE for page in pages}
    for page, mark in marks.items():
        assert mark not in (await hall.client.get(page)).text, page
    shown = await hall.client.post(f"/v1/reports/documents/{document}/publish", headers=officer)
    assert shown.status_code == 200, shown.text
    hall.town.clock.advance(KEPT)
    after = {page for page, mark in marks.items() if mark in (await hall.client.get(page)).text}
    assert after > {
        f"/reports/claims/{claim['id']}",
        f"/v1/reports/exports/{claim['subject']}.csv",
        f"/v1/reports/exports/{claim['subject']}.atom",
    }


async def ask(hall: Hall, door: Door, things: dict[str, str], headers: Headers) -> httpx.Response:
    method, path = door.route.split(" ")
    body: Asked = door.asked(things)
    return await hall.client.request(
        method,
        path.format_map(things),
        json=body.json,
        content=body.content,
        headers={**headers, **body.headers},
    )


def told(answer: httpx.Response, things: dict[str, str]) -> tuple[int, str]:
    """Return an answer without the request's number and what the request itself named."""
    said = answer.json()
    said.pop("request_id", None)
    text = str(sorted(said.items()))
    for name in MISSING:
        text = text.replace(things[name], f"<{name}>")
    return answer.status_code, text


async def whoami(hall: Hall, home: Furnished) -> str:
    told = await hall.client.get("/v1/whoami", headers=home.keys[Role.MEMBER])
    return str(told.json()["organisation_id"])
