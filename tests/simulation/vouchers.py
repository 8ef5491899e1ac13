"""A voucher under a real programme's document, with the cap of its year, for whoever has one."""

from datetime import UTC, datetime
from functools import cache
from typing import Final
from uuid import UUID

from mains.programmes.document import read_document, sha256_of
from mains.programmes.publications import pack
from tests.ledger.model import Account
from tests.simulation.store import Store

PROGRAMME: Final = "dongguan-2025"
YEAR: Final = "2026"
CAP_MICROS: Final = 1_000_000 * 1_000_000
SMALL_CAP_MICROS: Final = 2_000_000


@cache
def document() -> str:
    return read_document(pack(PROGRAMME)).canonical()


def grant_voucher(store: Store, organisation_id: UUID, *, micros: int) -> None:
    """Release a voucher of so much in full; the year's cap has only a little left of it."""
    number = 10 * (1 + len(store.vouchers))
    voucher, promised, cap = number, number + 1, number + 2
    accounts = store.ledger.accounts
    accounts[voucher], accounts[promised] = Account(credits=micros), Account()
    accounts[cap] = Account(credits=CAP_MICROS, debits=CAP_MICROS - SMALL_CAP_MICROS)
    store.caps[cap] = {"debits": accounts[cap].debits}
    store.vouchers[voucher] = {
        "id": UUID(int=500 + number),
        "organisation_id": organisation_id,
        "version": 1,
        "account_id": voucher,
        "promised_account_id": promised,
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
        "valid_until": datetime(2027, 1, 1, tzinfo=UTC),
        "state": "open",
        "programme_id": UUID(int=9),
        "programme": PROGRAMME,
        "currency": "CNY",
        "document": document(),
        "document_sha256": sha256_of(document()),
        "latest_version": 1,
        "latest_document": document(),
        "caps": {YEAR: (cap, CAP_MICROS)},
    }
