"""Edges are made when a document is filed or a review changed a claim; copies have one leader."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

import anyio.to_thread

from mains.db import Queries, Transaction, jsonb
from mains.reports.reconcile.edges import edges_of, keys
from mains.reports.reconcile.facts import DocumentFacts
from mains.reports.resemblance import ALIKE_MIN, likeness
from mains.reports.rows import Row, claim_of
from mains.reports.values import Claim, Edge, Status

QUERIES: Final = Queries.load(__package__, "queries.sql")

CANDIDATES_PER_KEY_MAX: Final = 32
CANDIDATES_MAX: Final = 2_000
LINKED_AT_ONCE: Final = 400
LINKED_MAX: Final = 4_000
"""So many claims of one change get edges; what a longer document says behind them has none."""

LOOK_ALIKES_MAX: Final = 64


async def link(tx: Transaction, claim_ids: Sequence[str], *, now: datetime) -> list[Edge]:
    """Make the edges of these claims anew, as they stand now; returns those that were added.

    Candidates are the newest claims of each key, so that the cost of a filing does not grow with
    the library, and those that had an edge before.
    """
    added: list[Edge] = []
    dropped = await tx.execute(QUERIES["drop_edges"], {"ids": list(claim_ids)})
    ends = {end for row in await dropped.fetchall() for end in (row["a"], row["b"])}
    await tx.execute(QUERIES["drop_keys"], {"ids": list(claim_ids)})
    for start in range(0, min(len(claim_ids), LINKED_MAX), LINKED_AT_ONCE):
        part = claim_ids[start : start + LINKED_AT_ONCE]
        added += await _link_part(tx, part, partners=ends.difference(claim_ids), now=now)
    return added


async def find_original(
    tx: Transaction, signed: bytes, bands: Sequence[int]
) -> tuple[str, bool] | None:
    """Return the document whose text this signature repeats and whether it is public, if any."""
    rows = await tx.execute(
        QUERIES["look_alikes"], {"bands": list(bands), "limit": LOOK_ALIKES_MAX}
    )
    found = [(likeness(bytes(row["signature"]), signed), row) for row in await rows.fetchall()]
    best = max(found, key=lambda each: each[0], default=None)
    if best is None or best[0] < ALIKE_MIN:
        return None
    return best[1]["id"], best[1]["public"]


async def lead(tx: Transaction, document_id: str, *, instead_of: str, now: datetime) -> None:
    """Make a document the original of its copies, in another's place.

    Only what is public may be what public pages count, so a published copy leads what is private.
    """
    rows = await (await tx.execute(QUERIES["copies"], {"id": instead_of})).fetchall()
    group = [document_id, instead_of, *(row["id"] for row in rows)]
    await tx.execute(QUERIES["lead_copies"], {"leader": document_id, "ids": group})
    await settle_copies(tx, group, now=now)


async def settle_copies(tx: Transaction, document_ids: Sequence[str], *, now: datetime) -> None:
    """Mark what copies repeat of their originals, and make all edges of the documents anew."""
    await tx.execute(QUERIES["mark_duplicates"], {"ids": list(document_ids)})
    rows = await tx.execute(QUERIES["claims_of_documents"], {"ids": list(document_ids)})
    await link(tx, [row["id"] for row in await rows.fetchall()], now=now)


async def facts_of(tx: Transaction, document_ids: Iterable[str]) -> dict[str, DocumentFacts]:
    """Return what reconciling has to know of the documents, by id."""
    rows = await tx.execute(QUERIES["document_facts"], {"ids": sorted(set(document_ids))})
    return {
        row["id"]: DocumentFacts(
            doc=row["id"],
            published=row["published"],
            copy_of=row["copy_of"],
            latest_period=row["latest_period"],
        )
        for row in await rows.fetchall()
    }


async def _link_part(
    tx: Transaction, claim_ids: Sequence[str], *, partners: set[str], now: datetime
) -> list[Edge]:
    rows = await (await tx.execute(QUERIES["claims"], {"ids": list(claim_ids)})).fetchall()
    counting = {row["id"]: row for row in rows if counts(row)}
    claims = [claim_of(row) for row in counting.values()]
    keyed = {claim.id: sorted(set(keys(claim))) for claim in claims}
    candidates = await _candidates(tx, keyed, claim_ids, partners)
    await _add_keys(tx, keyed, counting)
    if not claims:
        return []
    documents = await facts_of(tx, {each.doc for each in (*claims, *candidates)})
    # Reconciling computes and never waits: in a thread, the loop goes on with other requests.
    made = await anyio.to_thread.run_sync(edges_of, claims, candidates, documents)
    if made:
        found = [asdict(edge) for edge in made]
        await tx.execute(QUERIES["add_edges"], {"rows": jsonb(found), "now": now})
    return made


def counts(row: Row) -> bool:
    """Say whether a claim may join edges: accepted, and no copy's repetition."""
    return row["status"] == Status.ACCEPTED.value and row["duplicate_of"] is None


async def _candidates(
    tx: Transaction,
    keyed: Mapping[str, Sequence[str]],
    claim_ids: Sequence[str],
    partners: set[str],
) -> list[Claim]:
    wanted = sorted({key for each in keyed.values() for key in each})
    if not wanted:
        return []
    asked = {
        "keys": wanted,
        "ids": list(claim_ids),
        "per_key": CANDIDATES_PER_KEY_MAX,
        "limit": CANDIDATES_MAX,
    }
    found = await (await tx.execute(QUERIES["candidates"], asked)).fetchall()
    documents = sorted({row["document_id"] for row in found})
    dated = await tx.execute(
        QUERIES["dated_claims"], {"documents": documents, "limit": CANDIDATES_MAX}
    )
    ids = partners.union(row["id"] for row in (*found, *await dated.fetchall()))
    rows = await tx.execute(QUERIES["claims"], {"ids": sorted(ids.difference(claim_ids))})
    return [claim_of(row) for row in await rows.fetchall() if counts(row)]


async def _add_keys(
    tx: Transaction, keyed: Mapping[str, Sequence[str]], rows: Mapping[str, Row]
) -> None:
    added = [
        {"key": key, "number": rows[claim_id]["number"], "claim_id": claim_id}
        for claim_id, found in keyed.items()
        for key in found
    ]
    if added:
        await tx.execute(QUERIES["add_keys"], {"rows": jsonb(added)})
