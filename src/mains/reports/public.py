"""What is shown of the library without a key: accepted claims of public documents.

Never more of a document than the sentence that a claim stands in. Every answer is bounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import anyio.to_thread
import orjson

from mains.blobs.store import Store
from mains.db import Queries, Transaction
from mains.errors import NotFound
from mains.reports.exports.cited import Cited, Source
from mains.reports.reader.text import sentences
from mains.reports.reconcile.facts import DocumentFacts
from mains.reports.reconcile.views import View, view
from mains.reports.rows import claim_of
from mains.reports.values import (
    Claim,
    Edge,
    EdgeKind,
)

FACETS_MAX: Final = 200
AROUND_CHARACTERS_MAX: Final = 400_000
"""Longer documents are not opened for the sentences around a claim."""
SENTENCE_CHARACTERS_MAX: Final = 600
EDGES_MAX: Final = 2_000

_SQL: Final = Queries.load("mains.reports", "public.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much the library shows, and how many figures of public documents wait for a review."""

    documents: int
    claims: int
    subjects: int
    conflicts: int
    queued: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A measure or a language, and how many claims it has."""

    name: str
    claims: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that claims speak of; measures with the most claims come first."""

    id: str
    claims: int
    conflicts: int
    measures: tuple[Counted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectList:
    """A page of subjects; found counts all that the search found."""

    subjects: tuple[Subject, ...]
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for; named has the ids of subjects whose names hold the text."""

    text: str = ""
    named: tuple[str, ...] = ()
    measure: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A claim with its sentence and where it comes from.

    `claim.doc` is the id of its document. sentence[mark_start:mark_end] is the quote. copies counts
    repeats in syndicated copies, edges the shown claims that it relates to.
    """

    claim: Claim
    sentence: str
    mark_start: int
    mark_end: int
    reviewed: bool
    copies: int
    edges: int
    document: str
    title: str | None
    publisher: str | None
    published: str | None
    url: str | None
    facts: DocumentFacts
    characters: int
    opened_sha256: str
    sha256: str
    filed_at: datetime


@dataclass(frozen=True, slots=True)
class Around:
    """The sentences before and after a claim's own, as far as its paragraph has them."""

    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureShown:
    """One measure of a subject: its newest claims, the edges between them and what stands now.

    claims_count counts all claims; those beyond the newest ones are not looked at.
    """

    measure: str
    claims_count: int
    claims: tuple[Shown, ...]
    view: View


async def totals(tx: Transaction) -> Totals:
    """Count what is shown."""
    row = await (await tx.execute(_SQL["totals"])).fetchone()
    assert row is not None
    return Totals(**row)


async def measures(tx: Transaction) -> tuple[Counted, ...]:
    """Return the measures that claims stand for, those with the most claims first."""
    cursor = await tx.execute(_SQL["measures"], {"limit": FACETS_MAX})
    return tuple(Counted(row["measure"], row["claims"]) for row in await cursor.fetchall())


async def languages(tx: Transaction) -> tuple[Counted, ...]:
    """Return the languages that claims were read in, those with the most claims first."""
    cursor = await tx.execute(_SQL["languages"], {"limit": FACETS_MAX})
    return tuple(Counted(row["language"], row["claims"]) for row in await cursor.fetchall())


async def subjects(tx: Transaction, search: Search, *, limit: int, offset: int) -> SubjectList:
    """Return the subjects that a search finds, those with the most claims first."""
    cursor = await tx.execute(
        _SQL["subjects"],
        {
            "pattern": _containing(search.text) if search.text else None,
            "named": list(search.named),
            "measure": search.measure,
            "language": search.language,
            "limit": limit,
            "offset": offset,
        },
    )
    rows = await cursor.fetchall()
    conflicts = await _conflicts(tx, [row["subject"] for row in rows])
    return SubjectList(
        subjects=tuple(
            Subject(
                id=row["subject"],
                claims=row["claims"],
                conflicts=conflicts.get(row["subject"], 0),
                measures=tuple(Counted(m["measure"], m["claims"]) for m in row["measures"]),
            )
            for row in rows
        ),
        found=rows[0]["found"] if rows else 0,
    )


async def subject(tx: Transaction, subject_id: str) -> Subject | None:
    """Return one subject with all its measures, or None where nothing is shown of it."""
    cursor = await tx.execute(_SQL["measures_of"], {"subject": subject_id})
    counted = [Counted(row["measure"], row["claims"]) for row in await cursor.fetchall()]
    if not counted:
        return None
    conflicts = await _conflicts(tx, [subject_id])
    return Subject(
        id=subject_id,
        claims=sum(each.claims for each in counted),
        conflicts=conflicts.get(subject_id, 0),
        measures=tuple(counted),
    )


async def measures_of(
    tx: Transaction, subject_id: str, counted: Sequence[Counted], *, claims_max: int
) -> tuple[MeasureShown, ...]:
    """Return the measures asked for, each with at most claims_max claims and what stands now."""
    asked = {
        "subject": subject_id,
        "measures": [each.name for each in counted],
        "limit": claims_max,
    }
    cursor = await tx.execute(_SQL["claims_of"], asked)
    shown = await claims(tx, [row["claim_id"] for row in await cursor.fetchall()])
    between = await edges(tx, [each.claim.id for each in shown])
    found = []
    for each in counted:
        own = tuple(one for one in shown if one.claim.measure == each.name)
        found.append(
            MeasureShown(
                measure=each.name,
                claims_count=each.claims,
                claims=own,
                view=_view(subject_id, each.name, own, between),
            )
        )
    return tuple(found)


async def cited(tx: Transaction, subject_id: str, *, limit: int) -> tuple[Cited, ...]:
    """Return a subject's newest claims as exports cite them; who reviewed them is not told."""
    asked = {"subject": subject_id, "limit": limit}
    cursor = await tx.execute(_SQL["newest_of"], asked)
    shown = await claims(tx, [row["claim_id"] for row in await cursor.fetchall()])
    return tuple(_cited(each) for each in shown)


async def claims(tx: Transaction, ids: Sequence[str]) -> tuple[Shown, ...]:
    """Return those of the claims that are shown, newest first."""
    if not ids:
        return ()
    cursor = await tx.execute(_SQL["claims"], {"ids": list(ids)})
    return tuple(_shown(row) for row in await cursor.fetchall())


async def edges(tx: Transaction, ids: Sequence[str]) -> tuple[Edge, ...]:
    """Return the edges that these claims have with claims that are shown."""
    if not ids:
        return ()
    cursor = await tx.execute(_SQL["edges_of"], {"ids": list(ids), "limit": EDGES_MAX})
    return tuple(
        Edge(
            id=row["id"],
            a=row["a"],
            b=row["b"],
            relation=EdgeKind(row["relation"]),
            reason=row["reason"],
        )
        for row in await cursor.fetchall()
    )


async def around(contents: Store, shown: Shown) -> Around:
    """Return the sentences around a claim's, from the document's text; none of a long document."""
    if shown.characters > AROUND_CHARACTERS_MAX:
        return Around()
    try:
        parts = [part async for part in await contents.get(shown.opened_sha256)]
    except NotFound:
        return Around()
    return await anyio.to_thread.run_sync(_neighbours, b"".join(parts), shown)


def _neighbours(opened: bytes, shown: Shown) -> Around:
    """Return the neighbours; sentences end here as in any language, by their marks alone."""
    document = orjson.loads(opened)
    start, end = shown.claim.start, shown.claim.end
    blocks = [b for b in document["blocks"] if b["start"] <= start and end <= b["end"]]
    if not blocks:
        return Around()
    first = start - shown.mark_start
    last = first + len(shown.sentence)
    held = sentences(document["text"], blocks[0]["start"], blocks[0]["end"], None)
    before = [each.text for each in held if each.end <= first]
    after = [each.text for each in held if each.start >= last]
    return Around(
        before=before[-1][-SENTENCE_CHARACTERS_MAX:] if before else "",
        after=after[0][:SENTENCE_CHARACTERS_MAX] if after else "",
    )


async def _conflicts(tx: Transaction, subject_ids: Sequence[str]) -> dict[str, int]:
    if not subject_ids:
        return {}
    cursor = await tx.execute(_SQL["conflicts_of"], {"subjects": list(subject_ids)})
    return {row["subject"]: row["conflicts"] for row in await cursor.fetchall()}


def _view(subject_id: str, measure: str, own: Sequence[Shown], between: Sequence[Edge]) -> View:
    ids = {each.claim.id for each in own}
    return view(
        subject_id,
        measure,
        None,
        [each.claim for each in own],
        [edge for edge in between if edge.a in ids and edge.b in ids],
        {each.facts.doc: each.facts for each in own},
    )


def _shown(row: Mapping[str, Any]) -> Shown:
    return Shown(
        claim=claim_of(row),
        sentence=row["sentence"],
        mark_start=row["span_start"] - row["sentence_start"],
        mark_end=row["span_end"] - row["sentence_start"],
        reviewed=row["reviewed"],
        copies=row["copies"],
        edges=row["edges"],
        document=row["document"],
        title=row["title"],
        publisher=row["publisher"],
        published=row["published"],
        url=row["url"],
        facts=DocumentFacts(
            doc=row["document_id"],
            published=row["published"],
            copy_of=row["copy_of"],
            latest_period=row["latest_period"],
        ),
        characters=row["characters"],
        opened_sha256=row["opened_sha256"],
        sha256=row["sha256"],
        filed_at=row["filed_at"],
    )


def _cited(shown: Shown) -> Cited:
    source = Source(
        doc=shown.claim.doc,
        sha256=shown.sha256.removeprefix("sha256:"),
        name=shown.document,
        title=shown.title,
        publisher=shown.publisher,
        published=shown.published,
        url=shown.url,
        filed_at=shown.filed_at,
    )
    return Cited(claim=shown.claim, source=source, sentence=shown.sentence)


def _containing(text: str) -> str:
    """Return the ILIKE pattern of texts that hold this one, its own wildcards taken literally."""
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
