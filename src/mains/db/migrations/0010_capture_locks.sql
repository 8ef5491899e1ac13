-- Captures with a last reading lock all accounts of their holds at once; after 0008_draws.sql.

-- Outcomes: captured, replayed, conflict, decreased, stale, late, unknown; amounts are the
-- draw's, cumulative. A reading that is final closes its draw, and its hold too where asked and
-- nothing else is drawn from it.
CREATE OR REPLACE FUNCTION ledger.capture(
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
