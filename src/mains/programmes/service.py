"""The use cases of programmes, in one place."""

from mains.programmes.payers import (
    CapRoom,
    PayerRefusal,
    Payers,
    VoucherPayer,
    payers,
    payers_many,
)
from mains.programmes.publications import Programme, pack, packs, programme, programmes, publish
from mains.programmes.vouchers import (
    Voucher,
    ensure_room,
    expire_vouchers,
    grant_voucher,
    voucher,
    vouchers,
)

__all__ = [
    "CapRoom",
    "PayerRefusal",
    "Payers",
    "Programme",
    "Voucher",
    "VoucherPayer",
    "ensure_room",
    "expire_vouchers",
    "grant_voucher",
    "pack",
    "packs",
    "payers",
    "payers_many",
    "programme",
    "programmes",
    "publish",
    "voucher",
    "vouchers",
]
