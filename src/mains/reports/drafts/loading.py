"""Drafts from their rows: sources as they stand now, fields computed from them, views of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

from mains.db import Queries, Transaction
from mains.reports.drafts import rules
from mains.reports.drafts.grouping import facts_of, stands
from mains.reports.drafts.values import (
    DraftKind,
    DraftState,
    Field,
    KnownDraft,
    Material,
    Statement,
)
from mains.reports.packs.loader import entities
from mains.reports.rows import Row, claim_of, relation_of
from mains.reports.values import Claim
from mains.wire.drafts import DraftEventView, DraftView, FieldView, StatementView

QUERIES: Final = Queries.load(__package__, "queries.sql")
REPORT_QUERIES: Final = Queries.load("mains.reports", "queries.sql")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A draft with everything that it is computed from."""

    row: Row
    material: Material
    fields: Mapping[str, Field]
    founding_claims: int
    rejected: tuple[str, ...]
    documents: Mapping[str, str]
    """Names of documents by id."""

    @property
    def id(self) -> UUID:
        return UUID(str(self.row["id"]))

    @property
    def state(self) -> DraftState:
        return DraftState(self.row["state"])

    @property
    def missing(self) -> dict[str, str]:
        return rules.missing(self.fields)

    @property
    def known(self) -> KnownDraft:
        """Return what decides whether a new group of claims belongs here."""
        sources = [each.id for each in self.material.claims]
        sources += [each.id for each in self.material.relations]
        return KnownDraft(
            id=str(self.id),
            kind=self.material.kind,
            key=self.row["key"],
            state=self.state,
            sources=frozenset((*sources, *self.rejected)),
            facts=facts_of(self.material.claims, self.material.relations),
        )


async def load(tx: Transaction, rows: Sequence[Row]) -> list[Loaded]:
    """Return drafts in the order of their rows, in three queries however many there are."""
    ids = [row["id"] for row in rows]
    found = await (await tx.execute(QUERIES["sources"], {"ids": ids})).fetchall()
    claims = await _by_id(
        tx, REPORT_QUERIES["claims"], (each["claim_id"] for each in found if each["claim_id"])
    )
    relations = await _by_id(
        tx, QUERIES["relations"], (each["relation_id"] for each in found if each["relation_id"])
    )
    return [
        _loaded(row, [each for each in found if each["draft_id"] == row["id"]], claims, relations)
        for row in rows
    ]


def view(draft: Loaded) -> DraftView:
    """Return a draft as it is shown."""
    row = draft.row
    unknown = draft.missing
    return DraftView(
        id=draft.id,
        kind=draft.material.kind.value,
        subject=row["subject"],
        state=draft.state.value,
        revision=row["revision"],
        fields=[_field_view(each, draft.documents, unknown) for each in draft.fields.values()],
        unknown=unknown if draft.state is DraftState.OPEN else {},
        rejected=list(draft.rejected),
        follows=row["follows"],
        outcome=row["outcome"],
        record=row["record"],
        organisation=row["organisation"],
        opened_by=row["opened_by"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
    )


def event_view(row: Row) -> DraftEventView:
    return DraftEventView(
        sequence=row["sequence"],
        event=row["event"],
        fields=row["fields"],
        note=row["note"],
        person=row["person"],
        organisation=row["organisation"],
        signed=row["signed"],
        happened_at=row["happened_at"],
    )


@cache
def containers() -> Mapping[str, str]:
    """Return what each entity known by name lies in or belongs to."""
    return {each.id: each.within for each in entities() if each.within is not None}


async def _by_id(tx: Transaction, query: str, ids: Iterable[str]) -> dict[str, Row]:
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = await (await tx.execute(query, {"ids": wanted})).fetchall()
    return {row["id"]: row for row in rows}


def _loaded(
    row: Row, sources: Sequence[Row], claims: Mapping[str, Row], relations: Mapping[str, Row]
) -> Loaded:
    said = sorted((claims[each["claim_id"]] for each in sources if each["claim_id"]), key=_place)
    told = sorted(
        (relations[each["relation_id"]] for each in sources if each["relation_id"]), key=_place
    )
    standing = [each for each in said if stands(each["status"], each["measure"])]
    later = {each["claim_id"] or each["relation_id"] for each in sources if each["later"]}
    kind = DraftKind(row["kind"])
    material = Material(
        kind=kind,
        subject=row["subject"],
        claims=tuple(claim_of(each) for each in standing),
        relations=tuple(relation_of(each) for each in told),
        later=frozenset(later),
        fills={name: tuple(values) for name, values in row["fills"].items()},
        within=containers() if kind is DraftKind.PROGRAMME else {},
    )
    return Loaded(
        row=row,
        material=material,
        fields=rules.fields(material),
        founding_claims=sum(1 for each in sources if each["claim_id"] and not each["later"]),
        rejected=tuple(each["id"] for each in said if each not in standing),
        documents={each["document_id"]: each["document"] for each in (*said, *told)},
    )


def _place(row: Row) -> tuple[str, int, str]:
    """Return where a source stands: amounts come in the order in which a text has them."""
    return row["document_id"], row["span_start"], row["id"]


def _field_view(
    field: Field, documents: Mapping[str, str], unknown: Mapping[str, Any]
) -> FieldView:
    return FieldView(
        name=field.spec.name,
        meaning=field.spec.meaning,
        fill=field.spec.fill,
        values=list(field.values),
        origin=field.origin.value,
        needed=field.spec.name in unknown,
        note=field.note,
        statements=[_statement_view(each, documents) for each in field.statements],
    )


def _statement_view(statement: Statement, documents: Mapping[str, str]) -> StatementView:
    source = statement.source
    claim = source if isinstance(source, Claim) else None
    return StatementView(
        source=source.id,
        is_claim=claim is not None,
        value=statement.value,
        unit=statement.unit,
        bound=None if claim is None else claim.bound.value,
        modality=source.modality.value,
        scope=None if claim is None else claim.scope,
        period=None if claim is None else claim.period,
        quote=source.quote,
        document_id=source.doc,
        doc=documents[source.doc],
        later=statement.is_later,
    )
