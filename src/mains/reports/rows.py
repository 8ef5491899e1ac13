"""Rows of `queries.sql` as values and as what crosses the network."""

from collections.abc import Mapping
from typing import Any, Final

from mains.reports.rules import Stands
from mains.reports.values import (
    REVIEWED,
    BlockKind,
    Bound,
    Claim,
    Edge,
    EdgeKind,
    Modality,
    Reason,
    Relation,
    Status,
)
from mains.wire.reports import (
    ClaimFields,
    ClaimView,
    DocumentView,
    EdgeView,
    ReasonView,
    RelationView,
    ReviewView,
)

Row = Mapping[str, Any]

FIELDS: Final = tuple(ClaimFields.model_fields)


def document_view(row: Row) -> DocumentView:
    return DocumentView(
        id=row["id"],
        sha256=row["sha256"],
        text_sha256=row["text_sha256"],
        name=row["name"],
        title=row["title"],
        publisher=row["publisher"],
        published=row["published"],
        url=row["url"],
        media_type=row["media_type"],
        languages=row["languages"],
        size_bytes=row["size_bytes"],
        characters=row["characters"],
        claims=row["claims"],
        relations=row["relations"],
        queued=row["queued"],
        copy_of=row["copy_of"],
        public=row["public"],
        organisation=row["organisation"],
        filed_at=row["filed_at"],
        notes=reason_views(row["notes"]),
    )


def claim_view(row: Row) -> ClaimView:
    now_says, was_read = stands_now(row), stands_as_read(row)
    return ClaimView(
        **dict(now_says.fields),
        id=row["id"],
        doc=row["document"],
        document_id=row["document_id"],
        start=row["span_start"],
        end=row["span_end"],
        quote=row["quote"],
        pair=row["pair"],
        status=now_says.status,
        status_as_read=was_read.status,
        language=row["language"],
        block=row["block"],
        sentence=row["sentence"],
        sentence_start=row["sentence_start"],
        reasons=[ReasonView(code=each.code, text=each.text) for each in _reasons(row)],
        as_read=was_read.fields if was_read.fields != now_says.fields else None,
        reviews=row["reviews"],
        duplicate_of=row["duplicate_of"],
        public=row["public"],
        publisher=row["publisher"],
        published=row["published"],
    )


def claim_of(row: Row) -> Claim:
    """Return a claim as it stands now; `doc` is its document's id.

    A rejected claim has no status of a reader: nobody reconciles one.
    """
    return Claim(
        id=row["id"],
        doc=row["document_id"],
        start=row["span_start"],
        end=row["span_end"],
        quote=row["quote"],
        subject=row["subject"],
        measure=row["measure"],
        scope=row["scope"],
        value=row["value"],
        unit=row["unit"],
        bound=Bound(row["bound"]),
        modality=Modality(row["modality"]),
        period=row["period"],
        speaker=row["speaker"],
        pair=row["pair"],
        status=Status(row["status"]),
        language=row["language"],
        block=BlockKind(row["block"]),
        reasons=_reasons(row),
    )


def relation_of(row: Row) -> Relation:
    return Relation(
        id=row["id"],
        doc=row["document_id"],
        start=row["span_start"],
        end=row["span_end"],
        quote=row["quote"],
        subject=row["subject"],
        predicate=row["predicate"],
        object=row["object"],
        modality=Modality(row["modality"]),
        note=row["note"],
        status=Status(row["status"]),
        language=row["language"],
    )


def relation_view(row: Row) -> RelationView:
    return RelationView(
        id=row["id"],
        doc=row["document"],
        document_id=row["document_id"],
        start=row["span_start"],
        end=row["span_end"],
        quote=row["quote"],
        subject=row["subject"],
        predicate=row["predicate"],
        object=row["object"],
        modality=row["modality"],
        note=row["note"],
        status=row["status"],
        language=row["language"],
    )


def edge_of(row: Row) -> Edge:
    return Edge(
        id=row["id"],
        a=row["a"],
        b=row["b"],
        relation=EdgeKind(row["relation"]),
        reason=row["reason"],
    )


def edge_view(edge: Edge) -> EdgeView:
    return EdgeView(
        id=edge.id, a=edge.a, b=edge.b, relation=edge.relation.value, reason=edge.reason
    )


def review_view(row: Row) -> ReviewView:
    return ReviewView(
        id=row["id"],
        claim=row["claim_id"],
        sequence=row["sequence"],
        decision=row["decision"],
        fields=row["fields"],
        stands=ClaimFields(**row["stands"]),
        status=row["status"],
        note=row["note"],
        person=row["person"],
        organisation=row["organisation"],
        reviewed_at=row["reviewed_at"],
    )


def stands_now(row: Row) -> Stands:
    return Stands(ClaimFields(**{name: row[name] for name in FIELDS}), row["status"])


def stands_as_read(row: Row) -> Stands:
    return Stands(ClaimFields(**{name: row[f"read_{name}"] for name in FIELDS}), row["read_status"])


def reason_views(reasons: list[Mapping[str, str]]) -> list[ReasonView]:
    return [ReasonView(code=each["code"], text=each["text"]) for each in reasons]


def _reasons(row: Row) -> tuple[Reason, ...]:
    """Return why a claim says what it says: how it was read, and whether a review confirmed it."""
    read = tuple(Reason(each["code"], each["text"]) for each in row["reasons"])
    return (*read, REVIEWED) if row["reviewed"] else read
