-- What time alone takes away, some of it at each call. The ledger's tables are in none of these.

-- A quote that a job stands on is kept as long as the job, which is for ever. Used and unused ones
-- lie among each other: a look goes on where the last one ended.
-- name: forget_quotes
with looked as (
  select id, valid_until from quotes.quote
  where id > %(after)s and id < %(until)s
  order by id
  limit %(limit)s
),
gone as (
  delete from quotes.quote
  using looked
  where quote.id = looked.id
    and looked.valid_until < %(before)s
    and not exists (select 1 from jobs.job where job.quote_id = quote.id)
  returning quote.id
)
select
  (select count(*) from looked) as looked,
  (select count(*) from gone) as gone,
  (select id from looked order by id desc limit 1) as last

-- name: forget_tokens
delete from sites.join_token
where digest in (
  select digest from sites.join_token
  where coalesce(used_at, expires_at) < %(before)s
  order by expires_at
  limit %(limit)s
)

-- name: forget_keys
delete from parties.api_key
where prefix in (
  select prefix from parties.api_key
  where least(revoked_at, expires_at) < %(before)s
  order by prefix
  limit %(limit)s
)

-- name: forget_refusals
delete from metering.refusal
where ctid = any(array(
  select ctid from metering.refusal where last_at < %(before)s limit %(limit)s
))

-- name: note_retention
insert into jobs.retention (kind, days, looked_at)
select told.kind, told.days, %(now)s
from unnest(%(kinds)s::text[], %(days)s::integer[]) as told (kind, days)
on conflict (kind) do update set days = excluded.days, looked_at = excluded.looked_at
