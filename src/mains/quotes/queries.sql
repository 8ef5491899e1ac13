-- name: insert_quotes
insert into quotes.quote
select * from jsonb_populate_recordset(null::quotes.quote, %(rows)s::jsonb)
on conflict (id) do nothing

-- name: quotes_by_id
select * from quotes.quote where id = any(%(ids)s)

-- name: own_accounts
select id, owner_id, unit, credits - debits - pending as available
from ledger.account
where kind = 'own' and owner_id = any(%(ids)s)
