"""The commands as people and scripts type them, against a small real server."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from mains import __version__
from mains.blobs import bundle
from mains.cli import contexts
from mains.cli.contexts import Context
from mains.cli.jobs import complete_job
from mains.cli.main import app
from mains.cli.session import complete_context
from mains.cli.sites import complete_site
from mains.ids import new_id, short
from mains.wire.jobs import CancelRequest, JobDetail, QuoteRequest, QuoteView
from tests.cli.city import LOSE, City, a_task, sha256
from tests.cli.conftest import Mains, Served
from tests.cli.doors import KEY

WAIT_SECONDS_MAX = 20.0
JOB = """
name: digits
secrets: {TOKEN: hunter2}
workdir: .
run: python train.py
"""


@pytest.fixture
def job_file(tmp_path: Path) -> str:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "train.py").write_text("print('training')\n")
    (folder / "job.yaml").write_text(JOB)
    return str(folder / "job.yaml")


# Who and where.


def test_login_checks_the_key_and_keeps_it_private(
    mains: Mains, served: Served, city: City, configuration: Path
) -> None:
    ran = mains("login", "--url", f"{served.url}/", "--key", "-", "--name", "home", given=KEY)

    assert ran.code == 0, ran.err
    kept = contexts.load(configuration).named("home")
    assert (kept.url, kept.key, kept.person) == (served.url, KEY, "lin")
    assert kept.server_key == city.signing_key.public_key_hex
    assert KEY not in ran.out + ran.err
    assert mains("whoami", "--json").json["organisation"] == "vision"
    listed = mains("context", "list", "--json")
    assert [each["name"] for each in listed.json] == ["home"] and KEY not in listed.out


def test_a_login_with_a_wrong_key_keeps_nothing(
    mains: Mains, served: Served, city: City, configuration: Path
) -> None:
    ran = mains("login", "--url", served.url, "--key", "wrong")
    assert ran.code == 3
    assert "error [key_invalid]" in ran.err and "next:" in ran.err
    assert not configuration.exists()


def test_a_login_without_any_key_on_standard_input_says_so(mains: Mains, served: Served) -> None:
    ran = mains("login", "--url", served.url, "--key", "-", given="")
    assert (ran.code, "Standard input holds no key." in ran.err) == (2, True)


def test_login_without_an_address_finds_the_server_of_this_machine(
    mains: Mains, served: Served, city: City, tmp_path: Path
) -> None:
    assert "mains up" in mains("login").err
    home = tmp_path / "home"
    (home / "keys").mkdir(parents=True)
    (home / "up.json").write_text(json.dumps({"url": served.url}))
    (home / "keys" / "administrator").write_text(KEY + "\n")

    assert mains("login").code == 0
    assert "context local" in mains("whoami").out


def test_a_key_does_not_leave_this_machine_unencrypted(mains: Mains) -> None:
    ran = mains("login", "--url", "http://10.255.255.1", "--key", KEY)
    assert ran.code == 2
    assert "--insecure" in ran.err


def test_a_server_that_signs_with_another_key_than_before_is_noticed(
    mains: Mains, logged_in: Context, city: City, served: Served
) -> None:
    stranger = City()
    served.app.state.city = stranger
    ran = mains("login", "--url", served.url, "--key", KEY, "--name", "test")
    assert ran.code == 0
    assert "another key than before" in ran.err
    assert stranger.signing_key.public_key_hex in ran.err


def test_contexts_are_used_by_name_and_completed(
    mains: Mains, logged_in: Context, served: Served
) -> None:
    assert mains("login", "--url", served.url, "--key", KEY, "--name", "other").code == 0
    assert mains("context", "use", "test").code == 0
    assert mains("context", "use", "nowhere").code == 4
    assert complete_context("t") == ["test"]
    rows = mains("context", "list").out.splitlines()
    assert rows[1].split()[:2] == ["*", "test"]


def test_without_any_server_the_next_step_is_said(mains: Mains) -> None:
    ran = mains("jobs")
    assert ran.code == 7
    assert ran.err.splitlines()[1] == (
        "  next: `mains login --url URL` connects to one; `mains up` starts one here."
    )


def test_an_error_is_one_json_document_where_that_was_asked(mains: Mains) -> None:
    ran = mains("jobs", "--json")
    assert (ran.code, ran.json["code"], ran.json["status"]) == (7, "server_unreachable", 503)


def test_version_tells_both_sides(mains: Mains, logged_in: Context) -> None:
    assert mains("version").out.splitlines()[0] == f"mains {__version__}"
    assert mains("version", "--json").json["server"] == __version__


# From a quote to a receipt.


def test_a_quote_shows_ceiling_payers_offers_and_refusals(
    mains: Mains, logged_in: Context, city: City, job_file: str
) -> None:
    ran = mains("quote", job_file, "--env", "EPOCHS=2")

    assert ran.code == 0, ran.err
    for words in (
        "costs at most    12300.00 CNY",
        "dongguan v1 rate.default 50 %",
        "songshan/cpu",
        "sells h100, not cpu",
        f"next: mains submit {next(iter(city.quotes))}",
    ):
        assert words in ran.out
    asked: QuoteRequest = city.bodies[0]
    assert asked.spec.envs == {"EPOCHS": "2"} and asked.spec.secrets == {"TOKEN": ""}


def test_a_jobs_folder_travels_as_a_bundle_once(
    mains: Mains, logged_in: Context, city: City, job_file: str, tmp_path: Path
) -> None:
    first = mains("quote", job_file, "--json")
    QuoteView.model_validate(first.json)
    assert mains("quote", job_file).code == 0

    (content,) = city.blobs.values()
    assert city.bodies[0].bundle == city.bodies[1].bundle == sha256(content)
    assert sum(each == "PUT /v1/bundles" for each in city.asked) == 1
    archive = tmp_path / "bundle.tar.gz"
    archive.write_bytes(content)
    bundle.unpack(archive, tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "train.py").read_text() == "print('training')\n"


def test_run_goes_from_the_price_to_the_receipt(
    mains: Mains, logged_in: Context, city: City, job_file: str
) -> None:
    city.log = b"epoch 1\n\xff\n"
    ran = mains("run", job_file, "--yes")

    assert ran.code == 0, ran.err
    order = (
        "costs at most",
        "Submitted as",
        "epoch 1",
        "Receipt of digits",
        "mains receipt verify",
    )
    places = [ran.out.index(words) for words in order]
    assert places == sorted(places)
    assert city.submissions[0].secrets == {"TOKEN": "hunter2"}
    assert "hunter2" not in ran.out + ran.err


def test_run_with_json_is_one_document_and_the_log_goes_aside(
    mains: Mains, logged_in: Context, city: City, job_file: str
) -> None:
    city.log = b"epoch 1\n"
    ran = mains("run", job_file, "--yes", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["job"]["state"] == "succeeded" and "payload" in ran.json["receipt"]
    assert "epoch 1" in ran.err
    detached = mains("run", job_file, "--yes", "--no-follow", "--json")
    assert set(detached.json) == {"quote", "submitted"}


def test_run_asks_nobody_where_nobody_is(
    mains: Mains, logged_in: Context, city: City, job_file: str
) -> None:
    ran = mains("run", job_file)
    assert ran.code == 2 and "--yes" in ran.err
    assert city.asked == []


def test_run_reads_standard_input(mains: Mains, logged_in: Context, city: City) -> None:
    ran = mains("run", "-", "--yes", "--no-follow", given="run: 'true'\narray: 20")
    assert ran.code == 0, ran.err
    assert "20 tasks" in ran.out


def test_a_job_that_fits_nowhere_is_not_submitted(
    mains: Mains, logged_in: Context, city: City, job_file: str
) -> None:
    city.offers = False
    assert mains("quote", job_file).code == 0
    ran = mains("run", job_file, "--yes")
    assert ran.code == 6
    assert "binhai/gpu: sells h100, not cpu" in ran.err
    assert mains("submit", job_file).code == 6
    assert city.submissions == []


def test_a_refusal_for_want_of_money_tells_the_amounts(
    mains: Mains, logged_in: Context, city: City, job_file: str
) -> None:
    city.refuse_submission = True
    ran = mains("run", job_file, "--yes")
    assert ran.code == 6
    assert "error [insufficient_funds]: 12,300.00 CNY are needed" in ran.err


def test_a_job_that_fails_ends_run_with_one(
    mains: Mains, logged_in: Context, city: City, job_file: str
) -> None:
    submission = new_id()
    city.add_job(submission, quote_id=new_id(), state="failed", reason="exit status 3")
    ran = mains("run", job_file, "--yes", "--id", str(submission))
    assert ran.code == 1
    assert "ended as failed. exit status 3" in ran.err
    assert "Receipt of" in ran.out


def test_a_quote_is_submitted_by_its_id_with_its_secrets(
    mains: Mains, logged_in: Context, city: City, job_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quote_id = mains("quote", job_file, "--json").json["id"]
    submission = str(new_id())
    monkeypatch.setenv("TOKEN", "hunter2")
    arguments = ("submit", quote_id, "--secret", "TOKEN", "--id", submission)

    city.answers_to_lose += [LOSE]
    assert mains(*arguments, "--json").json["id"] == submission
    assert mains(*arguments).code == 0

    assert {str(each.id) for each in city.submissions} == {submission}
    assert all(each.secrets == {"TOKEN": "hunter2"} for each in city.submissions)
    assert len(city.jobs) == 1
    assert mains("submit", quote_id, "--env", "A=1").code == 2


def test_a_file_is_submitted_at_its_price_of_now(
    mains: Mains, logged_in: Context, city: City, job_file: str
) -> None:
    ran = mains("submit", job_file)
    assert ran.code == 0, ran.err
    assert city.submissions[0].quote_id in city.quotes


def test_a_submission_of_unknown_outcome_says_how_to_repeat_it(
    logged_in: Context, mains: Mains, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("mains.wire.connection.PAUSES_SECONDS", ())
    monkeypatch.setenv("MAINS_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("MAINS_KEY", KEY)
    quote_id, submission = str(new_id()), str(new_id())
    ran = mains("submit", quote_id, "--id", submission)
    assert ran.code == 7
    assert f"mains submit {quote_id} --id {submission}" in ran.err


# Jobs.


@pytest.fixture
def jobs(city: City) -> list[JobDetail]:
    return [city.add_job(new_id(), quote_id=new_id()) for _ in range(5)]


def test_jobs_are_listed_over_pages_and_cut_at_the_limit(
    mains: Mains, logged_in: Context, jobs: list[JobDetail]
) -> None:
    newest_first = [str(job.id) for job in reversed(jobs)]
    assert [job["id"] for job in mains("jobs", "--json").json] == newest_first
    assert [job["id"] for job in mains("jobs", "--limit", "3", "--json").json] == newest_first[:3]
    lines = mains("jobs").out.splitlines()
    assert len(lines) == 6 and lines[1].startswith(short(jobs[-1].id))
    assert mains("jobs", "--state", "failed").out == "No failed jobs.\n"


def test_a_job_is_shown_with_its_unhappy_tasks_first(
    mains: Mains, logged_in: Context, city: City
) -> None:
    tasks = [a_task(0), a_task(1, state="failed")]
    city.add_job(new_id(), quote_id=new_id(), tasks=2, task_list=tasks)
    ran = mains("job", "last")
    assert ran.out.index("failed") < ran.out.rindex("succeeded")
    assert mains("job", "last", "--json").json["tasks"] == 2
    assert mains("job", "nothing").code == 4


def test_why_prints_the_placements_reasoning(
    mains: Mains, logged_in: Context, jobs: list[JobDetail]
) -> None:
    ran = mains("why", "last")
    assert "no pool fits" in ran.out and "binhai/gpu" in ran.out
    assert mains("why", "last", "--json").json["pools"][0]["code"] == "unit"


def test_logs_are_passed_on_byte_by_byte_or_as_a_document(
    mains: Mains, logged_in: Context, jobs: list[JobDetail], city: City
) -> None:
    city.log = b"epoch 1\nepoch 2\n"
    city.cuts += [5]
    assert mains("logs", "last", "--offset", "8").out == "epoch 2\n"
    assert mains("logs", "-f", "last").out == "epoch 1\nepoch 2\n"
    document = mains("logs", "last", "--offset", "8", "--json").json
    assert document == {"task": 0, "offset": 8, "next_offset": 16, "text": "epoch 2\n"}


def test_a_job_or_some_of_its_tasks_are_cancelled(
    mains: Mains, logged_in: Context, jobs: list[JobDetail], city: City
) -> None:
    assert mains("cancel", "last").code == 0
    ran = mains("cancel", "last", "--task", "3", "--task", "4")
    assert "task 3, 4" in ran.out
    assert city.bodies == [CancelRequest(tasks=None), CancelRequest(tasks=[3, 4])]


def test_a_shell_completes_jobs_and_sites_and_is_quiet_without_a_server(
    logged_in: Context, jobs: list[JobDetail], configuration: Path
) -> None:
    reference = short(jobs[-1].id)
    assert complete_job(reference[:11]) == [(reference, "job succeeded")]
    assert complete_job("la") == [("last", "the newest job")]
    assert complete_site("s") == ["songshan"]
    (configuration / contexts.FILE_NAME).unlink()
    assert complete_job("") == [] and complete_site("") == [] and complete_context("") == []


# The command line itself.


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, child in inner.items():
        yield from commands(child, (*path, name))


def test_every_command_says_what_it_does_and_answers_in_json() -> None:
    found = dict(commands(typer.main.get_command(app)))
    assert len(found) > 30
    for path, command in found.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert command.help, path
        assert "--json" in options or path == ("agent",), path


@pytest.mark.parametrize(
    ("typed", "module", "passed_on"),
    [
        (
            ("up", "--demo", "--detach", "--port", "80"),
            "up",
            ["--demo", "--detach", "--port", "80"],
        ),
        (("down",), "down", []),
        (
            ("agent", "--join", "T", "--folder", "/f", "--once"),
            "agent",
            ["--folder", "/f", "--join", "T", "--once"],
        ),
        (("admin", "new-key", "--json"), "admin", ["new-key", "--json"]),
    ],
)
def test_what_runs_takes_this_process_place(
    mains: Mains,
    monkeypatch: pytest.MonkeyPatch,
    typed: tuple[str, ...],
    module: str,
    passed_on: list[str],
) -> None:
    became: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: became.extend(arguments))
    assert mains(*typed).code == 0
    assert became == [sys.executable, "-m", f"mains.daemon.{module}", *passed_on]


def test_ctrl_c_leaves_a_followed_job_to_itself(logged_in: Context, city: City) -> None:
    city.add_job(new_id(), quote_id=new_id(), state="running", task_list=[a_task(state="running")])
    city.log = b"epoch 1\n"
    following = subprocess.Popen(
        [sys.executable, "-m", "mains.cli.main", "logs", "-f", "last"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert following.stdout is not None
    assert following.stdout.readline() == b"epoch 1\n"
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=WAIT_SECONDS_MAX)

    assert following.returncode == 130
    assert b"the job goes on" in err
    assert b"mains logs -f last" in err and b"mains cancel last" in err


def test_a_person_at_a_terminal_is_asked_before_money_is_held(
    logged_in: Context, city: City, job_file: str
) -> None:
    city.log = b"epoch 1\n"
    code, shown = at_a_terminal("run", job_file, answers=["n\n"])
    assert code == 0 and "Submit this job?" in shown
    assert city.submissions == []
    code, shown = at_a_terminal("run", job_file, answers=["y\n"])
    assert code == 0, shown
    assert "12,300.00 CNY" in shown and "epoch 1" in shown and "Receipt of digits" in shown


def at_a_terminal(*arguments: str, answers: list[str]) -> tuple[int, str]:
    """Run a command at a terminal of its own, answer its question; returns its code and screen."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160", "NO_COLOR": "1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "mains.cli.main", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    waiting = list(answers)
    with os.fdopen(ours, "r+b", buffering=0) as screen:
        while time.monotonic() < deadline:
            try:
                read = screen.read(4096)
            except OSError:
                break
            shown += read
            if waiting and b"Submit this job?" in shown:
                screen.write(waiting.pop(0).encode())
    return running.wait(timeout=WAIT_SECONDS_MAX), shown.decode()
