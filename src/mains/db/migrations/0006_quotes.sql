-- Quotes: what was promised to whom, until when, at which price and rule versions.

create schema quotes;

create table quotes.quote (
  id uuid primary key,
  organisation_id uuid not null references parties.organisation,
  person_id uuid not null,
  spec jsonb not null,
  bundle text,
  currency text not null,
  tasks integer not null check (tasks > 0),
  ceiling bigint not null check (ceiling >= 0),
  own_most bigint not null check (own_most between 0 and ceiling),
  -- Parallel to the hold's payers: what each may have to pay at most, and which accounts follow it.
  amounts bigint [] not null,
  leg_accounts bigint [] not null,
  leg_payers smallint [] not null,
  -- The voucher's terms and the admitted offers, as the receipt and the placement need them.
  payers jsonb not null,
  offers jsonb not null,
  refusals jsonb not null,
  created_at timestamptz not null,
  valid_until timestamptz not null,
  check (valid_until > created_at),
  check (cardinality(leg_accounts) = cardinality(leg_payers))
);

create index quote_by_organisation on quotes.quote (organisation_id, created_at);

grant usage on schema quotes to mains_app;
grant select, insert on quotes.quote to mains_app;
