"""Every error that mains shows, in one tree with stable codes.

    MainsError
      BadInput (422)       SpecInvalid SpecUnknownKey SpecUnsupported BundleUnsafe BundleTooLarge
                           AmountInvalid PriceInvalid DocumentInvalid NameInvalid RequestInvalid
                           DocumentUnreadable DocumentTooLarge DocumentTooSlow DocumentEmpty
                           AddressRefused RequestTooSlow (408)
      Unauthenticated (401) KeyMissing KeyInvalid TokenInvalid SignatureInvalid
                           CertificateUnknown
      Forbidden (403)      RoleMissing ForeignOrganisation
      Missing (404)        NotFound
      Conflicting (409)    KeyReused AlreadyExists StateConflict StaleFence StaleEpoch QuoteExpired
                           MeterDecreased MeterConflict DraftIncomplete SourceRejected
      Refused (402)        InsufficientFunds NoOffer CeilingExceeded QuotaExceeded
                           NotEligible
      Incompatible (426)   ProtocolUnsupported SchemaMismatch
      Unavailable (503)    DatabaseUnavailable StorageUnavailable EngineUnreachable
                           ServerUnreachable SourceUnreachable ReadingBusy
                           RateLimited (429)
      Broken (500)         EngineRefused StoreCorrupt AlreadyRunning SetupMissing ReadingFailed
                           Internal

The class is the code: API, CLI and docs read it from here. An error says what happened, and its
hint says what to do next. Foreign errors are translated where they arise, with `from`.
"""

from typing import ClassVar

Fact = str | int | bool | None | list[str] | dict[str, str]


class MainsError(Exception):
    """Base of all errors; `detail` says what happened, `hint` what to do about it."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    hint_default: ClassVar[str] = ""

    def __init__(self, detail: str, *, hint: str = "", **facts: Fact) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint or self.hint_default
        self.facts = facts


class BadInput(MainsError):
    code = "bad_input"
    status = 422


class SpecInvalid(BadInput):
    code = "spec_invalid"


class SpecUnknownKey(BadInput):
    code = "spec_unknown_key"


class SpecUnsupported(BadInput):
    code = "spec_unsupported"


class BundleUnsafe(BadInput):
    code = "bundle_unsafe"


class BundleTooLarge(BadInput):
    code = "bundle_too_large"


class AmountInvalid(BadInput):
    code = "amount_invalid"


class PriceInvalid(BadInput):
    code = "price_invalid"


class DocumentInvalid(BadInput):
    code = "document_invalid"


class NameInvalid(BadInput):
    code = "name_invalid"


class RequestInvalid(BadInput):
    code = "request_invalid"


class RequestTooSlow(BadInput):
    """A request's body came more slowly than any network needs; nothing was done."""

    code = "request_too_slow"
    status = 408
    hint_default = "Send it again, in one go."


class DocumentTooSlow(BadInput):
    """Reading took longer than one document may; nothing of it was kept."""

    code = "document_too_slow"
    hint_default = "Send it in parts, or as plain text."


class DocumentUnreadable(BadInput):
    """The bytes are no text, HTML or PDF that can be read; `reason` among the facts says why."""

    code = "document_unreadable"
    hint_default = "Save the document as plain text in UTF-8, as HTML or as PDF, and try again."


class DocumentTooLarge(BadInput):
    """The document exceeds a limit; `limit` among the facts names it."""

    code = "document_too_large"
    hint_default = "Read the part that matters: save it as a document of its own."


class DocumentEmpty(BadInput):
    code = "document_empty"
    hint_default = "Check that the file is whole; pictures of pages need OCR first."


class AddressRefused(BadInput):
    """The address is not one that mains fetches from; nothing was sent there."""

    code = "address_refused"
    hint_default = "Save the page as a file and read that, if it may be read at all."


class Unauthenticated(MainsError):
    code = "unauthenticated"
    status = 401


class KeyMissing(Unauthenticated):
    code = "key_missing"
    hint_default = "Run `mains login`, or send the key as `Authorization: Bearer KEY`."


class KeyInvalid(Unauthenticated):
    code = "key_invalid"
    hint_default = "Check the key for a typing error, or ask an owner for a new one."


class TokenInvalid(Unauthenticated):
    code = "token_invalid"
    hint_default = "Ask the operator for a fresh join token: `mains site token SITE`."


class CertificateUnknown(Unauthenticated):
    """The server shows a certificate that nobody vouches for; nothing was sent to it."""

    code = "certificate_unknown"
    hint_default = (
        "Compare the fingerprint with what `mains up` shows on the server's machine; if it is the "
        "same: `mains login --url URL --fingerprint FINGERPRINT`, or a fresh join token for a site."
    )


class SignatureInvalid(Unauthenticated):
    code = "signature_invalid"


class Forbidden(MainsError):
    code = "forbidden"
    status = 403


class RoleMissing(Forbidden):
    code = "role_missing"


class ForeignOrganisation(Forbidden):
    code = "foreign_organisation"


class Missing(MainsError):
    code = "missing"
    status = 404


class NotFound(Missing):
    code = "not_found"


class Conflicting(MainsError):
    code = "conflicting"
    status = 409


class KeyReused(Conflicting):
    """The idempotency key was used before with another body."""

    code = "idempotency_key_reused"
    hint_default = "Use a new idempotency key for a new request."


class AlreadyExists(Conflicting):
    code = "already_exists"


class StateConflict(Conflicting):
    code = "state_conflict"


class StaleFence(Conflicting):
    code = "stale_fence"


class StaleEpoch(Conflicting):
    code = "stale_epoch"
    hint_default = "A newer agent has registered for this site; stop this one."


class QuoteExpired(Conflicting):
    code = "quote_expired"
    hint_default = "Ask for a new quote."


class MeterDecreased(Conflicting):
    code = "meter_decreased"


class MeterConflict(Conflicting):
    code = "meter_conflict"


class DraftIncomplete(Conflicting):
    """Fields of a draft are unknown; `unknown` says of each how to fill it."""

    code = "draft_incomplete"
    hint_default = "Fill them: `mains drafts fill DRAFT NAME=VALUE ...`."


class SourceRejected(Conflicting):
    """Every claim that opened a draft was rejected: nothing is left for it to stand on."""

    code = "source_rejected"
    hint_default = "Withdraw the draft, or review the claims again: `mains claims why CLAIM`."


class Refused(MainsError):
    code = "refused"
    status = 402


class InsufficientFunds(Refused):
    code = "insufficient_funds"


class NoOffer(Refused):
    code = "no_offer"


class CeilingExceeded(Refused):
    code = "ceiling_exceeded"


class QuotaExceeded(Refused):
    code = "quota_exceeded"


class NotEligible(Refused):
    """A programme's own rule says no; `rule` among the facts names it."""

    code = "not_eligible"


class Incompatible(MainsError):
    code = "incompatible"
    status = 426


class ProtocolUnsupported(Incompatible):
    code = "protocol_unsupported"


class SchemaMismatch(Incompatible):
    code = "schema_mismatch"


class Unavailable(MainsError):
    code = "unavailable"
    status = 503


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    hint_default = "Nothing is lost; try again in a moment with the same idempotency key."


class StorageUnavailable(Unavailable):
    """A disk or a store failed, perhaps for being full; what was not answered is not kept."""

    code = "storage_unavailable"
    hint_default = "Try again once the operator has freed space or mended the store."


class EngineUnreachable(Unavailable):
    """The engine did not answer; whether the effect happened is unknown."""

    code = "engine_unreachable"


class ServerUnreachable(Unavailable):
    code = "server_unreachable"
    hint_default = "Is it running? `mains up` starts it; `mains login --url` points elsewhere."


class ReadingBusy(Unavailable):
    """More documents wait to be read than may wait; nothing was done."""

    code = "reading_busy"
    hint_default = "Try again in a moment."


class RateLimited(Unavailable):
    """Too many calls came too fast; nothing was done. `retry_after_seconds` says when to ask."""

    code = "rate_limited"
    status = 429
    hint_default = "Wait a moment and try again."


class SourceUnreachable(Unavailable):
    """A page that was to be fetched did not come; nothing was read."""

    code = "source_unreachable"
    hint_default = "Try again later, or save the page as a file and read that."


class Broken(MainsError):
    code = "broken"


class EngineRefused(Broken):
    """The engine refused to start the run; nothing was started."""

    code = "engine_refused"


class StoreCorrupt(Broken):
    code = "store_corrupt"


class AlreadyRunning(Broken):
    code = "already_running"
    status = 409


class SetupMissing(Broken):
    code = "setup_missing"


class ReadingFailed(Broken):
    """One document's reading ended without a result; the other documents are unharmed."""

    code = "reading_failed"
    hint_default = "Read a part of the document; if that fails too, it is a fault of mains."


class Internal(Broken):
    code = "internal"
    hint_default = "This is a fault of mains; the log has it under the request's id."
