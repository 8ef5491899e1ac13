"""Drafts as the control plane shows them: every field with what is said of it, or unknown."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from mains.wire.base import Count, Instant, Schema, Text
from mains.wire.reports import Bound, ClaimId, DocumentId, Modality, Note

DraftKind = Literal["programme", "filing", "need", "funding"]
DraftState = Literal["open", "completed", "withdrawn"]
DraftEvent = Literal["opened", "joined", "filled", "completed", "withdrawn"]
Origin = Literal["stated", "reviewed", "unknown"]

DRAFT_TYPE = "application/vnd.mains.draft+json"
VALUES_MAX = 100
FIELDS_MAX = 50

FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,62}$")]
Value = Annotated[Text, StringConstraints(min_length=1, max_length=500)]


class StatementView(Schema):
    """What one claim or relation says for a field; bound, scope and period only of claims.

    later: a report that came after the draft was opened says it; it proposes, and fills nothing.
    """

    source: ClaimId
    is_claim: bool
    value: str
    unit: str | None
    bound: Bound | None
    modality: Modality
    scope: str | None
    period: str | None
    quote: str
    document_id: DocumentId
    doc: str
    later: bool


class FieldView(Schema):
    """One field as it stands: values are empty where it is unknown, and fill says how to fill it.

    needed: a review fills it before the draft can be completed. note: why it is unknown although
    something is said of it, or what the value leaves out of its statement.
    """

    name: FieldName
    meaning: str
    fill: str
    values: list[str]
    origin: Origin
    needed: bool
    note: str | None
    statements: list[StatementView]


class DraftEventView(Schema):
    """What happened to a draft; `signed` where a person decided it."""

    sequence: int
    event: DraftEvent
    fields: dict[str, list[str]]
    note: str
    person: str
    organisation: str
    signed: bool
    happened_at: Instant


class DraftView(Schema):
    """What claims would become; unknown says of each field that is still to fill how to fill it.

    rejected names the claims that a review took out. outcome is what came of a completed draft:
    NAME@VERSION of a programme; record is what it said when it was completed.
    """

    id: UUID
    kind: DraftKind
    subject: str
    state: DraftState
    revision: int
    fields: list[FieldView]
    unknown: dict[str, str]
    rejected: list[ClaimId]
    follows: UUID | None
    outcome: str | None
    record: dict[str, object] | None
    organisation: str
    opened_by: str
    opened_at: Instant
    closed_at: Instant | None


class DraftDetail(DraftView):
    events: list[DraftEventView]


class DraftPage(Schema):
    """A page of drafts, newest first; next_before is what to ask the following page with."""

    drafts: list[DraftView]
    next_before: int | None = None


class FillRequest(Schema):
    """Fill fields, or take fills back with an empty list; `claim:ID` takes a claim's own value.

    The idempotency key names this change. seen is the revision that the person saw; where
    something came between, nothing is done.
    """

    fields: Annotated[
        dict[FieldName, Annotated[list[Value], Field(max_length=VALUES_MAX)]],
        Field(min_length=1, max_length=FIELDS_MAX),
    ]
    note: Note = ""
    seen: Count | None = None


class CloseRequest(Schema):
    """Complete or withdraw a draft, as it was seen."""

    note: Note = ""
    seen: Count | None = None


class OpenRequest(Schema):
    """Open the draft that an accepted claim belongs to."""

    claim: Annotated[str, StringConstraints(min_length=6, max_length=16)]


class SignedDraft(Schema):
    """What a draft event's envelope (DSSE) says: who decided what, about which sources."""

    draft_event: Literal[1] = 1
    id: UUID
    draft: UUID
    kind: DraftKind
    subject: str
    sequence: int
    event: DraftEvent
    fields: dict[str, list[str]]
    record: dict[str, object] | None
    outcome: str | None
    note: str
    person: str
    person_id: UUID
    organisation: str
    organisation_id: UUID
    happened_at: Instant
