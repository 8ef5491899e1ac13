-- A site's epoch is the number of times that an agent has registered for it.
-- name: epoch_counts_registrations
SELECT site.id, site.name, site.epoch, count(registration.epoch) AS registrations
FROM sites.site
LEFT JOIN sites.registration ON registration.site_id = site.id
GROUP BY site.id, site.name, site.epoch
HAVING
    site.epoch <> count(registration.epoch)
    OR site.epoch <> coalesce(max(registration.epoch), 0);

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
