"""Who may speak for a site: tokens, keys, epochs, protocols and clocks."""

import asyncio
import base64
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from mains.db import Queries
from mains.errors import (
    MainsError,
    ProtocolUnsupported,
    RequestInvalid,
    SignatureInvalid,
    StaleEpoch,
    TokenInvalid,
)
from mains.ids import new_id
from mains.sites import service
from mains.wire import dsse
from mains.wire.parties import Role
from mains.wire.sites import JoinToken
from tests.sites.builders import LEASE, Agent, Town, a_pool, a_report

pytestmark = pytest.mark.anyio


async def token_of(town: Town) -> str:
    added = await town.add(await town.key("centre", Role.OPERATOR))
    return str(added.json()["token"]["token"])


async def spoken(town: Town, envelope: bytes, **options: Any) -> service.Authenticated:
    async with town.database.transaction() as tx:
        return await service.authenticate_envelope(tx, envelope, now=town.clock.now(), **options)


async def test_of_two_agents_with_one_token_one_wins(town: Town) -> None:
    token = await token_of(town)
    agents = [Agent() for _ in range(5)]

    answers = await asyncio.gather(*(town.join(token, agent) for agent in agents))

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    loser = next(answer for answer in answers if answer.status_code == 401)
    assert loser.json()["code"] == "token_invalid"


async def test_an_agent_whose_answer_was_lost_joins_again_with_the_same_token(town: Town) -> None:
    token = await token_of(town)
    agent = Agent()

    first, second = await town.join(token, agent), await town.join(token, agent)

    assert first.json() == second.json()


async def test_a_token_ends_after_a_day_and_when_a_new_one_is_given(town: Town) -> None:
    token = await token_of(town)
    operator = await town.key("centre", Role.OPERATOR)
    fresh = (await town.client.post("/v1/sites/north/token", headers=operator)).json()

    replaced = await town.join(token, Agent())
    town.clock.advance(timedelta(hours=24))
    expired = await town.join(fresh["token"], Agent())

    assert (replaced.status_code, expired.status_code) == (401, 401)


async def test_a_new_agent_takes_the_site_from_the_old_one(town: Town) -> None:
    old = await town.joined(await token_of(town))
    operator = await town.key("centre", Role.OPERATOR)
    fresh = (await town.client.post("/v1/sites/north/token", headers=operator)).json()

    await town.joined(fresh["token"])

    with pytest.raises(SignatureInvalid):
        await spoken(town, old.envelope(town.clock.now()))


async def test_the_token_is_stored_only_as_a_hash(town: Town) -> None:
    token = JoinToken.decode(await token_of(town))

    async with town.database.transaction() as tx:
        [row] = await (await tx.execute("SELECT join_token::text FROM sites.join_token")).fetchall()

    assert token.secret not in row["join_token"]
    assert token.secret.encode().hex() not in row["join_token"]


@settings(max_examples=40)
@given(st.text(max_size=80))
def test_what_is_no_token_is_refused_as_such(text: str) -> None:
    for candidate in (text, f"mains-join-{text}"):
        with pytest.raises(TokenInvalid):
            JoinToken.decode(candidate)


def test_a_token_survives_copying_with_blanks_around_it() -> None:
    token = JoinToken(url="http://x", site="north", secret="s" * 43, tls_sha256="0" * 64)

    assert JoinToken.decode(f"  {token.encode()}\n") == token


async def test_a_newer_registration_fences_the_older_one(town: Town) -> None:
    first = await town.joined(await token_of(town))
    second = Agent(key=first.key, site_id=first.site_id)
    await town.register(second)

    with pytest.raises(StaleEpoch):
        await spoken(town, first.envelope(town.clock.now()))
    assert (await spoken(town, second.envelope(town.clock.now()))).epoch == 2
    again = await town.register(first)
    assert (again.status_code, again.json()["code"]) == (409, "stale_epoch")


async def test_the_same_instance_asking_again_keeps_its_epoch(town: Town) -> None:
    agent = await town.joined(await token_of(town))

    again = await town.register(agent)

    assert again.json()["epoch"] == 1


async def test_after_a_restore_every_agent_registers_anew_and_no_token_is_good(
    town: Town, owner_url: str
) -> None:
    agent = await town.joined(await token_of(town))
    operator = await town.key("centre", Role.OPERATOR)
    unused = (await town.client.post("/v1/sites/north/token", headers=operator)).json()["token"]

    async with town.database.transaction() as tx:
        await service.fence_all(tx, gap=1_000, now=town.clock.now())

    with pytest.raises(StaleEpoch):
        await spoken(town, agent.envelope(town.clock.now()))
    assert (await town.register(agent)).json()["code"] == "stale_epoch"
    later = Agent(key=agent.key, site_id=agent.site_id)
    await town.register(later)
    assert later.epoch == 1_002
    assert (await town.join(unused, Agent())).json()["code"] == "token_invalid"
    assert await skips(town) == []
    async with await psycopg.AsyncConnection.connect(owner_url) as connection:
        await connection.execute("UPDATE sites.site SET epoch = epoch + 5")
        await connection.execute(
            "INSERT INTO sites.registration "
            "SELECT site_id, epoch + 5, gen_random_uuid(), 'node-1', registered_at "
            "FROM sites.registration ORDER BY epoch DESC LIMIT 1"
        )
    assert [row["skips"] for row in await skips(town)] == [True]


async def skips(town: Town) -> list[DictRow]:
    """Return the sites whose epochs the audit finds fault with."""
    query = Queries.load("mains.sites", "audit.sql")["epoch_counts_registrations"]
    async with town.database.transaction() as tx:
        return await (await tx.execute(query)).fetchall()


async def test_registrations_at_once_get_different_epochs(town: Town) -> None:
    first = await town.joined(await token_of(town))
    agents = [Agent(key=first.key, site_id=first.site_id) for _ in range(6)]

    await asyncio.gather(*(town.register(agent) for agent in agents))

    assert sorted(agent.epoch for agent in agents) == [2, 3, 4, 5, 6, 7]


async def test_registering_gives_the_pools_and_takes_them_out_until_reported(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    added = (await town.add(operator, pools=[a_pool(trusted=True)])).json()
    pool_id = UUID(added["site"]["pools"][0]["id"])
    agent = await town.joined(added["token"]["token"])
    await town.hear(agent, [a_report(pool_id)])

    answer = await town.register(Agent(key=agent.key, site_id=agent.site_id))

    order = answer.json()["pools"][0]
    assert (order["pool_id"], order["units"]) == (str(pool_id), 4)
    assert order["trusted_organisation_id"] == added["site"]["organisation_id"]
    [offer] = await town.offers()
    assert not offer.live


async def test_another_protocol_is_refused_by_naming_both(town: Town) -> None:
    agent = await town.joined(await token_of(town))

    for protocol in (-1, 0, 3, 99):
        with pytest.raises(ProtocolUnsupported, match=f"protocol {protocol}.*1 and 2"):
            await spoken(town, agent.envelope(town.clock.now(), protocol=protocol))


async def test_a_clock_that_is_far_off_is_told_so(town: Town) -> None:
    agent = await town.joined(await token_of(town))

    for minutes, word in ((16, "ahead of"), (-16, "behind")):
        sent_at = town.clock.now() + timedelta(minutes=minutes)
        with pytest.raises(RequestInvalid, match=f"16 minutes {word}"):
            await spoken(town, agent.envelope(sent_at))
        near = town.clock.now() + timedelta(minutes=minutes) * 15 / 16
        assert (await spoken(town, agent.envelope(near))).site_id == agent.site_id


async def test_forged_and_altered_messages_are_refused(town: Town) -> None:
    agent = await town.joined(await token_of(town))
    now = town.clock.now()
    forged = Agent(site_id=agent.site_id, epoch=agent.epoch).envelope(now)
    altered = orjson.loads(agent.envelope(now))
    payload = base64.b64decode(altered["payload"]).replace(b'"epoch":1', b'"epoch":2')
    altered["payload"] = base64.b64encode(payload).decode()
    unknown = Agent(site_id=new_id(), epoch=1).envelope(now)
    receipt = dsse.sign(b"{}", key=agent.key, payload_type="application/vnd.mains.receipt+json")

    for envelope in (forged, orjson.dumps(altered), unknown, receipt, b"", b"[]", b"{}"):
        with pytest.raises(SignatureInvalid):
            await spoken(town, envelope)


async def test_a_message_without_a_head_is_refused(town: Town) -> None:
    agent = await town.joined(await token_of(town))

    for payload in (b"not json", b'{"protocol":1}'):
        with pytest.raises(RequestInvalid, match="head"):
            await spoken(town, dsse.sign(payload, key=agent.key))
    with pytest.raises(StaleEpoch):
        await spoken(town, agent.envelope(town.clock.now(), epoch=None))


async def test_a_registration_that_is_no_registration_is_refused(town: Town) -> None:
    agent = await town.joined(await token_of(town))
    envelope = agent.registration(town.clock.now(), instance_id="not a uuid")

    answer = await town.client.post("/v1/agent/register", content=envelope)

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_an_oversized_message_is_refused_before_it_is_read_whole(town: Town) -> None:
    answer = await town.client.post(
        "/v1/agent/register", content=b" " * (dsse.ENVELOPE_BYTES_MAX + 1)
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_a_lease_is_written_at_most_once_a_second(town: Town) -> None:
    agent = await town.joined(await token_of(town))
    first = await town.hear(agent, [])
    town.clock.advance(timedelta(milliseconds=900))
    soon = await town.hear(agent, [])
    town.clock.advance(timedelta(milliseconds=100))
    later = await town.hear(agent, [])

    assert soon == first
    assert later == town.clock.now() + LEASE


async def test_a_lease_is_put_back_with_the_servers_clock(town: Town) -> None:
    agent = await town.joined(await token_of(town))
    before = await town.hear(agent, [])
    town.clock.advance(-timedelta(seconds=10))
    assert await town.hear(agent, []) == before, "a little back, as two servers may differ"
    town.clock.advance(-timedelta(days=366))
    assert await town.hear(agent, []) == town.clock.now() + LEASE


async def test_a_fenced_agent_renews_no_lease(town: Town) -> None:
    agent = await town.joined(await token_of(town))
    now = town.clock.now()
    async with town.database.transaction() as tx:
        with pytest.raises(StaleEpoch):
            await service.seen(
                tx, site_id=agent.site_id, epoch=9, pools=[], lease_until=now + LEASE, now=now
            )

    [offer] = await town.offers()
    assert offer.lease_until is None


async def test_an_agent_cannot_report_pools_of_another_site(town: Town) -> None:
    agent = await town.joined(await token_of(town))
    other = await town.add(await town.key("rival", Role.OPERATOR), name="south")
    foreign = UUID(other.json()["site"]["pools"][0]["id"])

    await town.hear(agent, [a_report(foreign, isolation="trusted")])

    south = next(offer for offer in await town.offers() if offer.site == "south")
    assert (south.isolation, south.live) == (None, False)


async def test_a_closed_site_takes_no_agent_and_is_not_offered(town: Town, owner_url: str) -> None:
    token = await token_of(town)
    agent = await town.joined(token)
    async with town.database.transaction() as tx:
        await tx.execute("UPDATE sites.site SET state = 'closed'")

    answer = await town.register(Agent(key=agent.key, site_id=agent.site_id))
    drained = await town.client.post(
        "/v1/sites/north/drain", headers=await town.key("centre", Role.OPERATOR)
    )

    assert (answer.json()["code"], drained.json()["code"]) == ("state_conflict", "state_conflict")
    assert await town.offers() == []


async def test_what_does_not_exist_is_named(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)

    missing = await town.client.get("/v1/sites/nowhere", headers=operator)

    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    async with town.database.transaction() as tx:
        for question in (
            service.tariff(tx, new_id()),
            service.drain(tx, site_id=new_id()),
            service.undrain(tx, site_id=new_id()),
        ):
            with pytest.raises(MainsError, match="there is no"):
                await question


def rotation(agent: Agent, fresh: dsse.SigningKey, town: Town, **changed: Any) -> bytes:
    said = {
        "protocol": 1,
        "site_id": str(agent.site_id),
        "public_key": fresh.public_key_hex,
        "sent_at": town.clock.now().isoformat(),
    }
    return dsse.sign(orjson.dumps(said | changed), key=agent.key, also=fresh)


async def rotated(town: Town, envelope: bytes) -> int:
    return (await town.client.post("/v1/agent/rotate", content=envelope)).status_code


async def test_a_new_key_speaks_at_once_and_the_old_one_for_ten_minutes_more(town: Town) -> None:
    agent = await town.joined(await token_of(town))
    fresh = dsse.generate()
    envelope = rotation(agent, fresh, town)
    assert await rotated(town, envelope) == 204
    renewed = Agent(fresh, agent.site_id, agent.instance_id, agent.epoch)
    for voice in (agent, renewed):
        await spoken(town, voice.envelope(town.clock.now()))
    assert await rotated(town, envelope) == 204
    town.clock.advance(timedelta(minutes=10))
    with pytest.raises(SignatureInvalid):
        await spoken(town, agent.envelope(town.clock.now()))
    await spoken(town, renewed.envelope(town.clock.now()))
    assert await rotated(town, envelope) == 204


async def test_a_key_is_exchanged_only_by_the_one_that_speaks_and_with_the_new_ones_word(
    town: Town,
) -> None:
    agent = await town.joined(await token_of(town))
    stranger, fresh, other = Agent(site_id=agent.site_id), dsse.generate(), dsse.generate()
    alone = dsse.sign(
        dsse.unverified_payload(rotation(agent, fresh, town)), key=agent.key, also=other
    )
    for refused in (rotation(stranger, fresh, town), alone):
        assert await rotated(town, refused) == 401
    assert await rotated(town, rotation(agent, fresh, town, public_key="short")) == 422
    assert await rotated(town, rotation(agent, fresh, town)) == 204
    assert await rotated(town, rotation(agent, other, town)) == 401


async def test_who_joins_anew_ends_both_keys_of_the_agent_before(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    added = (await town.add(operator)).json()
    agent = await town.joined(str(added["token"]["token"]))
    assert await rotated(town, rotation(agent, dsse.generate(), town)) == 204
    token = await town.client.post(f"/v1/sites/{added['site']['name']}/token", headers=operator)
    await town.joined(str(token.json()["token"]))
    with pytest.raises(SignatureInvalid):
        await spoken(town, agent.envelope(town.clock.now()))


async def test_an_operator_asks_for_a_new_key_until_there_is_one(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    added = (await town.add(operator)).json()
    agent = await town.joined(str(added["token"]["token"]))
    path = f"/v1/sites/{added['site']['name']}/rotate-key"
    assert (await town.client.post(path, headers=operator)).status_code == 200
    stranger = await town.key("elsewhere", Role.OPERATOR)
    assert (await town.client.post(path, headers=stranger)).status_code == 403
    assert (await spoken(town, agent.envelope(town.clock.now()))).rotation_asked
    await rotated(town, rotation(agent, dsse.generate(), town))
    assert not (await spoken(town, agent.envelope(town.clock.now()))).rotation_asked
