-- Filings, publications and reviews take turns: two that were blind to each other would miss the
-- copies and the edges between them.
-- name: take_turn
SELECT pg_advisory_xact_lock(hashtextextended('reports.library', 0));

-- name: document_by_hash
SELECT id FROM reports.document WHERE sha256 = %(sha256)s;

-- name: documents_with_prefix
SELECT id FROM reports.document
WHERE id >= %(low)s AND id < %(high)s
ORDER BY id
LIMIT 2;

-- name: claims_with_prefix
SELECT id FROM reports.claim
WHERE id >= %(low)s AND id < %(high)s
ORDER BY id
LIMIT 2;

-- name: bytes_kept
SELECT coalesce(sum(size_bytes), 0)::bigint AS bytes
FROM reports.document
WHERE organisation_id = %(organisation_id)s;

-- name: documents
SELECT d.id, d.number, d.sha256, d.text_sha256, d.opened_sha256, d.name, d.title, d.publisher,
    d.published, d.url, d.media_type, d.languages, d.size_bytes, d.characters, d.notes, d.copy_of,
    d.public, o.name AS organisation, d.filed_at, c.claims, c.queued, r.relations
FROM reports.document AS d
JOIN parties.organisation AS o ON o.id = d.organisation_id
CROSS JOIN LATERAL (
    SELECT count(*) AS claims,
        count(*) FILTER (WHERE s.status IN ('queued', 'proposed') AND NOT s.neutral) AS queued
    FROM reports.standing AS s
    WHERE s.document_id = d.id
) AS c
CROSS JOIN LATERAL (
    SELECT count(*) AS relations FROM reports.relation AS r WHERE r.document_id = d.id
) AS r
WHERE (%(ids)s::text[] IS NULL OR d.id = any(%(ids)s::text[]))
    AND (%(before)s::bigint IS NULL OR d.number < %(before)s)
ORDER BY d.number DESC
LIMIT %(limit)s;

-- name: look_alikes
SELECT id, public, signature
FROM reports.document
WHERE bands && %(bands)s::bigint[] AND copy_of IS NULL
ORDER BY number
LIMIT %(limit)s;

-- name: copies
SELECT id FROM reports.document WHERE copy_of = %(id)s ORDER BY number;

-- name: lead_copies
UPDATE reports.document
SET copy_of = CASE WHEN id = %(leader)s THEN NULL ELSE %(leader)s END
WHERE id = any(%(ids)s::text[]);

-- name: publish_document
UPDATE reports.document SET public = true WHERE id = %(id)s;

-- name: publish_claims
UPDATE reports.standing SET public = true WHERE document_id = %(id)s;

-- name: add_document
INSERT INTO reports.document (
    id, sha256, text_sha256, opened_sha256, name, title, publisher, published, url, media_type,
    languages, size_bytes, characters, latest_period, notes, signature, bands, copy_of, public,
    organisation_id, filed_by, filed_at
)
VALUES (
    %(id)s, %(sha256)s, %(text_sha256)s, %(opened_sha256)s, %(name)s, %(title)s, %(publisher)s,
    %(published)s, %(url)s, %(media_type)s, %(languages)s, %(size_bytes)s, %(characters)s,
    %(latest_period)s, %(notes)s, %(signature)s, %(bands)s::bigint[], %(copy_of)s, %(public)s,
    %(organisation_id)s, %(filed_by)s, %(now)s
);

-- name: add_claims
INSERT INTO reports.claim (
    id, document_id, span_start, span_end, quote, sentence, sentence_start, subject, measure, scope,
    value, unit, bound, modality, period, speaker, pair, status, language, block, reasons
)
SELECT id, %(document_id)s, span_start, span_end, quote, sentence, sentence_start, subject, measure,
    scope, value, unit, bound, modality, period, speaker, pair, status, language, block, reasons
FROM jsonb_to_recordset(%(rows)s::jsonb) AS given (
    place bigint, id text, span_start bigint, span_end bigint, quote text, sentence text,
    sentence_start bigint, subject text, measure text, scope text, value text, unit text,
    bound text, modality text, period text, speaker text, pair text, status text, language text,
    block text, reasons jsonb
)
ORDER BY place;

-- name: add_standing
INSERT INTO reports.standing (
    claim_id, number, document_id, subject, measure, scope, value, unit, bound, modality, period,
    speaker, status, neutral, public
)
SELECT c.id, c.number, c.document_id, c.subject, c.measure, c.scope, c.value, c.unit, c.bound,
    c.modality, c.period, c.speaker, c.status,
    coalesce(c.measure = any(%(neutral)s::text[]), false), d.public
FROM reports.claim AS c
JOIN reports.document AS d ON d.id = c.document_id
WHERE c.id = any(%(ids)s::text[]);

-- name: add_relations
INSERT INTO reports.relation (
    id, document_id, span_start, span_end, quote, subject, predicate, object, modality, note,
    status, language
)
SELECT id, %(document_id)s, span_start, span_end, quote, subject, predicate, object, modality, note,
    status, language
FROM jsonb_to_recordset(%(rows)s::jsonb) AS given (
    place bigint, id text, span_start bigint, span_end bigint, quote text, subject text,
    predicate text, object text, modality text, note text, status text, language text
)
ORDER BY place;

-- What a copy's claims repeat of the original's, by the reader's own words: a figure that differs
-- stands for itself, so that a corrected copy is not overlooked.
-- name: mark_duplicates
UPDATE reports.standing AS s
SET duplicate_of = (
    SELECT original.id
    FROM reports.claim AS mine
    JOIN reports.claim AS original
        ON original.document_id = d.copy_of
        AND original.value = mine.value
        AND original.unit = mine.unit
        AND original.bound = mine.bound
        AND original.modality = mine.modality
        AND (original.subject, original.measure, original.scope, original.period)
        IS NOT DISTINCT FROM (mine.subject, mine.measure, mine.scope, mine.period)
    WHERE mine.id = s.claim_id
    ORDER BY original.number
    LIMIT 1
)
FROM reports.document AS d
WHERE d.id = s.document_id AND d.id = any(%(ids)s::text[]);

-- name: claims_of_documents
SELECT id FROM reports.claim WHERE document_id = any(%(ids)s::text[]) ORDER BY number;

-- name: claims
SELECT c.id, c.number, c.document_id, c.span_start, c.span_end, c.quote, c.sentence,
    c.sentence_start, c.subject AS read_subject, c.measure AS read_measure, c.scope AS read_scope,
    c.value AS read_value, c.unit AS read_unit, c.bound AS read_bound,
    c.modality AS read_modality, c.period AS read_period, c.speaker AS read_speaker,
    c.status AS read_status, c.pair, c.language, c.block, c.reasons, s.subject, s.measure, s.scope,
    s.value, s.unit, s.bound, s.modality, s.period, s.speaker, s.status, s.reviews, s.neutral,
    s.duplicate_of, s.public, d.name AS document, d.sha256, d.title, d.publisher, d.published,
    d.url, d.filed_at, original.sha256 AS original_sha256,
    coalesce(r.decision IN ('accept', 'correct'), false) AS reviewed
FROM reports.standing AS s
JOIN reports.claim AS c ON c.id = s.claim_id
JOIN reports.document AS d ON d.id = s.document_id
LEFT JOIN reports.document AS original ON original.id = d.copy_of
LEFT JOIN reports.review AS r ON r.claim_id = s.claim_id AND r.sequence = s.reviews
WHERE s.claim_id = any(%(ids)s::text[])
ORDER BY s.number DESC;

-- name: lock_claim
SELECT claim_id FROM reports.standing WHERE claim_id = %(id)s FOR NO KEY UPDATE;

-- name: claim_ids
SELECT s.claim_id AS id, s.number
FROM reports.standing AS s
WHERE (%(subject)s::text IS NULL OR s.subject = %(subject)s)
    AND (%(measure)s::text IS NULL OR s.measure = %(measure)s)
    AND (%(status)s::text IS NULL OR s.status = %(status)s)
    AND (%(document_id)s::text IS NULL OR s.document_id = %(document_id)s)
    AND (%(before)s::bigint IS NULL OR s.number < %(before)s)
    AND (%(neutral)s OR NOT s.neutral)
ORDER BY s.number DESC
LIMIT %(limit)s;

-- name: queue
SELECT s.claim_id AS id, s.number
FROM reports.standing AS s
WHERE s.status IN ('queued', 'proposed') AND s.duplicate_of IS NULL AND NOT s.neutral
    AND s.number > %(after)s
    AND (%(document_id)s::text IS NULL OR s.document_id = %(document_id)s)
    AND (%(status)s::text IS NULL OR s.status = %(status)s)
ORDER BY s.number
LIMIT %(limit)s;

-- name: queue_length
SELECT count(*) AS claims
FROM reports.standing AS s
WHERE s.status IN ('queued', 'proposed') AND s.duplicate_of IS NULL AND NOT s.neutral;

-- name: relations
SELECT r.id, r.number, r.document_id, d.name AS document, r.span_start, r.span_end, r.quote,
    r.subject, r.predicate, r.object, r.modality, r.note, r.status, r.language
FROM reports.relation AS r
JOIN reports.document AS d ON d.id = r.document_id
WHERE (%(document_id)s::text IS NULL OR r.document_id = %(document_id)s)
    AND (%(subject)s::text IS NULL OR r.subject = %(subject)s)
    AND (%(predicate)s::text IS NULL OR r.predicate = %(predicate)s)
    AND (%(before)s::bigint IS NULL OR r.number < %(before)s)
ORDER BY r.number DESC
LIMIT %(limit)s;

-- name: drop_edges
DELETE FROM reports.edge
WHERE a = any(%(ids)s::text[]) OR b = any(%(ids)s::text[])
RETURNING a, b;

-- name: drop_keys
DELETE FROM reports.edge_key WHERE claim_id = any(%(ids)s::text[]);

-- name: add_keys
INSERT INTO reports.edge_key (key, number, claim_id)
SELECT key, number, claim_id
FROM jsonb_to_recordset(%(rows)s::jsonb) AS given (key text, number bigint, claim_id text);

-- The newest claims of each key, so that one key of many claims costs no more than another.
-- name: candidates
SELECT DISTINCT found.claim_id AS id, s.document_id
FROM unnest(%(keys)s::text[]) AS asked (key)
CROSS JOIN LATERAL (
    SELECT k.claim_id
    FROM reports.edge_key AS k
    WHERE k.key = asked.key AND k.claim_id <> all(%(ids)s::text[])
    ORDER BY k.number DESC
    LIMIT %(per_key)s
) AS found
JOIN reports.standing AS s ON s.claim_id = found.claim_id
LIMIT %(limit)s;

-- The years and days that documents name: a figure of another thing may look like one of them.
-- name: dated_claims
SELECT s.claim_id AS id
FROM reports.standing AS s
WHERE s.document_id = any(%(documents)s::text[]) AND s.unit = 'date' AND s.status = 'accepted'
    AND s.duplicate_of IS NULL
LIMIT %(limit)s;

-- name: document_facts
SELECT id, published, copy_of, latest_period
FROM reports.document
WHERE id = any(%(ids)s::text[]);

-- name: add_edges
INSERT INTO reports.edge (id, a, b, relation, reason, made_at)
SELECT id, a, b, relation, reason, %(now)s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS given (
    id text, a text, b text, relation text, reason text
)
ON CONFLICT (id) DO NOTHING;

-- name: edges_between
SELECT id, number, a, b, relation, reason
FROM reports.edge
WHERE a = any(%(ids)s::text[]) AND b = any(%(ids)s::text[])
ORDER BY number
LIMIT %(limit)s;

-- name: edges_of_claim
SELECT id, number, a, b, relation, reason
FROM reports.edge
WHERE a = %(id)s
UNION ALL
SELECT id, number, a, b, relation, reason
FROM reports.edge
WHERE b = %(id)s
ORDER BY number DESC
LIMIT %(limit)s;

-- name: edges
SELECT e.id, e.number, e.a, e.b, e.relation, e.reason
FROM reports.edge AS e
JOIN reports.standing AS a ON a.claim_id = e.a
JOIN reports.standing AS b ON b.claim_id = e.b
WHERE (%(relation)s::text IS NULL OR e.relation = %(relation)s)
    AND (%(before)s::bigint IS NULL OR e.number < %(before)s)
    AND (
        %(documents)s::text[] IS NULL
        OR (a.document_id = any(%(documents)s::text[]) AND b.document_id = any(%(documents)s::text[]))
    )
ORDER BY e.number DESC
LIMIT %(limit)s;

-- Everything a view of one measure looks at, newest first; copies count with their originals.
-- name: view_claim_ids
SELECT s.claim_id AS id, s.number
FROM reports.standing AS s
WHERE s.subject = %(subject)s AND s.measure = %(measure)s
    AND s.status <> 'rejected' AND s.duplicate_of IS NULL
ORDER BY s.number DESC
LIMIT %(limit)s;

-- A loose scan of the index: one look for each subject and measure, however many claims they have.
-- name: subjects
WITH RECURSIVE pair AS (
    (
        SELECT s.subject, s.measure
        FROM reports.standing AS s
        WHERE (s.subject, s.measure) > (%(subject)s, %(measure)s)
            AND s.status = 'accepted' AND s.duplicate_of IS NULL AND NOT s.neutral
        ORDER BY s.subject, s.measure
        LIMIT 1
    )
    UNION ALL
    SELECT following.subject, following.measure
    FROM pair
    CROSS JOIN LATERAL (
        SELECT s.subject, s.measure
        FROM reports.standing AS s
        WHERE (s.subject, s.measure) > (pair.subject, pair.measure)
            AND s.status = 'accepted' AND s.duplicate_of IS NULL AND NOT s.neutral
        ORDER BY s.subject, s.measure
        LIMIT 1
    ) AS following
)
SELECT pair.subject, pair.measure, counted.claims
FROM (SELECT subject, measure FROM pair LIMIT %(limit)s) AS pair
CROSS JOIN LATERAL (
    SELECT count(*) AS claims
    FROM reports.standing AS s
    WHERE s.subject = pair.subject AND s.measure = pair.measure
        AND s.status = 'accepted' AND s.duplicate_of IS NULL AND NOT s.neutral
) AS counted
ORDER BY pair.subject, pair.measure;

-- name: review
SELECT r.id, r.claim_id, r.sequence, r.decision, r.fields, r.stands, r.status, r.note,
    p.name AS person, o.name AS organisation, r.person_id, r.reviewed_at, r.envelope
FROM reports.review AS r
JOIN parties.person AS p ON p.id = r.person_id
JOIN parties.organisation AS o ON o.id = r.organisation_id
WHERE r.id = %(id)s;

-- name: reviews_of_claim
SELECT r.id, r.claim_id, r.sequence, r.decision, r.fields, r.stands, r.status, r.note,
    p.name AS person, o.name AS organisation, r.person_id, r.reviewed_at, r.envelope
FROM reports.review AS r
JOIN parties.person AS p ON p.id = r.person_id
JOIN parties.organisation AS o ON o.id = r.organisation_id
WHERE r.claim_id = %(id)s
ORDER BY r.sequence DESC
LIMIT %(limit)s;

-- name: reviews_of_claims
SELECT r.id, r.claim_id, r.sequence, r.decision, r.note, p.name AS person, r.reviewed_at
FROM reports.review AS r
JOIN parties.person AS p ON p.id = r.person_id
WHERE r.claim_id = any(%(ids)s::text[])
ORDER BY r.claim_id, r.sequence;

-- name: public_claim_ids
SELECT s.claim_id AS id, s.number
FROM reports.standing AS s
WHERE s.public AND s.status = 'accepted' AND s.duplicate_of IS NULL AND NOT s.neutral
    AND s.subject = %(subject)s
ORDER BY s.number DESC
LIMIT %(limit)s;

-- name: add_review
INSERT INTO reports.review (
    id, claim_id, sequence, decision, fields, stands, status, note, person_id, organisation_id,
    envelope, reviewed_at
)
VALUES (
    %(id)s, %(claim_id)s, %(sequence)s, %(decision)s, %(fields)s, %(stands)s, %(status)s, %(note)s,
    %(person_id)s, %(organisation_id)s, %(envelope)s, %(now)s
);

-- name: set_standing
UPDATE reports.standing
SET subject = %(subject)s, measure = %(measure)s, scope = %(scope)s, value = %(value)s,
    unit = %(unit)s, bound = %(bound)s, modality = %(modality)s, period = %(period)s,
    speaker = %(speaker)s, status = %(status)s, neutral = %(neutral)s, reviews = %(reviews)s
WHERE claim_id = %(claim_id)s;

-- Documents as they came and as they were opened, for a backup.
-- name: contents_named
SELECT sha256, max(size_bytes) AS size_bytes
FROM (
    SELECT sha256, size_bytes FROM reports.document
    UNION ALL
    SELECT opened_sha256, NULL FROM reports.document
) AS named
WHERE sha256 > %(after)s
GROUP BY sha256
ORDER BY sha256
LIMIT %(limit)s;
