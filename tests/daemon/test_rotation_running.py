"""`mains admin rotate` beside a running mains: nobody is refused, and a kill is repeated over."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from mains.cli.receipts import signers_of, verify_receipt
from mains.ids import new_id
from mains.wire.jobs import SubmitRequest
from mains.wire.succession import trusted
from tests.daemon.running import Mains, a_mains, eventually
from tests.daemon.town import build
from tests.daemon.traffic import HELD_SCRIPT, light, marked, settled

KINDS = ("secrets", "pepper", "signing", "database")


@contextmanager
def refusals(mains: Mains, key: str) -> Iterator[list[str]]:
    """Ask with a key all the while, without any patience; gives what was refused."""
    said: list[str] = []
    state, ended = mains.state, threading.Event()
    assert state is not None

    def ask() -> None:
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=state.url, headers=headers, trust_env=False) as http:
            while not ended.wait(0.02):
                answer = http.get("/v1/whoami", timeout=20)
                if answer.status_code != 200:
                    said.append(answer.text)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield said
    finally:
        ended.set()
        asking.join()


def test_all_keys_are_exchanged_while_callers_ask_and_jobs_wait() -> None:
    with a_mains() as mains:
        mains.up()
        town = build(mains, fake_sites=1)
        with town.client() as client:
            first = SubmitRequest(id=new_id(), spec=light(0.1))
            client.submit(first)
            settled(client, first.id)
            receipt, pinned = client.receipt(str(first.id)), client.server().public_key
            held = marked(town).model_copy(update={"run": HELD_SCRIPT})
            waiting = SubmitRequest(id=new_id(), spec=held)
            client.submit(waiting)
            with refusals(mains, mains.key()) as refused:
                for kind in KINDS:
                    done = mains.command("daemon.admin", "rotate", kind, "--json")
                    assert done.returncode == 0, done.stderr
                    assert json.loads(done.stdout)["steps"]
            assert refused == []
            eventually(lambda: town.marks.stat().st_size)
            town.marks.with_name("marks.release").touch()
            assert settled(client, waiting.id).state == "succeeded"
            assert client.submit(first).id == first.id
            later = client.receipt(str(waiting.id))
            keys = trusted([pinned], client.server_keys())
        for envelope in (receipt, later):
            (signer,) = signers_of(envelope)
            assert signer in keys
            verify_receipt(envelope, public_key=signer)
        assert signers_of(later) != signers_of(receipt)
        shown = json.loads(mains.command("daemon.admin", "keys", "--json").stdout)
        assert {key["kind"] for key in shown if key["version"] == 2} == set(KINDS[:3])
        mains.down()
        mains.up()
        with town.client() as client:
            assert client.receipt(str(first.id)) == receipt


@pytest.mark.deep
@pytest.mark.parametrize("kind", KINDS)
def test_a_command_that_is_killed_at_any_step_leaves_a_mains_that_works(kind: str) -> None:
    with a_mains() as mains:
        mains.up()
        key, ended_after = mains.key(), 0
        while rotated_until(mains, kind, ended_after + 1) > ended_after:
            ended_after += 1
            eventually(lambda: works(mains, key))
        assert ended_after >= 3
        assert mains.command("daemon.admin", "rotate", kind).returncode == 0
        mains.down()
        mains.up()
        assert works(mains, key)


def rotated_until(mains: Mains, kind: str, steps: int) -> int:
    """Run the command, kill it once it has told of so many steps; return how many there were."""
    with subprocess.Popen(
        [sys.executable, "-m", "mains.daemon.admin", "rotate", kind],
        env=mains.environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        told = 0
        for line in command.stdout:
            told += not line.startswith("next:")
            if told == steps:
                command.send_signal(signal.SIGKILL)
                break
    return told


def works(mains: Mains, key: str) -> bool:
    """Say whether the key opens, the database is reachable anew, and no backend is missing."""
    with mains.client(key) as client:
        client.whoami()
        client.audit()
    return mains.command("daemon.admin", "keys").returncode == 0
