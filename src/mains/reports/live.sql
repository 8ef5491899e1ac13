-- name: vouchers
SELECT p.currency AS unit, sum(v.granted_micros) AS micros, count(*) AS number
FROM programmes.voucher AS v
JOIN programmes.programme AS p ON p.id = v.programme_id
GROUP BY p.currency
ORDER BY p.currency;

-- What left vouchers for charges: neither promised, nor released, nor back in the pot.
-- name: vouchers_spent
SELECT p.currency AS unit, sum(
    v.granted_micros - v.returned_micros - (promised.credits - promised.debits)
    - (released.credits - released.debits)
) AS micros, count(*) AS number
FROM programmes.voucher AS v
JOIN programmes.programme AS p ON p.id = v.programme_id
JOIN ledger.account AS promised ON promised.id = v.promised_account_id
JOIN ledger.account AS released ON released.id = v.account_id
GROUP BY p.currency
ORDER BY p.currency;

-- name: programmes
SELECT p.currency AS unit, sum(v.pot_micros) AS micros, count(*) AS number
FROM programmes.programme AS p
JOIN programmes.version AS v ON v.programme_id = p.id AND v.version = p.version
GROUP BY p.currency
ORDER BY p.currency;

-- name: users
SELECT count(*) AS number FROM parties.person;

-- name: companies
SELECT count(*) AS number FROM parties.organisation WHERE type = 'firm';

-- name: funding
SELECT count(*) AS number FROM reports.draft WHERE kind = 'funding' AND state = 'completed';
