-- name: count_sealed
select substr(secrets, 1, %(head_bytes)s) as head, count(*) as jobs
from jobs.job
where settled_at is null and secrets is not null
group by substr(secrets, 1, %(head_bytes)s)

-- name: lock_sealed_otherwise
select id, secrets
from jobs.job
where settled_at is null
  and secrets is not null
  and substr(secrets, 1, length(%(head)s::bytea)) <> %(head)s::bytea
order by id
limit %(limit)s
for no key update skip locked

-- name: seal_anew
update jobs.job
set secrets = told.secrets
from unnest(%(ids)s::uuid[], %(secrets)s::bytea[]) as told (id, secrets)
where job.id = told.id
