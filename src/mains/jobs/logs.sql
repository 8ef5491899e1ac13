-- name: attempt_of_site
select id, job_id, organisation_id, fence, first_task, last_task, ended_at
from jobs.attempt
where id = %(id)s and site_id = %(site_id)s

-- name: log_cursor
select coalesce(max(log_offset + length(data)), 0)::bigint as log_offset
from jobs.log_chunk
where attempt_id = %(attempt_id)s and task = %(task)s

-- name: put_log_chunk
insert into jobs.log_chunk (attempt_id, task, log_offset, data)
values (%(attempt_id)s, %(task)s, %(offset)s, %(data)s)
on conflict do nothing
returning log_offset

-- name: log_chunks
select log_offset, data
from jobs.log_chunk
where attempt_id = %(attempt_id)s and task = %(task)s and log_offset + length(data) > %(offset)s
order by log_offset
limit %(limit)s

-- The attempt whose log a task shows: the one that ended it, else the newest that has it.
-- name: attempt_of_task
select attempt.id, attempt.fence, attempt.ended_at is not null as ended
from jobs.attempt
left join jobs.result on result.attempt_id = attempt.id
where attempt.job_id = %(job_id)s and %(task)s between attempt.first_task and attempt.last_task
order by coalesce(%(task)s = any(result.tasks), false) desc, attempt.fence desc
limit 1

-- name: task_ended
select
  job.ended_at is not null
  or (
    not job.waiting @> %(task)s::integer
    and not exists (
      select 1 from jobs.attempt
      where attempt.job_id = job.id and attempt.ended_at is null
        and %(task)s between attempt.first_task and attempt.last_task
    )
  )
  or exists (
    select 1 from jobs.attempt
    join jobs.result on result.attempt_id = attempt.id
    where attempt.job_id = job.id
      and %(task)s between attempt.first_task and attempt.last_task
      and %(task)s = any(result.tasks)
  )
  as ended
from jobs.job
where job.id = %(job_id)s
