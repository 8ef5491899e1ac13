-- name: add_programme
INSERT INTO programmes.programme (
    id, name, organisation_id, currency, time_zone, version, pot_account_id, created_at
)
VALUES (
    %(id)s, %(name)s, %(organisation_id)s, %(currency)s, %(time_zone)s, 1, %(pot_account_id)s,
    %(now)s
)
ON CONFLICT (name) DO NOTHING;

-- name: lock_programme
SELECT id, name, organisation_id, currency, time_zone, version, pot_account_id
FROM programmes.programme
WHERE name = %(name)s
FOR NO KEY UPDATE;

-- Asked in a statement of its own after the lock: one that waits for the lock still sees the
-- versions as they were when it began to wait.
-- name: version
SELECT document, document_sha256, pot_micros
FROM programmes.version
WHERE programme_id = %(programme_id)s AND version = %(version)s;

-- name: add_version
INSERT INTO programmes.version (
    programme_id, version, publication_id, document, document_sha256, pot_micros, cap_micros,
    published_by, published_at
)
VALUES (
    %(programme_id)s, %(version)s, %(publication_id)s, %(document)s, %(document_sha256)s,
    %(pot_micros)s, %(cap_micros)s, %(published_by)s, %(now)s
);

-- name: set_version
UPDATE programmes.programme SET version = %(version)s WHERE id = %(programme_id)s;

-- name: publication
SELECT p.name, v.version, v.document_sha256
FROM programmes.version AS v
JOIN programmes.programme AS p ON p.id = v.programme_id
WHERE v.publication_id = %(publication_id)s;

-- name: programmes
SELECT p.id, p.name, p.organisation_id, o.name AS organisation, p.pot_account_id,
    v.version, v.document, v.document_sha256, v.pot_micros, v.published_at
FROM programmes.programme AS p
JOIN parties.organisation AS o ON o.id = p.organisation_id
JOIN programmes.version AS v ON v.programme_id = p.id
WHERE (%(name)s::text IS NULL OR p.name = %(name)s)
    AND v.version = coalesce(%(version)s, p.version)
    AND p.name > %(after)s
ORDER BY p.name
LIMIT %(limit)s;

-- name: add_voucher
INSERT INTO programmes.voucher (
    id, request_hash, programme_id, version, organisation_id, granted_micros, tranche_micros,
    promised_account_id, account_id, valid_from, valid_until, due_at, granted_by, granted_at
)
VALUES (
    %(id)s, %(request_hash)s, %(programme_id)s, %(version)s, %(organisation_id)s,
    %(granted_micros)s, %(tranche_micros)s, %(promised_account_id)s, %(account_id)s,
    %(valid_from)s, %(valid_until)s, %(valid_until)s, %(granted_by)s, %(now)s
)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: vouchers
SELECT v.id, v.request_hash, p.name AS programme, p.organisation_id AS programme_organisation_id,
    p.currency, v.version, v.organisation_id, o.name AS organisation, v.granted_micros,
    v.tranche_micros, v.returned_micros, v.promised_account_id, v.account_id, v.valid_from,
    v.valid_until, v.state, v.granted_at
FROM programmes.voucher AS v
JOIN programmes.programme AS p ON p.id = v.programme_id
JOIN parties.organisation AS o ON o.id = v.organisation_id
WHERE (%(id)s::uuid IS NULL OR v.id = %(id)s)
    AND (%(organisation_id)s::uuid IS NULL OR v.organisation_id = %(organisation_id)s)
    AND (
        %(programme_organisation_id)s::uuid IS NULL
        OR p.organisation_id = %(programme_organisation_id)s
    )
    AND (%(programme)s::text IS NULL OR p.name = %(programme)s)
    AND (%(before)s::uuid IS NULL OR v.id < %(before)s)
ORDER BY v.id DESC
LIMIT %(limit)s;

-- name: lock_voucher
SELECT id, account_id, promised_account_id, tranche_micros, valid_until, state
FROM programmes.voucher
WHERE id = %(id)s
FOR NO KEY UPDATE;

-- name: lock_vouchers_due
SELECT v.id, v.account_id, v.promised_account_id, v.valid_until, v.returned_micros,
    p.pot_account_id
FROM programmes.voucher AS v
JOIN programmes.programme AS p ON p.id = v.programme_id
WHERE v.state <> 'closed' AND v.due_at <= %(now)s
ORDER BY v.due_at, v.id
LIMIT %(limit)s
FOR NO KEY UPDATE OF v SKIP LOCKED;

-- name: note_end
UPDATE programmes.voucher
SET state = %(state)s, due_at = %(due_at)s, returned_micros = returned_micros + %(returned)s
WHERE id = %(id)s;

-- name: payers
SELECT v.id, v.organisation_id, v.version, v.account_id, v.promised_account_id, v.valid_from,
    v.valid_until, v.state, p.id AS programme_id, p.name AS programme, p.currency,
    granted.document, granted.document_sha256, latest.version AS latest_version,
    latest.document AS latest_document, coalesce(caps.caps, '{}') AS caps
FROM unnest(%(organisation_ids)s::uuid[]) AS party (id)
CROSS JOIN LATERAL (
    SELECT *
    FROM programmes.voucher AS each
    WHERE each.organisation_id = party.id AND each.valid_until > %(remembered_from)s
    ORDER BY each.state = 'open' DESC, each.valid_until, each.id
    LIMIT %(limit)s
) AS v
JOIN programmes.programme AS p ON p.id = v.programme_id
JOIN programmes.version AS granted
    ON granted.programme_id = v.programme_id AND granted.version = v.version
JOIN programmes.version AS latest
    ON latest.programme_id = v.programme_id AND latest.version = p.version
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(
        c.period, jsonb_build_array(c.account_id, c.credited_micros)
    ) AS caps
    FROM programmes.cap AS c
    WHERE c.organisation_id = v.organisation_id AND c.programme_id = v.programme_id
        AND (c.period_end IS NULL OR c.period_end > %(now)s)
) AS caps ON true
WHERE %(programme)s::text IS NULL OR p.name = %(programme)s
ORDER BY v.state = 'open' DESC, v.valid_until, v.id;

-- name: add_cap
INSERT INTO programmes.cap (
    programme_id, organisation_id, period, period_end, account_id, credited_micros, opened_at
)
VALUES (
    %(programme_id)s, %(organisation_id)s, %(period)s, %(period_end)s, %(account_id)s, 0, %(now)s
)
ON CONFLICT (organisation_id, programme_id, period) DO NOTHING;

-- name: lock_cap
SELECT credited_micros
FROM programmes.cap
WHERE organisation_id = %(organisation_id)s AND programme_id = %(programme_id)s
    AND period = %(period)s
FOR NO KEY UPDATE;

-- name: set_cap_credited
UPDATE programmes.cap
SET credited_micros = %(credited_micros)s
WHERE organisation_id = %(organisation_id)s AND programme_id = %(programme_id)s
    AND period = %(period)s;
