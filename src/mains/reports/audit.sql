-- A claim opens at its span: the quote is as long as the span, and stands in the sentence there.
-- name: claims_open_at_their_span
SELECT id AS claim, document_id AS document, span_start, span_end
FROM reports.claim
WHERE char_length(quote) <> span_end - span_start
    OR span_start < sentence_start
    OR substr(sentence, (span_start - sentence_start + 1)::integer, char_length(quote)) <> quote;

-- A span lies within its document's text, and the document is known by its own hash.
-- name: spans_lie_within_their_document
SELECT c.id AS claim, d.id AS document, c.span_end, d.characters
FROM reports.document AS d
LEFT JOIN (
    SELECT id, document_id, span_end FROM reports.claim
    UNION ALL
    SELECT id, document_id, span_end FROM reports.relation
) AS c ON c.document_id = d.id
WHERE c.span_end > d.characters OR substr(d.sha256, 8, 16) <> d.id;

-- Every claim stands once, in its document's place and with its document's publicity.
-- name: every_claim_stands_once
SELECT c.id AS claim, s.number, s.document_id AS document, s.public
FROM reports.claim AS c
JOIN reports.document AS d ON d.id = c.document_id
LEFT JOIN reports.standing AS s ON s.claim_id = c.id
WHERE s.claim_id IS NULL
    OR s.number <> c.number
    OR s.document_id <> c.document_id
    OR s.public <> d.public;

-- A claim that nobody reviewed stands as the reader made it.
-- name: unreviewed_claims_stand_as_read
SELECT c.id AS claim
FROM reports.claim AS c
JOIN reports.standing AS s ON s.claim_id = c.id
WHERE s.reviews = 0
    AND (s.subject, s.measure, s.scope, s.value, s.unit, s.bound, s.modality, s.period, s.speaker,
        s.status) IS DISTINCT FROM (c.subject, c.measure, c.scope, c.value, c.unit, c.bound,
        c.modality, c.period, c.speaker, c.status);

-- A reviewed claim stands as its last review says, and its reviews leave no gap.
-- name: reviewed_claims_stand_as_decided
SELECT s.claim_id AS claim, s.reviews, last.sequence, last.decision
FROM reports.standing AS s
LEFT JOIN LATERAL (
    SELECT r.sequence, r.decision, r.stands, r.status
    FROM reports.review AS r
    WHERE r.claim_id = s.claim_id
    ORDER BY r.sequence DESC
    LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS reviews FROM reports.review AS r WHERE r.claim_id = s.claim_id
) AS counted ON true
WHERE s.reviews <> counted.reviews
    OR s.reviews <> coalesce(last.sequence, 0)
    OR (
        s.reviews > 0
        AND (
            s.status <> last.status
            OR jsonb_build_object(
                'subject', s.subject, 'measure', s.measure, 'scope', s.scope, 'value', s.value,
                'unit', s.unit, 'bound', s.bound, 'modality', s.modality, 'period', s.period,
                'speaker', s.speaker
            ) <> last.stands
        )
    );

-- A review changes fields of the claim and nothing else; only a correction changes any, and what
-- was opened again stands as the reader made it.
-- name: reviews_are_of_the_claims_fields
SELECT r.id AS review, r.claim_id AS claim, r.decision
FROM reports.review AS r
JOIN reports.claim AS c ON c.id = r.claim_id
WHERE (r.decision = 'correct') <> (r.fields <> '{}'::jsonb)
    OR NOT r.stands @> r.fields
    OR EXISTS (
        SELECT FROM jsonb_object_keys(r.fields) AS name
        WHERE name NOT IN (
            'subject', 'measure', 'scope', 'value', 'unit', 'bound', 'modality', 'period', 'speaker'
        )
    )
    OR (r.decision IN ('accept', 'correct') AND r.status <> 'accepted')
    OR (r.decision = 'reject' AND r.status <> 'rejected')
    OR (r.decision = 'reopen' AND r.status <> c.status);

-- Nothing is accepted that is bound to no subject or to no measure.
-- name: accepted_claims_are_bound
SELECT claim_id AS claim, subject, measure, reviews
FROM reports.standing
WHERE status = 'accepted' AND NOT neutral AND (subject IS NULL OR measure IS NULL);

-- Edges join claims that are accepted and no copy's repetition; a pair has a relation once.
-- name: edges_join_claims_that_count
SELECT e.id AS edge, e.a, e.b, e.relation
FROM reports.edge AS e
JOIN reports.standing AS a ON a.claim_id = e.a
JOIN reports.standing AS b ON b.claim_id = e.b
WHERE a.status <> 'accepted'
    OR b.status <> 'accepted'
    OR a.duplicate_of IS NOT NULL
    OR b.duplicate_of IS NOT NULL
    OR EXISTS (
        SELECT FROM reports.edge AS other
        WHERE other.id <> e.id AND other.relation = e.relation
            AND least(other.a, other.b) = least(e.a, e.b)
            AND greatest(other.a, other.b) = greatest(e.a, e.b)
    );

-- Keys are kept of claims that may have edges, and of no others.
-- name: keys_are_of_claims_that_count
SELECT k.claim_id AS claim, k.key
FROM reports.edge_key AS k
JOIN reports.standing AS s ON s.claim_id = k.claim_id
WHERE s.status <> 'accepted' OR s.duplicate_of IS NOT NULL OR s.number <> k.number;

-- A copy repeats an original and no other copy; what its claims repeat is said by the original.
-- name: copies_repeat_originals
SELECT d.id AS document, d.copy_of, NULL AS claim
FROM reports.document AS d
JOIN reports.document AS original ON original.id = d.copy_of
WHERE original.copy_of IS NOT NULL OR (d.public AND NOT original.public)
UNION ALL
SELECT d.id, d.copy_of, s.claim_id
FROM reports.standing AS s
JOIN reports.document AS d ON d.id = s.document_id
JOIN reports.claim AS mine ON mine.id = s.claim_id
JOIN reports.claim AS theirs ON theirs.id = s.duplicate_of
WHERE theirs.document_id IS DISTINCT FROM d.copy_of
    OR (mine.value, mine.unit, mine.bound, mine.modality)
    <> (theirs.value, theirs.unit, theirs.bound, theirs.modality)
    OR (mine.subject, mine.measure, mine.scope, mine.period)
    IS DISTINCT FROM (theirs.subject, theirs.measure, theirs.scope, theirs.period);

-- A draft comes from at least one claim or relation that opened it.
-- name: drafts_come_from_claims
SELECT d.id AS draft, d.kind
FROM reports.draft AS d
WHERE NOT EXISTS (
    SELECT FROM reports.draft_source AS s WHERE s.draft_id = d.id AND NOT s.later
);

-- No draft is complete before a signed review completed it; its events leave no gap, and its
-- revision counts them.
-- name: drafts_are_completed_by_a_review
SELECT d.id AS draft, d.state, d.revision, e.events
FROM reports.draft AS d
LEFT JOIN (
    SELECT draft_id, count(*) AS events, max(sequence) AS last,
        count(*) FILTER (WHERE event = 'completed') AS completed,
        count(*) FILTER (WHERE event = 'withdrawn') AS withdrawn,
        bool_or(event = 'opened' AND sequence = 1) AS opened
    FROM reports.draft_event
    GROUP BY draft_id
) AS e ON e.draft_id = d.id
WHERE e.opened IS NOT TRUE
    OR e.events <> e.last
    OR d.revision <> e.last
    OR e.completed <> (d.state = 'completed')::integer
    OR e.withdrawn <> (d.state = 'withdrawn')::integer;

-- A completed programme draft is a published version of its programme.
-- name: completed_programmes_are_published
SELECT d.id AS draft, d.outcome
FROM reports.draft AS d
WHERE d.kind = 'programme' AND d.state = 'completed'
    AND NOT EXISTS (
        SELECT FROM programmes.programme AS p
        JOIN programmes.version AS v ON v.programme_id = p.id
        WHERE d.outcome = p.name || '@' || v.version
            AND v.document_sha256 = d.record ->> 'document_sha256'
    );
