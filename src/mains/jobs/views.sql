-- name: find_job
select id
from jobs.job
where id = %(id)s
  or (
    %(tail)s <> '' and right(id::text, 12) = %(tail)s
    and (organisation_id = %(organisation_id)s or %(everything)s)
  )
limit 2

-- In a narrowed transaction, where the policy says whose the jobs are.
-- name: find_own_job
select id from jobs.job where id = %(id)s
union
select own.id from jobs.own_by_tail(%(tail)s) as own (id)
limit 2

-- Newest by the server's clock: ids are made by callers and may say anything.
-- name: last_job
select id
from jobs.job
where organisation_id = %(organisation_id)s
order by submitted_at desc, id desc
limit 1

-- name: jobs_page
select
  job.id, job.name, organisation.name as organisation, job.organisation_id, job.state, job.tasks,
  job.tasks_succeeded + job.tasks_failed + job.tasks_cancelled as tasks_done, job.reason,
  job.submitted_at, job.started_at, job.ended_at, job.settled_at, job.quote_id, job.spec,
  quote.currency, quote.ceiling,
  coalesce(
    (
      select sum(draw.charged) from ledger.draw
      where draw.hold_id = job.id and draw.state <> 'absorbed'
    ), 0
  )::bigint as charged,
  (
    select coalesce(array_agg(distinct site.name), '{}')
    from jobs.attempt
    join sites.site on site.id = attempt.site_id
    where attempt.job_id = job.id
  ) as sites
from jobs.job
join parties.organisation on organisation.id = job.organisation_id
join quotes.quote on quote.id = job.quote_id
where (%(id)s::uuid is null or job.id = %(id)s)
  and (%(organisation_id)s::uuid is null or job.organisation_id = %(organisation_id)s)
  and (%(state)s::text is null or job.state = %(state)s)
  and (
    %(before)s::uuid is null
    or (job.submitted_at, job.id) < (
      select last.submitted_at, last.id from jobs.job as last
      where last.id = %(before)s
        and (%(organisation_id)s::uuid is null or last.organisation_id = %(organisation_id)s)
    )
  )
order by job.submitted_at desc, job.id desc
limit %(limit)s

-- name: attempts_of_job
select
  attempt.id, site.name as site, pool.name as pool, attempt.state, attempt.fence,
  attempt.first_task, attempt.last_task, attempt.assigned_at, attempt.started_at, attempt.ended_at,
  attempt.unit_milliseconds, attempt.currency, attempt.reason,
  case when draw.state = 'absorbed' then 0 else draw.charged end as charged,
  attempt.tariff_id, attempt.price_micros, attempt.rates_bps, pool.unit, attempt.pool_id
from jobs.attempt
join sites.site on site.id = attempt.site_id
join sites.pool on pool.id = attempt.pool_id
join ledger.draw on draw.id = attempt.id
where attempt.job_id = %(id)s
order by attempt.fence

-- The first tasks that ended. An attempt's tasks lie within `widest` of its first: a result before
-- which `limit` and `widest` others begin has none of them, and stays packed.
-- name: tasks_of_job
with near as (
  select attempt_id
  from (
    select
      attempt_id, sum(task_count) over (order by first_task, attempt_id) - task_count as before
    from jobs.result
    where job_id = %(id)s
  ) as counted
  where before < %(limit)s::bigint + %(widest)s::bigint
)
select task.task, task.state, task.exit_code, site.name as site, task.unit_milliseconds, task.reason
from near
join jobs.task on task.attempt_id = near.attempt_id
join jobs.attempt on attempt.id = near.attempt_id
join sites.site on site.id = attempt.site_id
order by task.task
limit %(limit)s

-- name: artefacts_of_job
select task, path, sha256, size_bytes
from jobs.artefact
where job_id = %(id)s
order by task, path
limit %(limit)s

-- name: waiting_job
select
  job.id, job.organisation_id, job.unit, job.units, job.cpus, job.memory_bytes, job.tasks,
  job.time_seconds, job.grace_seconds, job.waiting, job.submitted_at, job.state, job.reason,
  job.spec, quote.offers
from jobs.job
join quotes.quote on quote.id = job.quote_id
where job.id = %(id)s

-- name: jobs_ahead
select count(*) as jobs
from (
  select 1 from jobs.job
  where not isempty(waiting) and submitted_at < %(submitted_at)s and unit = %(unit)s
  limit 1000
) as ahead

-- name: waiting_load
select unit, least(sum(
  units::numeric * (time_seconds + grace_seconds)
  * (select sum(upper(span) - lower(span)) from unnest(waiting) as span)
), 1e15)::bigint as unit_seconds
from (select * from jobs.job where not isempty(waiting) limit %(limit)s) as job
group by unit

-- name: receipt
select envelope from jobs.receipt where job_id = %(id)s

-- name: put_receipt
insert into jobs.receipt (job_id, envelope, issued_at)
values (%(id)s, %(envelope)s, %(now)s)
on conflict (job_id) do nothing

-- name: job_for_receipt
select
  job.id, job.organisation_id, organisation.name as organisation, job.person_id, job.quote_id,
  job.name, job.state, job.tasks, job.tasks_succeeded, job.submitted_at, job.settled_at
from jobs.job
join parties.organisation on organisation.id = job.organisation_id
where job.id = %(id)s

-- name: counts_for_metrics
select state, count(*) as jobs from jobs.job where settled_at is null group by state
