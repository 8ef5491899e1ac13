-- Rings of keys: which versions of the server's own keys there were, and what is still under which.

-- A key itself is in no table. public_key is what a signing key's receipts are checked with, for
-- ever; succession is the envelope in which the key before it and the key itself say who follows.
CREATE TABLE parties.key_version (
    kind text NOT NULL CHECK (kind IN ('pepper', 'secrets', 'signing')),
    version integer NOT NULL CHECK (version > 0),
    public_key text CHECK (public_key ~ '^[0-9a-f]{64}$'),
    succession bytea,
    made_at timestamptz NOT NULL,
    in_use_since timestamptz,
    -- When what is still under this version ends with it.
    ends_at timestamptz,
    destroyed_at timestamptz,
    PRIMARY KEY (kind, version),
    CHECK ((kind = 'signing') = (public_key IS NOT NULL))
);

GRANT SELECT, INSERT ON parties.key_version TO mains_app;
GRANT UPDATE (in_use_since, ends_at, destroyed_at) ON parties.key_version TO mains_app;

-- Under which version of the pepper a digest was made; a key's next use brings it to the newest.
ALTER TABLE parties.api_key ADD COLUMN pepper integer NOT NULL DEFAULT 1;
GRANT UPDATE (digest, pepper) ON parties.api_key TO mains_app;

-- What alerts look at: when the dispatcher last looked, and what the last audit found.
CREATE TABLE jobs.sign_of_life (
    name text PRIMARY KEY CHECK (name IN ('audit', 'dispatcher')),
    seen_at timestamptz NOT NULL,
    findings integer NOT NULL DEFAULT 0 CHECK (findings >= 0)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON jobs.sign_of_life TO mains_app;

-- What is kept how many days, and when the dispatcher last looked for what is past its time.
CREATE TABLE jobs.retention (
    kind text PRIMARY KEY,
    days integer NOT NULL CHECK (days >= 0),
    looked_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON jobs.retention TO mains_app;
GRANT DELETE ON quotes.quote, parties.api_key, metering.refusal TO mains_app;

-- An agent that has exchanged its key may still have messages under way that the older one signed.
ALTER TABLE sites.site
ADD COLUMN previous_key text CHECK (previous_key ~ '^[0-9a-f]{64}$'),
ADD COLUMN previous_key_until timestamptz,
ADD COLUMN rotation_asked boolean NOT NULL DEFAULT false;
