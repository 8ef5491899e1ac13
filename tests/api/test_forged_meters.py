"""Forged meters at the agents' door: none changes a charge, and each leaves its reason behind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from mains.ids import new_id
from mains.wire import dsse
from mains.wire.agent import DSSE_TYPE, AttemptReport, RunState, StartOrder, UsageLine
from tests.api.builders import Hall, Headers, Voice
from tests.jobs.builders import City

pytestmark = pytest.mark.anyio

MINUTE_MS = 60_000
SPEC = {"run": "true", "time_seconds": 3_000, "grace_seconds": 600}
CHARGED = """
SELECT d.id, d.state::text, d.charged::bigint, d.captured, d.overrun::bigint, d.sequence_last,
    (
        SELECT coalesce(sum(e.posted), 0)::bigint FROM ledger.entry AS e
        WHERE e.draw_id = d.id AND e.kind = 'capture'
    ) AS paid
FROM ledger.draw AS d ORDER BY d.id
"""
REFUSED = """
SELECT draw_id, sequence, body_hash, reason, times FROM metering.refusal ORDER BY first_at, reason
"""


@dataclass
class Scene:
    """One attempt that runs, metered once at five minutes, and one of the same site that ended;
    another site whose key the forger has, and what the honest one has sent."""

    hall: Hall
    honest: Voice
    other: Voice
    order: StartOrder
    closed: StartOrder
    sent: bytes

    def line(self, **changed: Any) -> dict[str, Any]:
        """Return a reading that would be taken and charged, but for what is changed."""
        line = {
            "attempt_id": str(self.order.attempt_id),
            "fence": self.order.fence,
            "sequence": 3,
            "unit_milliseconds": 10 * MINUTE_MS,
            "measured_at": self.hall.town.clock.now().isoformat(),
        }
        return line | changed

    def payload(self, *lines: Mapping[str, Any], voice: Voice | None = None, **head: Any) -> bytes:
        """Return what a site says: these readings beside a report that its attempts run."""
        speaker = voice or self.honest
        message = orjson.loads(speaker.message().model_dump_json())
        return orjson.dumps(message | {"pools": [], "usage": list(lines)} | head)

    def signed(self, *lines: Mapping[str, Any], **head: Any) -> bytes:
        return dsse.sign(self.payload(*lines, **head), key=self.honest.agent.key)

    def spoken(self, voice: Voice, *lines: Mapping[str, Any]) -> bytes:
        return dsse.sign(self.payload(*lines, voice=voice), key=voice.agent.key)


@dataclass(frozen=True)
class Forgery:
    """`answer` is the door's: the code of a problem, or "taken" where the message was heard.

    `reason` is found where the refusal is kept: with the meters when the message was heard, in
    the server's log when it was not.
    """

    name: str
    forge: Callable[[Scene], bytes]
    answer: str
    reason: str


def _altered(scene: Scene) -> bytes:
    envelope = orjson.loads(scene.signed(scene.line()))
    other = orjson.loads(scene.signed(scene.line(unit_milliseconds=50 * MINUTE_MS)))
    return orjson.dumps(envelope | {"payload": other["payload"]})


def _signed_by_nobody(scene: Scene) -> bytes:
    envelope = orjson.loads(scene.signed(scene.line()))
    envelope["signatures"][0]["sig"] = "00" * 64
    return orjson.dumps(envelope)


def _unsigned(scene: Scene) -> bytes:
    return orjson.dumps(orjson.loads(scene.signed(scene.line())) | {"signatures": []})


def _by_another_key(scene: Scene) -> bytes:
    return dsse.sign(scene.payload(scene.line()), key=scene.other.agent.key)


def _under_anothers_name(scene: Scene) -> bytes:
    """Signed by the other site's key, but with the honest one's key id on the signature."""
    envelope = orjson.loads(_by_another_key(scene))
    envelope["signatures"][0]["keyid"] = scene.honest.agent.key.public_key_hex
    return orjson.dumps(envelope)


def _as_a_receipt(scene: Scene) -> bytes:
    kind = "application/vnd.mains.receipt+json"
    return dsse.sign(scene.payload(scene.line()), key=scene.honest.agent.key, payload_type=kind)


def _type_changed(scene: Scene) -> bytes:
    return orjson.dumps(orjson.loads(_as_a_receipt(scene)) | {"payloadType": DSSE_TYPE})


def _of(scene: Scene, **changed: Any) -> bytes:
    return scene.signed(scene.line(**changed))


FORGERIES = [
    Forgery("no signature", _unsigned, "signature_invalid", "no signature"),
    Forgery("a made-up signature", _signed_by_nobody, "signature_invalid", "no signature"),
    Forgery("another site's key", _by_another_key, "signature_invalid", "no signature"),
    Forgery("another site's key, our key id", _under_anothers_name, "signature_invalid", "no sig"),
    Forgery("altered under a kept signature", _altered, "signature_invalid", "no signature"),
    Forgery("signed as a receipt", _as_a_receipt, "signature_invalid", "type"),
    Forgery(
        "signed as a receipt, type changed", _type_changed, "signature_invalid", "no signature"
    ),
    Forgery("not an envelope", lambda s: s.payload(s.line()), "signature_invalid", "DSSE"),
    Forgery(
        "a site that nobody knows",
        lambda s: s.signed(s.line(), site_id=str(new_id())),
        "signature_invalid",
        "no agent has joined",
    ),
    Forgery("an old epoch", lambda s: s.signed(s.line(), epoch=1), "stale_epoch", "registration 1"),
    Forgery("an epoch to come", lambda s: s.signed(s.line(), epoch=99), "stale_epoch", "99"),
    Forgery("no epoch", lambda s: s.signed(s.line(), epoch=None), "stale_epoch", "registration"),
    Forgery(
        "a protocol to come",
        lambda s: s.signed(s.line(), protocol=99),
        "protocol_unsupported",
        "protocol 99",
    ),
    Forgery(
        "a clock that is ahead",
        lambda s: s.signed(s.line(), sent_at=_later(s, hours=1)),
        "request_invalid",
        "ahead of",
    ),
    Forgery(
        "a message from last week",
        lambda s: s.signed(s.line(), sent_at=_later(s, days=-7)),
        "request_invalid",
        "behind",
    ),
    Forgery(
        "a meter below zero", lambda s: _of(s, unit_milliseconds=-1), "request_invalid", "unit_m"
    ),
    Forgery("a sequence of zero", lambda s: _of(s, sequence=0), "request_invalid", "sequence"),
    Forgery(
        "a meter of 2**63", lambda s: _of(s, unit_milliseconds=2**63), "request_invalid", "unit_m"
    ),
    Forgery("a sequence of 2**63", lambda s: _of(s, sequence=2**63), "request_invalid", "sequence"),
    Forgery(
        "a fraction", lambda s: _of(s, unit_milliseconds=600_000.5), "request_invalid", "unit_m"
    ),
    Forgery(
        "a number in words", lambda s: _of(s, unit_milliseconds="lots"), "request_invalid", "unit"
    ),
    Forgery("a unit of its own", lambda s: _of(s, gpu_hours=7), "request_invalid", "gpu_hours"),
    Forgery(
        "a price of its own", lambda s: _of(s, price_micros=1), "request_invalid", "price_micros"
    ),
    Forgery(
        "no time zone",
        lambda s: _of(s, measured_at="2026-01-01T00:00:00"),
        "request_invalid",
        "meas",
    ),
    Forgery(
        "larger than any use", lambda s: _of(s, unit_milliseconds=2**53 + 1), "taken", "absurd"
    ),
    Forgery(
        "a unit-count as large as bigint",
        lambda s: _of(s, unit_milliseconds=2**63 - 1),
        "taken",
        "absurd",
    ),
    Forgery("absurd beside the meter", lambda s: _of(s, energy_joules=2**60), "taken", "absurd"),
    Forgery(
        "a meter that falls",
        lambda s: _of(s, unit_milliseconds=4 * MINUTE_MS),
        "taken",
        "decreased",
    ),
    Forgery(
        "another reading under a sequence that was used",
        lambda s: _of(s, sequence=2),
        "taken",
        "conflict",
    ),
    Forgery("an older sequence, more use", lambda s: _of(s, sequence=1), "taken", "decreased"),
    Forgery(
        "an older sequence, less use",
        lambda s: _of(s, sequence=1, unit_milliseconds=MINUTE_MS),
        "taken",
        "stale",
    ),
    Forgery("a replayed statement", lambda s: s.sent, "taken", "replayed"),
    Forgery("a fence of before", lambda s: _of(s, fence=99), "taken", "fence is 1, not 99"),
    Forgery(
        "an attempt of another site",
        lambda s: s.spoken(s.other, s.line()),
        "taken",
        "this site has no such attempt",
    ),
    Forgery(
        "an attempt that is not there",
        lambda s: _of(s, attempt_id=str(new_id())),
        "taken",
        "this site has no such attempt",
    ),
    Forgery(
        "a closed draw, more use",
        lambda s: _of(s, attempt_id=str(s.closed.attempt_id), fence=s.closed.fence, sequence=9),
        "taken",
        "late",
    ),
    Forgery(
        "a closed draw, less use",
        lambda s: _of(
            s,
            attempt_id=str(s.closed.attempt_id),
            fence=s.closed.fence,
            sequence=10,
            unit_milliseconds=1,
        ),
        "taken",
        "decreased",
    ),
]


def _later(scene: Scene, **by: float) -> str:
    return (scene.hall.town.clock.now() + timedelta(**by)).isoformat()


async def a_scene(hall: Hall) -> Scene:
    firm, honest, other = await hall.firm(), await hall.site(), await hall.site("south")
    # The honest agent has registered twice, so that its first epoch is an old one.
    honest.agent.instance_id = new_id()
    await hall.town.register(honest.agent)
    await honest.sync()
    for _ in range(2):
        await _submitted(hall, firm)
    await hall.dispatch()
    ended, order = (await honest.sync()).starts
    await honest.end(ended, used_ms=7 * MINUTE_MS)
    running = AttemptReport(attempt_id=order.attempt_id, fence=order.fence, state=RunState.RUNNING)
    line = UsageLine(
        attempt_id=order.attempt_id,
        fence=order.fence,
        sequence=2,
        unit_milliseconds=5 * MINUTE_MS,
        measured_at=hall.town.clock.now(),
    )
    said = honest.message(attempts=[running], usage=[line])
    sent = dsse.sign(said.model_dump_json().encode(), key=honest.agent.key)
    answer = await hall.client.post("/v1/agent/sync", content=sent)
    assert answer.status_code == 200, answer.text
    return Scene(hall, honest, other, order, ended, sent)


async def _submitted(hall: Hall, firm: Headers) -> None:
    body = {"id": str(new_id()), "spec": SPEC | {"sites": ["north"]}}
    answer = await hall.client.post("/v1/jobs", json=body, headers=firm)
    assert answer.status_code == 201, answer.text


async def _rows(hall: Hall, statement: str) -> list[dict[str, Any]]:
    async with hall.wired.database.transaction() as tx:
        return await (await tx.execute(statement)).fetchall()


async def _sent(hall: Hall, envelope: bytes) -> httpx.Response:
    return await hall.client.post("/v1/agent/sync", content=envelope)


async def test_no_forged_meter_changes_a_charge_and_each_leaves_its_reason(hall: Hall) -> None:
    scene = await a_scene(hall)
    before = await _rows(hall, CHARGED)
    assert sorted(row["charged"] for row in before) == [166_667, 233_334]
    for forgery in FORGERIES:
        kept_before = await _rows(hall, REFUSED)
        with capture_logs() as said:
            answer = await _sent(hall, forgery.forge(scene))
        after = await _rows(hall, CHARGED)
        if forgery.reason == "late":
            # What is used behind a closed charge is noted as overrun, which nobody pays.
            later = next(row for row in after if row["id"] == scene.closed.attempt_id)
            assert later["overrun"] > 0
            was = next(row for row in before if row["id"] == scene.closed.attempt_id)
            before = [row if row is not was else later for row in before]
            assert (later["charged"], later["paid"]) == (was["charged"], was["paid"])
        assert after == before, forgery.name
        if forgery.answer == "taken":
            assert answer.status_code == 200, (forgery.name, answer.text)
            kept = [row for row in await _rows(hall, REFUSED) if row not in kept_before]
            reasons = [row["reason"] for row in kept]
            assert forgery.reason == "late" or any(forgery.reason in r for r in reasons), (
                forgery.name,
                reasons,
            )
            continue
        assert answer.json()["code"] == forgery.answer, (forgery.name, answer.text)
        refusals = [line for line in said if line["event"] == "agent_message_refused"]
        assert [line["code"] for line in refusals] == [forgery.answer], forgery.name
        assert forgery.reason in refusals[0]["detail"], (forgery.name, refusals)
    await _honest_words_still_count(scene)


async def _honest_words_still_count(scene: Scene) -> None:
    answer = await _sent(scene.hall, scene.signed(scene.line(sequence=2**40)))
    assert answer.status_code == 200
    charged = sorted(row["charged"] for row in await _rows(scene.hall, CHARGED))
    assert charged == [233_334, 333_334]
    city = City(scene.hall.wired.database, scene.hall.town.clock, scene.hall.wired.settings)
    assert await city.audit() == []


async def test_of_two_readings_in_one_message_the_first_counts_and_the_second_is_kept(
    hall: Hall,
) -> None:
    scene = await a_scene(hall)
    doubled = scene.signed(
        scene.line(sequence=3, unit_milliseconds=6 * MINUTE_MS),
        scene.line(sequence=4, unit_milliseconds=50 * MINUTE_MS),
    )
    answer = await _sent(hall, doubled)
    assert answer.json()["refused"] == {str(scene.order.attempt_id): "doubled"}
    assert sorted(row["charged"] for row in await _rows(hall, CHARGED)) == [200_000, 233_334]
    assert [row["reason"] for row in await _rows(hall, REFUSED)] == ["doubled"]


async def test_times_that_run_backwards_cost_nothing_more_and_nothing_less(hall: Hall) -> None:
    """A meter counts, so the hour that a host's clock shows does not matter to a charge."""
    scene = await a_scene(hall)
    for sequence, hours in ((3, 5), (4, -3), (5, 0)):
        line = scene.line(
            sequence=sequence,
            unit_milliseconds=(3 + sequence) * MINUTE_MS,
            measured_at=_later(scene, hours=hours),
        )
        assert (await _sent(hall, scene.signed(line))).status_code == 200
    assert sorted(row["charged"] for row in await _rows(hall, CHARGED)) == [233_334, 266_667]
    assert await _rows(hall, REFUSED) == []


async def test_statements_that_overtake_each_other_charge_the_newest_once(hall: Hall) -> None:
    scene = await a_scene(hall)
    said = [
        scene.signed(scene.line(sequence=n, unit_milliseconds=(4 + n) * MINUTE_MS))
        for n in (3, 4, 5, 6)
    ]
    for number in (3, 0, 2, 1, 3, 0):
        assert (await _sent(hall, said[number])).status_code == 200
    assert sorted(row["charged"] for row in await _rows(hall, CHARGED)) == [233_334, 333_334]
    reasons = {row["reason"]: row["times"] for row in await _rows(hall, REFUSED)}
    assert set(reasons) == {"stale", "replayed"}
