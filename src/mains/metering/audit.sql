-- What a draw was metered at is its latest accepted reading times the price of its attempt.
-- name: cost_is_reading_times_price
SELECT
    reading.draw_id, reading.unit_milliseconds, reading.price_micros_per_unit_hour,
    draw.metered + draw.late AS metered
FROM metering.reading
JOIN ledger.draw ON draw.id = reading.draw_id
WHERE
    ceil(reading.unit_milliseconds::numeric * reading.price_micros_per_unit_hour / 3600000)
    <> draw.metered + draw.late;

-- Every capture comes from a reading that was signed: the newest event of a draw is its reading.
-- name: captures_have_readings
SELECT draw.id, draw.sequence_last, reading.sequence
FROM ledger.draw
LEFT JOIN metering.reading ON reading.draw_id = draw.id
LEFT JOIN ledger.usage_event
    ON usage_event.draw_id = draw.id AND usage_event.sequence = draw.sequence_last
WHERE
    draw.sequence_last > 0
    AND (reading.sequence, reading.body_hash, reading.final)
    IS DISTINCT FROM (draw.sequence_last, usage_event.body_hash, usage_event.final);

-- Every reading belongs to a draw of the ledger.
-- name: readings_have_draws
SELECT reading.draw_id, reading.site_id
FROM metering.reading
LEFT JOIN ledger.draw ON draw.id = reading.draw_id
WHERE draw.id IS NULL;

-- A statement is kept byte for byte, and stands for readings of the site that signed it alone.
-- name: statements_are_whole
SELECT encode(statement.sha256, 'hex') AS statement, statement.site_id, NULL::uuid AS draw_id
FROM metering.statement
WHERE sha256(statement.envelope) <> statement.sha256
UNION ALL
SELECT encode(reading.statement, 'hex'), statement.site_id, reading.draw_id
FROM metering.reading
JOIN metering.statement ON statement.sha256 = reading.statement
WHERE statement.site_id <> reading.site_id;
