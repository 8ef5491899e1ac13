-- Reports: documents of the library, the claims that were read from them, how claims relate, what
-- reviews decided, and the drafts that claims would become.

create schema reports;

-- A document is known by its bytes, which the blob store keeps. opened_sha256 is the blob with its
-- text and blocks, text_sha256 is of the text alone. copy_of names the document whose text it
-- repeats; bands are the parts of its signature that near-duplicates are found by.
create table reports.document (
  id text primary key check (id ~ '^[0-9a-f]{16}$'),
  number bigint generated always as identity unique,
  sha256 text not null unique check (sha256 ~ '^sha256:[0-9a-f]{64}$'),
  text_sha256 text not null,
  opened_sha256 text not null,
  name text not null,
  title text,
  publisher text,
  published text,
  url text,
  media_type text,
  languages text[] not null,
  size_bytes bigint not null check (size_bytes > 0),
  characters bigint not null check (characters >= 0),
  latest_period text,
  notes jsonb not null,
  signature bytea not null,
  bands bigint[] not null,
  copy_of text references reports.document check (copy_of <> id),
  public boolean not null,
  organisation_id uuid not null references parties.organisation,
  filed_by uuid not null references parties.person,
  filed_at timestamptz not null
);

create index document_public on reports.document (number) where public;
create index document_bands on reports.document using gin (bands) where copy_of is null;
create index document_copies on reports.document (copy_of) where copy_of is not null;
create index document_quota on reports.document (organisation_id) include (size_bytes);

-- A claim is what the reader made of one span, and never changes. sentence holds the span: the
-- quote stands in it at span_start - sentence_start.
create table reports.claim (
  id text primary key check (id ~ '^[0-9a-f]{16}$'),
  number bigint generated always as identity unique,
  document_id text not null references reports.document,
  span_start bigint not null check (span_start >= 0),
  span_end bigint not null check (span_end > span_start),
  quote text not null,
  sentence text not null,
  sentence_start bigint not null check (sentence_start >= 0),
  subject text,
  measure text,
  scope text,
  value text not null,
  unit text not null,
  bound text not null,
  modality text not null check (modality in ('observed', 'estimated', 'planned', 'target')),
  period text,
  speaker text,
  pair text,
  status text not null check (status in ('accepted', 'proposed', 'queued')),
  language text,
  block text not null check (block in ('title', 'body', 'promotion', 'related', 'boilerplate')),
  reasons jsonb not null,
  constraint claim_bound check (
    bound in ('exact', 'about', 'at_least', 'more_than', 'at_most', 'up_to')
  )
);

create index claim_document on reports.claim (document_id, number);

-- What a claim says now: the reader's fields, or those of its last review. Kept beside the claim so
-- that lists and candidates are found by index; the audit compares it with claim and reviews.
create table reports.standing (
  claim_id text primary key references reports.claim,
  number bigint not null unique,
  document_id text not null references reports.document,
  subject text,
  measure text,
  scope text,
  value text not null,
  unit text not null,
  bound text not null,
  modality text not null,
  period text,
  speaker text,
  status text not null check (status in ('accepted', 'proposed', 'queued', 'rejected')),
  reviews integer not null default 0 check (reviews >= 0),
  neutral boolean not null,
  public boolean not null,
  duplicate_of text references reports.claim check (duplicate_of <> claim_id)
) with (fillfactor = 80);

create index standing_document on reports.standing (document_id, number);
create index standing_subject on reports.standing (subject, measure, number);
create index standing_measure on reports.standing (measure, number);
create index standing_status on reports.standing (status, number);
create index standing_counted on reports.standing (subject, measure, number)
where status = 'accepted' and duplicate_of is null and not neutral;
create index standing_public on reports.standing (subject, measure, number)
where public and status = 'accepted' and duplicate_of is null;
create index standing_queue on reports.standing (number)
where status in ('queued', 'proposed') and duplicate_of is null and not neutral;
create index standing_dated on reports.standing (document_id)
where unit = 'date' and status = 'accepted' and duplicate_of is null;
create index standing_duplicate on reports.standing (duplicate_of) where duplicate_of is not null;

-- One row for each key (`reconcile.keys`) of a claim that may have edges: claims that share no key
-- have none, and the newest candidates of a key are found by one look into the index.
create table reports.edge_key (
  key text not null,
  number bigint not null,
  claim_id text not null references reports.claim,
  primary key (key, number)
);

create index edge_key_claim on reports.edge_key (claim_id);

create table reports.relation (
  id text primary key check (id ~ '^[0-9a-f]{16}$'),
  number bigint generated always as identity unique,
  document_id text not null references reports.document,
  span_start bigint not null check (span_start >= 0),
  span_end bigint not null check (span_end > span_start),
  quote text not null,
  subject text,
  predicate text not null,
  object text,
  modality text not null check (modality in ('observed', 'estimated', 'planned', 'target')),
  note text,
  status text not null check (status in ('accepted', 'proposed', 'queued')),
  language text
);

create index relation_document on reports.relation (document_id, number);
create index relation_subject on reports.relation (subject, number);

-- Edges are made when a document is filed, and anew for a claim that a review changed.
create table reports.edge (
  id text primary key,
  number bigint generated always as identity unique,
  a text not null references reports.claim,
  b text not null references reports.claim,
  relation text not null,
  reason text not null check (reason <> ''),
  made_at timestamptz not null,
  check (a <> b),
  constraint edge_relation check (
    relation in (
      'same', 'refines', 'update', 'scope_differs', 'compatible_bounds', 'conflict', 'conversion',
      'headline_drift', 'never_merge'
    )
  )
);

create index edge_a on reports.edge (a, number);
create index edge_b on reports.edge (b, number);
create index edge_by_relation on reports.edge (relation, number);

-- Decisions about claims: only ever added, each signed. fields is what was corrected, stands what
-- the claim said from then on.
create table reports.review (
  id uuid primary key,
  claim_id text not null references reports.claim,
  sequence integer not null check (sequence > 0),
  decision text not null check (decision in ('accept', 'reject', 'correct', 'reopen')),
  fields jsonb not null check (jsonb_typeof(fields) = 'object'),
  stands jsonb not null check (jsonb_typeof(stands) = 'object'),
  status text not null check (status in ('accepted', 'proposed', 'queued', 'rejected')),
  note text not null,
  person_id uuid not null references parties.person,
  organisation_id uuid not null references parties.organisation,
  envelope bytea not null,
  reviewed_at timestamptz not null,
  unique (claim_id, sequence)
);

create index review_by_age on reports.review (reviewed_at, id);

-- What claims would become. A draft is its sources and what reviews filled; its fields are computed
-- from both, so that a claim that a review rejects takes its value out. key names the group of
-- claims that opened it, follows the completed draft that it comes after. record is what the
-- draft said when it was completed, outcome what came of it.
create table reports.draft (
  id uuid primary key,
  number bigint generated always as identity unique,
  kind text not null check (kind in ('programme', 'filing', 'need', 'funding')),
  key text not null,
  subject text not null,
  state text not null default 'open' check (state in ('open', 'completed', 'withdrawn')),
  fills jsonb not null default '{}' check (jsonb_typeof(fills) = 'object'),
  follows uuid references reports.draft check (follows <> id),
  revision integer not null default 1 check (revision > 0),
  record jsonb,
  outcome text,
  organisation_id uuid not null references parties.organisation,
  opened_by uuid not null references parties.person,
  opened_at timestamptz not null,
  closed_at timestamptz,
  check ((state = 'completed') = (record is not null)),
  check ((state = 'open') = (closed_at is null)),
  check (outcome is null or state = 'completed')
);

create unique index draft_open on reports.draft (key) where state = 'open';
create index draft_key on reports.draft (key, number);
create index draft_by_state on reports.draft (state, number);
create index draft_by_kind on reports.draft (kind, number);
-- The last twelve digits of an id, which people type.
create index draft_short on reports.draft (right(id::text, 12));
create index draft_follows on reports.draft (follows) where follows is not null;

-- The claims and relations that a draft comes from. later ones came after it was opened: they
-- propose, and fill nothing.
create table reports.draft_source (
  draft_id uuid not null references reports.draft,
  claim_id text references reports.claim,
  relation_id text references reports.relation,
  later boolean not null,
  added_at timestamptz not null,
  check (num_nonnulls(claim_id, relation_id) = 1),
  unique (draft_id, claim_id),
  unique (draft_id, relation_id)
);

create index draft_source_claim on reports.draft_source (claim_id) where claim_id is not null;
create index draft_source_relation on reports.draft_source (relation_id)
where relation_id is not null;

-- What happened to a draft: only ever added. What a person decides is signed; fields is what was
-- filled or changed.
create table reports.draft_event (
  draft_id uuid not null references reports.draft,
  sequence integer not null check (sequence > 0),
  event_id uuid not null unique,
  event text not null check (event in ('opened', 'joined', 'filled', 'completed', 'withdrawn')),
  fields jsonb not null check (jsonb_typeof(fields) = 'object'),
  note text not null,
  person_id uuid not null references parties.person,
  organisation_id uuid not null references parties.organisation,
  envelope bytea,
  happened_at timestamptz not null,
  primary key (draft_id, sequence),
  check ((event in ('opened', 'joined')) = (envelope is null))
);

grant usage on schema reports to mains_app;
grant select, insert on all tables in schema reports to mains_app;
grant update (copy_of, public) on reports.document to mains_app;
grant update (
  subject, measure, scope, value, unit, bound, modality, period, speaker, status, reviews, neutral,
  public, duplicate_of
) on reports.standing to mains_app;
grant delete on reports.edge, reports.edge_key to mains_app;
grant update (state, fills, revision, record, outcome, closed_at) on reports.draft to mains_app;
