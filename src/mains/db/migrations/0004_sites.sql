-- Sites, their pools, their prices, and the keys of their agents.

CREATE SCHEMA sites;

CREATE TABLE sites.site (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    title text NOT NULL,
    organisation_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'draining', 'closed')),
    attributes jsonb NOT NULL,
    public_key text CHECK (public_key ~ '^[0-9a-f]{64}$'),
    host text,
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    last_seen timestamptz,
    lease_until timestamptz,
    created_by uuid,
    created_at timestamptz NOT NULL
);

-- Every key that an agent of a site ever signed with, so that its old statements stay verifiable.
CREATE TABLE sites.agent_key (
    site_id uuid NOT NULL REFERENCES sites.site (id),
    public_key text NOT NULL CHECK (public_key ~ '^[0-9a-f]{64}$'),
    host text NOT NULL,
    joined_at timestamptz NOT NULL,
    PRIMARY KEY (site_id, public_key)
);

-- Every start of an agent; a site's newest epoch fences all others, for ever.
CREATE TABLE sites.registration (
    site_id uuid NOT NULL REFERENCES sites.site (id),
    epoch bigint NOT NULL CHECK (epoch > 0),
    instance_id uuid NOT NULL,
    host text NOT NULL,
    registered_at timestamptz NOT NULL,
    PRIMARY KEY (site_id, epoch),
    UNIQUE (site_id, instance_id)
);

-- A token is kept as a hash; used_key lets the agent that used it ask again after a lost answer.
CREATE TABLE sites.join_token (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    site_id uuid NOT NULL REFERENCES sites.site (id),
    expires_at timestamptz NOT NULL,
    used_key text,
    used_at timestamptz,
    created_by uuid,
    created_at timestamptz NOT NULL,
    CHECK ((used_key IS NULL) = (used_at IS NULL))
);
CREATE INDEX join_token_by_site ON sites.join_token (site_id);

CREATE TABLE sites.pool (
    id uuid PRIMARY KEY,
    site_id uuid NOT NULL REFERENCES sites.site (id),
    name text NOT NULL,
    unit text NOT NULL,
    units bigint NOT NULL CHECK (units > 0),
    cpus bigint NOT NULL CHECK (cpus > 0),
    memory_bytes bigint NOT NULL CHECK (memory_bytes > 0),
    host_share_percent integer NOT NULL CHECK (host_share_percent BETWEEN 1 AND 100),
    trusted boolean NOT NULL,
    energy_watts_per_unit bigint CHECK (energy_watts_per_unit >= 0),
    engine text NOT NULL,
    reported_units bigint,
    reported_cpus bigint,
    reported_memory_bytes bigint,
    isolation text,
    memory_limit text,
    reported_at timestamptz,
    created_at timestamptz NOT NULL,
    UNIQUE (site_id, name)
);

-- A price is never changed: a new version follows it, and says from when.
CREATE TABLE sites.tariff (
    id uuid PRIMARY KEY,
    pool_id uuid NOT NULL REFERENCES sites.pool (id),
    version integer NOT NULL CHECK (version > 0),
    price_micros_per_unit_hour bigint NOT NULL CHECK (price_micros_per_unit_hour >= 0),
    currency text NOT NULL,
    from_at timestamptz NOT NULL,
    created_by uuid,
    UNIQUE (pool_id, version)
);

CREATE FUNCTION sites.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = sites, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'rows of %.% are never changed or removed', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END
$$;

CREATE TRIGGER tariff_is_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON sites.tariff
FOR EACH STATEMENT EXECUTE FUNCTION sites.refuse_change();

CREATE TRIGGER agent_key_is_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON sites.agent_key
FOR EACH STATEMENT EXECUTE FUNCTION sites.refuse_change();

CREATE TRIGGER registration_is_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON sites.registration
FOR EACH STATEMENT EXECUTE FUNCTION sites.refuse_change();

GRANT USAGE ON SCHEMA sites TO mains_app;
GRANT SELECT ON ALL TABLES IN SCHEMA sites TO mains_app;
GRANT INSERT, UPDATE ON sites.site, sites.pool TO mains_app;
GRANT INSERT, UPDATE, DELETE ON sites.join_token TO mains_app;
GRANT INSERT ON sites.tariff, sites.agent_key, sites.registration TO mains_app;
