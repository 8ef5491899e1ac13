-- name: add_organisation
INSERT INTO parties.organisation (id, name, title, type, attributes, created_at)
VALUES (%(id)s, %(name)s, %(title)s, %(type)s, %(attributes)s, %(now)s)
ON CONFLICT (name) DO NOTHING
RETURNING id;

-- name: organisation_by_name
SELECT id, name, title, type, attributes, created_at
FROM parties.organisation
WHERE name = %(name)s;

-- name: organisations_by_id
SELECT id, name, title, type, attributes, created_at
FROM parties.organisation
WHERE id = ANY (%(ids)s);

-- name: organisations
SELECT id, name, title, type, attributes, created_at
FROM parties.organisation
WHERE name > %(after)s
ORDER BY name
LIMIT %(limit)s;

-- name: add_person
INSERT INTO parties.person (id, home_id, name, title, created_at)
VALUES (%(id)s, %(organisation_id)s, %(name)s, %(title)s, %(now)s)
ON CONFLICT (home_id, name) DO NOTHING
RETURNING id;

-- name: add_membership
INSERT INTO parties.membership (person_id, organisation_id, roles)
VALUES (%(person_id)s, %(organisation_id)s, %(roles)s);

-- name: people
SELECT p.id, p.name, p.title, m.roles, m.organisation_id
FROM parties.membership AS m
JOIN parties.person AS p ON p.id = m.person_id
WHERE m.organisation_id = %(organisation_id)s
    AND (%(name)s::text IS NULL OR p.name = %(name)s)
ORDER BY p.name, p.id
LIMIT %(limit)s;

-- name: add_key
INSERT INTO parties.api_key (
    prefix, digest, pepper, person_id, organisation_id, label, roles, created_at, created_by,
    expires_at
)
VALUES (
    %(prefix)s, %(digest)s, %(pepper)s, %(person_id)s, %(organisation_id)s, %(label)s, %(roles)s,
    %(now)s, %(created_by)s, %(expires_at)s
);

-- name: key
SELECT k.prefix, k.digest, k.pepper, k.label, k.roles AS key_roles, k.created_at, k.expires_at, k.revoked_at,
    k.person_id, p.name AS person, k.organisation_id, o.name AS organisation, m.roles
FROM parties.api_key AS k
JOIN parties.person AS p ON p.id = k.person_id
JOIN parties.organisation AS o ON o.id = k.organisation_id
JOIN parties.membership AS m
    ON m.person_id = k.person_id AND m.organisation_id = k.organisation_id
WHERE k.prefix = %(prefix)s;

-- name: keys
SELECT k.prefix, k.label, k.roles AS key_roles, k.created_at, k.expires_at, k.revoked_at,
    k.person_id, p.name AS person, k.organisation_id, o.name AS organisation, m.roles
FROM parties.api_key AS k
JOIN parties.person AS p ON p.id = k.person_id
JOIN parties.organisation AS o ON o.id = k.organisation_id
JOIN parties.membership AS m
    ON m.person_id = k.person_id AND m.organisation_id = k.organisation_id
WHERE k.organisation_id = %(organisation_id)s
    AND (%(person_id)s::uuid IS NULL OR k.person_id = %(person_id)s)
ORDER BY k.created_at DESC, k.prefix
LIMIT %(limit)s;

-- name: rehash_key
UPDATE parties.api_key
SET digest = %(digest)s, pepper = %(pepper)s
WHERE prefix = %(prefix)s AND digest = %(before)s;

-- name: revoke_key
UPDATE parties.api_key
SET revoked_at = %(now)s, revoked_by = %(revoked_by)s
WHERE prefix = %(prefix)s AND revoked_at IS NULL;

-- name: revoke_keys_of
UPDATE parties.api_key
SET revoked_at = %(now)s
WHERE person_id = %(person_id)s AND revoked_at IS NULL;
