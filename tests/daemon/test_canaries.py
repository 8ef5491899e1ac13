"""Secrets given to a real mains through every door are found in none of its stores."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from uuid import UUID

import httpx

from mains.ids import new_id
from mains.wire.client import Client
from mains.wire.jobs import JobDetail, SubmitRequest
from mains.wire.spec import JobSpec, Resources
from tests.daemon.canaries import a_word, canaries, needles, search, shell_reads_all
from tests.daemon.running import Mains, a_mains, eventually, kill
from tests.daemon.town import Town, build
from tests.daemon.traffic import settled

PRINTED = "what-is-no-secret-4f1c"


def test_canaries_of_every_kind_are_in_no_store_of_a_mains_that_saw_them() -> None:
    """22 kinds through jobs that print and fail and are killed, and through broken requests."""
    given, at_doors = canaries(), canaries()
    wanted = needles(given) | needles(at_doors)
    with a_mains() as mains:
        mains.up()
        town = build(mains)
        with town.client() as client:
            failing = a_job(client, shell_reads_all(given) + "exit 3", given)
            broken = a_job(client, "true", given, setup="env; exit 4")
            ended = [settled(client, job) for job in (failing, broken)]
            assert [each.state for each in ended] == ["failed", "failed"]
            the_job_had_its_secrets(client, ended[0], given)
            shown = words_of(client, ended)
            held = a_job(client, "env; " + HELD, given)
            eventually(lambda: b"holding" in log(client, held))
            while_it_runs = search(mains, wanted, runs_too=False)
            kill(mains.processes("supervisor"))
            lost = settled(client, held)
            shown += words_of(client, [lost])
        shown += answers_to_broken_requests(mains, town, at_doors)
        kill(mains.processes("agent"))
        eventually(lambda: mains.processes("agent"))
        eventually(lambda: not list(mains.settings.commons.glob("sites/*/engine/runs/*")))
        assert while_it_runs == []
        assert search(mains, wanted, runs_too=True) == []
        assert [kind for needle, kind in wanted.items() if needle in shown] == []
        the_search_finds_what_is_there(mains, wanted)


HELD = "echo holding; sleep 60"


def a_job(client: Client, run: str, given: Mapping[str, str], *, setup: str = "") -> UUID:
    spec = JobSpec(
        name="canaries",
        resources=Resources(cpus=1, memory_bytes=2**27),
        setup=setup,
        run=run,
        envs={"PLAIN": PRINTED},
        secrets=dict(given),
        time_seconds=120,
        grace_seconds=1,
        retry="never",
        attempts_max=1,
        sites=["workshop-0"],
    )
    return client.submit(SubmitRequest(id=new_id(), spec=spec)).id


def log(client: Client, job: UUID) -> bytes:
    return b"".join(client.log(str(job), task=0))


def the_job_had_its_secrets(client: Client, job: JobDetail, given: Mapping[str, str]) -> None:
    """The task saw every secret whole, and its log shows that it printed them."""
    [artefact] = client.artefacts(str(job.id))
    content = b"".join(client.blob(artefact.sha256))
    whole = b"".join(value.encode() + b"\0" for value in given.values())
    assert content.decode().split()[0] == hashlib.sha256(whole).hexdigest()
    printed = log(client, job.id)
    assert printed.count(b"***") > 4 * len(given)
    assert PRINTED.encode() in printed


def words_of(client: Client, jobs: list[JobDetail]) -> bytes:
    """Return all that the API says of jobs: their views, logs, reasons and receipts."""
    said = [json.dumps(job.model_dump(mode="json")).encode() for job in jobs]
    for job in jobs:
        said += [log(client, job.id), client.why(str(job.id)).model_dump_json().encode()]
        said.append(client.receipt(str(job.id)))
    return b"\n".join(said)


def answers_to_broken_requests(mains: Mains, town: Town, given: Mapping[str, str]) -> bytes:
    """Send each secret where it does not belong, and return what was answered."""
    state = mains.state
    assert state is not None
    said = []
    good = {"Authorization": f"Bearer {town.key}"}
    with httpx.Client(base_url=state.url, timeout=60) as http:
        for value in given.values():
            for request in broken_requests(http, value, good):
                answer = http.send(request)
                assert 400 <= answer.status_code < 500, answer.text
                said.append(answer.content)
        said.append(http.get("/metrics").content)
    return b"\n".join(said)


def broken_requests(
    http: httpx.Client, value: str, good: dict[str, str]
) -> Iterator[httpx.Request]:
    header = "".join(char for char in value if " " <= char <= "~")
    ask = http.build_request
    job = {"id": str(new_id()), "spec": {"run": "true"}}
    yield ask("GET", "/v1/whoami", headers={"Authorization": f"Bearer {header}"})
    yield ask("GET", "/v1/whoami", headers={"Authorization": f"Basic {header}"})
    yield ask("GET", "/v1/jobs", headers={"Cookie": header, "X-Api-Key": header})
    yield ask("GET", "/v1/jobs", params={"token": value, "limit": value}, headers=good)
    yield ask("POST", "/v1/jobs", content=value.encode(), headers=good)
    yield ask("POST", "/v1/jobs", content=json.dumps(value)[:-1].encode(), headers=good)
    for spec in (
        {"run": "true", "secrets": value},
        {"run": "true", "secrets": {"TOKEN": [value]}},
        {"run": "true", "secrets": {"no name": value}},
        {"run": "true", "secrets": {"TOKEN": value + "\0"}},
        {"run": "true", "secrets": {"TOKEN": value * 2_000}},
        {"run": "", "secrets": {"TOKEN": value}},
        {"run": "true", "envs": {"TOKEN": value}, "name": value},
        {"run": "true", "grace_seconds": value, "budget": value},
        {"run": "true", "cpus": {"TOKEN": value}},
    ):
        yield ask("POST", "/v1/jobs", json=job | {"spec": spec}, headers=good)
    yield ask("POST", "/v1/quotes", json={"spec": {"run": value, "tasks": value}}, headers=good)
    idempotency = {"Idempotency-Key": header} | good
    yield ask("POST", "/v1/programmes", content=value.encode(), headers=idempotency)
    yield ask("PUT", "/v1/bundles", content=value.encode(), headers=good | {"Mains-Sha256": header})
    yield ask("POST", "/v1/agent/join", json={"protocol": 2, "token": value, "host": value})
    yield ask("POST", "/v1/agent/sync", content=value.encode())
    yield ask("GET", f"/v1/agent/blobs/sha256:{'0' * 64}", headers={"Mains-Agent": header})


def the_search_finds_what_is_there(mains: Mains, wanted: Mapping[bytes, str]) -> None:
    """The same search finds what is in rows, and a secret once it lies in a file."""
    places = search(mains, {PRINTED.encode(): "plain"}, runs_too=True)
    assert any("jobs." in place for place in places)
    [needle, *_] = wanted
    path = mains.settings.logs / f"{a_word(6)}.log"
    path.write_bytes(b"\0x" + needle + b"y")
    assert search(mains, wanted, runs_too=True) == [f"a secret in {path}"]
