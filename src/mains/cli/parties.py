"""`mains org` and `mains key`: organisations, their people, and the keys that open doors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mains.cli.output import Output, moment
from mains.cli.requests import checked
from mains.cli.session import Session, command
from mains.errors import RequestInvalid
from mains.wire.documents import parse_yaml

if TYPE_CHECKING:
    from mains.wire.parties import KeyView, OrganisationView

organisations = typer.Typer(help="Organisations and their people.", no_args_is_help=True)
keys = typer.Typer(help="Keys: made, listed and revoked.", no_args_is_help=True)

RolesOption = Annotated[
    list[str] | None,
    typer.Option("--role", help="owner, member, operator, officer or auditor; repeatable."),
]
TitleOption = Annotated[str | None, typer.Option(help="The full name, in any script.")]


@organisations.command("add")
@command
def add_organisation(
    session: Session,
    name: Annotated[str, typer.Argument(help="Its short name, such as songshan-vision.")],
    kind: Annotated[str, typer.Option("--type", help="What rules ask for: firm, university, ...")],
    title: TitleOption = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="What rules may ask for: employees=120; repeatable."
        ),
    ] = None,
) -> None:
    """Enter an organisation; an administrator does."""
    from mains.wire.parties import OrganisationRequest

    request = checked(
        OrganisationRequest,
        name=name,
        title=title,
        type=kind,
        attributes=attributes_of(attribute or ()),
    )
    added = session.client.add_organisation(request)
    session.out.document(added)
    _show_organisation(session.out, added)


@organisations.command("list")
@command
def list_organisations(session: Session) -> None:
    """List the organisations that one may see."""
    found = list(session.client.organisations())
    session.out.document(found)
    session.out.table(
        ("name", "type", "title", "attributes"),
        [(each.name, each.type, each.title, _attributes(each)) for each in found],
    )


@organisations.command("show")
@command
def show_organisation(session: Session, name: str) -> None:
    """Show an organisation and its people."""
    found = session.client.organisation(name)
    people = session.client.people(name)
    session.out.document({"organisation": found, "people": people})
    _show_organisation(session.out, found)
    if people:
        session.out.line()
        session.out.table(
            ("person", "title", "roles"),
            [(person.name, person.title, ", ".join(person.roles)) for person in people],
        )


@organisations.command("person")
@command
def add_person(
    session: Session,
    organisation: str,
    name: Annotated[str, typer.Argument(help="The person's short name.")],
    title: TitleOption = None,
    role: RolesOption = None,
) -> None:
    """Enter a person with roles; an owner does. A key comes with `mains key create`."""
    from mains.wire.parties import PersonRequest

    request = checked(PersonRequest, name=name, title=title, roles=role or ["member"])
    added = session.client.add_person(organisation, request)
    session.out.document(added)
    session.out.line(f"{added.name} is {', '.join(added.roles)} of {organisation}.")
    session.out.line(f"next: mains key create --organisation {organisation} --person {added.name}")


@keys.command("create")
@command
def create_key(
    session: Session,
    organisation: Annotated[str | None, typer.Option(help="Another than one's own.")] = None,
    person: Annotated[str | None, typer.Option(help="Another than oneself.")] = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "key",
    role: RolesOption = None,
    valid_days: Annotated[int | None, typer.Option(help="It ends by itself after these.")] = None,
) -> None:
    """Make a key; it is shown this once."""
    from mains.wire.parties import KeyRequest

    request = checked(
        KeyRequest,
        label=label,
        organisation=organisation,
        person=person,
        roles=role or None,
        valid_days=valid_days,
    )
    issued = session.client.create_key(request)
    session.out.document(issued)
    session.out.line(issued.key)
    owner = f"{issued.view.person} of {issued.view.organisation}"
    session.out.note(
        f"This key of {owner} is shown once: keep it. It carries: {_roles(issued.view)}."
    )


@keys.command("list")
@command
def list_keys(session: Session) -> None:
    """List keys without their secrets."""
    found = session.client.keys()
    session.out.document(found)
    rows = [
        (
            each.prefix,
            each.label,
            f"{each.person} of {each.organisation}",
            _roles(each),
            moment(each.created_at),
            f"revoked {moment(each.revoked_at)}" if each.revoked_at else moment(each.expires_at),
        )
        for each in found
    ]
    session.out.table(("prefix", "label", "whose", "roles", "made", "ends"), rows)


@keys.command("revoke")
@command
def revoke_key(
    session: Session, prefix: Annotated[str, typer.Argument(help="As `mains key list` shows it.")]
) -> None:
    """Revoke a key; it opens nothing within a second."""
    revoked = session.client.revoke_key(prefix)
    session.out.document(revoked)
    session.out.line(f"{revoked.prefix} ({revoked.label}) is revoked.")


def attributes_of(given: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE; values are as in YAML: 120 is a number, true a boolean, [a, b] a list."""
    found: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not name or not separator:
            raise RequestInvalid(f"{text!r} is not NAME=VALUE.")
        try:
            found[name] = parse_yaml(value)
        except ValueError as error:
            raise RequestInvalid(f"The value of {name} can't be read: {value!r}.") from error
    return found


def _show_organisation(out: Output, found: OrganisationView) -> None:
    out.pairs(
        [
            ("organisation", found.name),
            ("title", found.title),
            ("type", found.type),
            ("attributes", _attributes(found)),
            ("since", moment(found.created_at)),
        ]
    )


def _attributes(found: OrganisationView) -> str:
    return ", ".join(f"{name}={value}" for name, value in found.attributes.items()) or "-"


def _roles(key: KeyView) -> str:
    return ", ".join(key.roles)
