"""Reports as the control plane shows them: documents, claims, edges, views, reviews.

A claim has the fields of the exchange format, one JSON object a line; `exchange_line` writes it.
Offsets count code points of the document's text.
"""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_serializer, model_validator

from mains.wire.base import Count, Instant, Schema, Sha256, Text

BlockKind = Literal["title", "body", "promotion", "related", "boilerplate"]
Bound = Literal["exact", "about", "at_least", "more_than", "at_most", "up_to"]
Modality = Literal["observed", "estimated", "planned", "target"]
ClaimStatus = Literal["accepted", "proposed", "queued", "rejected"]
"""A reader accepts, proposes or queues; only a review rejects."""
Decision = Literal["accept", "reject", "correct", "reopen"]
EdgeKind = Literal[
    "same",
    "refines",
    "update",
    "scope_differs",
    "compatible_bounds",
    "conflict",
    "conversion",
    "headline_drift",
    "never_merge",
]
ExportFormat = Literal["csv", "jsonld", "sdmx"]
ViewState = Literal["empty", "agreed", "open", "contested"]

DocumentId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
ClaimId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""What `identify` makes of a document's hash and a span; equal readings have equal ids."""

Word = Annotated[Text, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Note = Annotated[Text, StringConstraints(max_length=2_000)]
Address = Annotated[Text, StringConstraints(min_length=8, max_length=2_000)]

REVIEW_TYPE = "application/vnd.mains.review+json"
REVIEWS_MAX = 200
BULK_MAX = 100
EDGES_ASKED_MAX = 20_000
CORRECTABLE = (
    *("subject", "measure", "scope", "value", "unit", "bound", "modality", "period", "speaker"),
)
"""What a correction may change; the quote and its span are the document's own."""


class ReasonView(Schema):
    code: str
    text: str


class DocumentView(Schema):
    """A document of the library; `published` only where the document itself gives a date.

    copy_of is the document whose text it repeats. public: its accepted claims, each with its
    sentence, are shown without a key. text_sha256 names the text that all offsets count in.
    """

    id: DocumentId
    sha256: Sha256
    text_sha256: Sha256
    name: str
    title: str | None
    publisher: str | None
    published: str | None
    url: str | None
    media_type: str | None
    languages: list[str]
    size_bytes: int
    characters: int
    claims: int
    relations: int
    queued: int
    copy_of: DocumentId | None
    public: bool
    organisation: str
    filed_at: Instant
    notes: list[ReasonView]


class DocumentFiled(Schema):
    """The answer to a filing; replayed: the same bytes were filed before, nothing was done."""

    document: DocumentView
    replayed: bool


class DocumentPage(Schema):
    """A page of documents, newest first; next_before is what to ask the following page with."""

    documents: list[DocumentView]
    next_before: int | None = None


class BlockView(Schema):
    kind: BlockKind
    language: str | None
    start: int
    end: int


class DocumentText(Schema):
    """A document's whole text and its blocks; for holders of a key only."""

    text: str
    blocks: list[BlockView]


class ClaimFields(Schema):
    """What a claim says: the part of it that a review may correct."""

    subject: str | None
    measure: str | None
    scope: str | None
    value: str
    unit: str
    bound: Bound
    modality: Modality
    period: str | None
    speaker: str | None


class ClaimView(ClaimFields):
    """A claim as it stands now; as_read is what the reader said where a review changed it.

    `doc` is the document's name. sentence[start - sentence_start:end - sentence_start] is the
    quote. duplicate_of names the claim of the original that a copy repeats; it counts for nothing.
    """

    id: ClaimId
    doc: str
    document_id: DocumentId
    start: int
    end: int
    quote: str
    pair: ClaimId | None
    status: ClaimStatus
    status_as_read: ClaimStatus
    language: str | None
    block: BlockKind
    sentence: str
    sentence_start: int
    reasons: list[ReasonView]
    as_read: ClaimFields | None
    reviews: int
    duplicate_of: ClaimId | None
    public: bool
    publisher: str | None
    published: str | None


class ClaimPage(Schema):
    """next_before (newest first) or next_after (the queue) is what to ask the next page with."""

    claims: list[ClaimView]
    next_before: int | None = None
    next_after: int | None = None


class RelationView(Schema):
    """What a document says of a subject without a figure."""

    id: ClaimId
    doc: str
    document_id: DocumentId
    start: int
    end: int
    quote: str
    subject: str | None
    predicate: str
    object: str | None
    modality: Modality
    note: str | None
    status: ClaimStatus
    language: str | None


class RelationPage(Schema):
    relations: list[RelationView]
    next_before: int | None = None


class EdgeView(Schema):
    """How claim a relates to claim b, and why; the fields of the exchange format."""

    id: str
    a: ClaimId
    b: ClaimId
    relation: EdgeKind
    reason: str


class EdgePage(Schema):
    edges: list[EdgeView]
    next_before: int | None = None


class EdgesAsked(Schema):
    """Between which claims edges are asked for."""

    claims: list[ClaimId] = Field(min_length=1, max_length=EDGES_ASKED_MAX)


class StandingView(Schema):
    """One figure that stands, with everything that says it; supports counts originals."""

    claim: ClaimId
    value: str
    unit: str
    bound: Bound
    modality: Modality
    scope: str | None
    period: str | None
    low: str | None
    high: str | None
    claims: list[ClaimId]
    documents: list[str]
    supports: int
    restated: list[str]
    reasons: list[ReasonView]


class SupersededView(Schema):
    claim: ClaimId
    by: ClaimId
    reason: str


class MeasureView(Schema):
    """What the documents say now of one measure of one subject, computed when it is asked for.

    `claims` has every claim that is named. truncated: there were more claims than are looked at.
    """

    subject: str
    measure: str
    scope: str | None
    state: ViewState
    current: list[StandingView]
    apart: list[StandingView]
    superseded: list[SupersededView]
    conflicts: list[EdgeView]
    waiting: list[ClaimId]
    reasons: list[ReasonView]
    claims: list[ClaimView]
    truncated: bool = False


class SubjectMeasure(Schema):
    """One subject and measure that claims stand for, and how many."""

    subject: str
    measure: str
    claims: int


class SubjectPage(Schema):
    """In the order of subject and measure; next_after is `SUBJECT|MEASURE` of the last one."""

    subjects: list[SubjectMeasure]
    next_after: str | None = None


class Correction(Schema):
    """The fields that a reviewer corrects; what is not sent stays as it is, null empties it."""

    subject: Word | None = None
    measure: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")] | None = None
    scope: Word | None = None
    value: Annotated[Text, StringConstraints(min_length=1, max_length=64)] | None = None
    unit: Annotated[Text, StringConstraints(min_length=1, max_length=32)] | None = None
    bound: Bound | None = None
    modality: Modality | None = None
    period: Annotated[Text, StringConstraints(min_length=4, max_length=32)] | None = None
    speaker: Word | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name in ("value", "unit", "bound", "modality"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} can be another, and can't be empty")
        return self

    @model_serializer(mode="plain")
    def given(self) -> dict[str, str | None]:
        """Return the fields that were sent, null ones too, and no others."""
        return {name: getattr(self, name) for name in CORRECTABLE if name in self.model_fields_set}


class ReviewRequest(Schema):
    """Decide about a claim. id is made by the caller: sent again, it changes nothing.

    accept: it stands as it is now. correct: it stands with these fields. reject: it counts for
    nothing. reopen: every decision before is undone, and it stands as the reader made it.
    seen is how many reviews the reviewer saw; where another came between, nothing is done.
    """

    id: UUID
    claim: ClaimId
    decision: Decision
    fields: Correction | None = None
    note: Note = ""
    seen: Count | None = None

    @model_validator(mode="after")
    def _fields_of_a_correction(self) -> Self:
        given = self.fields is not None and bool(self.fields.model_fields_set)
        if given != (self.decision == "correct"):
            raise ValueError("fields belong to the decision `correct`, and to no other")
        return self


class ReviewBatch(Schema):
    reviews: list[ReviewRequest] = Field(min_length=1, max_length=REVIEWS_MAX)


class ReviewView(Schema):
    """One decision as it was signed; stands is what the claim said from then on."""

    id: UUID
    claim: ClaimId
    sequence: int
    decision: Decision
    fields: dict[str, str | None]
    stands: ClaimFields
    status: ClaimStatus
    note: str
    person: str
    organisation: str
    reviewed_at: Instant


class Reviewed(Schema):
    """One answer of a batch: the review, or the problem's code and words."""

    id: UUID
    review: ReviewView | None = None
    error: str | None = None
    detail: str | None = None


class ReviewAnswers(Schema):
    reviews: list[Reviewed]


class SignedReview(Schema):
    """What a review's envelope (DSSE) says: who decided what about which span, after which."""

    review: Literal[1] = 1
    id: UUID
    claim: ClaimId
    document_sha256: Sha256
    start: int
    end: int
    quote: str
    sequence: int
    decision: Decision
    fields: dict[str, str | None]
    stands: ClaimFields
    status: ClaimStatus
    note: str
    person: str
    person_id: UUID
    organisation: str
    organisation_id: UUID
    reviewed_at: Instant


class WhyClaim(Schema):
    """Why a claim says what it says: how it was bound, who reviewed it, how it relates."""

    claim: ClaimView
    document: DocumentView
    reasons: list[ReasonView]
    reviews: list[ReviewView]
    edges: list[EdgeView]
    related: list[ClaimView]


class UrlRequest(Schema):
    """A report to be fetched by the server; private addresses are refused."""

    url: Address
    name: Annotated[Text, StringConstraints(min_length=1, max_length=255)] | None = None


class BulkDocument(Schema):
    """One small report of a bulk filing: its bytes in base64, or its address."""

    name: Annotated[Text, StringConstraints(min_length=1, max_length=255)] | None = None
    media_type: Annotated[Text, StringConstraints(max_length=200)] | None = None
    content_base64: str | None = None
    url: Address | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.content_base64 is None) == (self.url is None):
            raise ValueError("give either content_base64 or url")
        return self


class BulkFiling(Schema):
    documents: list[BulkDocument] = Field(min_length=1, max_length=BULK_MAX)


class BulkAnswer(Schema):
    """One answer of a bulk filing, in its order: what was filed, or the problem."""

    filed: DocumentFiled | None = None
    error: str | None = None
    detail: str | None = None
    hint: str | None = None


class BulkAnswers(Schema):
    documents: list[BulkAnswer]


def exchange_line(claim: ClaimView) -> dict[str, object]:
    """Return a claim as one object of the exchange format: as it stands now."""
    kept = claim.model_dump(mode="json")
    names = (
        *("id", "doc", "start", "end", "quote", "subject", "measure", "scope", "value", "unit"),
        *("bound", "modality", "period", "speaker", "pair", "status", "language", "block"),
    )
    line: dict[str, object] = {name: kept[name] for name in names}
    line["reasons"] = kept["reasons"]
    return line
