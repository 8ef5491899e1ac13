"""A synchronous client of the control plane: one method per route, schema objects in and out."""

from collections.abc import Generator, Iterator, Sequence
from types import TracebackType
from typing import IO, Final, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel

from mains.errors import ServerUnreachable, Unavailable
from mains.wire.base import Schema
from mains.wire.bodies import part, read, written
from mains.wire.connection import PAUSES_SECONDS, Connection, Parameters
from mains.wire.drafts_client import DraftsClient
from mains.wire.jobs import (
    ArtefactView,
    AuditView,
    CancelRequest,
    JobDetail,
    JobPage,
    JobView,
    QuoteRequest,
    QuoteView,
    ServerKey,
    SubmitBatch,
    SubmitBatchAnswer,
    SubmitRequest,
    Submitted,
    WhyView,
)
from mains.wire.ledger import BalanceView, DepositRequest, DepositView, EntryPage, EntryView
from mains.wire.parties import (
    KeyIssued,
    KeyRequest,
    KeyView,
    OrganisationPage,
    OrganisationRequest,
    OrganisationView,
    PersonRequest,
    PersonView,
    WhoAmI,
)
from mains.wire.programmes import (
    PackView,
    ProgrammeDetail,
    ProgrammePage,
    ProgrammeView,
    VoucherPage,
    VoucherRequest,
    VoucherView,
)
from mains.wire.reports_client import ReportsClient
from mains.wire.sites import (
    NewPool,
    NewPrice,
    NewSite,
    NewSiteView,
    SiteList,
    SiteView,
    TokenView,
)
from mains.wire.spec import JobSpec
from mains.wire.succession import PublishedKeys

Answer = TypeVar("Answer")

FINAL_STATES: Final = frozenset({"succeeded", "failed", "cancelled", "timed_out", "lost"})
PAGE_MAX: Final = 100


class ServerView(ServerKey):
    """What a server says of itself to everybody."""

    version: str = ""


class Stored(BaseModel):
    sha256: str
    size_bytes: int


class Client:
    """Speaks with one server for one key; every method raises MainsError classes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sleep = connection.sleep
        self.reports = ReportsClient(connection)
        self.drafts = DraftsClient(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._connection.close()

    # The server itself.

    def server(self) -> ServerView:
        return self._get("/server", ServerView)

    def server_keys(self) -> PublishedKeys:
        """Return every key that signs or signed receipts there."""
        return self._get("/server/keys", PublishedKeys)

    def audit(self) -> AuditView:
        return self._get("/audit", AuditView)

    # Quotes and jobs.

    def request_quote(self, spec: JobSpec, *, bundle: str | None) -> QuoteView:
        """Ask for a price; secrets stay here, for a quote stores none.

        Raises Missing when the server has no such bundle yet.
        """
        request = QuoteRequest(spec=spec.without_secrets(), bundle=bundle)
        return self._post("/quotes", request, QuoteView, repeat=True)

    def quote(self, quote_id: UUID) -> QuoteView:
        return self._get(f"/quotes/{quote_id}", QuoteView)

    def submit(self, request: SubmitRequest) -> Submitted:
        """Submit once, however often it is sent; the request's id sees to that."""
        return self._post("/jobs", request, Submitted, repeat=True)

    def submit_batch(self, requests: Sequence[SubmitRequest]) -> list[Submitted]:
        batch = SubmitBatch(jobs=list(requests))
        return self._post("/jobs/batch", batch, SubmitBatchAnswer, repeat=True).jobs

    def jobs(
        self,
        *,
        state: str | None = None,
        everyone: bool = False,
        limit: int = 20,
        before: UUID | None = None,
    ) -> JobPage:
        """Return a page of jobs, newest first; everyone: of all organisations that one may see."""
        parameters: Parameters = {
            "state": state,
            "everyone": everyone,
            "limit": limit,
            "before": str(before) if before else None,
        }
        return self._get("/jobs", JobPage, parameters)

    def job(self, reference: str) -> JobDetail:
        return self._get(f"/jobs/{part(reference)}", JobDetail)

    def why(self, reference: str) -> WhyView:
        return self._get(f"/jobs/{part(reference)}/why", WhyView)

    def cancel(self, reference: str, *, tasks: list[int] | None) -> JobView:
        request = CancelRequest(tasks=tasks)
        return self._post(f"/jobs/{part(reference)}/cancel", request, JobView, repeat=True)

    def receipt(self, reference: str) -> bytes:
        """Return the receipt as it was signed: the JSON of a DSSE envelope."""
        return self._connection.call("GET", f"/jobs/{part(reference)}/receipt", repeat=True)

    def artefacts(self, reference: str) -> list[ArtefactView]:
        return self._get(f"/jobs/{part(reference)}/artefacts", list[ArtefactView])

    # Logs.

    def log(self, reference: str, *, task: int, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield what a task's log holds now, from a byte offset on."""
        path = f"/jobs/{part(reference)}/logs"
        parameters = {"task": task, "offset": offset}
        with self._connection.stream(path, parameters=parameters) as chunks:
            yield from chunks

    def follow_log(
        self, reference: str, *, task: int, offset: int = 0
    ) -> Generator[bytes, None, None]:
        """Yield a task's log until the task has ended.

        A lost connection is opened again from the byte that it had come to. Gives up with the
        error when PAUSES_SECONDS pass without a byte or a whole answer.
        """
        path = f"/jobs/{part(reference)}/logs"
        losses = 0
        while True:
            try:
                parameters = {"task": task, "follow": True, "offset": offset}
                with self._connection.stream(path, parameters=parameters) as chunks:
                    for chunk in chunks:
                        offset += len(chunk)
                        losses = 0
                        yield chunk
                if self.task_ended(reference, task=task):
                    return
                # A server that goes down in good order ends its streams before their tasks end.
                pause = PAUSES_SECONDS[0]
                losses = 0
            except Unavailable as loss:
                if isinstance(loss, ServerUnreachable) and loss.facts.get("quiet"):
                    continue
                if losses == len(PAUSES_SECONDS):
                    raise
                pause = PAUSES_SECONDS[losses]
                losses += 1
            self._sleep(pause)

    def task_ended(self, reference: str, *, task: int) -> bool:
        job = self.job(reference)
        if job.state in FINAL_STATES:
            return True
        return any(each.task == task and each.state in FINAL_STATES for each in job.task_list)

    # Content by hash.

    def upload_bundle(self, file: IO[bytes], *, sha256: str) -> None:
        """Bring a bundle to the server; a repetition changes nothing."""
        headers = {"Mains-Sha256": sha256, "Content-Type": "application/gzip"}
        self._connection.call("PUT", "/bundles", body=file, headers=headers, repeat=True)

    def blob(self, sha256: str) -> Iterator[bytes]:
        """Yield content as the server sends it; the caller checks its hash."""
        with self._connection.stream(f"/blobs/{part(sha256)}") as chunks:
            yield from chunks

    # Parties.

    def whoami(self) -> WhoAmI:
        return self._get("/whoami", WhoAmI)

    def add_organisation(self, request: OrganisationRequest) -> OrganisationView:
        return self._post("/organisations", request, OrganisationView)

    def organisations(self) -> Iterator[OrganisationView]:
        """Yield all organisations that the caller may see, page by page."""
        after: str | None = ""
        while after is not None:
            parameters: Parameters = {"after": after, "limit": PAGE_MAX}
            page = self._get("/organisations", OrganisationPage, parameters)
            yield from page.organisations
            after = page.next_after

    def organisation(self, reference: str) -> OrganisationView:
        return self._get(f"/organisations/{part(reference)}", OrganisationView)

    def people(self, organisation: str) -> list[PersonView]:
        return self._get(f"/organisations/{part(organisation)}/people", list[PersonView])

    def add_person(self, organisation: str, request: PersonRequest) -> PersonView:
        return self._post(f"/organisations/{part(organisation)}/people", request, PersonView)

    def create_key(self, request: KeyRequest) -> KeyIssued:
        return self._post("/keys", request, KeyIssued)

    def keys(self) -> list[KeyView]:
        return self._get("/keys", list[KeyView])

    def revoke_key(self, prefix: str) -> KeyView:
        body = self._connection.call("DELETE", f"/keys/{part(prefix)}", repeat=True)
        return read(body, KeyView)

    # Sites.

    def add_site(self, request: NewSite) -> NewSiteView:
        return self._post("/sites", request, NewSiteView)

    def sites(self) -> list[SiteView]:
        return self._get("/sites", SiteList).sites

    def site(self, name: str) -> SiteView:
        return self._get(f"/sites/{part(name)}", SiteView)

    def add_pool(self, site: str, request: NewPool) -> SiteView:
        return self._post(f"/sites/{part(site)}/pools", request, SiteView)

    def set_price(self, site: str, pool: str, request: NewPrice) -> SiteView:
        path = f"/sites/{part(site)}/pools/{part(pool)}/price"
        body = self._connection.call("PUT", path, body=written(request), repeat=True)
        return read(body, SiteView)

    def drain_site(self, name: str) -> SiteView:
        return self._post(f"/sites/{part(name)}/drain", None, SiteView, repeat=True)

    def undrain_site(self, name: str) -> SiteView:
        return self._post(f"/sites/{part(name)}/undrain", None, SiteView, repeat=True)

    def rotate_site_key(self, name: str) -> SiteView:
        """Ask the site's agent for a new key."""
        return self._post(f"/sites/{part(name)}/rotate-key", None, SiteView, repeat=True)

    def join_token(self, site: str) -> TokenView:
        return self._post(f"/sites/{part(site)}/token", None, TokenView)

    # Programmes.

    def publish_programme(
        self, text: str | None, *, pack: str | None, idempotency_key: UUID
    ) -> ProgrammeDetail:
        """Publish a document, or a pack by its name; a repetition is a replay."""
        headers = {
            "Idempotency-Key": str(idempotency_key),
            "Content-Type": "application/yaml",
        }
        body = self._connection.call(
            "POST",
            "/programmes",
            body=(text or "").encode(),
            parameters={"pack": pack},
            headers=headers,
            repeat=True,
        )
        return read(body, ProgrammeDetail)

    def programmes(self) -> Iterator[ProgrammeView]:
        after: str | None = ""
        while after is not None:
            page = self._get("/programmes", ProgrammePage, {"after": after, "limit": PAGE_MAX})
            yield from page.programmes
            after = page.next_after

    def programme(self, name: str, *, version: int | None = None) -> ProgrammeDetail:
        return self._get(f"/programmes/{part(name)}", ProgrammeDetail, {"version": version})

    def programme_packs(self) -> list[PackView]:
        return self._get("/programme-packs", list[PackView])

    def grant_voucher(self, request: VoucherRequest, *, idempotency_key: UUID) -> VoucherView:
        return self._post("/vouchers", request, VoucherView, idempotency_key=idempotency_key)

    def vouchers(
        self, *, programme: str | None = None, granted_by_us: bool = False
    ) -> Iterator[VoucherView]:
        """Yield vouchers, newest first, page by page."""
        before: UUID | None = None
        while True:
            parameters: Parameters = {
                "programme": programme,
                "granted_by_us": granted_by_us,
                "before": str(before) if before else None,
                "limit": PAGE_MAX,
            }
            page = self._get("/vouchers", VoucherPage, parameters)
            yield from page.vouchers
            before = page.next_before
            if before is None:
                return

    def voucher(self, voucher_id: UUID) -> VoucherView:
        return self._get(f"/vouchers/{voucher_id}", VoucherView)

    # Money.

    def deposit(
        self, organisation: str, request: DepositRequest, *, idempotency_key: UUID
    ) -> DepositView:
        path = f"/organisations/{part(organisation)}/deposits"
        return self._post(path, request, DepositView, idempotency_key=idempotency_key)

    def balance(self, organisation: str) -> BalanceView:
        return self._get(f"/organisations/{part(organisation)}/balance", BalanceView)

    def entries(self, organisation: str) -> Iterator[EntryView]:
        """Yield what happened to an organisation's accounts, newest first, page by page."""
        path = f"/organisations/{part(organisation)}/entries"
        before: int | None = None
        while True:
            parameters: Parameters = {"before": before, "limit": PAGE_MAX}
            page = self._get(path, EntryPage, parameters)
            yield from page.entries
            before = page.next_before
            if before is None:
                return

    # The seam.

    def _get(self, path: str, answer: type[Answer], parameters: Parameters | None = None) -> Answer:
        body = self._connection.call("GET", path, parameters=parameters, repeat=True)
        return read(body, answer)

    def _post(
        self,
        path: str,
        request: Schema | None,
        answer: type[Answer],
        *,
        repeat: bool = False,
        idempotency_key: UUID | None = None,
    ) -> Answer:
        """Post one schema object; with an idempotency key a repetition is a replay."""
        headers = {"Idempotency-Key": str(idempotency_key)} if idempotency_key else None
        body = self._connection.call(
            "POST",
            path,
            body=None if request is None else written(request),
            headers=headers,
            repeat=repeat or idempotency_key is not None,
        )
        return read(body, answer)
