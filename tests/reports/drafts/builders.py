"""Claims and relations as a reader makes them, and drafts of them."""

import hashlib
from typing import Any

from mains.reports.drafts.values import DraftKind, Material
from mains.reports.values import BlockKind, Bound, Claim, Modality, Relation, Status

DONGGUAN = "city:dongguan"
SCHEME = "programme:dongguan-compute-vouchers"


def an_id(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def a_claim(measure: str, value: str, **more: Any) -> Claim:
    """Return an accepted claim of a city's money: a_claim("voucher_amount", "50000000")."""
    doc = more.pop("doc", "one.txt")
    start = more.pop("start", 100)
    return Claim(
        **{
            "id": an_id(doc, start, measure, value, more.get("unit")),
            "doc": doc,
            "start": start,
            "end": start + len(value),
            "quote": value,
            "subject": DONGGUAN,
            "measure": measure,
            "scope": None,
            "value": value,
            "unit": "CNY",
            "bound": Bound.EXACT,
            "modality": Modality.OBSERVED,
            "period": None,
            "speaker": None,
            "pair": None,
            "status": Status.ACCEPTED,
            "language": "en",
            "block": BlockKind.BODY,
        }
        | more
    )


def a_relation(subject: str | None, predicate: str, object_: str | None, **more: Any) -> Relation:
    doc = more.pop("doc", "one.txt")
    start = more.pop("start", 300)
    return Relation(
        **{
            "id": an_id(doc, start, subject, predicate, object_),
            "doc": doc,
            "start": start,
            "end": start + 4,
            "quote": "said",
            "subject": subject,
            "predicate": predicate,
            "object": object_,
            "modality": Modality.OBSERVED,
            "language": "en",
        }
        | more
    )


def an_up_to(value: str = "50000000", **more: Any) -> Claim:
    """Return "subsidies of up to N", as a city plans them."""
    return a_claim("voucher_amount", value, bound=Bound.UP_TO, modality=Modality.PLANNED, **more)


def material(kind: DraftKind, *sources: Claim | Relation, **more: Any) -> Material:
    return Material(
        **{
            "kind": kind,
            "subject": DONGGUAN,
            "claims": tuple(each for each in sources if isinstance(each, Claim)),
            "relations": tuple(each for each in sources if isinstance(each, Relation)),
            "fills": {},
            "within": {},
        }
        | more
    )


FILLS = {
    "name": ("compute-2026",),
    "title": ("Compute vouchers",),
    "limit_is": ("pot",),
    "cap_per_organisation": ("none",),
    "rate": ("50 %",),
    "eligible": ("firm", "university"),
    "valid_from": ("2026-01-01",),
    "valid_until": ("2027-12-31",),
    "time_zone": ("Asia/Shanghai",),
    "sites": ("any",),
    "resources": ("any",),
    "voucher_days": ("365",),
    "tranche": ("none",),
}
"""What a review fills of a draft that one voucher claim opened."""
