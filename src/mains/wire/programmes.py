"""Programmes and vouchers as the control plane shows them."""

from typing import Any, Literal
from uuid import UUID

from mains.wire.base import Amount, DecimalText, Instant, Name, Schema, Sha256, Text

VoucherState = Literal["open", "ended", "closed"]


class ProgrammeView(Schema):
    """A programme in one version. committed is granted and not returned; available is the rest."""

    id: UUID
    name: Name
    version: int
    title: str
    source: str
    organisation: Name
    currency: str
    time_zone: str
    valid_from: Instant
    valid_until: Instant
    pot: Amount
    committed: Amount
    available: Amount
    document_sha256: Sha256
    published_at: Instant


class ProgrammeDetail(ProgrammeView):
    """document is the published one, in its canonical form; its hash is of that text."""

    document: dict[str, Any]


class ProgrammePage(Schema):
    programmes: list[ProgrammeView]
    next_after: str | None = None


class PackView(Schema):
    """A ready-made document, to be read, mended and published."""

    name: Name
    text: str


class VoucherRequest(Schema):
    """A grant; what is left out follows from the programme's own terms.

    The idempotency key of the request becomes the voucher's id.
    """

    programme: Name
    organisation: Text
    amount: DecimalText
    tranche: DecimalText | None = None
    valid_from: Instant | None = None
    valid_until: Instant | None = None


class VoucherView(Schema):
    """A voucher and where its amount is: room + promised + held + spent + returned = granted.

    room can be spent now, promised is released by tranche, held is kept for jobs.
    """

    id: UUID
    programme: Name
    version: int
    organisation_id: UUID
    organisation: Name
    state: VoucherState
    granted: Amount
    room: Amount
    promised: Amount
    held: Amount
    spent: Amount
    returned: Amount
    valid_from: Instant
    valid_until: Instant
    granted_at: Instant


class VoucherPage(Schema):
    """next_before, where given, is what to ask the following page with."""

    vouchers: list[VoucherView]
    next_before: UUID | None = None
