-- What placement needs to keep the queue in memory: the terms of a job stored once by their content,
-- and which jobs' waiting tasks have changed since the dispatcher last looked.

-- The offers of quotes, as far as placement reads them. Many jobs share one row; nothing refers to
-- it by a foreign key, since every job would then lock the row that most jobs have in common. The
-- audit looks for jobs without theirs.
create table jobs.terms (
  digest bytea primary key,
  terms jsonb not null check (jsonb_typeof(terms) = 'object')
);

alter table jobs.job add column terms bytea;

with quoted as (
  select
    job.id,
    jsonb_build_object('currency', quote.currency, 'offers', (
      select jsonb_agg(jsonb_build_array(
        offer -> 'pool_id', offer -> 'tariff_id', offer -> 'price_micros',
        offer -> 'task_micros', offer -> 'own_micros', offer -> 'rates_bps'
      ) order by position)
      from jsonb_array_elements(quote.offers) with ordinality as offers (offer, position)
    )) as terms
  from jobs.job
  join quotes.quote on quote.id = job.quote_id
  where job.ended_at is null
), kept as (
  insert into jobs.terms (digest, terms)
  select distinct on (1) sha256(convert_to(terms::text, 'UTF8')), terms from quoted
  order by 1
)
update jobs.job
set terms = sha256(convert_to(quoted.terms::text, 'UTF8'))
from quoted
where job.id = quoted.id;

-- One row for each change of a job's waiting tasks: it is seen when its transaction has committed,
-- and taken out by the dispatcher that reads the job again.
create table jobs.queue_change (
  number bigint generated always as identity primary key,
  job_id uuid not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

create function jobs.note_queue_change() returns trigger
language plpgsql as $$
begin
  insert into jobs.queue_change (job_id) values (new.id);
  return null;
end $$;

create trigger queued after insert on jobs.job
for each row execute function jobs.note_queue_change();

create trigger queue_changed after update of waiting on jobs.job
for each row when (old.waiting is distinct from new.waiting)
execute function jobs.note_queue_change();

grant select, insert on jobs.terms to mains_app;
grant select, insert, delete on jobs.queue_change to mains_app;
