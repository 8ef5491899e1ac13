-- The sides of every entry are accounts of one unit, so money sums to zero in each unit.
-- name: money_sums_to_zero
SELECT e.seq, e.kind, e.debit, d.unit AS debit_unit, e.credit, c.unit AS credit_unit
FROM ledger.entry AS e
LEFT JOIN ledger.account AS d ON d.id = e.debit
LEFT JOIN ledger.account AS c ON c.id = e.credit
WHERE d.id IS NULL OR (e.credit IS NOT NULL AND c.unit IS DISTINCT FROM d.unit)
ORDER BY e.seq;

-- The counters of every limited account equal a replay of its entries; others have none.
-- name: counters_equal_replay
SELECT
    a.id AS account_id, a.kind, a.credits, a.debits, a.pending,
    coalesce(r.credits, 0) AS replayed_credits, coalesce(r.debits, 0) AS replayed_debits,
    coalesce(r.pending, 0) AS replayed_pending
FROM ledger.account AS a
LEFT JOIN (
    SELECT s.account_id, sum(s.credits) AS credits, sum(s.debits) AS debits,
        sum(s.pending) AS pending
    FROM ledger.entry AS e
    CROSS JOIN LATERAL (VALUES
        (e.debit,
            CASE e.kind WHEN 'refund' THEN -e.posted ELSE 0 END,
            CASE e.kind WHEN 'refund' THEN 0 ELSE e.posted END,
            e.pending),
        (e.credit,
            CASE e.kind WHEN 'refund' THEN 0 ELSE e.posted END,
            CASE e.kind WHEN 'refund' THEN -e.posted ELSE 0 END,
            0::bigint)
    ) AS s (account_id, credits, debits, pending)
    GROUP BY s.account_id
) AS r ON r.account_id = a.id
WHERE (a.credits, a.debits, a.pending) IS DISTINCT FROM (
    CASE WHEN a.limited THEN coalesce(r.credits, 0) ELSE 0 END,
    CASE WHEN a.limited THEN coalesce(r.debits, 0) ELSE 0 END,
    CASE WHEN a.limited THEN coalesce(r.pending, 0) ELSE 0 END
)
ORDER BY a.id;

-- No limited account was exceeded at the end of any transaction; seq is their order per account.
-- name: no_account_exceeded_at_any_commit
SELECT x.account_id, x.seq, x.xid::text AS xid, x.room
FROM (
    SELECT
        s.account_id, e.seq, e.xid,
        sum(s.change) OVER (PARTITION BY s.account_id ORDER BY e.seq) AS room,
        lead(e.xid) OVER (PARTITION BY s.account_id ORDER BY e.seq) AS xid_next
    FROM ledger.entry AS e
    CROSS JOIN LATERAL (VALUES
        (e.debit, -e.posted - e.pending), (e.credit, e.posted)
    ) AS s (account_id, change)
    JOIN ledger.account AS a ON a.id = s.account_id AND a.limited
) AS x
WHERE x.room < 0 AND x.xid IS DISTINCT FROM x.xid_next
ORDER BY x.seq;

-- Each leg of a hold has held what it has captured, released and still promises; a closed hold
-- promises nothing any more.
-- name: held_is_captured_and_released
SELECT
    l.hold_id, l.account_id, h.state, l.amount, d.captured AS drawn, e.held, e.captured,
    e.refunded, e.released
FROM ledger.leg AS l
JOIN ledger.hold AS h ON h.id = l.hold_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(
        CASE WHEN l.payer < 0 THEN d.charged ELSE d.captured[l.payer + 1] END
    ), 0) AS captured
    FROM ledger.draw AS d WHERE d.hold_id = l.hold_id
) AS d
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(e.pending) FILTER (WHERE e.kind = 'hold'), 0) AS held,
        coalesce(sum(e.posted) FILTER (WHERE e.kind = 'capture'), 0) AS captured,
        coalesce(sum(e.posted) FILTER (WHERE e.kind = 'refund'), 0) AS refunded,
        coalesce(-sum(e.pending) FILTER (WHERE e.kind = 'release'), 0) AS released
    FROM ledger.entry AS e
    WHERE e.hold_id = l.hold_id
        AND l.account_id = CASE e.kind WHEN 'refund' THEN e.credit ELSE e.debit END
) AS e
WHERE e.held <> l.amount + e.refunded
    OR e.captured - e.refunded <> d.captured
    OR e.released <> CASE h.state WHEN 'closed' THEN l.amount - d.captured ELSE 0 END
ORDER BY l.hold_id, l.account_id;

-- What all draws of a hold charged exceeds neither its ceiling nor any payer's amount.
-- name: charge_within_hold
SELECT h.id AS hold_id, p.payer - 1 AS payer, p.amount, p.charged, h.ceiling, t.charged AS total
FROM ledger.hold AS h
CROSS JOIN LATERAL (
    SELECT coalesce(sum(d.charged), 0) AS charged FROM ledger.draw AS d WHERE d.hold_id = h.id
) AS t
CROSS JOIN LATERAL (
    SELECT a.payer, a.amount, (
        SELECT coalesce(sum(d.captured[a.payer]), 0) FROM ledger.draw AS d WHERE d.hold_id = h.id
    ) AS charged
    FROM unnest(h.amounts) WITH ORDINALITY AS a (amount, payer)
) AS p
WHERE p.charged > p.amount OR t.charged > h.ceiling
ORDER BY h.id, p.payer;

-- The shares of every draw equal the formula on its metered cost.
-- name: split_equals_formula
SELECT d.id AS draw_id, d.hold_id, d.metered, d.captured, s.expected
FROM ledger.draw AS d
JOIN ledger.hold AS h ON h.id = d.hold_id
CROSS JOIN LATERAL (
    SELECT ledger.split(least(d.metered, d.ceiling)::bigint, d.rates, d.ceilings, h.mode)
        AS expected
) AS s
WHERE d.state <> 'absorbed' AND d.captured <> s.expected
ORDER BY d.id;

-- What a hold says of its draws is the sum of its draws.
-- name: hold_equals_its_draws
SELECT h.id AS hold_id, h.state, h.draws_open, h.reserved, h.captured, h.reserved_total,
    h.captured_total
FROM ledger.hold AS h
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE d.state = 'open') AS draws_open,
        coalesce(sum(d.ceiling) FILTER (WHERE d.state = 'open'), 0) AS reserved,
        coalesce(sum(d.charged) FILTER (WHERE d.state <> 'open'), 0) AS captured
    FROM ledger.draw AS d WHERE d.hold_id = h.id
) AS t
WHERE (h.draws_open, h.reserved_total, h.captured_total)
        IS DISTINCT FROM (t.draws_open, t.reserved, t.captured)
    OR EXISTS (
        SELECT 1
        FROM unnest(h.reserved, h.captured) WITH ORDINALITY AS p (reserved, captured, payer)
        CROSS JOIN LATERAL (
            SELECT
                coalesce(sum(d.ceilings[p.payer]) FILTER (WHERE d.state = 'open'), 0) AS reserved,
                coalesce(sum(d.captured[p.payer]) FILTER (WHERE d.state <> 'open'), 0) AS captured
            FROM ledger.draw AS d WHERE d.hold_id = h.id
        ) AS s
        WHERE (p.reserved, p.captured) IS DISTINCT FROM (s.reserved, s.captured)
    )
ORDER BY h.id;

-- A closed hold has no open draw.
-- name: closed_hold_has_no_open_draw
SELECT d.hold_id, d.id AS draw_id FROM ledger.draw AS d
JOIN ledger.hold AS h ON h.id = d.hold_id
WHERE h.state = 'closed' AND d.state = 'open'
ORDER BY d.id;

-- A draw says what its entries say: charged is captured less refunded, overrun is noted.
-- name: draw_equals_its_entries
SELECT d.id AS draw_id, d.hold_id, d.charged, d.overrun, e.charged AS posted_charged,
    e.overrun AS posted_overrun
FROM ledger.draw AS d
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(e.posted) FILTER (WHERE e.kind = 'capture' AND l.money), 0)
            - coalesce(sum(e.posted) FILTER (WHERE e.kind = 'refund' AND l.money), 0) AS charged,
        coalesce(sum(e.posted) FILTER (WHERE e.kind IN ('overrun', 'absorb')), 0) AS overrun
    FROM ledger.entry AS e
    LEFT JOIN ledger.leg AS l ON l.hold_id = e.hold_id
        AND l.account_id = CASE e.kind WHEN 'refund' THEN e.credit ELSE e.debit END
    WHERE e.hold_id = d.hold_id AND e.draw_id = d.id
) AS e
WHERE (d.charged, d.overrun) IS DISTINCT FROM (e.charged, e.overrun)
    OR (SELECT sum(x) FROM unnest(d.captured) AS x) <> d.charged
ORDER BY d.id;

-- A draw stands where its last effective reading put it.
-- name: draw_equals_its_events
SELECT d.id AS draw_id, d.sequence_last, d.metered, d.late, u.sequence, u.cost
FROM ledger.draw AS d
LEFT JOIN LATERAL (
    SELECT max(u.sequence) AS sequence, max(u.cost) AS cost
    FROM ledger.usage_event AS u
    WHERE u.draw_id = d.id AND u.outcome IN ('captured', 'late')
) AS u ON true
WHERE d.sequence_last <> coalesce(u.sequence, 0) OR d.metered + d.late <> coalesce(u.cost, 0)
ORDER BY d.id;

-- Every reading moved exactly what its meter had grown by, once; nothing moved without one.
-- name: one_event_one_effect
SELECT coalesce(u.draw_id, e.draw_id) AS draw_id, coalesce(u.sequence, e.sequence) AS sequence,
    u.outcome, u.grown, e.posted
FROM (
    SELECT u.draw_id, u.sequence, u.outcome,
        CASE WHEN u.outcome = 'stale' THEN 0 ELSE u.cost - coalesce(lag(u.cost) OVER (
            PARTITION BY u.draw_id, u.outcome = 'stale' ORDER BY u.sequence
        ), 0) END AS grown
    FROM ledger.usage_event AS u
) AS u
FULL JOIN (
    SELECT e.draw_id, e.sequence, sum(e.posted) AS posted
    FROM ledger.entry AS e
    JOIN ledger.account AS a ON a.id = e.debit AND a.kind <> 'cap'
    WHERE e.kind = 'capture' OR e.sequence IS NOT NULL
    GROUP BY e.draw_id, e.sequence
) AS e ON e.draw_id = u.draw_id AND e.sequence = u.sequence
WHERE u.draw_id IS NULL OR u.grown <> coalesce(e.posted, 0)
ORDER BY 1, 2;

-- A hold closes once: after its release it neither promises nor pays, nor is it released again.
-- name: hold_closes_once
SELECT e.hold_id, e.seq, e.kind, e.debit, e.xid::text AS xid
FROM ledger.entry AS e
JOIN (
    SELECT DISTINCT ON (r.hold_id) r.hold_id, r.seq, r.xid
    FROM ledger.entry AS r WHERE r.kind = 'release' ORDER BY r.hold_id, r.seq
) AS closing ON closing.hold_id = e.hold_id
WHERE (e.kind IN ('hold', 'capture', 'refund') AND e.seq > closing.seq)
    OR (e.kind = 'release' AND e.xid <> closing.xid)
    OR (SELECT h.state FROM ledger.hold AS h WHERE h.id = e.hold_id) = 'open'
ORDER BY e.seq;

-- Every transfer has one entry, and every transferring entry its transfer.
-- name: transfer_equals_its_entry
SELECT coalesce(t.id, e.txn) AS transfer_id, t.debit, t.credit, t.amount, e.entries,
    e.posted
FROM ledger.transfer AS t
FULL JOIN (
    SELECT e.txn, count(*) AS entries, min(e.debit) AS debit, min(e.credit) AS credit,
        sum(e.posted) AS posted
    FROM ledger.entry AS e WHERE e.kind = 'transfer' GROUP BY e.txn
) AS e ON e.txn = t.id
WHERE (t.debit, t.credit, t.amount, 1) IS DISTINCT FROM (e.debit, e.credit, e.posted, e.entries)
ORDER BY 1;

-- Every leg of a hold is a limited account of the hold's unit.
-- name: legs_are_limited_accounts
SELECT l.hold_id, l.account_id, h.unit, a.unit AS account_unit, a.kind
FROM ledger.leg AS l
JOIN ledger.hold AS h ON h.id = l.hold_id
LEFT JOIN ledger.account AS a ON a.id = l.account_id
WHERE a.id IS NULL OR NOT a.limited OR a.unit <> h.unit OR (a.kind <> 'cap') <> l.money
ORDER BY l.hold_id, l.account_id;
