"""Quotes, jobs, logs and receipts as the control plane shows them."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from mains.wire.base import Amount, Instant, Schema, Sha256
from mains.wire.spec import Environment, JobSpec

JobState = Literal[
    "queued",
    "assigned",
    "staging",
    "running",
    "finishing",
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
    "lost",
]


class QuoteRequest(Schema):
    """What would this cost? bundle is the hash of the code already uploaded, if any."""

    spec: JobSpec
    bundle: Sha256 | None = None


class PayerView(Schema):
    """One payer of a quote: the most it can pay, by which rule, and what it has left then."""

    payer: Literal["own", "voucher"]
    label: str
    voucher_id: UUID | None = None
    programme: str | None = None
    version: int | None = None
    rule: str | None = None
    rate_percent: str | None = None
    most: Amount
    left: Amount | None = None
    because: str


class OfferView(Schema):
    """One pool that admits the job: what it costs there at most, and when it may start."""

    site: str
    pool: str
    unit: str
    units: int
    price_per_unit_hour: Amount
    cost_most: Amount
    own_most: Amount
    start_in_seconds: int | None
    because: str


class RefusalView(Schema):
    """Why a pool, a voucher or a balance does not serve."""

    what: str
    code: str
    because: str


class QuoteView(Schema):
    """A binding offer until valid_until: submitting it holds these amounts and no more."""

    id: UUID
    valid_until: Instant
    tasks: int
    ceiling: Amount
    own_most: Amount
    payers: list[PayerView]
    offers: list[OfferView]
    refusals: list[RefusalView]
    start_in_seconds: int | None


class SubmitRequest(Schema):
    """Submit a quote by its id, or a spec to be quoted and submitted in one step.

    id is made by the caller: sent again, it is answered again and starts nothing twice. A quote's
    secrets are sent with the submission, for a quote stores none.
    """

    id: UUID
    quote_id: UUID | None = None
    spec: JobSpec | None = None
    bundle: Sha256 | None = None
    secrets: Environment = {}


class Submitted(Schema):
    """One answer of a submission; error is a problem's code where it was refused."""

    id: UUID
    state: str
    ceiling: Amount | None = None
    error: str | None = None
    detail: str | None = None


class SubmitBatch(Schema):
    jobs: list[SubmitRequest] = Field(min_length=1, max_length=1000)


class SubmitBatchAnswer(Schema):
    jobs: list[Submitted]


class ArtefactView(Schema):
    task: int
    path: str
    sha256: Sha256
    size_bytes: int


class AttemptView(Schema):
    id: UUID
    site: str
    pool: str
    state: JobState
    fence: int
    first_task: int
    last_task: int
    assigned_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    unit_milliseconds: int
    charged: Amount
    reason: str


class TaskView(Schema):
    task: int
    state: JobState
    exit_code: int | None
    site: str | None
    unit_milliseconds: int
    reason: str


class JobView(Schema):
    """A job as listed; amounts move while it runs, and stand still once it is settled."""

    id: UUID
    name: str
    organisation: str
    state: JobState
    settled: bool
    tasks: int
    tasks_done: int
    ceiling: Amount
    charged: Amount
    sites: list[str]
    submitted_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    reason: str


class JobDetail(JobView):
    spec: JobSpec
    quote_id: UUID
    attempts: list[AttemptView]
    task_list: list[TaskView]
    artefacts: list[ArtefactView]


class JobPage(Schema):
    """A page of jobs, newest first; `next` is the `before` of the page that follows."""

    jobs: list[JobView]
    next: UUID | None


class PoolReason(Schema):
    site: str
    pool: str
    code: str
    because: str


class WhyView(Schema):
    """Why a job is where it is: the placement's own reasoning, pool by pool."""

    id: UUID
    state: JobState
    because: str
    pools: list[PoolReason]


class CancelRequest(Schema):
    """Cancel a whole job, or only some of its tasks."""

    tasks: list[int] | None = None


class ReceiptPayer(Schema):
    payer: str
    label: str
    account: int
    voucher_id: UUID | None
    programme: str | None
    version: int | None
    document_sha256: str | None
    rule: str | None
    held: str
    paid: str
    released: str


class ReceiptAttempt(Schema):
    """One attempt: where, how much, at which price version, evidenced by which signed meter."""

    id: UUID
    site: str
    pool: str
    tariff_id: UUID
    price_per_unit_hour: str
    unit: str
    unit_milliseconds: int
    cpu_milliseconds: int
    energy_joules: int | None
    metered: str
    charged: str
    absorbed: str
    rates_percent: list[str]
    state: JobState
    statement_sha256: str | None


class Receipt(Schema):
    """What ran where, metered, priced, paid by whom under which rule; signed as DSSE."""

    receipt: Literal[1] = 1
    id: UUID
    job_id: UUID
    quote_id: UUID
    organisation: str
    organisation_id: UUID
    name: str
    state: JobState
    currency: str
    ceiling: str
    held: str
    metered: str
    charged: str
    absorbed: str
    paid_by: dict[str, str]
    payers: list[ReceiptPayer]
    attempts: list[ReceiptAttempt]
    tasks: int
    tasks_succeeded: int
    artefacts: list[ArtefactView]
    actor: UUID
    submitted_at: Instant
    settled_at: Instant


RECEIPT_TYPE = "application/vnd.mains.receipt+json"


class ServerKey(Schema):
    """The Ed25519 key that signs this server's receipts, raw, in hex."""

    public_key: str
    key_id: str


class AuditFinding(Schema):
    """An invariant that does not hold, and the rows that break it (at most 20)."""

    slice: str
    invariant: str
    meaning: str
    rows: list[dict[str, str]]


class AuditView(Schema):
    clean: bool
    checked: list[str]
    findings: list[AuditFinding]
