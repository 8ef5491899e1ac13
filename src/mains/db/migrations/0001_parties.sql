-- Organisations, the people in them, and the keys that they act by.

CREATE SCHEMA parties;

CREATE TABLE parties.organisation (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    title text NOT NULL,
    type text NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    created_at timestamptz NOT NULL
);

-- A person has a name of their own within the organisation that entered them.
CREATE TABLE parties.person (
    id uuid PRIMARY KEY,
    home_id uuid NOT NULL REFERENCES parties.organisation,
    name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    title text NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (home_id, name)
);

CREATE TABLE parties.membership (
    person_id uuid NOT NULL REFERENCES parties.person,
    organisation_id uuid NOT NULL REFERENCES parties.organisation,
    roles text[] NOT NULL CHECK (
        cardinality(roles) > 0
        AND roles <@ ARRAY['owner', 'member', 'operator', 'officer', 'auditor', 'administrator']
    ),
    PRIMARY KEY (person_id, organisation_id)
);

CREATE INDEX membership_organisation ON parties.membership (organisation_id);

-- The secret itself is nowhere: digest is its HMAC under a pepper that the database has not got.
-- roles, where given, are the only ones of the person's that the key carries.
CREATE TABLE parties.api_key (
    prefix text PRIMARY KEY CHECK (prefix ~ '^[a-z2-7]{8}$'),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    person_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    label text NOT NULL,
    roles text[],
    created_at timestamptz NOT NULL,
    created_by uuid REFERENCES parties.person,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by uuid REFERENCES parties.person,
    FOREIGN KEY (person_id, organisation_id) REFERENCES parties.membership
);

CREATE INDEX api_key_organisation ON parties.api_key (organisation_id, person_id);

GRANT USAGE ON SCHEMA parties TO mains_app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA parties TO mains_app;
GRANT UPDATE (revoked_at, revoked_by) ON parties.api_key TO mains_app;
