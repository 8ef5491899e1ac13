-- name: insert_site
INSERT INTO sites.site (id, name, title, organisation_id, attributes, created_by, created_at)
VALUES (
    %(id)s, %(name)s, %(title)s, %(organisation_id)s, %(attributes)s, %(created_by)s, %(now)s
)
ON CONFLICT (name) DO NOTHING
RETURNING id;

-- name: insert_pool
INSERT INTO sites.pool (
    id, site_id, name, unit, units, cpus, memory_bytes, host_share_percent, trusted,
    energy_watts_per_unit, engine, created_at
)
VALUES (
    %(id)s, %(site_id)s, %(name)s, %(unit)s, %(units)s, %(cpus)s, %(memory_bytes)s,
    %(host_share_percent)s, %(trusted)s, %(energy_watts_per_unit)s, %(engine)s, %(now)s
)
ON CONFLICT (site_id, name) DO NOTHING
RETURNING id;

-- name: lock_pool
SELECT id FROM sites.pool
WHERE site_id = %(site_id)s AND name = %(name)s
FOR NO KEY UPDATE;

-- name: insert_tariff
INSERT INTO sites.tariff (
    id, pool_id, version, price_micros_per_unit_hour, currency, from_at, created_by
)
SELECT
    %(id)s, %(pool_id)s, coalesce(max(version), 0) + 1, %(price)s, %(currency)s,
    greatest(%(now)s, max(from_at)), %(created_by)s
FROM sites.tariff
WHERE pool_id = %(pool_id)s;

-- name: all_sites
SELECT
    id, name, title, organisation_id, state, attributes, public_key, host, epoch, last_seen,
    lease_until
FROM sites.site
ORDER BY name;

-- name: one_site
SELECT
    id, name, title, organisation_id, state, attributes, public_key, host, epoch, last_seen,
    lease_until
FROM sites.site
WHERE id = %(id)s OR name = %(name)s;

-- name: lock_site
SELECT
    id, name, title, organisation_id, state, attributes, public_key, host, epoch, last_seen,
    lease_until
FROM sites.site
WHERE id = %(id)s
FOR NO KEY UPDATE;

-- name: pools_with_prices
SELECT
    pool.id, pool.site_id, pool.name, pool.unit, pool.units, pool.cpus, pool.memory_bytes,
    pool.host_share_percent, pool.trusted, pool.energy_watts_per_unit, pool.engine,
    pool.reported_units, pool.reported_cpus, pool.reported_memory_bytes, pool.isolation,
    pool.memory_limit, price.id AS tariff_id, price.version AS tariff_version,
    price.price_micros_per_unit_hour, price.currency, price.from_at
FROM sites.pool
CROSS JOIN LATERAL (
    SELECT id, version, price_micros_per_unit_hour, currency, from_at
    FROM sites.tariff
    WHERE tariff.pool_id = pool.id
    ORDER BY version DESC
    LIMIT 1
) AS price
WHERE %(site_id)s::uuid IS NULL OR pool.site_id = %(site_id)s
ORDER BY pool.site_id, pool.name;

-- name: one_tariff
SELECT id, pool_id, version, price_micros_per_unit_hour, currency, from_at
FROM sites.tariff
WHERE id = %(id)s;

-- name: end_unused_tokens
DELETE FROM sites.join_token WHERE site_id = %(site_id)s AND used_at IS NULL;

-- name: insert_token
INSERT INTO sites.join_token (digest, site_id, expires_at, created_by, created_at)
VALUES (%(digest)s, %(site_id)s, %(expires_at)s, %(created_by)s, %(now)s);

-- name: use_token
UPDATE sites.join_token
SET used_key = %(public_key)s, used_at = coalesce(used_at, %(now)s)
WHERE
    digest = %(digest)s
    AND expires_at > %(now)s
    AND (used_key IS NULL OR used_key = %(public_key)s)
RETURNING site_id;

-- name: take_key
WITH kept AS (
    INSERT INTO sites.agent_key (site_id, public_key, host, joined_at)
    VALUES (%(site_id)s, %(public_key)s, %(host)s, %(now)s)
    ON CONFLICT (site_id, public_key) DO NOTHING
)
UPDATE sites.site
SET public_key = %(public_key)s, previous_key = NULL, previous_key_until = NULL,
    rotation_asked = false
WHERE id = %(site_id)s;

-- name: exchange_key
WITH kept AS (
    INSERT INTO sites.agent_key (site_id, public_key, host, joined_at)
    SELECT id, %(public_key)s, coalesce(host, ''), %(now)s
    FROM sites.site
    WHERE id = %(site_id)s
    ON CONFLICT (site_id, public_key) DO NOTHING
)
UPDATE sites.site
SET previous_key = public_key, previous_key_until = %(until)s, public_key = %(public_key)s,
    rotation_asked = false
WHERE id = %(site_id)s;

-- name: ask_rotation
UPDATE sites.site SET rotation_asked = true WHERE id = %(site_id)s;

-- name: speaker
SELECT id, name, state, public_key, previous_key, previous_key_until, rotation_asked, epoch
FROM sites.site
WHERE id = %(site_id)s;

-- name: registration
SELECT epoch FROM sites.registration
WHERE site_id = %(site_id)s AND instance_id = %(instance_id)s;

-- name: next_epoch
WITH kept AS (
    INSERT INTO sites.registration (site_id, epoch, instance_id, host, registered_at)
    SELECT id, epoch + 1, %(instance_id)s, %(host)s, %(now)s
    FROM sites.site
    WHERE id = %(site_id)s
), forgotten AS (
    UPDATE sites.pool
    SET reported_units = NULL, reported_cpus = NULL, reported_memory_bytes = NULL, isolation = NULL,
        memory_limit = NULL, reported_at = NULL
    WHERE site_id = %(site_id)s
)
UPDATE sites.site
SET epoch = epoch + 1, host = %(host)s, last_seen = %(now)s
WHERE id = %(site_id)s
RETURNING epoch;

-- Where the server's clock was put back, the lease is too: it would count a site that dies as there
-- until the clock had come that far again. What runs was promised in seconds, and those are over.
-- name: renew_lease
WITH renewed AS (
    UPDATE sites.site
    SET last_seen = %(now)s, lease_until = %(lease_until)s
    WHERE
        id = %(site_id)s
        AND epoch = %(epoch)s
        AND (
            lease_until IS NULL
            OR lease_until <= %(lease_until)s - %(interval)s
            OR lease_until > %(lease_until)s + (%(lease_until)s - %(now)s)
        )
    RETURNING lease_until
)
SELECT epoch, coalesce((SELECT lease_until FROM renewed), lease_until) AS lease_until
FROM sites.site
WHERE id = %(site_id)s;

-- name: report_pools
UPDATE sites.pool
SET reported_units = found.units, reported_cpus = found.cpus,
    reported_memory_bytes = found.memory_bytes, isolation = found.isolation,
    memory_limit = found.memory_limit, reported_at = %(now)s
FROM unnest(
    %(pool_ids)s::uuid[], %(units)s::bigint[], %(cpus)s::bigint[], %(memory_bytes)s::bigint[],
    %(isolations)s::text[], %(memory_limits)s::text[]
) AS found (pool_id, units, cpus, memory_bytes, isolation, memory_limit)
WHERE
    pool.id = found.pool_id
    AND pool.site_id = %(site_id)s
    AND (
        pool.reported_units, pool.reported_cpus, pool.reported_memory_bytes, pool.isolation,
        pool.memory_limit
    ) IS DISTINCT FROM (
        found.units, found.cpus, found.memory_bytes, found.isolation, found.memory_limit
    );

-- name: set_state
UPDATE sites.site SET state = %(state)s WHERE id = %(site_id)s;

-- After a restore every agent has to register again, at an epoch that none ever had.
-- name: skip_epochs
WITH skipped AS (
    UPDATE sites.site SET epoch = epoch + %(gap)s, lease_until = NULL RETURNING id, epoch
)
INSERT INTO sites.registration (site_id, epoch, instance_id, host, registered_at)
SELECT id, epoch, gen_random_uuid(), 'restored', %(now)s FROM skipped;

-- name: end_every_unused_token
DELETE FROM sites.join_token WHERE used_at IS NULL;
