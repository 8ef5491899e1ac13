"""Who may do what, and how a key is written; pure."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mains.errors import ForeignOrganisation, KeyInvalid, RoleMissing
from mains.wire.parties import Role

AUTHORITY: Final = "authority"
"""The name of the organisation that runs this mains; administrators belong to it alone."""

SECRET_BYTES: Final = 32
PREFIX_BYTES: Final = 5
_KEY = re.compile(r"mains_([a-z2-7]{8})_([A-Za-z0-9_-]{43})_([0-9A-Za-z]{6})", re.ASCII)
_CHECK_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK_LENGTH: Final = 6
_OWNER_GRANTS: Final = frozenset({Role.OWNER, Role.MEMBER, Role.AUDITOR})


@dataclass(frozen=True, slots=True)
class KeyText:
    """A whole key as its holder has it; `prefix` alone may be shown or stored."""

    prefix: str
    text: str

    def __repr__(self) -> str:
        return f"KeyText({self.prefix})"

    def __str__(self) -> str:
        return f"mains_{self.prefix}_..."

    def digest(self, pepper: bytes) -> bytes:
        """Return what the database keeps: an HMAC of the key under the server's pepper."""
        return hmac.new(pepper, self.text.encode(), hashlib.sha256).digest()


def write_key(*, prefix_bytes: bytes, secret: bytes) -> KeyText:
    """Return the key of 5 random bytes for its prefix and 32 for its secret."""
    prefix = base64.b32encode(prefix_bytes).decode().lower()
    assert len(prefix_bytes) == PREFIX_BYTES and len(secret) == SECRET_BYTES
    body = f"mains_{prefix}_{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"
    return KeyText(prefix, f"{body}_{_check(body)}")


def read_key(text: str) -> KeyText:
    """Return the key that was typed; raises KeyInvalid when a character is lost or wrong."""
    match = _KEY.fullmatch(text.strip())
    if match is None:
        raise KeyInvalid(
            "this is not a whole key of mains",
            hint="A key looks like mains_PREFIX_SECRET_CHECK, 64 characters; copy all of it.",
        )
    body, _, check = match[0].rpartition("_")
    if check != _check(body):
        raise KeyInvalid(
            "the key has a typing error: its check characters do not fit",
            hint="Copy the key again; one character or more was changed on the way.",
        )
    return KeyText(match[1], match[0])


def _check(body: str) -> str:
    """CRC-32 in six base-62 digits: it finds typing errors and protects nothing else."""
    rest = binascii.crc32(body.encode())
    digits = ""
    for _ in range(_CHECK_LENGTH):
        rest, digit = divmod(rest, len(_CHECK_DIGITS))
        digits = _CHECK_DIGITS[digit] + digits
    return digits


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request speaks for: one person, in one organisation, with the key's roles."""

    person_id: UUID
    person: str
    organisation_id: UUID
    organisation: str
    roles: frozenset[Role]
    key_id: str

    @property
    def administrator(self) -> bool:
        return Role.ADMINISTRATOR in self.roles

    @property
    def sees_all(self) -> bool:
        """Administrators, and the authority's own auditors, see every organisation."""
        return self.administrator or (self.organisation == AUTHORITY and Role.AUDITOR in self.roles)

    def may_see(self, organisation_id: UUID) -> bool:
        """Say whether the organisation's records may be shown to this caller."""
        return self.organisation_id == organisation_id or self.sees_all

    def may_act_for(self, organisation_id: UUID) -> bool:
        """Say whether this caller may change what belongs to the organisation."""
        return self.organisation_id == organisation_id or self.administrator

    def require(self, *roles: Role) -> None:
        """Pass with any one of the roles; owners are members, administrators are everything.

        Raises RoleMissing.
        """
        if self.administrator or self.roles.intersection(roles):
            return
        if Role.MEMBER in roles and Role.OWNER in self.roles:
            return
        wanted = " or ".join(roles)
        raise RoleMissing(
            f"this needs the role {wanted} in {self.organisation}; "
            f"the key carries {', '.join(sorted(self.roles)) or 'no role'}",
            hint="Ask an owner of your organisation, or an administrator, for a key that has it.",
            roles_needed=[str(role) for role in roles],
        )

    def require_sight(self, organisation_id: UUID) -> None:
        """Raise ForeignOrganisation unless the organisation's records may be shown."""
        if not self.may_see(organisation_id):
            raise self._foreign()

    def require_everything(self) -> None:
        """Raise RoleMissing unless the caller sees every organisation."""
        if not self.sees_all:
            raise RoleMissing(
                f"this shows every organisation, and {self.organisation} is one of them",
                hint=f"Auditors of {AUTHORITY} and administrators may ask for it.",
                roles_needed=[str(Role.AUDITOR), str(Role.ADMINISTRATOR)],
            )

    def require_organisation(self, organisation_id: UUID) -> None:
        """Raise ForeignOrganisation unless the caller may act for the organisation."""
        if not self.may_act_for(organisation_id):
            raise self._foreign()

    def _foreign(self) -> ForeignOrganisation:
        return ForeignOrganisation(
            f"this belongs to another organisation than {self.organisation}",
            hint="Use a key of that organisation: `mains login`, or `mains context use NAME`.",
        )


def carried_roles(person: Iterable[str], key: Iterable[str] | None) -> frozenset[Role]:
    """Return the roles of a key: the person's, narrowed to the key's own list if it has one."""
    roles = frozenset(Role(role) for role in person)
    return roles if key is None else roles.intersection(Role(role) for role in key)


def grantable_roles(caller: Caller) -> frozenset[Role]:
    """Return the roles that a caller may give to a person or a key.

    Nobody gives what spends public money or sells capacity but who has it: an owner who could
    would make an officer of itself.
    """
    if caller.administrator:
        return frozenset(Role)
    return caller.roles | _OWNER_GRANTS if Role.OWNER in caller.roles else caller.roles


def check_grant(caller: Caller, roles: Collection[Role], *, organisation: str) -> None:
    """Raise RoleMissing unless the caller may give all of the roles in that organisation."""
    beyond = sorted(set(roles) - grantable_roles(caller))
    if beyond:
        raise RoleMissing(
            f"you may not give the role {', '.join(beyond)}",
            hint="An administrator gives it.",
            roles_needed=[str(Role.ADMINISTRATOR)],
        )
    if Role.ADMINISTRATOR in roles and organisation != AUTHORITY:
        raise RoleMissing(
            f"administrators belong to the organisation {AUTHORITY} alone, not to {organisation}",
            hint=f"Add the person to {AUTHORITY}.",
        )
