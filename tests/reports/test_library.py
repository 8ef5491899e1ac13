"""Filing: replays, races, copies, publicity, bounds, and reading processes that end too early."""

import asyncio
import base64
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from mains.api.limits import DOCUMENT_BYTES_MAX
from mains.db import Database
from mains.reports.reading_pool import ReadingLimits, ReadingPool
from mains.settings import Settings
from mains.wire.reports import DocumentText
from tests.reports.builders import LONG, TEXT, Library, a_library

pytestmark = pytest.mark.anyio

WAIT_SECONDS_MAX = 20.0


async def test_a_report_becomes_claims_that_open_at_their_spans(library: Library) -> None:
    filed = await library.filed(by=library.member)
    assert (filed.name, filed.languages, filed.characters) == ("report.txt", ["en"], len(TEXT))
    opened = DocumentText.model_validate(await library.get(f"/documents/{filed.id}/text"))
    assert opened.text == TEXT
    found = await library.claims(document=filed.id, neutral=True)
    assert len(found) == filed.claims
    for claim in found:
        assert opened.text[claim.start : claim.end] == claim.quote
        first = claim.start - claim.sentence_start
        assert claim.sentence[first : first + len(claim.quote)] == claim.quote
    models = await library.claim("registered_models")
    assert (models.subject, models.value, models.status) == ("city:beijing", "183", "accepted")
    assert models.sentence == "Beijing had 183 registered models at the end of 2024."
    assert await library.audit() == []


async def test_what_is_not_bound_waits_in_the_queue(library: Library) -> None:
    filed = await library.filed(by=library.member)
    [waiting] = await library.queue()
    assert (waiting.value, waiting.measure, filed.queued) == ("12", None, 1)


async def test_the_same_bytes_are_filed_once(library: Library) -> None:
    first = await library.filed(by=library.member)
    again = await library.file(by=library.stranger, name="other.txt")
    assert again.json()["replayed"] is True
    assert again.json()["document"] == first.model_dump(mode="json")
    assert len(await library.claims(measure="registered_models")) == 1


async def test_two_clients_file_the_same_document_at_once(library: Library) -> None:
    answers = await asyncio.gather(
        *(library.file(by=by) for by in (library.member, library.stranger, library.officer))
    )
    assert [answer.status_code for answer in answers] == [201] * 3
    assert sorted(answer.json()["replayed"] for answer in answers) == [False, True, True]
    assert len({answer.json()["document"]["id"] for answer in answers}) == 1
    assert await library.audit() == []


async def test_a_syndicated_copy_adds_no_support(library: Library) -> None:
    original = await library.filed(TEXT + LONG, by=library.member, name="first.txt")
    copy = await library.filed(
        TEXT + LONG + "Reported by a partner.\n", by=library.stranger, name="second.txt"
    )
    assert copy.copy_of == original.id
    found = await library.claims(measure="registered_models")
    assert [bool(claim.duplicate_of) for claim in found] == [True, False]
    view = await library.get("/views", subject="city:beijing", measure="registered_models")
    assert [each["supports"] for each in view["current"]] == [1]
    assert (await library.get("/edges"))["edges"] == []
    assert len(await library.queue()) == 1
    assert await library.audit() == []


async def test_a_copy_with_another_figure_is_not_overlooked(library: Library) -> None:
    await library.filed(TEXT + LONG, by=library.member)
    other = (TEXT + LONG).replace("183", "184")
    copy = await library.filed(other, by=library.member)
    assert copy.copy_of is not None
    changed = [each for each in await library.claims(document=copy.id) if not each.duplicate_of]
    assert [(each.value, each.measure) for each in changed] == [("184", "registered_models")]
    view = await library.get("/views", subject="city:beijing", measure="registered_models")
    assert {claim["value"] for claim in view["claims"]} == {"183", "184"}
    assert await library.audit() == []


async def test_what_officers_file_is_public_and_what_members_file_is_not(
    library: Library,
) -> None:
    private = await library.filed(by=library.member)
    public = await library.filed(TEXT.replace("183", "190"), by=library.officer)
    assert (private.public, public.public) == (False, True)
    refused = await library.file("Shenzhen has 3 sites.", by=library.member, public=True)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    kept = await library.filed("Shenzhen has 4 sites.", by=library.officer, public=False)
    assert kept.public is False


async def test_a_published_copy_leads_its_private_original(library: Library) -> None:
    private = await library.filed(TEXT + LONG, by=library.member)
    public = await library.filed(TEXT + LONG + "From our correspondent.\n", by=library.officer)
    assert public.copy_of is None
    shown = await library.get(f"/documents/{private.id}")
    assert (shown["copy_of"], shown["public"]) == (public.id, False)
    third = await library.filed(TEXT + LONG + "Copied once more.\n", by=library.member)
    assert third.copy_of == public.id
    assert await library.audit() == []


async def test_publishing_needs_an_officer_and_makes_the_copy_the_original(
    library: Library,
) -> None:
    first = await library.filed(TEXT + LONG, by=library.member)
    copy = await library.filed(TEXT + LONG + "Seen elsewhere.\n", by=library.member)
    path = f"/v1/reports/documents/{copy.id}/publish"
    refused = await library.client.post(path, headers=library.member)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    published = await library.client.post(path, headers=library.officer)
    assert (published.json()["public"], published.json()["copy_of"]) == (True, None)
    assert (await library.get(f"/documents/{first.id}"))["copy_of"] == copy.id
    assert (await library.client.post(path, headers=library.officer)).json() == published.json()
    assert await library.audit() == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "document_empty"),
        (b" \n\t\n", "document_empty"),
        (b"\x00\x01\x02\x03\xff\xfe\xfd" * 500, "document_unreadable"),
        (b"%PDF-1.7\nnot one", "document_unreadable"),
    ],
)
async def test_what_can_not_be_read_is_a_clear_error_and_nothing_is_kept(
    library: Library, content: bytes, code: str
) -> None:
    answer = await library.file(content, by=library.member)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await library.get("/documents"))["documents"] == []


async def test_a_body_beyond_the_bound_is_refused_while_it_comes(
    database: Database, settings: Settings
) -> None:
    async with a_library(
        database, Settings(settings.home, settings.commons, report_bytes_max=5_000)
    ) as small:
        answer = await small.file(LONG * 100, by=small.member)
        assert (answer.status_code, answer.json()["code"]) == (422, "document_too_large")
        assert small.wired.shelf.reading.process_ids == []
        assert list(small.wired.shelf.incoming.iterdir()) == []


async def test_documents_are_streamed_beyond_the_bound_of_other_requests(
    library: Library,
) -> None:
    large = "Beijing had 183 registered models in 2024.\n" + "x " * (DOCUMENT_BYTES_MAX // 2)
    answer = await library.file(large, by=library.member)
    assert answer.json()["code"] == "document_too_large"
    assert answer.json()["facts"]["limit"] == "text"


async def test_a_quota_bounds_what_one_organisation_files(
    database: Database, settings: Settings
) -> None:
    tight = Settings(settings.home, settings.commons, reports_bytes_max=len(TEXT) + 10)
    async with a_library(database, tight) as small:
        await small.filed(by=small.member)
        answer = await small.file(LONG, by=small.member)
        assert (answer.status_code, answer.json()["code"]) == (402, "quota_exceeded")
        assert (await small.file(by=small.member)).json()["replayed"] is True
        await small.filed("Another firm files this.", by=small.stranger)


async def test_a_worker_that_is_killed_in_the_midst_is_one_documents_error(
    library: Library,
) -> None:
    await library.filed(by=library.member)
    [worker] = library.wired.shelf.reading.process_ids
    os.kill(worker, signal.SIGSTOP)
    reading = asyncio.create_task(library.file(LONG, by=library.member))
    await until(lambda: library.wired.shelf.reading.reading_count == 1)
    os.kill(worker, signal.SIGKILL)
    answer = await reading
    assert (answer.status_code, answer.json()["code"]) == (500, "reading_failed")
    assert answer.json()["facts"]["exit_code"] == -signal.SIGKILL
    await library.filed(LONG, by=library.member)
    assert worker not in library.wired.shelf.reading.process_ids


async def test_a_worker_that_was_killed_while_idle_is_replaced(library: Library) -> None:
    await library.filed(by=library.member)
    [worker] = library.wired.shelf.reading.process_ids
    os.kill(worker, signal.SIGKILL)
    await until(lambda: not Path(f"/proc/{worker}").exists())
    await library.filed(LONG, by=library.member)


async def test_a_reading_that_takes_too_long_is_ended(library: Library) -> None:
    pool = library.wired.shelf.reading
    await library.filed(by=library.member)
    [worker] = pool.process_ids
    pool.limits = ReadingLimits(seconds_max=0.2)
    os.kill(worker, signal.SIGSTOP)
    answer = await library.file(LONG, by=library.member)
    assert (answer.status_code, answer.json()["code"]) == (422, "document_too_slow")
    assert pool.process_ids == []


async def test_too_many_waiting_documents_are_turned_away(
    database: Database, settings: Settings
) -> None:
    narrow = Settings(settings.home, settings.commons, reading_workers_max=1, reading_waiting_max=1)
    async with a_library(database, narrow) as small:
        texts = [f"Dongguan had {count} AI companies in 2024. " + LONG for count in range(11, 16)]
        answers = await asyncio.gather(*(small.file(text, by=small.member) for text in texts))
        codes = [answer.json().get("code") for answer in answers]
        assert codes.count("reading_busy") == 3
        assert codes.count(None) == 2


async def test_an_idle_worker_goes_away_and_another_comes(library: Library) -> None:
    pool = library.wired.shelf.reading
    pool.limits = ReadingLimits(idle_seconds=0.05)
    await library.filed(by=library.member)
    await until(lambda: not pool.process_ids)
    await library.filed(LONG, by=library.member)


async def test_a_worker_ends_with_its_parents_end_of_the_pipe() -> None:
    pool = ReadingPool(ReadingLimits())
    worker = await pool._take()
    assert worker.process.stdin is not None
    worker.process.stdin.close()
    async with asyncio.timeout(20):
        assert await worker.process.wait() == 0
    await pool.close()


async def test_a_bulk_filing_goes_on_after_a_document_that_fails(library: Library) -> None:
    bodies = [TEXT.encode(), b"", TEXT.replace("183", "7").encode()]
    documents = [{"content_base64": base64.b64encode(body).decode()} for body in bodies]
    documents += [{"content_base64": "*"}, {"content_base64": "\u00f9"}]
    answer = await library.client.post(
        "/v1/reports/documents/bulk", json={"documents": documents}, headers=library.member
    )
    assert answer.status_code == 200, answer.text
    answers = answer.json()["documents"]
    errors = [each["error"] for each in answers]
    assert errors == [None, "document_empty", None, "request_invalid", "request_invalid"]
    assert answers[0]["filed"]["document"]["name"] == "report"


async def test_a_name_can_neither_steer_a_terminal_nor_name_a_folder(library: Library) -> None:
    filed = await library.filed(by=library.member, name="../../etc/\x1b[31mpasswd\u202e.txt")
    assert filed.name == "[31mpasswd.txt"


async def test_who_has_no_key_reads_nothing_and_files_nothing(library: Library) -> None:
    for answer in (await library.file(by={}), await library.client.get("/v1/reports/claims")):
        assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        for _ in itertools.count():
            if reached():
                return
            await asyncio.sleep(0.01)
