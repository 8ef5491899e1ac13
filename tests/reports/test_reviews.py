"""Decisions about claims: who may decide, what stands after, what is signed, what is undone."""

import asyncio
from typing import Any
from uuid import uuid4

import orjson
import pytest

from mains.daemon.edges import claim_of
from mains.reports.values import REVIEWED
from mains.wire import dsse
from mains.wire.parties import Role
from mains.wire.reports import REVIEW_TYPE, ReviewView, SignedReview, exchange_line
from tests.reports.builders import LONG, TEXT, Library

pytestmark = pytest.mark.anyio

CORRECTION = {"subject": "org:city-hall", "measure": "building_floors"}


async def test_a_queued_claim_is_corrected_and_the_readers_words_stay(library: Library) -> None:
    await library.filed(by=library.member)
    [waiting] = await library.queue()
    made = await library.reviewed(waiting.id, "correct", fields=CORRECTION, note="the hall")
    assert (made.sequence, made.status, made.stands.measure) == (1, "accepted", "building_floors")
    stands = await library.claim("building_floors")
    assert (stands.status, stands.status_as_read, stands.reviews) == ("accepted", "queued", 1)
    assert stands.as_read is not None and stands.as_read.measure is None
    assert stands.quote == waiting.quote
    assert await library.queue() == []
    assert await library.audit() == []


async def test_a_rejected_claim_counts_for_nothing_and_a_later_review_undoes_it(
    library: Library,
) -> None:
    await library.filed(by=library.member)
    await library.filed("Beijing had 183 registered models in 2024.\n" + LONG, by=library.member)
    first, second = await library.claims(measure="registered_models")
    whole = await library.get("/views", subject="city:beijing", measure="registered_models")
    edges = (await library.get("/edges"))["edges"]
    assert [(each["a"], each["b"]) for each in edges] == [tuple(sorted((first.id, second.id)))]
    await library.reviewed(second.id, "reject", note="a misprint")
    view = await library.get("/views", subject="city:beijing", measure="registered_models")
    assert [each["id"] for each in view["claims"]] == [first.id]
    assert (await library.get("/edges"))["edges"] == []
    await library.reviewed(second.id, "reopen")
    again = await library.get("/views", subject="city:beijing", measure="registered_models")
    assert again["current"] == whole["current"]
    assert [each["id"] for each in (await library.get("/edges"))["edges"]] == [edges[0]["id"]]
    kept = await library.get(f"/claims/{second.id}/reviews")
    assert [each["decision"] for each in kept] == ["reopen", "reject"]
    assert await library.audit() == []


async def test_a_correction_moves_a_claims_edges(library: Library) -> None:
    await library.filed(by=library.member)
    await library.filed("Beijing had 183 registered models in 2024.\n" + LONG, by=library.member)
    claim, other = await library.claims(measure="registered_models")
    before = await library.get("/edges")
    assert [{each["a"], each["b"]} for each in before["edges"]] == [{claim.id, other.id}]
    await library.reviewed(claim.id, "correct", fields={"subject": "city:tianjin"})
    apart = (await library.get("/edges"))["edges"]
    assert [each["relation"] for each in apart] == ["never_merge"]
    await library.reviewed(claim.id, "correct", fields={"subject": "city:beijing"})
    again = await library.get("/edges")
    assert [each["id"] for each in again["edges"]] == [each["id"] for each in before["edges"]]
    assert await library.audit() == []


async def test_a_review_is_signed_with_its_person_and_its_span(library: Library) -> None:
    filed = await library.filed(by=library.member)
    [waiting] = await library.queue()
    made = await library.reviewed(waiting.id, "reject", note="no figure of interest")
    [envelope] = await library.get(f"/claims/{waiting.id}/envelopes")
    key = library.wired.signer.public_key_hex
    payload = dsse.verify(orjson.dumps(envelope), public_key_hex=key, payload_type=REVIEW_TYPE)
    said = SignedReview.model_validate_json(payload)
    assert (said.id, said.claim, said.quote) == (made.id, waiting.id, "12")
    assert (said.document_sha256, said.start, said.end) == (
        filed.sha256,
        waiting.start,
        waiting.end,
    )
    assert (said.organisation, said.note) == ("programme-office", "no figure of interest")


@pytest.mark.parametrize("who", ["member", "stranger"])
async def test_members_of_any_organisation_can_not_review(library: Library, who: str) -> None:
    await library.filed(by=library.member)
    [waiting] = await library.queue()
    answer = await library.review(waiting.id, "reject", by=getattr(library, who))
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")
    assert [each.id for each in await library.queue()] == [waiting.id]


async def test_auditors_review_too_and_operators_do_not(library: Library) -> None:
    await library.filed(by=library.member)
    [waiting] = await library.queue()
    operator = await library.town.key("centre", Role.OPERATOR)
    assert (await library.review(waiting.id, "reject", by=operator)).status_code == 403
    auditor = await library.town.key("centre", Role.AUDITOR)
    assert (await library.review(waiting.id, "reject", by=auditor)).status_code == 201


async def test_a_review_that_is_sent_again_is_a_replay(library: Library) -> None:
    await library.filed(by=library.member)
    [waiting] = await library.queue()
    id = uuid4()
    first = await library.review(waiting.id, "reject", id=id, note="once")
    again = await library.review(waiting.id, "reject", id=id, note="once")
    assert (again.status_code, again.json()) == (201, first.json())
    other = await library.review(waiting.id, "reject", id=id, note="twice")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert len(await library.get(f"/claims/{waiting.id}/reviews")) == 1


async def test_who_saw_fewer_reviews_than_there_are_decides_nothing(library: Library) -> None:
    await library.filed(by=library.member)
    [waiting] = await library.queue()
    answers = await asyncio.gather(
        *(library.review(waiting.id, "reject", note=note, seen=0) for note in ("a", "b", "c"))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "state_conflict"
    assert await library.audit() == []


@pytest.mark.parametrize(
    ("decision", "more", "status", "code"),
    [
        ("accept", {}, 409, "state_conflict"),
        ("correct", {"fields": {"subject": "city:beijing"}}, 409, "state_conflict"),
        ("correct", {"fields": {**CORRECTION, "value": "a dozen"}}, 422, "request_invalid"),
        ("correct", {"fields": {**CORRECTION, "period": "soon"}}, 422, "request_invalid"),
        ("correct", {"fields": {"value": None}}, 422, "request_invalid"),
        ("correct", {"fields": {"quote": "13"}}, 422, "request_invalid"),
        ("correct", {}, 422, "request_invalid"),
        ("reject", {"fields": CORRECTION}, 422, "request_invalid"),
        ("reject", {"note": "a\0b"}, 422, "request_invalid"),
        ("forget", {}, 422, "request_invalid"),
    ],
)
async def test_a_decision_that_can_not_stand_is_refused_and_changes_nothing(
    library: Library, decision: str, more: dict[str, Any], status: int, code: str
) -> None:
    await library.filed(by=library.member)
    [waiting] = await library.queue()
    answer = await library.review(waiting.id, decision, **more)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await library.queue() == [waiting]


async def test_a_batch_goes_on_after_a_refusal(library: Library) -> None:
    await library.filed(by=library.member)
    [waiting] = await library.queue()
    models = await library.claim("registered_models")
    reviews = [
        {"id": str(uuid4()), "claim": waiting.id, "decision": "accept"},
        {"id": str(uuid4()), "claim": "0" * 16, "decision": "reject"},
        {"id": str(uuid4()), "claim": models.id, "decision": "reject"},
    ]
    path = "/v1/reports/reviews/batch"
    refused = await library.client.post(path, json={"reviews": reviews}, headers=library.member)
    assert refused.status_code == 403
    answer = await library.client.post(path, json={"reviews": reviews}, headers=library.officer)
    answers = answer.json()["reviews"]
    assert [each["error"] for each in answers] == ["state_conflict", "not_found", None]
    assert ReviewView.model_validate(answers[2]["review"]).status == "rejected"
    assert await library.audit() == []


async def test_why_tells_reasons_reviews_and_what_relates(library: Library) -> None:
    await library.filed(by=library.member)
    await library.filed("Beijing had 190 registered models in 2024.\n" + LONG, by=library.member)
    first, second = await library.claims(measure="registered_models")
    await library.reviewed(first.id, "accept", note="checked")
    told = await library.get(f"/claims/{first.id[:8]}/why")
    assert [each["note"] for each in told["reviews"]] == ["checked"]
    assert [each["id"] for each in told["related"]] == [second.id]
    assert told["edges"][0]["reason"]
    assert told["reasons"]


async def test_a_contradiction_waits_until_a_review_says_whose_figure_it_is(
    library: Library,
) -> None:
    await library.filed("Shanghai had 190 registered models in 2024.\n" + LONG, by=library.member)
    around = "Shanghai wants to lead.\nIn 2024, it had 184 registered models.\n" + LONG
    await library.filed(around, by=library.member)
    inferred, _ = await library.claims(measure="registered_models", subject="city:shanghai")

    async def relations() -> list[str]:
        told = await library.get(f"/claims/{inferred.id}/why")
        return [each["relation"] for each in told["edges"]]

    assert "subject_document" in {each.code for each in inferred.reasons}
    assert await relations() == []
    await library.reviewed(inferred.id, "accept")
    assert await relations() == ["conflict"]
    [confirmed] = [each for each in await library.claims() if each.id == inferred.id]
    assert claim_of(exchange_line(confirmed)).reasons[-1] == REVIEWED
    await library.reviewed(inferred.id, "reopen")
    assert await relations() == []
    assert await library.audit() == []


async def test_an_unknown_or_short_reference_is_not_found(library: Library) -> None:
    for reference in ("abc", "0" * 16, "zzzzzzzz", "0" * 17):
        answer = await library.client.get(f"/v1/reports/claims/{reference}", headers=library.member)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_claims_come_in_pages(library: Library) -> None:
    filed = await library.filed(by=library.member)
    whole = [each.id for each in await library.claims(document=filed.id, neutral=True)]
    assert len(whole) == filed.claims >= 5
    seen: list[str] = []
    before: int | None = None
    for _ in range(len(whole)):
        asked: dict[str, Any] = {"document": filed.id, "neutral": True, "limit": 2}
        page = await library.get("/claims", **asked | ({"before": before} if before else {}))
        seen += [each["id"] for each in page["claims"]]
        before = page["next_before"]
        if before is None:
            break
    assert seen == whole


async def test_subjects_are_listed_with_what_stands_for_them(library: Library) -> None:
    await library.filed(TEXT, by=library.member)
    page = await library.get("/subjects", limit=1)
    assert page["subjects"] == [
        {"subject": "city:beijing", "measure": "registered_models", "claims": 1}
    ]
    assert page["next_after"] == "city:beijing|registered_models"
    following = await library.get("/subjects", after=page["next_after"], limit=10)
    assert [each["subject"] for each in following["subjects"]] == ["city:shenzhen"]
