"""An organisation that has one of everything that belongs to somebody."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mains.ids import new_id
from mains.wire.agent import ArtefactReport
from mains.wire.parties import Role
from tests.api.builders import Hall, Headers, Voice
from tests.jobs.builders import City
from tests.programmes.builders import a_text
from tests.reports.drafts.builders import SCHEME
from tests.security.doors import ANY

MARK: Final = "marram"
"""In every text of the organisation `own`; a word that nothing else here has."""


@dataclass(frozen=True, slots=True)
class Furnished:
    """Things by the name that a route gives them, and a key for each role."""

    things: Mapping[str, str]
    keys: Mapping[Role, Headers]


async def keys_of(hall: Hall, name: str) -> dict[Role, Headers]:
    return {role: await hall.town.key(name, role) for role in sorted(ANY)}


async def furnish(hall: Hall, voice: Voice, name: str) -> Furnished:
    """Give an organisation money, a site, a voucher, a job that has ended, a key."""
    keys = await keys_of(hall, name)
    mark = MARK if name == "own" else "other"
    whoami = (await hall.client.get("/v1/whoami", headers=keys[Role.MEMBER])).json()
    city = City(hall.wired.database, hall.town.clock, hall.wired.settings)
    await city.deposit(UUID(whoami["organisation_id"]), 100)
    added = await hall.town.add(keys[Role.OPERATOR], name=f"{name}-site")
    assert added.status_code == 201, added.text
    things = {"site": f"{name}-site", "pool": "cpu"}
    things |= await _a_voucher(hall, keys, name)
    things |= await _a_job(hall, voice, keys[Role.MEMBER], mark)
    another = await hall.town.key(name, Role.MEMBER)
    issued = await hall.client.post("/v1/keys", json={"label": mark}, headers=another)
    things["prefix"] = issued.json()["view"]["prefix"]
    return Furnished(things, keys)


async def _a_job(hall: Hall, voice: Voice, member: Headers, mark: str) -> dict[str, str]:
    """Run a job that leaves a log, an output, a receipt and a quote."""
    client = hall.client
    spec = {"name": mark, "run": f"echo {mark}", "time_seconds": 60, "grace_seconds": 1}
    spec["envs"] = {"PLACE": mark}
    asked = await client.post("/v1/quotes", json={"spec": spec}, headers=member)
    assert asked.status_code == 201, asked.text
    sent = {"id": str(new_id()), "quote_id": asked.json()["id"]}
    job = await client.post("/v1/jobs", json=sent, headers=member)
    assert job.status_code == 201, job.text
    assert await hall.dispatch() == 1
    (order,) = (await voice.sync()).starts
    await voice.log(order, f"{mark}\n".encode())
    output = f"{mark} weights".encode()
    digest = await voice.upload(output)
    report = ArtefactReport(task=0, path=f"{mark}.bin", sha256=digest, size_bytes=len(output))
    await voice.end(order, used_ms=1_000, artefacts=[report])
    receipt = await client.get(f"/v1/jobs/{job.json()['id']}/receipt", headers=member)
    assert receipt.status_code == 200, receipt.text
    return {"job": job.json()["id"], "quote": asked.json()["id"], "content": digest}


async def _a_voucher(hall: Hall, keys: Mapping[Role, Headers], name: str) -> dict[str, str]:
    text = a_text(name=f"{name}-2025").replace("firm", "compute-centre")
    published = await hall.client.post(
        "/v1/programmes",
        content=text.encode(),
        headers=keys[Role.OFFICER] | {"Idempotency-Key": str(new_id())},
    )
    assert published.status_code == 201, published.text
    programme = published.json()["name"]
    granted = await hall.client.post(
        "/v1/vouchers",
        json={"programme": programme, "organisation": name, "amount": "10.00"},
        headers=keys[Role.OFFICER] | {"Idempotency-Key": str(new_id())},
    )
    assert granted.status_code == 201, granted.text
    return {"programme": programme, "voucher": granted.json()["id"]}


async def a_report(hall: Hall, officer: Headers) -> dict[str, str]:
    """File a report of which a claim is accepted, and open what it becomes."""
    text = "Dongguan grants compute vouchers with a budget of 50 million yuan in 2026."
    filed = await hall.client.post(
        "/v1/reports/documents?name=a.txt",
        content=text.encode(),
        headers=officer | {"Content-Type": "text/plain"},
    )
    assert filed.status_code == 201, filed.text
    document = filed.json()["document"]["id"]
    asked = f"/v1/reports/claims?document={document}"
    (claim,) = (await hall.client.get(asked, headers=officer)).json()["claims"]
    fields = {"subject": SCHEME, "measure": "voucher_amount"}
    review = {"id": str(new_id()), "claim": claim["id"], "decision": "correct", "fields": fields}
    reviewed = await hall.client.post("/v1/reports/reviews", json=review, headers=officer)
    assert reviewed.status_code == 201, reviewed.text
    opened = await hall.client.post(
        "/v1/reports/drafts", json={"claim": claim["id"]}, headers=officer
    )
    assert opened.status_code == 201, opened.text
    return {"document": document, "claim": claim["id"], "draft": opened.json()["id"]}
