-- What all migrations together make; written by `python -m mains.db.dump`, for reading.
-- The checks compare it with a freshly migrated database.
CREATE SCHEMA jobs;

CREATE SCHEMA ledger;

CREATE SCHEMA mains_meta;

CREATE SCHEMA metering;

CREATE SCHEMA parties;

CREATE SCHEMA programmes;

CREATE SCHEMA quotes;

CREATE SCHEMA reports;

CREATE SCHEMA sites;

CREATE TYPE ledger.account_kind AS ENUM (
    'own',
    'voucher',
    'pot',
    'cap',
    'world',
    'payable',
    'absorbed',
    'overrun',
    'cap_source',
    'reserve'
);

CREATE TYPE ledger.reading_outcome AS ENUM (
    'captured',
    'stale',
    'late',
    'conflict',
    'decreased',
    'replayed',
    'unknown'
);

CREATE TYPE ledger.decision AS (
	draw_id uuid,
	hold_id uuid,
	payable_id bigint,
	sequence bigint,
	body_hash bytea,
	cost bigint,
	final boolean,
	outcome ledger.reading_outcome,
	before bigint[],
	after bigint[],
	charged_before bigint,
	charged bigint,
	overrun_before bigint,
	overrun bigint
);

CREATE TYPE ledger.draw_state AS ENUM (
    'open',
    'closed',
    'absorbed'
);

CREATE TYPE ledger.entry_kind AS ENUM (
    'transfer',
    'hold',
    'capture',
    'release',
    'refund',
    'overrun',
    'absorb'
);

CREATE TYPE ledger.hold_state AS ENUM (
    'open',
    'closed'
);

CREATE DOMAIN ledger.micros AS bigint
	CONSTRAINT micros_check CHECK (((VALUE >= 0) AND (VALUE <= '4611686018427387904'::bigint)));

CREATE TYPE ledger.move AS (
	txn uuid,
	hold_id uuid,
	draw_id uuid,
	sequence bigint,
	kind ledger.entry_kind,
	debit bigint,
	credit bigint,
	pending bigint,
	posted bigint,
	actor_id uuid,
	reason text
);

CREATE TYPE ledger.payer_mode AS ENUM (
    'ratio',
    'order'
);

CREATE FUNCTION jobs.note_queue_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  insert into jobs.queue_change (job_id) values (new.id);
  return null;
end $$;

CREATE FUNCTION jobs.own_by_tail(tail text) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select id from jobs.job
  where right(id::text, 12) = tail and organisation_id = parties.scope()
$$;

CREATE FUNCTION ledger.absorb(draws uuid[], instant timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    moves ledger.move[];
BEGIN
    WITH refunded AS (
        SELECT d.id, d.hold_id, l.account_id,
            CASE WHEN l.money THEN d.payable_id ELSE a.contra_id END AS payable_id,
            CASE WHEN l.payer < 0 THEN d.charged ELSE d.captured[l.payer + 1] END AS amount
        FROM draw AS d
        JOIN leg AS l ON l.hold_id = d.hold_id
        JOIN account AS a ON a.id = l.account_id
        WHERE d.id = ANY (draws)
    ), moved AS (
        SELECT (r.id, r.hold_id, r.id, NULL, 'refund', r.payable_id, r.account_id, 0, r.amount,
            NULL, NULL)::move AS move
        FROM refunded AS r WHERE r.amount > 0
        UNION ALL
        SELECT (r.id, r.hold_id, r.id, NULL, 'hold', r.account_id, NULL, r.amount, 0,
            NULL, NULL)::move
        FROM refunded AS r WHERE r.amount > 0
        UNION ALL
        SELECT (d.id, d.hold_id, d.id, NULL, 'absorb', o.id, o.contra_id, 0, d.charged,
            NULL, NULL)::move
        FROM draw AS d
        JOIN account AS p ON p.id = d.payable_id
        JOIN account AS o ON o.id = p.contra_id
        WHERE d.id = ANY (draws) AND d.charged > 0
    )
    SELECT array_agg(m.move) INTO moves FROM moved AS m;
    PERFORM post(moves, instant);

    UPDATE hold AS h SET
        captured = minus(h.captured, s.captured),
        captured_total = h.captured_total - s.charged
    FROM (
        SELECT d.hold_id, sum_each(d.captured) AS captured, sum(d.charged)::bigint AS charged
        FROM draw AS d WHERE d.id = ANY (draws) GROUP BY d.hold_id
    ) AS s
    WHERE h.id = s.hold_id;
    UPDATE draw AS d SET
        state = 'absorbed', captured = minus(d.captured, d.captured), charged = 0,
        overrun = d.metered + d.late
    WHERE d.id = ANY (draws);
END $$;

CREATE FUNCTION ledger.account_id(kinds ledger.account_kind, units text, owners uuid, scopes text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    IF owners IS NULL THEN
        RETURN (SELECT a.id FROM account AS a
            WHERE a.owner_id IS NULL AND a.kind = kinds AND a.unit = units AND a.scope = scopes);
    END IF;
    RETURN (SELECT a.id FROM account AS a
        WHERE a.owner_id = owners AND a.kind = kinds AND a.unit = units AND a.scope = scopes);
END $$;

CREATE FUNCTION ledger.capture(draw_ids uuid[], sequences bigint[], hashes bytea[], costs bigint[], finals boolean[], hold_finals boolean[], instant timestamp with time zone) RETURNS TABLE(draw_id uuid, outcome ledger.reading_outcome, charged bigint, overrun bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'ledger', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    decisions ledger.decision[];
    moves ledger.move[];
    ending uuid[];
    locked bigint;
BEGIN
    IF true = ANY (finals) THEN
        PERFORM 1 FROM hold AS h
        WHERE h.id IN (
            SELECT d.hold_id FROM unnest(draw_ids, finals) AS r (id, final)
            JOIN draw AS d ON d.id = r.id WHERE r.final
        )
        ORDER BY h.id FOR NO KEY UPDATE;
    END IF;
    PERFORM 1 FROM draw AS d WHERE d.id = ANY (draw_ids) ORDER BY d.id FOR NO KEY UPDATE;
    GET DIAGNOSTICS locked = ROW_COUNT;
    IF locked < cardinality(draw_ids)
        AND cardinality(draw_ids) > (SELECT count(DISTINCT r) FROM unnest(draw_ids) AS r) THEN
        RAISE EXCEPTION 'a batch names each draw once' USING ERRCODE = 'ML003';
    END IF;
    -- A hold that closes behind its last reading moves what no capture did: all accounts are
    -- locked now and in order, for a second look that began with a lower one might wait in a circle.
    IF true = ANY (finals) THEN
        PERFORM 1 FROM account AS a
        WHERE a.limited AND a.id IN (
            SELECT l.account_id FROM draw AS d JOIN leg AS l ON l.hold_id = d.hold_id
            WHERE d.id = ANY (draw_ids)
        )
        ORDER BY a.id FOR NO KEY UPDATE;
    END IF;
    decisions := decide(draw_ids, sequences, hashes, costs, finals);

    INSERT INTO usage_event
    SELECT c.draw_id, c.sequence, c.body_hash, c.cost, c.final, c.outcome, c.charged, c.overrun,
        instant
    FROM unnest(decisions) AS c WHERE c.outcome IN ('captured', 'stale', 'late');
    INSERT INTO usage_refused
    SELECT c.draw_id, c.sequence, c.body_hash, c.cost, c.outcome, instant
    FROM unnest(decisions) AS c WHERE c.outcome IN ('conflict', 'decreased')
    ON CONFLICT (draw_id, sequence, body_hash) DO NOTHING;

    moves := capture_moves(decisions);
    IF cardinality(moves) > 0 THEN
        PERFORM post(moves, instant);
    END IF;
    UPDATE draw AS d SET
        captured = c.after, charged = c.charged, overrun = c.overrun, sequence_last = c.sequence,
        metered = CASE c.outcome WHEN 'captured' THEN c.cost ELSE d.metered END,
        late = CASE c.outcome WHEN 'late' THEN c.cost - d.metered ELSE d.late END
    FROM unnest(decisions) AS c
    WHERE d.id = c.draw_id AND c.outcome IN ('captured', 'late');

    ending := ARRAY(
        SELECT c.draw_id FROM unnest(decisions) AS c WHERE c.final AND c.outcome = 'captured'
    );
    IF cardinality(ending) > 0 THEN
        PERFORM settle(ending, instant);
        ending := ARRAY(
            SELECT DISTINCT h.id
            FROM unnest(draw_ids, hold_finals) AS r (id, hold_final)
            JOIN draw AS d ON d.id = r.id
            JOIN hold AS h ON h.id = d.hold_id
            WHERE r.hold_final AND r.id = ANY (ending) AND h.draws_open = 0
        );
        IF cardinality(ending) > 0 THEN
            PERFORM release(ending, 'finished', instant);
        END IF;
    END IF;
    RETURN QUERY SELECT c.draw_id, c.outcome, c.charged, c.overrun FROM unnest(decisions) AS c;
END $$;

CREATE FUNCTION ledger.capture_moves(decisions ledger.decision[]) RETURNS ledger.move[]
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN ARRAY(
        SELECT (m.draw_id, m.hold_id, m.draw_id, m.sequence, 'capture', m.account_id,
            m.credit, -m.amount, m.amount, NULL, NULL)::move
        FROM (
            SELECT c.draw_id, c.hold_id, c.sequence, l.account_id,
                CASE WHEN l.money THEN c.payable_id ELSE a.contra_id END AS credit,
                CASE WHEN l.payer < 0 THEN c.charged - c.charged_before
                    ELSE c.after[l.payer + 1] - c.before[l.payer + 1] END AS amount
            FROM unnest(decisions) AS c
            JOIN leg AS l ON l.hold_id = c.hold_id
            JOIN account AS a ON a.id = l.account_id
            WHERE c.outcome = 'captured' AND c.charged > c.charged_before
        ) AS m
        WHERE m.amount > 0
        UNION ALL
        SELECT (c.draw_id, c.hold_id, c.draw_id, c.sequence,
            CASE c.outcome WHEN 'captured' THEN 'overrun' ELSE 'absorb' END::entry_kind,
            o.id, o.contra_id, 0, c.overrun - c.overrun_before, NULL, NULL)::move
        FROM unnest(decisions) AS c
        JOIN account AS p ON p.id = c.payable_id
        JOIN account AS o ON o.id = p.contra_id
        WHERE c.outcome IN ('captured', 'late') AND c.overrun > c.overrun_before
    );
END $$;

CREATE FUNCTION ledger.close_draws(draw_ids uuid[], absorbs boolean[], instant timestamp with time zone) RETURNS TABLE(draw_id uuid, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'ledger', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    outcomes text[];
BEGIN
    PERFORM 1 FROM hold AS h
    WHERE h.id IN (SELECT d.hold_id FROM draw AS d WHERE d.id = ANY (draw_ids))
    ORDER BY h.id FOR NO KEY UPDATE;
    PERFORM 1 FROM draw AS d WHERE d.id = ANY (draw_ids) ORDER BY d.id FOR NO KEY UPDATE;
    outcomes := ARRAY(
        SELECT CASE
            WHEN d.state = 'open' AND NOT r.absorb THEN 'closed'
            WHEN d.state = 'open' THEN 'absorbed'
            WHEN d.state = 'closed' AND r.absorb AND h.state = 'open' THEN 'absorbed'
            WHEN d.state = 'closed' AND r.absorb THEN 'hold_closed'
            WHEN d.id IS NOT NULL THEN 'replayed'
            ELSE 'unknown'
        END
        FROM unnest(draw_ids, absorbs) WITH ORDINALITY AS r (id, absorb, ordinal)
        LEFT JOIN draw AS d ON d.id = r.id
        LEFT JOIN hold AS h ON h.id = d.hold_id
        ORDER BY r.ordinal
    );
    PERFORM settle(ARRAY(
        SELECT d.id FROM draw AS d WHERE d.id = ANY (draw_ids) AND d.state = 'open'
    ), instant);
    PERFORM absorb(ARRAY(
        SELECT r.id FROM unnest(draw_ids, outcomes) AS r (id, outcome)
        WHERE r.outcome = 'absorbed'
    ), instant);
    RETURN QUERY SELECT r.id, r.outcome
    FROM unnest(draw_ids, outcomes) WITH ORDINALITY AS r (id, outcome, ordinal)
    ORDER BY r.ordinal;
END $$;

CREATE FUNCTION ledger.close_holds(hold_ids uuid[], reasons text, instant timestamp with time zone) RETURNS TABLE(hold_id uuid, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'ledger', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    closing uuid[];
BEGIN
    PERFORM 1 FROM hold AS h WHERE h.id = ANY (hold_ids) ORDER BY h.id FOR NO KEY UPDATE;
    SELECT array_agg(h.id) INTO closing FROM hold AS h
    WHERE h.id = ANY (hold_ids) AND h.state = 'open' AND h.draws_open = 0;
    PERFORM release(closing, reasons, instant);
    RETURN QUERY SELECT
        r.id,
        CASE
            WHEN r.id = ANY (closing) THEN 'closed'
            WHEN h.state = 'closed' THEN 'replayed'
            WHEN h.state = 'open' THEN 'draws_open'
            ELSE 'unknown'
        END
    FROM unnest(hold_ids) WITH ORDINALITY AS r (id, ordinal)
    LEFT JOIN hold AS h ON h.id = r.id
    ORDER BY r.ordinal;
END $$;

CREATE FUNCTION ledger.decide(draw_ids uuid[], sequences bigint[], hashes bytea[], costs bigint[], finals boolean[]) RETURNS ledger.decision[]
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN ARRAY(
        SELECT (
            r.draw_id, d.hold_id, d.payable_id, r.sequence, r.body_hash, r.cost, r.final,
            o.outcome, d.captured, s.after, d.charged, t.charged, d.overrun,
            CASE o.outcome
                WHEN 'captured' THEN r.cost - t.charged
                WHEN 'late' THEN r.cost - d.charged
                WHEN 'replayed' THEN e.overrun
                ELSE coalesce(d.overrun, 0)
            END
        )::decision
        FROM unnest(draw_ids, sequences, hashes, costs, finals)
            WITH ORDINALITY AS r (draw_id, sequence, body_hash, cost, final, ordinal)
        LEFT JOIN draw AS d ON d.id = r.draw_id
        LEFT JOIN hold AS h ON h.id = d.hold_id
        LEFT JOIN usage_event AS e ON e.draw_id = r.draw_id AND e.sequence = r.sequence
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN d.id IS NULL THEN 'unknown'
                WHEN e.body_hash = r.body_hash THEN 'replayed'
                WHEN e.body_hash IS NOT NULL THEN 'conflict'
                WHEN r.sequence < d.sequence_last AND r.cost <= d.metered + d.late THEN 'stale'
                WHEN r.sequence < d.sequence_last THEN 'decreased'
                WHEN r.cost < d.metered + d.late THEN 'decreased'
                WHEN d.state <> 'open' THEN 'late'
                ELSE 'captured'
            END::reading_outcome AS outcome
        ) AS o
        CROSS JOIN LATERAL (
            SELECT CASE o.outcome
                WHEN 'captured' THEN split(least(r.cost, d.ceiling), d.rates, d.ceilings, h.mode)
                ELSE d.captured
            END AS after
        ) AS s
        CROSS JOIN LATERAL (
            SELECT CASE o.outcome
                WHEN 'captured' THEN total(s.after)
                WHEN 'replayed' THEN e.charged
                ELSE coalesce(d.charged, 0)
            END AS charged
        ) AS t
        ORDER BY r.ordinal
    );
END $$;

CREATE FUNCTION ledger.entry_valid(kind ledger.entry_kind, debit bigint, credit bigint, pending bigint, posted bigint) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN (posted > 0) = (credit IS NOT NULL) AND debit IS DISTINCT FROM credit
        AND CASE kind
            WHEN 'hold' THEN pending > 0 AND posted = 0
            WHEN 'release' THEN pending < 0 AND posted = 0
            WHEN 'capture' THEN pending = -posted AND posted > 0
            ELSE pending = 0 AND posted > 0
        END;
END $$;

CREATE FUNCTION ledger.expire(instant timestamp with time zone, maximum integer) RETURNS uuid[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'ledger', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    closing uuid[];
BEGIN
    SELECT array_agg(x.id) INTO closing FROM (
        SELECT h.id FROM hold AS h
        WHERE h.state = 'open' AND h.expires_at <= instant AND h.draws_open = 0
        ORDER BY h.expires_at LIMIT maximum
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS x;
    PERFORM release(closing, 'expired', instant);
    RETURN coalesce(closing, '{}');
END $$;

CREATE FUNCTION ledger.hold_closed(state ledger.hold_state, closed_at timestamp with time zone, close_reason text, draws_open integer) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    IF state = 'open' THEN
        RETURN closed_at IS NULL AND close_reason IS NULL AND draws_open >= 0;
    END IF;
    RETURN closed_at IS NOT NULL AND close_reason IS NOT NULL AND draws_open = 0;
END $$;

CREATE FUNCTION ledger.legs_valid(amounts bigint[], accounts bigint[], payers smallint[], money boolean[]) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    paying integer[] := array_fill(0, ARRAY[cardinality(amounts)]);
BEGIN
    IF cardinality(amounts) = 0 OR cardinality(payers) <> cardinality(accounts)
        OR cardinality(money) <> cardinality(accounts) THEN
        RETURN false;
    END IF;
    FOR i IN 1 .. cardinality(accounts) LOOP
        IF money[i] IS NULL OR payers[i] NOT BETWEEN -1 AND cardinality(amounts) - 1
            OR (money[i] AND payers[i] < 0)
            OR accounts[i] = ANY (accounts[:i - 1]) THEN
            RETURN false;
        END IF;
        IF money[i] THEN
            paying[payers[i] + 1] := paying[payers[i] + 1] + 1;
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(amounts) LOOP
        IF amounts[i] IS NULL OR amounts[i] NOT BETWEEN 0 AND 4611686018427387904
            OR paying[i] > 1 OR (amounts[i] > 0 AND paying[i] = 0) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END $$;

CREATE FUNCTION ledger.minus(minuend bigint[], subtrahend bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
BEGIN
    FOR i IN 1 .. cardinality(minuend) LOOP
        minuend[i] := minuend[i] - subtrahend[i];
    END LOOP;
    RETURN minuend;
END $$;

CREATE FUNCTION ledger.open_account(kinds ledger.account_kind, units text, owners uuid, scopes text, is_limited boolean, instant timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'ledger', 'pg_temp'
    AS $$
DECLARE
    result bigint := account_id(kinds, units, owners, scopes);
    contra bigint;
BEGIN
    IF result IS NOT NULL THEN
        RETURN result;
    END IF;
    contra := CASE
        WHEN kinds = 'cap' THEN
            open_account('reserve', units, NULL, '', false, instant)
        WHEN kinds = 'payable' THEN
            open_account('overrun', units, owners, scopes, false, instant)
        WHEN kinds IN ('own', 'voucher', 'pot') THEN
            open_account('overrun', units, NULL, '', false, instant)
        WHEN kinds = 'overrun' THEN
            open_account('absorbed', units, owners, scopes, false, instant)
    END;
    INSERT INTO account (kind, unit, owner_id, scope, limited, contra_id, opened_at)
    VALUES (kinds, units, owners, scopes, is_limited, contra, instant)
    ON CONFLICT (owner_id, kind, unit, scope) DO NOTHING;
    RETURN account_id(kinds, units, owners, scopes);
END $$;

CREATE FUNCTION ledger.open_draws(draw_ids uuid[], hold_ids uuid[], payer_rates text[], payer_ceilings text[], ceilings_whole bigint[], payables bigint[], instant timestamp with time zone) RETURNS TABLE(draw_id uuid, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'ledger', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    fresh uuid[];
    fits boolean;
    fitting boolean;
    malformed uuid;
BEGIN
    PERFORM 1 FROM hold AS h WHERE h.id = ANY (hold_ids) ORDER BY h.id FOR NO KEY UPDATE;
    WITH inserted AS (
        INSERT INTO draw (
            id, hold_id, rates, ceilings, ceiling, payable_id, captured, opened_at
        )
        SELECT
            r.id, r.hold_id, r.rates::integer[], r.ceilings::bigint[], r.ceiling, r.payable_id,
            array_fill(0::bigint, ARRAY[cardinality(r.ceilings::bigint[])]), instant
        FROM unnest(
            draw_ids, hold_ids, payer_rates, payer_ceilings, ceilings_whole, payables
        ) AS r (id, hold_id, rates, ceilings, ceiling, payable_id)
        ORDER BY r.id
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    )
    SELECT array_agg(id) INTO fresh FROM inserted;

    SELECT d.id INTO malformed
    FROM draw AS d
    JOIN hold AS h ON h.id = d.hold_id
    JOIN account AS a ON a.id = d.payable_id
    WHERE d.id = ANY (fresh) AND (
        cardinality(d.ceilings) <> cardinality(h.amounts)
        OR a.unit <> h.unit
        OR a.kind NOT IN ('payable', 'own', 'voucher', 'pot')
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'draw % does not have the payers or the unit of its hold', malformed
            USING ERRCODE = 'ML004';
    END IF;

    SELECT bool_and(
        h.state = 'open'
        AND within(h.amounts, plus(h.reserved, n.ceilings), h.captured)
        AND n.ceiling <= h.ceiling - h.reserved_total - h.captured_total
    ) INTO fits
    FROM (
        SELECT d.hold_id, sum_each(d.ceilings) AS ceilings, sum(d.ceiling) AS ceiling
        FROM draw AS d WHERE d.id = ANY (fresh) GROUP BY d.hold_id
    ) AS n
    JOIN hold AS h ON h.id = n.hold_id;

    IF cardinality(fresh) = cardinality(draw_ids) AND fits THEN
        UPDATE hold AS h SET
            reserved = plus(h.reserved, n.ceilings),
            reserved_total = h.reserved_total + n.ceiling,
            draws_open = h.draws_open + n.draws
        FROM (
            SELECT d.hold_id, sum_each(d.ceilings) AS ceilings, sum(d.ceiling)::bigint AS ceiling,
                count(*)::integer AS draws
            FROM draw AS d WHERE d.id = ANY (fresh) GROUP BY d.hold_id
        ) AS n
        WHERE h.id = n.hold_id;
        RETURN QUERY SELECT r.id, 'opened'
            FROM unnest(draw_ids) WITH ORDINALITY AS r (id, ordinal) ORDER BY r.ordinal;
        RETURN;
    END IF;
    IF cardinality(draw_ids) > (SELECT count(DISTINCT r) FROM unnest(draw_ids) AS r) THEN
        RAISE EXCEPTION 'a batch names each draw once' USING ERRCODE = 'ML003';
    END IF;
    RETURN QUERY
    WITH short AS MATERIALIZED (
        SELECT s.* FROM open_in_order(ARRAY(
            SELECT r.id FROM unnest(draw_ids) WITH ORDINALITY AS r (id, ordinal)
            WHERE r.id = ANY (fresh) ORDER BY r.ordinal
        )) AS s
    )
    SELECT
        r.id,
        CASE
            WHEN s.draw_id IS NOT NULL THEN s.outcome
            WHEN r.id = ANY (fresh) THEN 'opened'
            WHEN (d.hold_id, d.rates, d.ceilings, d.ceiling, d.payable_id) = (
                r.hold_id, r.rates::integer[], r.ceilings::bigint[], r.ceiling, r.payable_id
            ) THEN 'replayed'
            ELSE 'conflict'
        END
    FROM unnest(
        draw_ids, hold_ids, payer_rates, payer_ceilings, ceilings_whole, payables
    ) WITH ORDINALITY AS r (id, hold_id, rates, ceilings, ceiling, payable_id, ordinal)
    LEFT JOIN short AS s ON s.draw_id = r.id
    LEFT JOIN draw AS d ON d.id = r.id
    ORDER BY r.ordinal;
END $$;

CREATE FUNCTION ledger.open_in_order(draws uuid[]) RETURNS TABLE(draw_id uuid, outcome text)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    candidate uuid;
BEGIN
    FOREACH candidate IN ARRAY draws LOOP
        UPDATE hold AS h SET
            reserved = plus(h.reserved, d.ceilings),
            reserved_total = h.reserved_total + d.ceiling,
            draws_open = h.draws_open + 1
        FROM draw AS d
        WHERE d.id = candidate AND h.id = d.hold_id AND h.state = 'open'
            AND within(h.amounts, plus(h.reserved, d.ceilings), h.captured)
            AND d.ceiling <= h.ceiling - h.reserved_total - h.captured_total;
        CONTINUE WHEN FOUND;
        SELECT CASE h.state WHEN 'open' THEN 'no_room' ELSE 'hold_closed' END INTO outcome
        FROM draw AS d JOIN hold AS h ON h.id = d.hold_id WHERE d.id = candidate;
        DELETE FROM draw AS d WHERE d.id = candidate;
        draw_id := candidate;
        RETURN NEXT;
    END LOOP;
END $$;

CREATE FUNCTION ledger.place(hold_ids uuid[], hashes bytea[], organisations uuid[], units text[], ceilings bigint[], modes text[], payer_amounts text[], accounts text[], payers text[], expiries timestamp with time zone[], actors uuid[], instant timestamp with time zone) RETURNS TABLE(hold_id uuid, outcome text, short_account bigint, short_needed bigint, short_available bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'ledger', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    fresh uuid[];
    fits boolean;
BEGIN
    WITH inserted AS (
        INSERT INTO hold (
            id, request_hash, organisation_id, unit, ceiling, mode, amounts, leg_accounts,
            leg_payers, leg_money, reserved, captured, placed_at, expires_at, actor_id
        )
        SELECT
            r.id, r.hash, r.organisation_id, r.unit, r.ceiling, r.mode::payer_mode, r.amounts::bigint[],
            r.accounts::bigint[], r.payers::smallint[],
            ARRAY(
                SELECT CASE WHEN a.limited AND a.unit = r.unit THEN a.kind <> 'cap' END
                FROM unnest(r.accounts::bigint[]) WITH ORDINALITY AS l (account_id, ordinal)
                LEFT JOIN account AS a ON a.id = l.account_id
                ORDER BY l.ordinal
            ),
            array_fill(0::bigint, ARRAY[cardinality(r.amounts::bigint[])]),
            array_fill(0::bigint, ARRAY[cardinality(r.amounts::bigint[])]),
            instant, r.expires_at, r.actor_id
        FROM unnest(
            hold_ids, hashes, organisations, units, ceilings, modes, payer_amounts, accounts,
            payers, expiries, actors
        ) AS r (
            id, hash, organisation_id, unit, ceiling, mode, amounts, accounts,
            payers, expires_at, actor_id
        )
        ORDER BY r.id
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    )
    SELECT array_agg(id) INTO fresh FROM inserted;

    SELECT bool_and(x.room >= x.need) INTO fits
    FROM (
        SELECT a.credits - a.debits - a.pending AS room, n.need
        FROM (
            SELECT l.account_id, sum(l.amount) AS need
            FROM leg AS l WHERE l.hold_id = ANY (fresh) GROUP BY l.account_id
        ) AS n
        JOIN account AS a ON a.id = n.account_id
        ORDER BY a.id
        FOR NO KEY UPDATE OF a
    ) AS x;

    IF cardinality(fresh) = cardinality(hold_ids) AND fits IS NOT FALSE THEN
        PERFORM promise(fresh, instant);
        RETURN QUERY SELECT r.id, 'placed', NULL::bigint, NULL::bigint, NULL::bigint
            FROM unnest(hold_ids) WITH ORDINALITY AS r (id, ordinal) ORDER BY r.ordinal;
        RETURN;
    END IF;
    IF cardinality(hold_ids) > (SELECT count(DISTINCT r) FROM unnest(hold_ids) AS r) THEN
        RAISE EXCEPTION 'a batch names each hold once' USING ERRCODE = 'ML003';
    END IF;
    RETURN QUERY
    WITH short AS MATERIALIZED (
        SELECT s.* FROM place_in_order(ARRAY(
            SELECT r.id FROM unnest(hold_ids) WITH ORDINALITY AS r (id, ordinal)
            WHERE r.id = ANY (fresh) ORDER BY r.ordinal
        ), instant) AS s
    )
    SELECT
        r.id,
        CASE
            WHEN s.hold_id IS NOT NULL THEN 'refused'
            WHEN r.id = ANY (fresh) THEN 'placed'
            WHEN h.request_hash = r.hash THEN 'replayed'
            ELSE 'conflict'
        END,
        s.short_account, s.short_needed, s.short_available
    FROM unnest(hold_ids, hashes) WITH ORDINALITY AS r (id, hash, ordinal)
    LEFT JOIN short AS s ON s.hold_id = r.id
    LEFT JOIN hold AS h ON h.id = r.id
    ORDER BY r.ordinal;
END $$;

CREATE FUNCTION ledger.place_in_order(holds uuid[], instant timestamp with time zone) RETURNS TABLE(hold_id uuid, short_account bigint, short_needed bigint, short_available bigint)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    candidate uuid;
BEGIN
    FOREACH candidate IN ARRAY holds LOOP
        SELECT l.account_id, l.amount, a.credits - a.debits - a.pending
        INTO short_account, short_needed, short_available
        FROM leg AS l JOIN account AS a ON a.id = l.account_id
        WHERE l.hold_id = candidate AND l.amount > a.credits - a.debits - a.pending
        ORDER BY l.ordinal LIMIT 1;
        IF FOUND THEN
            DELETE FROM hold AS h WHERE h.id = candidate;
            hold_id := candidate;
            RETURN NEXT;
        ELSE
            PERFORM promise(ARRAY[candidate], instant);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION ledger.plus(augend bigint[], addend bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
BEGIN
    FOR i IN 1 .. cardinality(augend) LOOP
        augend[i] := augend[i] + addend[i];
    END LOOP;
    RETURN augend;
END $$;

CREATE FUNCTION ledger.portion(amount bigint, part bigint, whole bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT (amount / whole) * part + (amount % whole) * part / whole
$$;

CREATE FUNCTION ledger.post(moves ledger.move[], instant timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE account
    SET credits = account.credits + change.credits,
        debits = account.debits + change.debits,
        pending = account.pending + change.pending
    FROM (
        SELECT a.id, s.credits, s.debits, s.pending
        FROM (
            SELECT
                side.account_id,
                sum(side.credits)::bigint AS credits,
                sum(side.debits)::bigint AS debits,
                sum(side.pending)::bigint AS pending
            FROM unnest(moves) AS m
            CROSS JOIN LATERAL (VALUES
                (m.debit,
                    CASE m.kind WHEN 'refund' THEN -m.posted ELSE 0 END,
                    CASE m.kind WHEN 'refund' THEN 0 ELSE m.posted END,
                    m.pending),
                (m.credit,
                    CASE m.kind WHEN 'refund' THEN 0 ELSE m.posted END,
                    CASE m.kind WHEN 'refund' THEN -m.posted ELSE 0 END,
                    0::bigint)
            ) AS side (account_id, credits, debits, pending)
            WHERE side.account_id IS NOT NULL
            GROUP BY side.account_id
        ) AS s
        JOIN account AS a ON a.id = s.account_id
        WHERE a.limited
        ORDER BY a.id
        FOR NO KEY UPDATE OF a
    ) AS change
    WHERE account.id = change.id;

    INSERT INTO entry (
        txn, hold_id, draw_id, sequence, kind, debit, credit, pending, posted,
        actor_id, reason, at
    )
    SELECT
        m.txn, m.hold_id, m.draw_id, m.sequence, m.kind, m.debit, m.credit, m.pending, m.posted,
        m.actor_id, m.reason, instant
    FROM unnest(moves) AS m;
END $$;

CREATE FUNCTION ledger.promise(holds uuid[], instant timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE account SET pending = account.pending + n.need
    FROM (
        SELECT l.account_id, sum(l.amount)::bigint AS need
        FROM leg AS l WHERE l.hold_id = ANY (holds) GROUP BY l.account_id
    ) AS n
    WHERE account.id = n.account_id;

    INSERT INTO entry (txn, hold_id, kind, debit, pending, posted, actor_id, at)
    SELECT l.hold_id, l.hold_id, 'hold', l.account_id, l.amount, 0, h.actor_id, instant
    FROM leg AS l JOIN hold AS h ON h.id = l.hold_id
    WHERE l.hold_id = ANY (holds) AND l.amount > 0;
END $$;

CREATE FUNCTION ledger.rates_valid(rates integer[], ceilings bigint[]) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    whole bigint := 0;
BEGIN
    FOR i IN 1 .. cardinality(rates) LOOP
        IF rates[i] IS NULL OR rates[i] < 0 THEN
            RETURN false;
        END IF;
        whole := whole + rates[i];
    END LOOP;
    RETURN whole <= 10000 AND cardinality(rates) = cardinality(ceilings) - 1;
END $$;

CREATE FUNCTION ledger.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is append-only', TG_TABLE_NAME USING ERRCODE = 'ML001';
END $$;

CREATE FUNCTION ledger.release(holds uuid[], reasons text, instant timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    moves ledger.move[];
BEGIN
    SELECT array_agg((l.hold_id, l.hold_id, NULL, NULL, 'release', l.account_id, NULL,
        l.captured - l.amount, 0, NULL, reasons)::move ORDER BY l.account_id) INTO moves
    FROM leg AS l WHERE l.hold_id = ANY (holds) AND l.amount > l.captured;
    PERFORM post(moves, instant);
    UPDATE hold SET state = 'closed', closed_at = instant, close_reason = reasons
    WHERE id = ANY (holds);
END $$;

CREATE FUNCTION ledger.settle(draws uuid[], instant timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH settled AS (
        UPDATE draw AS d SET state = 'closed', closed_at = instant
        WHERE d.id = ANY (draws)
        RETURNING d.hold_id, d.ceilings, d.ceiling, d.captured, d.charged
    )
    UPDATE hold AS h SET
        reserved = minus(h.reserved, s.ceilings),
        reserved_total = h.reserved_total - s.ceiling,
        captured = plus(h.captured, s.captured),
        captured_total = h.captured_total + s.charged,
        draws_open = h.draws_open - s.draws
    FROM (
        SELECT x.hold_id, sum_each(x.ceilings) AS ceilings, sum(x.ceiling)::bigint AS ceiling,
            sum_each(x.captured) AS captured, sum(x.charged)::bigint AS charged,
            count(*)::integer AS draws
        FROM settled AS x GROUP BY x.hold_id
    ) AS s
    WHERE h.id = s.hold_id;
END $$;

CREATE FUNCTION ledger.shares(cost bigint, rates integer[], bounds bigint[], mode ledger.payer_mode) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    result bigint[] := ARRAY[cost];
    rates_rest bigint := 0;
    rest bigint;
    part bigint;
BEGIN
    FOR k IN 1 .. cardinality(rates) LOOP
        rates_rest := rates_rest + rates[k];
    END LOOP;
    rest := ledger.portion(cost, rates_rest, 10000);
    FOR k IN 1 .. cardinality(rates) LOOP
        part := CASE WHEN rates_rest = 0 THEN 0
            ELSE ledger.portion(rest, rates[k], rates_rest) END;
        result[k + 1] := least(part, bounds[k + 1]);
        result[1] := result[1] - result[k + 1];
        rest := rest - CASE mode WHEN 'order' THEN result[k + 1] ELSE part END;
        rates_rest := rates_rest - rates[k];
    END LOOP;
    RETURN result;
END $$;

CREATE FUNCTION ledger.split(cost bigint, rates integer[], bounds bigint[], mode ledger.payer_mode) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    result bigint[] := ledger.shares(cost, rates, bounds, mode);
    fits bigint := 0;
    exceeds bigint := cost;
    middle bigint;
BEGIN
    IF result[1] <= bounds[1] THEN
        RETURN result;
    END IF;
    -- The own share grows by at most one with each unit of cost, so bisection finds the edge.
    WHILE exceeds - fits > 1 LOOP
        middle := fits + (exceeds - fits) / 2;
        result := ledger.shares(middle, rates, bounds, mode);
        IF result[1] <= bounds[1] THEN
            fits := middle;
        ELSE
            exceeds := middle;
        END IF;
    END LOOP;
    RETURN ledger.shares(fits, rates, bounds, mode);
END $$;

CREATE FUNCTION ledger.total(parts bigint[]) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    result bigint := 0;
BEGIN
    FOR i IN 1 .. cardinality(parts) LOOP
        result := result + parts[i];
    END LOOP;
    RETURN result;
END $$;

CREATE FUNCTION ledger.transfer(transfer_id uuid, debit_id bigint, credit_id bigint, micros bigint, reasons text, actor uuid, instant timestamp with time zone) RETURNS TABLE(outcome text, short_by bigint, available bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'ledger', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    stored ledger.transfer;
    source ledger.account;
    target ledger.account;
BEGIN
    PERFORM 1 FROM account AS a WHERE a.id IN (debit_id, credit_id) AND a.limited
    ORDER BY a.id FOR NO KEY UPDATE;
    SELECT * INTO source FROM account AS a WHERE a.id = debit_id;
    SELECT * INTO target FROM account AS a WHERE a.id = credit_id;
    IF source.unit IS DISTINCT FROM target.unit OR source.unit IS NULL THEN
        RAISE EXCEPTION 'accounts % and % are not of one unit', debit_id, credit_id
            USING ERRCODE = 'ML002';
    END IF;
    INSERT INTO transfer (id, debit, credit, amount, reason, actor_id, at)
    SELECT transfer_id, debit_id, credit_id, micros, reasons, actor, instant
    WHERE (NOT source.limited OR micros <= source.credits - source.debits - source.pending)
        AND (NOT target.limited OR micros <= 4611686018427387904 - target.credits)
    ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
        PERFORM post(ARRAY[(transfer_id, NULL, NULL, NULL, 'transfer', debit_id, credit_id,
            0, micros, actor, reasons)::move], instant);
        RETURN QUERY SELECT 'placed', NULL::bigint, NULL::bigint;
        RETURN;
    END IF;
    SELECT * INTO stored FROM transfer AS t WHERE t.id = transfer_id;
    IF FOUND THEN
        RETURN QUERY SELECT
            CASE WHEN (stored.debit, stored.credit, stored.amount) = (debit_id, credit_id, micros)
                THEN 'replayed' ELSE 'conflict' END,
            NULL::bigint, NULL::bigint;
        RETURN;
    END IF;
    available := source.credits - source.debits - source.pending;
    IF source.limited AND micros > available THEN
        RETURN QUERY SELECT 'refused', micros - available, available;
        RETURN;
    END IF;
    RETURN QUERY SELECT 'overfull', NULL::bigint, NULL::bigint;
END $$;

CREATE FUNCTION ledger.within(bounds bigint[], parts bigint[], others bigint[] DEFAULT '{}'::bigint[]) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    IF cardinality(parts) <> cardinality(bounds)
        OR cardinality(others) NOT IN (0, cardinality(bounds)) THEN
        RETURN false;
    END IF;
    FOR i IN 1 .. cardinality(bounds) LOOP
        IF parts[i] >= 0 AND coalesce(others[i], 0) >= 0
            AND parts[i] <= bounds[i] - coalesce(others[i], 0) THEN
            CONTINUE;
        END IF;
        RETURN false;
    END LOOP;
    RETURN true;
END $$;

CREATE FUNCTION parties.scope() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT nullif(current_setting('mains.organisation', true), '')::uuid
$$;

CREATE FUNCTION sites.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'sites', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'rows of %.% are never changed or removed', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END
$$;

CREATE AGGREGATE ledger.sum_each(bigint[]) (
    SFUNC = ledger.plus,
    STYPE = bigint[]
);

CREATE TABLE jobs.artefact (
    job_id uuid NOT NULL,
    task integer NOT NULL,
    path text NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    attempt_id uuid NOT NULL,
    CONSTRAINT artefact_size_bytes_check CHECK ((size_bytes >= 0))
);

CREATE TABLE jobs.attempt (
    id uuid NOT NULL,
    job_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    site_id uuid NOT NULL,
    pool_id uuid NOT NULL,
    tariff_id uuid NOT NULL,
    price_micros bigint NOT NULL,
    currency text NOT NULL,
    rates_bps integer[] NOT NULL,
    ceiling bigint NOT NULL,
    fence integer NOT NULL,
    first_task integer NOT NULL,
    last_task integer NOT NULL,
    units integer NOT NULL,
    cpus integer NOT NULL,
    memory_bytes bigint NOT NULL,
    wall_seconds integer NOT NULL,
    leased boolean NOT NULL,
    state text DEFAULT 'assigned'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    stopping int4multirange DEFAULT '{}'::int4multirange NOT NULL,
    stop_reason text,
    assigned_at timestamp with time zone NOT NULL,
    offered_at timestamp with time zone,
    started_at timestamp with time zone,
    deadline timestamp with time zone NOT NULL,
    lease_until timestamp with time zone,
    ended_at timestamp with time zone,
    unit_milliseconds bigint DEFAULT 0 NOT NULL,
    CONSTRAINT attempt_ceiling_check CHECK ((ceiling >= 0)),
    CONSTRAINT attempt_check CHECK ((last_task >= first_task)),
    CONSTRAINT attempt_fence_check CHECK ((fence > 0)),
    CONSTRAINT attempt_first_task_check CHECK ((first_task >= 0)),
    CONSTRAINT attempt_price_micros_check CHECK ((price_micros >= 0)),
    CONSTRAINT attempt_wall_seconds_check CHECK ((wall_seconds > 0))
)
WITH (fillfactor='70');

CREATE TABLE jobs.content (
    organisation_id uuid NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    kind text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone NOT NULL,
    CONSTRAINT content_kind_check CHECK ((kind = ANY (ARRAY['bundle'::text, 'artefact'::text]))),
    CONSTRAINT content_size_bytes_check CHECK ((size_bytes >= 0))
);

CREATE TABLE jobs.dispatcher (
    singleton boolean DEFAULT true NOT NULL,
    fence bigint NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    CONSTRAINT dispatcher_singleton_check CHECK (singleton)
);

CREATE TABLE jobs.heard (
    site_id uuid NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE jobs.job (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    person_id uuid NOT NULL,
    quote_id uuid NOT NULL,
    request_hash bytea NOT NULL,
    name text NOT NULL,
    spec jsonb NOT NULL,
    bundle text,
    secrets bytea,
    unit text NOT NULL,
    units integer NOT NULL,
    cpus integer NOT NULL,
    memory_bytes bigint NOT NULL,
    tasks integer NOT NULL,
    time_seconds integer NOT NULL,
    grace_seconds integer NOT NULL,
    retry text NOT NULL,
    attempts_max integer NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    waiting int4multirange NOT NULL,
    fence integer DEFAULT 0 NOT NULL,
    losses integer DEFAULT 0 NOT NULL,
    tasks_succeeded integer DEFAULT 0 NOT NULL,
    tasks_failed integer DEFAULT 0 NOT NULL,
    tasks_cancelled integer DEFAULT 0 NOT NULL,
    cancelled_by uuid,
    submitted_at timestamp with time zone NOT NULL,
    queue_deadline timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    settled_at timestamp with time zone,
    terms bytea,
    CONSTRAINT job_attempts_max_check CHECK ((attempts_max > 0)),
    CONSTRAINT job_check CHECK ((((tasks_succeeded + tasks_failed) + tasks_cancelled) <= tasks)),
    CONSTRAINT job_check1 CHECK (((settled_at IS NULL) OR (ended_at IS NOT NULL))),
    CONSTRAINT job_cpus_check CHECK ((cpus > 0)),
    CONSTRAINT job_fence_check CHECK ((fence >= 0)),
    CONSTRAINT job_grace_seconds_check CHECK ((grace_seconds >= 0)),
    CONSTRAINT job_losses_check CHECK ((losses >= 0)),
    CONSTRAINT job_memory_bytes_check CHECK ((memory_bytes > 0)),
    CONSTRAINT job_retry_check CHECK ((retry = ANY (ARRAY['never'::text, 'wait'::text, 'elsewhere'::text]))),
    CONSTRAINT job_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'assigned'::text, 'staging'::text, 'running'::text, 'finishing'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text, 'lost'::text]))),
    CONSTRAINT job_tasks_cancelled_check CHECK ((tasks_cancelled >= 0)),
    CONSTRAINT job_tasks_check CHECK ((tasks > 0)),
    CONSTRAINT job_tasks_failed_check CHECK ((tasks_failed >= 0)),
    CONSTRAINT job_tasks_succeeded_check CHECK ((tasks_succeeded >= 0)),
    CONSTRAINT job_time_seconds_check CHECK ((time_seconds > 0)),
    CONSTRAINT job_units_check CHECK ((units > 0))
)
WITH (fillfactor='70');

CREATE TABLE jobs.log_chunk (
    attempt_id uuid NOT NULL,
    task integer NOT NULL,
    log_offset bigint NOT NULL,
    data bytea NOT NULL,
    CONSTRAINT log_chunk_log_offset_check CHECK ((log_offset >= 0))
);

CREATE TABLE jobs.queue_change (
    number bigint NOT NULL,
    job_id uuid NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='20000');

ALTER TABLE jobs.queue_change ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jobs.queue_change_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE jobs.receipt (
    job_id uuid NOT NULL,
    envelope bytea NOT NULL,
    issued_at timestamp with time zone NOT NULL
);

CREATE TABLE jobs.result (
    attempt_id uuid NOT NULL,
    job_id uuid NOT NULL,
    tasks integer[] NOT NULL,
    first_task integer NOT NULL,
    task_count integer NOT NULL,
    states text[] NOT NULL,
    exit_codes integer[] NOT NULL,
    unit_milliseconds bigint[] NOT NULL,
    reasons text[] NOT NULL,
    started_at timestamp with time zone[] NOT NULL,
    ended_at timestamp with time zone[] NOT NULL,
    CONSTRAINT result_check CHECK ((first_task = tasks[1])),
    CONSTRAINT result_check1 CHECK (((task_count > 0) AND (task_count = cardinality(tasks)))),
    CONSTRAINT result_check2 CHECK ((cardinality(states) = task_count)),
    CONSTRAINT result_check3 CHECK ((cardinality(exit_codes) = task_count)),
    CONSTRAINT result_check4 CHECK ((cardinality(unit_milliseconds) = task_count)),
    CONSTRAINT result_check5 CHECK ((cardinality(reasons) = task_count)),
    CONSTRAINT result_check6 CHECK ((cardinality(started_at) = task_count)),
    CONSTRAINT result_check7 CHECK ((cardinality(ended_at) = task_count))
);

CREATE TABLE jobs.retention (
    kind text NOT NULL,
    days integer NOT NULL,
    looked_at timestamp with time zone NOT NULL,
    CONSTRAINT retention_days_check CHECK ((days >= 0))
);

CREATE TABLE jobs.sign_of_life (
    name text NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    findings integer DEFAULT 0 NOT NULL,
    CONSTRAINT sign_of_life_findings_check CHECK ((findings >= 0)),
    CONSTRAINT sign_of_life_name_check CHECK ((name = ANY (ARRAY['audit'::text, 'dispatcher'::text])))
)
WITH (fillfactor='50');

CREATE VIEW jobs.task WITH (security_invoker='true') AS
 SELECT result.job_id,
    ended.task,
    result.attempt_id,
    ended.state,
    ended.exit_code,
    ended.unit_milliseconds,
    ended.reason,
    ended.started_at,
    ended.ended_at
   FROM (jobs.result
     CROSS JOIN LATERAL UNNEST(result.tasks, result.states, result.exit_codes, result.unit_milliseconds, result.reasons, result.started_at, result.ended_at) ended(task, state, exit_code, unit_milliseconds, reason, started_at, ended_at));

CREATE TABLE jobs.terms (
    digest bytea NOT NULL,
    terms jsonb NOT NULL,
    CONSTRAINT terms_terms_check CHECK ((jsonb_typeof(terms) = 'object'::text))
);

CREATE TABLE jobs.upload (
    site_id uuid NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    uploaded_at timestamp with time zone NOT NULL,
    CONSTRAINT upload_size_bytes_check CHECK ((size_bytes >= 0))
);

CREATE TABLE jobs.usage_hour (
    organisation_id uuid NOT NULL,
    hour timestamp with time zone NOT NULL,
    unit_milliseconds bigint NOT NULL,
    CONSTRAINT usage_hour_unit_milliseconds_check CHECK ((unit_milliseconds >= 0))
)
WITH (fillfactor='50');

CREATE TABLE ledger.account (
    id bigint NOT NULL,
    kind ledger.account_kind NOT NULL,
    unit text NOT NULL,
    owner_id uuid,
    scope text NOT NULL,
    limited boolean NOT NULL,
    contra_id bigint,
    credits ledger.micros DEFAULT 0 NOT NULL,
    debits ledger.micros DEFAULT 0 NOT NULL,
    pending ledger.micros DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    CONSTRAINT account_kind CHECK (((limited = (kind <= 'cap'::ledger.account_kind)) AND (limited OR ((credits)::bigint = 0)))),
    CONSTRAINT account_within_limit CHECK ((((debits)::bigint + (pending)::bigint) <= (credits)::bigint))
)
WITH (fillfactor='50');

ALTER TABLE ledger.account ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ledger.account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ledger.draw (
    id uuid NOT NULL,
    hold_id uuid NOT NULL,
    rates integer[] NOT NULL,
    ceilings bigint[] NOT NULL,
    ceiling ledger.micros NOT NULL,
    payable_id bigint NOT NULL,
    captured bigint[] NOT NULL,
    charged ledger.micros DEFAULT 0 NOT NULL,
    metered ledger.micros DEFAULT 0 NOT NULL,
    late ledger.micros DEFAULT 0 NOT NULL,
    overrun ledger.micros DEFAULT 0 NOT NULL,
    sequence_last bigint DEFAULT 0 NOT NULL,
    state ledger.draw_state DEFAULT 'open'::ledger.draw_state NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT draw_closed CHECK (((state = 'open'::ledger.draw_state) = (closed_at IS NULL))),
    CONSTRAINT draw_rates CHECK (ledger.rates_valid(rates, ceilings)),
    CONSTRAINT draw_whole CHECK ((((charged)::bigint + (overrun)::bigint) = ((metered)::bigint + (late)::bigint))),
    CONSTRAINT draw_within_ceiling CHECK (((charged)::bigint <= (ceiling)::bigint)),
    CONSTRAINT draw_within_ceilings CHECK (ledger.within(ceilings, captured))
)
WITH (fillfactor='70');

CREATE TABLE ledger.entry (
    seq bigint NOT NULL,
    txn uuid NOT NULL,
    hold_id uuid,
    draw_id uuid,
    sequence bigint,
    kind ledger.entry_kind NOT NULL,
    debit bigint NOT NULL,
    credit bigint,
    pending bigint NOT NULL,
    posted bigint NOT NULL,
    actor_id uuid,
    reason text,
    at timestamp with time zone NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT entry_valid CHECK (ledger.entry_valid(kind, debit, credit, pending, posted))
);

ALTER TABLE ledger.entry ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ledger.entry_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ledger.hold (
    id uuid NOT NULL,
    request_hash bytea NOT NULL,
    organisation_id uuid NOT NULL,
    unit text NOT NULL,
    mode ledger.payer_mode NOT NULL,
    ceiling ledger.micros NOT NULL,
    amounts bigint[] NOT NULL,
    leg_accounts bigint[] NOT NULL,
    leg_payers smallint[] NOT NULL,
    leg_money boolean[] NOT NULL,
    reserved bigint[] NOT NULL,
    captured bigint[] NOT NULL,
    reserved_total ledger.micros DEFAULT 0 NOT NULL,
    captured_total ledger.micros DEFAULT 0 NOT NULL,
    draws_open integer DEFAULT 0 NOT NULL,
    state ledger.hold_state DEFAULT 'open'::ledger.hold_state NOT NULL,
    actor_id uuid,
    placed_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    close_reason text,
    CONSTRAINT hold_closed CHECK (ledger.hold_closed(state, closed_at, close_reason, draws_open)),
    CONSTRAINT hold_legs CHECK (ledger.legs_valid(amounts, leg_accounts, leg_payers, leg_money)),
    CONSTRAINT hold_within_amounts CHECK (ledger.within(amounts, reserved, captured)),
    CONSTRAINT hold_within_ceiling CHECK ((((reserved_total)::bigint + (captured_total)::bigint) <= (ceiling)::bigint))
)
WITH (fillfactor='70');

CREATE VIEW ledger.leg WITH (security_invoker='true') AS
 SELECT h.id AS hold_id,
    l.ordinal,
    l.account_id,
    l.payer,
    l.money,
        CASE
            WHEN (l.payer < 0) THEN (h.ceiling)::bigint
            ELSE h.amounts[(l.payer + 1)]
        END AS amount,
        CASE
            WHEN (l.payer < 0) THEN (h.captured_total)::bigint
            ELSE h.captured[(l.payer + 1)]
        END AS captured
   FROM (ledger.hold h
     CROSS JOIN LATERAL UNNEST(h.leg_accounts, h.leg_payers, h.leg_money) WITH ORDINALITY l(account_id, payer, money, ordinal));

CREATE TABLE ledger.transfer (
    id uuid NOT NULL,
    debit bigint NOT NULL,
    credit bigint NOT NULL,
    amount ledger.micros NOT NULL,
    reason text NOT NULL,
    actor_id uuid,
    at timestamp with time zone NOT NULL,
    CONSTRAINT transfer_moves CHECK ((((amount)::bigint > 0) AND (debit <> credit)))
);

CREATE TABLE ledger.usage_event (
    draw_id uuid NOT NULL,
    sequence bigint NOT NULL,
    body_hash bytea NOT NULL,
    cost ledger.micros NOT NULL,
    final boolean NOT NULL,
    outcome ledger.reading_outcome NOT NULL,
    charged ledger.micros NOT NULL,
    overrun ledger.micros NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT usage_event_accepted CHECK (((sequence > 0) AND (outcome <= 'late'::ledger.reading_outcome)))
);

CREATE TABLE ledger.usage_refused (
    draw_id uuid NOT NULL,
    sequence bigint NOT NULL,
    body_hash bytea NOT NULL,
    cost bigint NOT NULL,
    outcome ledger.reading_outcome NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT usage_refused_refused CHECK ((outcome = ANY (ARRAY['conflict'::ledger.reading_outcome, 'decreased'::ledger.reading_outcome])))
);

CREATE TABLE mains_meta.migration (
    number integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE metering.reading (
    draw_id uuid NOT NULL,
    site_id uuid NOT NULL,
    sequence bigint NOT NULL,
    body_hash bytea NOT NULL,
    unit_milliseconds bigint NOT NULL,
    cpu_milliseconds bigint NOT NULL,
    memory_peak_bytes bigint NOT NULL,
    energy_joules bigint,
    final boolean NOT NULL,
    price_micros_per_unit_hour bigint NOT NULL,
    statement bytea NOT NULL,
    received_at timestamp with time zone NOT NULL,
    CONSTRAINT reading_cpu_milliseconds_check CHECK ((cpu_milliseconds >= 0)),
    CONSTRAINT reading_energy_joules_check CHECK ((energy_joules >= 0)),
    CONSTRAINT reading_memory_peak_bytes_check CHECK ((memory_peak_bytes >= 0)),
    CONSTRAINT reading_price_micros_per_unit_hour_check CHECK ((price_micros_per_unit_hour >= 0)),
    CONSTRAINT reading_sequence_check CHECK ((sequence > 0)),
    CONSTRAINT reading_unit_milliseconds_check CHECK ((unit_milliseconds >= 0))
)
WITH (fillfactor='70');

CREATE TABLE metering.refusal (
    draw_id uuid NOT NULL,
    sequence numeric NOT NULL,
    body_hash bytea NOT NULL,
    reason text NOT NULL,
    site_id uuid NOT NULL,
    unit_milliseconds numeric NOT NULL,
    statement bytea NOT NULL,
    times bigint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    CONSTRAINT refusal_times_check CHECK ((times > 0))
);

CREATE TABLE metering.statement (
    sha256 bytea NOT NULL,
    site_id uuid NOT NULL,
    envelope bytea NOT NULL,
    received_at timestamp with time zone NOT NULL,
    CONSTRAINT statement_sha256_check CHECK ((octet_length(sha256) = 32))
);

CREATE TABLE parties.api_key (
    prefix text NOT NULL,
    digest bytea NOT NULL,
    person_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    label text NOT NULL,
    roles text[],
    created_at timestamp with time zone NOT NULL,
    created_by uuid,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revoked_by uuid,
    pepper integer DEFAULT 1 NOT NULL,
    CONSTRAINT api_key_digest_check CHECK ((octet_length(digest) = 32)),
    CONSTRAINT api_key_prefix_check CHECK ((prefix ~ '^[a-z2-7]{8}$'::text))
);

CREATE TABLE parties.key_version (
    kind text NOT NULL,
    version integer NOT NULL,
    public_key text,
    succession bytea,
    made_at timestamp with time zone NOT NULL,
    in_use_since timestamp with time zone,
    ends_at timestamp with time zone,
    destroyed_at timestamp with time zone,
    CONSTRAINT key_version_check CHECK (((kind = 'signing'::text) = (public_key IS NOT NULL))),
    CONSTRAINT key_version_kind_check CHECK ((kind = ANY (ARRAY['pepper'::text, 'secrets'::text, 'signing'::text]))),
    CONSTRAINT key_version_public_key_check CHECK ((public_key ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT key_version_version_check CHECK ((version > 0))
);

CREATE TABLE parties.membership (
    person_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    roles text[] NOT NULL,
    CONSTRAINT membership_roles_check CHECK (((cardinality(roles) > 0) AND (roles <@ ARRAY['owner'::text, 'member'::text, 'operator'::text, 'officer'::text, 'auditor'::text, 'administrator'::text])))
);

CREATE TABLE parties.organisation (
    id uuid NOT NULL,
    name text NOT NULL,
    title text NOT NULL,
    type text NOT NULL,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT organisation_attributes_check CHECK ((jsonb_typeof(attributes) = 'object'::text)),
    CONSTRAINT organisation_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);

CREATE TABLE parties.person (
    id uuid NOT NULL,
    home_id uuid NOT NULL,
    name text NOT NULL,
    title text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT person_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);

CREATE TABLE programmes.cap (
    programme_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    period text NOT NULL,
    period_end timestamp with time zone,
    account_id bigint NOT NULL,
    credited_micros bigint NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    CONSTRAINT cap_credited_micros_check CHECK ((credited_micros >= 0))
);

CREATE TABLE programmes.programme (
    id uuid NOT NULL,
    name text NOT NULL,
    organisation_id uuid NOT NULL,
    currency text NOT NULL,
    time_zone text NOT NULL,
    version integer NOT NULL,
    pot_account_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT programme_version_check CHECK ((version > 0))
);

CREATE TABLE programmes.version (
    programme_id uuid NOT NULL,
    version integer NOT NULL,
    publication_id uuid NOT NULL,
    document text NOT NULL,
    document_sha256 text NOT NULL,
    pot_micros bigint NOT NULL,
    cap_micros bigint,
    published_by uuid,
    published_at timestamp with time zone NOT NULL,
    CONSTRAINT version_cap_micros_check CHECK ((cap_micros > 0)),
    CONSTRAINT version_pot_micros_check CHECK ((pot_micros > 0)),
    CONSTRAINT version_version_check CHECK ((version > 0))
);

CREATE TABLE programmes.voucher (
    id uuid NOT NULL,
    request_hash bytea NOT NULL,
    programme_id uuid NOT NULL,
    version integer NOT NULL,
    organisation_id uuid NOT NULL,
    granted_micros bigint NOT NULL,
    tranche_micros bigint NOT NULL,
    returned_micros bigint DEFAULT 0 NOT NULL,
    promised_account_id bigint NOT NULL,
    account_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    granted_by uuid,
    granted_at timestamp with time zone NOT NULL,
    CONSTRAINT voucher_check CHECK (((returned_micros >= 0) AND (returned_micros <= granted_micros))),
    CONSTRAINT voucher_check1 CHECK ((valid_until > valid_from)),
    CONSTRAINT voucher_granted_micros_check CHECK ((granted_micros > 0)),
    CONSTRAINT voucher_state_check CHECK ((state = ANY (ARRAY['open'::text, 'ended'::text, 'closed'::text]))),
    CONSTRAINT voucher_tranche_micros_check CHECK ((tranche_micros > 0))
);

CREATE TABLE quotes.quote (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    person_id uuid NOT NULL,
    spec jsonb NOT NULL,
    bundle text,
    currency text NOT NULL,
    tasks integer NOT NULL,
    ceiling bigint NOT NULL,
    own_most bigint NOT NULL,
    amounts bigint[] NOT NULL,
    leg_accounts bigint[] NOT NULL,
    leg_payers smallint[] NOT NULL,
    payers jsonb NOT NULL,
    offers jsonb NOT NULL,
    refusals jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    CONSTRAINT quote_ceiling_check CHECK ((ceiling >= 0)),
    CONSTRAINT quote_check CHECK (((own_most >= 0) AND (own_most <= ceiling))),
    CONSTRAINT quote_check1 CHECK ((valid_until > created_at)),
    CONSTRAINT quote_check2 CHECK ((cardinality(leg_accounts) = cardinality(leg_payers))),
    CONSTRAINT quote_tasks_check CHECK ((tasks > 0))
);

CREATE TABLE reports.claim (
    id text NOT NULL,
    number bigint NOT NULL,
    document_id text NOT NULL,
    span_start bigint NOT NULL,
    span_end bigint NOT NULL,
    quote text NOT NULL,
    sentence text NOT NULL,
    sentence_start bigint NOT NULL,
    subject text,
    measure text,
    scope text,
    value text NOT NULL,
    unit text NOT NULL,
    bound text NOT NULL,
    modality text NOT NULL,
    period text,
    speaker text,
    pair text,
    status text NOT NULL,
    language text,
    block text NOT NULL,
    reasons jsonb NOT NULL,
    CONSTRAINT claim_block_check CHECK ((block = ANY (ARRAY['title'::text, 'body'::text, 'promotion'::text, 'related'::text, 'boilerplate'::text]))),
    CONSTRAINT claim_bound CHECK ((bound = ANY (ARRAY['exact'::text, 'about'::text, 'at_least'::text, 'more_than'::text, 'at_most'::text, 'up_to'::text]))),
    CONSTRAINT claim_check CHECK ((span_end > span_start)),
    CONSTRAINT claim_id_check CHECK ((id ~ '^[0-9a-f]{16}$'::text)),
    CONSTRAINT claim_modality_check CHECK ((modality = ANY (ARRAY['observed'::text, 'estimated'::text, 'planned'::text, 'target'::text]))),
    CONSTRAINT claim_sentence_start_check CHECK ((sentence_start >= 0)),
    CONSTRAINT claim_span_start_check CHECK ((span_start >= 0)),
    CONSTRAINT claim_status_check CHECK ((status = ANY (ARRAY['accepted'::text, 'proposed'::text, 'queued'::text])))
);

ALTER TABLE reports.claim ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME reports.claim_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE reports.document (
    id text NOT NULL,
    number bigint NOT NULL,
    sha256 text NOT NULL,
    text_sha256 text NOT NULL,
    opened_sha256 text NOT NULL,
    name text NOT NULL,
    title text,
    publisher text,
    published text,
    url text,
    media_type text,
    languages text[] NOT NULL,
    size_bytes bigint NOT NULL,
    characters bigint NOT NULL,
    latest_period text,
    notes jsonb NOT NULL,
    signature bytea NOT NULL,
    bands bigint[] NOT NULL,
    copy_of text,
    public boolean NOT NULL,
    organisation_id uuid NOT NULL,
    filed_by uuid NOT NULL,
    filed_at timestamp with time zone NOT NULL,
    CONSTRAINT document_characters_check CHECK ((characters >= 0)),
    CONSTRAINT document_check CHECK ((copy_of <> id)),
    CONSTRAINT document_id_check CHECK ((id ~ '^[0-9a-f]{16}$'::text)),
    CONSTRAINT document_sha256_check CHECK ((sha256 ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT document_size_bytes_check CHECK ((size_bytes > 0))
);

ALTER TABLE reports.document ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME reports.document_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE reports.draft (
    id uuid NOT NULL,
    number bigint NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    subject text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    fills jsonb DEFAULT '{}'::jsonb NOT NULL,
    follows uuid,
    revision integer DEFAULT 1 NOT NULL,
    record jsonb,
    outcome text,
    organisation_id uuid NOT NULL,
    opened_by uuid NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT draft_check CHECK ((follows <> id)),
    CONSTRAINT draft_check1 CHECK (((state = 'completed'::text) = (record IS NOT NULL))),
    CONSTRAINT draft_check2 CHECK (((state = 'open'::text) = (closed_at IS NULL))),
    CONSTRAINT draft_check3 CHECK (((outcome IS NULL) OR (state = 'completed'::text))),
    CONSTRAINT draft_fills_check CHECK ((jsonb_typeof(fills) = 'object'::text)),
    CONSTRAINT draft_kind_check CHECK ((kind = ANY (ARRAY['programme'::text, 'filing'::text, 'need'::text, 'funding'::text]))),
    CONSTRAINT draft_revision_check CHECK ((revision > 0)),
    CONSTRAINT draft_state_check CHECK ((state = ANY (ARRAY['open'::text, 'completed'::text, 'withdrawn'::text])))
);

CREATE TABLE reports.draft_event (
    draft_id uuid NOT NULL,
    sequence integer NOT NULL,
    event_id uuid NOT NULL,
    event text NOT NULL,
    fields jsonb NOT NULL,
    note text NOT NULL,
    person_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    envelope bytea,
    happened_at timestamp with time zone NOT NULL,
    CONSTRAINT draft_event_check CHECK (((event = ANY (ARRAY['opened'::text, 'joined'::text])) = (envelope IS NULL))),
    CONSTRAINT draft_event_event_check CHECK ((event = ANY (ARRAY['opened'::text, 'joined'::text, 'filled'::text, 'completed'::text, 'withdrawn'::text]))),
    CONSTRAINT draft_event_fields_check CHECK ((jsonb_typeof(fields) = 'object'::text)),
    CONSTRAINT draft_event_sequence_check CHECK ((sequence > 0))
);

ALTER TABLE reports.draft ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME reports.draft_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE reports.draft_source (
    draft_id uuid NOT NULL,
    claim_id text,
    relation_id text,
    later boolean NOT NULL,
    added_at timestamp with time zone NOT NULL,
    CONSTRAINT draft_source_check CHECK ((num_nonnulls(claim_id, relation_id) = 1))
);

CREATE TABLE reports.edge (
    id text NOT NULL,
    number bigint NOT NULL,
    a text NOT NULL,
    b text NOT NULL,
    relation text NOT NULL,
    reason text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT edge_check CHECK ((a <> b)),
    CONSTRAINT edge_reason_check CHECK ((reason <> ''::text)),
    CONSTRAINT edge_relation CHECK ((relation = ANY (ARRAY['same'::text, 'refines'::text, 'update'::text, 'scope_differs'::text, 'compatible_bounds'::text, 'conflict'::text, 'conversion'::text, 'headline_drift'::text, 'never_merge'::text])))
);

CREATE TABLE reports.edge_key (
    key text NOT NULL,
    number bigint NOT NULL,
    claim_id text NOT NULL
);

ALTER TABLE reports.edge ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME reports.edge_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE reports.relation (
    id text NOT NULL,
    number bigint NOT NULL,
    document_id text NOT NULL,
    span_start bigint NOT NULL,
    span_end bigint NOT NULL,
    quote text NOT NULL,
    subject text,
    predicate text NOT NULL,
    object text,
    modality text NOT NULL,
    note text,
    status text NOT NULL,
    language text,
    CONSTRAINT relation_check CHECK ((span_end > span_start)),
    CONSTRAINT relation_id_check CHECK ((id ~ '^[0-9a-f]{16}$'::text)),
    CONSTRAINT relation_modality_check CHECK ((modality = ANY (ARRAY['observed'::text, 'estimated'::text, 'planned'::text, 'target'::text]))),
    CONSTRAINT relation_span_start_check CHECK ((span_start >= 0)),
    CONSTRAINT relation_status_check CHECK ((status = ANY (ARRAY['accepted'::text, 'proposed'::text, 'queued'::text])))
);

ALTER TABLE reports.relation ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME reports.relation_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE reports.review (
    id uuid NOT NULL,
    claim_id text NOT NULL,
    sequence integer NOT NULL,
    decision text NOT NULL,
    fields jsonb NOT NULL,
    stands jsonb NOT NULL,
    status text NOT NULL,
    note text NOT NULL,
    person_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    envelope bytea NOT NULL,
    reviewed_at timestamp with time zone NOT NULL,
    CONSTRAINT review_decision_check CHECK ((decision = ANY (ARRAY['accept'::text, 'reject'::text, 'correct'::text, 'reopen'::text]))),
    CONSTRAINT review_fields_check CHECK ((jsonb_typeof(fields) = 'object'::text)),
    CONSTRAINT review_sequence_check CHECK ((sequence > 0)),
    CONSTRAINT review_stands_check CHECK ((jsonb_typeof(stands) = 'object'::text)),
    CONSTRAINT review_status_check CHECK ((status = ANY (ARRAY['accepted'::text, 'proposed'::text, 'queued'::text, 'rejected'::text])))
);

CREATE TABLE reports.standing (
    claim_id text NOT NULL,
    number bigint NOT NULL,
    document_id text NOT NULL,
    subject text,
    measure text,
    scope text,
    value text NOT NULL,
    unit text NOT NULL,
    bound text NOT NULL,
    modality text NOT NULL,
    period text,
    speaker text,
    status text NOT NULL,
    reviews integer DEFAULT 0 NOT NULL,
    neutral boolean NOT NULL,
    public boolean NOT NULL,
    duplicate_of text,
    CONSTRAINT standing_check CHECK ((duplicate_of <> claim_id)),
    CONSTRAINT standing_reviews_check CHECK ((reviews >= 0)),
    CONSTRAINT standing_status_check CHECK ((status = ANY (ARRAY['accepted'::text, 'proposed'::text, 'queued'::text, 'rejected'::text])))
)
WITH (fillfactor='80');

CREATE TABLE sites.agent_key (
    site_id uuid NOT NULL,
    public_key text NOT NULL,
    host text NOT NULL,
    joined_at timestamp with time zone NOT NULL,
    CONSTRAINT agent_key_public_key_check CHECK ((public_key ~ '^[0-9a-f]{64}$'::text))
);

CREATE TABLE sites.join_token (
    digest bytea NOT NULL,
    site_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_key text,
    used_at timestamp with time zone,
    created_by uuid,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT join_token_check CHECK (((used_key IS NULL) = (used_at IS NULL))),
    CONSTRAINT join_token_digest_check CHECK ((octet_length(digest) = 32))
);

CREATE TABLE sites.pool (
    id uuid NOT NULL,
    site_id uuid NOT NULL,
    name text NOT NULL,
    unit text NOT NULL,
    units bigint NOT NULL,
    cpus bigint NOT NULL,
    memory_bytes bigint NOT NULL,
    host_share_percent integer NOT NULL,
    trusted boolean NOT NULL,
    energy_watts_per_unit bigint,
    engine text NOT NULL,
    reported_units bigint,
    reported_cpus bigint,
    reported_memory_bytes bigint,
    isolation text,
    memory_limit text,
    reported_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT pool_cpus_check CHECK ((cpus > 0)),
    CONSTRAINT pool_energy_watts_per_unit_check CHECK ((energy_watts_per_unit >= 0)),
    CONSTRAINT pool_host_share_percent_check CHECK (((host_share_percent >= 1) AND (host_share_percent <= 100))),
    CONSTRAINT pool_memory_bytes_check CHECK ((memory_bytes > 0)),
    CONSTRAINT pool_units_check CHECK ((units > 0))
);

CREATE TABLE sites.registration (
    site_id uuid NOT NULL,
    epoch bigint NOT NULL,
    instance_id uuid NOT NULL,
    host text NOT NULL,
    registered_at timestamp with time zone NOT NULL,
    CONSTRAINT registration_epoch_check CHECK ((epoch > 0))
);

CREATE TABLE sites.site (
    id uuid NOT NULL,
    name text NOT NULL,
    title text NOT NULL,
    organisation_id uuid NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    attributes jsonb NOT NULL,
    public_key text,
    host text,
    epoch bigint DEFAULT 0 NOT NULL,
    last_seen timestamp with time zone,
    lease_until timestamp with time zone,
    created_by uuid,
    created_at timestamp with time zone NOT NULL,
    previous_key text,
    previous_key_until timestamp with time zone,
    rotation_asked boolean DEFAULT false NOT NULL,
    CONSTRAINT site_epoch_check CHECK ((epoch >= 0)),
    CONSTRAINT site_previous_key_check CHECK ((previous_key ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT site_public_key_check CHECK ((public_key ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT site_state_check CHECK ((state = ANY (ARRAY['active'::text, 'draining'::text, 'closed'::text])))
);

CREATE TABLE sites.tariff (
    id uuid NOT NULL,
    pool_id uuid NOT NULL,
    version integer NOT NULL,
    price_micros_per_unit_hour bigint NOT NULL,
    currency text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    created_by uuid,
    CONSTRAINT tariff_price_micros_per_unit_hour_check CHECK ((price_micros_per_unit_hour >= 0)),
    CONSTRAINT tariff_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY jobs.artefact
    ADD CONSTRAINT artefact_pkey PRIMARY KEY (job_id, task, path);

ALTER TABLE ONLY jobs.attempt
    ADD CONSTRAINT attempt_job_id_fence_key UNIQUE (job_id, fence);

ALTER TABLE ONLY jobs.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (id);

ALTER TABLE ONLY jobs.content
    ADD CONSTRAINT content_pkey PRIMARY KEY (organisation_id, sha256);

ALTER TABLE ONLY jobs.dispatcher
    ADD CONSTRAINT dispatcher_pkey PRIMARY KEY (singleton);

ALTER TABLE ONLY jobs.heard
    ADD CONSTRAINT heard_pkey PRIMARY KEY (site_id);

ALTER TABLE ONLY jobs.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY jobs.job
    ADD CONSTRAINT job_quote_id_key UNIQUE (quote_id);

ALTER TABLE ONLY jobs.log_chunk
    ADD CONSTRAINT log_chunk_pkey PRIMARY KEY (attempt_id, task, log_offset);

ALTER TABLE ONLY jobs.queue_change
    ADD CONSTRAINT queue_change_pkey PRIMARY KEY (number);

ALTER TABLE ONLY jobs.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (job_id);

ALTER TABLE ONLY jobs.result
    ADD CONSTRAINT result_pkey PRIMARY KEY (attempt_id);

ALTER TABLE ONLY jobs.retention
    ADD CONSTRAINT retention_pkey PRIMARY KEY (kind);

ALTER TABLE ONLY jobs.sign_of_life
    ADD CONSTRAINT sign_of_life_pkey PRIMARY KEY (name);

ALTER TABLE ONLY jobs.terms
    ADD CONSTRAINT terms_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY jobs.upload
    ADD CONSTRAINT upload_pkey PRIMARY KEY (site_id, sha256);

ALTER TABLE ONLY jobs.usage_hour
    ADD CONSTRAINT usage_hour_pkey PRIMARY KEY (organisation_id, hour);

ALTER TABLE ONLY ledger.account
    ADD CONSTRAINT account_opened_once UNIQUE NULLS NOT DISTINCT (owner_id, kind, unit, scope);

ALTER TABLE ONLY ledger.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ledger.draw
    ADD CONSTRAINT draw_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ledger.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY ledger.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ledger.transfer
    ADD CONSTRAINT transfer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ledger.usage_event
    ADD CONSTRAINT usage_event_pkey PRIMARY KEY (draw_id, sequence);

ALTER TABLE ONLY ledger.usage_refused
    ADD CONSTRAINT usage_refused_pkey PRIMARY KEY (draw_id, sequence, body_hash);

ALTER TABLE ONLY mains_meta.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);

ALTER TABLE ONLY metering.reading
    ADD CONSTRAINT reading_pkey PRIMARY KEY (draw_id);

ALTER TABLE ONLY metering.refusal
    ADD CONSTRAINT refusal_pkey PRIMARY KEY (draw_id, sequence, body_hash, reason, site_id);

ALTER TABLE ONLY metering.statement
    ADD CONSTRAINT statement_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY parties.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (prefix);

ALTER TABLE ONLY parties.key_version
    ADD CONSTRAINT key_version_pkey PRIMARY KEY (kind, version);

ALTER TABLE ONLY parties.membership
    ADD CONSTRAINT membership_pkey PRIMARY KEY (person_id, organisation_id);

ALTER TABLE ONLY parties.organisation
    ADD CONSTRAINT organisation_name_key UNIQUE (name);

ALTER TABLE ONLY parties.organisation
    ADD CONSTRAINT organisation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY parties.person
    ADD CONSTRAINT person_home_id_name_key UNIQUE (home_id, name);

ALTER TABLE ONLY parties.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);

ALTER TABLE ONLY programmes.cap
    ADD CONSTRAINT cap_account_id_key UNIQUE (account_id);

ALTER TABLE ONLY programmes.cap
    ADD CONSTRAINT cap_pkey PRIMARY KEY (organisation_id, programme_id, period);

ALTER TABLE ONLY programmes.programme
    ADD CONSTRAINT programme_name_key UNIQUE (name);

ALTER TABLE ONLY programmes.programme
    ADD CONSTRAINT programme_pkey PRIMARY KEY (id);

ALTER TABLE ONLY programmes.programme
    ADD CONSTRAINT programme_pot_account_id_key UNIQUE (pot_account_id);

ALTER TABLE ONLY programmes.version
    ADD CONSTRAINT version_pkey PRIMARY KEY (programme_id, version);

ALTER TABLE ONLY programmes.version
    ADD CONSTRAINT version_publication_id_key UNIQUE (publication_id);

ALTER TABLE ONLY programmes.voucher
    ADD CONSTRAINT voucher_account_id_key UNIQUE (account_id);

ALTER TABLE ONLY programmes.voucher
    ADD CONSTRAINT voucher_pkey PRIMARY KEY (id);

ALTER TABLE ONLY programmes.voucher
    ADD CONSTRAINT voucher_promised_account_id_key UNIQUE (promised_account_id);

ALTER TABLE ONLY quotes.quote
    ADD CONSTRAINT quote_pkey PRIMARY KEY (id);

ALTER TABLE ONLY reports.claim
    ADD CONSTRAINT claim_number_key UNIQUE (number);

ALTER TABLE ONLY reports.claim
    ADD CONSTRAINT claim_pkey PRIMARY KEY (id);

ALTER TABLE ONLY reports.document
    ADD CONSTRAINT document_number_key UNIQUE (number);

ALTER TABLE ONLY reports.document
    ADD CONSTRAINT document_pkey PRIMARY KEY (id);

ALTER TABLE ONLY reports.document
    ADD CONSTRAINT document_sha256_key UNIQUE (sha256);

ALTER TABLE ONLY reports.draft_event
    ADD CONSTRAINT draft_event_event_id_key UNIQUE (event_id);

ALTER TABLE ONLY reports.draft_event
    ADD CONSTRAINT draft_event_pkey PRIMARY KEY (draft_id, sequence);

ALTER TABLE ONLY reports.draft
    ADD CONSTRAINT draft_number_key UNIQUE (number);

ALTER TABLE ONLY reports.draft
    ADD CONSTRAINT draft_pkey PRIMARY KEY (id);

ALTER TABLE ONLY reports.draft_source
    ADD CONSTRAINT draft_source_draft_id_claim_id_key UNIQUE (draft_id, claim_id);

ALTER TABLE ONLY reports.draft_source
    ADD CONSTRAINT draft_source_draft_id_relation_id_key UNIQUE (draft_id, relation_id);

ALTER TABLE ONLY reports.edge_key
    ADD CONSTRAINT edge_key_pkey PRIMARY KEY (key, number);

ALTER TABLE ONLY reports.edge
    ADD CONSTRAINT edge_number_key UNIQUE (number);

ALTER TABLE ONLY reports.edge
    ADD CONSTRAINT edge_pkey PRIMARY KEY (id);

ALTER TABLE ONLY reports.relation
    ADD CONSTRAINT relation_number_key UNIQUE (number);

ALTER TABLE ONLY reports.relation
    ADD CONSTRAINT relation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY reports.review
    ADD CONSTRAINT review_claim_id_sequence_key UNIQUE (claim_id, sequence);

ALTER TABLE ONLY reports.review
    ADD CONSTRAINT review_pkey PRIMARY KEY (id);

ALTER TABLE ONLY reports.standing
    ADD CONSTRAINT standing_number_key UNIQUE (number);

ALTER TABLE ONLY reports.standing
    ADD CONSTRAINT standing_pkey PRIMARY KEY (claim_id);

ALTER TABLE ONLY sites.agent_key
    ADD CONSTRAINT agent_key_pkey PRIMARY KEY (site_id, public_key);

ALTER TABLE ONLY sites.join_token
    ADD CONSTRAINT join_token_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY sites.pool
    ADD CONSTRAINT pool_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sites.pool
    ADD CONSTRAINT pool_site_id_name_key UNIQUE (site_id, name);

ALTER TABLE ONLY sites.registration
    ADD CONSTRAINT registration_pkey PRIMARY KEY (site_id, epoch);

ALTER TABLE ONLY sites.registration
    ADD CONSTRAINT registration_site_id_instance_id_key UNIQUE (site_id, instance_id);

ALTER TABLE ONLY sites.site
    ADD CONSTRAINT site_name_key UNIQUE (name);

ALTER TABLE ONLY sites.site
    ADD CONSTRAINT site_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sites.tariff
    ADD CONSTRAINT tariff_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sites.tariff
    ADD CONSTRAINT tariff_pool_id_version_key UNIQUE (pool_id, version);

CREATE INDEX attempt_active_by_pool ON jobs.attempt USING btree (pool_id) WHERE (ended_at IS NULL);

CREATE INDEX attempt_active_by_site ON jobs.attempt USING btree (site_id, id) WHERE (ended_at IS NULL);

CREATE INDEX content_by_hash ON jobs.content USING btree (sha256);

CREATE INDEX content_by_use ON jobs.content USING btree (last_used_at);

CREATE INDEX job_by_age ON jobs.job USING btree (submitted_at DESC, id DESC);

CREATE INDEX job_by_organisation ON jobs.job USING btree (organisation_id, submitted_at DESC, id DESC);

CREATE INDEX job_by_tail ON jobs.job USING btree ("right"((id)::text, 12));

CREATE INDEX job_unsettled ON jobs.job USING btree (id) WHERE (settled_at IS NULL);

CREATE INDEX job_waiting ON jobs.job USING btree (organisation_id, submitted_at, id) WHERE (NOT isempty(waiting));

CREATE INDEX result_by_job ON jobs.result USING btree (job_id, first_task);

CREATE INDEX upload_by_hash ON jobs.upload USING btree (sha256);

CREATE INDEX upload_by_time ON jobs.upload USING btree (uploaded_at);

CREATE INDEX draw_of_hold ON ledger.draw USING btree (hold_id);

CREATE INDEX entry_of_credit ON ledger.entry USING btree (credit, seq) WHERE (credit IS NOT NULL);

CREATE INDEX entry_of_debit ON ledger.entry USING btree (debit, seq);

CREATE INDEX entry_of_hold ON ledger.entry USING btree (hold_id) WHERE (hold_id IS NOT NULL);

CREATE INDEX hold_expiring ON ledger.hold USING btree (expires_at) WHERE (state = 'open'::ledger.hold_state);

CREATE INDEX statement_by_site ON metering.statement USING btree (site_id, received_at);

CREATE INDEX api_key_organisation ON parties.api_key USING btree (organisation_id, person_id);

CREATE INDEX membership_organisation ON parties.membership USING btree (organisation_id);

CREATE INDEX voucher_due ON programmes.voucher USING btree (due_at) WHERE (state <> 'closed'::text);

CREATE INDEX voucher_organisation ON programmes.voucher USING btree (organisation_id, valid_until);

CREATE INDEX voucher_programme ON programmes.voucher USING btree (programme_id, id);

CREATE INDEX quote_by_organisation ON quotes.quote USING btree (organisation_id, created_at);

CREATE INDEX claim_document ON reports.claim USING btree (document_id, number);

CREATE INDEX document_bands ON reports.document USING gin (bands) WHERE (copy_of IS NULL);

CREATE INDEX document_copies ON reports.document USING btree (copy_of) WHERE (copy_of IS NOT NULL);

CREATE INDEX document_public ON reports.document USING btree (number) WHERE public;

CREATE INDEX document_quota ON reports.document USING btree (organisation_id) INCLUDE (size_bytes);

CREATE INDEX draft_by_kind ON reports.draft USING btree (kind, number);

CREATE INDEX draft_by_state ON reports.draft USING btree (state, number);

CREATE INDEX draft_follows ON reports.draft USING btree (follows) WHERE (follows IS NOT NULL);

CREATE INDEX draft_key ON reports.draft USING btree (key, number);

CREATE UNIQUE INDEX draft_open ON reports.draft USING btree (key) WHERE (state = 'open'::text);

CREATE INDEX draft_short ON reports.draft USING btree ("right"((id)::text, 12));

CREATE INDEX draft_source_claim ON reports.draft_source USING btree (claim_id) WHERE (claim_id IS NOT NULL);

CREATE INDEX draft_source_relation ON reports.draft_source USING btree (relation_id) WHERE (relation_id IS NOT NULL);

CREATE INDEX edge_a ON reports.edge USING btree (a, number);

CREATE INDEX edge_b ON reports.edge USING btree (b, number);

CREATE INDEX edge_by_relation ON reports.edge USING btree (relation, number);

CREATE INDEX edge_key_claim ON reports.edge_key USING btree (claim_id);

CREATE INDEX relation_document ON reports.relation USING btree (document_id, number);

CREATE INDEX relation_subject ON reports.relation USING btree (subject, number);

CREATE INDEX review_by_age ON reports.review USING btree (reviewed_at, id);

CREATE INDEX standing_counted ON reports.standing USING btree (subject, measure, number) WHERE ((status = 'accepted'::text) AND (duplicate_of IS NULL) AND (NOT neutral));

CREATE INDEX standing_dated ON reports.standing USING btree (document_id) WHERE ((unit = 'date'::text) AND (status = 'accepted'::text) AND (duplicate_of IS NULL));

CREATE INDEX standing_document ON reports.standing USING btree (document_id, number);

CREATE INDEX standing_duplicate ON reports.standing USING btree (duplicate_of) WHERE (duplicate_of IS NOT NULL);

CREATE INDEX standing_measure ON reports.standing USING btree (measure, number);

CREATE INDEX standing_public ON reports.standing USING btree (subject, measure, number) WHERE (public AND (status = 'accepted'::text) AND (duplicate_of IS NULL));

CREATE INDEX standing_queue ON reports.standing USING btree (number) WHERE ((status = ANY (ARRAY['queued'::text, 'proposed'::text])) AND (duplicate_of IS NULL) AND (NOT neutral));

CREATE INDEX standing_status ON reports.standing USING btree (status, number);

CREATE INDEX standing_subject ON reports.standing USING btree (subject, measure, number);

CREATE INDEX join_token_by_site ON sites.join_token USING btree (site_id);

CREATE TRIGGER queue_changed AFTER UPDATE OF waiting ON jobs.job FOR EACH ROW WHEN ((old.waiting IS DISTINCT FROM new.waiting)) EXECUTE FUNCTION jobs.note_queue_change();

CREATE TRIGGER queued AFTER INSERT ON jobs.job FOR EACH ROW EXECUTE FUNCTION jobs.note_queue_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.entry FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.transfer FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.usage_event FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.usage_refused FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER agent_key_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON sites.agent_key FOR EACH STATEMENT EXECUTE FUNCTION sites.refuse_change();

CREATE TRIGGER registration_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON sites.registration FOR EACH STATEMENT EXECUTE FUNCTION sites.refuse_change();

CREATE TRIGGER tariff_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON sites.tariff FOR EACH STATEMENT EXECUTE FUNCTION sites.refuse_change();

ALTER TABLE ONLY jobs.artefact
    ADD CONSTRAINT artefact_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs.job(id);

ALTER TABLE ONLY jobs.attempt
    ADD CONSTRAINT attempt_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs.job(id);

ALTER TABLE ONLY jobs.attempt
    ADD CONSTRAINT attempt_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES sites.pool(id);

ALTER TABLE ONLY jobs.attempt
    ADD CONSTRAINT attempt_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites.site(id);

ALTER TABLE ONLY jobs.content
    ADD CONSTRAINT content_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY jobs.heard
    ADD CONSTRAINT heard_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites.site(id);

ALTER TABLE ONLY jobs.job
    ADD CONSTRAINT job_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY jobs.job
    ADD CONSTRAINT job_quote_id_fkey FOREIGN KEY (quote_id) REFERENCES quotes.quote(id);

ALTER TABLE ONLY jobs.log_chunk
    ADD CONSTRAINT log_chunk_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES jobs.attempt(id);

ALTER TABLE ONLY jobs.receipt
    ADD CONSTRAINT receipt_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs.job(id);

ALTER TABLE ONLY jobs.result
    ADD CONSTRAINT result_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES jobs.attempt(id);

ALTER TABLE ONLY jobs.result
    ADD CONSTRAINT result_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs.job(id);

ALTER TABLE ONLY jobs.upload
    ADD CONSTRAINT upload_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites.site(id);

ALTER TABLE ONLY ledger.account
    ADD CONSTRAINT account_contra_id_fkey FOREIGN KEY (contra_id) REFERENCES ledger.account(id);

ALTER TABLE ONLY ledger.draw
    ADD CONSTRAINT draw_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES ledger.hold(id);

ALTER TABLE ONLY ledger.draw
    ADD CONSTRAINT draw_payable_id_fkey FOREIGN KEY (payable_id) REFERENCES ledger.account(id);

ALTER TABLE ONLY metering.reading
    ADD CONSTRAINT reading_statement_fkey FOREIGN KEY (statement) REFERENCES metering.statement(sha256);

ALTER TABLE ONLY metering.refusal
    ADD CONSTRAINT refusal_statement_fkey FOREIGN KEY (statement) REFERENCES metering.statement(sha256);

ALTER TABLE ONLY parties.api_key
    ADD CONSTRAINT api_key_created_by_fkey FOREIGN KEY (created_by) REFERENCES parties.person(id);

ALTER TABLE ONLY parties.api_key
    ADD CONSTRAINT api_key_person_id_organisation_id_fkey FOREIGN KEY (person_id, organisation_id) REFERENCES parties.membership(person_id, organisation_id);

ALTER TABLE ONLY parties.api_key
    ADD CONSTRAINT api_key_revoked_by_fkey FOREIGN KEY (revoked_by) REFERENCES parties.person(id);

ALTER TABLE ONLY parties.membership
    ADD CONSTRAINT membership_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY parties.membership
    ADD CONSTRAINT membership_person_id_fkey FOREIGN KEY (person_id) REFERENCES parties.person(id);

ALTER TABLE ONLY parties.person
    ADD CONSTRAINT person_home_id_fkey FOREIGN KEY (home_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY programmes.cap
    ADD CONSTRAINT cap_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY programmes.cap
    ADD CONSTRAINT cap_programme_id_fkey FOREIGN KEY (programme_id) REFERENCES programmes.programme(id);

ALTER TABLE ONLY programmes.programme
    ADD CONSTRAINT programme_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY programmes.version
    ADD CONSTRAINT version_programme_id_fkey FOREIGN KEY (programme_id) REFERENCES programmes.programme(id);

ALTER TABLE ONLY programmes.version
    ADD CONSTRAINT version_published_by_fkey FOREIGN KEY (published_by) REFERENCES parties.person(id);

ALTER TABLE ONLY programmes.voucher
    ADD CONSTRAINT voucher_granted_by_fkey FOREIGN KEY (granted_by) REFERENCES parties.person(id);

ALTER TABLE ONLY programmes.voucher
    ADD CONSTRAINT voucher_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY programmes.voucher
    ADD CONSTRAINT voucher_programme_id_version_fkey FOREIGN KEY (programme_id, version) REFERENCES programmes.version(programme_id, version);

ALTER TABLE ONLY quotes.quote
    ADD CONSTRAINT quote_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY reports.claim
    ADD CONSTRAINT claim_document_id_fkey FOREIGN KEY (document_id) REFERENCES reports.document(id);

ALTER TABLE ONLY reports.document
    ADD CONSTRAINT document_copy_of_fkey FOREIGN KEY (copy_of) REFERENCES reports.document(id);

ALTER TABLE ONLY reports.document
    ADD CONSTRAINT document_filed_by_fkey FOREIGN KEY (filed_by) REFERENCES parties.person(id);

ALTER TABLE ONLY reports.document
    ADD CONSTRAINT document_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY reports.draft_event
    ADD CONSTRAINT draft_event_draft_id_fkey FOREIGN KEY (draft_id) REFERENCES reports.draft(id);

ALTER TABLE ONLY reports.draft_event
    ADD CONSTRAINT draft_event_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY reports.draft_event
    ADD CONSTRAINT draft_event_person_id_fkey FOREIGN KEY (person_id) REFERENCES parties.person(id);

ALTER TABLE ONLY reports.draft
    ADD CONSTRAINT draft_follows_fkey FOREIGN KEY (follows) REFERENCES reports.draft(id);

ALTER TABLE ONLY reports.draft
    ADD CONSTRAINT draft_opened_by_fkey FOREIGN KEY (opened_by) REFERENCES parties.person(id);

ALTER TABLE ONLY reports.draft
    ADD CONSTRAINT draft_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY reports.draft_source
    ADD CONSTRAINT draft_source_claim_id_fkey FOREIGN KEY (claim_id) REFERENCES reports.claim(id);

ALTER TABLE ONLY reports.draft_source
    ADD CONSTRAINT draft_source_draft_id_fkey FOREIGN KEY (draft_id) REFERENCES reports.draft(id);

ALTER TABLE ONLY reports.draft_source
    ADD CONSTRAINT draft_source_relation_id_fkey FOREIGN KEY (relation_id) REFERENCES reports.relation(id);

ALTER TABLE ONLY reports.edge
    ADD CONSTRAINT edge_a_fkey FOREIGN KEY (a) REFERENCES reports.claim(id);

ALTER TABLE ONLY reports.edge
    ADD CONSTRAINT edge_b_fkey FOREIGN KEY (b) REFERENCES reports.claim(id);

ALTER TABLE ONLY reports.edge_key
    ADD CONSTRAINT edge_key_claim_id_fkey FOREIGN KEY (claim_id) REFERENCES reports.claim(id);

ALTER TABLE ONLY reports.relation
    ADD CONSTRAINT relation_document_id_fkey FOREIGN KEY (document_id) REFERENCES reports.document(id);

ALTER TABLE ONLY reports.review
    ADD CONSTRAINT review_claim_id_fkey FOREIGN KEY (claim_id) REFERENCES reports.claim(id);

ALTER TABLE ONLY reports.review
    ADD CONSTRAINT review_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES parties.organisation(id);

ALTER TABLE ONLY reports.review
    ADD CONSTRAINT review_person_id_fkey FOREIGN KEY (person_id) REFERENCES parties.person(id);

ALTER TABLE ONLY reports.standing
    ADD CONSTRAINT standing_claim_id_fkey FOREIGN KEY (claim_id) REFERENCES reports.claim(id);

ALTER TABLE ONLY reports.standing
    ADD CONSTRAINT standing_document_id_fkey FOREIGN KEY (document_id) REFERENCES reports.document(id);

ALTER TABLE ONLY reports.standing
    ADD CONSTRAINT standing_duplicate_of_fkey FOREIGN KEY (duplicate_of) REFERENCES reports.claim(id);

ALTER TABLE ONLY sites.agent_key
    ADD CONSTRAINT agent_key_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites.site(id);

ALTER TABLE ONLY sites.join_token
    ADD CONSTRAINT join_token_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites.site(id);

ALTER TABLE ONLY sites.pool
    ADD CONSTRAINT pool_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites.site(id);

ALTER TABLE ONLY sites.registration
    ADD CONSTRAINT registration_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites.site(id);

ALTER TABLE ONLY sites.tariff
    ADD CONSTRAINT tariff_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES sites.pool(id);

ALTER TABLE jobs.artefact ENABLE ROW LEVEL SECURITY;

ALTER TABLE jobs.attempt ENABLE ROW LEVEL SECURITY;

ALTER TABLE jobs.content ENABLE ROW LEVEL SECURITY;

ALTER TABLE jobs.job ENABLE ROW LEVEL SECURITY;

ALTER TABLE jobs.log_chunk ENABLE ROW LEVEL SECURITY;

ALTER TABLE jobs.receipt ENABLE ROW LEVEL SECURITY;

ALTER TABLE jobs.result ENABLE ROW LEVEL SECURITY;

CREATE POLICY server ON jobs.artefact TO mains_app USING (true);

CREATE POLICY server ON jobs.attempt TO mains_app USING (true);

CREATE POLICY server ON jobs.content TO mains_app USING (true);

CREATE POLICY server ON jobs.job TO mains_app USING (true);

CREATE POLICY server ON jobs.log_chunk TO mains_app USING (true);

CREATE POLICY server ON jobs.receipt TO mains_app USING (true);

CREATE POLICY server ON jobs.result TO mains_app USING (true);

CREATE POLICY tenant ON jobs.artefact FOR SELECT TO mains_tenant USING ((EXISTS ( SELECT
   FROM jobs.job j
  WHERE (j.id = artefact.job_id))));

CREATE POLICY tenant ON jobs.attempt FOR SELECT TO mains_tenant USING ((organisation_id = ( SELECT parties.scope() AS scope)));

CREATE POLICY tenant ON jobs.content FOR SELECT TO mains_tenant USING ((organisation_id = ( SELECT parties.scope() AS scope)));

CREATE POLICY tenant ON jobs.job FOR SELECT TO mains_tenant USING ((organisation_id = ( SELECT parties.scope() AS scope)));

CREATE POLICY tenant ON jobs.log_chunk FOR SELECT TO mains_tenant USING ((EXISTS ( SELECT
   FROM jobs.attempt a
  WHERE (a.id = log_chunk.attempt_id))));

CREATE POLICY tenant ON jobs.receipt TO mains_tenant USING ((EXISTS ( SELECT
   FROM jobs.job j
  WHERE (j.id = receipt.job_id))));

CREATE POLICY tenant ON jobs.result FOR SELECT TO mains_tenant USING ((EXISTS ( SELECT
   FROM jobs.job j
  WHERE (j.id = result.job_id))));

ALTER TABLE ledger.account ENABLE ROW LEVEL SECURITY;

ALTER TABLE ledger.draw ENABLE ROW LEVEL SECURITY;

ALTER TABLE ledger.entry ENABLE ROW LEVEL SECURITY;

ALTER TABLE ledger.hold ENABLE ROW LEVEL SECURITY;

CREATE POLICY server ON ledger.account TO mains_app USING (true);

CREATE POLICY server ON ledger.draw TO mains_app USING (true);

CREATE POLICY server ON ledger.entry TO mains_app USING (true);

CREATE POLICY server ON ledger.hold TO mains_app USING (true);

CREATE POLICY tenant ON ledger.account FOR SELECT TO mains_tenant USING (((owner_id = ( SELECT parties.scope() AS scope)) OR (EXISTS ( SELECT
   FROM programmes.voucher v
  WHERE (v.account_id = account.id))) OR (EXISTS ( SELECT
   FROM programmes.voucher v
  WHERE (v.promised_account_id = account.id)))));

CREATE POLICY tenant ON ledger.draw FOR SELECT TO mains_tenant USING ((EXISTS ( SELECT
   FROM ledger.hold h
  WHERE (h.id = draw.hold_id))));

CREATE POLICY tenant ON ledger.entry FOR SELECT TO mains_tenant USING (((EXISTS ( SELECT
   FROM ledger.account a
  WHERE (a.id = entry.debit))) OR (EXISTS ( SELECT
   FROM ledger.account a
  WHERE (a.id = entry.credit))) OR (EXISTS ( SELECT
   FROM ledger.hold h
  WHERE (h.id = entry.hold_id)))));

CREATE POLICY tenant ON ledger.hold FOR SELECT TO mains_tenant USING ((organisation_id = ( SELECT parties.scope() AS scope)));

ALTER TABLE metering.reading ENABLE ROW LEVEL SECURITY;

CREATE POLICY server ON metering.reading TO mains_app USING (true);

CREATE POLICY tenant ON metering.reading FOR SELECT TO mains_tenant USING ((EXISTS ( SELECT
   FROM ledger.draw d
  WHERE (d.id = reading.draw_id))));

ALTER TABLE parties.api_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE parties.membership ENABLE ROW LEVEL SECURITY;

ALTER TABLE parties.person ENABLE ROW LEVEL SECURITY;

CREATE POLICY server ON parties.api_key TO mains_app USING (true);

CREATE POLICY server ON parties.membership TO mains_app USING (true);

CREATE POLICY server ON parties.person TO mains_app USING (true);

CREATE POLICY tenant ON parties.api_key FOR SELECT TO mains_tenant USING ((organisation_id = ( SELECT parties.scope() AS scope)));

CREATE POLICY tenant ON parties.membership FOR SELECT TO mains_tenant USING ((organisation_id = ( SELECT parties.scope() AS scope)));

CREATE POLICY tenant ON parties.person FOR SELECT TO mains_tenant USING ((EXISTS ( SELECT
   FROM parties.membership m
  WHERE (m.person_id = person.id))));

ALTER TABLE programmes.cap ENABLE ROW LEVEL SECURITY;

CREATE POLICY server ON programmes.cap TO mains_app USING (true);

CREATE POLICY server ON programmes.voucher TO mains_app USING (true);

CREATE POLICY tenant ON programmes.cap FOR SELECT TO mains_tenant USING ((organisation_id = ( SELECT parties.scope() AS scope)));

CREATE POLICY tenant ON programmes.voucher FOR SELECT TO mains_tenant USING (((organisation_id = ( SELECT parties.scope() AS scope)) OR (EXISTS ( SELECT
   FROM programmes.programme p
  WHERE ((p.id = voucher.programme_id) AND (p.organisation_id = ( SELECT parties.scope() AS scope)))))));

ALTER TABLE programmes.voucher ENABLE ROW LEVEL SECURITY;

ALTER TABLE quotes.quote ENABLE ROW LEVEL SECURITY;

CREATE POLICY server ON quotes.quote TO mains_app USING (true);

CREATE POLICY tenant ON quotes.quote FOR SELECT TO mains_tenant USING ((organisation_id = ( SELECT parties.scope() AS scope)));

GRANT USAGE ON SCHEMA jobs TO mains_app;
GRANT USAGE ON SCHEMA jobs TO mains_tenant;

GRANT USAGE ON SCHEMA ledger TO mains_app;
GRANT USAGE ON SCHEMA ledger TO mains_tenant;

GRANT USAGE ON SCHEMA mains_meta TO mains_app;

GRANT USAGE ON SCHEMA metering TO mains_app;
GRANT USAGE ON SCHEMA metering TO mains_tenant;

GRANT USAGE ON SCHEMA parties TO mains_app;
GRANT USAGE ON SCHEMA parties TO mains_tenant;

GRANT USAGE ON SCHEMA programmes TO mains_app;
GRANT USAGE ON SCHEMA programmes TO mains_tenant;

GRANT USAGE ON SCHEMA quotes TO mains_app;
GRANT USAGE ON SCHEMA quotes TO mains_tenant;

GRANT USAGE ON SCHEMA reports TO mains_app;

GRANT USAGE ON SCHEMA sites TO mains_app;
GRANT USAGE ON SCHEMA sites TO mains_tenant;

REVOKE ALL ON FUNCTION jobs.own_by_tail(tail text) FROM PUBLIC;
GRANT ALL ON FUNCTION jobs.own_by_tail(tail text) TO mains_tenant;

REVOKE ALL ON FUNCTION ledger.absorb(draws uuid[], instant timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.account_id(kinds ledger.account_kind, units text, owners uuid, scopes text) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.capture(draw_ids uuid[], sequences bigint[], hashes bytea[], costs bigint[], finals boolean[], hold_finals boolean[], instant timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.capture(draw_ids uuid[], sequences bigint[], hashes bytea[], costs bigint[], finals boolean[], hold_finals boolean[], instant timestamp with time zone) TO mains_app;

REVOKE ALL ON FUNCTION ledger.capture_moves(decisions ledger.decision[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.close_draws(draw_ids uuid[], absorbs boolean[], instant timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.close_draws(draw_ids uuid[], absorbs boolean[], instant timestamp with time zone) TO mains_app;

REVOKE ALL ON FUNCTION ledger.close_holds(hold_ids uuid[], reasons text, instant timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.close_holds(hold_ids uuid[], reasons text, instant timestamp with time zone) TO mains_app;

REVOKE ALL ON FUNCTION ledger.decide(draw_ids uuid[], sequences bigint[], hashes bytea[], costs bigint[], finals boolean[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.entry_valid(kind ledger.entry_kind, debit bigint, credit bigint, pending bigint, posted bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.expire(instant timestamp with time zone, maximum integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.expire(instant timestamp with time zone, maximum integer) TO mains_app;

REVOKE ALL ON FUNCTION ledger.hold_closed(state ledger.hold_state, closed_at timestamp with time zone, close_reason text, draws_open integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.legs_valid(amounts bigint[], accounts bigint[], payers smallint[], money boolean[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.minus(minuend bigint[], subtrahend bigint[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.open_account(kinds ledger.account_kind, units text, owners uuid, scopes text, is_limited boolean, instant timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.open_account(kinds ledger.account_kind, units text, owners uuid, scopes text, is_limited boolean, instant timestamp with time zone) TO mains_app;

REVOKE ALL ON FUNCTION ledger.open_draws(draw_ids uuid[], hold_ids uuid[], payer_rates text[], payer_ceilings text[], ceilings_whole bigint[], payables bigint[], instant timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.open_draws(draw_ids uuid[], hold_ids uuid[], payer_rates text[], payer_ceilings text[], ceilings_whole bigint[], payables bigint[], instant timestamp with time zone) TO mains_app;

REVOKE ALL ON FUNCTION ledger.open_in_order(draws uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.place(hold_ids uuid[], hashes bytea[], organisations uuid[], units text[], ceilings bigint[], modes text[], payer_amounts text[], accounts text[], payers text[], expiries timestamp with time zone[], actors uuid[], instant timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.place(hold_ids uuid[], hashes bytea[], organisations uuid[], units text[], ceilings bigint[], modes text[], payer_amounts text[], accounts text[], payers text[], expiries timestamp with time zone[], actors uuid[], instant timestamp with time zone) TO mains_app;

REVOKE ALL ON FUNCTION ledger.place_in_order(holds uuid[], instant timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.plus(augend bigint[], addend bigint[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.portion(amount bigint, part bigint, whole bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.portion(amount bigint, part bigint, whole bigint) TO mains_app;

REVOKE ALL ON FUNCTION ledger.post(moves ledger.move[], instant timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.promise(holds uuid[], instant timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.rates_valid(rates integer[], ceilings bigint[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.refuse_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.release(holds uuid[], reasons text, instant timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.settle(draws uuid[], instant timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.shares(cost bigint, rates integer[], bounds bigint[], mode ledger.payer_mode) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.shares(cost bigint, rates integer[], bounds bigint[], mode ledger.payer_mode) TO mains_app;

REVOKE ALL ON FUNCTION ledger.split(cost bigint, rates integer[], bounds bigint[], mode ledger.payer_mode) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.split(cost bigint, rates integer[], bounds bigint[], mode ledger.payer_mode) TO mains_app;

REVOKE ALL ON FUNCTION ledger.total(parts bigint[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.transfer(transfer_id uuid, debit_id bigint, credit_id bigint, micros bigint, reasons text, actor uuid, instant timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.transfer(transfer_id uuid, debit_id bigint, credit_id bigint, micros bigint, reasons text, actor uuid, instant timestamp with time zone) TO mains_app;

REVOKE ALL ON FUNCTION ledger.within(bounds bigint[], parts bigint[], others bigint[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.sum_each(bigint[]) FROM PUBLIC;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE jobs.artefact TO mains_app;
GRANT SELECT ON TABLE jobs.artefact TO mains_tenant;

GRANT SELECT,INSERT,UPDATE ON TABLE jobs.attempt TO mains_app;
GRANT SELECT ON TABLE jobs.attempt TO mains_tenant;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE jobs.content TO mains_app;
GRANT SELECT ON TABLE jobs.content TO mains_tenant;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE jobs.dispatcher TO mains_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE jobs.heard TO mains_app;

GRANT SELECT,INSERT,UPDATE ON TABLE jobs.job TO mains_app;
GRANT SELECT ON TABLE jobs.job TO mains_tenant;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE jobs.log_chunk TO mains_app;
GRANT SELECT ON TABLE jobs.log_chunk TO mains_tenant;

GRANT SELECT,INSERT,DELETE ON TABLE jobs.queue_change TO mains_app;

GRANT SELECT,INSERT,UPDATE ON TABLE jobs.receipt TO mains_app;
GRANT SELECT,INSERT ON TABLE jobs.receipt TO mains_tenant;

GRANT SELECT,INSERT ON TABLE jobs.result TO mains_app;
GRANT SELECT ON TABLE jobs.result TO mains_tenant;

GRANT SELECT,INSERT,UPDATE ON TABLE jobs.retention TO mains_app;

GRANT SELECT,INSERT,UPDATE ON TABLE jobs.sign_of_life TO mains_app;

GRANT SELECT ON TABLE jobs.task TO mains_app;
GRANT SELECT ON TABLE jobs.task TO mains_tenant;

GRANT SELECT,INSERT ON TABLE jobs.terms TO mains_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE jobs.upload TO mains_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE jobs.usage_hour TO mains_app;

GRANT SELECT ON TABLE ledger.account TO mains_app;
GRANT SELECT ON TABLE ledger.account TO mains_tenant;

GRANT SELECT ON TABLE ledger.draw TO mains_app;
GRANT SELECT ON TABLE ledger.draw TO mains_tenant;

GRANT SELECT ON TABLE ledger.entry TO mains_app;
GRANT SELECT ON TABLE ledger.entry TO mains_tenant;

GRANT SELECT ON TABLE ledger.hold TO mains_app;
GRANT SELECT ON TABLE ledger.hold TO mains_tenant;

GRANT SELECT ON TABLE ledger.leg TO mains_app;
GRANT SELECT ON TABLE ledger.leg TO mains_tenant;

GRANT SELECT ON TABLE ledger.transfer TO mains_app;

GRANT SELECT ON TABLE ledger.usage_event TO mains_app;

GRANT SELECT ON TABLE ledger.usage_refused TO mains_app;

GRANT SELECT ON TABLE mains_meta.migration TO mains_app;

GRANT SELECT,INSERT,UPDATE ON TABLE metering.reading TO mains_app;
GRANT SELECT ON TABLE metering.reading TO mains_tenant;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE metering.refusal TO mains_app;

GRANT SELECT,INSERT ON TABLE metering.statement TO mains_app;

GRANT SELECT,INSERT,DELETE ON TABLE parties.api_key TO mains_app;
GRANT SELECT ON TABLE parties.api_key TO mains_tenant;

GRANT UPDATE(digest) ON TABLE parties.api_key TO mains_app;

GRANT UPDATE(revoked_at) ON TABLE parties.api_key TO mains_app;

GRANT UPDATE(revoked_by) ON TABLE parties.api_key TO mains_app;

GRANT UPDATE(pepper) ON TABLE parties.api_key TO mains_app;

GRANT SELECT,INSERT ON TABLE parties.key_version TO mains_app;

GRANT UPDATE(in_use_since) ON TABLE parties.key_version TO mains_app;

GRANT UPDATE(ends_at) ON TABLE parties.key_version TO mains_app;

GRANT UPDATE(destroyed_at) ON TABLE parties.key_version TO mains_app;

GRANT SELECT,INSERT ON TABLE parties.membership TO mains_app;
GRANT SELECT ON TABLE parties.membership TO mains_tenant;

GRANT SELECT,INSERT ON TABLE parties.organisation TO mains_app;
GRANT SELECT ON TABLE parties.organisation TO mains_tenant;

GRANT SELECT,INSERT ON TABLE parties.person TO mains_app;
GRANT SELECT ON TABLE parties.person TO mains_tenant;

GRANT SELECT,INSERT ON TABLE programmes.cap TO mains_app;
GRANT SELECT ON TABLE programmes.cap TO mains_tenant;

GRANT UPDATE(credited_micros) ON TABLE programmes.cap TO mains_app;

GRANT SELECT,INSERT ON TABLE programmes.programme TO mains_app;
GRANT SELECT ON TABLE programmes.programme TO mains_tenant;

GRANT UPDATE(version) ON TABLE programmes.programme TO mains_app;

GRANT SELECT,INSERT ON TABLE programmes.version TO mains_app;
GRANT SELECT ON TABLE programmes.version TO mains_tenant;

GRANT SELECT,INSERT ON TABLE programmes.voucher TO mains_app;
GRANT SELECT ON TABLE programmes.voucher TO mains_tenant;

GRANT UPDATE(returned_micros) ON TABLE programmes.voucher TO mains_app;

GRANT UPDATE(state) ON TABLE programmes.voucher TO mains_app;

GRANT UPDATE(due_at) ON TABLE programmes.voucher TO mains_app;

GRANT SELECT,INSERT,DELETE ON TABLE quotes.quote TO mains_app;
GRANT SELECT ON TABLE quotes.quote TO mains_tenant;

GRANT SELECT,INSERT ON TABLE reports.claim TO mains_app;

GRANT SELECT,INSERT ON TABLE reports.document TO mains_app;

GRANT UPDATE(copy_of) ON TABLE reports.document TO mains_app;

GRANT UPDATE(public) ON TABLE reports.document TO mains_app;

GRANT SELECT,INSERT ON TABLE reports.draft TO mains_app;

GRANT UPDATE(state) ON TABLE reports.draft TO mains_app;

GRANT UPDATE(fills) ON TABLE reports.draft TO mains_app;

GRANT UPDATE(revision) ON TABLE reports.draft TO mains_app;

GRANT UPDATE(record) ON TABLE reports.draft TO mains_app;

GRANT UPDATE(outcome) ON TABLE reports.draft TO mains_app;

GRANT UPDATE(closed_at) ON TABLE reports.draft TO mains_app;

GRANT SELECT,INSERT ON TABLE reports.draft_event TO mains_app;

GRANT SELECT,INSERT ON TABLE reports.draft_source TO mains_app;

GRANT SELECT,INSERT,DELETE ON TABLE reports.edge TO mains_app;

GRANT SELECT,INSERT,DELETE ON TABLE reports.edge_key TO mains_app;

GRANT SELECT,INSERT ON TABLE reports.relation TO mains_app;

GRANT SELECT,INSERT ON TABLE reports.review TO mains_app;

GRANT SELECT,INSERT ON TABLE reports.standing TO mains_app;

GRANT UPDATE(subject) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(measure) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(scope) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(value) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(unit) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(bound) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(modality) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(period) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(speaker) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(status) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(reviews) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(neutral) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(public) ON TABLE reports.standing TO mains_app;

GRANT UPDATE(duplicate_of) ON TABLE reports.standing TO mains_app;

GRANT SELECT,INSERT ON TABLE sites.agent_key TO mains_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE sites.join_token TO mains_app;

GRANT SELECT,INSERT,UPDATE ON TABLE sites.pool TO mains_app;
GRANT SELECT ON TABLE sites.pool TO mains_tenant;

GRANT SELECT,INSERT ON TABLE sites.registration TO mains_app;

GRANT SELECT,INSERT,UPDATE ON TABLE sites.site TO mains_app;
GRANT SELECT ON TABLE sites.site TO mains_tenant;

GRANT SELECT,INSERT ON TABLE sites.tariff TO mains_app;
GRANT SELECT ON TABLE sites.tariff TO mains_tenant;
