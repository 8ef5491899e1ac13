"""Use cases of parties: enter organisations and people, issue, check and revoke keys."""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from mains.db import Queries, Transaction
from mains.errors import AlreadyExists, KeyInvalid, NotFound, RoleMissing
from mains.ids import new_id, uuid_or_none
from mains.parties.keyfiles import Peppers
from mains.parties.rules import (
    AUTHORITY,
    PREFIX_BYTES,
    SECRET_BYTES,
    Caller,
    KeyText,
    carried_roles,
    check_grant,
    read_key,
    write_key,
)
from mains.wire.parties import AttributeValue, Role

QUERIES: Final = Queries.load(__package__, "queries.sql")
PAGE_MAX: Final = 1_000
_ADMINISTRATOR: Final = "administrator"
_UNKNOWN_DIGEST: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Organisation:
    id: UUID
    name: str
    title: str
    type: str
    attributes: Mapping[str, AttributeValue]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """What rules may ask about an organisation."""

    id: UUID
    name: str
    type: str
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    name: str
    title: str
    organisation_id: UUID
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Key:
    """A key as stored; roles are what it carries now."""

    prefix: str
    label: str
    person_id: UUID
    person: str
    organisation_id: UUID
    organisation: str
    roles: frozenset[Role]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


async def bootstrap(tx: Transaction, *, pepper: Peppers, now: datetime) -> str | None:
    """Make the authority and its administrator on the first start; return the key, then or never.

    Of several first starts at once, one makes them and the others return None.
    """
    authority_id = new_id()
    if not await _insert_organisation(
        tx, authority_id, name=AUTHORITY, title="Authority", type=AUTHORITY, attributes={}, now=now
    ):
        return None
    person = await add_person(
        tx,
        organisation_id=authority_id,
        name=_ADMINISTRATOR,
        title="Administrator",
        roles=[Role.ADMINISTRATOR, Role.OWNER],
        now=now,
    )
    issued = await _issue(
        tx, person=person, label="first start", roles=None, by=None, pepper=pepper, now=now
    )
    return issued.text


async def replace_administrator_key(tx: Transaction, *, pepper: Peppers, now: datetime) -> str:
    """Revoke all keys of the first administrator and return a new one.

    Only for a command on the server itself: nobody is asked for a key.
    """
    authority = await organisation(tx, AUTHORITY)
    person = await person_of(tx, authority, _ADMINISTRATOR)
    await tx.execute(QUERIES["revoke_keys_of"], {"person_id": person.id, "now": now})
    issued = await _issue(
        tx, person=person, label="replaced", roles=None, by=None, pepper=pepper, now=now
    )
    return issued.text


async def create_organisation(
    tx: Transaction,
    *,
    name: str,
    title: str | None = None,
    type: str,
    attributes: Mapping[str, AttributeValue],
    now: datetime,
) -> Organisation:
    """Enter an organisation; raises AlreadyExists when the name is taken."""
    organisation_id = new_id()
    if not await _insert_organisation(
        tx,
        organisation_id,
        name=name,
        title=title or name,
        type=type,
        attributes=attributes,
        now=now,
    ):
        raise AlreadyExists(
            f"an organisation named {name} exists",
            hint=f"Choose another name; `mains org show {name}` shows that one.",
        )
    return await organisation(tx, organisation_id)


async def organisation(tx: Transaction, reference: str | UUID) -> Organisation:
    """Return one organisation by its name or id; raises NotFound."""
    identifier = reference if isinstance(reference, UUID) else uuid_or_none(reference)
    if identifier is not None:
        found = await organisations_by_id(tx, [identifier])
        if identifier in found:
            return found[identifier]
    row = await (
        await tx.execute(QUERIES["organisation_by_name"], {"name": str(reference)})
    ).fetchone()
    if row is None:
        raise _no_organisation(reference)
    return Organisation(**row)


async def seen_organisation(
    tx: Transaction, reference: str | UUID, *, caller: Caller
) -> Organisation:
    """Return an organisation that the caller may see; one of others is as absent as none."""
    found = await organisation(tx, reference)
    if not caller.may_see(found.id):
        raise _no_organisation(reference)
    return found


def _no_organisation(reference: str | UUID) -> NotFound:
    return NotFound(
        f"no organisation is named {reference}", hint="`mains org list` shows all names."
    )


async def organisations_by_id(
    tx: Transaction, organisation_ids: Sequence[UUID]
) -> dict[UUID, Organisation]:
    """Return the organisations of those ids that exist."""
    rows = await tx.execute(QUERIES["organisations_by_id"], {"ids": list(organisation_ids)})
    return {row["id"]: Organisation(**row) for row in await rows.fetchall()}


async def organisations(tx: Transaction, *, after: str, limit: int) -> list[Organisation]:
    """Return organisations in the order of their names, from the one behind `after` on."""
    rows = await tx.execute(
        QUERIES["organisations"], {"after": after, "limit": min(limit, PAGE_MAX)}
    )
    return [Organisation(**row) for row in await rows.fetchall()]


async def party_facts(tx: Transaction, organisation_id: UUID) -> PartyFacts:
    """Return what rules may ask about one organisation; raises NotFound."""
    return facts_of(await organisation(tx, organisation_id))


def facts_of(found: Organisation) -> PartyFacts:
    return PartyFacts(found.id, found.name, found.type, found.attributes)


async def add_person(
    tx: Transaction,
    *,
    organisation_id: UUID,
    name: str,
    title: str | None = None,
    roles: Sequence[Role],
    now: datetime,
) -> Person:
    """Enter a person with roles in an organisation; raises AlreadyExists."""
    person_id = new_id()
    carried = sorted(set(roles))
    row = await (
        await tx.execute(
            QUERIES["add_person"],
            {
                "id": person_id,
                "organisation_id": organisation_id,
                "name": name,
                "title": title or name,
                "now": now,
            },
        )
    ).fetchone()
    if row is None:
        raise AlreadyExists(
            f"{name} is a person of this organisation already",
            hint="Choose another name, such as one with a family name.",
        )
    await tx.execute(
        QUERIES["add_membership"],
        {
            "person_id": person_id,
            "organisation_id": organisation_id,
            "roles": [str(role) for role in carried],
        },
    )
    return Person(person_id, name, title or name, organisation_id, frozenset(carried))


async def people(tx: Transaction, organisation_id: UUID) -> list[Person]:
    """Return the people of an organisation in the order of their names, 1,000 at most."""
    return await _people(tx, organisation_id, name=None)


async def person_of(tx: Transaction, home: Organisation, name: str) -> Person:
    """Return one person of an organisation; raises NotFound."""
    found = await _people(tx, home.id, name=name)
    if not found:
        raise NotFound(
            f"nobody in {home.name} is named {name}",
            hint=f"`mains org show {home.name}` lists its people.",
        )
    return found[0]


async def create_key(
    tx: Transaction,
    *,
    caller: Caller,
    organisation: Organisation,
    person: str,
    label: str,
    roles: Sequence[Role] | None,
    valid_days: int | None,
    pepper: Peppers,
    now: datetime,
) -> tuple[KeyText, Key]:
    """Issue a key to a person of an organisation; return it whole, for the only time.

    A caller issues keys to itself, owners to their people; never one that can do what the caller
    may not give. Raises RoleMissing, ForeignOrganisation, NotFound.
    """
    caller.require_organisation(organisation.id)
    holder = await person_of(tx, organisation, person)
    if holder.id != caller.person_id:
        caller.require(Role.OWNER)
    carried = carried_roles(holder.roles, roles if roles is not None else holder.roles)
    if roles is not None and not carried.issuperset(roles):
        raise RoleMissing(
            f"{person} has not got the role {', '.join(sorted(set(roles) - carried))}",
            hint="A key narrows the roles of its person, it adds none.",
        )
    narrowed = _narrowed(caller, holder, roles)
    check_grant(caller, narrowed or carried, organisation=organisation.name)
    text = await _issue(
        tx,
        person=holder,
        label=label,
        roles=narrowed,
        by=caller.person_id,
        expires_at=None if valid_days is None else now + timedelta(days=valid_days),
        pepper=pepper,
        now=now,
    )
    return text, await key(tx, text.prefix)


def _narrowed(
    caller: Caller, holder: Person, roles: Sequence[Role] | None
) -> frozenset[Role] | None:
    """A narrow key of one's own begets keys as narrow, or a whole one would escape from it."""
    if roles is not None:
        return frozenset(roles)
    if holder.id == caller.person_id and caller.roles != holder.roles:
        return caller.roles
    return None


async def key(tx: Transaction, prefix: str) -> Key:
    """Return one key by its prefix; raises NotFound."""
    row = await (await tx.execute(QUERIES["key"], {"prefix": prefix})).fetchone()
    if row is None:
        raise _no_key(prefix)
    return _key(row)


def _no_key(prefix: str) -> NotFound:
    return NotFound(f"no key begins with {prefix}", hint="`mains key list` shows yours.")


async def keys(tx: Transaction, *, organisation_id: UUID, person_id: UUID | None) -> list[Key]:
    """Return an organisation's keys, or one person's, newest first, 1,000 at most."""
    rows = await tx.execute(
        QUERIES["keys"],
        {"organisation_id": organisation_id, "person_id": person_id, "limit": PAGE_MAX},
    )
    return [_key(row) for row in await rows.fetchall()]


async def revoke_key(tx: Transaction, *, caller: Caller, prefix: str, now: datetime) -> Key:
    """End a key: one's own, or as an owner any of the organisation; again changes nothing."""
    found = await key(tx, prefix)
    if not caller.may_see(found.organisation_id):
        raise _no_key(prefix)
    caller.require_organisation(found.organisation_id)
    if found.person_id != caller.person_id:
        caller.require(Role.OWNER)
    await tx.execute(
        QUERIES["revoke_key"], {"prefix": prefix, "revoked_by": caller.person_id, "now": now}
    )
    return await key(tx, prefix)


async def authenticate(tx: Transaction, text: KeyText, *, pepper: Peppers, now: datetime) -> Caller:
    """Return the caller that a key speaks for; raises KeyInvalid with the reason.

    A key that is still under an older pepper is brought under the newest one by being used.
    """
    row = await (await tx.execute(QUERIES["key"], {"prefix": text.prefix})).fetchone()
    version, newest = pepper.newest
    under = newest if row is None or row["pepper"] == version else pepper.of(row["pepper"])
    digest = text.digest(under or newest)
    stored = _UNKNOWN_DIGEST if row is None or under is None else row["digest"]
    if not hmac.compare_digest(stored, digest) or row is None:
        raise KeyInvalid(f"the key {text} is not known here", hint="Is it a key of this server?")
    if row["revoked_at"] is not None:
        raise KeyInvalid(f"the key {text} was revoked", hint="Ask an owner for a new one.")
    if row["expires_at"] is not None and row["expires_at"] <= now:
        raise KeyInvalid(f"the key {text} has ended", hint="Ask an owner for a new one.")
    if row["pepper"] < version:
        await tx.execute(
            QUERIES["rehash_key"],
            {
                "prefix": text.prefix,
                "before": digest,
                "digest": text.digest(newest),
                "pepper": version,
            },
        )
    return Caller(
        person_id=row["person_id"],
        person=row["person"],
        organisation_id=row["organisation_id"],
        organisation=row["organisation"],
        roles=carried_roles(row["roles"], row["key_roles"]),
        key_id=text.prefix,
    )


def parse_key(text: str, *, pepper: Peppers) -> tuple[KeyText, bytes]:
    """Return a key and its digest; raises KeyInvalid for a typing error, without a look-up."""
    parsed = read_key(text)
    _, newest = pepper.newest
    return parsed, parsed.digest(newest)


async def _insert_organisation(
    tx: Transaction,
    organisation_id: UUID,
    *,
    name: str,
    title: str,
    type: str,
    attributes: Mapping[str, AttributeValue],
    now: datetime,
) -> bool:
    """Return whether the name was free."""
    rows = await tx.execute(
        QUERIES["add_organisation"],
        {
            "id": organisation_id,
            "name": name,
            "title": title,
            "type": type,
            "attributes": Jsonb(dict(attributes)),
            "now": now,
        },
    )
    return await rows.fetchone() is not None


async def _people(tx: Transaction, organisation_id: UUID, *, name: str | None) -> list[Person]:
    rows = await tx.execute(
        QUERIES["people"], {"organisation_id": organisation_id, "name": name, "limit": PAGE_MAX}
    )
    return [
        Person(
            row["id"],
            row["name"],
            row["title"],
            row["organisation_id"],
            carried_roles(row["roles"], None),
        )
        for row in await rows.fetchall()
    ]


async def _issue(
    tx: Transaction,
    *,
    person: Person,
    label: str,
    roles: frozenset[Role] | None,
    by: UUID | None,
    pepper: Peppers,
    now: datetime,
    expires_at: datetime | None = None,
) -> KeyText:
    text = write_key(
        prefix_bytes=secrets.token_bytes(PREFIX_BYTES), secret=secrets.token_bytes(SECRET_BYTES)
    )
    version, newest = pepper.newest
    await tx.execute(
        QUERIES["add_key"],
        {
            "prefix": text.prefix,
            "digest": text.digest(newest),
            "pepper": version,
            "person_id": person.id,
            "organisation_id": person.organisation_id,
            "label": label,
            "roles": None if roles is None else sorted(str(role) for role in roles),
            "now": now,
            "created_by": by,
            "expires_at": expires_at,
        },
    )
    return text


def _key(row: Mapping[str, Any]) -> Key:
    return Key(
        prefix=row["prefix"],
        label=row["label"],
        person_id=row["person_id"],
        person=row["person"],
        organisation_id=row["organisation_id"],
        organisation=row["organisation"],
        roles=carried_roles(row["roles"], row["key_roles"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
