"""Agents of another version: what one of protocol 1 said and was answered, said to this server.

`recorded/protocol-1.jsonl` is what an agent of that protocol sent and heard while it ran one task
of a job on a real engine; it refuses an answer with a key that it does not know.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from mains.ids import new_id
from mains.wire import dsse
from mains.wire.agent import PROTOCOL, AttemptReport, RunState
from mains.wire.parties import Role
from tests.api.builders import Hall, Headers, Voice, sha256_of
from tests.jobs.builders import City

pytestmark = pytest.mark.anyio

RECORDED: Final = Path(__file__).parent / "recorded" / "protocol-1.jsonl"
OUTPUT: Final = b"0 squared is 0\n"
IDS: Final = ("site_id", "instance_id", "attempt_id", "job_id", "organisation_id", "pool_id")


@dataclass
class Player:
    """Says what was recorded, with the ids, fences and times of now in the place of the old."""

    hall: Hall
    voice: Voice
    now_for: dict[Any, Any] = field(default_factory=dict)

    async def say(self, recorded: dict[str, Any]) -> dict[str, Any]:
        said = self._of_now(recorded["sent"])
        envelope = dsse.sign(json.dumps(said).encode(), key=self.voice.agent.key)
        answer = await self.hall.client.post(f"/v1/agent{recorded['path']}", content=envelope)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        starts = recorded["answer"].get("starts", []), found.get("starts", [])
        for then, now in zip(*starts, strict=True):
            self.now_for |= {then[key]: now[key] for key in ("attempt_id", "fence")}
        return found

    def _of_now(self, said: Any, key: str = "") -> Any:
        if isinstance(said, dict):
            return {name: self._of_now(value, name) for name, value in said.items()}
        if isinstance(said, list):
            return [self._of_now(each, key) for each in said]
        if key in ("sent_at", "measured_at", "started_at", "ended_at"):
            return self.hall.town.clock.now().isoformat()
        if key == "epoch":
            return self.voice.agent.epoch
        return self.now_for.get(said, said) if key in (*IDS, "fence") else said


def keys_of(document: Any) -> set[str]:
    """Return every key of a JSON document, at whatever depth."""
    if isinstance(document, dict):
        return set(document).union(*map(keys_of, document.values()))
    return set().union(*map(keys_of, document)) if isinstance(document, list) else set()


async def test_an_agent_of_the_protocol_before_runs_a_job_to_its_receipt(hall: Hall) -> None:
    hall.wired.certificates = "-----BEGIN CERTIFICATE-----" * 2
    firm, voice = await hall.firm(), await hall.site()
    job_id = await _submitted(hall, firm)
    recorded = [json.loads(line) for line in RECORDED.read_text("utf-8").splitlines()]
    player = Player(hall, voice)
    old_site = recorded[0]["sent"]["site_id"]
    old_pool = recorded[0]["answer"]["pools"][0]["pool_id"]
    player.now_for = {old_site: str(voice.agent.site_id), old_pool: str(voice.pool_id)}
    player.now_for[recorded[0]["sent"]["instance_id"]] = str(new_id())
    understood = keys_of([each["answer"] for each in recorded])

    for exchange in recorded:
        if exchange["answer"].get("starts"):
            assert await hall.dispatch() == 1
        if any(each["state"] == "succeeded" for each in exchange["sent"].get("attempts", [])):
            assert await voice.upload(OUTPUT) == sha256_of(OUTPUT)
        answer = await player.say(exchange)
        if exchange["path"] == "/register":
            voice.agent.epoch = answer["epoch"]
        assert keys_of(answer) <= understood, "an older agent refuses what it does not know"
        assert answer["protocol"] == 1

    told = await hall.client.get(f"/v1/jobs/{job_id}", headers=firm)
    assert (told.json()["state"], told.json()["tasks_done"]) == ("succeeded", 1)
    receipt = await hall.client.get(f"/v1/jobs/{job_id}/receipt", headers=firm)
    assert receipt.status_code == 200, receipt.text


async def test_an_agent_of_this_protocol_hears_which_certificates_to_trust(hall: Hall) -> None:
    """Of the next one in time, and at the end of the one before that it is to be forgotten."""
    one = "-----BEGIN CERTIFICATE-----\n"
    voice = await hall.site()
    for announced in (None, one, one + one, one):
        hall.wired.certificates = announced
        assert (await voice.sync()).certificates == announced


async def test_a_newer_agent_is_told_what_to_speak_and_does_no_harm_until_it_does(
    hall: Hall,
) -> None:
    """Keys and words of the day after tomorrow: an attempt, its meter and its money stay put."""
    firm, voice = await hall.firm(), await hall.site()
    job_id = await _submitted(hall, firm)
    await hall.dispatch()
    [order] = (await voice.sync()).starts
    attempt: dict[str, Any] = {"attempt_id": str(order.attempt_id), "fence": order.fence}
    await voice.sync(attempts=[AttemptReport(**attempt, state=RunState.RUNNING)])
    before = await _told(hall, firm, job_id)
    usage = {
        **attempt,
        "sequence": 9,
        "unit_milliseconds": 60_000,
        "measured_at": hall.town.clock.now().isoformat(),
        "final": True,
    }
    newer = {
        "protocol": PROTOCOL + 1,
        "attempts": [{**attempt, "state": "hibernated", "frozen_bytes": 7}],
        "usage": [{**usage, "carbon_grams": 3}],
        "moods": ["sunny"],
    }

    for said, status, code in (
        (newer, 426, "protocol_unsupported"),
        # One that says that it speaks ours, and does not, is refused as a whole too.
        ({**newer, "protocol": PROTOCOL}, 422, "request_invalid"),
        ({"attempts": newer["attempts"], "usage": [usage]}, 422, "request_invalid"),
    ):
        refused = await _say(voice, "/sync", said)
        assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
        assert await _told(hall, firm, job_id) == before
    refused = await _say(voice, "/register", {"protocol": PROTOCOL + 1, "moods": ["sunny"]})
    assert refused.json()["facts"] == {
        "spoken": PROTOCOL + 1,
        "accepted": [str(PROTOCOL - 1), str(PROTOCOL)],
        "update": "server",
    }
    assert "update mains there" in refused.json()["hint"]

    await voice.end(order, used_ms=60_000)
    assert (await _told(hall, firm, job_id))["state"] == "succeeded"
    city = City(hall.wired.database, hall.town.clock, hall.wired.settings)
    assert await city.audit() == []


async def test_a_newer_agent_that_joins_hears_what_is_spoken_here(hall: Hall) -> None:
    operator = await hall.town.key("centre", Role.OPERATOR)
    added = (await hall.town.add(operator)).json()
    asked = {
        "token": added["token"]["token"],
        "public_key": dsse.generate().public_key_hex,
        "host": "node-1",
        "moods": ["sunny"],
    }
    for protocol, status in ((PROTOCOL + 1, 426), (PROTOCOL, 200)):
        answer = await hall.client.post("/v1/agent/join", json={**asked, "protocol": protocol})
        assert answer.status_code == status, answer.text


async def _say(voice: Voice, path: str, said: dict[str, Any]) -> httpx.Response:
    """Say something that our own schemas would not write, signed as agents do."""
    voice.sequence += 1
    head = {
        "protocol": PROTOCOL,
        "site_id": str(voice.agent.site_id),
        "epoch": voice.agent.epoch,
        "sequence": voice.sequence,
        "sent_at": voice.hall.town.clock.now().isoformat(),
    }
    envelope = dsse.sign(json.dumps(head | said).encode(), key=voice.agent.key)
    return await voice.hall.client.post(f"/v1/agent{path}", content=envelope)


async def _told(hall: Hall, firm: Headers, job_id: UUID) -> dict[str, Any]:
    told: dict[str, Any] = (await hall.client.get(f"/v1/jobs/{job_id}", headers=firm)).json()
    return told


async def _submitted(hall: Hall, firm: Headers) -> UUID:
    spec = {"run": "true", "time_seconds": 600, "grace_seconds": 10}
    asked = {"id": str(new_id()), "spec": spec}
    answer = await hall.client.post("/v1/jobs", json=asked, headers=firm)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])
