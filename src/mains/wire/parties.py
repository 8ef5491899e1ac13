"""Organisations, people and keys as the control plane shows them."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from mains.wire.base import Instant, Name, Schema, Text

Title = Annotated[Text, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
AttributeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
AttributeText = Annotated[Text, StringConstraints(max_length=500)]
AttributeValue = bool | int | AttributeText | Annotated[list[AttributeText], Field(max_length=100)]
Attributes = Annotated[dict[AttributeName, AttributeValue], Field(max_length=64)]
"""What rules can ask for beside the type: `employees: 120`, `districts: [songshan-lake]`."""


class Role(StrEnum):
    """What a person may do in an organisation.

    owner: people, keys and everything below. member: jobs. operator: sites. officer: programmes
    and vouchers. auditor: read everything. administrator: everything, in the authority alone.
    """

    OWNER = "owner"
    MEMBER = "member"
    OPERATOR = "operator"
    OFFICER = "officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


Roles = Annotated[list[Role], Field(min_length=1, max_length=len(Role))]


class WhoAmI(Schema):
    """Whom a key speaks for, and the roles that it carries."""

    person_id: UUID
    person: Name
    organisation_id: UUID
    organisation: Name
    roles: list[Role]
    key: str


class OrganisationRequest(Schema):
    name: Name
    title: Title | None = None
    type: Name
    attributes: Attributes = {}


class OrganisationView(Schema):
    id: UUID
    name: Name
    title: str
    type: Name
    attributes: Attributes
    created_at: Instant


class OrganisationPage(Schema):
    """next_after, where given, is what to ask the following page with."""

    organisations: list[OrganisationView]
    next_after: str | None = None


class PersonRequest(Schema):
    name: Name
    title: Title | None = None
    roles: Roles = [Role.MEMBER]


class PersonView(Schema):
    id: UUID
    name: Name
    title: str
    organisation_id: UUID
    roles: list[Role]


class KeyRequest(Schema):
    """A key for oneself, or for another person whom one may act for.

    roles narrows the key to some of the person's roles; valid_days makes it end by itself.
    """

    label: Title = "key"
    organisation: Text | None = None
    person: Name | None = None
    roles: Roles | None = None
    valid_days: int | None = Field(default=None, ge=1, le=3_650)


class KeyView(Schema):
    """A key without its secret; roles are what it carries at this moment."""

    prefix: str
    label: str
    person: Name
    organisation: Name
    roles: list[Role]
    created_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None


class KeyIssued(Schema):
    """The one time that the whole key is shown."""

    key: str
    view: KeyView
