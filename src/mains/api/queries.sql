-- What a scrape of /metrics asks the database: one row.
-- name: gauges
SELECT
    extract(epoch FROM clock_timestamp())::float8 AS database_seconds,
    pg_database_size(current_database()) AS database_bytes,
    (
        SELECT extract(epoch FROM %(now)s - min(submitted_at))::float8
        FROM jobs.job
        WHERE NOT isempty(waiting)
    ) AS queue_oldest_seconds,
    (
        SELECT count(*) FROM ledger.hold
        WHERE state = 'open' AND draws_open = 0 AND expires_at < %(now)s + interval '1 hour'
    ) AS holds_expiring,
    (SELECT coalesce(sum(times), 0)::bigint FROM metering.refusal) AS meters_refused;

-- name: signs_of_life
SELECT name, extract(epoch FROM seen_at)::float8 AS seen_seconds, findings
FROM jobs.sign_of_life;

-- name: key_versions
SELECT kind, version, extract(epoch FROM made_at)::float8 AS made_seconds
FROM parties.key_version
WHERE destroyed_at IS NULL;
