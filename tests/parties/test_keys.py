"""Keys as text, and the roles that they carry."""

import dataclasses
import string
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mains.errors import ForeignOrganisation, KeyInvalid, RoleMissing
from mains.parties.rules import (
    Caller,
    KeyText,
    carried_roles,
    check_grant,
    grantable_roles,
    read_key,
    write_key,
)
from mains.wire.parties import Role

KEYS = st.builds(
    write_key,
    prefix_bytes=st.binary(min_size=5, max_size=5),
    secret=st.binary(min_size=32, max_size=32),
)
SIGNS = string.ascii_letters + string.digits + "_-"


def a_caller(*roles: Role, organisation: str = "harbour-robotics") -> Caller:
    return Caller(uuid4(), "li-wei", uuid4(), organisation, frozenset(roles), "abcdefgh")


@given(KEYS)
def test_a_key_is_read_as_it_was_written(key: KeyText) -> None:
    assert read_key(f" {key.text}\n") == key


@given(KEYS, st.integers(0, 63), st.sampled_from(SIGNS))
def test_any_wrong_character_is_found_without_a_look_up(
    key: KeyText, place: int, sign: str
) -> None:
    text = key.text
    wrong = text[:place] + sign + text[place + 1 :]
    if wrong == text:
        return
    with pytest.raises(KeyInvalid):
        read_key(wrong)


@pytest.mark.parametrize("text", ["", "mains_", "mains_abcdefgh_x_y", "sk-12345", "mains_" * 20])
def test_what_is_no_key_is_told_so(text: str) -> None:
    with pytest.raises(KeyInvalid, match="whole key"):
        read_key(text)


def test_a_lost_character_reads_as_an_incomplete_key() -> None:
    text = write_key(prefix_bytes=bytes(5), secret=bytes(32)).text
    with pytest.raises(KeyInvalid, match="whole key"):
        read_key(text[:-1])


def test_a_key_never_prints_its_secret() -> None:
    key = write_key(prefix_bytes=bytes(5), secret=bytes(range(32)))
    secret = key.text.split("_", 2)[2]
    for shown in (repr(key), str(key), f"{key}", f"{key!r}"):
        assert secret[:10] not in shown
        assert key.prefix in shown


def test_the_digest_depends_on_the_pepper() -> None:
    key = write_key(prefix_bytes=bytes(5), secret=bytes(32))
    assert key.digest(b"a" * 32) != key.digest(b"b" * 32)
    assert key.digest(b"a" * 32) == key.digest(b"a" * 32)


def test_a_key_narrows_its_persons_roles_and_adds_none() -> None:
    assert carried_roles(["owner", "officer"], None) == {Role.OWNER, Role.OFFICER}
    assert carried_roles(["owner", "officer"], ["officer", "operator"]) == {Role.OFFICER}


def test_any_one_of_the_roles_is_enough() -> None:
    a_caller(Role.AUDITOR, Role.MEMBER).require(Role.OFFICER, Role.MEMBER)


def test_owners_are_members_but_not_officers() -> None:
    owner = a_caller(Role.OWNER)
    owner.require(Role.MEMBER)
    with pytest.raises(RoleMissing, match="needs the role officer"):
        owner.require(Role.OFFICER)


def test_a_key_without_roles_says_so() -> None:
    with pytest.raises(RoleMissing, match="carries no role"):
        a_caller().require(Role.MEMBER)


def test_administrators_may_do_everything_everywhere() -> None:
    administrator = a_caller(Role.ADMINISTRATOR, organisation="authority")
    administrator.require(Role.OPERATOR)
    administrator.require_organisation(uuid4())
    administrator.require_sight(uuid4())
    assert grantable_roles(administrator) == frozenset(Role)


def test_callers_see_and_change_only_their_own_organisation() -> None:
    caller = a_caller(Role.OWNER, Role.AUDITOR)
    caller.require_organisation(caller.organisation_id)
    caller.require_sight(caller.organisation_id)
    with pytest.raises(ForeignOrganisation):
        caller.require_sight(uuid4())
    with pytest.raises(ForeignOrganisation):
        caller.require_organisation(uuid4())


def test_the_authoritys_auditors_see_everything_and_change_nothing() -> None:
    auditor = a_caller(Role.AUDITOR, organisation="authority")
    auditor.require_sight(uuid4())
    with pytest.raises(ForeignOrganisation):
        auditor.require_organisation(uuid4())


def test_owners_give_only_what_costs_nobody_else_anything() -> None:
    owner = a_caller(Role.OWNER)
    check_grant(owner, [Role.MEMBER, Role.AUDITOR, Role.OWNER], organisation="harbour-robotics")
    for role in (Role.OFFICER, Role.OPERATOR, Role.ADMINISTRATOR):
        with pytest.raises(RoleMissing, match="may not give"):
            check_grant(owner, [role], organisation="harbour-robotics")


def test_an_owner_who_is_an_officer_may_make_officers() -> None:
    check_grant(a_caller(Role.OWNER, Role.OFFICER), [Role.OFFICER], organisation="city-office")


def test_members_give_nothing_that_they_have_not_got() -> None:
    member = a_caller(Role.MEMBER)
    check_grant(member, [Role.MEMBER], organisation="harbour-robotics")
    with pytest.raises(RoleMissing):
        check_grant(member, [Role.AUDITOR], organisation="harbour-robotics")


def test_administrators_are_made_in_the_authority_alone() -> None:
    administrator = a_caller(Role.ADMINISTRATOR, organisation="authority")
    check_grant(administrator, [Role.ADMINISTRATOR], organisation="authority")
    with pytest.raises(RoleMissing, match="alone"):
        check_grant(administrator, [Role.ADMINISTRATOR], organisation="harbour-robotics")


def test_a_caller_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        a_caller().person = "other"  # type: ignore[misc]
