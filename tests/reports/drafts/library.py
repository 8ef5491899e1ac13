"""A small library whose documents are claims alone, and people who decide about its drafts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID, uuid4

from mains.clock import ManualClock
from mains.db import Database, Transaction, jsonb
from mains.parties import service as parties
from mains.parties.rules import Caller
from mains.programmes import service as programmes
from mains.reports import library, reviews
from mains.reports.drafts import service
from mains.reports.drafts.service import Decision
from mains.reports.values import Claim, Relation
from mains.wire import dsse
from mains.wire.drafts import DraftDetail
from mains.wire.parties import Role
from mains.wire.reports import ReviewRequest
from tests.reports.drafts.builders import FILLS, an_id

TEXT_CHARACTERS = 10_000


@dataclass
class Desk:
    """Drafts over a real database; every step is a transaction of its own."""

    database: Database
    clock: ManualClock
    officer: Caller
    auditor: Caller
    member: Caller
    signer: dsse.SigningKey = field(default_factory=dsse.generate)

    async def file(
        self,
        *sources: Claim | Relation,
        name: str = "one.txt",
        copy_of: str | None = None,
        same: Mapping[str, str] | None = None,
    ) -> list[UUID]:
        """File a document that says these things; `same` joins a claim to one of another."""
        document_id = an_id("document", name)
        async with self.database.transaction() as tx:
            await self._enter(tx, document_id, name, sources, copy_of=copy_of)
            for a, b in (same or {}).items():
                await _join(tx, a, b, now=self.clock.now())
            return await service.open_drafts(
                tx, document_id, opener=self.member, now=self.clock.now()
            )

    async def again(self, name: str = "one.txt") -> list[UUID]:
        async with self.database.transaction() as tx:
            return await service.open_drafts(
                tx, an_id("document", name), opener=self.member, now=self.clock.now()
            )

    async def draft(self, draft_id: UUID) -> DraftDetail:
        async with self.database.transaction() as tx:
            return await service.draft(tx, draft_id)

    async def fill(
        self,
        draft_id: UUID,
        fields: Mapping[str, Sequence[str]] | None = None,
        *,
        id: UUID | None = None,
        by: Caller | None = None,
        seen: int | None = None,
    ) -> DraftDetail:
        given = FILLS if fields is None else fields
        decision = Decision(
            id=id or uuid4(),
            event="filled",
            by=by or self.officer,
            seen=seen,
            fields={name: tuple(values) for name, values in given.items()},
            now=self.clock.now(),
        )
        async with self.database.transaction() as tx:
            return await service.fill(tx, draft_id, decision, signer=self.signer)

    async def complete(
        self, draft_id: UUID, *, id: UUID | None = None, by: Caller | None = None
    ) -> DraftDetail:
        decision = self._closing("completed", id, by)
        async with self.database.transaction() as tx:
            return await service.complete(tx, draft_id, decision, signer=self.signer)

    async def withdraw(self, draft_id: UUID, *, id: UUID | None = None) -> DraftDetail:
        decision = self._closing("withdrawn", id, None)
        async with self.database.transaction() as tx:
            return await service.withdraw(tx, draft_id, decision, signer=self.signer)

    async def open_from(self, claim: Claim) -> UUID:
        async with self.database.transaction() as tx:
            return await service.open_from(tx, claim.id, opener=self.officer, now=self.clock.now())

    async def review(self, claim: Claim, decision: str, **fields: str | None) -> None:
        request = ReviewRequest.model_validate(
            {
                "id": uuid4(),
                "claim": claim.id,
                "decision": decision,
                "fields": fields or None,
            }
        )
        async with self.database.transaction() as tx:
            [answer] = await reviews.review(
                tx, [request], reviewer=self.auditor, signer=self.signer, now=self.clock.now()
            )
        assert not isinstance(answer, Exception), answer

    async def programme(self, name: str = "compute-2026") -> programmes.Programme:
        async with self.database.transaction() as tx:
            return await programmes.programme(tx, name)

    async def organisation(self, name: str, *, type: str = "firm") -> UUID:
        async with self.database.transaction() as tx:
            made = await parties.create_organisation(
                tx, name=name, type=type, attributes={}, now=self.clock.now()
            )
        return made.id

    def _closing(self, event: Any, id: UUID | None, by: Caller | None) -> Decision:
        return Decision(
            id=id or uuid4(), event=event, by=by or self.officer, fields={}, now=self.clock.now()
        )

    async def _enter(
        self,
        tx: Transaction,
        document_id: str,
        name: str,
        sources: Sequence[Claim | Relation],
        *,
        copy_of: str | None,
    ) -> None:
        row = {
            "id": document_id,
            "sha256": f"sha256:{document_id:0<64}",
            "text_sha256": f"sha256:{document_id:0<64}",
            "opened_sha256": f"sha256:{document_id:0<64}",
            "name": name,
            "title": None,
            "publisher": None,
            "published": None,
            "url": None,
            "media_type": None,
            "languages": ["en"],
            "size_bytes": TEXT_CHARACTERS,
            "characters": TEXT_CHARACTERS,
            "latest_period": None,
            "notes": jsonb([]),
            "signature": b"",
            "bands": [],
            "copy_of": None if copy_of is None else an_id("document", copy_of),
            "public": True,
            "organisation_id": self.member.organisation_id,
            "filed_by": self.member.person_id,
            "now": self.clock.now(),
        }
        await tx.execute(library.QUERIES["add_document"], row)
        claims = [each for each in sources if isinstance(each, Claim)]
        await library.add_claims(tx, document_id, [_row(each) for each in claims])
        told = [_row(each) for each in sources if isinstance(each, Relation)]
        if told:
            placed = [{**each, "place": place} for place, each in enumerate(told)]
            await tx.execute(
                library.QUERIES["add_relations"],
                {"document_id": document_id, "rows": jsonb(placed)},
            )


async def a_desk(database: Database, clock: ManualClock) -> Desk:
    return Desk(
        database,
        clock,
        officer=await a_caller(database, clock, "programme-office", Role.OFFICER),
        auditor=await a_caller(database, clock, "audit-office", Role.AUDITOR),
        member=await a_caller(database, clock, "newsroom", Role.MEMBER),
    )


async def a_caller(
    database: Database, clock: ManualClock, organisation: str, *roles: Role
) -> Caller:
    """Return a person of an organisation of their own."""
    async with database.transaction() as tx:
        made = await parties.create_organisation(
            tx, name=organisation, type="public-body", attributes={}, now=clock.now()
        )
        person = await parties.add_person(
            tx,
            organisation_id=made.id,
            name=f"person-of-{organisation}",
            title="",
            roles=roles,
            now=clock.now(),
        )
    return Caller(
        person_id=person.id,
        person=person.name,
        organisation_id=made.id,
        organisation=made.name,
        roles=frozenset(roles),
        key_id="tested",
    )


def _row(source: Claim | Relation) -> dict[str, Any]:
    row = asdict(source)
    row["span_start"], row["span_end"] = row.pop("start"), row.pop("end")
    if isinstance(source, Claim):
        row["sentence"], row["sentence_start"] = source.quote, source.start
    return row


async def _join(tx: Transaction, a: str, b: str, *, now: Any) -> None:
    edge = {"id": an_id(a, b), "a": a, "b": b, "relation": "update", "reason": "tested"}
    await tx.execute(library.QUERIES["add_edges"], {"rows": jsonb([edge]), "now": now})
