-- A site's epoch is that of its newest registration, and follows the one before it; a restore alone
-- skips some, so that none is given twice.
-- name: epoch_counts_registrations
WITH registered AS (
    SELECT
        site_id, epoch, host,
        lag(epoch, 1, 0::bigint) OVER (PARTITION BY site_id ORDER BY epoch) AS before
    FROM sites.registration
)
SELECT
    site.id, site.name, site.epoch, max(registered.epoch) AS newest,
    bool_or(registered.epoch <> registered.before + 1 AND registered.host <> 'restored') AS skips
FROM sites.site
LEFT JOIN registered ON registered.site_id = site.id
GROUP BY site.id, site.name, site.epoch
HAVING
    site.epoch <> coalesce(max(registered.epoch), 0)
    OR bool_or(registered.epoch <> registered.before + 1 AND registered.host <> 'restored');

-- Every pool has a price, and its versions follow each other without a gap and in time.
-- name: prices_are_complete
WITH priced AS (
    SELECT
        pool_id, version, from_at,
        lag(from_at) OVER (PARTITION BY pool_id ORDER BY version) AS before_at,
        row_number() OVER (PARTITION BY pool_id ORDER BY version) AS place
    FROM sites.tariff
)
SELECT pool.id, pool.name, priced.version
FROM sites.pool
LEFT JOIN priced ON priced.pool_id = pool.id
WHERE
    priced.version IS NULL
    OR priced.version <> priced.place
    OR priced.from_at < priced.before_at;

-- The key that a site's messages are checked with is one that joined with a token.
-- name: keys_have_joined
SELECT site.id, site.name, site.public_key
FROM sites.site
LEFT JOIN sites.agent_key
    ON agent_key.site_id = site.id AND agent_key.public_key = site.public_key
WHERE site.public_key IS NOT NULL AND agent_key.public_key IS NULL;
