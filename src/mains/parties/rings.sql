-- name: note_version
INSERT INTO parties.key_version (kind, version, public_key, succession, made_at)
VALUES (%(kind)s, %(version)s, %(public_key)s, %(succession)s, %(now)s)
ON CONFLICT (kind, version) DO NOTHING;

-- name: note_in_use
UPDATE parties.key_version
SET in_use_since = %(now)s
WHERE kind = %(kind)s AND version = %(version)s AND in_use_since IS NULL;

-- name: note_end
UPDATE parties.key_version
SET ends_at = %(ends_at)s
WHERE kind = %(kind)s AND version < %(version)s AND destroyed_at IS NULL;

-- name: note_destroyed
UPDATE parties.key_version
SET destroyed_at = %(now)s
WHERE kind = %(kind)s AND version = %(version)s AND destroyed_at IS NULL;

-- name: versions
SELECT kind, version, public_key, succession, made_at, in_use_since, ends_at, destroyed_at
FROM parties.key_version
ORDER BY kind, version;

-- name: keys_under_peppers
SELECT pepper AS version, count(*) AS things
FROM parties.api_key
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)
GROUP BY pepper;

-- name: revoke_overdue_keys
UPDATE parties.api_key
SET revoked_at = %(now)s
FROM parties.key_version
WHERE key_version.kind = 'pepper'
    AND key_version.version = api_key.pepper
    AND key_version.ends_at <= %(now)s
    AND api_key.revoked_at IS NULL;
