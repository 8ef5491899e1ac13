"""What placement reads of a quote: its offers, stored once for all jobs that have the same."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID
from weakref import WeakValueDictionary

import orjson

from mains.db import Queries, Transaction
from mains.jobs.queue import Term, Terms

QUERIES = Queries.load(__package__, "queries.sql")

_KEPT: Final = ("pool_id", "tariff_id", "price_micros", "task_micros", "own_micros", "rates_bps")


def stored_terms(offers: Sequence[Mapping[str, Any]], currency: str) -> dict[str, Any]:
    """Return of a quote's offers what is stored for placement."""
    return {"currency": currency, "offers": [[each[key] for key in _KEPT] for each in offers]}


def terms_digest(terms: Mapping[str, Any]) -> bytes:
    """Return the name of a document of terms: equal ones are one row."""
    return hashlib.sha256(orjson.dumps(terms, option=orjson.OPT_SORT_KEYS)).digest()


def terms_of(offers: Sequence[Mapping[str, Any]], currency: str) -> tuple[Term, ...]:
    """Return the offers of a quote as placement needs them."""
    ids: dict[str, UUID] = {}
    return tuple(_term([offer[key] for key in _KEPT], currency, ids) for offer in offers)


@dataclass(slots=True)
class KnownTerms:
    """Terms that were read before, for as long as a job in the queue has them."""

    _terms: WeakValueDictionary[bytes, Terms] = field(default_factory=WeakValueDictionary)
    _ids: dict[str, UUID] = field(default_factory=dict)
    """One object for each id of a pool, a tariff: all terms name the same few."""

    async def read(self, tx: Transaction, digests: Sequence[bytes]) -> dict[bytes, Terms]:
        """Return the terms of these names."""
        wanted = set(digests)
        found = {each: terms for each in wanted if (terms := self._terms.get(each)) is not None}
        missing = sorted(wanted - found.keys())
        if missing:
            rows = await tx.execute(QUERIES["terms_by_digest"], {"digests": missing})
            for row in await rows.fetchall():
                stored = orjson.loads(row["terms"])
                terms = Terms.of(
                    [_term(offer, stored["currency"], self._ids) for offer in stored["offers"]]
                )
                self._terms[bytes(row["digest"])] = found[bytes(row["digest"])] = terms
        return found


def _term(offer: Sequence[Any], currency: str, ids: dict[str, UUID]) -> Term:
    pool_id, tariff_id, price, task_micros, own_micros, rates_bps = offer
    return Term(
        pool_id=_id(pool_id, ids),
        tariff_id=_id(tariff_id, ids),
        price_micros_per_unit_hour=price,
        currency=currency,
        task_micros=task_micros,
        # Most pay all of it themselves: one object for both.
        own_micros=task_micros if own_micros == task_micros else own_micros,
        rates_bps=tuple(rates_bps),
    )


def _id(text: str, ids: dict[str, UUID]) -> UUID:
    known = ids.get(text)
    if known is None:
        known = ids[text] = UUID(text)
    return known
