-- name: bound_locks
SELECT set_config('lock_timeout', %(milliseconds)s, false);

-- The number is arbitrary and belongs to mains' migrations alone.
-- name: take_lock
SELECT pg_advisory_lock(7236013487);

-- name: role_exists
SELECT 1 FROM pg_roles WHERE rolname = %(role)s;

-- name: create_role
CREATE ROLE mains_app;

-- name: create_tenant
CREATE ROLE mains_tenant;
GRANT mains_tenant TO mains_app;

-- name: create_meta
CREATE SCHEMA IF NOT EXISTS mains_meta;
CREATE TABLE IF NOT EXISTS mains_meta.migration (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT USAGE ON SCHEMA mains_meta TO mains_app;
GRANT SELECT ON mains_meta.migration TO mains_app;

-- name: application_facts
SELECT to_regnamespace('mains_meta') IS NOT NULL,
       EXISTS (
           SELECT 1 FROM pg_roles AS role
           WHERE role.rolname = 'mains_app' AND pg_has_role(role.oid, 'USAGE')
       ),
       current_user::text;

-- name: applied
SELECT number, sha256 FROM mains_meta.migration ORDER BY number;

-- name: record
INSERT INTO mains_meta.migration (number, name, sha256)
VALUES (%(number)s, %(name)s, %(sha256)s);
