"""The HTTP door of programmes: publish and read documents, grant and show vouchers."""

from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request

from mains.db import Transaction
from mains.errors import AmountInvalid, DocumentInvalid, NotFound
from mains.parties import service as parties
from mains.parties.door import (
    Caller,
    CallerDependency,
    IdempotencyKey,
    NowDependency,
    OwnRowsDependency,
    TransactionDependency,
)
from mains.programmes import service
from mains.programmes.document import TEXT_BYTES_MAX, read_document
from mains.programmes.rules import validity_of
from mains.units import Money
from mains.wire.base import Amount
from mains.wire.parties import Role
from mains.wire.programmes import (
    PackView,
    ProgrammeDetail,
    ProgrammePage,
    ProgrammeView,
    VoucherPage,
    VoucherRequest,
    VoucherView,
)

PAGE: Final = 100
PAGE_MAX: Final = 1_000

router: Final = APIRouter(prefix="/v1", tags=["programmes"])

_DOCUMENT_BODY: Final = {
    "requestBody": {
        "required": False,
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}


async def _document_text(
    request: Request,
    pack: Annotated[str | None, Query(description="Publish this pack, without a body.")] = None,
) -> str:
    """Return the pack's text or the body, read no further than a document may be long."""
    if pack is not None:
        return service.pack(pack)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > TEXT_BYTES_MAX:
            raise DocumentInvalid(f"the document is longer than {TEXT_BYTES_MAX // 1024} KiB")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentInvalid("the document is not UTF-8 text") from error


DocumentText = Annotated[str, Depends(_document_text)]
"""Read before the transaction begins, so that a slow body holds no connection."""


@router.post("/programmes", status_code=201, openapi_extra=_DOCUMENT_BODY)
async def publish(
    publication_id: IdempotencyKey,
    caller: CallerDependency,
    text: DocumentText,
    tx: TransactionDependency,
    now: NowDependency,
) -> ProgrammeDetail:
    """Publish a document (YAML or JSON) as the next version of the programme that it names."""
    caller.require(Role.OFFICER)
    published = await service.publish(
        tx,
        publication_id=publication_id,
        text=text,
        organisation_id=await _publisher(tx, caller, read_document(text).name),
        actor_id=caller.person_id,
        now=now,
    )
    return _programme_detail(published)


@router.get("/programmes")
async def list_programmes(
    caller: CallerDependency,
    tx: TransactionDependency,
    after: Annotated[str, Query(max_length=63)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
) -> ProgrammePage:
    """List all programmes: their rules are public to everybody with a key."""
    found = await service.programmes(tx, after=after, limit=limit)
    return ProgrammePage(
        programmes=[_programme_view(each) for each in found],
        next_after=found[-1].name if len(found) == limit else None,
    )


@router.get("/programmes/{name}")
async def show_programme(
    name: str, caller: CallerDependency, tx: TransactionDependency, version: int | None = None
) -> ProgrammeDetail:
    return _programme_detail(await service.programme(tx, name, version=version))


@router.get("/programme-packs")
async def list_packs(caller: CallerDependency) -> list[PackView]:
    """List the ready-made documents that can be published as they are or mended first."""
    return [PackView(name=name, text=text) for name, text in service.packs().items()]


@router.post("/vouchers", status_code=201)
async def grant_voucher(
    asked: VoucherRequest,
    voucher_id: IdempotencyKey,
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
) -> VoucherView:
    """Grant a voucher to an organisation; the idempotency key becomes its id."""
    caller.require(Role.OFFICER)
    under = await service.programme(tx, asked.programme)
    caller.require_organisation(under.organisation_id)
    holder = await parties.organisation(tx, asked.organisation)
    currency = under.document.currency
    granted = await service.grant_voucher(
        tx,
        voucher_id=voucher_id,
        programme=under.name,
        organisation_id=holder.id,
        amount=_money(asked.amount, currency),
        tranche=None if asked.tranche is None else _money(asked.tranche, currency),
        valid_from=asked.valid_from,
        valid_until=asked.valid_until,
        actor_id=caller.person_id,
        now=now,
    )
    return _voucher_view(granted)


@router.get("/vouchers")
async def list_vouchers(
    caller: CallerDependency,
    tx: OwnRowsDependency,
    programme: str | None = None,
    before: UUID | None = None,
    granted_by_us: bool = False,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
) -> VoucherPage:
    """List vouchers, newest first: one's own, or those of the programmes that one publishes."""
    everything = caller.sees_all and not granted_by_us
    own = None if everything or granted_by_us else caller.organisation_id
    found = await service.vouchers(
        tx,
        organisation_id=own,
        programme_organisation_id=caller.organisation_id if granted_by_us else None,
        programme=programme,
        before=before,
        limit=limit,
    )
    return VoucherPage(
        vouchers=[_voucher_view(each) for each in found],
        next_before=found[-1].id if len(found) == limit else None,
    )


@router.get("/vouchers/{voucher_id}")
async def show_voucher(
    voucher_id: UUID, caller: CallerDependency, tx: OwnRowsDependency
) -> VoucherView:
    """Show a voucher to its holder and to its grantor."""
    found = await service.voucher(tx, voucher_id)
    if not caller.may_see(found.programme_organisation_id):
        caller.require_sight(found.organisation_id)
    return _voucher_view(found)


async def _publisher(tx: Transaction, caller: Caller, name: str) -> UUID:
    """Return whose programme it is: the owner of that name, or the caller's for a new one."""
    try:
        known = await service.programme(tx, name)
    except NotFound:
        return caller.organisation_id
    caller.require_organisation(known.organisation_id)
    return known.organisation_id


def _money(text: str, currency: str) -> Money:
    try:
        return Money.parse(text, currency)
    except ValueError as error:
        raise AmountInvalid(str(error)) from error


def _programme_view(found: service.Programme) -> ProgrammeView:
    whole = validity_of(found.document)
    return ProgrammeView(
        id=found.id,
        name=found.name,
        version=found.version,
        title=found.document.title,
        source=found.document.source,
        organisation=found.organisation,
        currency=found.document.currency,
        time_zone=found.document.time_zone,
        valid_from=whole.start,
        valid_until=whole.end,
        pot=Amount.of(found.pot),
        committed=Amount.of(found.committed),
        available=Amount.of(found.available),
        document_sha256=found.document_sha256,
        published_at=found.published_at,
    )


def _programme_detail(found: service.Programme) -> ProgrammeDetail:
    view = _programme_view(found)
    return ProgrammeDetail(**dict(view), document=orjson.loads(found.document.canonical()))


def _voucher_view(found: service.Voucher) -> VoucherView:
    return VoucherView(
        id=found.id,
        programme=found.programme,
        version=found.version,
        organisation_id=found.organisation_id,
        organisation=found.organisation,
        state=found.state,
        granted=Amount.of(found.granted),
        room=Amount.of(found.released),
        promised=Amount.of(found.promised),
        held=Amount.of(found.held),
        spent=Amount.of(found.spent),
        returned=Amount.of(found.returned),
        valid_from=found.valid_from,
        valid_until=found.valid_until,
        granted_at=found.granted_at,
    )
