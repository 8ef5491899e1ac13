-- Programmes of public money, their versions, the vouchers granted under them, and the caps.
-- Amounts themselves are in the ledger: the rows here say which account is what.

CREATE SCHEMA programmes;

CREATE TABLE programmes.programme (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    organisation_id uuid NOT NULL REFERENCES parties.organisation,
    currency text NOT NULL,
    time_zone text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    pot_account_id bigint NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);

-- A published version never changes; document is its canonical text, document_sha256 of just that.
CREATE TABLE programmes.version (
    programme_id uuid NOT NULL REFERENCES programmes.programme,
    version integer NOT NULL CHECK (version > 0),
    publication_id uuid NOT NULL UNIQUE,
    document text NOT NULL,
    document_sha256 text NOT NULL,
    pot_micros bigint NOT NULL CHECK (pot_micros > 0),
    cap_micros bigint CHECK (cap_micros > 0),
    published_by uuid REFERENCES parties.person,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (programme_id, version)
);

-- promised_account_id holds what is granted and not yet released; account_id what may be spent.
-- due_at is when to look next whether it is over. An ended voucher pays nothing new, but what its
-- last holds leave still returns through it; a closed one is empty for good.
CREATE TABLE programmes.voucher (
    id uuid PRIMARY KEY,
    request_hash bytea NOT NULL,
    programme_id uuid NOT NULL,
    version integer NOT NULL,
    organisation_id uuid NOT NULL REFERENCES parties.organisation,
    granted_micros bigint NOT NULL CHECK (granted_micros > 0),
    tranche_micros bigint NOT NULL CHECK (tranche_micros > 0),
    returned_micros bigint NOT NULL DEFAULT 0
    CHECK (returned_micros BETWEEN 0 AND granted_micros),
    promised_account_id bigint NOT NULL UNIQUE,
    account_id bigint NOT NULL UNIQUE,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL CHECK (valid_until > valid_from),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'ended', 'closed')),
    due_at timestamptz NOT NULL,
    granted_by uuid REFERENCES parties.person,
    granted_at timestamptz NOT NULL,
    FOREIGN KEY (programme_id, version) REFERENCES programmes.version
);

CREATE INDEX voucher_organisation ON programmes.voucher (organisation_id, valid_until);
CREATE INDEX voucher_programme ON programmes.voucher (programme_id, id);
CREATE INDEX voucher_due ON programmes.voucher (due_at)
WHERE state <> 'closed';

-- One control account per programme, organisation and period; its room is what the cap leaves.
-- credited_micros is what it was given in all; versions that change the cap change it.
CREATE TABLE programmes.cap (
    programme_id uuid NOT NULL REFERENCES programmes.programme,
    organisation_id uuid NOT NULL REFERENCES parties.organisation,
    period text NOT NULL,
    period_end timestamptz,
    account_id bigint NOT NULL UNIQUE,
    credited_micros bigint NOT NULL CHECK (credited_micros >= 0),
    opened_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, programme_id, period)
);

GRANT USAGE ON SCHEMA programmes TO mains_app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA programmes TO mains_app;
GRANT UPDATE (version) ON programmes.programme TO mains_app;
GRANT UPDATE (state, due_at, returned_micros) ON programmes.voucher TO mains_app;
GRANT UPDATE (credited_micros) ON programmes.cap TO mains_app;
