-- The ledger: accounts with limits, transfers, holds over any number of payers and caps, and the
-- append-only entries of it all. 0008_draws.sql goes on with draws and captures.
--
-- Only the functions write. Locks are taken in one order everywhere: holds by id, draws by id,
-- accounts by id; therefore calls never wait for each other in a circle.

CREATE SCHEMA ledger;

-- Amounts are micro-units; the bound keeps sums of two away from the end of a bigint.
CREATE DOMAIN ledger.micros AS bigint CHECK (VALUE BETWEEN 0 AND 4611686018427387904);

CREATE TYPE ledger.account_kind AS ENUM (
    'own', 'voucher', 'pot', 'cap',
    'world', 'payable', 'absorbed', 'overrun', 'cap_source', 'reserve'
);
CREATE TYPE ledger.entry_kind AS ENUM (
    'transfer', 'hold', 'capture', 'release', 'refund', 'overrun', 'absorb'
);
CREATE TYPE ledger.payer_mode AS ENUM ('ratio', 'order');
CREATE TYPE ledger.hold_state AS ENUM ('open', 'closed');

-- What the checks ask ----------------------------------------------------------------------
--
-- Postgres reads the text of each check again for every statement, so the
-- long ones are functions, whose plans are kept.

-- Is every part, together with the other part if there is one, between zero and its bound?
CREATE FUNCTION ledger.within(bounds bigint[], parts bigint[], others bigint[] DEFAULT '{}')
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
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

-- Every payer of something has exactly one leg that moves money; the others are caps. A leg
-- whose account is unlimited, of another unit or unknown comes here with money = null.
CREATE FUNCTION ledger.legs_valid(
    amounts bigint[], accounts bigint[], payers smallint[], money boolean[]
) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
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

CREATE FUNCTION ledger.hold_closed(
    state ledger.hold_state, closed_at timestamptz, close_reason text, draws_open integer
) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF state = 'open' THEN
        RETURN closed_at IS NULL AND close_reason IS NULL AND draws_open >= 0;
    END IF;
    RETURN closed_at IS NOT NULL AND close_reason IS NOT NULL AND draws_open = 0;
END $$;

CREATE FUNCTION ledger.entry_valid(
    kind ledger.entry_kind, debit bigint, credit bigint, pending bigint, posted bigint
) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (posted > 0) = (credit IS NOT NULL) AND debit IS DISTINCT FROM credit
        AND CASE kind
            WHEN 'hold' THEN pending > 0 AND posted = 0
            WHEN 'release' THEN pending < 0 AND posted = 0
            WHEN 'capture' THEN pending = -posted AND posted > 0
            ELSE pending = 0 AND posted > 0
        END;
END $$;

-- Tables ------------------------------------------------------------------------------------

-- A limited account counts what came in (credits), what went out for good (debits) and what
-- holds have promised (pending). An unlimited one keeps no counters, so that it is never a hot
-- row: its balance is the sum of its entries.
--
-- contra_id: of a cap, where its captures go; of an account that draws pay into, where usage is
-- noted that nobody was charged for; of an overrun account, its opposite.
CREATE TABLE ledger.account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind ledger.account_kind NOT NULL,
    unit text NOT NULL,
    owner_id uuid,
    scope text NOT NULL,
    limited boolean NOT NULL,
    contra_id bigint REFERENCES ledger.account,
    credits ledger.micros NOT NULL DEFAULT 0,
    debits ledger.micros NOT NULL DEFAULT 0,
    pending ledger.micros NOT NULL DEFAULT 0,
    opened_at timestamptz NOT NULL,
    CONSTRAINT account_opened_once UNIQUE NULLS NOT DISTINCT (owner_id, kind, unit, scope),
    CONSTRAINT account_kind CHECK (limited = (kind <= 'cap') AND (limited OR credits = 0)),
    CONSTRAINT account_within_limit CHECK (debits + pending <= credits)
) WITH (fillfactor = 50);

-- amounts, reserved and captured are per payer: first the organisation's own money, then the
-- public payers in their order. reserved is in open draws; captured is of closed ones.
CREATE TABLE ledger.hold (
    id uuid PRIMARY KEY,
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
    reserved_total ledger.micros NOT NULL DEFAULT 0,
    captured_total ledger.micros NOT NULL DEFAULT 0,
    draws_open integer NOT NULL DEFAULT 0,
    state ledger.hold_state NOT NULL DEFAULT 'open',
    actor_id uuid,
    placed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    close_reason text,
    CONSTRAINT hold_closed CHECK (ledger.hold_closed(state, closed_at, close_reason, draws_open)),
    CONSTRAINT hold_legs CHECK (ledger.legs_valid(amounts, leg_accounts, leg_payers, leg_money)),
    CONSTRAINT hold_within_ceiling CHECK (reserved_total + captured_total <= ceiling),
    CONSTRAINT hold_within_amounts CHECK (ledger.within(amounts, reserved, captured))
) WITH (fillfactor = 70);

CREATE INDEX hold_expiring ON ledger.hold (expires_at) WHERE state = 'open';

-- What a capture or a release moves on each account of a hold.
CREATE VIEW ledger.leg AS
SELECT
    h.id AS hold_id,
    l.ordinal,
    l.account_id,
    l.payer,
    l.money,
    CASE WHEN l.payer < 0 THEN h.ceiling ELSE h.amounts[l.payer + 1] END AS amount,
    CASE WHEN l.payer < 0 THEN h.captured_total ELSE h.captured[l.payer + 1] END AS captured
FROM ledger.hold AS h
CROSS JOIN LATERAL unnest(h.leg_accounts, h.leg_payers, h.leg_money)
    WITH ORDINALITY AS l (account_id, payer, money, ordinal);

CREATE TABLE ledger.transfer (
    id uuid PRIMARY KEY,
    debit bigint NOT NULL,
    credit bigint NOT NULL,
    amount ledger.micros NOT NULL,
    reason text NOT NULL,
    actor_id uuid,
    at timestamptz NOT NULL,
    CONSTRAINT transfer_moves CHECK (amount > 0 AND debit <> credit)
);

-- One row per leg and operation. posted moves from debit to credit; pending is the change of
-- what the debit account has promised. A refund takes off both counters what its capture added.
-- seq is not the order of commits, but it is so among the entries of one limited account, since
-- it is drawn under that account's lock. xid lets a sealer read only what is settled.
CREATE TABLE ledger.entry (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
    at timestamptz NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT entry_valid CHECK (ledger.entry_valid(kind, debit, credit, pending, posted))
);

CREATE INDEX entry_of_hold ON ledger.entry (hold_id) WHERE hold_id IS NOT NULL;
CREATE INDEX entry_of_debit ON ledger.entry (debit, seq);
CREATE INDEX entry_of_credit ON ledger.entry (credit, seq) WHERE credit IS NOT NULL;

CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is append-only', TG_TABLE_NAME USING ERRCODE = 'ML001';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entry
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfer
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Posting: counters and entries change together, here and in promise, and nowhere else -------

CREATE TYPE ledger.move AS (
    txn uuid, hold_id uuid, draw_id uuid, sequence bigint, kind ledger.entry_kind,
    debit bigint, credit bigint, pending bigint, posted bigint, actor_id uuid, reason text
);

CREATE FUNCTION ledger.post(moves ledger.move[], instant timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Accounts and transfers --------------------------------------------------------------------

CREATE FUNCTION ledger.account_id(
    kinds ledger.account_kind, units text, owners uuid, scopes text
) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF owners IS NULL THEN
        RETURN (SELECT a.id FROM account AS a
            WHERE a.owner_id IS NULL AND a.kind = kinds AND a.unit = units AND a.scope = scopes);
    END IF;
    RETURN (SELECT a.id FROM account AS a
        WHERE a.owner_id = owners AND a.kind = kinds AND a.unit = units AND a.scope = scopes);
END $$;

-- Return the account of this name, opened now if there is none yet, with its contra accounts.
CREATE FUNCTION ledger.open_account(
    kinds ledger.account_kind, units text, owners uuid, scopes text, is_limited boolean,
    instant timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
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

-- Outcomes: placed, replayed, conflict, refused (the debit account is short), overfull (the
-- credit account would leave the range of amounts).
CREATE FUNCTION ledger.transfer(
    transfer_id uuid, debit_id bigint, credit_id bigint, micros bigint, reasons text,
    actor uuid, instant timestamptz
) RETURNS TABLE (outcome text, short_by bigint, available bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
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

-- Holds -------------------------------------------------------------------------------------

-- Post the promises of holds whose accounts are locked and have the room. It is what post does,
-- without the moves in between: placing is the ledger's most frequent write.
CREATE FUNCTION ledger.promise(holds uuid[], instant timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Place the holds that fit, one after the other; delete the others and say what was short.
CREATE FUNCTION ledger.place_in_order(holds uuid[], instant timestamptz)
RETURNS TABLE (hold_id uuid, short_account bigint, short_needed bigint, short_available bigint)
LANGUAGE plpgsql AS $$
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

-- Outcomes: placed, replayed, conflict, refused; one row per request. The holds are inserted
-- first, so that a concurrent twin waits here and then reads the stored answer; one that turns
-- out not to fit is deleted again, for refusals are not stored.
CREATE FUNCTION ledger.place(
    hold_ids uuid[], hashes bytea[], organisations uuid[], units text[], ceilings bigint[],
    modes text[], payer_amounts text[], accounts text[], payers text[], expiries timestamptz[],
    actors uuid[], instant timestamptz
) RETURNS TABLE (
    hold_id uuid, outcome text, short_account bigint, short_needed bigint, short_available bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off AS $$
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

-- Give back what is left of these holds, which the caller has locked; none has an open draw.
CREATE FUNCTION ledger.release(holds uuid[], reasons text, instant timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Outcomes: closed, replayed, draws_open, unknown.
CREATE FUNCTION ledger.close_holds(hold_ids uuid[], reasons text, instant timestamptz)
RETURNS TABLE (hold_id uuid, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off AS $$
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

-- Close holds past their time, at most as many as asked; never one with an open draw.
CREATE FUNCTION ledger.expire(instant timestamptz, maximum integer) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off AS $$
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

-- The application reads everything and writes through the functions alone.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT USAGE ON SCHEMA ledger TO mains_app;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO mains_app;
GRANT EXECUTE ON FUNCTION ledger.open_account, ledger.transfer, ledger.place,
    ledger.close_holds, ledger.expire TO mains_app;
