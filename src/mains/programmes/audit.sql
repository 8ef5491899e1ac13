-- A programme's grants, less what came back, never exceed its appropriation.
-- name: grants_within_appropriation
SELECT p.name AS programme, v.pot_micros, coalesce(g.granted_micros, 0) AS granted_micros
FROM programmes.programme AS p
JOIN programmes.version AS v ON v.programme_id = p.id AND v.version = p.version
LEFT JOIN (
    SELECT programme_id, sum(granted_micros - returned_micros) AS granted_micros
    FROM programmes.voucher
    GROUP BY programme_id
) AS g ON g.programme_id = p.id
WHERE g.granted_micros > v.pot_micros;

-- A pot holds its appropriation less its grants, to the unit.
-- name: pot_is_appropriation_less_grants
SELECT p.name AS programme, a.credits - a.debits AS in_pot_micros,
    v.pot_micros - coalesce(g.granted_micros, 0) AS expected_micros
FROM programmes.programme AS p
JOIN programmes.version AS v ON v.programme_id = p.id AND v.version = p.version
JOIN ledger.account AS a ON a.id = p.pot_account_id
LEFT JOIN (
    SELECT programme_id, sum(granted_micros - returned_micros) AS granted_micros
    FROM programmes.voucher
    GROUP BY programme_id
) AS g ON g.programme_id = p.id
WHERE a.credits - a.debits <> v.pot_micros - coalesce(g.granted_micros, 0);

-- What left a voucher's promises and came back to its pot or was released adds up to its grant.
-- name: voucher_amount_is_in_one_place
SELECT v.id AS voucher, v.granted_micros, promised.credits AS promised_micros
FROM programmes.voucher AS v
JOIN ledger.account AS promised ON promised.id = v.promised_account_id
JOIN ledger.account AS released ON released.id = v.account_id
WHERE promised.credits <> v.granted_micros
    OR promised.pending <> 0
    OR v.returned_micros < promised.debits - released.credits
    OR released.credits > promised.debits;

-- The accounts of a programme and its vouchers are of its currency and of the kinds they should be.
-- name: accounts_of_one_currency
SELECT a.id AS account, a.kind, a.unit, p.name AS programme
FROM programmes.programme AS p
JOIN (
    SELECT id AS programme_id, pot_account_id AS account_id, 'pot' AS kind
    FROM programmes.programme
    UNION ALL
    SELECT programme_id, promised_account_id, 'pot' FROM programmes.voucher
    UNION ALL
    SELECT programme_id, account_id, 'voucher' FROM programmes.voucher
    UNION ALL
    SELECT programme_id, account_id, 'cap' FROM programmes.cap
) AS named ON named.programme_id = p.id
JOIN ledger.account AS a ON a.id = named.account_id
WHERE a.unit <> p.currency OR a.kind::text <> named.kind;

-- Subsidy per organisation and period stays within the greatest cap that a version ever set.
-- name: cap_within_document
SELECT p.name AS programme, c.organisation_id, c.period, c.credited_micros, greatest.cap_micros
FROM programmes.cap AS c
JOIN programmes.programme AS p ON p.id = c.programme_id
JOIN ledger.account AS a ON a.id = c.account_id
JOIN LATERAL (
    SELECT max(v.cap_micros) AS cap_micros
    FROM programmes.version AS v
    WHERE v.programme_id = c.programme_id
) AS greatest ON true
WHERE c.credited_micros > coalesce(greatest.cap_micros, 0)
    OR a.debits + a.pending > a.credits
    OR c.credited_micros > a.credits;

-- A voucher lies within the validity of the version it was granted under, and pays in its own.
-- name: voucher_within_its_version
SELECT v.id AS voucher, v.version, p.name AS programme
FROM programmes.voucher AS v
JOIN programmes.programme AS p ON p.id = v.programme_id
JOIN programmes.version AS under
    ON under.programme_id = v.programme_id AND under.version = v.version
WHERE v.valid_until > (
    ((under.document::jsonb -> 'valid' ->> 'until')::date + 1)::timestamp AT TIME ZONE p.time_zone
)
OR v.version > p.version;

-- An ended voucher keeps nothing that no hold keeps pending, once it was looked at again.
-- name: ended_voucher_is_empty
SELECT v.id AS voucher, v.state,
    promised.credits - promised.debits AS promised_micros,
    released.credits - released.debits - released.pending AS released_micros
FROM programmes.voucher AS v
JOIN ledger.account AS promised ON promised.id = v.promised_account_id
JOIN ledger.account AS released ON released.id = v.account_id
WHERE (v.state <> 'open' AND promised.credits > promised.debits)
    OR (v.state = 'closed' AND released.credits > released.debits);

-- The current version is the latest, versions leave no gap, and each document has its hash.
-- name: versions_are_in_order
SELECT p.name AS programme, p.version, count(v.version) AS versions
FROM programmes.programme AS p
LEFT JOIN programmes.version AS v ON v.programme_id = p.id
GROUP BY p.id, p.name, p.version
HAVING count(v.version) <> p.version
    OR max(v.version) <> p.version
    OR bool_or(
        'sha256:' || encode(sha256(convert_to(v.document, 'UTF8')), 'hex') <> v.document_sha256
    );
