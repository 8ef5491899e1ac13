"""Organisations, people and keys: who may enter, see and revoke them."""

import asyncio
import stat
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mains.clock import ManualClock
from mains.db import Database
from mains.errors import NotFound, StoreCorrupt
from mains.parties import keyfiles, service
from mains.parties.keyfiles import Peppers
from mains.settings import Settings
from mains.wire.parties import Role
from tests.parties.builders import PEPPER, Town, a_town

pytestmark = pytest.mark.anyio


@pytest.fixture
async def town(database: Database, clock: ManualClock, settings: Settings) -> Town:
    return await a_town(database, clock, settings)


async def test_of_two_first_starts_one_makes_the_administrator(
    database: Database, clock: ManualClock
) -> None:
    async def start() -> object:
        async with database.transaction() as tx:
            return await service.bootstrap(tx, pepper=PEPPER, now=clock.now())

    made = await asyncio.gather(start(), start(), start())
    assert len([key for key in made if key is not None]) == 1
    assert await start() is None


async def test_a_lost_administrator_key_is_replaced_and_the_old_one_ends(town: Town) -> None:
    async with town.tx() as tx:
        fresh = await service.replace_administrator_key(tx, pepper=PEPPER, now=town.clock.now())
    assert (await town.call("GET", "/whoami")).status_code == 401
    answer = await town.call("GET", "/whoami", key=fresh)
    assert answer.json()["roles"] == ["administrator", "owner"]


def test_the_pepper_is_made_once_and_is_private(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    first = Peppers.from_files(keys).newest
    assert Peppers.from_files(keys).newest == first
    assert (first[0], len(first[1])) == (1, 32)
    assert stat.S_IMODE((keys / "pepper").stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert [path.name for path in keys.iterdir()] == ["pepper"]


def test_two_first_starts_agree_on_the_pepper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Peppers.from_files(tmp_path / "other").newest
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "pepper").write_bytes(other[1])
    files = keyfiles.pepper_files(tmp_path / "keys")
    monkeypatch.setattr(files, "versions", list)
    files.begin(b"another pepper")
    assert Peppers.from_files(tmp_path / "keys").newest == other


def test_a_damaged_pepper_is_said_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "pepper").write_bytes(b"short")
    with pytest.raises(StoreCorrupt, match="pepper"):
        Peppers.from_files(tmp_path)
    assert (tmp_path / "pepper").read_bytes() == b"short"


def test_the_administrators_key_lies_where_its_owner_alone_can_read_it(tmp_path: Path) -> None:
    keyfiles.keep_administrator_key(tmp_path, "mains_old")
    path = keyfiles.keep_administrator_key(tmp_path, "mains_new")
    assert path.read_text() == "mains_new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_an_organisation_has_a_type_and_attributes_that_rules_can_ask_for(
    town: Town,
) -> None:
    attributes = {"employees": 120, "start_up": True, "districts": ["songshan-lake"]}
    made = await town.organisation("harbour-robotics", attributes=attributes)
    async with town.tx() as tx:
        facts = await service.party_facts(tx, made)
    assert (facts.name, facts.type, facts.attributes) == ("harbour-robotics", "firm", attributes)
    by_id = await town.call("GET", f"/organisations/{made}")
    by_name = await town.call("GET", "/organisations/harbour-robotics")
    assert by_id.json() == by_name.json()


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/organisations", {"name": "harbour", "type": "firm", "title": "a\0"}),
        ("/organisations", {"name": "harbour", "type": "firm", "attributes": {"city": "\0"}}),
        ("/organisations/authority/people", {"name": "li", "title": "\0"}),
        ("/keys", {"label": "\0"}),
        ("/keys", {"organisation": "\0"}),
    ],
)
async def test_text_that_no_database_can_hold_is_refused(
    town: Town, path: str, more: dict[str, Any]
) -> None:
    answer = await town.call("POST", path, json=more)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_a_name_belongs_to_one_organisation(town: Town) -> None:
    await town.organisation("harbour-robotics")
    again = await town.call(
        "POST", "/organisations", json={"name": "harbour-robotics", "type": "firm"}
    )
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")


async def test_an_organisation_that_is_not_there_is_not_found(town: Town) -> None:
    async with town.tx() as tx:
        with pytest.raises(NotFound):
            await service.party_facts(tx, uuid4())


async def test_only_administrators_enter_organisations(town: Town) -> None:
    await town.organisation("harbour-robotics")
    owner = await town.person("harbour-robotics", "chen-li", Role.OWNER)
    answer = await town.call(
        "POST", "/organisations", key=owner, json={"name": "shadow", "type": "university"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


async def test_organisations_are_listed_page_by_page_to_administrators(town: Town) -> None:
    for name in ("a", "b", "c"):
        await town.organisation(name)
    first = (await town.call("GET", "/organisations", params={"limit": 2})).json()
    rest = (await town.call("GET", "/organisations", params={"after": first["next_after"]})).json()
    names = [each["name"] for page in (first, rest) for each in page["organisations"]]
    assert names == ["a", "authority", "b", "c"]
    assert rest["next_after"] is None


async def test_an_organisation_sees_only_itself(town: Town) -> None:
    await town.organisation("harbour-robotics")
    await town.organisation("songshan-vision")
    owner = await town.person("harbour-robotics", "chen-li", Role.OWNER)
    listed = (await town.call("GET", "/organisations", key=owner)).json()["organisations"]
    assert [each["name"] for each in listed] == ["harbour-robotics"]
    for path in ("/organisations/songshan-vision", "/organisations/songshan-vision/people"):
        answer = await town.call("GET", path, key=owner)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_authoritys_auditors_see_every_organisation(town: Town) -> None:
    await town.organisation("harbour-robotics")
    auditor = await town.person("authority", "wang-min", Role.AUDITOR)
    assert (
        await town.call("GET", "/organisations/harbour-robotics", key=auditor)
    ).status_code == 200


async def test_owners_enter_people_in_their_own_organisation(town: Town) -> None:
    await town.organisation("harbour-robotics")
    await town.organisation("songshan-vision")
    owner = await town.person("harbour-robotics", "chen-li", Role.OWNER)
    person = {"name": "li-wei", "roles": ["member"]}
    path = "/organisations/harbour-robotics/people"
    assert (await town.call("POST", path, key=owner, json=person)).status_code == 201
    again = await town.call("POST", path, key=owner, json=person)
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    foreign = await town.call(
        "POST", "/organisations/songshan-vision/people", key=owner, json=person
    )
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")
    listed = (await town.call("GET", path, key=owner)).json()
    assert [each["name"] for each in listed] == ["chen-li", "li-wei"]


async def test_an_owner_cannot_make_an_officer_of_itself(town: Town) -> None:
    await town.organisation("harbour-robotics")
    owner = await town.person("harbour-robotics", "chen-li", Role.OWNER)
    answer = await town.call(
        "POST",
        "/organisations/harbour-robotics/people",
        key=owner,
        json={"name": "mole", "roles": ["officer"]},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


async def test_members_enter_nobody(town: Town) -> None:
    await town.organisation("harbour-robotics")
    member = await town.person("harbour-robotics", "li-wei", Role.MEMBER)
    answer = await town.call(
        "POST", "/organisations/harbour-robotics/people", key=member, json={"name": "friend"}
    )
    assert answer.status_code == 403


async def test_a_key_may_carry_some_of_its_persons_roles(town: Town) -> None:
    await town.organisation("harbour-robotics")
    owner = await town.person("harbour-robotics", "chen-li", Role.OWNER, Role.AUDITOR)
    narrow = await town.call("POST", "/keys", key=owner, json={"roles": ["auditor"]})
    assert narrow.status_code == 201
    key = narrow.json()["key"]
    assert (await town.call("GET", "/whoami", key=key)).json()["roles"] == ["auditor"]
    more = await town.call("POST", "/keys", key=owner, json={"roles": ["operator"]})
    assert (more.status_code, more.json()["code"]) == (403, "role_missing")


async def test_a_narrow_key_begets_no_wider_one(town: Town) -> None:
    await town.organisation("harbour-robotics")
    owner = await town.person("harbour-robotics", "chen-li", Role.OWNER, Role.AUDITOR)
    narrow = (await town.call("POST", "/keys", key=owner, json={"roles": ["auditor"]})).json()
    child = await town.call("POST", "/keys", key=narrow["key"], json={})
    assert child.json()["view"]["roles"] == ["auditor"]
    wider = await town.call("POST", "/keys", key=narrow["key"], json={"roles": ["owner"]})
    assert wider.status_code == 403


async def test_an_owner_cannot_take_an_officers_key(town: Town) -> None:
    await town.organisation("city-office")
    owner = await town.person("city-office", "chen-li", Role.OWNER)
    await town.person("city-office", "zhao-min", Role.OFFICER)
    answer = await town.call("POST", "/keys", key=owner, json={"person": "zhao-min"})
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


async def test_members_issue_keys_to_nobody_else(town: Town) -> None:
    await town.organisation("harbour-robotics")
    member = await town.person("harbour-robotics", "li-wei", Role.MEMBER)
    await town.person("harbour-robotics", "sun-yi", Role.MEMBER)
    other = await town.call("POST", "/keys", key=member, json={"person": "sun-yi"})
    assert other.status_code == 403
    own = await town.call("POST", "/keys", key=member, json={"label": "laptop"})
    assert own.status_code == 201
    foreign = await town.call("POST", "/keys", key=member, json={"organisation": "authority"})
    assert foreign.json()["code"] == "not_found"
    nobody = await town.call(
        "POST", "/keys", json={"organisation": "harbour-robotics", "person": "nobody"}
    )
    assert nobody.status_code == 404


async def test_owners_see_and_revoke_their_organisations_keys(town: Town) -> None:
    await town.organisation("harbour-robotics")
    owner = await town.person("harbour-robotics", "chen-li", Role.OWNER)
    member = await town.person("harbour-robotics", "li-wei", Role.MEMBER)
    listed = (await town.call("GET", "/keys", key=owner)).json()
    assert {each["person"] for each in listed} == {"chen-li", "li-wei"}
    assert "key" not in listed[0]
    own = (await town.call("GET", "/keys", key=member)).json()
    assert {each["person"] for each in own} == {"li-wei"}
    prefix = member.split("_")[1]
    revoked = await town.call("DELETE", f"/keys/{prefix}", key=owner)
    assert revoked.json()["revoked_at"]
    again = await town.call("DELETE", f"/keys/{prefix}", key=owner)
    assert again.json() == revoked.json()


async def test_nobody_revokes_a_key_of_others(town: Town) -> None:
    await town.organisation("harbour-robotics")
    owner = await town.person("harbour-robotics", "chen-li", Role.OWNER)
    member = await town.person("harbour-robotics", "li-wei", Role.MEMBER)
    assert (
        await town.call("DELETE", f"/keys/{owner.split('_')[1]}", key=member)
    ).status_code == 403
    administrator = town.administrator.split("_")[1]
    foreign = await town.call("DELETE", f"/keys/{administrator}", key=owner)
    assert foreign.json()["code"] == "not_found"
    assert (await town.call("DELETE", "/keys/aaaaaaaa", key=owner)).status_code == 404
