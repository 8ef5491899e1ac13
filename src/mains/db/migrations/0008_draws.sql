-- Draws on a hold, one for each attempt, and captures as their meters grow; after 0002_ledger.sql.

-- Arithmetic on amounts per payer -----------------------------------------------------------

-- amount * part / whole, rounded down; taken apart so that no product leaves a bigint.
CREATE FUNCTION ledger.portion(amount bigint, part bigint, whole bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (amount / whole) * part + (amount % whole) * part / whole
$$;

CREATE FUNCTION ledger.plus(augend bigint[], addend bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    FOR i IN 1 .. cardinality(augend) LOOP
        augend[i] := augend[i] + addend[i];
    END LOOP;
    RETURN augend;
END $$;

CREATE FUNCTION ledger.minus(minuend bigint[], subtrahend bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    FOR i IN 1 .. cardinality(minuend) LOOP
        minuend[i] := minuend[i] - subtrahend[i];
    END LOOP;
    RETURN minuend;
END $$;

CREATE AGGREGATE ledger.sum_each(bigint[]) (SFUNC = ledger.plus, STYPE = bigint[]);

CREATE FUNCTION ledger.total(parts bigint[]) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    result bigint := 0;
BEGIN
    FOR i IN 1 .. cardinality(parts) LOOP
        result := result + parts[i];
    END LOOP;
    RETURN result;
END $$;

CREATE FUNCTION ledger.rates_valid(rates integer[], ceilings bigint[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
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

CREATE TYPE ledger.draw_state AS ENUM ('open', 'closed', 'absorbed');

-- The first three are recorded as events, the next two as refused, the last two not at all.
CREATE TYPE ledger.reading_outcome AS ENUM (
    'captured', 'stale', 'late', 'conflict', 'decreased', 'replayed', 'unknown'
);

-- Tables ------------------------------------------------------------------------------------

-- One attempt's allotment inside a hold. metered is the highest cost reported while it was open,
-- late what was reported beyond that afterwards; overrun is what nobody was charged for.
CREATE TABLE ledger.draw (
    id uuid PRIMARY KEY,
    hold_id uuid NOT NULL REFERENCES ledger.hold,
    rates integer[] NOT NULL,
    ceilings bigint[] NOT NULL,
    ceiling ledger.micros NOT NULL,
    payable_id bigint NOT NULL REFERENCES ledger.account,
    captured bigint[] NOT NULL,
    charged ledger.micros NOT NULL DEFAULT 0,
    metered ledger.micros NOT NULL DEFAULT 0,
    late ledger.micros NOT NULL DEFAULT 0,
    overrun ledger.micros NOT NULL DEFAULT 0,
    sequence_last bigint NOT NULL DEFAULT 0,
    state ledger.draw_state NOT NULL DEFAULT 'open',
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT draw_closed CHECK ((state = 'open') = (closed_at IS NULL)),
    CONSTRAINT draw_rates CHECK (ledger.rates_valid(rates, ceilings)),
    CONSTRAINT draw_within_ceiling CHECK (charged <= ceiling),
    CONSTRAINT draw_within_ceilings CHECK (ledger.within(ceilings, captured)),
    CONSTRAINT draw_whole CHECK (charged + overrun = metered + late)
) WITH (fillfactor = 70);

CREATE INDEX draw_of_hold ON ledger.draw (hold_id);

-- Every reading that was accepted, for ever; charged and overrun are cumulative, as answered.
CREATE TABLE ledger.usage_event (
    draw_id uuid NOT NULL,
    sequence bigint NOT NULL,
    body_hash bytea NOT NULL,
    cost ledger.micros NOT NULL,
    final boolean NOT NULL,
    outcome ledger.reading_outcome NOT NULL,
    charged ledger.micros NOT NULL,
    overrun ledger.micros NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (draw_id, sequence),
    CONSTRAINT usage_event_accepted CHECK (sequence > 0 AND outcome <= 'late')
);

-- Every reading that was refused: another body under a used sequence, or a lowered meter.
CREATE TABLE ledger.usage_refused (
    draw_id uuid NOT NULL,
    sequence bigint NOT NULL,
    body_hash bytea NOT NULL,
    cost bigint NOT NULL,
    outcome ledger.reading_outcome NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (draw_id, sequence, body_hash),
    CONSTRAINT usage_refused_refused CHECK (outcome IN ('conflict', 'decreased'))
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.usage_event
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.usage_refused
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Shares ------------------------------------------------------------------------------------

-- Split a cost by rates, the organisation first and without a limit of its own. The public part
-- is one floor over the total rate; the k-th payer takes its floor of what rest is left to the
-- payers from k on, then its bound. What a bound cuts off falls to the organisation (ratio) or
-- stays in the rest for the next payer (order). mains.ledger.rules has the same in Python.
CREATE FUNCTION ledger.shares(cost bigint, rates integer[], bounds bigint[], mode ledger.payer_mode)
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
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

-- The shares of the largest part of the cost for which the organisation's own bound suffices:
-- where it does not, the public share shrinks with it, for a rate is a rate of what is charged.
CREATE FUNCTION ledger.split(cost bigint, rates integer[], bounds bigint[], mode ledger.payer_mode)
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
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

-- Draws -------------------------------------------------------------------------------------

-- Reserve the draws that fit in their holds, one after the other; delete the others.
CREATE FUNCTION ledger.open_in_order(draws uuid[]) RETURNS TABLE (draw_id uuid, outcome text)
LANGUAGE plpgsql AS $$
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

-- Outcomes: opened, replayed, conflict, no_room, hold_closed; one row per request.
CREATE FUNCTION ledger.open_draws(
    draw_ids uuid[], hold_ids uuid[], payer_rates text[], payer_ceilings text[],
    ceilings_whole bigint[], payables bigint[], instant timestamptz
) RETURNS TABLE (draw_id uuid, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off AS $$
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

-- Close open draws: what they did not use goes back to the room of their holds.
CREATE FUNCTION ledger.settle(draws uuid[], instant timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Take back what closed draws captured: the payers' room in the hold returns, so that the next
-- attempt can use it, and what the site used is noted as absorbed.
CREATE FUNCTION ledger.absorb(draws uuid[], instant timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Outcomes: closed, absorbed, replayed, hold_closed (too late to absorb), unknown.
CREATE FUNCTION ledger.close_draws(draw_ids uuid[], absorbs boolean[], instant timestamptz)
RETURNS TABLE (draw_id uuid, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off AS $$
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

-- Captures ----------------------------------------------------------------------------------

-- What one reading does to its draw: before and after are cumulative, per payer.
CREATE TYPE ledger.decision AS (
    draw_id uuid, hold_id uuid, payable_id bigint, sequence bigint, body_hash bytea, cost bigint,
    final boolean, outcome ledger.reading_outcome, before bigint[], after bigint[], charged_before bigint,
    charged bigint, overrun_before bigint, overrun bigint
);

-- Decide each reading against its locked draw, in the order given.
CREATE FUNCTION ledger.decide(
    draw_ids uuid[], sequences bigint[], hashes bytea[], costs bigint[], finals boolean[]
) RETURNS ledger.decision[]
LANGUAGE plpgsql STABLE AS $$
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

CREATE FUNCTION ledger.capture_moves(decisions ledger.decision[]) RETURNS ledger.move[]
LANGUAGE plpgsql STABLE AS $$
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

-- Outcomes: captured, replayed, conflict, decreased, stale, late, unknown; amounts are the
-- draw's, cumulative. A reading that is final closes its draw, and its hold too where asked and
-- nothing else is drawn from it.
CREATE FUNCTION ledger.capture(
    draw_ids uuid[], sequences bigint[], hashes bytea[], costs bigint[], finals boolean[],
    hold_finals boolean[], instant timestamptz
) RETURNS TABLE (
    draw_id uuid, outcome ledger.reading_outcome, charged bigint, overrun bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off AS $$
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

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO mains_app;
GRANT EXECUTE ON FUNCTION ledger.portion, ledger.shares, ledger.split TO mains_app;
GRANT EXECUTE ON FUNCTION ledger.open_draws, ledger.capture, ledger.close_draws TO mains_app;
