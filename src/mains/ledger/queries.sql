-- name: open_account
SELECT ledger.open_account(
    %(kind)s::ledger.account_kind, %(unit)s, %(owner_id)s::uuid, %(scope)s, %(limited)s, %(now)s
) AS id;

-- name: transfer
SELECT outcome, short_by, available FROM ledger.transfer(
    %(id)s, %(debit)s::bigint, %(credit)s::bigint, %(amount)s::bigint, %(reason)s,
    %(actor_id)s::uuid, %(now)s
);

-- name: rooms
SELECT
    id, credits::bigint, debits::bigint, pending::bigint,
    CASE WHEN limited THEN credits - debits - pending END AS available
FROM ledger.account WHERE id = ANY (%(ids)s::bigint[]);

-- name: place
SELECT hold_id, outcome, short_account, short_needed, short_available FROM ledger.place(
    %(ids)s::uuid[], %(hashes)s::bytea[], %(organisations)s::uuid[], %(units)s::text[],
    %(ceilings)s::bigint[], %(modes)s::text[], %(amounts)s::text[], %(accounts)s::text[],
    %(payers)s::text[], %(expiries)s::timestamptz[], %(actors)s::uuid[], %(now)s
);

-- name: open_draws
SELECT draw_id, outcome FROM ledger.open_draws(
    %(ids)s::uuid[], %(holds)s::uuid[], %(rates)s::text[], %(payer_ceilings)s::text[],
    %(ceilings)s::bigint[], %(payables)s::bigint[], %(now)s
);

-- name: capture
SELECT draw_id, outcome, charged, overrun FROM ledger.capture(
    %(draws)s::uuid[], %(sequences)s::bigint[], %(hashes)s::bytea[], %(costs)s::bigint[],
    %(finals)s::boolean[], %(hold_finals)s::boolean[], %(now)s
);

-- name: close_draws
SELECT draw_id, outcome FROM ledger.close_draws(
    %(ids)s::uuid[], %(absorbs)s::boolean[], %(now)s
);

-- name: close_holds
SELECT hold_id, outcome FROM ledger.close_holds(%(ids)s::uuid[], %(reason)s, %(now)s);

-- name: expire
SELECT ledger.expire(%(now)s, %(limit)s::integer) AS ids;

-- name: hold
SELECT
    id, organisation_id, unit, mode, ceiling::bigint, state, captured_total::bigint,
    placed_at, expires_at, closed_at, close_reason
FROM ledger.hold WHERE id = %(id)s;

-- name: hold_legs
SELECT
    l.account_id, a.kind, a.scope, l.payer, l.money, l.amount,
    coalesce((
        SELECT sum(CASE e.kind WHEN 'refund' THEN -e.posted ELSE e.posted END)
        FROM ledger.entry AS e
        WHERE e.hold_id = l.hold_id
            AND (e.kind, l.account_id) IN (('capture', e.debit), ('refund', e.credit))
    ), 0)::bigint AS captured
FROM ledger.leg AS l JOIN ledger.account AS a ON a.id = l.account_id
WHERE l.hold_id = %(id)s ORDER BY l.ordinal;

-- name: hold_draws
SELECT
    id, state, rates, ceilings, ceiling::bigint, payable_id, captured, charged::bigint,
    (metered + late)::bigint AS metered, overrun::bigint, opened_at, closed_at
FROM ledger.draw WHERE hold_id = %(id)s ORDER BY opened_at, id;

-- name: hold_entries
SELECT seq, txn, hold_id, draw_id, sequence, kind, debit, credit, pending, posted, reason, at
FROM ledger.entry WHERE hold_id = %(id)s ORDER BY seq;

-- name: account_entries
SELECT seq, txn, hold_id, draw_id, sequence, kind, debit, credit, pending, posted, reason, at
FROM (
    (SELECT * FROM ledger.entry
     WHERE debit = %(account)s AND seq < %(before)s ORDER BY seq DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT * FROM ledger.entry
     WHERE credit = %(account)s AND seq < %(before)s ORDER BY seq DESC LIMIT %(limit)s)
) AS e
ORDER BY seq DESC LIMIT %(limit)s;

-- name: accounts_of
SELECT
    id, kind, unit, scope, credits::bigint, debits::bigint, pending::bigint,
    credits - debits - pending AS available
FROM ledger.account WHERE owner_id = %(owner_id)s AND limited
ORDER BY kind, unit, scope;

-- An entry between two accounts of one owner comes twice, and never on two pages.
-- name: owner_entries
SELECT
    e.seq, e.txn, e.hold_id, e.draw_id, e.sequence, e.kind, e.debit, e.credit, e.pending,
    e.posted, e.reason, e.at, a.id AS account_id, a.kind AS account_kind, a.scope, a.unit
FROM ledger.account AS a
CROSS JOIN LATERAL (
    (SELECT * FROM ledger.entry AS x
     WHERE x.debit = a.id AND x.seq < %(before)s ORDER BY x.seq DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT * FROM ledger.entry AS x
     WHERE x.credit = a.id AND x.seq < %(before)s ORDER BY x.seq DESC LIMIT %(limit)s)
) AS e
WHERE a.owner_id = %(owner_id)s AND a.limited
ORDER BY e.seq DESC FETCH FIRST %(limit)s ROWS WITH TIES;
