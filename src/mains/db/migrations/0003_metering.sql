-- Metered use: what agents signed, the latest reading of every draw, and what was not accepted.

CREATE SCHEMA metering;

-- The exact bytes that an agent signed: the evidence for every charge.
CREATE TABLE metering.statement (
    sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    site_id uuid NOT NULL,
    envelope bytea NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX statement_by_site ON metering.statement (site_id, received_at);

-- The latest accepted reading of a draw; cumulative, so it alone says what the draw cost.
CREATE TABLE metering.reading (
    draw_id uuid PRIMARY KEY,
    site_id uuid NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    body_hash bytea NOT NULL,
    unit_milliseconds bigint NOT NULL CHECK (unit_milliseconds >= 0),
    cpu_milliseconds bigint NOT NULL CHECK (cpu_milliseconds >= 0),
    memory_peak_bytes bigint NOT NULL CHECK (memory_peak_bytes >= 0),
    energy_joules bigint CHECK (energy_joules >= 0),
    final boolean NOT NULL,
    price_micros_per_unit_hour bigint NOT NULL CHECK (price_micros_per_unit_hour >= 0),
    statement bytea NOT NULL REFERENCES metering.statement (sha256),
    received_at timestamptz NOT NULL
) WITH (fillfactor = 70);

-- What changed no charge, and why: once per reading, with how often it came.
CREATE TABLE metering.refusal (
    draw_id uuid NOT NULL,
    sequence numeric NOT NULL,
    body_hash bytea NOT NULL,
    reason text NOT NULL,
    site_id uuid NOT NULL,
    unit_milliseconds numeric NOT NULL,
    statement bytea NOT NULL REFERENCES metering.statement (sha256),
    times bigint NOT NULL CHECK (times > 0),
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (draw_id, sequence, body_hash, reason, site_id)
);

GRANT USAGE ON SCHEMA metering TO mains_app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA metering TO mains_app;
GRANT UPDATE ON metering.reading, metering.refusal TO mains_app;
