-- A settled job has a closed hold, and a job that is not settled has an open one.
-- name: settled_jobs_have_closed_holds
select job.id, job.state, job.settled_at, hold.state as hold_state
from jobs.job
left join ledger.hold on hold.id = job.id
where hold.id is null
  or (job.settled_at is not null) <> (hold.state = 'closed')

-- A hold of a job is placed under its quote: the same ceiling and the same payers.
-- name: holds_match_quotes
select job.id, hold.ceiling, quote.ceiling as quoted
from jobs.job
join quotes.quote on quote.id = job.quote_id
join ledger.hold on hold.id = job.id
where hold.ceiling <> quote.ceiling or hold.amounts <> quote.amounts
  or hold.organisation_id <> job.organisation_id

-- No job is charged more than its quote said.
-- name: charges_within_quotes
select job.id, sum(draw.charged) as charged, quote.ceiling
from jobs.job
join quotes.quote on quote.id = job.quote_id
join ledger.draw on draw.hold_id = job.id and draw.state <> 'absorbed'
group by job.id, quote.ceiling
having sum(draw.charged) > quote.ceiling

-- An attempt that goes on has an open draw, and one that has ended has none.
-- name: attempts_match_draws
select attempt.id, attempt.state, draw.state as draw_state
from jobs.attempt
left join ledger.draw on draw.id = attempt.id
where draw.id is null or draw.hold_id <> attempt.job_id
  or (attempt.ended_at is null) <> (draw.state = 'open')

-- An attempt pays its own site, at a price and a subsidy that its quote offered.
-- name: attempts_on_quoted_terms
select attempt.id, attempt.pool_id, attempt.tariff_id, attempt.price_micros
from jobs.attempt
join jobs.job on job.id = attempt.job_id
join quotes.quote on quote.id = job.quote_id
join ledger.draw on draw.id = attempt.id
join ledger.account on account.id = draw.payable_id
where account.owner_id <> attempt.site_id
  or draw.rates <> attempt.rates_bps
  or not exists (
    select 1 from jsonb_array_elements(quote.offers) as offer
    where (offer ->> 'tariff_id')::uuid = attempt.tariff_id
      and (offer ->> 'pool_id')::uuid = attempt.pool_id
      and (offer ->> 'price_micros')::bigint = attempt.price_micros
  )

-- No task is with two attempts at once.
-- name: no_task_twice
select a.job_id, a.id, b.id as other
from jobs.attempt as a
join jobs.attempt as b on b.job_id = a.job_id and b.id > a.id
where a.ended_at is null and b.ended_at is null
  and int4range(a.first_task, a.last_task + 1) && int4range(b.first_task, b.last_task + 1)

-- Every task of an unsettled job waits, is with an attempt, or has ended: none is lost.
-- name: no_task_lost
select job.id, job.tasks, counted.waiting, counted.placed, counted.ended
from jobs.job
cross join lateral (
  select
    (
      select coalesce(sum(upper(span) - lower(span)), 0) from unnest(job.waiting) as span
    ) as waiting,
    (
      select coalesce(sum(attempt.last_task - attempt.first_task + 1), 0)
      from jobs.attempt
      where attempt.job_id = job.id and attempt.ended_at is null
    ) as placed,
    job.tasks_succeeded + job.tasks_failed + job.tasks_cancelled as ended
) as counted
where job.settled_at is null and job.tasks <> counted.waiting + counted.placed + counted.ended

-- A job counts every result that it has; what was cancelled before it began has none.
-- name: results_are_counted
select job.id, counted.results, counted.succeeded, job.tasks_succeeded
from jobs.job
left join (
  select
    job_id,
    sum(task_count) as results,
    sum(coalesce(cardinality(array_positions(states, 'succeeded')), 0)) as succeeded
  from jobs.result
  group by job_id
) as counted on counted.job_id = job.id
where counted.results > job.tasks_succeeded + job.tasks_failed + job.tasks_cancelled
  or coalesce(counted.succeeded, 0) <> job.tasks_succeeded

-- A receipt is only ever issued for a settled job.
-- name: receipts_of_settled_jobs
select receipt.job_id
from jobs.receipt
join jobs.job on job.id = receipt.job_id
where job.settled_at is null

-- No pool runs more than it has ever reported to have.
-- name: pools_within_capacity
select attempt.pool_id, sum(attempt.units) as units, pool.units as declared
from jobs.attempt
join sites.pool on pool.id = attempt.pool_id
where attempt.ended_at is null
group by attempt.pool_id, pool.units
having sum(attempt.units) > pool.units

-- What waits, or may wait again, has its terms: placement could not read it without them.
-- name: jobs_have_terms
select job.id, job.terms
from jobs.job
left join jobs.terms on terms.digest = job.terms
where job.ended_at is null and terms.digest is null

-- A job's secrets end with the job.
-- name: secrets_end_with_jobs
select job.id, job.settled_at
from jobs.job
where job.settled_at is not null and job.secrets is not null

-- Nothing is kept for more than two days beyond its time, as of the dispatcher's last look.
-- name: retention_is_kept
with bound as (
  select kind, looked_at - make_interval(days => days + 2) as before from jobs.retention
)
select bound.kind, bound.before, overdue.things
from bound
cross join lateral (
  select case bound.kind
    when 'contents' then (
      select count(*) from jobs.content
      where last_used_at < bound.before and not exists (
        select 1 from jobs.job
        where job.bundle = content.sha256 and job.ended_at is null
      )
    ) + (select count(*) from jobs.upload where uploaded_at < bound.before)
    when 'logs' then (
      select count(distinct log_chunk.attempt_id)
      from jobs.log_chunk
      join jobs.attempt on attempt.id = log_chunk.attempt_id
      where attempt.ended_at < bound.before
    )
    when 'quotes' then (
      select count(*) from quotes.quote
      where valid_until < bound.before
        and not exists (select 1 from jobs.job where job.quote_id = quote.id)
    )
    when 'tokens' then (
      select count(*) from sites.join_token where coalesce(used_at, expires_at) < bound.before
    )
    when 'keys' then (
      select count(*) from parties.api_key where least(revoked_at, expires_at) < bound.before
    )
    when 'refusals' then (
      select count(*) from metering.refusal where last_at < bound.before
    )
  end as things
) as overdue
where overdue.things > 0
