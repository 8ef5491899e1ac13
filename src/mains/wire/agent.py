"""The agents' protocol: one long-polled `sync`, dialled out by the agent, level-triggered.

The agent says what it observed; the server answers what should be. Both sides repeat themselves
until the other has caught up, so a lost or doubled message changes nothing. Every message from an
agent is a DSSE envelope over the exact bytes of one of these objects, signed with Ed25519.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveInt

from mains.wire.base import Count, Instant, Name, Schema, Sha256, Text

PROTOCOL: Final = 2
PROTOCOLS: Final = (PROTOCOL - 1, PROTOCOL)
"""What the server accepts and an agent speaks: the last two, so that either may be newer by one.

2 has `certificates` in the answers to a registration and a sync.
"""

NEW_IN: Final[Mapping[str, int]] = {"certificates": 2, "rotate_key": 2}
"""Since when an answer has a key: an agent refuses one that it does not know."""

DSSE_TYPE: Final = "application/vnd.mains.agent+json"


class RunState(StrEnum):
    """States of a run as an engine sees it."""

    STAGING = "staging"
    RUNNING = "running"
    FINISHING = "finishing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    LOST = "lost"

    @property
    def final(self) -> bool:
        return self in FINAL_STATES


FINAL_STATES: Final = frozenset(
    {
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.CANCELLED,
        RunState.TIMED_OUT,
        RunState.LOST,
    }
)

TaskNumber = Annotated[int, Field(ge=0, lt=2**31)]

Reason = Annotated[Text, BeforeValidator(lambda text: str(text).replace("\0", "\ufffd")[:500])]
"""What went wrong, in words that may come from a run: mended rather than refused."""

UnitKind = Name
"""What a pool sells: "cpu", or an accelerator model in lower case such as "h100"."""


class PoolOrder(Schema):
    """One pool as the server wants it served: the agent takes its pools from here."""

    pool_id: UUID
    name: Name
    unit: UnitKind
    units: PositiveInt
    cpus: PositiveInt
    memory_bytes: PositiveInt
    host_share_percent: int = Field(ge=1, le=100)
    trusted_organisation_id: UUID | None = None
    engine: str = "process"


class JoinRequest(Schema):
    """Unsigned: exchanges the join token for a place; public_key is raw Ed25519 in hex.

    Keys of a newer agent are left out: it is to hear which protocol to speak, not that it errs.
    """

    model_config = ConfigDict(extra="ignore")

    protocol: int
    token: str
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    host: str


class JoinAnswer(Schema):
    protocol: int
    site_id: UUID
    site: Name


class RotateRequest(Schema):
    """Signed by the agent's key and by the new one: from now on public_key speaks for the site."""

    protocol: int
    site_id: UUID
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    sent_at: Instant


class RegisterRequest(Schema):
    """Sent whenever an agent starts; the answer's epoch fences every older agent."""

    protocol: int
    site_id: UUID
    instance_id: UUID
    host: str
    sent_at: Instant


class RegisterAnswer(Schema):
    """certificates: those, in PEM, that the server shows now or will show next; None without."""

    protocol: int
    epoch: PositiveInt
    pools: list[PoolOrder]
    lease_seconds: PositiveInt
    sync_wait_seconds: NonNegativeInt
    certificates: str | None = None


class PoolReport(Schema):
    """What the agent found on its host for one pool; isolation says how runs are kept apart."""

    pool_id: UUID
    units: int = Field(ge=0, lt=2**31)
    cpus: int = Field(ge=0, lt=2**31)
    memory_bytes: Count
    isolation: Literal["uid", "bubblewrap", "trusted", "fake"]
    memory_limit: Literal["cgroup2", "cgroup1", "polled", "none"]


class ArtefactReport(Schema):
    """One output file, already uploaded; path is relative to the task's MAINS_OUTPUT."""

    task: TaskNumber
    path: Text = Field(max_length=1024)
    sha256: Sha256
    size_bytes: Count


class TaskReport(Schema):
    """One task's end; unit_milliseconds are its own priced use, frozen."""

    task: TaskNumber
    state: RunState
    exit_code: int | None = Field(default=None, ge=-(2**31), lt=2**31)
    unit_milliseconds: Count = 0
    started_at: Instant | None = None
    ended_at: Instant | None = None
    reason: Reason = ""


class AttemptReport(Schema):
    """What the engine says of one attempt; tasks lists every task that has ended so far.

    A final state is sent only when outputs are uploaded and logs are shipped, and again in every
    sync until the server names the attempt in `forget`.
    """

    attempt_id: UUID
    fence: PositiveInt
    state: RunState
    tasks: list[TaskReport] = []
    artefacts: list[ArtefactReport] = []
    reason: Reason = ""


class UsageLine(Schema):
    """A cumulative meter: it never falls, and `sequence` grows with every new reading.

    unit_milliseconds is the priced use of the whole attempt so far, set-up included.
    """

    attempt_id: UUID
    fence: PositiveInt
    sequence: int = Field(ge=1, lt=2**63)
    unit_milliseconds: Count
    cpu_milliseconds: Count = 0
    memory_peak_bytes: Count = 0
    energy_joules: Count | None = None
    measured_at: Instant
    final: bool = False


class SyncRequest(Schema):
    """complete says that `attempts` lists everything the site has: what is missing is lost."""

    protocol: int
    site_id: UUID
    epoch: PositiveInt
    sequence: int = Field(ge=1, lt=2**63)
    sent_at: Instant
    wait_seconds: NonNegativeInt = 0
    complete: bool = False
    pools: list[PoolReport] = []
    attempts: list[AttemptReport] = []
    usage: list[UsageLine] = []


class StartOrder(Schema):
    """Start once per attempt and fence. Tasks first_task..last_task run one after another.

    wall_seconds_max bounds the whole attempt, set-up included; task_seconds_max each task.
    expires_at, where given, is when the run must stop itself unless the lease was renewed.
    """

    attempt_id: UUID
    job_id: UUID
    organisation_id: UUID
    fence: PositiveInt
    pool_id: UUID
    name: str
    first_task: NonNegativeInt
    last_task: NonNegativeInt
    units: PositiveInt
    cpus: PositiveInt
    memory_bytes: PositiveInt
    wall_seconds_max: PositiveInt
    task_seconds_max: PositiveInt
    grace_seconds: NonNegativeInt
    leased: bool = False
    bundle: Sha256 | None = None
    setup: str = ""
    run: str
    envs: dict[str, str] = {}
    secrets: dict[str, str] = {}
    output_bytes_max: PositiveInt
    log_bytes_max: PositiveInt
    outputs: list[str] = ["**"]


class StopOrder(Schema):
    """Stop an attempt, or only the named tasks of it; SIGTERM, grace, SIGKILL."""

    attempt_id: UUID
    fence: PositiveInt
    reason: Literal["cancelled", "stale", "lost"]
    tasks: list[NonNegativeInt] | None = None


class LogCursor(Schema):
    """How much of a task's log the server has; the agent ships from here."""

    attempt_id: UUID
    task: NonNegativeInt
    offset: NonNegativeInt


class SyncAnswer(Schema):
    """forget: ended and settled at the server. refused: usage that was not accepted, and why.

    certificates are those of a registration's answer. rotate_key asks the agent for a new key.
    """

    protocol: int
    server_time: Instant
    lease_until: Instant
    starts: list[StartOrder] = []
    stops: list[StopOrder] = []
    forget: list[UUID] = []
    refused: dict[str, str] = {}
    pools: list[PoolOrder] | None = None
    certificates: str | None = None
    rotate_key: bool = False


class BlobTicket(Schema):
    """Lets an agent fetch or store one content; sent base64-encoded, as a DSSE envelope, in the
    header `Mains-Agent` of GET and PUT /v1/agent/blobs/{sha256}."""

    protocol: int
    site_id: UUID
    epoch: PositiveInt
    sha256: Sha256
    sent_at: Instant


class LogChunk(Schema):
    """Bytes of one task's log (base64 on the wire), at their offset; sent again they change
    nothing."""

    attempt_id: UUID
    fence: PositiveInt
    task: TaskNumber
    offset: Count
    data_base64: str


class LogShipment(Schema):
    protocol: int
    site_id: UUID
    epoch: PositiveInt
    sent_at: Instant
    chunks: list[LogChunk]


class LogAnswer(Schema):
    cursors: list[LogCursor]


def answer_for(protocol: int, answer: JoinAnswer | RegisterAnswer | SyncAnswer) -> str:
    """Return an answer's JSON as agents of that protocol read it."""
    unknown = {key for key, since in NEW_IN.items() if since > protocol}
    return answer.model_copy(update={"protocol": protocol}).model_dump_json(exclude=unknown)
