"""Sites as their operators add, price and drain them."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from mains.db import Database, Queries
from mains.settings import Settings
from mains.sites import service
from mains.wire.parties import Role
from mains.wire.sites import JoinToken
from tests.sites.builders import LEASE, Town, a_pool, a_report, a_town

pytestmark = pytest.mark.anyio


async def test_a_token_names_the_public_address_where_the_settings_do(
    database: Database, settings: Settings
) -> None:
    public = replace(settings, public_url="https://city.example:8443/")
    async with a_town(database, public) as town:
        added = await town.add(await town.key("centre", Role.OPERATOR))

    assert JoinToken.decode(added.json()["token"]["token"]).url == "https://city.example:8443"


async def test_one_command_adds_a_site_with_its_pools_and_gives_a_token_once(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)

    answer = await town.add(operator)

    assert answer.status_code == 201, answer.text
    token = JoinToken.decode(answer.json()["token"]["token"])
    assert (token.url, token.site, token.tls_sha256) == ("http://town.test", "north", None)
    site = answer.json()["site"]
    assert site["condition"] == "never joined"
    assert site["pools"][0]["price_per_unit_hour"] == {"amount": "2.50", "currency": "CNY"}
    assert site["pools"][0]["memory_bytes"] == 8 * 2**30
    shown = await town.client.get("/v1/sites/north", headers=operator)
    assert "token" not in shown.text and token.secret not in shown.text


async def test_every_caller_sees_prices_but_no_key_and_no_token(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    added = (await town.add(operator)).json()
    agent = await town.joined(added["token"]["token"])
    stranger = await town.key("firm", Role.MEMBER)

    listed = await town.client.get("/v1/sites", headers=stranger)

    assert listed.json()["sites"][0]["pools"][0]["price_per_unit_hour"]["amount"] == "2.50"
    assert agent.key.public_key_hex not in listed.text
    assert (await town.client.get("/v1/sites")).status_code == 401


async def test_a_price_that_is_negative_or_absurd_is_refused_and_nothing_stays(
    town: Town,
) -> None:
    operator = await town.key("centre", Role.OPERATOR)

    answers = [
        await town.add(operator, pools=[a_pool(price_per_unit_hour=price)])
        for price in ("-0.01", "-1", "1000000.000001", "1e99", "NaN", "two", "", "0.0000001")
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (422, "price_invalid")
    }
    assert (await town.client.get("/v1/sites", headers=operator)).json()["sites"] == []


async def test_a_pool_that_makes_no_sense_is_refused(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    wrongs: list[dict[str, object]] = [
        {"units": 0},
        {"units": 5, "cpus": 4},
        {"memory": "much"},
        {"memory": "99999TiB"},
        {"memory": "0"},
        {"host_share_percent": 101},
        {"currency": "yuan"},
        {"colour": "red"},
    ]

    answers = [await town.add(operator, pools=[a_pool(**wrong)]) for wrong in wrongs]

    assert [answer.status_code for answer in answers] == [422] * len(wrongs)


async def test_attributes_are_bounded(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)

    answer = await town.add(operator, attributes={"region": "x" * 201})

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_a_second_site_or_pool_of_the_same_name_is_refused(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    await town.add(operator)

    again = await town.add(operator)
    pool = await town.client.post("/v1/sites/north/pools", json=a_pool(), headers=operator)
    other = await town.client.post(
        "/v1/sites/north/pools", json=a_pool(name="h100", unit="h100"), headers=operator
    )

    assert (again.json()["code"], pool.json()["code"]) == ("already_exists", "already_exists")
    assert [each["name"] for each in other.json()["pools"]] == ["cpu", "h100"]


async def test_only_operators_of_the_owner_and_administrators_change_a_site(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    await town.add(operator)
    member = await town.key("centre", Role.MEMBER)
    rival = await town.key("rival", Role.OPERATOR)
    administrator = await town.key("authority", Role.ADMINISTRATOR)

    drained = [
        await town.client.post("/v1/sites/north/drain", headers=key)
        for key in (member, rival, administrator)
    ]

    assert [answer.status_code for answer in drained] == [403, 403, 200]
    elsewhere = await town.add(rival, name="south", organisation="centre")
    assert elsewhere.json()["code"] == "foreign_organisation"
    assert (await town.add(administrator, name="east", organisation="centre")).status_code == 201
    assert (await town.add(member, name="west")).json()["code"] == "role_missing"


async def test_a_new_price_is_a_new_version_and_the_old_one_stays(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    before = (await town.add(operator)).json()["site"]["pools"][0]
    town.clock.advance(timedelta(minutes=1))

    answer = await town.client.put(
        "/v1/sites/north/pools/cpu/price",
        json={"price_per_unit_hour": "3", "currency": "CNY"},
        headers=operator,
    )

    after = answer.json()["pools"][0]
    assert (after["tariff_version"], after["price_per_unit_hour"]["amount"]) == (2, "3.00")
    async with town.database.transaction() as tx:
        old = await service.tariff(tx, UUID(before["tariff_id"]))
        new = await service.tariff(tx, UUID(after["tariff_id"]))
    assert (old.version, old.price_micros_per_unit_hour) == (1, 2_500_000)
    assert (new.version, new.from_at) == (2, town.clock.now())
    refused = await town.client.put(
        "/v1/sites/north/pools/gpu/price",
        json={"price_per_unit_hour": "3", "currency": "CNY"},
        headers=operator,
    )
    assert refused.status_code == 404


async def test_stored_prices_cannot_be_changed(town: Town, owner_url: str) -> None:
    await town.add(await town.key("centre", Role.OPERATOR))

    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        for statement in (
            "UPDATE sites.tariff SET price_micros_per_unit_hour = 0",
            "DELETE FROM sites.tariff",
            "TRUNCATE sites.registration",
        ):
            with pytest.raises(psycopg.errors.RaiseException):
                await connection.execute(statement)


async def test_a_draining_site_is_offered_but_not_live_until_undrained(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    added = (await town.add(operator)).json()
    agent = await town.joined(added["token"]["token"])
    await town.hear(agent, [a_report(UUID(added["site"]["pools"][0]["id"]))])

    shown = await town.client.post("/v1/sites/north/drain", headers=operator)
    [draining] = await town.offers()
    await town.client.post("/v1/sites/north/undrain", headers=operator)
    [back] = await town.offers()

    assert shown.json()["condition"] == "draining"
    assert (draining.live, draining.draining) == (False, True)
    assert "takes nothing new" in draining.because
    assert (back.live, back.draining, back.because) == (True, False, "")


async def test_offers_say_why_a_silent_pool_is_not_live(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    added = (await town.add(operator)).json()
    pool_id = UUID(added["site"]["pools"][0]["id"])
    [unjoined] = await town.offers()
    agent = await town.joined(added["token"]["token"])
    [silent] = await town.offers()
    await town.hear(agent, [])
    [unreported] = await town.offers()
    await town.hear(agent, [a_report(pool_id, units=3, memory_bytes=2**30)])
    [live] = await town.offers()
    town.clock.advance(LEASE)
    [away] = await town.offers()

    assert "no agent has joined" in unjoined.because
    assert "never reported" in silent.because
    assert "has not reported this pool" in unreported.because
    assert (live.live, live.units, live.cpus, live.memory_bytes) == (True, 3, 4, 2**30)
    assert not away.live and "not been heard of since" in away.because


async def test_a_pool_without_isolation_admits_only_its_owner(town: Town) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    added = (await town.add(operator, pools=[a_pool(), a_pool(name="lab", trusted=True)])).json()
    cpu, lab = (UUID(pool["id"]) for pool in added["site"]["pools"])
    owner = UUID(added["site"]["organisation_id"])
    agent = await town.joined(added["token"]["token"])

    await town.hear(agent, [a_report(cpu), a_report(lab)])
    kept_apart = {offer.pool: offer.trusted_organisation_id for offer in await town.offers()}
    await town.hear(agent, [a_report(cpu, isolation="trusted")])
    found_open = {offer.pool: offer.trusted_organisation_id for offer in await town.offers()}

    assert kept_apart == {"cpu": None, "lab": owner}
    assert found_open == {"cpu": owner, "lab": owner}


async def test_the_audit_of_sites_is_clean_and_finds_what_is_broken(
    town: Town, owner_url: str
) -> None:
    operator = await town.key("centre", Role.OPERATOR)
    added = (await town.add(operator)).json()
    await town.joined(added["token"]["token"])
    invariants = Queries.load("mains.sites", "audit.sql")

    async with town.database.transaction() as tx:
        clean = {name: await (await tx.execute(invariants[name])).fetchall() for name in invariants}
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        await connection.execute("UPDATE sites.site SET epoch = 7, public_key = repeat('0', 64)")
        await connection.execute("ALTER TABLE sites.tariff DISABLE TRIGGER USER")
        await connection.execute("DELETE FROM sites.tariff")
    async with town.database.transaction() as tx:
        broken = {
            name: await (await tx.execute(invariants[name])).fetchall() for name in invariants
        }

    assert all(rows == [] for rows in clean.values())
    assert all(len(rows) == 1 for rows in broken.values())
