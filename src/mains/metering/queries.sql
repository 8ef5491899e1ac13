-- name: keep_statement
INSERT INTO metering.statement (sha256, site_id, envelope, received_at)
VALUES (%(sha256)s, %(site_id)s, %(envelope)s, %(now)s)
ON CONFLICT (sha256) DO NOTHING;

-- name: latest
SELECT draw_id, site_id, sequence, unit_milliseconds, price_micros_per_unit_hour
FROM metering.reading
WHERE draw_id = ANY(%(draw_ids)s);

-- name: keep_readings
INSERT INTO metering.reading (
    draw_id, site_id, sequence, body_hash, unit_milliseconds, cpu_milliseconds,
    memory_peak_bytes, energy_joules, final, price_micros_per_unit_hour, statement, received_at
)
SELECT
    taken.draw_id, %(site_id)s, taken.sequence, taken.body_hash, taken.unit_milliseconds,
    taken.cpu_milliseconds, taken.memory_peak_bytes, taken.energy_joules, taken.final,
    taken.price, %(sha256)s, %(now)s
FROM unnest(
    %(draw_ids)s::uuid[], %(sequences)s::bigint[], %(body_hashes)s::bytea[],
    %(unit_milliseconds)s::bigint[], %(cpu_milliseconds)s::bigint[],
    %(memory_peak_bytes)s::bigint[], %(energy_joules)s::bigint[], %(finals)s::boolean[],
    %(prices)s::bigint[]
) AS taken (
    draw_id, sequence, body_hash, unit_milliseconds, cpu_milliseconds, memory_peak_bytes,
    energy_joules, final, price
)
ORDER BY taken.draw_id
ON CONFLICT (draw_id) DO UPDATE
SET sequence = excluded.sequence, body_hash = excluded.body_hash,
    unit_milliseconds = excluded.unit_milliseconds, cpu_milliseconds = excluded.cpu_milliseconds,
    memory_peak_bytes = excluded.memory_peak_bytes, energy_joules = excluded.energy_joules,
    final = excluded.final, statement = excluded.statement, received_at = excluded.received_at
WHERE reading.sequence < excluded.sequence;

-- name: keep_refusals
INSERT INTO metering.refusal (
    draw_id, sequence, body_hash, reason, site_id, unit_milliseconds, statement, times, first_at,
    last_at
)
SELECT
    refused.draw_id, refused.sequence, refused.body_hash, refused.reason, %(site_id)s,
    refused.unit_milliseconds, %(sha256)s, count(*), %(now)s, %(now)s
FROM unnest(
    %(draw_ids)s::uuid[], %(sequences)s::numeric[], %(body_hashes)s::bytea[], %(reasons)s::text[],
    %(unit_milliseconds)s::numeric[]
) AS refused (draw_id, sequence, body_hash, reason, unit_milliseconds)
GROUP BY
    refused.draw_id, refused.sequence, refused.body_hash, refused.reason,
    refused.unit_milliseconds
ORDER BY refused.draw_id
ON CONFLICT (draw_id, sequence, body_hash, reason, site_id) DO UPDATE
SET times = refusal.times + excluded.times, last_at = excluded.last_at;

-- name: readings
SELECT
    draw_id, site_id, sequence, unit_milliseconds, cpu_milliseconds, memory_peak_bytes,
    energy_joules, final, price_micros_per_unit_hour, statement, received_at
FROM metering.reading
WHERE draw_id = ANY(%(draw_ids)s);

-- name: statement
SELECT site_id, envelope, received_at FROM metering.statement WHERE sha256 = %(sha256)s;
