-- Jobs: what was submitted, where its attempts ran, what came of every task.
-- A job's id is its hold's id in the ledger; an attempt's id is its draw's id.

create schema jobs;

create table jobs.job (
  id uuid primary key,
  organisation_id uuid not null references parties.organisation,
  person_id uuid not null,
  -- A quote is submitted once.
  quote_id uuid not null unique references quotes.quote,
  request_hash bytea not null,
  name text not null,
  spec jsonb not null,
  bundle text,
  secrets bytea,
  unit text not null,
  units integer not null check (units > 0),
  cpus integer not null check (cpus > 0),
  memory_bytes bigint not null check (memory_bytes > 0),
  tasks integer not null check (tasks > 0),
  time_seconds integer not null check (time_seconds > 0),
  grace_seconds integer not null check (grace_seconds >= 0),
  retry text not null check (retry in ('never', 'wait', 'elsewhere')),
  attempts_max integer not null check (attempts_max > 0),
  state text not null default 'queued' check (
    state in (
      'queued', 'assigned', 'staging', 'running', 'finishing',
      'succeeded', 'failed', 'cancelled', 'timed_out', 'lost'
    )
  ),
  reason text not null default '',
  -- Tasks that no attempt has; a placement takes a range out, a lost attempt puts it back.
  waiting int4multirange not null,
  fence integer not null default 0 check (fence >= 0),
  losses integer not null default 0 check (losses >= 0),
  tasks_succeeded integer not null default 0 check (tasks_succeeded >= 0),
  tasks_failed integer not null default 0 check (tasks_failed >= 0),
  tasks_cancelled integer not null default 0 check (tasks_cancelled >= 0),
  cancelled_by uuid,
  submitted_at timestamptz not null,
  queue_deadline timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz,
  settled_at timestamptz,
  check (tasks_succeeded + tasks_failed + tasks_cancelled <= tasks),
  check (settled_at is null or ended_at is not null)
) with (fillfactor = 70);

create index job_by_organisation on jobs.job (organisation_id, submitted_at desc, id desc);
create index job_by_age on jobs.job (submitted_at desc, id desc);
create index job_waiting on jobs.job (organisation_id, submitted_at, id)
where not isempty(waiting);
create index job_unsettled on jobs.job (id) where settled_at is null;
create index job_by_tail on jobs.job (right(id::text, 12));

create table jobs.attempt (
  id uuid primary key,
  job_id uuid not null references jobs.job,
  organisation_id uuid not null,
  site_id uuid not null references sites.site,
  pool_id uuid not null references sites.pool,
  tariff_id uuid not null,
  price_micros bigint not null check (price_micros >= 0),
  currency text not null,
  rates_bps integer [] not null,
  ceiling bigint not null check (ceiling >= 0),
  fence integer not null check (fence > 0),
  first_task integer not null check (first_task >= 0),
  last_task integer not null,
  units integer not null,
  cpus integer not null,
  memory_bytes bigint not null,
  wall_seconds integer not null check (wall_seconds > 0),
  leased boolean not null,
  state text not null default 'assigned',
  reason text not null default '',
  -- Tasks that the agent is told to end; the whole attempt when it covers its range.
  stopping int4multirange not null default '{}',
  stop_reason text,
  assigned_at timestamptz not null,
  -- When a start order first left; before that nobody can have started it.
  offered_at timestamptz,
  started_at timestamptz,
  deadline timestamptz not null,
  lease_until timestamptz,
  ended_at timestamptz,
  unit_milliseconds bigint not null default 0,
  check (last_task >= first_task),
  unique (job_id, fence)
) with (fillfactor = 70);

create index attempt_active_by_site on jobs.attempt (site_id, id) where ended_at is null;
create index attempt_active_by_pool on jobs.attempt (pool_id) where ended_at is null;

create table jobs.task (
  job_id uuid not null references jobs.job,
  task integer not null,
  attempt_id uuid,
  state text not null,
  exit_code integer,
  unit_milliseconds bigint not null default 0,
  reason text not null default '',
  started_at timestamptz,
  ended_at timestamptz,
  primary key (job_id, task)
);

create table jobs.artefact (
  job_id uuid not null references jobs.job,
  task integer not null,
  path text not null,
  sha256 text not null,
  size_bytes bigint not null check (size_bytes >= 0),
  attempt_id uuid not null,
  primary key (job_id, task, path)
);

-- Which organisation may read which content, and whose quota it counts against.
create table jobs.content (
  organisation_id uuid not null references parties.organisation,
  sha256 text not null,
  size_bytes bigint not null check (size_bytes >= 0),
  kind text not null check (kind in ('bundle', 'artefact')),
  created_at timestamptz not null,
  last_used_at timestamptz not null,
  primary key (organisation_id, sha256)
);

-- The newest message of each agent that was taken in: a full list that comes late is no full list.
create table jobs.heard (
  site_id uuid primary key references sites.site,
  epoch bigint not null,
  sequence bigint not null
) with (fillfactor = 50);

-- What a site has uploaded itself: only that may it report as an output, at its true size.
create table jobs.upload (
  site_id uuid not null references sites.site,
  sha256 text not null,
  size_bytes bigint not null check (size_bytes >= 0),
  uploaded_at timestamptz not null,
  primary key (site_id, sha256)
);

create index upload_by_hash on jobs.upload (sha256);
create index upload_by_time on jobs.upload (uploaded_at);

create index content_by_hash on jobs.content (sha256);
create index content_by_use on jobs.content (last_used_at);

create table jobs.log_chunk (
  attempt_id uuid not null references jobs.attempt,
  task integer not null,
  log_offset bigint not null check (log_offset >= 0),
  data bytea not null,
  primary key (attempt_id, task, log_offset)
);

create table jobs.receipt (
  job_id uuid primary key references jobs.job,
  envelope bytea not null,
  issued_at timestamptz not null
);

-- Metered use per organisation and hour: what the fair share looks back on.
create table jobs.usage_hour (
  organisation_id uuid not null,
  hour timestamptz not null,
  unit_milliseconds bigint not null check (unit_milliseconds >= 0),
  primary key (organisation_id, hour)
) with (fillfactor = 50);

-- One dispatcher at a time: a later one takes a higher fence, and an older one's plans are refused.
create table jobs.dispatcher (
  singleton boolean primary key default true check (singleton),
  fence bigint not null,
  taken_at timestamptz not null
);

insert into jobs.dispatcher values (true, 0, '2026-01-01T00:00:00Z');

grant usage on schema jobs to mains_app;
grant select, insert, update, delete on all tables in schema jobs to mains_app;
revoke delete on jobs.job, jobs.attempt, jobs.receipt from mains_app;
