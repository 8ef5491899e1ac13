"""Backups of a mains at work, and what is there again after each kind of restore."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mains.blobs.store import key_of
from mains.daemon.restore import FENCE_GAP
from mains.db import embedded
from mains.errors import NotFound
from mains.ids import new_id
from mains.wire.jobs import JobDetail, SubmitRequest
from tests.daemon.running import Mains, a_mains, eventually
from tests.daemon.town import Town, build
from tests.daemon.traffic import HELD_SCRIPT, charged, marked, settled


def test_a_city_goes_on_from_a_moment_between_two_jobs() -> None:
    with a_mains() as mains:
        archive = mains.folder / "archive"
        mains.environment = {"MAINS_WAL_ARCHIVE": str(archive)}
        mains.up()
        town = build(mains, process_sites=2)
        before = work(town)
        held = hold(town)
        backup, keys = mains.folder / "backup", mains.folder / "keys"
        taken = said(mains, "backup", backup, "--keys", keys)
        the_backup_is_private_and_apart(taken, backup, keys)
        kept, between = work(town), moment()
        lost = work(town)
        mains.down()
        assert said(mains, "backup", mains.folder / "second")["contents"]["blobs"]["count"] > 2
        assert embedded.status(mains.settings) == embedded.Status(None, None)
        elsewhere_only_what_was_copied_is_there(mains, backup, keys, between)
        back = said(mains, "restore", backup, "--to-time", between.isoformat(), "--replace")
        assert back["sound"]
        assert datetime.fromisoformat(back["last_commit"]) <= between
        mains.up()
        the_city_goes_on(town, [before, kept], lost, held)
        nothing_is_given_out_twice(mains)


def moment() -> datetime:
    """Return a time that lies between what was done and what comes."""
    time.sleep(0.05)
    now = datetime.now(UTC)
    time.sleep(0.05)
    return now


def work(town: Town) -> SubmitRequest:
    """Have a job done that leaves an artefact; returns how it was asked for."""
    spec = marked(town)
    spec = spec.model_copy(
        update={"run": f"{spec.run}echo $MAINS_JOB_ID > $MAINS_OUTPUT/own", "sites": ["workshop-1"]}
    )
    request = SubmitRequest(id=new_id(), spec=spec)
    with town.client() as client:
        client.submit(request)
        assert settled(client, request.id).state == "succeeded"
    return request


def hold(town: Town) -> UUID:
    """Start a job that runs on until it is released."""
    script = marked(town).model_copy(
        update={"run": HELD_SCRIPT, "time_seconds": 3_600, "sites": ["workshop-0"]}
    )
    request = SubmitRequest(id=new_id(), spec=script)
    with town.client() as client:
        client.submit(request)
        eventually(lambda: client.job(str(request.id)).state == "running")
    return request.id


def command(mains: Mains, noun: str, *words: object) -> tuple[int, str, str]:
    done = mains.command(f"daemon.{noun}", *map(str, words))
    return done.returncode, done.stdout, done.stderr


def said(mains: Mains, noun: str, *words: object) -> dict[str, Any]:
    code, out, err = command(mains, noun, *words, "--json")
    assert code == 0, out + err
    answer: dict[str, Any] = json.loads(out)
    return answer


def the_backup_is_private_and_apart(taken: dict[str, Any], backup: Path, keys: Path) -> None:
    assert taken["contents"]["blobs"]["count"] > 0
    assert taken["contents"]["blobs"]["missing"] == []
    assert taken["database"]["archive"]
    assert {path.name for path in keys.iterdir()} >= {"pepper", "secrets", "signing.pem"}
    secrets = [path.read_bytes() for path in keys.iterdir()]
    for path in (backup, *backup.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0
        if path.is_file() and path.stat().st_size < 2**20:
            assert not any(secret in path.read_bytes() for secret in secrets)
    for path in keys.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def elsewhere_only_what_was_copied_is_there(
    mains: Mains, backup: Path, keys: Path, between: datetime
) -> None:
    """A moment after the backup names contents that only the old home has."""
    home = mains.folder / "elsewhere"
    mains.environment = {**mains.environment, "MAINS_HOME": str(home)}
    asked = [backup, "--keys", keys, "--to-time", between.isoformat()]
    code, out, err = command(mains, "restore", *asked, "--json")
    assert code == 1, err
    told = json.loads(out)
    assert told["broken"] == []
    assert len(told["lost"]["blobs"]) == 1
    [lost] = told["lost"]["blobs"]
    assert not (mains.settings.home / "blobs" / key_of(lost)).exists()
    old_home = mains.folder / "home"
    back = said(mains, "restore", *asked, "--replace", "--blobs", old_home)
    assert back["sound"]
    assert (mains.settings.home / "blobs" / key_of(lost)).exists()
    mains.environment = {
        name: text for name, text in mains.environment.items() if name != "MAINS_HOME"
    }


def the_city_goes_on(
    town: Town, kept: Sequence[SubmitRequest], lost: SubmitRequest, held: UUID
) -> None:
    """Runs go on, replays are replays, and what is gone is done anew under the same id."""
    town.marks.with_name("marks.release").touch()
    with town.client() as client:
        with pytest.raises(NotFound):
            client.job(str(lost.id))
        eventually(lambda: {site.condition for site in client.sites()} == {"ready"})
        for request in [*kept, lost]:
            client.submit(request)
        done: list[JobDetail] = [
            settled(client, job_id) for job_id in [*(each.id for each in kept), held, lost.id]
        ]
        assert [(job.state, len(job.attempts)) for job in done] == [("succeeded", 1)] * len(done)
    with town.mains.client() as client:
        assert client.audit().clean
    assert town.spent() == charged(done)


def nothing_is_given_out_twice(mains: Mains) -> None:
    state = mains.state
    assert state is not None
    with psycopg.connect(state.database_url) as connection:
        for query in (
            "SELECT min(epoch) FROM sites.site",
            "SELECT min(fence) FROM jobs.dispatcher",
            "SELECT max(fence) FROM jobs.job",
            "SELECT max(seq) FROM ledger.entry",
        ):
            row = connection.execute(query.encode()).fetchone()
            assert row is not None and row[0] > FENCE_GAP, query
        tokens = connection.execute("SELECT 1 FROM sites.join_token WHERE used_at IS NULL")
        assert tokens.fetchone() is None
