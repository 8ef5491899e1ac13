-- Numbers that were given out after the backup stand in receipts and logs: none is given again.
-- name: skip_numbers
SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, last_value + %(gap)s)
FROM pg_sequences
WHERE schemaname <> 'public' AND last_value IS NOT NULL AND sequenceowner = current_user;

-- name: last_commit
SELECT pg_last_xact_replay_timestamp();
