"""Publish programmes, version by version, with the pot that each may grant from."""

import importlib.resources
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from mains.db import Queries, Transaction
from mains.errors import DocumentInvalid, ForeignOrganisation, KeyReused, NotFound, StateConflict
from mains.ids import new_id
from mains.ledger import service as ledger
from mains.ledger.values import AccountKind, TransferOutcome
from mains.programmes.document import Document, read_canonical, read_document, sha256_of
from mains.units import Money

QUERIES: Final = Queries.load(__package__, "queries.sql")
PAGE_MAX: Final = 1_000
_PACKS: Final = importlib.resources.files(__package__).joinpath("packs")


@dataclass(frozen=True, slots=True)
class Programme:
    """One version of a programme, with what its pot holds now."""

    id: UUID
    name: str
    version: int
    organisation_id: UUID
    organisation: str
    document: Document
    document_sha256: str
    pot_account_id: int
    pot: Money
    available: Money
    published_at: datetime

    @property
    def committed(self) -> Money:
        """What is granted and did not come back; spending is a part of it."""
        return self.pot - self.available


@dataclass(frozen=True, slots=True)
class _Current:
    """A locked programme; version 0 stands for one that was not there before."""

    id: UUID
    organisation_id: UUID
    version: int
    document: Document | None
    document_sha256: str | None
    pot_account_id: int
    pot_micros: int


async def publish(
    tx: Transaction,
    *,
    publication_id: UUID,
    text: str,
    organisation_id: UUID,
    actor_id: UUID | None,
    now: datetime,
) -> Programme:
    """Publish a document as the next version of its programme and appropriate its pot.

    The current document published again is no new version. Vouchers keep the version that they
    were granted under. Raises DocumentInvalid, also for a pot smaller than what is committed;
    ForeignOrganisation when the name belongs to another organisation; KeyReused.
    """
    document = read_document(text)
    canonical = document.canonical()
    sha256 = sha256_of(canonical)
    current = await _lock(tx, document, organisation_id=organisation_id, now=now)
    replayed = await _publication(tx, publication_id)
    if replayed is not None:
        name, published_version, published_sha256 = replayed
        if published_sha256 != sha256:
            raise KeyReused("this idempotency key published another document")
        return await programme(tx, name, version=published_version)
    if current.document_sha256 == sha256:
        return await programme(tx, document.name)
    _check_succession(current, document, organisation_id=organisation_id)
    await _appropriate(
        tx, current, document, publication_id=publication_id, actor_id=actor_id, now=now
    )
    cap = document.rules.cap_per_organisation
    version = {
        "programme_id": current.id,
        "version": current.version + 1,
        "publication_id": publication_id,
        "document": canonical,
        "document_sha256": sha256,
        "pot_micros": document.pot_money.micros,
        "cap_micros": None if cap is None else cap.micros,
        "published_by": actor_id,
        "now": now,
    }
    await tx.execute(QUERIES["add_version"], version)
    await tx.execute(QUERIES["set_version"], version)
    return await programme(tx, document.name)


async def programme(tx: Transaction, name: str, *, version: int | None = None) -> Programme:
    """Return a programme in its current version, or in the one asked for; raises NotFound."""
    found = await _programmes(tx, name=name, version=version, after="", limit=1)
    if not found:
        what = name if version is None else f"{name} v{version}"
        raise NotFound(
            f"there is no programme {what}", hint="`mains programme list` shows all names."
        )
    return found[0]


async def programmes(tx: Transaction, *, after: str = "", limit: int = PAGE_MAX) -> list[Programme]:
    """Return programmes in their current versions, in the order of their names."""
    return await _programmes(tx, name=None, version=None, after=after, limit=limit)


def packs() -> dict[str, str]:
    """Return the ready-made documents by name: known programmes, to be read before use."""
    return {
        each.name.removesuffix(".yaml"): each.read_text("utf-8")
        for each in sorted(_PACKS.iterdir(), key=lambda each: each.name)
        if each.name.endswith(".yaml")
    }


def pack(name: str) -> str:
    """Return one ready-made document; raises NotFound."""
    known = packs()
    if name not in known:
        raise NotFound(f"there is no pack {name}", hint=f"There are: {', '.join(known)}.")
    return known[name]


async def _publication(tx: Transaction, publication_id: UUID) -> tuple[str, int, str] | None:
    row = await (
        await tx.execute(QUERIES["publication"], {"publication_id": publication_id})
    ).fetchone()
    return None if row is None else (row["name"], row["version"], row["document_sha256"])


async def _lock(
    tx: Transaction, document: Document, *, organisation_id: UUID, now: datetime
) -> _Current:
    """Return the programme of that name, made if it is new, locked against other publishers."""
    row = await (await tx.execute(QUERIES["lock_programme"], {"name": document.name})).fetchone()
    if row is None:
        pot_account_id = await ledger.open_account(
            tx,
            kind=AccountKind.POT,
            unit=document.currency,
            owner_id=organisation_id,
            scope=document.name,
            limited=True,
            now=now,
        )
        await tx.execute(
            QUERIES["add_programme"],
            {
                "id": new_id(),
                "name": document.name,
                "organisation_id": organisation_id,
                "currency": document.currency,
                "time_zone": document.time_zone,
                "pot_account_id": pot_account_id,
                "now": now,
            },
        )
        rows = await tx.execute(QUERIES["lock_programme"], {"name": document.name})
        row = await rows.fetchone()
        assert row is not None
    rows = await tx.execute(
        QUERIES["version"], {"programme_id": row["id"], "version": row["version"]}
    )
    published = await rows.fetchone()
    return _Current(
        id=row["id"],
        organisation_id=row["organisation_id"],
        version=row["version"] if published else 0,
        document=read_canonical(published["document"]) if published else None,
        document_sha256=published["document_sha256"] if published else None,
        pot_account_id=row["pot_account_id"],
        pot_micros=published["pot_micros"] if published else 0,
    )


def _check_succession(current: _Current, document: Document, *, organisation_id: UUID) -> None:
    """Refuse what would change the meaning of amounts and periods that were promised before."""
    if current.organisation_id != organisation_id:
        raise ForeignOrganisation(
            f"the programme {document.name} belongs to another organisation",
            hint="Choose another name.",
        )
    if current.document is None:
        return
    kept = {
        "currency": (current.document.currency, document.currency),
        "time_zone": (current.document.time_zone, document.time_zone),
        "rules.cap_per_organisation.period": (_period(current.document), _period(document)),
    }
    for key, (before, after) in kept.items():
        if before is not None and after is not None and before != after:
            raise DocumentInvalid(
                f"`{key}` is {before} in v{current.version} and cannot become {after}",
                hint="Publish it under a new name: promises made under this one keep it.",
                key=key,
            )


def _period(document: Document) -> str | None:
    cap = document.rules.cap_per_organisation
    return None if cap is None else cap.period


async def _appropriate(
    tx: Transaction,
    current: _Current,
    document: Document,
    *,
    publication_id: UUID,
    actor_id: UUID | None,
    now: datetime,
) -> None:
    """Bring the pot from the last version's amount to this one's."""
    difference = document.pot_money.micros - current.pot_micros
    if difference == 0:
        return
    world = await ledger.open_account(
        tx,
        kind=AccountKind.WORLD,
        unit=document.currency,
        owner_id=None,
        scope="appropriations",
        limited=False,
        now=now,
    )
    debit, credit = (
        (world, current.pot_account_id) if difference > 0 else (current.pot_account_id, world)
    )
    answer = await ledger.transfer(
        tx,
        transfer_id=uuid5(publication_id, "appropriation"),
        debit=debit,
        credit=credit,
        amount_micros=abs(difference),
        reason=f"appropriation of {document.name} v{current.version + 1}",
        actor_id=actor_id,
        now=now,
    )
    if answer.outcome is TransferOutcome.REFUSED:
        committed = Money(current.pot_micros - (answer.available_micros or 0), document.currency)
        raise DocumentInvalid(
            f"`pot`: {document.pot_money} is less than the {committed} that is committed already",
            hint=f"A pot of {committed} or more keeps what was granted.",
            key="pot",
            committed=committed.decimal,
        )
    if answer.outcome is TransferOutcome.CONFLICT:
        raise StateConflict("this publication's appropriation was posted with another amount")


async def _programmes(
    tx: Transaction, *, name: str | None, version: int | None, after: str, limit: int
) -> list[Programme]:
    rows = await (
        await tx.execute(
            QUERIES["programmes"],
            {"name": name, "version": version, "after": after, "limit": min(limit, PAGE_MAX)},
        )
    ).fetchall()
    rooms = await ledger.rooms(tx, [row["pot_account_id"] for row in rows])
    found = []
    for row in rows:
        document = read_canonical(row["document"])
        found.append(
            Programme(
                id=row["id"],
                name=row["name"],
                version=row["version"],
                organisation_id=row["organisation_id"],
                organisation=row["organisation"],
                document=document,
                document_sha256=row["document_sha256"],
                pot_account_id=row["pot_account_id"],
                pot=Money(row["pot_micros"], document.currency),
                available=Money(
                    rooms[row["pot_account_id"]].available_micros or 0, document.currency
                ),
                published_at=row["published_at"],
            )
        )
    return found
