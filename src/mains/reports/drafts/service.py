"""Drafts open when a document is filed, are filled by people, and take effect once completed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from mains.db import Transaction, jsonb
from mains.errors import (
    AlreadyExists,
    DraftIncomplete,
    KeyReused,
    NotFound,
    RequestInvalid,
    SourceRejected,
    StateConflict,
)
from mains.ids import SHORT_LENGTH, new_id, uuid_or_none
from mains.parties.rules import Caller
from mains.programmes import service as programmes
from mains.reports.drafts import rules
from mains.reports.drafts.grouping import (
    JOINING,
    OPENING_MEASURES,
    VOUCHER_MEASURES,
    openings,
    place,
)
from mains.reports.drafts.loading import (
    QUERIES,
    REPORT_QUERIES,
    Loaded,
    event_view,
    load,
    view,
)
from mains.reports.drafts.values import DraftKind, DraftState, Opening, Origin, Placing
from mains.reports.rows import Row, claim_of, relation_of
from mains.wire import dsse
from mains.wire.drafts import DRAFT_TYPE, DraftDetail, DraftEvent, DraftPage, SignedDraft
from mains.wire.dsse import SigningKey

PAGE: Final = 100
PAGE_MAX: Final = 200
NEAR_MAX: Final = 200
GROUPS_MAX: Final = 100
"""A document opens so many drafts at most; `open_from` opens what it leaves."""
EDGES_MAX: Final = 10_000
EVENTS_SHOWN_MAX: Final = 200

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decides what about a draft, under an id of the caller's own: sent again, it is a replay.

    `seen` is the revision that the person looked at, if that is said.
    """

    id: UUID
    event: DraftEvent
    by: Caller
    note: str = ""
    seen: int | None = None
    fields: Mapping[str, tuple[str, ...]]
    now: datetime


async def open_drafts(
    tx: Transaction,
    document_id: str,
    *,
    opener: Caller,
    now: datetime,
) -> list[UUID]:
    """Open drafts from a document whose claims, relations and edges are stored; return their ids.

    A group of claims opens one draft: again, or in another report, it joins that draft as a later
    source, which proposes and fills nothing. A copy of another document opens none.
    """
    groups = await _groups(tx, document_id)
    if not groups:
        return []
    await tx.execute(QUERIES["take_turn"])
    edges = await _edges(tx, groups)
    return [
        draft_id
        for group in groups
        if (draft_id := await _place(tx, group, edges, opener=opener, now=now)) is not None
    ]


async def open_drafts_for(
    tx: Transaction, claim_ids: Sequence[str], *, opener: Caller, now: datetime
) -> list[UUID]:
    """Open what claims open that a review just accepted; those of known drafts open nothing."""
    asked = {"ids": list(claim_ids), "measures": sorted(OPENING_MEASURES)}
    rows = await (await tx.execute(QUERIES["documents_to_open"], asked)).fetchall()
    return [
        draft_id
        for row in rows
        for draft_id in await open_drafts(tx, row["id"], opener=opener, now=now)
    ]


async def open_from(tx: Transaction, claim_id: str, *, opener: Caller, now: datetime) -> UUID:
    """Return the open draft that an accepted claim belongs to, opened if there is none.

    Raises RequestInvalid where nothing comes of such a claim.
    """
    rows = await (await tx.execute(REPORT_QUERIES["claims"], {"ids": [claim_id]})).fetchall()
    if not rows:
        raise NotFound(f"there is no claim {claim_id}", hint="`mains claims list` shows them.")
    groups = await _groups(tx, rows[0]["document_id"])
    group = next((each for each in groups if claim_id in each.sources), None)
    if group is None:
        raise RequestInvalid(
            "no draft comes from this claim: it is not accepted, or of another kind",
            hint="Drafts come from accepted claims about vouchers, models, scenarios and funding.",
        )
    await tx.execute(QUERIES["take_turn"])
    near = await _near(tx, [group], await _edges(tx, [group]))
    for draft in near:
        if draft.material.kind is not group.kind or draft.row["key"] != group.key:
            continue
        if draft.state is DraftState.OPEN:
            await _join(tx, draft, group, by=opener, now=now)
            return draft.id
        follows = draft.id if draft.state is DraftState.COMPLETED else None
        return await _open(tx, group, follows=follows, opener=opener, now=now)
    return await _open(tx, group, follows=None, opener=opener, now=now)


async def drafts(
    tx: Transaction,
    *,
    kind: str | None = None,
    state: str | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> DraftPage:
    """Return drafts, newest first."""
    rows = await _rows(tx, kind=kind, state=state, before=before, limit=limit)
    return DraftPage(
        drafts=[view(each) for each in await load(tx, rows)],
        next_before=rows[-1]["number"] if len(rows) == limit else None,
    )


async def draft(tx: Transaction, reference: str | UUID) -> DraftDetail:
    """Return a draft by its id or the last digits of it, with what happened; raises NotFound."""
    return await _detail(tx, await _draft(tx, await resolve(tx, reference)))


async def envelopes(tx: Transaction, draft_id: UUID) -> list[bytes]:
    """Return the signed envelopes of a draft's decisions, newest first."""
    asked = {"draft_id": draft_id, "limit": EVENTS_SHOWN_MAX}
    rows = await (await tx.execute(QUERIES["envelopes"], asked)).fetchall()
    return [bytes(row["envelope"]) for row in rows]


async def fill(
    tx: Transaction, draft_id: UUID, decision: Decision, *, signer: SigningKey
) -> DraftDetail:
    """Fill fields of an open draft; raises RequestInvalid naming a field, and as `_begin` does."""
    found = await _begin(tx, draft_id, decision)
    if found is None:
        return await draft(tx, draft_id)
    fills = rules.refill(found.material, decision.fields)
    await tx.execute(QUERIES["set_fills"], {"draft_id": draft_id, "fills": jsonb(fills)})
    await _record(tx, found, decision, signer=signer)
    return await draft(tx, draft_id)


async def withdraw(
    tx: Transaction, draft_id: UUID, decision: Decision, *, signer: SigningKey
) -> DraftDetail:
    """Close an open draft without effect; it goes on to take what later reports say."""
    found = await _begin(tx, draft_id, decision)
    if found is None:
        return await draft(tx, draft_id)
    await _close(tx, draft_id, "withdrawn", record=None, outcome=None, now=decision.now)
    await _record(tx, found, decision, signer=signer)
    return await draft(tx, draft_id)


async def complete(
    tx: Transaction, draft_id: UUID, decision: Decision, *, signer: SigningKey
) -> DraftDetail:
    """Complete a draft: its record is frozen and signed, and a programme is published.

    All in this transaction. Raises DraftIncomplete with the fields that are unknown,
    SourceRejected, DocumentInvalid for a programme that its own reader refuses, AlreadyExists for
    a name that is taken, and as `_begin` does.
    """
    found = await _begin(tx, draft_id, decision)
    if found is None:
        return await draft(tx, draft_id)
    _check_complete(found)
    record = _record_of(found)
    outcome = None
    if found.material.kind is DraftKind.PROGRAMME:
        published = await _publish(tx, found, decision, citation=str(record["citation"]))
        outcome = f"{published.name}@{published.version}"
        record["document_sha256"] = published.document_sha256
    await _close(tx, draft_id, "completed", record=record, outcome=outcome, now=decision.now)
    await _record(tx, found, decision, signer=signer, record=record, outcome=outcome)
    return await draft(tx, draft_id)


async def resolve(tx: Transaction, reference: str | UUID) -> UUID:
    """Return the id that a full id or its last twelve digits name; raises NotFound."""
    if isinstance(reference, UUID):
        return reference
    given = uuid_or_none(reference)
    if given is not None:
        return given
    tail = reference.strip().lower()
    if len(tail) == SHORT_LENGTH:
        rows = await (await tx.execute(QUERIES["ids_ending"], {"tail": tail})).fetchall()
        if len(rows) == 1:
            return UUID(str(rows[0]["id"]))
    raise NotFound(f"there is no draft {reference}", hint="`mains drafts list` shows all of them.")


async def _groups(tx: Transaction, document_id: str) -> list[Opening]:
    asked = {"document_id": document_id, "doubtful": sorted(VOUCHER_MEASURES)}
    rows = await (await tx.execute(QUERIES["relations_of_document"], asked)).fetchall()
    ids = await (await tx.execute(QUERIES["sources_of_document"], asked)).fetchall()
    found = await tx.execute(REPORT_QUERIES["claims"], {"ids": [row["id"] for row in ids]})
    said = sorted(await found.fetchall(), key=lambda row: (row["span_start"], row["id"]))
    sentences = {
        (row["sentence_start"], row["sentence_start"] + len(row["sentence"])) for row in said
    }
    groups = openings(
        [claim_of(row) for row in said], [relation_of(row) for row in rows], sorted(sentences)
    )
    return groups[:GROUPS_MAX]


async def _edges(tx: Transaction, groups: Sequence[Opening]) -> dict[str, set[str]]:
    asked = {
        "ids": sorted({each.id for group in groups for each in group.claims}),
        "relations": [each.value for each in JOINING],
        "limit": EDGES_MAX,
    }
    edges: dict[str, set[str]] = {}
    for row in await (await tx.execute(QUERIES["edges_from"], asked)).fetchall():
        edges.setdefault(row["a"], set()).add(row["b"])
    return edges


async def _near(
    tx: Transaction, groups: Sequence[Opening], edges: Mapping[str, set[str]]
) -> list[Loaded]:
    """Return the drafts that these groups can belong to, newest first."""
    sources = {each for group in groups for each in group.sources}
    related = {other for each in sources for other in edges.get(each, ())}
    asked = {
        "keys": [group.key for group in groups],
        "sources": sorted(sources | related),
        "limit": NEAR_MAX,
    }
    near = await (await tx.execute(QUERIES["near"], asked)).fetchall()
    ids = [each["id"] for each in near]
    return await load(tx, await _rows(tx, ids=ids, limit=NEAR_MAX))


async def _place(
    tx: Transaction,
    group: Opening,
    edges: Mapping[str, set[str]],
    *,
    opener: Caller,
    now: datetime,
) -> UUID | None:
    """Open a draft for a group or let it join one; return the id of a draft that was opened."""
    near = await _near(tx, [group], edges)
    where = place(group, [each.known for each in near], edges)
    found = next((each for each in near if str(each.id) == where.draft), None)
    match where.placing:
        case Placing.NOTHING:
            return None
        case Placing.JOIN:
            assert found is not None
            await _join(tx, found, group, by=opener, now=now)
            return None
        case Placing.OPEN:
            follows = None if found is None else found.id
            return await _open(tx, group, follows=follows, opener=opener, now=now)


async def _open(
    tx: Transaction, group: Opening, *, follows: UUID | None, opener: Caller, now: datetime
) -> UUID:
    draft_id = new_id()
    await tx.execute(
        QUERIES["add_draft"],
        {
            "id": draft_id,
            "kind": group.kind.value,
            "key": group.key,
            "subject": group.subject,
            "follows": follows,
            "organisation_id": opener.organisation_id,
            "opened_by": opener.person_id,
            "now": now,
        },
    )
    await _add_sources(tx, draft_id, group, known=frozenset(), later=False, now=now)
    await _add_event(tx, draft_id, 1, "opened", by=opener, now=now)
    return draft_id


async def _join(
    tx: Transaction, found: Loaded, group: Opening, *, by: Caller, now: datetime
) -> None:
    """Let a group's sources join a draft as later ones; those that it has change nothing."""
    if group.sources <= found.known.sources:
        return
    await tx.execute(QUERIES["lock_draft"], {"id": found.id})
    row = await _row(tx, found.id)
    await _add_sources(tx, found.id, group, known=found.known.sources, later=True, now=now)
    await _add_event(tx, found.id, row["revision"] + 1, "joined", by=by, now=now)


async def _add_sources(
    tx: Transaction,
    draft_id: UUID,
    group: Opening,
    *,
    known: frozenset[str],
    later: bool,
    now: datetime,
) -> None:
    rows = [{"claim_id": each.id} for each in group.claims if each.id not in known]
    rows += [{"relation_id": each.id} for each in group.relations if each.id not in known]
    added = {"draft_id": draft_id, "rows": jsonb(rows), "later": later, "now": now}
    await tx.execute(QUERIES["add_sources"], added)


async def _begin(tx: Transaction, draft_id: UUID, decision: Decision) -> Loaded | None:
    """Lock a draft for a decision; None for one that was made before under the same id.

    Raises NotFound, KeyReused, StateConflict (it is closed, or something came between).
    """
    await tx.execute(QUERIES["lock_draft"], {"id": draft_id})
    found = await _draft(tx, draft_id)
    rows = await tx.execute(QUERIES["event"], {"event_id": decision.id})
    known = await rows.fetchone()
    if known is not None:
        asked = (draft_id, decision.event, _lists(decision.fields), decision.note)
        if asked != (known["draft_id"], known["event"], known["fields"], known["note"]):
            raise KeyReused("this idempotency key decided something else before")
        return None
    if found.state is not DraftState.OPEN:
        detail = await _detail(tx, found)
        last = next(each for each in detail.events if each.event == found.state.value)
        when = f"{last.happened_at:%Y-%m-%d %H:%M} UTC"
        raise StateConflict(
            f"the draft was {found.state} by {last.person} at {when}",
            hint="`mains drafts open CLAIM` opens another one from a claim.",
        )
    if decision.seen is not None and decision.seen != found.row["revision"]:
        raise StateConflict(
            f"the draft is at revision {found.row['revision']}, and {decision.seen} was seen",
            hint="Look at it again: `mains drafts show DRAFT`.",
        )
    return found


def _check_complete(found: Loaded) -> None:
    if not rules.is_grounded(found.material, founding_claims=found.founding_claims):
        raise SourceRejected(
            "every claim that opened this draft was rejected",
            claims=list(found.rejected),
        )
    missing = found.missing
    if missing:
        raise DraftIncomplete(
            f"{len(missing)} fields are unknown: {', '.join(missing)}", unknown=missing
        )


async def _publish(
    tx: Transaction, found: Loaded, decision: Decision, *, citation: str
) -> programmes.Programme:
    """Publish a complete programme draft: its name is new, or of the draft that it follows."""
    document = rules.programme_document(found.fields, citation=citation)
    follows = found.row["follows"]
    owner = decision.by.organisation_id
    try:
        known = await programmes.programme(tx, document.name)
    except NotFound:
        known = None
    if known is not None:
        earlier = None if follows is None else (await _row(tx, follows))["outcome"]
        if earlier is None or earlier.partition("@")[0] != known.name:
            raise AlreadyExists(
                f"a programme {known.name} is there already",
                hint=f"Choose another name: `mains drafts fill {found.id} name=NAME`.",
            )
        decision.by.require_organisation(known.organisation_id)
        owner = known.organisation_id
    return await programmes.publish(
        tx,
        publication_id=uuid5(decision.id, "publication"),
        text=document.canonical(),
        organisation_id=owner,
        actor_id=decision.by.person_id,
        now=decision.now,
    )


def _record_of(found: Loaded) -> dict[str, Any]:
    """Return what a draft says, each field with where it comes from, to be kept for good."""
    sources = {
        statement.source.id: {
            "document": found.documents[statement.source.doc],
            "document_id": statement.source.doc,
            "start": statement.source.start,
            "end": statement.source.end,
            "quote": statement.source.quote,
        }
        for field in found.fields.values()
        for statement in field.statements
    }
    return {
        "kind": found.material.kind.value,
        "subject": found.material.subject,
        "fields": {
            name: {
                "values": list(field.values),
                "origin": field.origin.value,
                "sources": [each.source.id for each in field.statements],
                "note": field.note,
            }
            for name, field in found.fields.items()
            if field.is_known or field.origin is not Origin.UNKNOWN
        },
        "sources": sources,
        "left_aside": sorted(found.material.later),
        "citation": _citation(found),
    }


def _citation(found: Loaded) -> str:
    """Return the reports that a draft comes from, and the claims, in one line."""
    founding = [each for each in found.material.claims if each.id not in found.material.later]
    told = [each for each in found.material.relations if each.id not in found.material.later]
    said = founding or told
    documents = dict.fromkeys(each.doc for each in said)
    reports = "; ".join(f"{found.documents[each]} ({each})" for each in documents)
    return f"reports: {reports}; claims: {', '.join(each.id for each in said)}"


async def _record(
    tx: Transaction,
    found: Loaded,
    decision: Decision,
    *,
    signer: SigningKey,
    record: dict[str, Any] | None = None,
    outcome: str | None = None,
) -> None:
    """Keep a person's decision as an event, signed by the platform in the person's name."""
    sequence = found.row["revision"] + 1
    said = SignedDraft(
        id=decision.id,
        draft=found.id,
        kind=found.material.kind.value,
        subject=found.material.subject,
        sequence=sequence,
        event=decision.event,
        fields=_lists(decision.fields),
        record=record,
        outcome=outcome,
        note=decision.note,
        person=decision.by.person,
        person_id=decision.by.person_id,
        organisation=decision.by.organisation,
        organisation_id=decision.by.organisation_id,
        happened_at=decision.now,
    )
    envelope = dsse.sign(said.model_dump_json().encode(), key=signer, payload_type=DRAFT_TYPE)
    await _add_event(
        tx,
        found.id,
        sequence,
        decision.event,
        by=decision.by,
        now=decision.now,
        event_id=decision.id,
        fields=decision.fields,
        note=decision.note,
        envelope=envelope,
    )


async def _add_event(
    tx: Transaction,
    draft_id: UUID,
    sequence: int,
    event: DraftEvent,
    *,
    by: Caller,
    now: datetime,
    event_id: UUID | None = None,
    fields: Fields | None = None,
    note: str = "",
    envelope: bytes | None = None,
) -> None:
    row = {
        "draft_id": draft_id,
        "sequence": sequence,
        "event_id": event_id or new_id(),
        "event": event,
        "fields": jsonb(_lists(fields or {})),
        "note": note,
        "person_id": by.person_id,
        "organisation_id": by.organisation_id,
        "envelope": envelope,
        "now": now,
    }
    await tx.execute(QUERIES["add_event"], row)
    await tx.execute(QUERIES["set_revision"], row)


async def _close(
    tx: Transaction,
    draft_id: UUID,
    state: str,
    *,
    record: dict[str, Any] | None,
    outcome: str | None,
    now: datetime,
) -> None:
    closed = {
        "draft_id": draft_id,
        "state": state,
        "record": None if record is None else jsonb(record),
        "outcome": outcome,
        "now": now,
    }
    await tx.execute(QUERIES["close"], closed)


async def _row(tx: Transaction, draft_id: UUID) -> Row:
    rows = await _rows(tx, ids=[draft_id], limit=1)
    if not rows:
        raise NotFound(
            f"there is no draft {draft_id}", hint="`mains drafts list` shows all of them."
        )
    return rows[0]


async def _rows(
    tx: Transaction,
    *,
    ids: Sequence[UUID] | None = None,
    kind: str | None = None,
    state: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[Row]:
    asked = {"ids": ids, "kind": kind, "state": state, "before": before, "limit": limit}
    return list(await (await tx.execute(QUERIES["drafts"], asked)).fetchall())


async def _draft(tx: Transaction, draft_id: UUID) -> Loaded:
    [found] = await load(tx, [await _row(tx, draft_id)])
    return found


async def _detail(tx: Transaction, found: Loaded) -> DraftDetail:
    asked = {"draft_id": found.id, "limit": EVENTS_SHOWN_MAX}
    rows = await (await tx.execute(QUERIES["events"], asked)).fetchall()
    return DraftDetail(**dict(view(found)), events=[event_view(row) for row in rows])


def _lists(fields: Fields) -> dict[str, list[str]]:
    return {name: list(values) for name, values in fields.items()}
