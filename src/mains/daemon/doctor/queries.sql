-- A dispatcher's session that waits for work last said LISTEN.
-- name: dispatchers
select
  (select fence from jobs.dispatcher) as fence,
  (
    select count(*) from pg_stat_activity
    where datname = current_database() and query = 'LISTEN "mains_queue"'
  ) as listening

-- name: waiting
select count(*) as jobs, min(submitted_at) as oldest from jobs.job where not isempty(waiting)

-- name: active_sites
select name, coalesce(lease_until <= %(now)s, true) as away
from sites.site
where state <> 'closed' and public_key is not null
order by name

-- name: archiver
select
  current_setting('archive_mode') = 'on' as archiving, last_archived_time as archived,
  last_failed_time as failed
from pg_stat_archiver

-- name: server
select clock_timestamp() as instant, current_setting('server_version') as version
