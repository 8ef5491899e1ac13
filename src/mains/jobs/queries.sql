-- Submission ---------------------------------------------------------------------------------

-- name: known_jobs
select job.id, job.request_hash, quote.ceiling, quote.currency
from jobs.job
join quotes.quote on quote.id = job.quote_id
where job.id = any(%(ids)s)

-- Quotes are never updated, so that their rows can't be locked: their ids are.
-- name: lock_quotes
select pg_advisory_xact_lock(hashtextextended(quote.id::text, 0))
from (select unnest(%(ids)s::uuid []) as id order by id) as quote

-- name: jobs_of_quotes
select quote_id, id from jobs.job where quote_id = any(%(ids)s)

-- name: contents_known
select organisation_id, sha256
from jobs.content
where (organisation_id, sha256) in (
  select * from unnest(%(organisations)s::uuid [], %(hashes)s::text [])
)

-- Terms come last of all locks that a submission takes, so that waiting for another one's is no knot.
-- name: insert_jobs
with kept as (
  insert into jobs.terms (digest, terms)
  select digest, terms
  from jsonb_populate_recordset(null::jobs.terms, %(terms)s::jsonb)
  order by digest
  on conflict (digest) do nothing
)
insert into jobs.job (
  id, organisation_id, person_id, quote_id, request_hash, name, spec, bundle, secrets, unit, units,
  cpus, memory_bytes, tasks, time_seconds, grace_seconds, retry, attempts_max, terms, waiting,
  submitted_at, queue_deadline
)
select
  id, organisation_id, person_id, quote_id, request_hash, name, spec, bundle, secrets, unit, units,
  cpus, memory_bytes, tasks, time_seconds, grace_seconds, retry, attempts_max, terms, waiting,
  submitted_at, queue_deadline
from jsonb_populate_recordset(null::jobs.job, %(rows)s::jsonb)

-- The agents' door ---------------------------------------------------------------------------

-- One message of a site at a time; returns a row when it is newer than all before it.
-- name: hear
insert into jobs.heard (site_id, epoch, sequence)
values (%(site_id)s, %(epoch)s, %(sequence)s)
on conflict (site_id) do update
set epoch = excluded.epoch, sequence = excluded.sequence
where (heard.epoch, heard.sequence) < (excluded.epoch, excluded.sequence)
returning sequence

-- Jobs first, then attempts, each in id order: every writer locks in this order.
-- name: lock_jobs_of_attempts
select job.id
from jobs.job
where job.id in (
  select job_id from jobs.attempt where id = any(%(ids)s) and site_id = %(site_id)s
)
order by job.id
for no key update

-- name: lock_jobs
select id from jobs.job where id = any(%(ids)s) order by id for no key update

-- name: attempts_of_site
select
  attempt.id as attempt_id, attempt.job_id, attempt.organisation_id, attempt.site_id, attempt.fence,
  attempt.state,
  attempt.first_task, attempt.last_task, attempt.ended_at, attempt.price_micros,
  attempt.unit_milliseconds, attempt.stopping, job.retry, job.losses, job.attempts_max,
  job.cancelled_by is not null as cancelled
from jobs.attempt
join jobs.job on job.id = attempt.job_id
where attempt.id = any(%(ids)s) and attempt.site_id = %(site_id)s
order by attempt.id

-- name: attempts_by_id
select
  attempt.id as attempt_id, attempt.job_id, attempt.organisation_id, attempt.site_id, attempt.fence,
  attempt.state,
  attempt.first_task, attempt.last_task, attempt.ended_at, attempt.price_micros,
  attempt.unit_milliseconds, attempt.stopping, job.retry, job.losses, job.attempts_max,
  job.cancelled_by is not null as cancelled
from jobs.attempt
join jobs.job on job.id = attempt.job_id
where attempt.id = any(%(ids)s)
order by attempt.id

-- Attempts that a complete report of their site should have named, had the site kept them.
-- name: attempts_missing
select id
from jobs.attempt
where site_id = %(site_id)s and ended_at is null and id <> all(%(known)s)
  and state in ('staging', 'running', 'finishing')

-- Clocks are put back, and a site's may be off: no time is before that of what came before it.
-- name: advance_attempts
update jobs.attempt
set
  state = told.state,
  unit_milliseconds = greatest(attempt.unit_milliseconds, told.unit_milliseconds),
  started_at = coalesce(
    attempt.started_at,
    case when told.state <> 'staging' then greatest(%(now)s, attempt.assigned_at) end
  )
from jsonb_to_recordset(%(rows)s::jsonb)
  as told (id uuid, state text, unit_milliseconds bigint)
where attempt.id = told.id and attempt.ended_at is null

-- name: end_attempts
update jobs.attempt
set
  state = told.state,
  reason = told.reason,
  unit_milliseconds = greatest(attempt.unit_milliseconds, told.unit_milliseconds),
  started_at = coalesce(
    attempt.started_at,
    case when told.started_at is not null then greatest(told.started_at, attempt.assigned_at) end
  ),
  ended_at = greatest(%(now)s, attempt.assigned_at, attempt.started_at, told.started_at)
from jsonb_to_recordset(%(rows)s::jsonb)
  as told (id uuid, state text, reason text, unit_milliseconds bigint, started_at timestamptz)
where attempt.id = told.id and attempt.ended_at is null

-- name: put_results
insert into jobs.result (
  attempt_id, job_id, tasks, first_task, task_count, states, exit_codes, unit_milliseconds, reasons,
  started_at, ended_at
)
select
  attempt_id, job_id, tasks, tasks [1], cardinality(tasks), states, exit_codes, unit_milliseconds,
  reasons, started_at, ended_at
from jsonb_populate_recordset(null::jobs.result, %(rows)s::jsonb)
on conflict (attempt_id) do nothing

-- name: count_ends
update jobs.job
set
  tasks_succeeded = job.tasks_succeeded + told.succeeded,
  tasks_failed = job.tasks_failed + told.failed,
  tasks_cancelled = job.tasks_cancelled + told.cancelled,
  losses = job.losses + told.losses,
  waiting = job.waiting + told.again
from jsonb_to_recordset(%(rows)s::jsonb)
  as told (
    id uuid, succeeded integer, failed integer, cancelled integer, losses integer,
    again int4multirange
  )
where job.id = told.id
returning
  job.id, job.tasks, job.tasks_succeeded, job.tasks_failed, job.tasks_cancelled,
  job.cancelled_by is not null as cancel_wanted, job.settled_at

-- name: finish_jobs
update jobs.job
set
  state = told.state,
  reason = told.reason,
  waiting = '{}',
  secrets = null,
  started_at = coalesce(
    job.started_at,
    (select min(attempt.started_at) from jobs.attempt where attempt.job_id = job.id)
  ),
  ended_at = greatest(
    %(now)s,
    job.submitted_at,
    (select max(attempt.ended_at) from jobs.attempt where attempt.job_id = job.id)
  ),
  settled_at = greatest(
    %(now)s,
    job.submitted_at,
    (select max(attempt.ended_at) from jobs.attempt where attempt.job_id = job.id)
  )
from jsonb_to_recordset(%(rows)s::jsonb) as told (id uuid, state text, reason text)
where job.id = told.id and job.settled_at is null

-- A job that still has work is as far as its furthest live attempt.
-- name: refresh_states
update jobs.job
set
  state = coalesce(live.state, 'queued'),
  started_at = coalesce(job.started_at, live.started_at)
from unnest(%(ids)s::uuid []) as wanted (id)
left join lateral (
  select
    (array['assigned', 'staging', 'running', 'finishing'])[
      max(array_position(array['assigned', 'staging', 'running', 'finishing'], attempt.state))
    ] as state,
    min(attempt.started_at) as started_at
  from jobs.attempt
  where attempt.job_id = wanted.id and attempt.ended_at is null
) as live on true
where job.id = wanted.id and job.ended_at is null
  and (job.state, job.started_at) is distinct from
    (coalesce(live.state, 'queued'), coalesce(job.started_at, live.started_at))

-- name: add_usage
insert into jobs.usage_hour (organisation_id, hour, unit_milliseconds)
select organisation_id, date_trunc('hour', %(now)s::timestamptz), unit_milliseconds
from jsonb_to_recordset(%(rows)s::jsonb) as told (organisation_id uuid, unit_milliseconds bigint)
order by organisation_id
on conflict (organisation_id, hour) do update
set unit_milliseconds = usage_hour.unit_milliseconds + excluded.unit_milliseconds

-- name: put_contents
insert into jobs.content (organisation_id, sha256, size_bytes, kind, created_at, last_used_at)
select organisation_id, sha256, size_bytes, kind, %(now)s, %(now)s
from jsonb_to_recordset(%(rows)s::jsonb)
  as told (organisation_id uuid, sha256 text, size_bytes bigint, kind text)
order by organisation_id, sha256
on conflict (organisation_id, sha256) do update set last_used_at = excluded.last_used_at

-- name: put_artefacts
insert into jobs.artefact (job_id, task, path, sha256, size_bytes, attempt_id)
select job_id, task, path, sha256, size_bytes, attempt_id
from jsonb_populate_recordset(null::jobs.artefact, %(rows)s::jsonb)
on conflict (job_id, task, path) do nothing

-- Uploads of one organisation are counted one after the other.
-- name: lock_quota
select pg_advisory_xact_lock(hashtextextended('quota ' || %(id)s::text, 0))

-- name: content_readable
select size_bytes from jobs.content
where sha256 = %(sha256)s and (organisation_id = %(organisation_id)s or %(everything)s)
limit 1

-- name: bytes_held
select organisation_id, sum(size_bytes)::bigint as bytes
from jobs.content
where organisation_id = any(%(ids)s)
group by organisation_id

-- name: renew_leases
update jobs.attempt
set lease_until = %(lease_until)s
where site_id = %(site_id)s and ended_at is null and leased and id = any(%(ids)s)

-- What a site should start: assigned there, and not yet known to its agent. Whoever took it back
-- meanwhile has ended it, which only the outer conditions see. Its lease begins when it is told;
-- its deadline does not, so that it is told soon or never.
-- name: offer_starts
with picked as (
  select id
  from jobs.attempt
  where site_id = %(site_id)s and ended_at is null and state = 'assigned'
    and id <> all(%(known)s) and assigned_at > %(assigned_since)s
  order by id
  limit %(limit)s
)
update jobs.attempt
set
  offered_at = coalesce(attempt.offered_at, %(now)s),
  lease_until = greatest(attempt.lease_until, case when attempt.leased then %(lease_until)s end)
from picked, jobs.job
where attempt.id = picked.id and job.id = attempt.job_id
  and attempt.ended_at is null and attempt.state = 'assigned'
returning
  attempt.id, attempt.job_id, attempt.organisation_id, attempt.fence, attempt.pool_id,
  attempt.first_task, attempt.last_task, attempt.units, attempt.cpus, attempt.memory_bytes,
  attempt.wall_seconds, attempt.leased, job.name, job.spec, job.bundle, job.secrets,
  job.time_seconds, job.grace_seconds

-- name: wanted_stops
select id, fence, first_task, last_task, stop_reason, stopping
from jobs.attempt
where site_id = %(site_id)s and ended_at is null and stop_reason is not null
order by id
limit %(limit)s

-- name: site_may_read
select 1
from jobs.attempt
join jobs.job on job.id = attempt.job_id
where attempt.site_id = %(site_id)s and attempt.ended_at is null and job.bundle = %(sha256)s
limit 1

-- name: put_upload
insert into jobs.upload (site_id, sha256, size_bytes, uploaded_at)
values (%(site_id)s, %(sha256)s, %(size_bytes)s, %(now)s)
on conflict (site_id, sha256) do update set uploaded_at = excluded.uploaded_at

-- name: uploads_of_sites
select upload.site_id, upload.sha256, upload.size_bytes
from unnest(%(sites)s::uuid [], %(hashes)s::text []) as told (site_id, sha256)
join jobs.upload using (site_id, sha256)

-- name: site_is_busy
select 1 from jobs.attempt where site_id = %(site_id)s and ended_at is null limit 1

-- Dispatch -----------------------------------------------------------------------------------

-- name: take_dispatch
update jobs.dispatcher set fence = fence + 1, taken_at = %(now)s returning fence

-- name: hold_dispatch
select fence from jobs.dispatcher where fence = %(fence)s for share

-- The next part of all waiting jobs. What changes while they are read leaves a change behind.
-- name: waiting_jobs
select
  id, organisation_id, units, cpus, memory_bytes, time_seconds, grace_seconds, retry, terms,
  waiting::text as waiting, submitted_at
from jobs.job
where not isempty(waiting)
  and (organisation_id, submitted_at, id)
    > (%(organisation_id)s::uuid, %(submitted_at)s::timestamptz, %(id)s::uuid)
order by organisation_id, submitted_at, id
limit %(limit)s

-- name: forget_changes
with gone as (
  delete from jobs.queue_change
  where number in (select number from jobs.queue_change order by number limit %(limit)s)
  returning number
)
select count(*) as changes from gone

-- Jobs whose waiting tasks changed, and those asked for, as they are now. A change that commits
-- later stays for the next look. The fence is checked in the snapshot that the changes are seen in:
-- whoever takes over after it reads all jobs after it.
-- name: changed_jobs
with gone as (
  delete from jobs.queue_change
  where number in (select number from jobs.queue_change order by number limit %(limit)s)
    and exists (select from jobs.dispatcher where fence = %(fence)s)
  returning job_id
)
select
  job.id, job.organisation_id, job.units, job.cpus, job.memory_bytes, job.time_seconds,
  job.grace_seconds, job.retry, job.terms, job.waiting::text as waiting, job.submitted_at,
  (select count(*) from gone) as changes
from (select job_id from gone union select unnest(%(ids)s::uuid [])) as told
join jobs.job on job.id = told.job_id

-- name: terms_by_digest
select digest, terms::text as terms from jobs.terms where digest = any(%(digests)s)

-- Pools that their agents have reported, at the smaller of what was declared and what was found.
-- name: pools_free
select
  pool.id, pool.site_id, pool.name, pool.trusted, pool.isolation,
  least(pool.units, pool.reported_units) as units, least(pool.cpus, pool.reported_cpus) as cpus,
  least(pool.memory_bytes, pool.reported_memory_bytes) as memory_bytes,
  coalesce(busy.units, 0) as busy_units, coalesce(busy.cpus, 0) as busy_cpus,
  coalesce(busy.memory_bytes, 0) as busy_memory_bytes
from sites.pool
left join (
  select
    pool_id, sum(units)::bigint as units, sum(cpus)::bigint as cpus,
    sum(memory_bytes)::bigint as memory_bytes
  from jobs.attempt
  where ended_at is null
  group by pool_id
) as busy on busy.pool_id = pool.id
where pool.reported_units is not null

-- name: used_lately
select organisation_id, sum(unit_milliseconds)::bigint as unit_milliseconds
from jobs.usage_hour
where hour >= %(since)s
group by organisation_id

-- name: committed
select organisation_id, sum(units::bigint * wall_seconds * 1000)::bigint as unit_milliseconds
from jobs.attempt
where ended_at is null
group by organisation_id

-- name: take_tasks
update jobs.job
set
  waiting = job.waiting - told.taken,
  fence = job.fence + told.attempts,
  state = case when job.state = 'queued' then 'assigned' else job.state end
from jsonb_to_recordset(%(rows)s::jsonb)
  as told (id uuid, taken int4multirange, attempts integer)
where job.id = told.id and job.waiting @> told.taken and job.cancelled_by is null
returning job.id, job.fence

-- name: hold_rooms
select id, amounts, reserved, captured from ledger.hold where id = any(%(ids)s)

-- name: insert_attempts
insert into jobs.attempt (
  id, job_id, organisation_id, site_id, pool_id, tariff_id, price_micros, currency, rates_bps,
  ceiling, fence, first_task, last_task, units, cpus, memory_bytes, wall_seconds, leased,
  assigned_at, deadline, lease_until
)
select
  id, job_id, organisation_id, site_id, pool_id, tariff_id, price_micros, currency, rates_bps,
  ceiling, fence, first_task, last_task, units, cpus, memory_bytes, wall_seconds, leased,
  assigned_at, deadline, lease_until
from jsonb_populate_recordset(null::jobs.attempt, %(rows)s::jsonb)

-- Upkeep -------------------------------------------------------------------------------------

-- Leased runs whose lease and grace are over: they have stopped themselves by now. And runs past
-- the time by which even a silent site must have ended them.
-- name: attempts_given_up
select attempt.id, attempt.job_id
from jobs.attempt
join jobs.job on job.id = attempt.job_id
where attempt.ended_at is null
  and (
    attempt.deadline < %(now)s
    or (
      attempt.leased and attempt.offered_at is not null
      and attempt.lease_until
        + make_interval(secs => job.grace_seconds + %(grace_seconds)s) < %(now)s
    )
  )
order by attempt.id
limit %(limit)s

-- Placed on a site that went away before it was told, or so long ago that it is not told any more.
-- name: attempts_to_recall
select attempt.id, attempt.job_id
from jobs.attempt
join sites.site on site.id = attempt.site_id
where attempt.ended_at is null and attempt.offered_at is null
  and (
    site.lease_until is null or site.lease_until < %(now)s
    or attempt.assigned_at <= %(assigned_since)s
  )
order by attempt.id
limit %(limit)s

-- name: lock_unoffered
select id
from jobs.attempt
where id = any(%(ids)s) and ended_at is null and offered_at is null
order by id
for update

-- Jobs that have waited for longer than they may, and that nothing of runs.
-- name: jobs_overdue
select job.id
from ledger.hold
join jobs.job on job.id = hold.id
where hold.state = 'open' and hold.expires_at <= %(now)s and hold.draws_open = 0
  and job.ended_at is null
order by job.id
limit %(limit)s

-- name: still_overdue
select job.id, job.tasks, job.tasks_succeeded
from jobs.job
join ledger.hold on hold.id = job.id
where job.id = any(%(ids)s) and job.ended_at is null
  and hold.state = 'open' and hold.draws_open = 0
order by job.id

-- name: note_life
insert into jobs.sign_of_life (name, seen_at, findings)
values (%(name)s, %(now)s, %(findings)s)
on conflict (name) do update set seen_at = excluded.seen_at, findings = excluded.findings

-- name: delete_old_logs
delete from jobs.log_chunk
where attempt_id in (
  select id from jobs.attempt
  where ended_at < %(before)s
    and exists (select 1 from jobs.log_chunk where log_chunk.attempt_id = attempt.id)
  order by ended_at
  limit %(limit)s
)

-- name: delete_old_uploads
delete from jobs.upload
where (site_id, sha256) in (
  select site_id, sha256 from jobs.upload
  where uploaded_at < %(before)s
  order by uploaded_at
  limit %(limit)s
)
returning sha256

-- name: delete_old_contents
delete from jobs.content
where (organisation_id, sha256) in (
  select organisation_id, sha256 from jobs.content
  where last_used_at < %(before)s
    and not exists (
      select 1 from jobs.job
      where job.bundle = content.sha256 and job.ended_at is null
    )
  order by last_used_at
  limit %(limit)s
)
returning sha256

-- name: contents_still_used
select sha256 from jobs.content where sha256 = any(%(hashes)s)
union
select sha256 from jobs.upload where sha256 = any(%(hashes)s)

-- Backups -------------------------------------------------------------------------------------

-- Every content that somebody may still ask for, with the last time that counts for its retention.
-- name: contents_named
select sha256, max(size_bytes) as size_bytes, max(used_at) as used_at
from (
  select sha256, size_bytes, last_used_at as used_at from jobs.content
  union all
  select sha256, size_bytes, uploaded_at as used_at from jobs.upload
) as named
where sha256 > %(after)s
group by sha256
order by sha256
limit %(limit)s

-- name: skip_dispatch_fences
update jobs.dispatcher set fence = fence + %(gap)s

-- name: skip_job_fences
update jobs.job set fence = fence + %(gap)s where settled_at is null

-- Cancelling ---------------------------------------------------------------------------------

-- name: lock_job
select
  id, organisation_id, state, tasks, waiting, ended_at, cancelled_by is not null as cancelled
from jobs.job
where id = %(id)s
for no key update

-- name: cancel_waiting
update jobs.job
set
  waiting = waiting - %(wanted)s::int4multirange,
  cancelled_by = case when %(whole)s then %(actor_id)s else cancelled_by end
where id = %(id)s

-- name: live_attempts_of_job
select id, first_task, last_task, offered_at is not null as offered
from jobs.attempt
where job_id = %(id)s and ended_at is null
order by id
for update

-- name: stop_attempts
update jobs.attempt
set
  stopping = stopping + (int4multirange(int4range(first_task, last_task + 1)) * %(wanted)s),
  stop_reason = 'cancelled'
where id = any(%(ids)s) and ended_at is null
