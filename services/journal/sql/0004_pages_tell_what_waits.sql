-- The pages say of a receipt what became of it, and not what is in it.
GRANT SELECT (batch_id, place, failed_at, reason) ON journal.pending TO pushgate_tokens;
