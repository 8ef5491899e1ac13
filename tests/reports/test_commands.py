"""`mains read` and `mains claims` as people and scripts type them, against a real server."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from mains.api.app import application
from mains.cli import contexts
from mains.cli.contexts import Context, Contexts
from mains.clock import ManualClock
from mains.daemon.wiring import wire
from mains.db import Database
from mains.settings import Settings
from mains.wire.parties import Role
from tests.cli.conftest import Mains
from tests.cli.conftest import configuration as configuration
from tests.cli.conftest import mains as mains
from tests.reports.builders import LONG, TEXT
from tests.sites.builders import PEPPER, Town

START_SECONDS_MAX = 20.0


@dataclass
class Served:
    url: str
    officer: str
    member: str


@pytest.fixture
def served(app_url: str, settings: Settings, configuration: Path) -> Iterator[Served]:
    """The real application behind a socket, and the contexts of an officer and a member."""
    started, told = threading.Event(), asyncio.Event()
    known: dict[str, str] = {}
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        database = await Database.open(app_url)
        clock = ManualClock()
        wired = wire(database=database, settings=settings, clock=clock)
        wired.pepper = PEPPER
        server = uvicorn.Server(
            uvicorn.Config(application(wired), port=0, log_level="critical", lifespan="off")
        )
        serving = asyncio.create_task(server.serve())
        for _ in range(1_000):
            if server.started:
                break
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient() as client:
            town = Town(database, clock, client)
            for name, role in (("officer", Role.OFFICER), ("member", Role.MEMBER)):
                key = await town.key(f"the-{name}s", role)
                known[name] = key["Authorization"].removeprefix("Bearer ")
        known["url"] = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        started.set()
        await told.wait()
        server.should_exit = True
        await serving
        await wired.shelf.reading.close()
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(START_SECONDS_MAX), "the server did not start"
    both = Contexts()
    for name in ("officer", "member"):
        both = both.having(Context(name, known["url"], known[name]))
    contexts.save(both, configuration)
    yield Served(known["url"], known["officer"], known["member"])
    loops[0].call_soon_threadsafe(told.set)
    thread.join(START_SECONDS_MAX)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "reports" / "report.txt"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def test_reading_a_file_files_it_and_shows_its_claims(
    mains: Mains, served: Served, report: Path
) -> None:
    ran = mains("read", str(report))
    assert ran.code == 0, ran.err
    assert "report.txt" in ran.out and "(not public)" in ran.out
    assert "city:beijing" in ran.out and "183" in ran.out and ">2,600" in ran.out
    assert "1 wait for a review. next: mains claims queue" in ran.out
    again = mains("read", str(report), "--context", "officer")
    assert "filed before" in again.out


def test_lines_are_the_exchange_format_under_the_files_own_name(
    mains: Mains, served: Served, report: Path
) -> None:
    ran = mains("read", "--jsonl", str(report))
    lines = [json.loads(line) for line in ran.out.splitlines()]
    models = next(line for line in lines if line["measure"] == "registered_models")
    assert (models["doc"], models["status"], models["unit"]) == ("report.txt", "accepted", "count")
    assert TEXT[models["start"] : models["end"]] == models["quote"]
    assert list(models)[:4] == ["id", "doc", "start", "end"]
    other = report.with_name("copy.txt")
    other.write_text(TEXT)
    renamed = [json.loads(line) for line in mains("read", "--jsonl", str(other)).out.splitlines()]
    assert {line["doc"] for line in renamed} == {"copy.txt"}
    assert [line["id"] for line in renamed] == [line["id"] for line in lines]


def test_a_batch_goes_on_after_documents_that_fail_and_says_so_at_its_end(
    mains: Mains, served: Served, report: Path
) -> None:
    (report.parent / "deep").mkdir()
    (report.parent / "deep" / "long.txt").write_text(LONG)
    (report.parent / "broken.pdf").write_bytes(b"%PDF-1.7\nnot one")
    (report.parent / ".hidden").write_bytes(b"\x00")
    ran = mains("read", str(report.parent), str(report.parent / "nowhere.txt"), "--json")
    assert ran.code == 2, ran.err
    assert "error [document_unreadable]:" in ran.err and "broken.pdf" in ran.err
    assert "error [not_found]:" in ran.err
    by_name = {Path(each["source"]).name: each for each in ran.json}
    assert set(by_name) == {"report.txt", "long.txt", "broken.pdf", "nowhere.txt"}
    assert by_name["broken.pdf"]["error"]["code"] == "document_unreadable"
    assert by_name["report.txt"]["document"]["claims"] == len(by_name["report.txt"]["claims"])


def test_standard_input_is_a_document_too(mains: Mains, served: Served) -> None:
    ran = mains("read", "-", "--json", given=TEXT)
    assert ran.code == 0, ran.err
    assert ran.json[0]["document"]["name"] == "stdin"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/a", "http://169.254.169.254/latest", "http://[::1]/"]
)
def test_an_address_that_is_not_public_is_refused_by_the_server(
    mains: Mains, served: Served, address: str
) -> None:
    ran = mains("read", address)
    assert ran.code == 2
    assert "error [address_refused]" in ran.err


def test_a_members_report_is_not_public_and_asking_for_it_ends_the_batch(
    mains: Mains, served: Served, report: Path
) -> None:
    refused = mains("read", "--public", str(report), "--context", "member")
    assert (refused.code, "error [role_missing]" in refused.err) == (3, True)
    kept = mains("read", "--json", str(report), "--context", "officer")
    assert kept.json[0]["document"]["public"] is True


def test_a_queued_claim_is_reviewed_from_the_queue(
    mains: Mains, served: Served, report: Path
) -> None:
    mains("read", str(report))
    assert "mains claims review CLAIM" in mains("claims", "queue").out
    [waiting] = mains("claims", "queue", "--json").json
    refused = mains("claims", "review", waiting["id"], "reject", "--context", "member")
    assert (refused.code, "error [role_missing]" in refused.err) == (3, True)
    empty = mains("claims", "review", waiting["id"], "accept", "--context", "officer")
    assert (empty.code, "error [state_conflict]" in empty.err) == (5, True)
    wrong = mains("claims", "review", waiting["id"], "correct", "measure", "--context", "officer")
    assert wrong.code == 2
    fields = ("subject=org:city-hall", "measure=building_floors", "scope=")
    ran = mains(
        *("claims", "review", waiting["id"][:8], "correct", *fields),
        *("--note", "the hall", "--context", "officer"),
    )
    assert ran.code == 0, ran.err
    assert "is accepted: org:city-hall building_floors 12 count" in ran.out
    told = mains("claims", "why", waiting["id"])
    assert "as read" in told.out and "correct by" in told.out and "the hall" in told.out
    assert mains("claims", "queue").out == "Nothing waits for a review.\n"


def test_edges_are_listed_between_the_claims_of_a_file(
    mains: Mains, served: Served, report: Path, tmp_path: Path
) -> None:
    newer = report.with_name("newer.txt")
    newer.write_text("Beijing had 211 registered models in 2025.\n" + LONG)
    lines = mains("read", "--jsonl", str(report), str(newer)).out
    kept = tmp_path / "claims.jsonl"
    kept.write_text(lines)
    ran = mains("claims", "edges", "--jsonl", str(kept))
    assert ran.code == 0, ran.err
    found = [json.loads(line) for line in ran.out.splitlines()]
    ids = {json.loads(line)["id"] for line in lines.splitlines()}
    assert found and all({each["a"], each["b"]} <= ids for each in found)
    assert list(found[0]) == ["id", "a", "b", "relation", "reason"]
    assert mains("claims", "edges", "--jsonl", "-", given=lines).out == ran.out
    assert mains("claims", "edges", found[0]["a"], "--json").json == found
    kept.write_text("not a claim\n")
    assert mains("claims", "edges", str(kept)).code == 2
    view = mains("claims", "view", "city:beijing", "registered_models")
    assert view.code == 0 and "211" in view.out


def test_claims_are_listed_and_shown_and_documents_published(
    mains: Mains, served: Served, report: Path
) -> None:
    assert mains("claims", "list").out == "No claims. next: mains read FILE\n"
    mains("read", str(report))
    [models] = mains("claims", "list", "--measure", "registered_models", "--json").json
    shown = mains("claims", "show", models["id"][:6])
    assert "Beijing had 183 registered models" in shown.out
    assert mains("claims", "show", "zz").code == 4
    document = models["document_id"]
    assert document in mains("claims", "documents").out
    assert mains("claims", "publish", document, "--context", "member").code == 3
    assert "is public" in mains("claims", "publish", document, "--context", "officer").out


def test_without_a_mains_reading_goes_on_and_says_that_nothing_was_filed(
    configuration: Path, report: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "mains.cli.main", "read", "--jsonl", str(report)],
        env={**os.environ, "XDG_STATE_HOME": str(report.parent / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "No mains answers here." in ran.stderr and "nothing was filed" in ran.stderr
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert any(line["measure"] == "registered_models" for line in lines)


def test_claims_are_exported_to_a_file_or_a_pipe(
    mains: Mains, served: Served, report: Path, tmp_path: Path
) -> None:
    mains("read", str(report))
    table = mains("claims", "export", "--measure", "registered_models")
    assert table.code == 0 and len(table.out.splitlines()) == 2
    path = tmp_path / "claims.jsonld"
    ran = mains("claims", "export", "--format", "jsonld", "-o", str(path))
    assert ran.code == 0 and json.loads(path.read_text())["@graph"]
    assert mains("claims", "export", "--format", "xlsx").code == 2
    assert mains("claims", "export", "-o", str(tmp_path / "no" / "where")).code == 2


def test_the_last_reading_answers_where_no_mains_runs(configuration: Path, report: Path) -> None:
    report.with_name("newer.txt").write_text(
        "Beijing had 211 registered models at the end of 2025.\n" + LONG
    )

    def ran(*arguments: str, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "mains.cli.main", *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    lines = ran("read", "--jsonl", str(report.parent))
    edges = ran("claims", "edges", "--jsonl")
    assert [json.loads(line)["relation"] for line in edges.splitlines()] == ["update"]
    assert ran("claims", "edges", "--jsonl", "-", given=lines) == edges
    edge = json.loads(edges)
    assert json.loads(ran("claims", "edges", "--json", edge["a"])) == [edge]
    assert "update" in ran("claims", "why", edge["a"])
    assert edge["a"] in ran("claims", "list")
    assert "Beijing had 183 registered models" in ran("claims", "show", edge["a"][:8])
