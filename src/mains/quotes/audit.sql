-- A quote's legs never promise more than its ceiling to any one payer.
-- name: payers_within_ceiling
select id, ceiling, amounts
from quotes.quote
where ceiling < any(amounts)
