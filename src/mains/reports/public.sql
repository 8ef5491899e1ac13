-- Everything here is shown without a key: accepted claims of public documents, each with its
-- sentence. A claim that only repeats another's counts with it and is not shown by itself.

-- name: totals
SELECT
    (SELECT count(*) FROM reports.document WHERE public) AS documents,
    (
        SELECT count(*) FROM reports.standing
        WHERE public AND status = 'accepted' AND duplicate_of IS NULL AND NOT neutral
            AND subject IS NOT NULL AND measure IS NOT NULL
    ) AS claims,
    (
        SELECT count(DISTINCT subject) FROM reports.standing
        WHERE public AND status = 'accepted' AND duplicate_of IS NULL AND NOT neutral
            AND measure IS NOT NULL
    ) AS subjects,
    (
        SELECT count(*) FROM reports.edge AS e
        JOIN reports.standing AS a ON a.claim_id = e.a
        JOIN reports.standing AS b ON b.claim_id = e.b
        WHERE e.relation = 'conflict'
            AND a.public AND a.status = 'accepted' AND a.duplicate_of IS NULL
            AND b.public AND b.status = 'accepted' AND b.duplicate_of IS NULL
    ) AS conflicts,
    (
        SELECT count(*) FROM reports.standing
        WHERE public AND status IN ('queued', 'proposed') AND duplicate_of IS NULL AND NOT neutral
    ) AS queued;

-- name: measures
SELECT measure, count(*) AS claims
FROM reports.standing
WHERE public AND status = 'accepted' AND duplicate_of IS NULL AND NOT neutral
    AND subject IS NOT NULL AND measure IS NOT NULL
GROUP BY measure
ORDER BY claims DESC, measure
LIMIT %(limit)s;

-- name: languages
SELECT c.language, count(*) AS claims
FROM reports.standing AS s
JOIN reports.claim AS c ON c.id = s.claim_id
WHERE s.public AND s.status = 'accepted' AND s.duplicate_of IS NULL AND NOT s.neutral
    AND s.subject IS NOT NULL AND s.measure IS NOT NULL AND c.language IS NOT NULL
GROUP BY c.language
ORDER BY claims DESC, c.language
LIMIT %(limit)s;

-- Subjects with the most claims first, and the measures of each.
-- name: subjects
WITH counted AS (
    SELECT s.subject, s.measure, count(*) AS claims
    FROM reports.standing AS s
    WHERE s.public AND s.status = 'accepted' AND s.duplicate_of IS NULL AND NOT s.neutral
        AND s.subject IS NOT NULL AND s.measure IS NOT NULL
        AND (%(measure)s::text IS NULL OR s.measure = %(measure)s)
        AND (
            %(pattern)s::text IS NULL
            OR s.subject ILIKE %(pattern)s
            OR s.subject = ANY(%(named)s::text[])
        )
        AND (
            %(language)s::text IS NULL
            OR EXISTS (
                SELECT 1 FROM reports.claim AS c
                WHERE c.id = s.claim_id AND c.language = %(language)s
            )
        )
    GROUP BY s.subject, s.measure
),

summed AS (
    SELECT subject, sum(claims)::bigint AS claims,
        jsonb_agg(
            jsonb_build_object('measure', measure, 'claims', claims) ORDER BY claims DESC, measure
        ) AS measures
    FROM counted
    GROUP BY subject
)

SELECT subject, claims, measures, count(*) OVER () AS found
FROM summed
ORDER BY claims DESC, subject
LIMIT %(limit)s OFFSET %(offset)s;

-- name: conflicts_of
SELECT found.subject, count(DISTINCT found.id) AS conflicts
FROM (
    SELECT a.subject, e.id, e.b AS other
    FROM reports.standing AS a
    JOIN reports.edge AS e ON e.a = a.claim_id AND e.relation = 'conflict'
    WHERE a.subject = ANY(%(subjects)s)
        AND a.public AND a.status = 'accepted' AND a.duplicate_of IS NULL
    UNION ALL
    SELECT b.subject, e.id, e.a AS other
    FROM reports.standing AS b
    JOIN reports.edge AS e ON e.b = b.claim_id AND e.relation = 'conflict'
    WHERE b.subject = ANY(%(subjects)s)
        AND b.public AND b.status = 'accepted' AND b.duplicate_of IS NULL
) AS found
JOIN reports.standing AS o ON o.claim_id = found.other
WHERE o.public AND o.status = 'accepted' AND o.duplicate_of IS NULL
GROUP BY found.subject;

-- name: measures_of
SELECT s.measure, count(*) AS claims
FROM reports.standing AS s
WHERE s.public AND s.status = 'accepted' AND s.duplicate_of IS NULL AND NOT s.neutral
    AND s.subject = %(subject)s AND s.measure IS NOT NULL
GROUP BY s.measure
ORDER BY claims DESC, s.measure;

-- The newest claims of each of these measures of one subject.
-- name: claims_of
SELECT s.claim_id
FROM (
    SELECT claim_id, number, measure,
        row_number() OVER (PARTITION BY measure ORDER BY number DESC) AS place
    FROM reports.standing
    WHERE public AND status = 'accepted' AND duplicate_of IS NULL AND NOT neutral
        AND subject = %(subject)s AND measure = ANY(%(measures)s)
) AS s
WHERE s.place <= %(limit)s
ORDER BY s.number DESC;

-- name: newest_of
SELECT claim_id
FROM reports.standing
WHERE public AND status = 'accepted' AND duplicate_of IS NULL AND NOT neutral
    AND subject = %(subject)s AND measure IS NOT NULL
ORDER BY number DESC
LIMIT %(limit)s;

-- name: claims
SELECT
    c.id, c.document_id, c.span_start, c.span_end, c.quote, c.sentence, c.sentence_start,
    s.subject, s.measure, s.scope, s.value, s.unit, s.bound, s.modality, s.period, s.speaker,
    c.pair, s.status, c.language, c.block, c.reasons,
    d.name AS document, d.sha256, d.filed_at, d.characters, d.opened_sha256, d.title, d.publisher, d.published, d.url, d.latest_period, d.copy_of,
    coalesce(review.decision IN ('accept', 'correct'), false) AS reviewed,
    (
        SELECT count(*) FROM reports.standing AS r
        WHERE r.duplicate_of = c.id AND r.public
    ) AS copies,
    (
        SELECT count(*) FROM reports.edge AS e
        JOIN reports.standing AS o ON o.claim_id = CASE WHEN e.a = c.id THEN e.b ELSE e.a END
        WHERE c.id IN (e.a, e.b)
            AND o.public AND o.status = 'accepted' AND o.duplicate_of IS NULL
    ) AS edges
FROM reports.standing AS s
JOIN reports.claim AS c ON c.id = s.claim_id
JOIN reports.document AS d ON d.id = c.document_id
LEFT JOIN reports.review ON review.claim_id = s.claim_id AND review.sequence = s.reviews
WHERE s.claim_id = ANY(%(ids)s)
    AND s.public AND s.status = 'accepted' AND s.duplicate_of IS NULL AND NOT s.neutral
    AND s.subject IS NOT NULL AND s.measure IS NOT NULL
ORDER BY s.number DESC;

-- name: edges_of
SELECT e.id, e.a, e.b, e.relation, e.reason
FROM reports.edge AS e
JOIN reports.standing AS a ON a.claim_id = e.a
JOIN reports.standing AS b ON b.claim_id = e.b
WHERE (e.a = ANY(%(ids)s) OR e.b = ANY(%(ids)s))
    AND a.public AND a.status = 'accepted' AND a.duplicate_of IS NULL
    AND b.public AND b.status = 'accepted' AND b.duplicate_of IS NULL
ORDER BY e.number
LIMIT %(limit)s;
