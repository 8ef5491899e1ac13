-- What is shown to a caller is read as mains_tenant, which sees one organisation's rows: a query
-- that forgets whose rows it wants finds no others'. The server itself works as mains_app.

-- The organisation that the transaction reads for; none sees nothing.
CREATE FUNCTION parties.scope() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT nullif(current_setting('mains.organisation', true), '')::uuid
$$;

GRANT USAGE ON SCHEMA parties, jobs, quotes, ledger, metering, sites, programmes TO mains_tenant;

-- Public among all who have a key: who there is, what is sold at which price, under which rules.
GRANT SELECT ON parties.organisation, sites.site, sites.pool, sites.tariff,
    programmes.programme, programmes.version TO mains_tenant;

GRANT SELECT ON parties.person, parties.membership, parties.api_key TO mains_tenant;
ALTER TABLE parties.person ENABLE ROW LEVEL SECURITY;
ALTER TABLE parties.membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE parties.api_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY server ON parties.person TO mains_app USING (true);
CREATE POLICY server ON parties.membership TO mains_app USING (true);
CREATE POLICY server ON parties.api_key TO mains_app USING (true);
CREATE POLICY tenant ON parties.membership FOR SELECT TO mains_tenant
USING (organisation_id = (SELECT parties.scope()));
CREATE POLICY tenant ON parties.api_key FOR SELECT TO mains_tenant
USING (organisation_id = (SELECT parties.scope()));
CREATE POLICY tenant ON parties.person FOR SELECT TO mains_tenant
USING (EXISTS (SELECT FROM parties.membership AS m WHERE m.person_id = person.id));

GRANT SELECT ON quotes.quote TO mains_tenant;
ALTER TABLE quotes.quote ENABLE ROW LEVEL SECURITY;
CREATE POLICY server ON quotes.quote TO mains_app USING (true);
CREATE POLICY tenant ON quotes.quote FOR SELECT TO mains_tenant
USING (organisation_id = (SELECT parties.scope()));

GRANT SELECT ON jobs.job, jobs.attempt, jobs.task, jobs.artefact, jobs.content, jobs.log_chunk
    TO mains_tenant;
GRANT SELECT, INSERT ON jobs.receipt TO mains_tenant;
ALTER TABLE jobs.job ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs.attempt ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs.task ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs.artefact ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs.content ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs.log_chunk ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs.receipt ENABLE ROW LEVEL SECURITY;
CREATE POLICY server ON jobs.job TO mains_app USING (true);
CREATE POLICY server ON jobs.attempt TO mains_app USING (true);
CREATE POLICY server ON jobs.task TO mains_app USING (true);
CREATE POLICY server ON jobs.artefact TO mains_app USING (true);
CREATE POLICY server ON jobs.content TO mains_app USING (true);
CREATE POLICY server ON jobs.log_chunk TO mains_app USING (true);
CREATE POLICY server ON jobs.receipt TO mains_app USING (true);
CREATE POLICY tenant ON jobs.job FOR SELECT TO mains_tenant
USING (organisation_id = (SELECT parties.scope()));
CREATE POLICY tenant ON jobs.attempt FOR SELECT TO mains_tenant
USING (organisation_id = (SELECT parties.scope()));
CREATE POLICY tenant ON jobs.content FOR SELECT TO mains_tenant
USING (organisation_id = (SELECT parties.scope()));
CREATE POLICY tenant ON jobs.task FOR SELECT TO mains_tenant
USING (EXISTS (SELECT FROM jobs.job AS j WHERE j.id = task.job_id));
CREATE POLICY tenant ON jobs.artefact FOR SELECT TO mains_tenant
USING (EXISTS (SELECT FROM jobs.job AS j WHERE j.id = artefact.job_id));
CREATE POLICY tenant ON jobs.log_chunk FOR SELECT TO mains_tenant
USING (EXISTS (SELECT FROM jobs.attempt AS a WHERE a.id = log_chunk.attempt_id));
-- A receipt is made when it is first asked for.
CREATE POLICY tenant ON jobs.receipt TO mains_tenant
USING (EXISTS (SELECT FROM jobs.job AS j WHERE j.id = receipt.job_id));

GRANT SELECT ON ledger.account, ledger.hold, ledger.leg, ledger.draw, ledger.entry TO mains_tenant;
ALTER VIEW ledger.leg SET (security_invoker = true);
ALTER TABLE ledger.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.hold ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.draw ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY server ON ledger.account TO mains_app USING (true);
CREATE POLICY server ON ledger.hold TO mains_app USING (true);
CREATE POLICY server ON ledger.draw TO mains_app USING (true);
CREATE POLICY server ON ledger.entry TO mains_app USING (true);
CREATE POLICY tenant ON ledger.hold FOR SELECT TO mains_tenant
USING (organisation_id = (SELECT parties.scope()));
CREATE POLICY tenant ON ledger.draw FOR SELECT TO mains_tenant
USING (EXISTS (SELECT FROM ledger.hold AS h WHERE h.id = draw.hold_id));
CREATE POLICY tenant ON ledger.entry FOR SELECT TO mains_tenant
USING (
    EXISTS (SELECT FROM ledger.account AS a WHERE a.id = entry.debit)
    OR EXISTS (SELECT FROM ledger.account AS a WHERE a.id = entry.credit)
    OR EXISTS (SELECT FROM ledger.hold AS h WHERE h.id = entry.hold_id)
);

GRANT SELECT ON metering.reading TO mains_tenant;
ALTER TABLE metering.reading ENABLE ROW LEVEL SECURITY;
CREATE POLICY server ON metering.reading TO mains_app USING (true);
CREATE POLICY tenant ON metering.reading FOR SELECT TO mains_tenant
USING (EXISTS (SELECT FROM ledger.draw AS d WHERE d.id = reading.draw_id));

GRANT SELECT ON programmes.voucher, programmes.cap TO mains_tenant;
ALTER TABLE programmes.voucher ENABLE ROW LEVEL SECURITY;
ALTER TABLE programmes.cap ENABLE ROW LEVEL SECURITY;
CREATE POLICY server ON programmes.voucher TO mains_app USING (true);
CREATE POLICY server ON programmes.cap TO mains_app USING (true);
-- Whoever publishes a programme sees what is granted under it.
CREATE POLICY tenant ON programmes.voucher FOR SELECT TO mains_tenant
USING (
    organisation_id = (SELECT parties.scope())
    OR EXISTS (
        SELECT FROM programmes.programme AS p
        WHERE p.id = voucher.programme_id AND p.organisation_id = (SELECT parties.scope())
    )
);
CREATE POLICY tenant ON programmes.cap FOR SELECT TO mains_tenant
USING (organisation_id = (SELECT parties.scope()));
-- With what is left of a voucher, for its grantor too.
CREATE POLICY tenant ON ledger.account FOR SELECT TO mains_tenant
USING (
    owner_id = (SELECT parties.scope())
    OR EXISTS (SELECT FROM programmes.voucher AS v WHERE v.account_id = account.id)
    OR EXISTS (SELECT FROM programmes.voucher AS v WHERE v.promised_account_id = account.id)
);
