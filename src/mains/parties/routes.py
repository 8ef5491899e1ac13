"""The HTTP door of parties: who am I, organisations, people, keys."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from mains.parties import service
from mains.parties.door import (
    CallerDependency,
    NowDependency,
    OwnRowsDependency,
    TransactionDependency,
    WiredDependency,
)
from mains.parties.rules import check_grant
from mains.wire.parties import (
    KeyIssued,
    KeyRequest,
    KeyView,
    OrganisationPage,
    OrganisationRequest,
    OrganisationView,
    PersonRequest,
    PersonView,
    Role,
    WhoAmI,
)

PAGE: Final = 100

router: Final = APIRouter(prefix="/v1", tags=["parties"])


@router.get("/whoami")
async def whoami(caller: CallerDependency) -> WhoAmI:
    """Say whom the key speaks for."""
    return WhoAmI(
        person_id=caller.person_id,
        person=caller.person,
        organisation_id=caller.organisation_id,
        organisation=caller.organisation,
        roles=sorted(caller.roles),
        key=caller.key_id,
    )


@router.post("/organisations", status_code=201)
async def create_organisation(
    asked: OrganisationRequest,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
) -> OrganisationView:
    """Enter an organisation. Rules ask for its type and attributes, so an administrator does."""
    caller.require(Role.ADMINISTRATOR)
    created = await service.create_organisation(
        tx,
        name=asked.name,
        title=asked.title,
        type=asked.type,
        attributes=asked.attributes,
        now=now,
    )
    return _organisation_view(created)


@router.get("/organisations")
async def list_organisations(
    caller: CallerDependency,
    tx: TransactionDependency,
    after: Annotated[str, Query(max_length=63)] = "",
    limit: Annotated[int, Query(ge=1, le=service.PAGE_MAX)] = PAGE,
) -> OrganisationPage:
    """List the organisations that the caller may see, in the order of their names."""
    if not caller.sees_all:
        own = await service.organisation(tx, caller.organisation_id)
        return OrganisationPage(organisations=[_organisation_view(own)])
    found = await service.organisations(tx, after=after, limit=limit)
    return OrganisationPage(
        organisations=[_organisation_view(each) for each in found],
        next_after=found[-1].name if len(found) == limit else None,
    )


@router.get("/organisations/{reference}")
async def show_organisation(
    reference: str, caller: CallerDependency, tx: OwnRowsDependency
) -> OrganisationView:
    found = await service.seen_organisation(tx, reference, caller=caller)
    return _organisation_view(found)


@router.get("/organisations/{reference}/people")
async def list_people(
    reference: str, caller: CallerDependency, tx: OwnRowsDependency
) -> list[PersonView]:
    found = await service.seen_organisation(tx, reference, caller=caller)
    return [_person_view(person) for person in await service.people(tx, found.id)]


@router.post("/organisations/{reference}/people", status_code=201)
async def add_person(
    reference: str,
    asked: PersonRequest,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
) -> PersonView:
    """Enter a person with roles; owners do in their own organisation."""
    caller.require(Role.OWNER)
    found = await service.seen_organisation(tx, reference, caller=caller)
    caller.require_organisation(found.id)
    check_grant(caller, asked.roles, organisation=found.name)
    added = await service.add_person(
        tx,
        organisation_id=found.id,
        name=asked.name,
        title=asked.title,
        roles=asked.roles,
        now=now,
    )
    return _person_view(added)


@router.post("/keys", status_code=201)
async def create_key(
    asked: KeyRequest,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
    wired: WiredDependency,
) -> KeyIssued:
    """Issue a key; the answer is the one time that it is shown."""
    wanted = asked.organisation or caller.organisation_id
    home = await service.seen_organisation(tx, wanted, caller=caller)
    text, issued = await service.create_key(
        tx,
        caller=caller,
        organisation=home,
        person=asked.person or caller.person,
        label=asked.label,
        roles=asked.roles,
        valid_days=asked.valid_days,
        pepper=wired.pepper,
        now=now,
    )
    return KeyIssued(key=text.text, view=_key_view(issued))


@router.get("/keys")
async def list_keys(caller: CallerDependency, tx: OwnRowsDependency) -> list[KeyView]:
    """List one's own keys; owners see all of their organisation."""
    everybody = Role.OWNER in caller.roles
    found = await service.keys(
        tx,
        organisation_id=caller.organisation_id,
        person_id=None if everybody else caller.person_id,
    )
    return [_key_view(each) for each in found]


@router.delete("/keys/{prefix}")
async def revoke_key(
    prefix: str,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
    wired: WiredDependency,
) -> KeyView:
    """Revoke a key; it opens nothing within a second."""
    revoked = await service.revoke_key(tx, caller=caller, prefix=prefix, now=now)
    wired.callers.forget(prefix)
    return _key_view(revoked)


def _organisation_view(found: service.Organisation) -> OrganisationView:
    return OrganisationView(
        id=found.id,
        name=found.name,
        title=found.title,
        type=found.type,
        attributes=dict(found.attributes),
        created_at=found.created_at,
    )


def _person_view(person: service.Person) -> PersonView:
    return PersonView(
        id=person.id,
        name=person.name,
        title=person.title,
        organisation_id=person.organisation_id,
        roles=sorted(person.roles),
    )


def _key_view(key: service.Key) -> KeyView:
    return KeyView(
        prefix=key.prefix,
        label=key.label,
        person=key.person,
        organisation=key.organisation,
        roles=sorted(key.roles),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )
