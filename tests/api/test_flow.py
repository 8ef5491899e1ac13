"""The whole chain over HTTP: the real application, real envelopes, real contents."""

import asyncio
import random
import tarfile
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from mains.errors import MainsError
from mains.ids import new_id
from mains.jobs.submission import Submission
from mains.wire import dsse
from mains.wire.agent import ArtefactReport
from mains.wire.jobs import RECEIPT_TYPE, Receipt, SubmitRequest
from mains.wire.parties import Role
from mains.wire.problem import PROBLEM_TYPE
from mains.wire.spec import JobSpec
from tests.api.builders import Hall, Headers, a_bundle, sha256_of

pytestmark = pytest.mark.anyio
SPEC: dict[str, Any] = {"run": "true", "time_seconds": 3_000, "grace_seconds": 600}
HOUR_MS = 3_600_000


def codes(kind: type[MainsError] = MainsError) -> set[str]:
    return {kind.code}.union(*(codes(each) for each in kind.__subclasses__()))


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a problem with a code that mains knows, and return it."""
    assert answer.headers["content-type"] == PROBLEM_TYPE, answer.text
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), told
    assert code in codes()
    assert told["type"] == f"urn:mains:error:{code}"
    assert told["detail"]
    return told


async def submitted(hall: Hall, firm: Headers, **changed: Any) -> UUID:
    body = {"id": str(new_id()), "spec": SPEC, **changed}
    answer = await hall.client.post("/v1/jobs", json=body, headers=firm)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


async def test_a_job_from_its_quote_to_its_receipt_and_its_artefact(hall: Hall) -> None:
    firm, voice = await hall.firm(), await hall.site()
    code = a_bundle(**{"train.py": b"print('hello')"})
    put = await hall.client.put(
        "/v1/bundles", content=code, headers=firm | {"Mains-Sha256": sha256_of(code)}
    )
    assert put.json() == {"sha256": sha256_of(code), "size_bytes": len(code)}
    spec = SPEC | {"secrets": {"TOKEN": "hush"}}
    asked = {"spec": spec, "bundle": sha256_of(code)}
    quote = (await hall.client.post("/v1/quotes", json=asked, headers=firm)).json()
    assert (quote["ceiling"]["amount"], quote["own_most"]["amount"]) == ("2.00", "2.00")
    assert "hush" not in str(quote)
    shown = await hall.client.get(f"/v1/quotes/{quote['id']}", headers=firm)
    assert shown.json() == quote
    bare = {"id": str(new_id()), "quote_id": quote["id"]}
    problem(await hall.client.post("/v1/jobs", json=bare, headers=firm), 422, "spec_invalid")
    job_id = await submitted(hall, firm, spec=None, quote_id=quote["id"], secrets={"TOKEN": "hush"})
    reading = asyncio.create_task(
        hall.client.get(f"/v1/jobs/{job_id}/logs?follow=true", headers=firm)
    )
    assert await hall.dispatch() == 1
    hall.wired.news.tell()
    (order,) = (await voice.sync(wait_seconds=5)).starts
    assert (order.secrets, order.bundle) == ({"TOKEN": "hush"}, sha256_of(code))
    fetched = await hall.client.get(
        f"/v1/agent/blobs/{order.bundle}", headers=voice.ticket(sha256_of(code))
    )
    assert fetched.content == code
    first = await voice.log(order, b"epoch 1\n")
    assert first.json()["cursors"][0]["offset"] == 8
    await voice.log(order, b"h 1\nepoch 2\n", offset=4)
    model = b"weights" * 99
    digest = await voice.upload(model)
    report = ArtefactReport(task=0, path="model.bin", sha256=digest, size_bytes=len(model))
    ended = await voice.end(order, used_ms=HOUR_MS // 4, artefacts=[report])
    assert ended.forget == [order.attempt_id]
    assert (await reading).content == b"epoch 1\nepoch 2\n"
    job = (await hall.client.get("/v1/jobs/last", headers=firm)).json()
    assert (job["state"], job["charged"]["amount"], job["settled"]) == ("succeeded", "0.50", True)
    assert "hush" not in str(job)
    await verified(hall, firm, job_id, digest)
    artefact = await hall.client.get(f"/v1/blobs/{digest}", headers=firm)
    assert artefact.content == model
    listed = await hall.client.get(f"/v1/jobs/{job_id}/artefacts", headers=firm)
    assert [each["sha256"] for each in listed.json()] == [digest]


async def verified(hall: Hall, firm: Headers, job_id: UUID, digest: str) -> None:
    envelope = await hall.client.get(f"/v1/jobs/{job_id}/receipt", headers=firm)
    server = (await hall.client.get("/v1/server")).json()
    payload = dsse.verify(
        envelope.content, public_key_hex=server["public_key"], payload_type=RECEIPT_TYPE
    )
    receipt = Receipt.model_validate_json(payload)
    assert (receipt.job_id, receipt.charged, receipt.metered) == (job_id, "0.50", "0.50")
    assert [each.sha256 for each in receipt.artefacts] == [digest]
    again = await hall.client.get(f"/v1/jobs/{job_id}/receipt", headers=firm)
    assert again.content == envelope.content


async def test_ten_identical_submissions_at_once_are_one_job_and_ten_equal_answers(
    hall: Hall,
) -> None:
    firm = await hall.firm()
    await hall.site()
    body = {"id": str(new_id()), "spec": SPEC}
    answers = await asyncio.gather(
        *(hall.client.post("/v1/jobs", json=body, headers=firm) for _ in range(10))
    )
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (201, answers[0].content)
    }
    jobs = (await hall.client.get("/v1/jobs", headers=firm)).json()
    assert [job["id"] for job in jobs["jobs"]] == [body["id"]]
    other = body | {"spec": SPEC | {"run": "false"}}
    answer = await hall.client.post("/v1/jobs", json=other, headers=firm)
    problem(answer, 409, "idempotency_key_reused")


async def test_nobody_sees_or_changes_what_is_another_organisations(hall: Hall) -> None:
    firm, rival, voice = await hall.firm(), await hall.firm("rival"), await hall.site()
    job_id = await submitted(hall, firm)
    await hall.dispatch()
    (order,) = (await voice.sync()).starts
    digest = await voice.upload(b"model")
    report = ArtefactReport(task=0, path="m", sha256=digest, size_bytes=5)
    await voice.end(order, used_ms=1, artefacts=[report])
    quote = (await hall.client.post("/v1/quotes", json={"spec": SPEC}, headers=firm)).json()
    for path in ("", "/why", "/logs", "/receipt", "/artefacts"):
        answer = await hall.client.get(f"/v1/jobs/{job_id}{path}", headers=rival)
        problem(answer, 404, "not_found")
    tail = str(job_id)[-12:]
    assert (await hall.client.get(f"/v1/jobs/{tail}", headers=firm)).status_code == 200
    for path in (f"/v1/jobs/{tail}", f"/v1/blobs/{digest}", f"/v1/quotes/{quote['id']}"):
        problem(await hall.client.get(path, headers=rival), 404, "not_found")
    answer = await hall.client.post(f"/v1/jobs/{job_id}/cancel", json={}, headers=rival)
    problem(answer, 404, "not_found")
    stolen = {"id": str(new_id()), "quote_id": quote["id"]}
    problem(await hall.client.post("/v1/jobs", json=stolen, headers=rival), 404, "not_found")
    named = {"id": str(new_id()), "spec": SPEC, "bundle": digest}
    problem(await hall.client.post("/v1/jobs", json=named, headers=rival), 404, "not_found")
    mine = (await hall.client.get("/v1/jobs?everyone=true", headers=rival)).json()
    assert mine == {"jobs": [], "next": None}
    # A job whose id ends alike hides nobody else's behind "several".
    twin = str(job_id)[:-13] + "-" + tail
    twin = "0" + twin[1:] if twin[0] != "0" else "1" + twin[1:]
    await submitted(hall, rival, id=twin)
    assert (await hall.client.get(f"/v1/jobs/{tail}", headers=firm)).status_code == 200


async def test_who_lacks_a_role_or_a_key_is_told_which(hall: Hall) -> None:
    firm, auditor = await hall.firm(), await hall.town.key("firm", Role.AUDITOR)
    body = {"id": str(new_id()), "spec": SPEC}
    problem(await hall.client.post("/v1/jobs", json=body, headers=auditor), 403, "role_missing")
    asked = {"spec": SPEC}
    problem(await hall.client.post("/v1/quotes", json=asked, headers=auditor), 403, "role_missing")
    problem(await hall.client.put("/v1/bundles", headers=auditor), 403, "role_missing")
    problem(await hall.client.get("/v1/audit", headers=firm), 403, "role_missing")
    problem(await hall.client.get("/v1/jobs"), 401, "key_missing")
    problem(
        await hall.client.get("/v1/jobs", headers={"Authorization": "Bearer mains_x"}),
        401,
        "key_invalid",
    )


async def test_a_bundle_that_could_harm_is_refused_and_nothing_of_it_is_kept(hall: Hall) -> None:
    firm = await hall.firm()
    hall.wired.settings = replace(
        hall.wired.settings, bundle_bytes_max=2_000, organisation_bytes_max=1_000
    )
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    noise = bytes(n * n % 251 for n in range(1_500))
    cases = [
        (a_bundle(**{"../evil": b"x"}), None, 422, "bundle_unsafe"),
        (a_bundle(link), None, 422, "bundle_unsafe"),
        (b"no archive", None, 422, "bundle_unsafe"),
        (a_bundle(a=b"x"), f"sha256:{7:064x}", 422, "request_invalid"),
        (b"x" * 2_001, None, 422, "bundle_too_large"),
        (a_bundle(zeros=bytes(10**6)), None, 422, "bundle_too_large"),
        (gz_noise(noise), None, 402, "quota_exceeded"),
    ]
    for content, said, status, code in cases:
        headers = firm | {"Mains-Sha256": said or sha256_of(content)}
        answer = await hall.client.put("/v1/bundles", content=content, headers=headers)
        problem(answer, status, code)
        assert not await hall.wired.blobs.has(sha256_of(content))
    problem(await hall.client.put("/v1/bundles", headers=firm), 422, "request_invalid")
    async with hall.wired.database.transaction() as tx:
        row = await (await tx.execute("select count(*) as kept from jobs.content")).fetchone()
    assert row == {"kept": 0}
    assert list((hall.wired.settings.home / "incoming").iterdir()) == []


def gz_noise(noise: bytes) -> bytes:
    return a_bundle(noise=random.Random(1).randbytes(len(noise)))  # noqa: S311


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"nodes": 2}, "spec.nodes"),
        ({"tasks": 0}, "spec.tasks"),
        ({"tasks": 10**9}, "spec.tasks"),
        ({"resources": {"cpus": -1}}, "spec.resources.cpus"),
        ({"resources": {"cpus": 10**40}}, "spec.resources.cpus"),
        ({"resources": {"memory_bytes": 2**60}}, "spec.resources.memory_bytes"),
        ({"time_seconds": 10**9}, "spec.time_seconds"),
        ({"budget": "9999999999999"}, "spec.budget"),
        ({"budget": "NaN"}, "spec.budget"),
        ({"run": "a\0b"}, "spec.run"),
        ({"attempts_max": 2**40}, "spec.attempts_max"),
        ({"envs": {"A=B": "x"}}, "spec.envs.A=B.[key]"),
    ],
)
async def test_an_absurd_spec_is_a_problem_that_names_its_key(
    hall: Hall, changed: dict[str, Any], key: str
) -> None:
    firm = await hall.firm()
    body = {"id": str(new_id()), "spec": SPEC | changed}
    answer = await hall.client.post("/v1/jobs", json=body, headers=firm)
    assert problem(answer, 422, "request_invalid")["facts"]["key"] == key


async def test_what_a_request_may_carry_has_a_bound_also_without_a_length(hall: Hall) -> None:
    firm = await hall.firm()

    async def endless() -> Any:
        for _ in range(17):
            yield b" " * 2**20

    declared = {"content-length": str(17 * 2**20)}
    answer = await hall.client.post("/v1/jobs", content=b"{}", headers=firm | declared)
    problem(answer, 413, "request_invalid")
    answer = await hall.client.post("/v1/jobs", content=endless(), headers=firm)
    assert answer.status_code in {400, 413, 422}
    problem(answer, answer.status_code, "request_invalid")


async def test_jobs_are_paged_newest_first_and_answered_one_by_one_in_batches(hall: Hall) -> None:
    firm = await hall.firm(money=8)
    await hall.site()
    ids = [str(new_id()) for _ in range(5)]
    batch = [{"id": each, "spec": SPEC} for each in ids]
    answer = await hall.client.post("/v1/jobs/batch", json={"jobs": batch}, headers=firm)
    told = answer.json()["jobs"]
    assert [each["state"] for each in told] == ["queued"] * 4 + ["refused"]
    assert told[4]["error"] == "insufficient_funds"
    first = (await hall.client.get("/v1/jobs?limit=3", headers=firm)).json()
    rest = await hall.client.get(f"/v1/jobs?limit=3&before={first['next']}", headers=firm)
    seen = [job["id"] for job in first["jobs"] + rest.json()["jobs"]]
    assert seen == ids[3::-1]
    assert rest.json()["next"] is None
    none = await hall.client.get("/v1/jobs?state=running", headers=firm)
    assert none.json()["jobs"] == []


async def test_agents_that_speak_nonsense_are_told_so_and_change_nothing(hall: Hall) -> None:
    firm, voice = await hall.firm(), await hall.site()
    await submitted(hall, firm)
    await hall.dispatch()
    agent, now = voice.agent, hall.town.clock.now()
    odd = agent.envelope(now, sequence=9, surprise=1)
    answer = await hall.client.post("/v1/agent/sync", content=odd)
    assert problem(answer, 422, "request_invalid")["facts"]["key"] == "surprise"
    problem(await hall.client.post("/v1/agent/sync", content=b"{}"), 401, "signature_invalid")
    digest = sha256_of(b"x")
    url = f"/v1/agent/blobs/{digest}"
    problem(await hall.client.get(url), 401, "signature_invalid")
    for ticket in (b"%%%", "ü".encode("latin-1")):
        raw = httpx.Headers([(b"Mains-Agent", ticket)])
        problem(await hall.client.get(url, headers=raw), 422, "request_invalid")
    other = voice.ticket(sha256_of(b"y"))
    problem(await hall.client.get(url, headers=other), 401, "signature_invalid")
    headers = voice.ticket(digest)
    problem(await hall.client.get(url, headers=headers), 403, "foreign_organisation")
    wrong = await hall.client.put(url, content=b"other bytes", headers=headers)
    problem(wrong, 422, "request_invalid")
    (order,) = (await voice.sync()).starts
    chunk = {"attempt_id": str(order.attempt_id), "fence": 1, "task": 0, "offset": 0}
    said = agent.envelope(now, chunks=[chunk | {"data_base64": "ü"}])
    problem(await hall.client.post("/v1/agent/logs", content=said), 422, "request_invalid")
    await voice.end(order, used_ms=1)
    answer = await hall.client.put(url, content=b"x", headers=headers)
    problem(answer, 403, "foreign_organisation")


async def test_a_poll_of_an_older_agent_gets_no_orders_once_a_newer_one_is_there(
    hall: Hall,
) -> None:
    firm, voice = await hall.firm(), await hall.site()
    job_id = await submitted(hall, firm)
    old = asyncio.create_task(voice.say("/v1/agent/sync", voice.message(wait_seconds=5)))
    while not hall.wired.news._event._waiters:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    voice.agent.instance_id = new_id()
    await hall.town.register(voice.agent)
    await voice.sync()
    assert await hall.dispatch() == 1
    problem(await old, 409, "stale_epoch")
    (order,) = (await voice.sync()).starts
    assert order.job_id == job_id


async def test_a_submission_that_breaks_its_batch_breaks_nobody_elses(hall: Hall) -> None:
    """What slips through every check is answered alone; the database refuses this one's text."""
    firm = await hall.firm()
    await hall.site()
    whoami = (await hall.client.get("/v1/whoami", headers=firm)).json()
    spec = JobSpec.model_validate(SPEC)

    def submission(spec: JobSpec) -> Submission:
        return Submission(
            SubmitRequest.model_construct(id=new_id(), spec=spec),
            UUID(whoami["organisation_id"]),
            "firm",
            UUID(whoami["person_id"]),
        )

    good = [submission(spec) for _ in range(3)]
    bad = submission(spec.model_copy(update={"run": "a\0b"}))
    answers = await asyncio.gather(
        *(hall.wired.intake.submit(each) for each in [good[0], bad, *good[1:]]),
        return_exceptions=True,
    )
    assert isinstance(answers.pop(1), psycopg.Error)
    assert [getattr(answer, "state", None) for answer in answers] == ["queued"] * 3


async def test_the_server_says_how_it_is(hall: Hall) -> None:
    firm = await hall.firm()
    await hall.site()
    await submitted(hall, firm)
    assert (await hall.client.get("/health")).json() == {"status": "ok"}
    text = (await hall.client.get("/metrics")).text
    assert 'mains_jobs_unsettled{state="queued"} 1.0' in text
    assert 'route="/v1/jobs",status="201"' in text
    auditor = await hall.town.key("authority", Role.AUDITOR)
    audit = (await hall.client.get("/v1/audit", headers=auditor)).json()
    assert (audit["clean"], audit["findings"]) == (True, [])
    assert "jobs.no_task_lost" in audit["checked"]
    problem(await hall.client.get("/v1/nothing"), 404, "not_found")
    problem(await hall.client.delete("/v1/server"), 405, "request_invalid")
    problem(await hall.client.get("/v1/jobs/x", headers=firm), 404, "not_found")


async def test_every_route_has_an_operation_of_its_own_in_openapi(hall: Hall) -> None:
    paths = hall.app.openapi()["paths"]
    operations = [each["operationId"] for path in paths.values() for each in path.values()]
    assert len(operations) == len(set(operations)) > 40
    assert {path for path in paths if not path.startswith("/v1/")} == {"/health", "/metrics"}
    assert {"/v1/quotes", "/v1/jobs/{ref}/logs", "/v1/agent/blobs/{sha256}"} <= set(paths)


async def test_openapi_says_of_every_route_how_it_refuses(hall: Hall) -> None:
    document = (await hall.client.get("/openapi.json")).json()
    operations = [each for path in document["paths"].values() for each in path.values()]
    for operation in operations:
        assert set(operation["responses"]["default"]["content"]) == {PROBLEM_TYPE}
        assert "422" not in operation["responses"]


async def test_a_disk_that_refuses_is_told_as_such_and_keeps_nothing(hall: Hall) -> None:
    firm, incoming = await hall.firm(), hall.wired.settings.home / "incoming"
    code = a_bundle(**{"train.py": b"print('hello')"})
    headers = firm | {"Mains-Sha256": sha256_of(code)}
    incoming.write_bytes(b"in the way")
    for path, method, more in (
        ("/v1/bundles", "PUT", headers),
        ("/v1/reports/documents?name=a.txt", "POST", firm),
    ):
        answer = await hall.client.request(method, path, content=code, headers=more)
        assert problem(answer, 503, "storage_unavailable")["hint"]
    incoming.unlink()
    assert (await hall.client.put("/v1/bundles", content=code, headers=headers)).is_success
