-- Whoever places or opens drafts waits for its turn, so that a group of claims opens one draft.
-- name: take_turn
SELECT pg_advisory_xact_lock(hashtextextended('reports.drafts', 0));

-- name: sources_of_document
SELECT s.claim_id AS id
FROM reports.standing AS s
WHERE s.document_id = %(document_id)s AND s.duplicate_of IS NULL AND NOT s.neutral
    AND (s.status = 'accepted' OR s.status = 'queued' AND s.measure = any(%(doubtful)s::text[]))
ORDER BY s.number;

-- name: documents_to_open
SELECT DISTINCT s.document_id AS id
FROM reports.standing AS s
WHERE s.claim_id = any(%(ids)s::text[]) AND s.measure = any(%(measures)s::text[])
    AND s.status = 'accepted' AND s.duplicate_of IS NULL
    AND NOT EXISTS (SELECT FROM reports.draft_source AS d WHERE d.claim_id = s.claim_id)
ORDER BY s.document_id;

-- name: relations_of_document
SELECT r.id, r.document_id, d.name AS document, r.span_start, r.span_end, r.quote, r.subject,
    r.predicate, r.object, r.modality, r.note, r.status, r.language
FROM reports.relation AS r
JOIN reports.document AS d ON d.id = r.document_id
WHERE r.document_id = %(document_id)s AND d.copy_of IS NULL
ORDER BY r.number;

-- name: relations
SELECT r.id, r.document_id, d.name AS document, r.span_start, r.span_end, r.quote, r.subject,
    r.predicate, r.object, r.modality, r.note, r.status, r.language
FROM reports.relation AS r
JOIN reports.document AS d ON d.id = r.document_id
WHERE r.id = any(%(ids)s::text[])
ORDER BY r.number;

-- name: edges_from
SELECT e.a, e.b
FROM reports.edge AS e
WHERE e.a = any(%(ids)s::text[]) AND e.relation = any(%(relations)s::text[])
UNION
SELECT e.b, e.a
FROM reports.edge AS e
WHERE e.b = any(%(ids)s::text[]) AND e.relation = any(%(relations)s::text[])
LIMIT %(limit)s;

-- The drafts that a group of claims can belong to: by their keys, or by claims that edges lead to.
-- name: near
SELECT d.id
FROM reports.draft AS d
WHERE d.key = any(%(keys)s::text[])
    OR d.id IN (
        SELECT s.draft_id FROM reports.draft_source AS s
        WHERE s.claim_id = any(%(sources)s::text[])
        UNION ALL
        SELECT s.draft_id FROM reports.draft_source AS s
        WHERE s.relation_id = any(%(sources)s::text[])
    )
ORDER BY d.number DESC
LIMIT %(limit)s;

-- name: add_draft
INSERT INTO reports.draft (
    id, kind, key, subject, follows, organisation_id, opened_by, opened_at
)
VALUES (
    %(id)s, %(kind)s, %(key)s, %(subject)s, %(follows)s, %(organisation_id)s, %(opened_by)s, %(now)s
);

-- name: add_sources
INSERT INTO reports.draft_source (draft_id, claim_id, relation_id, later, added_at)
SELECT %(draft_id)s, given.claim_id, given.relation_id, %(later)s, %(now)s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS given (claim_id text, relation_id text)
ON CONFLICT DO NOTHING;

-- name: drafts
SELECT d.id, d.number, d.kind, d.key, d.subject, d.state, d.fills, d.follows, d.revision, d.record,
    d.outcome, d.organisation_id, o.name AS organisation, p.name AS opened_by, d.opened_at,
    d.closed_at
FROM reports.draft AS d
JOIN parties.organisation AS o ON o.id = d.organisation_id
JOIN parties.person AS p ON p.id = d.opened_by
WHERE (%(ids)s::uuid[] IS NULL OR d.id = any(%(ids)s))
    AND (%(kind)s::text IS NULL OR d.kind = %(kind)s)
    AND (%(state)s::text IS NULL OR d.state = %(state)s)
    AND (%(before)s::bigint IS NULL OR d.number < %(before)s)
ORDER BY d.number DESC
LIMIT %(limit)s;

-- name: ids_ending
SELECT id FROM reports.draft WHERE right(id::text, 12) = %(tail)s LIMIT 2;

-- name: lock_draft
SELECT id FROM reports.draft WHERE id = %(id)s FOR NO KEY UPDATE;

-- name: sources
SELECT draft_id, claim_id, relation_id, later
FROM reports.draft_source
WHERE draft_id = any(%(ids)s::uuid[])
ORDER BY draft_id, later, added_at, claim_id, relation_id;

-- name: event
SELECT draft_id, event, fields, note FROM reports.draft_event WHERE event_id = %(event_id)s;

-- name: events
SELECT e.sequence, e.event, e.fields, e.note, p.name AS person, o.name AS organisation,
    e.envelope IS NOT NULL AS signed, e.happened_at
FROM reports.draft_event AS e
JOIN parties.person AS p ON p.id = e.person_id
JOIN parties.organisation AS o ON o.id = e.organisation_id
WHERE e.draft_id = %(draft_id)s
ORDER BY e.sequence DESC
LIMIT %(limit)s;

-- name: envelopes
SELECT envelope
FROM reports.draft_event
WHERE draft_id = %(draft_id)s AND envelope IS NOT NULL
ORDER BY sequence DESC
LIMIT %(limit)s;

-- name: add_event
INSERT INTO reports.draft_event (
    draft_id, sequence, event_id, event, fields, note, person_id, organisation_id, envelope,
    happened_at
)
VALUES (
    %(draft_id)s, %(sequence)s, %(event_id)s, %(event)s, %(fields)s, %(note)s, %(person_id)s,
    %(organisation_id)s, %(envelope)s, %(now)s
);

-- name: set_revision
UPDATE reports.draft SET revision = %(sequence)s WHERE id = %(draft_id)s;

-- name: set_fills
UPDATE reports.draft SET fills = %(fills)s WHERE id = %(draft_id)s;

-- name: close
UPDATE reports.draft
SET state = %(state)s, record = %(record)s, outcome = %(outcome)s, closed_at = %(now)s
WHERE id = %(draft_id)s;
